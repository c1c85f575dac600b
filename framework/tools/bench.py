"""`bench`: one model on several engines, each in a process of its own, one at a time.

Rounds alternate: in each, every engine has its turn, so that whatever slows the machine down for
a while slows all of them down.  Ratios are of turns of the same round.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from framework.api.load import load
from framework.api.model import Model
from framework.errors import FrameworkError, InputError, RunError, did_you_mean
from framework.ir.op import Array
from framework.runtime.npz import read_npz, write_npz
from framework.tools.bench_process import EngineProcess
from framework.tools.bench_worker import INPUTS, MODEL_ONNX, MODEL_TORCH, WEIGHTS

OURS = "framework"
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("onnx", "onnxruntime"),
    "torch": ("torch",),
    "reference": ("onnx",),
}
"""What each of the other engines needs to be installed."""

FEWEST, MOST = 5, 30
"""Rounds, where nobody says how many."""
BUDGET = 40.0
"""Seconds that these rounds may take together."""
SLOW = 5
"""An engine gets as many rounds as fit into so many times the time of the fastest."""
TURN = 0.2
"""Seconds of a turn: a small model runs several times in it, after a run that is not counted."""
PAUSE = 0.1
"""Seconds between turns: threads of the last engine spin for a while before they sleep, those of
OpenBLAS for more than 20 ms; until then they take a core from the next."""
WARM = 2
LARGE = 1 << 30
DIFFERENT = 1e-2
"""Relative to the largest element: beyond it, engines do not compute the same."""

Advance = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Job:
    """The model, its sizes, and how it is run."""

    graph: str
    settings: Mapping[str, object] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    weights: str | None = None
    seed: int = 0
    threads: int = 1
    engine_options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        low, median, high = (float(v) for v in np.percentile(values, (25, 50, 75)))
        return cls(low, median, high)


@dataclass
class Engine:
    """What was measured of one engine: seconds of a run by round, and against ours."""

    name: str
    version: str
    load_seconds: float
    turns: dict[int, float] = field(default_factory=dict)
    peak_bytes: int | None = None
    difference: float | None = None

    @property
    def spread(self) -> Spread:
        """Seconds of a run."""
        return Spread.of(list(self.turns.values()))

    def ratio(self, ours: Engine) -> Spread:
        """Our time divided by this engine's, over the rounds of both."""
        both = [n for n in self.turns if n in ours.turns]
        return Spread.of([ours.turns[n] / self.turns[n] for n in both])

    def as_dict(self, ours: Engine) -> dict[str, object]:
        """The same for programs."""
        found: dict[str, object] = {
            "engine": self.name,
            "version": self.version,
            "load_seconds": self.load_seconds,
            "rounds": len(self.turns),
            "seconds": asdict(self.spread),
            "peak_bytes": self.peak_bytes,
        }
        if self is not ours:
            gap = self.difference
            found["ratio"] = asdict(self.ratio(ours))
            found["difference"] = gap if gap is None or math.isfinite(gap) else str(gap)
        return found


@dataclass(frozen=True)
class Bench:
    """Ours first, then the others; ``left_out`` are engines with the reason.

    ``busy`` is how many programs wanted a core when it began, if the system says.
    """

    model: str
    sizes: Mapping[str, int]
    threads: int
    engines: Sequence[Engine]
    left_out: Mapping[str, str]
    busy: float | None = None

    @property
    def differing(self) -> list[str]:
        """Engines whose outputs are not ours."""
        gaps = ((engine.name, engine.difference) for engine in self.engines[1:])
        return [name for name, gap in gaps if gap is None or not gap <= DIFFERENT]

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "model": self.model,
            "sizes": dict(self.sizes),
            "threads": self.threads,
            "busy": self.busy,
            "engines": [engine.as_dict(self.engines[0]) for engine in self.engines],
            "left_out": dict(self.left_out),
        }


def bench(
    job: Job, against: Sequence[str], rounds: int | None = None, advance: Advance | None = None
) -> Bench:
    """Measure a model on our engine and on others.

    Raises `InputError` for an engine that nobody knows and for options that make no sense,
    `RunError` where ours fails; another one that fails is left out, and the reason told.
    """
    check_names(against)
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with TemporaryDirectory(prefix="framework-bench-") as folder, ExitStack() as stack:
        left_out = {name: why for name in against if (why := missing(name))}
        model = load(job.graph, weights=job.weights, seed=job.seed, **dict(job.settings))
        model.set_engine(threads=job.threads, **job.engine_options)
        sizes = {**model.ir.examples, **job.sizes}
        model.session.plan(sizes)  # options, weights and memory are refused here, with their hints
        left_out |= prepare(model, sizes, [n for n in against if n not in left_out], Path(folder))
        name, inputs = model.name, list(model.inputs)
        del model  # its weights are memory that the engines may need
        race = Race(job, Path(folder), inputs, stack)
        race.advance, race.left_out = advance, left_out
        race.enter([OURS, *(n for n in against if n not in left_out)])
        race.alternate(rounds)
        race.weigh()
    return Bench(name, sizes, job.threads, race.engines, left_out, busy)


def check_names(against: Sequence[str]) -> None:
    """Refuse an engine that does not exist."""
    for name in against:
        if name not in PACKAGES:
            hint = did_you_mean(name, PACKAGES) or f"engines: {', '.join(PACKAGES)}"
            raise InputError(f"--against: there is no engine '{name}'\n  hint: {hint}")


