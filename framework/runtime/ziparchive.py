"""A zip file as a table of members, each checked for size before it is read.

Members that are stored cannot hold more than the file does; compressed ones can (a zip bomb),
so what they declare is held against a limit before anything is allocated.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from framework.errors import Mistake
from framework.limits import ZIP_MEMBERS, ZIP_UNPACKED
from framework.runtime.files import AGAIN, Array, map_file

__all__ = ["Archive"]

ENCRYPTED = 0x1

# what the standard library raises on damaged archives
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    OSError,
)


class Archive:
    """The members of one zip file by name; use it in a `with` statement."""

    def __init__(self, path: Path, limit: int = ZIP_UNPACKED) -> None:
        size = len(map_file(path))
        with damage_told():
            self.zip = zipfile.ZipFile(path)
        try:
            self.members = checked_members(self.zip.infolist(), size, limit)
        except Mistake:
            self.zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.zip.close()

    def size(self, name: str) -> int:
        """Bytes of a member, unpacked."""
        return self.members[name].file_size

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a member, at most ``count``."""
        with damage_told(name), self.zip.open(self.members[name]) as stream:
            return stream.read(count)

    def read(self, name: str, skip: int = 0) -> Array:
        """The bytes of a member after the first ``skip``; its checksum is verified."""
        out: Array = np.empty(self.size(name) - skip, np.uint8)
        with damage_told(name), self.zip.open(self.members[name]) as stream:
            stream.read(skip)
            if fill(out.data, stream) < out.size:
                raise Mistake(f"member {name!r} is cut off", hint=AGAIN)
        return out


def fill(view: memoryview, stream: IO[bytes]) -> int:
    """Read until the view is full or the stream ends; the number of bytes read."""
    done = 0
    while done < len(view):
        chunk = stream.read(min(1 << 20, len(view) - done))
        if not chunk:
            break
        view[done : done + len(chunk)] = chunk
        done += len(chunk)
    return done


@contextmanager
def damage_told(member: str | None = None) -> Iterator[None]:
    """Turn what the standard library raises on a damaged archive into a plain fact."""
    try:
        yield
    except DAMAGE as error:
        where = "the zip archive" if member is None else f"member {member!r} of the zip archive"
        raise Mistake(f"{where} is damaged or cut off: {error}", hint=AGAIN) from None


def checked_members(
    infos: list[zipfile.ZipInfo], size: int, limit: int
) -> dict[str, zipfile.ZipInfo]:
    """Members by name, after a check of what they declare against the file and the limit."""
    members: dict[str, zipfile.ZipInfo] = {}
    if len(infos) > ZIP_MEMBERS:
        raise Mistake(f"holds {len(infos):,} members; at most {ZIP_MEMBERS:,} are read")
    for info in infos:
        if info.filename in members:
            raise Mistake(f"the zip archive holds {info.filename!r} twice", hint=AGAIN)
        check_member(info)
        members[info.filename] = info
    packed = sum(info.compress_size for info in infos)
    if packed > size:
        raise Mistake(f"members of {packed} bytes cannot lie in a file of {size}", hint=AGAIN)
    unpacked = sum(i.file_size for i in infos if i.compress_type != zipfile.ZIP_STORED)
    if unpacked > limit:
        raise Mistake(
            f"would unpack to {unpacked} bytes; at most {limit} are read from compressed members",
            hint="save it without compression if it really is that large",
        )
    return members


def check_member(info: zipfile.ZipInfo) -> None:
    """One member: not encrypted, stored or deflated, and of one size if stored."""
    if info.flag_bits & ENCRYPTED:
        raise Mistake(f"member {info.filename!r} is encrypted", hint="save it without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Mistake(
            f"member {info.filename!r} uses compression method {info.compress_type}",
            hint="save it without compression, or with deflate",
        )
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise Mistake(f"member {info.filename!r} declares two different sizes", hint=AGAIN)
