"""Reads PyTorch's `.pth` and `.pt` files without PyTorch, and without executing anything.

Two formats exist. Both keep a pickle that describes the tensors apart from their bytes:

    zip      NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder
    older    five parts in a row: four pickles (magic number, protocol version, system, content),
             a fifth with the keys of the storages, then for each key 8 bytes of length in
             elements and the elements

Source: torch/serialization.py of PyTorch 2 (`_load`, `_legacy_load`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from framework.errors import Mistake
from framework.runtime.files import AGAIN, Array, brief, decode, map_file, placing
from framework.runtime.pickle_reader import read_pickle
from framework.runtime.torchtensor import (
    KNOWN,
    Storage,
    StorageKind,
    Tensor,
    array_of,
    flatten,
)
from framework.runtime.ziparchive import Archive

__all__ = ["MAGIC", "read_torch"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ZIP = b"PK\x03\x04"
DESCRIPTION = "data.pkl"


def read_torch(path: Path) -> dict[str, Array]:
    """The tensors of a file by name, read-only; bfloat16 becomes float32.

    Nested dictionaries give names joined with dots (`state_dict.conv.weight`). Raises WeightError
    that names the file, and what in it is refused or damaged.
    """
    with placing(path):
        data = map_file(path)
        return read_zip(path) if data[:4] == ZIP else read_older(data)


class Bytes:
    """The storages that a pickle speaks of, and their elements once they are asked for."""

    def __init__(self) -> None:
        self.roots: dict[str, Storage] = {}
        self.decoded: dict[tuple[str, str], Array] = {}

    def named(self, reference: object) -> Storage:
        """A reference ("storage", type, key, place, count) of the pickle, as a record.

        The older format adds None, or (key, first element, count) for a part of a storage.
        """
        if not isinstance(reference, tuple) or len(reference) not in (5, 6):
            raise Mistake(f"its pickle refers to {brief(reference)}, no storage", hint=AGAIN)
        word, kind, key, _, count, *part = reference
        if word != "storage" or not isinstance(kind, StorageKind) or not isinstance(key, str):
            raise Mistake(f"its pickle refers to {brief(word)}, no storage", hint=AGAIN)
        root = self.root(Storage(key, kind, natural(count)))
        return part_of(root, part[0]) if part and part[0] is not None else root

    def root(self, storage: Storage) -> Storage:
        """The whole storage of a key; it must be described in the same way each time."""
        first = self.roots.setdefault(storage.key, storage)
        if first != storage:
            raise Mistake(f"storage {storage.key!r} is described in two ways", hint=AGAIN)
        return first

    def arrays(
        self, tensors: dict[str, Tensor], load: Callable[[str, StorageKind], Array]
    ) -> dict[str, Array]:
        """All tensors as arrays; a storage that several share is loaded once."""
        found = {}
        for name, tensor in tensors.items():
            at = (tensor.storage.key, tensor.storage.kind.elements)
            if at not in self.decoded:
                self.decoded[at] = load(tensor.storage.key, tensor.storage.kind)
            found[name] = array_of(tensor, self.decoded[at])
        return found


def natural(value: object) -> int:
    """A count from a pickle."""
    if type(value) is not int or not 0 <= value < 1 << 58:
        raise Mistake(f"its pickle counts {brief(value)} elements", hint=AGAIN)
    return value


def part_of(root: Storage, part: object) -> Storage:
    """(key, first element, count): a part of a storage."""
    if not isinstance(part, tuple) or len(part) != 3:
        raise Mistake(f"a part of storage {root.key!r} is {brief(part)}", hint=AGAIN)
    start, count = natural(part[1]), natural(part[2])
    if start + count > root.count:
        raise Mistake(
            f"elements {start} to {start + count} of storage {root.key!r} are used, "
            f"which has {root.count}",
            hint=AGAIN,
        )
    return replace(root, start=start, count=count)


# the zip format


def read_zip(path: Path) -> dict[str, Array]:
    """The tensors of a zip file; checksums of what is read are verified."""
    with Archive(path) as archive:
        folder = folder_of(archive)
        description = archive.read(folder + DESCRIPTION).tobytes()
        storages = Bytes()
        content, _ = read_pickle(description, 0, KNOWN, storages.named)
        order = byte_order(archive, folder)

        def load(key: str, kind: StorageKind) -> Array:
            return read_record(archive, f"{folder}data/{key}", storages.roots[key], kind, order)

        return storages.arrays(flatten(content), load)


def folder_of(archive: Archive) -> str:
    """The folder in the archive that holds the description, with its slash."""
    found = [name for name in archive.members if name.split("/")[1:] == [DESCRIPTION]]
    if len(found) == 1:
        return found[0].removesuffix(DESCRIPTION)
    if any(name.endswith(".npy") for name in archive.members):
        raise Mistake("holds NumPy arrays, not a PyTorch file", hint="rename it to end in .npz")
    raise Mistake(
        f"is a zip archive with {len(found)} members FOLDER/{DESCRIPTION}; PyTorch writes one",
        hint=AGAIN,
    )


def byte_order(archive: Archive, folder: str) -> str:
    """The byte order that the archive states; files before PyTorch 2.1 are little-endian."""
    name = folder + "byteorder"
    word = archive.head(name, 10) if name in archive.members else b"little"
    orders = {b"little": "<", b"big": ">"}
    if word not in orders:
        raise Mistake(f"states the byte order {word!r}; little and big are known", hint=AGAIN)
    return orders[word]


def read_record(archive: Archive, name: str, root: Storage, kind: StorageKind, order: str) -> Array:
    """The elements of one storage, read as ``kind``."""
    if name not in archive.members:
        raise Mistake(f"member {name!r} is missing", hint=AGAIN)
    need, have = root.count * root.kind.width, archive.size(name)
    if need != have:
        raise Mistake(f"member {name!r} has {have} bytes; its tensors need {need}", hint=AGAIN)
    return decode(archive.read(name), kind.elements, 0, need // kind.width, order)


# the older format


def read_older(data: mmap.mmap) -> dict[str, Array]:
    """The tensors of a file in the format that PyTorch wrote before 1.6."""
    nothing = Bytes()
    magic, at = read_pickle(data, 0, KNOWN, nothing.named)
    if magic != MAGIC:
        raise Mistake(
            f"is a pickle, but not one of PyTorch's: it begins with {brief(magic)}, not {MAGIC}",
            hint="save the weights with torch.save, or with numpy.savez as .npz",
        )
    version, at = read_pickle(data, at, KNOWN, nothing.named)
    if version != PROTOCOL:
        raise Mistake(f"has a protocol version other than {PROTOCOL}", hint=AGAIN)
    system, at = read_pickle(data, at, KNOWN, nothing.named)
    little = not isinstance(system, dict) or system.get("little_endian", True) is not False
    storages = Bytes()
    content, at = read_pickle(data, at, KNOWN, storages.named)
    tensors = flatten(content)
    keys, at = read_pickle(data, at, KNOWN, nothing.named)
    places = storage_places(data, at, keys, storages.roots)
    order = "<" if little else ">"

    def load(key: str, kind: StorageKind) -> Array:
        if key not in places:
            raise Mistake(f"the bytes of storage {key!r} are missing", hint=AGAIN)
        root = storages.roots[key]
        count = root.count * root.kind.width // kind.width
        return decode(data, kind.elements, places[key], count, order)

    return storages.arrays(tensors, load)


def storage_places(
    data: mmap.mmap, at: int, keys: object, roots: dict[str, Storage]
) -> dict[str, int]:
    """The byte at which each storage's elements begin, walking over them from byte ``at``."""
    places: dict[str, int] = {}
    for key in keys if isinstance(keys, list) else [None]:
        if not isinstance(key, str) or key not in roots or key in places:
            raise Mistake(f"its list of storages is damaged: {brief(key)}", hint=AGAIN)
        root = roots[key]
        places[key] = at + 8
        count = int.from_bytes(data[at : at + 8], "little")
        at += 8 + root.count * root.kind.width
        if at > len(data):
            raise Mistake(f"is cut off: storage {key!r} ends at byte {at}, the file at {len(data)}")
        if count != root.count:
            raise Mistake(f"storage {key!r} has {count} elements, not {root.count}", hint=AGAIN)
    return places