def missing(name: str) -> str | None:
    """What an engine lacks to run here."""
    lacking = [package for package in PACKAGES[name] if find_spec(package) is None]
    if not lacking:
        return None
    verb = "is" if len(lacking) == 1 else "are"
    return f"{' and '.join(lacking)} {verb} not installed: pip install {' '.join(lacking)}"


def prepare(
    model: Model, sizes: Mapping[str, int], names: Sequence[str], folder: Path
) -> dict[str, str]:
    """Write inputs, and the model as each engine reads it; reasons why that did not work."""
    write_npz(folder / INPUTS, model.example_inputs(sizes))
    reasons: dict[str, str] = {}
    for name in names:
        try:
            if name == "torch":
                model.export(folder / MODEL_TORCH)
                write_npz(folder / WEIGHTS, model.weights)
            elif not (folder / MODEL_ONNX).exists():
                stored = sum(array.nbytes for array in model.weights.values())
                model.export(folder / MODEL_ONNX, sizes=sizes, external=stored > LARGE)
        except FrameworkError as error:
            reasons[name] = str(error).split("\n  hint:")[0]
    return reasons


class Race:
    """The engines that run, and their processes."""

    def __init__(self, job: Job, folder: Path, inputs: Sequence[str], stack: ExitStack) -> None:
        self.job = job
        self.folder = folder
        self.inputs = inputs
        self.stack = stack
        self.engines: list[Engine] = []
        self.processes: dict[str, EngineProcess] = {}
        self.left_out: dict[str, str] = {}
        self.advance: Advance | None = None

    def enter(self, names: Sequence[str]) -> None:
        """Start the engines, warm them up, and compare their outputs with ours."""
        for number, name in enumerate(names):
            self.tell(number, len(names), f"{name}: loading")
            process = self.stack.enter_context(EngineProcess(name, self.job.threads))
            try:
                self.engines.append(self.loaded(name, process))
            except RunError as error:
                if name == OURS:
                    raise RunError(f"the model does not run: {error}") from None
                self.left_out[name] = f"it failed: {error}"
            else:
                self.processes[name] = process

    def loaded(self, name: str, process: EngineProcess) -> Engine:
        """One engine with the model in it, its outputs compared."""
        job: dict[str, Any] = dict(vars(self.job))
        job |= {"folder": str(self.folder), "inputs": self.inputs, "engine": name}
        answer = process.ask("load", **job)
        engine = Engine(name, answer["version"], answer["seconds"])
        process.ask("outputs", path=str(self.folder / f"{name}.npz"))
        if name != OURS:
            ours, theirs = (read_npz(self.folder / f"{n}.npz") for n in (OURS, name))
            engine.difference = difference(ours, theirs)
        return engine

    def alternate(self, rounds: int | None) -> None:
        """Alternate between the engines."""
        warm = {engine.name: self.seconds(engine.name, WARM) for engine in self.engines}
        fastest, together = min(warm.values()), sum(max(s, TURN) for s in warm.values())
        most = rounds if rounds is not None else rounds_within(together)
        shares = {name: share(most, fastest / spent) for name, spent in warm.items()}
        repeats = {name: max(1, min(20, int(TURN / spent))) for name, spent in warm.items()}
        done, whole = 0, sum(shares.values())
        for number in range(most):
            for engine in self.engines:
                if (number * shares[engine.name]) % most < shares[engine.name]:
                    self.tell(done, whole, engine.name)
                    time.sleep(PAUSE)
                    engine.turns[number] = self.seconds(engine.name, repeats[engine.name])
                    done += 1
        self.tell(done, whole, "done")

    def seconds(self, name: str, times: int) -> float:
        """The median of some runs."""
        found = self.processes[name].ask("run", times=times)["seconds"]
        return float(np.median(found))

    def weigh(self) -> None:
        """Ask each process how much memory it took."""
        for engine in self.engines:
            engine.peak_bytes = self.processes[engine.name].ask("memory")["bytes"]

    def tell(self, done: int, whole: int, what: str) -> None:
        """Progress, if somebody watches."""
        if self.advance is not None:
            self.advance(done, whole, what)


def rounds_within(seconds: float) -> int:
    """As many rounds as the budget allows for."""
    return max(FEWEST, min(MOST, int(BUDGET / seconds)))


def share(rounds: int, speed: float) -> int:
    """The rounds of an engine that is so fast compared with the fastest: ``speed`` ≤ 1."""
    return max(min(rounds, 3), min(rounds, math.ceil(SLOW * rounds * speed)))


def difference(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> float:
    """The largest difference of two elements, relative to the largest element of that output.

    Infinite where names, shapes, or places of NaN and infinity disagree.
    """
    if set(ours) != set(theirs):
        return math.inf
    return max((gap(ours[name], theirs[name]) for name in ours), default=0.0)


def gap(ours: Array, theirs: Array) -> float:
    """The same for one output."""
    if ours.shape != theirs.shape:
        return math.inf
    one, other = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return math.inf
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return math.inf
    if not finite.any():
        return 0.0
    scale = float(np.abs(one[finite]).max())
    worst = float(np.abs(one[finite] - other[finite]).max())
    return worst / scale if scale > 0 else worst
