"""Random damage to files of weights, arrays and pictures: an array, or a message.

    python tests/fuzz_files.py --count 20000 [--seed 0]

The kinds take turns: .safetensors, .npz (stored and compressed), .npy, .pth (zip and the older
format), pictures in seven formats. Half of the changes are of any bytes; the others change what
lies behind a checksum or a length (numbers of a header, the pickle, a chunk of a picture) and put
that right again, so that the damage gets past the first check. A case fails if anything but the
reader's own error escapes, if it takes more than a second of processor time, or if the process
ever needs more than 500 MB. Every array that is read is touched whole.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import struct
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from fuzz_specs import LONGEST, MOST_BYTES, peak
from PIL import Image
from test_torchfile import mapping, older, storage, tensor, tuple_, zipped

from framework.errors import InputError, WeightError
from framework.runtime.images import ImageRecipe
from framework.runtime.npz import read_npy, write_npy, write_npz
from framework.runtime.safetensors import write_safetensors
from framework.runtime.weightfiles import read_weights

Files = dict[str, bytes]
Change = Callable[[bytes, random.Random], bytes]

KINDS = (
    "w.safetensors", "stored.npz", "packed.npz", "x.npy", "zip.pth", "older.pth", "rgb.png",
    "palette.png", "x.jpg", "x.gif", "x.bmp", "x.tiff", "x.webp", "x.ppm",
)  # fmt: skip
PICTURES = KINDS[KINDS.index("rgb.png") :]
BIG = ("0", "-1", "3", "255", "65536", "4294967295", "1099511627776", "9" * 18, "9" * 40, "1e9")
WORDS = (2**31 - 1, 2**31, 2**32 - 1, 0, 1, 65_535, 9_000, 30_000)


# ---------------------------------------------------------------------------- good files


@cache
def good() -> Files:
    """One small file of each kind."""
    arrays = {
        "a.weight": np.arange(24, dtype="f4").reshape(2, 3, 4),
        "b": np.arange(5, dtype="i8"),
        "c": np.array([True, False]),
        "h": np.ones((3, 3), "f2"),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_safetensors(folder / "w.safetensors", arrays, {"by": "us"})
        write_npz(folder / "stored.npz", arrays)
        np.savez_compressed(folder / "packed.npz", **arrays)
        write_npy(folder / "x.npy", arrays["a.weight"])
        torch_files(folder)
        pictures(folder)
        return {kind: (folder / kind).read_bytes() for kind in KINDS}


def torch_files(folder: Path) -> None:
    """Two tensors over one storage, in both of PyTorch's formats."""
    one, part = tensor(storage()), tensor(storage(), 1, (2,), (1,))
    content = mapping(a=one, b=part, deep=mapping(c=one), many=tuple_(part))
    zipped(folder / "zip.pth", content)
    older(folder / "older.pth", content)


def pictures(folder: Path) -> None:
    """A photo-like picture, and one with a palette."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "rgb.png")
    Image.fromarray(pixels).quantize(16).save(folder / "palette.png")
    for ending in ("jpg", "gif", "bmp", "tiff", "webp", "ppm"):
        Image.fromarray(pixels).save(folder / f"x.{ending}")


# ---------------------------------------------------------------------------- damage


def any_bytes(data: bytes, r: random.Random) -> bytes:
    """Bytes changed, cut off, dropped, repeated, or copied from elsewhere."""
    body, at = bytearray(data), r.randrange(len(data))
    match r.randrange(6):
        case 0:
            del body[at:]
        case 1:
            del body[at : at + r.randrange(1, 9)]
        case 2:
            body[at:at] = body[at : at + r.randrange(1, 40)]
        case 3:
            body[at : at + 4] = struct.pack(r.choice("<>") + "I", r.choice(WORDS))
        case 4:
            other = r.randrange(len(body))
            body[at : at + 16] = body[other : other + 16]
        case _:
            for _ in range(r.choice((1, 1, 2, 8))):
                body[r.randrange(len(body))] = r.randrange(256)
    return bytes(body)


def other_number(data: bytes, r: random.Random) -> bytes:
    """Another decimal number in a text."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return any_bytes(data, r)
    one = r.choice(found)
    return data[: one.start()] + r.choice(BIG).encode() + data[one.end() :]


