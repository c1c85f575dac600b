"""Reads and writes `.npy` and `.npz` without pickle: what a file declares is checked first.

    .npy    \\x93NUMPY, version (2 bytes), length of the header (2 or 4 bytes, little-endian),
            header {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, elements
    .npz    a zip archive of `.npy` members

Source: NumPy Enhancement Proposal 1. Object arrays are pickles and therefore refused.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from framework.errors import FrameworkError, Mistake, WeightError
from framework.limits import NPY_HEADER, ZIP_UNPACKED
from framework.runtime.files import (
    AGAIN,
    Array,
    checked_shape,
    map_file,
    placing,
    read_only,
    write_atomically,
)
from framework.runtime.ziparchive import Archive

__all__ = ["read_npy", "read_npz", "write_npy", "write_npz"]

MAGIC = b"\x93NUMPY"
PLAIN = "bBhHiIlLqQefdFDSU?"  # types without pickled, structured or platform-dependent elements

DESCR = re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")
ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)""")
SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([\d\sL,]{0,800})\)""")


@dataclass(frozen=True)
class Header:
    """What a `.npy` declares; ``start`` is the byte at which its elements begin."""

    dtype: np.dtype[np.generic]
    transposed: bool
    shape: tuple[int, ...]
    start: int

    def build(self, data: Array) -> Array:
        """The array over its bytes, in the machine's byte order."""
        # any other byte than 0 and 1 would be no bool for NumPy
        elements: Array = data != 0 if self.dtype == np.bool_ else data.view(self.dtype)
        shaped = elements.reshape(self.shape[::-1]).T if self.transposed else elements
        native = self.dtype.newbyteorder("=")
        return read_only(np.require(shaped.reshape(self.shape), native, "A"))


def read_npy(path: Path, kind: type[FrameworkError] = WeightError) -> Array:
    """The array of a `.npy` file, read-only; raises ``kind`` that names the file."""
    with placing(path, kind):
        data = map_file(path)
        header = read_header(data[: NPY_HEADER + 12])
        check_length(header, len(data))
        return header.build(np.frombuffer(data, np.uint8)[header.start :])


def read_npz(
    path: Path, kind: type[FrameworkError] = WeightError, limit: int = ZIP_UNPACKED
) -> dict[str, Array]:
    """The arrays of an `.npz` file by name, read-only; raises ``kind`` that names the file.

    ``limit`` bounds the bytes to which compressed members may unpack, all together.
    """
    with placing(path, kind), Archive(path, limit) as archive:
        return {member_name(member): read_member(archive, member) for member in archive.members}


def read_member(archive: Archive, member: str) -> Array:
    """One array of an archive: its header first, its elements only if the sizes agree."""
    try:
        header = read_header(archive.head(member, NPY_HEADER + 12))
        check_length(header, archive.size(member))
    except Mistake as mistake:
        raise Mistake(f"array {member_name(member)!r}: {mistake.fact}", hint=mistake.hint) from None
    return header.build(archive.read(member, skip=header.start))


def member_name(member: str) -> str:
    """The name of an array in an archive: that of its member, without `.npy`."""
    if member.endswith("data.pkl"):
        raise Mistake(
            f"holds a PyTorch file ({member!r}), not NumPy arrays", hint="rename it to end in .pth"
        )
    if not member.endswith(".npy"):
        raise Mistake(f"member {member!r} is not an array", hint="save it with numpy.savez")
    return member.removesuffix(".npy")


def read_header(head: bytes) -> Header:
    """The header at the beginning of a `.npy`, read with patterns: nothing is evaluated."""
    if head[:6] != MAGIC or len(head) < 12:
        raise Mistake(
            f"is not a .npy array: it begins with {head[:6]!r}",
            hint="save it with numpy.save or numpy.savez",
        )
    version, digits = head[6], 2 if head[6] == 1 else 4
    if version not in (1, 2, 3):
        raise Mistake(f"has .npy version {version}; 1, 2 and 3 are known", hint=AGAIN)
    start = 8 + digits
    length = int.from_bytes(head[8:start], "little")
    if length > min(NPY_HEADER, len(head) - start):
        raise Mistake(f"its .npy header of {length} bytes is too long or cut off", hint=AGAIN)
    text = head[start : start + length].decode("latin-1")
    descr, order, shape = DESCR.search(text), ORDER.search(text), SHAPE.search(text)
    if order is None or shape is None or descr is None:
        raise Mistake(
            f"its .npy header {text[:40]!r} does not state one plain dtype, an order and a shape",
            hint="arrays of records are not read; save one array for each field",
        )
    sizes = [int(size) for size in re.findall(r"\d+", shape[1])]
    return Header(plain_dtype(descr[1]), order[1] == "True", checked_shape(sizes), start + length)


def plain_dtype(word: str) -> np.dtype[np.generic]:
    """The dtype that a header spells, if its elements are plain numbers or text."""
    if word.lstrip("<>|=").startswith("O"):
        raise Mistake(
            "is an array of Python objects, which only pickle can read; nothing was executed",
            hint="convert it before saving, e.g. with .astype('float32')",
        )
    known = re.fullmatch(r"[<>|=]?(?:[biufc](?:1|2|4|8|16)|\?|[SU][1-9]\d{0,5})", word)
    try:
        dtype = np.dtype(word) if known else None
    except TypeError:  # f1, i16: the pattern lets them through, NumPy does not know them
        dtype = None
    if dtype is None or dtype.char not in PLAIN:
        raise Mistake(f"has dtype {word!r}", hint="save numbers, e.g. with .astype('float32')")
    return dtype


def check_length(header: Header, size: int) -> None:
    """The elements must fill the rest of the file exactly; nothing is allocated before."""
    need = math.prod(header.shape) * header.dtype.itemsize
    if need != size - header.start:
        raise Mistake(
            f"declares {header.dtype} of shape {list(header.shape)}, which is {need} bytes, "
            f"but {size - header.start} follow",
            hint=AGAIN,
        )


def write_npy(path: Path, array: Array, kind: type[FrameworkError] = WeightError) -> None:
    """Write one array; the file appears whole or not at all."""
    with placing(path, kind):
        check_plain("the array", array)
        write_atomically(path, lambda file: np.lib.format.write_array(file, array, None, False))


def write_npz(
    path: Path, arrays: Mapping[str, Array], kind: type[FrameworkError] = WeightError
) -> None:
    """Write arrays by name, sorted, uncompressed; the same arrays give the same bytes."""
    with placing(path, kind):
        for name, array in arrays.items():
            check_plain(f"array {name!r}", array)
        write_atomically(path, lambda file: write_members(file, arrays))


def write_members(file: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """The archive; `ZipInfo` without a date is of 1980, which keeps the bytes the same."""
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(arrays):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, arrays[name], None, False)


def check_plain(what: str, array: Array) -> None:
    """Only arrays that can be read again without pickle are written."""
    if array.dtype.char not in PLAIN:
        raise Mistake(f"{what} has dtype {array.dtype}", hint="convert it to numbers first")
