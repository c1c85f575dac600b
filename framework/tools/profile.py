"""`profile`: where the time of a run goes, and how far it is from what the products alone take.

The limit of a node is the time that NumPy takes for its matrix products alone (`tools.alone`),
measured in turns with the runs.  Beside it stands what NumPy does at its best, with a few square
matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter, sleep

import numpy as np

from framework.api.model import Model
from framework.ir.find import scopes_around
from framework.ir.graph import Graph
from framework.numerics.team import limit_blas
from framework.runtime.session import RunResult
from framework.tools.alone import one_round, timed_products
from framework.tools.work import Work, works_of

SQUARES = (512, 1024, 1536)
"""Sides of the matrices whose product is timed; small ones are slower, larger ones no faster."""
TRIES = 4
WARM = 2
FEWEST, MOST = 3, 20
"""Runs, where nobody says how many."""
BUDGET = 5.0
"""Seconds that these runs may take together."""
TURNS = 5
"""As often, runs and rounds of the products alone follow one another."""
PAUSE = 0.1
"""Seconds between them, in which the threads of either fall asleep."""

Advance = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Line:
    """Time and work of a node, or of several together; ``limit`` is the time in seconds that
    the matrix products among it take alone.
    """

    name: str
    operator: str
    algorithm: str
    seconds: float
    macs: int
    elementwise: int
    bytes: int
    calls: int = 1
    limit: float = 0.0

    def plus(self, other: Line) -> Line:
        """The sum of two."""
        return replace(
            self,
            seconds=self.seconds + other.seconds,
            macs=self.macs + other.macs,
            elementwise=self.elementwise + other.elementwise,
            bytes=self.bytes + other.bytes,
            calls=self.calls + other.calls,
            limit=self.limit + other.limit,
        )

    @property
    def flops(self) -> float | None:
        """Operations of products a second, two for each multiply-accumulate."""
        return 2 * self.macs / self.seconds if self.macs and self.seconds > 0 else None

    @property
    def limit_share(self) -> float | None:
        """The time that the products take alone, as a share of the time taken."""
        return self.limit / self.seconds if self.limit and self.seconds > 0 else None

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return vars(self) | {"flops": self.flops, "limit_share": self.limit_share}


@dataclass(frozen=True)
class Profile:
    """Medians over ``runs``; ``rate`` is the multiply-accumulates a second of NumPy's product at
    its best.
    """

    model: str
    sizes: Mapping[str, int]
    threads: int
    runs: int
    seconds: float
    rate: float
    nodes: tuple[Line, ...]

    @property
    def operators(self) -> list[Line]:
        """Sums by operator, the longest first."""
        found: dict[str, Line] = {}
        for line in self.nodes:
            single = replace(line, name=line.operator)
            known = found.get(line.operator)
            found[line.operator] = single if known is None else known.plus(single)
        return sorted(found.values(), key=lambda line: -line.seconds)

    @property
    def total(self) -> Line:
        """All nodes, in the time of the whole run."""
        whole = Line("all", "", "", 0.0, 0, 0, 0, calls=0)
        for line in self.nodes:
            whole = whole.plus(line)
        return replace(whole, seconds=self.seconds)

    @property
    def between(self) -> float:
        """Seconds of the run that no node took."""
        return max(0.0, self.seconds - sum(line.seconds for line in self.nodes))

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "model": self.model,
            "sizes": dict(self.sizes),
            "threads": self.threads,
            "runs": self.runs,
            "seconds": self.seconds,
            "between_seconds": self.between,
            "best_flops": 2 * self.rate,
            "total": self.total.as_dict(),
            "operators": [line.as_dict() for line in self.operators],
            "nodes": [line.as_dict() for line in self.nodes],
        }


def profile(
    model: Model,
    sizes: Mapping[str, int] | None = None,
    runs: int | None = None,
    advance: Advance | None = None,
) -> Profile:
    """Run a model several times on random inputs of these sizes and take the medians."""
    session = model.session
    threads = session.how.team.threads
    session.plan({**model.ir.examples, **(sizes or {})})  # memory is refused before inputs are made
    inputs = model.example_inputs(sizes)
    for _ in range(WARM):
        result = session.run(inputs)
    works = works_of(session.plan(result.sizes), result.sizes, {**session.weights, **inputs})
    dtype = main_dtype(works.values())
    products = timed_products({name: work.products for name, work in works.items()}, dtype)
    count = runs_within(result.seconds) if runs is None else runs
    found: list[RunResult] = []
    alone: list[dict[str, float]] = []
    for several in shares(count, TURNS):
        sleep(PAUSE)
        session.run(inputs)
        for _ in range(several):
            if advance is not None:
                advance(len(found), count, "running")
            found.append(session.run(inputs))
        sleep(PAUSE)
        with limit_blas(threads):
            one_round(products)
            alone += [one_round(products) for _ in range(several)]
    return Profile(
        model.name,
        result.sizes,
        threads,
        count,
        float(np.median([one.seconds for one in found])),
        product_rate(dtype, threads),
        lines(found, works, alone),
    )


def shares(whole: int, parts: int) -> list[int]:
    """At most so many parts of a whole, none larger than another by more than one."""
    ends = [whole * n // parts for n in range(parts + 1)]
    return [high - low for low, high in pairwise(ends) if high > low]


def runs_within(seconds: float) -> int:
    """As many runs as the budget allows for."""
    return max(FEWEST, min(MOST, int(BUDGET / max(seconds, 1e-6))))


def lines(
    found: Sequence[RunResult], works: Mapping[str, Work], alone: Sequence[Mapping[str, float]]
) -> tuple[Line, ...]:
    """One line for each node, in the order of the run."""
    out: list[Line] = []
    for name in found[0].seconds_by_node:
        work = works[name]
        spent = float(np.median([result.seconds_by_node[name] for result in found]))
        macs, elementwise = work.macs, work.elementwise
        kind = work.node.op.name
        limit = float(np.median([times.get(name, 0.0) for times in alone]))
        line = Line(name, kind, work.algorithm, spent, macs, elementwise, work.bytes, limit=limit)
        out.append(line)
    return tuple(out)


def main_dtype(works: Iterable[Work]) -> str:
    """The floating type in which most products are computed."""
    counts: dict[str, int] = {}
    for work in works:
        dtype = work.node.type.dtype
        counts[dtype] = counts.get(dtype, 0) + work.macs
    best = max(counts, key=lambda dtype: counts[dtype], default="float32")
    return best if best in ("float32", "float64") else "float32"


def product_rate(dtype: str, threads: int) -> float:
    """Multiply-accumulates a second of NumPy's product of square matrices, at its best."""
    best = 0.0
    with limit_blas(threads):
        for side in SQUARES:
            one = np.ones((side, side), dtype)
            out = np.empty_like(one)
            for _ in range(TRIES):
                start = perf_counter()
                np.matmul(one, one, out=out)
                best = max(best, side**3 / (perf_counter() - start))
    return best


