"""Reads and writes `.safetensors`: a length, a JSON header, the raw bytes of the tensors.

    8 bytes   length of the header, little-endian
    header    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
              and optionally "__metadata__": {text: text}
    data      the tensors, row-major, little-endian, without holes or overlaps

Source: the format's description at github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from framework.errors import Mistake
from framework.limits import SAFETENSORS_HEADER
from framework.runtime.files import (
    AGAIN,
    ELEMENTS,
    Array,
    checked_shape,
    decode,
    map_file,
    placing,
    same_order,
    write_atomically,
)

__all__ = ["read_metadata", "read_safetensors", "write_safetensors"]

METADATA = "__metadata__"
KINDS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
WORDS = {kind: word for word, kind in KINDS.items() if kind != "bfloat16"}


@dataclass(frozen=True, order=True)
class Entry:
    """Where one tensor lies: bytes ``begin`` to ``end`` of the data; ordered by place."""

    begin: int
    end: int
    name: str
    kind: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, name: str, value: object) -> Entry:
        """An entry of the header, checked on its own: keys, type, shape and span."""
        if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
            raise Mistake(f"tensor {name!r} needs dtype, shape and data_offsets", hint=AGAIN)
        kind = KINDS.get(value["dtype"]) if isinstance(value["dtype"], str) else None
        if kind is None:
            known = ", ".join(KINDS)
            raise Mistake(f"tensor {name!r} has dtype {value['dtype']!r:.40}; known are {known}")
        begin, end = span(name, value["data_offsets"])
        shape = checked_shape(value["shape"])
        need = math.prod(shape) * np.dtype(ELEMENTS[kind]).itemsize
        if end - begin != need:
            raise Mistake(
                f"tensor {name!r} of shape {list(shape)} and dtype {value['dtype']} needs "
                f"{need} bytes, but its data_offsets span {end - begin}",
                hint=AGAIN,
            )
        return cls(begin, end, name, kind, shape)


def read_safetensors(path: Path) -> dict[str, Array]:
    """The tensors of a file by name, read-only; bfloat16 becomes float32.

    Aligned tensors are views of the mapped file, so only what is used is read from the disk.
    Raises WeightError that names the file and the tensor.
    """
    with placing(path):
        data = map_file(path)
        header, start = read_header(data)
        metadata_of(header)
        named = ((name, value) for name, value in header.items() if name != METADATA)
        entries = sorted(Entry.of(name, value) for name, value in named)
        check_cover(entries, len(data) - start)
        return {entry.name: tensor(data, start, entry) for entry in entries}


def read_metadata(path: Path) -> dict[str, str]:
    """The texts under `__metadata__`, empty where there are none."""
    with placing(path):
        return metadata_of(read_header(map_file(path))[0])


def read_header(data: mmap.mmap) -> tuple[dict[str, object], int]:
    """The header, and the byte at which the data begin; its length is checked before reading."""
    length = int.from_bytes(data[:8], "little")
    limit = min(SAFETENSORS_HEADER, len(data) - 8)
    if length > limit:
        raise Mistake(
            f"is not a safetensors file, or is cut off: it announces a header of {length} "
            f"bytes, and at most {max(limit, 0)} are possible in a file of {len(data)}",
            hint=AGAIN,
        )
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Mistake(f"its header is not valid JSON: {error}", hint=AGAIN) from None
    if not isinstance(header, dict):
        raise Mistake(f"its header is no JSON object, but {type(header).__name__}", hint=AGAIN)
    return header, 8 + length


def metadata_of(header: dict[str, object]) -> dict[str, str]:
    """The texts that the header carries beside the tensors."""
    found = header.get(METADATA, {})
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise Mistake(f"{METADATA} must map text to text", hint=AGAIN)
    return found


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; a key that stands twice is refused, because readers would disagree on it."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise Mistake(f"its header names {key!r} twice", hint=AGAIN)
        found[key] = value
    return found


def span(name: str, offsets: object) -> tuple[int, int]:
    """The two offsets of a tensor, in order."""
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(type(offset) is int for offset in offsets)
        or not 0 <= offsets[0] <= offsets[1]
    ):
        raise Mistake(f"tensor {name!r} needs data_offsets [begin, end]", hint=AGAIN)
    return offsets[0], offsets[1]


def check_cover(entries: list[Entry], size: int) -> None:
    """The tensors must cover the data exactly: no hole, no overlap, nothing outside."""
    start, stop = Entry(0, 0, "start", "", ()), Entry(size, size, "end", "", ())
    for before, after in pairwise([start, *entries, stop]):
        if before.end < after.begin:
            raise Mistake(
                f"bytes {before.end} to {after.begin} of the data belong to no tensor", hint=AGAIN
            )
        if before.end > after.begin and after is stop:
            raise Mistake(
                f"is cut off: tensor {before.name!r} ends at byte {before.end} of {size}",
                hint=AGAIN,
            )
        if before.end > after.begin:
            raise Mistake(f"tensors {before.name!r} and {after.name!r} overlap", hint=AGAIN)


def tensor(data: mmap.mmap, start: int, entry: Entry) -> Array:
    """One tensor out of the mapped file."""
    count = math.prod(entry.shape)
    return decode(data, entry.kind, start + entry.begin, count, "<").reshape(entry.shape)


def write_safetensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name; the same tensors give the same bytes, and the file appears whole.

    Wider elements come first, then the order of names, so that every tensor stays aligned.
    """
    with placing(path):
        names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
        head = header_bytes(describe(tensors, names), metadata)
        write_atomically(path, lambda file: write_all(file, head, (tensors[n] for n in names)))


def describe(tensors: Mapping[str, Array], names: Iterable[str]) -> dict[str, object]:
    """The header's entries for tensors that lie one after another in the order of ``names``."""
    entries: dict[str, object] = {}
    begin = 0
    for name in names:
        array = tensors[name]
        if name == METADATA or array.dtype.name not in WORDS:
            raise Mistake(f"{name!r} with dtype {array.dtype.name} cannot be stored here")
        offsets = [begin, begin + array.nbytes]
        entries[name] = {
            "dtype": WORDS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        begin = offsets[1]
    return entries


def header_bytes(entries: dict[str, object], metadata: Mapping[str, str] | None) -> bytes:
    """Length and header; spaces at its end start the data at a multiple of 8."""
    extra = {} if metadata is None else {METADATA: dict(sorted(metadata.items()))}
    text = json.dumps(extra | dict(sorted(entries.items())), separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_all(file: BinaryIO, head: bytes, arrays: Iterable[Array]) -> None:
    """The header, then the elements of each array in row-major order."""
    file.write(head)
    for array in arrays:
        file.write(same_order(array).tobytes())
