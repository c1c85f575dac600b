"""A file becomes a Source, or a message that says why not."""

from __future__ import annotations

import os
from pathlib import Path

from framework.errors import InputError, Source, nearest
from framework.limits import FILE_BYTES


def load_source(path: str | Path) -> Source:
    """Read a UTF-8 file of at most ``FILE_BYTES``; the source is named as ``path`` is written.

    A byte order mark is dropped; line ends stay as they are. Raises InputError for a file that
    is missing, a folder, not readable, too large, or not UTF-8 text.
    """
    data = read_bytes(path)
    if len(data) > FILE_BYTES:
        raise InputError(f"'{path}' is larger than the limit of {FILE_BYTES:,} bytes")
    return Source(str(path), decode(data, path).removeprefix("\ufeff"))


def read_bytes(path: str | Path) -> bytes:
    """At most one byte more than the limit, so that a huge file is never held in memory."""
    try:
        with open(path, "rb") as file:
            return file.read(FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(missing(Path(path))) from None
    except IsADirectoryError:
        raise InputError(f"'{path}' is a folder, not a file") from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from None
    except ValueError:
        raise InputError(f"{str(path)!r} cannot be the name of a file") from None


def missing(path: Path) -> str:
    """Which part of the path does not exist, and the existing name most like it."""
    while path.parent != path and not path.parent.exists():
        path = path.parent
    fact = f"there is no file or folder '{path}'"
    try:
        near = nearest(path.name, os.listdir(path.parent))
    except OSError:
        return fact
    return f"{fact}; did you mean '{path.parent / near}'?" if near else fact


def decode(data: bytes, path: str | Path) -> str:
    """UTF-8 without NUL characters; the message gives the offset and the line."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"'{path}' is UTF-16, not UTF-8; save it as UTF-8")
    zero = data.find(b"\0")
    if zero >= 0:
        where = f"at byte {zero} (line {line_of(data, zero)})"
        raise InputError(f"'{path}' holds a NUL character {where}: it is not a text file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"at byte {error.start} (line {line_of(data, error.start)})"
        fact = f"'{path}' is not UTF-8: 0x{data[error.start]:02x} {where}"
        raise InputError(f"{fact}; save it as UTF-8") from None


def line_of(data: bytes, offset: int) -> int:
    """Number of the line that holds a byte, from 1."""
    return data.count(b"\n", 0, offset) + 1
