"""How many files become batches, and results become one for each file; checked before any run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.api.inputs import ARRAY_SUFFIXES, InputReader
from framework.api.model import Model
from framework.api.sinks import CsvSink, Field, FolderSink, JsonSink, Sink, names_in_folder
from framework.errors import InputError
from framework.ir.dims import Dim, Size
from framework.ir.find import find_value
from framework.ir.op import Array
from framework.ir.types import TensorType
from framework.spec.values import plain

DEFAULT_TOP = 5
MOST_COLUMNS = 1024
SHORT = 12
"""Characters of a hash that people see."""

Files = Mapping[str, Sequence[str]]
"""For each input of the model one file, the same for all items, or a list of them."""


@dataclass(frozen=True)
class Wish:
    """What is asked for: items in a batch, best classes, further nodes, a watch for NaN."""

    batch: int = 1
    top: int | None = None
    keep: tuple[str, ...] = ()
    check_finite: bool = False


@dataclass(frozen=True)
class Item:
    """One input: the name it goes by, which is that of its first file, and a file by tensor."""

    name: str
    files: Mapping[str, str]


def items_of(model: Model, files: Files) -> list[Item]:
    """The items in order, each once; InputError for lists that do not belong together."""
    missing = [name for name in model.inputs if name not in files]
    if missing:
        hint = f"--input {missing[0]}=FILE, one for all or one for each"
        raise InputError(f"input '{missing[0]}' is missing\n  hint: {hint}")
    most = max((len(listed) for listed in files.values()), default=0)
    for name, listed in files.items():
        if len(listed) not in (1, most):
            one = next(n for n, other in files.items() if len(other) == most)
            raise InputError(
                f"input '{name}' has {len(listed)} files, '{one}' has {most}\n"
                "  hint: give one file for each item, or a single one for all"
            )
    leader = leading(files)
    found: dict[str, Item] = {}
    for number, name in enumerate(files[leader]):
        chosen = {n: listed[number % len(listed)] for n, listed in files.items()}
        if found.setdefault(name, Item(name, chosen)).files != chosen:
            fact = f"{name}: is given twice for '{leader}', with different files for other inputs"
            raise InputError(f"{fact}\n  hint: give one of them under another name")
    return list(found.values())


def leading(files: Files) -> str:
    """The input whose files name the items: the first with several."""
    return max(files, key=lambda name: len(files[name]))


def check_readable(model: Model, files: Files) -> None:
    """Refuse files of an input that the model does not say how to read, where all are such."""
    recipes = InputReader(model.ir, model.document).recipes
    for name, listed in files.items():
        arrays = any(Path(file).suffix.lower() in ARRAY_SUFFIXES for file in listed)
        if name not in recipes and not arrays:
            fact = f"the model does not say how a file such as {listed[0]} becomes '{name}'"
            hint = f"give .npy files, or write from: under the input {name}"
            raise InputError(f"{fact}\n  hint: {hint}")


# ------------------------------------------------------------------ axes


@dataclass(frozen=True)
class Layout:
    """Types of what goes in and comes out; ``batch`` is the size whose axis counts items."""

    batch: Size | None
    inputs: Mapping[str, TensorType]
    results: Mapping[str, TensorType]

    def axis(self, type_: TensorType) -> int | None:
        """The axis that counts items, if there is one."""
        if self.batch is None or self.batch not in type_.shape:
            return None
        return type_.shape.index(self.batch)

    def sizes(self, name: str) -> list[Size]:
        """The shape of one item's result."""
        type_ = self.results[name]
        axis = self.axis(type_)
        return [size for number, size in enumerate(type_.shape) if number != axis]

    def joined(self, parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The arrays of several items as those of one batch."""
        out: dict[str, Array] = {}
        for name, type_ in self.inputs.items():
            axis = self.axis(type_)
            arrays = [part[name] for part in parts]
            single = axis is None or len(arrays) == 1
            out[name] = arrays[0] if single else np.concatenate(arrays, axis)
        return out

    def part(self, name: str, array: Array, number: int) -> Array:
        """What one item of the batch gave, without the axis that counts items."""
        axis = self.axis(self.results[name])
        return array if axis is None else np.asarray(np.take(array, number, axis))


def layout_of(model: Model, files: Files, wish: Wish) -> Layout:
    """The layout; InputError where a batch of several could not be taken apart again."""
    leader = leading(files)
    results = dict(model.outputs)
    for name in wish.keep:
        own = f"node.{name}" if name in results else name
        results[own] = model.ir.type_of(find_value(model.ir, name))
    layout = Layout(batch_size(model.inputs[leader]), model.inputs, results)
    if wish.batch == 1:
        return layout
    if layout.batch is None:
        fact = f"input '{leader}' {model.inputs[leader]} has no symbolic size to count items"
        raise InputError(f"a batch of {wish.batch}: {fact}\n  hint: --batch 1")
    needed = {f"input '{n}'": model.inputs[n] for n in files if len(files[n]) > 1}
    needed |= {f"output '{name}'": type_ for name, type_ in results.items()}
    for what, type_ in needed.items():
        if layout.axis(type_) is None:
            fact = f"{what} {type_} has no axis {layout.batch}, which counts items"
            raise InputError(f"a batch of {wish.batch}: {fact}\n  hint: --batch 1")
    return layout


def batch_size(type_: TensorType) -> Size | None:
    """The first symbolic size; none in ``[1, T, C]``, whose first axis counts items already."""
    if type_.shape[:1] == (1,):
        return None
    return next((size for size in type_.shape if isinstance(size, Dim)), None)


# ------------------------------------------------------------------ results


def classes_wanted(model: Model, layout: Layout, wish: Wish) -> dict[str, int]:
    """How many of the best classes are wanted of each output that is scores of classes."""
    count = DEFAULT_TOP if wish.top is None else wish.top
    labelled = [name for name in model.outputs if model.labels(name) is not None]
    chosen = labelled if labelled or wish.top is None else list(model.outputs)[:1]
    found: dict[str, int] = {}
    for name in chosen:
        classes = [size for size in layout.sizes(name) if size != 1]
        if len(classes) == 1 and isinstance(classes[0], int) and count:
            found[name] = min(count, classes[0])
    return found


def new_sink(path: Path, layout: Layout, best: Mapping[str, int], items: Sequence[Item]) -> Sink:
    """The place for results that a path means by its suffix."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return CsvSink(path, [csv_field(name, layout, best) for name in layout.results])
    if suffix == ".jsonl":
        return JsonSink(path)
    return FolderSink(path, names_in_folder([item.name for item in items]))


def csv_field(name: str, layout: Layout, best: Mapping[str, int]) -> Field:
    """The columns of one output; InputError for an array that no row can hold."""
    if name in best:
        return Field(name, best=best[name])
    count = 1
    for size in layout.sizes(name):
        count = count * size if isinstance(size, int) else MOST_COLUMNS + 1
    if count > MOST_COLUMNS:
        fact = f"'{name}' is {layout.results[name]}, too much for a row of at most {MOST_COLUMNS}"
        raise InputError(f"{fact} numbers\n  hint: -o results.jsonl, or -o folder/")
    return Field(name, count=count)


def check_place(path: Path) -> None:
    """Refuse a place that cannot be written, or holds what is not ours, before any work."""
    if not path.name:  # such as . and /
        hint = "for example -o results.csv, -o results.jsonl or -o folder/"
        raise InputError(f"--output: {path} is no name for results\n  hint: {hint}")
    journal = path.with_name(f"{path.name}.journal")
    if not path.parent.is_dir():
        raise InputError(f"--output: {path}: there is no folder {path.parent}")
    if path.suffix.lower() in (".csv", ".jsonl"):
        used = path.is_dir() or (path.exists() and path.stat().st_size > 0)
    elif path.suffix:
        fact = f"--output: expected .csv, .jsonl or a folder for results of many files, not {path}"
        raise InputError(f"{fact}\n  hint: -o {path.stem}.csv, or -o {path.stem}/")
    else:
        used = path.is_file() or (path.is_dir() and any(path.iterdir()))
    if used and not journal.is_file():
        what = "there is something else already, which would be lost"
        raise InputError(f"--output: {path}: {what}\n  hint: name another, or remove it")


def run_facts(model: Model, wish: Wish) -> dict[str, object]:
    """What results depend on besides their files: two runs that differ here are not mixed."""
    text = hashlib.sha256()
    for node in model.ir:
        wires = sorted((port, str(v)) for port, v in model.ir.wires_of(node.name).items())
        text.update(f"{node.name} {node.op!r} {wires} {sorted(node.parameters.items())}\n".encode())
    for name, value in model.ir.outputs.items():
        text.update(f"{name} {value} {model.labels(name)}\n".encode())
    recipes = InputReader(model.ir, model.document).recipes
    text.update(repr(sorted((name, repr(plain(r))) for name, r in recipes.items())).encode())
    stored = hashlib.sha256()
    for name, array in sorted(model.weights.items()):
        stored.update(f"{name} {array.dtype} {array.shape}".encode())
        stored.update(np.ascontiguousarray(array).data)
    return {
        "model": f"{model.name} {text.hexdigest()[:SHORT]}",
        "weights": stored.hexdigest()[:SHORT],
        "top": wish.top,
        "keep": list(wish.keep),
    }
