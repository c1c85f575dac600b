"""Where the results of many inputs go as they come: a `.csv` or `.jsonl` file, or a folder.

Each knows how to continue: given what the journal says is done, it keeps what is really there.
"""

from __future__ import annotations

import csv
import io
import json
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from framework.api.journal import Entry
from framework.errors import InputError, RunError
from framework.ir.op import Array
from framework.runtime.files import placing
from framework.runtime.npz import write_npz

Best = list[tuple[str, float]]
"""Labels with their probabilities, the best first."""


@dataclass(frozen=True)
class Result:
    """What one input gave: arrays by name, and the best classes of outputs that are scores."""

    file: str
    signature: str
    arrays: Mapping[str, Array]
    best: Mapping[str, Best] = field(default_factory=dict)


class Sink(ABC):
    """A place for results."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def resume(self, done: Sequence[Entry], stale: Set[str]) -> list[Entry]:
        """Throw away what the journal does not know of, and results of inputs that changed.

        Gives the entries whose results are there.
        """

    @abstractmethod
    def write(self, results: Iterable[Result]) -> list[Entry]:
        """Write results, and return once they are on the disk."""


# ------------------------------------------------------------------ one file


class LineSink(Sink):
    """A text file with a line for each input."""

    head = b""

    @abstractmethod
    def line(self, result: Result) -> bytes:
        """The line of one input, its end included."""

    def resume(self, done: Sequence[Entry], stale: Set[str]) -> list[Entry]:
        """The entries up to the first whose line is not right; the file ends with the last."""
        valid = list(takewhile(lambda entry: entry.file not in stale, done))
        kept = self.intact(valid) if self.path.exists() else []
        end = kept[-1].end if kept else len(self.head)
        with self.path.open("r+b" if self.path.exists() else "xb") as file:
            file.truncate(end if kept else 0)
            if not kept:
                file.write(self.head)
        return kept

    def intact(self, done: Sequence[Entry]) -> list[Entry]:
        """The entries whose lines are whole; InputError where somebody has changed the file."""
        kept: list[Entry] = []
        with self.path.open("rb") as file:
            begun = file.read(len(self.head))
            if not self.head.startswith(begun):
                raise changed(self.path, "its first line")
            for entry in done:
                line = file.read(max(0, entry.end - file.tell()))
                if file.tell() != entry.end:
                    break
                if zlib.crc32(line) != entry.check:
                    raise changed(self.path, f"the line of {entry.file}")
                kept.append(entry)
        return kept

    def write(self, results: Iterable[Result]) -> list[Entry]:
        """Append a line for each."""
        entries: list[Entry] = []
        with placing(self.path, RunError), self.path.open("ab") as file:
            for result in results:
                line = self.line(result)
                file.write(line)
                entry = Entry(result.file, result.signature, file.tell(), zlib.crc32(line))
                entries.append(entry)
            file.flush()
            os.fsync(file.fileno())
        return entries


def changed(path: Path, where: str) -> InputError:
    """Results that are not what was written."""
    journal = f"{path}.journal"
    hint = f"name another --output, or remove {path} and {journal}"
    return InputError(f"{path}: {where} was changed since it was written\n  hint: {hint}")


class JsonSink(LineSink):
    """One JSON object for each input: ``{"file": …, "logits": […]}``."""

    def line(self, result: Result) -> bytes:
        """The best classes where an output is scores, the array as lists where not."""
        found: dict[str, object] = {"file": result.file}
        for name, array in result.arrays.items():
            if name in result.best:
                found[name] = [{"label": n, "probability": share} for n, share in result.best[name]]
            else:
                found[name] = plain(array.tolist())
        return f"{json.dumps(found, ensure_ascii=True, allow_nan=False)}\n".encode()


def plain(value: Any) -> Any:
    """JSON has no NaN and no infinities: they become text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


@dataclass(frozen=True)
class Field:
    """The columns of one output: ``best`` classes, or ``count`` numbers of an array."""

    name: str
    best: int = 0
    count: int = 0

    def titles(self, alone: bool) -> list[str]:
        """Headings; with the output's name where there are several."""
        if self.best:
            front = "" if alone else f"{self.name}_"
            pairs = ((f"{front}label_{i}", f"{front}probability_{i}") for i in ranks(self.best))
            return [title for pair in pairs for title in pair]
        return [self.name] if self.count == 1 else [f"{self.name}_{i}" for i in range(self.count)]

    def cells(self, result: Result) -> list[str]:
        """The cells of one input."""
        if self.best:
            listed = result.best[self.name]
            cells = [text for label, share in listed for text in (label, f"{share:.6f}")]
            return cells + [""] * (2 * self.best - len(cells))
        return [str(value) for value in result.arrays[self.name].ravel()]


