"""What the readers and writers of array files share: places, shapes, elements, atomic writing.

Inner code raises a bare `Mistake` (cause, and the cure as its hint); `placing` adds the file.
"""

from __future__ import annotations

import math
import mmap
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from framework.errors import FrameworkError, Mistake, WeightError
from framework.limits import ARRAY_AXES, ARRAY_ELEMENTS

__all__ = [
    "AGAIN",
    "ELEMENTS",
    "Array",
    "Buffer",
    "brief",
    "checked_shape",
    "decode",
    "map_file",
    "naturals",
    "placing",
    "read_only",
    "same_order",
    "write_atomically",
]

Array = np.ndarray[Any, np.dtype[Any]]
Buffer = bytes | mmap.mmap | Array

AGAIN = "download or save the file again"

# kind of element -> its code in the file; `decode` turns bfloat16 into float32 and checks bool
ELEMENTS = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "u1",
}


@contextmanager
def placing(path: Path, kind: type[FrameworkError] = WeightError) -> Iterator[None]:
    """Give a bare fact the file that it is about: raises ``kind`` with place, cause and cure."""
    try:
        yield
    except Mistake as mistake:
        hint = f"\n  hint: {mistake.hint}" if mistake.hint else ""
        raise kind(f"{path}: {mistake.fact}{hint}") from None
    except OSError as error:
        raise kind(f"{path}: the system says: {error.strerror or error}") from None


def map_file(path: Path) -> mmap.mmap:
    """The bytes of a file, mapped for reading: nothing is read until it is used."""
    if path.is_dir():
        raise Mistake("is a folder, not a file", hint="name a file in it")
    if not path.is_file():
        raise Mistake("there is no such file", hint="check the path; it is relative to here")
    if path.stat().st_size == 0:
        raise Mistake("is empty (0 bytes)", hint=AGAIN)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def checked_shape(sizes: object) -> tuple[int, ...]:
    """Sizes from a file as a shape that NumPy can hold; raises Mistake for any other."""
    shape = naturals(sizes)
    # NumPy refuses an overflow even where another size is 0, so the zeros are left out here
    if math.prod(size for size in shape if size) >= ARRAY_ELEMENTS:
        raise Mistake(f"the shape {list(shape)} has 2**58 elements or more", hint=AGAIN)
    return shape


def naturals(sizes: object) -> tuple[int, ...]:
    """A list of natural numbers from a file, one for each axis."""
    if not isinstance(sizes, list | tuple):
        raise Mistake(f"a shape is a list of sizes, not {type(sizes).__name__}", hint=AGAIN)
    if len(sizes) > ARRAY_AXES:
        raise Mistake(f"{len(sizes)} axes; at most {ARRAY_AXES} can be held", hint=AGAIN)
    found: list[int] = []
    for size in sizes:
        if type(size) is not int or not 0 <= size < ARRAY_ELEMENTS:
            raise Mistake(f"{brief(size)} is not a natural number below 2**58", hint=AGAIN)
        found.append(size)
    return tuple(found)


def brief(value: object) -> str:
    """A value from a file in a few characters; containers, which may be endless, by their type."""
    if isinstance(value, str | bytes):
        return f"{value[:40]!r}"
    if value is None or (isinstance(value, int | float) and abs(value) < 1e30):
        return repr(value)
    return f"this {type(value).__name__}"


def decode(data: Buffer, kind: str, offset: int, count: int, order: str) -> Array:
    """``count`` elements of ``kind`` from byte ``offset`` on, read-only, in the machine's order.

    ``order`` is "<" or ">", the byte order of the file. Aligned elements stay where they are
    (a view of the file), the others are copied. The caller has checked the bounds.
    """
    code = ELEMENTS[kind]
    if count == 0:
        return read_only(np.zeros(0, "f4" if kind == "bfloat16" else kind))
    raw: Array = np.frombuffer(data, np.dtype(order + code), count, offset)
    if kind == "bfloat16":  # the upper half of a float32
        return read_only((raw.astype(np.uint32) << 16).view(np.float32))
    if kind == "bool":  # any other byte than 0 and 1 would be no bool for NumPy
        return read_only(raw != 0)
    return read_only(np.require(raw, dtype=np.dtype(code), requirements="A"))


def read_only(array: Array) -> Array:
    """The same array, no longer writeable: what came from a file is not changed by accident."""
    array.flags.writeable = False
    return array


def same_order(array: Array) -> Array:
    """The array with little-endian elements, as every file format here wants them."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write the whole file or none of it: a file beside it first, which then takes its name."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with partial.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