def header(data: bytes, r: random.Random) -> bytes:
    """The header of a .safetensors, with its length put right."""
    length = int.from_bytes(data[:8], "little")
    inside = r.choice((other_number, any_bytes))(data[8 : 8 + length], r)
    return len(inside).to_bytes(8, "little") + inside + data[8 + length :]


def npy_header(data: bytes, r: random.Random) -> bytes:
    """The header of a .npy, with its length put right."""
    length = int.from_bytes(data[8:10], "little")
    inside = r.choice((other_number, any_bytes))(data[10 : 10 + length], r)
    return data[:8] + len(inside).to_bytes(2, "little") + inside + data[10 + length :]


def members(change: Change) -> Change:
    """Change a member of an archive and pack it anew."""

    def changed(data: bytes, r: random.Random) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
            infos = old.infolist()
            target = r.choice([i for i in infos if i.filename.endswith((".pkl", ".npy"))] or infos)
            for info in infos:
                content = old.read(info)
                content = change(content, r) if info is target else content
                new.writestr(info.filename, content, info.compress_type)
        return out.getvalue()

    return changed


def chunk(data: bytes, r: random.Random) -> bytes:
    """A chunk of a .png, with its length and checksum put right."""
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    number = r.randrange(len(chunks))
    kind, inside = chunks[number]
    if kind == b"IDAT" and r.random() < 0.5:
        inside = zlib.compress(any_bytes(zlib.decompress(inside), r))
    elif inside:
        inside = any_bytes(inside, r)
    chunks[number] = (kind, inside)
    whole = [data[:8]]
    for kind, inside in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + inside))
        whole += [struct.pack(">I", len(inside)), kind, inside, checksum]
    return b"".join(whole)


BEHIND: dict[str, Change] = {
    "w.safetensors": header,
    "stored.npz": members(npy_header),
    "packed.npz": members(any_bytes),
    "x.npy": npy_header,
    "zip.pth": members(any_bytes),
    "older.pth": other_number,
    "rgb.png": chunk,
    "palette.png": chunk,
}
"""For each kind the damage that gets past its first check."""


def damaged(seed: int) -> tuple[str, bytes]:
    """A kind of file, and its damaged bytes."""
    r = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    data = good()[kind]
    for _ in range(r.choice((1, 1, 1, 2, 4))):
        change = r.choice((any_bytes, BEHIND.get(kind, any_bytes)))
        try:
            data = change(data, r) if data else data
        except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, IndexError, KeyError):
            continue  # a second change met what the first one broke
        except (NotImplementedError, EOFError, RuntimeError, OverflowError, OSError):
            continue
    return kind, data


# ---------------------------------------------------------------------------- judgement


def read(path: Path) -> None:
    """Read a file by its kind, and touch all that is in it."""
    if path.name in PICTURES:
        ImageRecipe(crop=0.9, resize=(8, 8)).apply(path)
    elif path.suffix == ".npy":
        read_npy(path, InputError).copy()
    else:
        for array in read_weights(path).values():
            array.copy()


def verdict(seed: int, folder: Path) -> str:
    """``read``, ``refused``, or what is wrong with how a case was treated."""
    kind, data = damaged(seed)
    path = folder / kind
    path.write_bytes(data)
    begin = time.process_time()
    try:
        read(path)
        said = "read"
    except (WeightError, InputError) as error:
        said = "refused" if kind in str(error) else f"does not name the file: {error}"
    except Exception as error:  # what the whole script looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}: {error}"
    took = time.process_time() - begin
    return said if took <= LONGEST else f"took {took:.1f} s"


def run(count: int, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """How many cases were read and refused, and the failures by seed."""
    outcomes: Counter[str] = Counter()
    failures: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as name:
        for seed in range(first, first + count):
            said = verdict(seed, Path(name))
            outcomes[said if said in ("read", "refused") else "failed"] += 1
            if said not in ("read", "refused"):
                failures[seed] = said
    return outcomes, failures


def main() -> int:
    """Run many cases and print what failed."""
    parser = argparse.ArgumentParser(description="damage files of weights and pictures at random")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case")
    options = parser.parse_args()
    begin = time.perf_counter()
    outcomes, failures = run(options.count, options.seed)
    for seed, said in failures.items():
        print(f"seed {seed} ({KINDS[seed % len(KINDS)]}): {said}")
    took = time.perf_counter() - begin
    print(f"{options.count:,} files in {took:.0f} s: {dict(outcomes)}, {peak() / 1e6:.0f} MB")
    return 1 if failures or peak() > MOST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
