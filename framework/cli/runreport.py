"""What ``run`` prints: times of stages, statistics of results, the best labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np

from framework.api.model import Model
from framework.api.run import Run
from framework.cli.output import say, show_table
from framework.ir.op import Array
from framework.report.tables import Cell, Column, Shapes, Table

MOST_STAGES = 40
MOST_ITEMS = 8
DEFAULT_TOP = 5
COPY = re.compile(r"(.+)\.(\d+)")


def show_run(model: Model, run: Run, top: int | None) -> None:
    """The whole report."""
    say(f"{model.name}: {model.doc}" if model.doc else model.name)
    say(f"weights: {model.weights_source}")
    for name, what in run.inputs.items():
        say(f"input {name}: {what}")
    say()
    show_table(stage_table(run))
    say()
    show_table(result_table("outputs", run.outputs))
    if run.kept:
        say()
        show_table(result_table("kept", run.kept))
    for output, items in best(run, top).items():
        say()
        show_table(top_table(output, items))


# ------------------------------------------------------------------ times


def stage_table(run: Run) -> Table:
    """Time and share of each stage, copies of a block in one row."""
    rows = shortened(folded(run.stages))
    whole = sum(seconds for _, seconds in run.stages)
    columns = Column("Stage", "stage"), Column("Time", "ms", True), Column("Share", "share", True)
    cells = tuple((name, millis(spent), share(spent, whole)) for name, spent in rows)
    return Table("time per stage", columns, cells, ("all", millis(run.seconds), None))


def folded(stages: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """``encoder.0``, ``encoder.1`` … in a row as ``encoder ×12``.

    >>> folded([("stem", 1.0), ("encoder.0", 2.0), ("encoder.1", 3.0)])
    [('stem', 1.0), ('encoder ×2', 5.0)]
    """
    groups: list[tuple[str, list[float]]] = []
    for name, seconds in stages:
        found = COPY.fullmatch(name)
        base = found[1] if found else name
        if found and groups and groups[-1][0] == base:
            groups[-1][1].append(seconds)
        else:
            groups.append((base, [seconds]))
    return [(copies_text(name, len(spent)), sum(spent)) for name, spent in groups]


def copies_text(name: str, count: int) -> str:
    """``encoder ×12``."""
    return f"{name} ×{count}" if count > 1 else name


def shortened(rows: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The longest stages in their order; the rest is one row."""
    if len(rows) <= MOST_STAGES:
        return rows
    longest = sorted(range(len(rows)), key=lambda i: -rows[i][1])[:MOST_STAGES]
    rest = sum(seconds for i, (_, seconds) in enumerate(rows) if i not in set(longest))
    return [*(rows[i] for i in sorted(longest)), (f"{len(rows) - MOST_STAGES} others", rest)]


def millis(seconds: float) -> str:
    """``12.3 ms``."""
    return f"{1000 * seconds:,.1f} ms"


def share(part: float, whole: float) -> str:
    """``12 %``."""
    return f"{100 * part / whole:.0f} %" if whole > 0 else ""


# ------------------------------------------------------------------ results


def result_table(title: str, arrays: dict[str, Array]) -> Table:
    """Shape, dtype and statistics of each array."""
    columns = (
        Column("Name", "name"),
        Column("Shape", "shape"),
        Column("Type", "dtype"),
        *(Column(word.capitalize(), word, True) for word in ("min", "mean", "max")),
    )
    rows = tuple(
        (name, Shapes((array.shape,)), str(array.dtype), *map(number_text, statistics(array)))
        for name, array in arrays.items()
    )
    return Table(title, columns, rows)


def statistics(array: Array) -> tuple[float | None, float | None, float | None]:
    """Smallest, mean and largest element; None for an empty array."""
    if not array.size:
        return None, None, None
    with np.errstate(all="ignore"):  # infinities of both signs have no mean
        mean = float(array.mean(dtype=np.float64))
    return float(array.min()), mean, float(array.max())


def number_text(value: float | None) -> Cell:
    """Four digits are enough to see what is going on."""
    return None if value is None else f"{value:.4g}"


# ------------------------------------------------------------------ labels


def best(run: Run, top: int | None) -> dict[str, list[list[tuple[str, float]]]]:
    """The best classes of each labelled output; of the first one if they are asked for."""
    count = DEFAULT_TOP if top is None else top
    first = list(run.outputs)[:1] if top is not None and not run.label_lists else []
    return {name: run.top(name, count) for name in (*run.label_lists, *first) if count}


def top_table(output: str, items: list[list[tuple[str, float]]]) -> Table:
    """Labels and probabilities; the number of the item only where there are several."""
    several = len(items) > 1
    columns = (Column("Item", "item"), Column("Class", "label"), Column("Probability", "p", True))
    rows = [
        (str(number) if place == 0 else "", label, f"{probability:.3f}")
        for number, labels in enumerate(items[:MOST_ITEMS])
        for place, (label, probability) in enumerate(labels)
    ]
    hidden = len(items) - MOST_ITEMS
    notes = (f"and {hidden} more items",) if hidden > 0 else ()
    first = 0 if several else 1
    cells = tuple(row[first:] for row in rows)
    return Table(f"{output}: best classes", columns[first:], cells, None, notes)


# ------------------------------------------------------------------ for programs


def as_dict(model: Model, run: Run, top: int | None, output: str | None) -> dict[str, object]:
    """The whole report as data."""
    found: dict[str, object] = {
        "model": model.name,
        "weights": model.weights_source,
        "inputs": run.inputs,
        "sizes": run.sizes,
        "seconds": run.seconds,
        "stages": [{"stage": name, "seconds": spent} for name, spent in run.stages],
        "outputs": {name: array_dict(array) for name, array in run.outputs.items()},
        "kept": {name: array_dict(array) for name, array in run.kept.items()},
        "top": {
            name: [[{"label": label, "probability": finite(p)} for label, p in item] for item in of]
            for name, of in best(run, top).items()
        },
    }
    return found if output is None else found | {"written": output}


def array_dict(array: Array) -> dict[str, object]:
    """Shape, dtype and statistics."""
    words = dict(zip(("min", "mean", "max"), map(finite, statistics(array)), strict=True))
    return {"shape": list(array.shape), "dtype": str(array.dtype), **words}


def finite(value: float | None) -> float | str | None:
    """JSON has no NaN and no infinities: they become text."""
    return value if value is None or math.isfinite(value) else str(value)
