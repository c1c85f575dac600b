"""`run_batches`: a model over many files, a batch at a time, results written as they come.

    run_batches(model, {"image": ["a.jpg", "b.jpg"]}, Path("results.csv"), Wish(batch=16))

A file that cannot be used is reported and left out; the rest goes on.  Called again after an
interruption, it does only what is left (see `journal`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from framework.api.batchplan import (
    Files,
    Item,
    Layout,
    Wish,
    check_place,
    check_readable,
    classes_wanted,
    items_of,
    layout_of,
    new_sink,
    run_facts,
)
from framework.api.inputs import InputReader
from framework.api.journal import Journal, signature_of
from framework.api.model import Model, Progress
from framework.api.run import Run
from framework.api.sinks import Best, Result, Sink
from framework.errors import FrameworkError, InputError
from framework.ir.op import Array

Report = Callable[[str, str], None]
"""Called with the name of an input that failed, and why."""


@dataclass(frozen=True)
class Loaded:
    """An item as arrays."""

    item: Item
    signature: str
    arrays: Mapping[str, Array]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """What must agree for two items to be in one batch."""
        return [array.shape for array in self.arrays.values()]


@dataclass
class Summary:
    """How it went: items, those that were done ``before``, done now, and failed with reasons."""

    items: int
    before: int = 0
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """Items that need nothing more."""
        return self.before + self.done + len(self.failed)


def run_batches(
    model: Model,
    files: Files,
    output: Path,
    wish: Wish | None = None,
    *,
    progress: Progress | None = None,
    report: Report | None = None,
) -> Summary:
    """Run a model on many files into ``output``: a .csv or .jsonl file, or a folder of .npz.

    ``files`` has for each input one file, the same for all items, or as many as there are items.
    Raises `InputError` for what would fail with every item; an item that fails is reported.
    """
    wanted = Wish() if wish is None else wish
    check_place(output)
    items = items_of(model, files)
    check_readable(model, files)
    layout = layout_of(model, files, wanted)
    best = classes_wanted(model, layout, wanted)
    sink = new_sink(output, layout, best, items)
    journal = Journal(output, run_facts(model, wanted))
    runner = Runner(model, layout, wanted, best, sink, journal)
    runner.progress, runner.report = progress, report
    return runner.run(items)


class Runner:
    """One run over many items."""

    def __init__(
        self,
        model: Model,
        layout: Layout,
        wish: Wish,
        best: Mapping[str, int],
        sink: Sink,
        journal: Journal,
    ) -> None:
        self.model = model
        self.layout = layout
        self.wish = wish
        self.best = best
        self.sink = sink
        self.journal = journal
        self.summary = Summary(0)
        self.progress: Progress | None = None
        self.report: Report | None = None

    def run(self, items: Sequence[Item]) -> Summary:
        """Do what is left of the items."""
        with self.journal:
            left = self.left(items)
            self.summary = Summary(len(items), len(items) - len(left))
            for batch in grouped(self.loaded(left), self.wish.batch):
                self.finish(batch)
        return self.summary

    def left(self, items: Sequence[Item]) -> list[Item]:
        """The items without results; the journal and the results then agree.

        The results are cut before the journal is: what lies between is made again.
        """
        done = self.journal.read()
        if not done:
            self.journal.write(())
        known = {item.name: item for item in items}
        stale = {e.file for e in done if e.file in known and is_stale(known[e.file], e.signature)}
        kept = self.sink.resume(done, stale)
        self.journal.write(kept)  # always: a last line that was cut off must be gone
        there = {entry.file for entry in kept}
        return [item for item in items if item.name not in there]

    def loaded(self, items: Iterable[Item]) -> Iterator[Loaded]:
        """The items as arrays; those that cannot be read are reported and left out."""
        reader = Loader(self.model, self.layout)
        for item in items:
            try:
                yield reader.load(item)
            except (FrameworkError, OSError) as error:
                self.fail(item, error)

    def finish(self, batch: Sequence[Loaded]) -> None:
        """Run a batch and write its results; where it fails, its items one by one."""
        try:
            results = self.results(batch)
        except FrameworkError as error:
            if len(batch) == 1:
                self.fail(batch[0].item, error)
            else:
                for one in batch:
                    self.finish([one])
            return
        self.journal.append(self.sink.write(results))
        self.summary.done += len(batch)
        self.advance(batch[-1].item.name)

    def results(self, batch: Sequence[Loaded]) -> list[Result]:
        """What each item of a batch gave."""
        arrays = self.layout.joined([one.arrays for one in batch])
        wish = self.wish
        run = self.model.run(arrays, keep=wish.keep, check_finite=wish.check_finite)
        kept = {(f"node.{n}" if n in run.outputs else n): a for n, a in run.kept.items()}
        found = {**run.outputs, **kept}
        parts = [
            {name: self.layout.part(name, array, number) for name, array in found.items()}
            for number in range(len(batch))
        ]
        best = {name: self.classes(run, name, parts) for name in self.best}
        return [
            Result(one.item.name, one.signature, part, {n: b[i] for n, b in best.items()})
            for i, (one, part) in enumerate(zip(batch, parts, strict=True))
        ]

    def classes(self, run: Run, name: str, parts: Sequence[Mapping[str, Array]]) -> list[Best]:
        """The best classes of one output, for each item."""
        rows = np.stack([part[name].ravel() for part in parts])
        return replace(run, outputs={name: rows}).top(name, self.best[name])

    def fail(self, item: Item, error: Exception) -> None:
        """An item that gives no result."""
        self.summary.failed[item.name] = str(error)
        if self.report is not None:
            self.report(item.name, str(error))
        self.advance(item.name)

    def advance(self, name: str) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(self.summary.finished, self.summary.items, name)


class Loader:
    """Reads the files of items; one that serves all items is read once."""

    def __init__(self, model: Model, layout: Layout) -> None:
        self.reader = InputReader(model.ir, model.document)
        self.layout = layout
        self.recent: dict[str, tuple[str, Array]] = {}

    def load(self, item: Item) -> Loaded:
        """The arrays of one item; raises InputError or OSError that names the file."""
        arrays = {name: self.array(name, file) for name, file in item.files.items()}
        for name, array in arrays.items():
            axis = self.layout.axis(self.layout.inputs[name])
            if axis is not None and array.ndim > axis and array.shape[axis] != 1:
                fact = f"gives {array.shape[axis]} items for '{name}' along axis {axis}"
                hint = "one file for each item, or run without --batch"
                raise InputError(f"{item.files[name]}: {fact}\n  hint: {hint}")
        return Loaded(item, signature_of(item.files.values()), arrays)

    def array(self, name: str, file: str) -> Array:
        """The array of one file."""
        known, array = self.recent.get(name, (None, None))
        if array is None or known != file:
            array = np.asarray(self.reader.array(name, file))
            self.recent[name] = (file, array)
        return array


def is_stale(item: Item, signature: str) -> bool:
    """Have the files changed since?  Those that are gone have not."""
    try:
        return signature_of(item.files.values()) != signature
    except OSError:
        return False


def grouped(loaded: Iterable[Loaded], most: int) -> Iterator[list[Loaded]]:
    """Items in their order, up to ``most`` of equal shapes at a time."""
    batch: list[Loaded] = []
    for one in loaded:
        if batch and (len(batch) == most or one.shapes != batch[0].shapes):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch
