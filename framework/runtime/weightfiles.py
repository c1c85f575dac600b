"""Reads a file of weights: the name's ending chooses the reader, the first bytes must agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from framework.errors import Mistake, did_you_mean
from framework.runtime.files import AGAIN, Array, map_file, placing
from framework.runtime.npz import read_npz
from framework.runtime.safetensors import read_safetensors
from framework.runtime.torchfile import read_torch

__all__ = ["READERS", "read_weights"]

# ending -> the reader, and what the first bytes may look like
READERS: dict[str, tuple[Callable[[Path], dict[str, Array]], tuple[str, ...]]] = {
    ".safetensors": (read_safetensors, ("safetensors",)),
    ".npz": (read_npz, ("zip",)),
    ".pth": (read_torch, ("zip", "pickle")),
    ".pt": (read_torch, ("zip", "pickle")),
}

# first bytes that tell a format, and what to do if a file of another name has them
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "zip", "a zip archive (.npz or .pth)"),
    (b"PK\x05\x06", "zip", "an empty zip archive"),
    (b"\x93NUMPY", "npy", "a single NumPy array (.npy), which has no name"),
    (b"\x80", "pickle", "a pickle, as older PyTorch files (.pth) are"),
    (b"version https://git-lfs", "pointer", "a Git LFS pointer: the real file was not fetched"),
    (b"<", "markup", "a web page, perhaps an error page of a download"),
)


def read_weights(path: Path) -> dict[str, Array]:
    """The arrays of a `.safetensors`, `.npz`, `.pth` or `.pt` file by name, read-only.

    Nothing in the file is executed. Raises WeightError with the file, the cause and the cure.
    """
    with placing(path):
        data = map_file(path)
        ending = path.suffix.lower()
        if ending not in READERS:
            raise Mistake(
                f"weights are read from {', '.join(READERS)} files, not from {ending or 'this'!r}",
                hint=did_you_mean(ending, READERS) or "convert it to .safetensors",
            )
        reader, formats = READERS[ending]
        check_beginning(data[:24], ending, formats)
    return reader(path)


def check_beginning(head: bytes, ending: str, formats: tuple[str, ...]) -> None:
    """Refuse contents that clearly are of another format than the name says."""
    found, what = told_by(head)
    if found and found not in formats:
        raise Mistake(
            f"is named {ending}, but it is {what}",
            hint=AGAIN if found in ("pointer", "markup") else "give it the ending of its format",
        )


def told_by(head: bytes) -> tuple[str, str]:
    """The format that the first bytes tell, and what to call it; empty if they tell none."""
    # the length of a safetensors header can begin with any byte, so its other marks come first
    if head[4:9] == b"\0\0\0\0{":
        return "safetensors", "a safetensors file"
    for beginning, name, what in BEGINNINGS:
        if head.startswith(beginning):
            return name, what
    return "", ""