def ranks(count: int) -> range:
    """1, 2, …, count."""
    return range(1, count + 1)


class CsvSink(LineSink):
    """A table with a row for each input, as spreadsheets read it."""

    def __init__(self, path: Path, fields: Sequence[Field]) -> None:
        super().__init__(path)
        self.fields = tuple(fields)
        titles = [t for field in self.fields for t in field.titles(len(self.fields) == 1)]
        self.head = row_of(["file", *titles])

    def line(self, result: Result) -> bytes:
        """The row of one input."""
        return row_of([result.file, *(c for field in self.fields for c in field.cells(result))])


def row_of(cells: Sequence[str]) -> bytes:
    """One row; bytes of file names that are no Unicode are replaced."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode("utf-8", "replace")


# ------------------------------------------------------------------ a folder


class FolderSink(Sink):
    """One `.npz` file for each input, called like it: ``photos/a.jpg`` gives ``a.jpg.npz``."""

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        super().__init__(path)
        self.names = names

    def resume(self, done: Sequence[Entry], stale: Set[str]) -> list[Entry]:
        """The entries whose files are there in full."""
        self.path.mkdir(exist_ok=True)
        self.sweep()
        self.check_owners(done)
        return [entry for entry in done if entry.file not in stale and self.is_there(entry)]

    def sweep(self) -> None:
        """Remove what an interrupted writer left: files that never got their names."""
        results = set(self.names.values())
        for left in self.path.rglob(".*.part"):
            name = left.name[1:].removesuffix(".part").rpartition(".")[0]
            if str(left.with_name(name).relative_to(self.path)) in results:
                left.unlink()

    def check_owners(self, done: Sequence[Entry]) -> None:
        """Refuse to put a result where that of another input is, of an earlier run."""
        mine = {name: file for file, name in self.names.items()}
        for other in (entry.file for entry in done if entry.file not in self.names):
            for name in possible_names(other):
                file = mine.get(name, other)
                same = os.path.abspath(file) == os.path.abspath(other)
                if not same and (self.path / name).exists():
                    fact = f"may be the result of {other}, {file} would replace it"
                    hint = "name another --output, or give all files in one command"
                    raise InputError(f"{self.path / name}: {fact}\n  hint: {hint}")

    def is_there(self, entry: Entry) -> bool:
        """Is the file of an input there, as long as it was?  Inputs of earlier runs count."""
        name = self.names.get(entry.file)
        if name is None:
            return True
        file = self.path / name
        return file.is_file() and file.stat().st_size == entry.end

    def write(self, results: Iterable[Result]) -> list[Entry]:
        """One file for each, whole or not at all."""
        return [self.write_one(result) for result in results]

    def write_one(self, result: Result) -> Entry:
        """The file of one input."""
        file = self.path / self.names[result.file]
        file.parent.mkdir(parents=True, exist_ok=True)
        write_npz(file, result.arrays, RunError)
        return Entry(result.file, result.signature, file.stat().st_size, 0)


def possible_names(file: str) -> list[str]:
    """The names that `names_in_folder` may have given to the result of an input."""
    parts = Path(os.path.abspath(file)).parts[1:]
    return [f"{os.path.join(*parts[number:])}.npz" for number in range(len(parts))]


def names_in_folder(files: Sequence[str]) -> dict[str, str]:
    """The name of each input's result: its own, with the folders in which inputs differ.

    >>> names_in_folder(["in/a/1.jpg", "in/b/1.jpg"])
    {'in/a/1.jpg': 'a/1.jpg.npz', 'in/b/1.jpg': 'b/1.jpg.npz'}
    """
    full = {file: os.path.abspath(file) for file in files}
    own = {file: os.path.basename(path) for file, path in full.items()}
    if len(set(own.values())) < len(own):
        top = os.path.commonpath([os.path.dirname(path) for path in full.values()])
        own = {file: os.path.relpath(path, top) for file, path in full.items()}
    return {file: f"{name}.npz" for file, name in own.items()}