# ------------------------------------------------------------------ traces


def trace_events(found: Profile, graph: Graph) -> dict[str, object]:
    """The run as Chrome's trace events, for https://ui.perfetto.dev and chrome://tracing.

    Blocks hold their nodes; the nodes follow one another without the time between them.
    """
    events: list[dict[str, object]] = [
        named("process_name", found.model),
        named("thread_name", f"median of {found.runs} runs"),
    ]
    now = 0.0
    open_: dict[str, dict[str, object]] = {}
    for line in found.nodes:
        end = now + 1e6 * line.seconds
        around = [found.model, *scopes_around(graph, line.name)]
        open_ = {path: event for path, event in open_.items() if path in around}
        for path in around:
            if path not in open_:
                open_[path] = complete(path, "block", now, end)
                events.append(open_[path])
            open_[path]["dur"] = end - as_float(open_[path]["ts"])
        event = complete(line.name, line.operator, now, end)
        event["args"] = {key: value for key, value in line.as_dict().items() if value is not None}
        events.append(event)
        now = end
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def as_float(value: object) -> float:
    """A time in an event."""
    return value if isinstance(value, float) else 0.0


def complete(name: str, category: str, start: float, end: float) -> dict[str, object]:
    """An event with a duration, in microseconds."""
    times = {"ts": start, "dur": end - start}
    return {"name": name, "cat": category, "ph": "X", "pid": 1, "tid": 1, **times}


def named(what: str, name: str) -> dict[str, object]:
    """What the process and its only thread are called."""
    return {"name": what, "ph": "M", "pid": 1, "tid": 1, "args": {"name": name}}
