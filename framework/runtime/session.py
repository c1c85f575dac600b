"""`Session`: a model with its weights, ready to run; one plan for each set of sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from framework.ir.find import find_value
from framework.ir.graph import Graph, Value
from framework.ir.op import Array
from framework.runtime.binding import bind
from framework.runtime.execute import Progress, Store, execute
from framework.runtime.finite import watch_finite
from framework.runtime.plan import Plan, make_plan
from framework.runtime.weights import check_weights

MOST_PLANS = 32  # a stream of inputs of ever new lengths must not fill the memory with plans


@dataclass(frozen=True)
class RunResult:
    """What a run gave: arrays by name, the size of each symbol, and where the time went.

    A stage is an outermost block copy, such as ``encoder.3``, or a node outside of all blocks.
    """

    outputs: dict[str, Array]
    kept: dict[str, Array]
    sizes: dict[str, int]
    seconds: float
    seconds_by_node: dict[str, float]
    seconds_by_stage: dict[str, float]
    peak_bytes: int


class Session:
    """Runs a typed graph with these weights.

    ``fast=False`` takes the plain definition of every operator.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Array], *, fast: bool = True) -> None:
        self.graph = graph
        self.weights = check_weights(graph, weights)
        self.fast = fast
        self._plans: dict[object, Plan] = {}

    def plan(self, sizes: Mapping[str, int], keep: Mapping[str, Value] | None = None) -> Plan:
        """The plan for these sizes; made once and kept for the next run."""
        kept = {} if keep is None else dict(keep)
        key = (tuple(sorted(sizes.items())), tuple(sorted(kept.items(), key=lambda pair: pair[0])))
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = make_plan(self.graph, sizes, kept, fast=self.fast)
        return self._plans[key]

    def run(
        self,
        inputs: Mapping[str, Any],
        *,
        keep: Sequence[str] = (),
        check_finite: bool = False,
        progress: Progress | None = None,
    ) -> RunResult:
        """Run the model on arrays by input name.

        ``keep`` names nodes whose results are wanted besides the outputs (see `ir.find`).
        Raises InputError for inputs that do not fit, RunError for a run that fails; with
        ``check_finite`` also for the first NaN or infinity that a node makes.
        """
        start = perf_counter()
        arrays, sizes = bind(self.graph, inputs)
        plan = self.plan(sizes, {name: find_value(self.graph, name) for name in keep})
        store = self._store(plan, arrays)
        with np.errstate(all="ignore"):
            watch = watch_finite(arrays, self.weights) if check_finite else None
            seconds = execute(plan, store, watch, progress)
        foreign = [*arrays.values(), *self.weights.values()]
        return RunResult(
            outputs=taken(store, plan.outputs, foreign),
            kept=taken(store, plan.kept, foreign),
            sizes=sizes,
            seconds=perf_counter() - start,
            seconds_by_node=by_node(plan, seconds),
            seconds_by_stage=by_stage(plan, seconds),
            peak_bytes=plan.peak_bytes,
        )

    def _store(self, plan: Plan, arrays: Mapping[str, Array]) -> Store:
        """The slots of a run, with weights and inputs in place."""
        store: Store = [None] * plan.slots
        for name, slot in plan.weights.items():
            store[slot] = self.weights[name]
        for name, slot in plan.inputs.items():
            store[slot] = arrays[name]
        return store


def taken(store: Store, slots: Mapping[str, int], foreign: Iterable[Array]) -> dict[str, Array]:
    """Results by name; copied where they are views of inputs or weights, or read-only."""
    others = list(foreign)
    return {name: own(np.asarray(store[slot]), others) for name, slot in slots.items()}


def own(array: Array, others: list[Array]) -> Array:
    """The array, or a copy if changing it could change another, or nothing at all."""
    if array.flags.writeable and not any(np.may_share_memory(array, other) for other in others):
        return array
    return array.copy()


def by_node(plan: Plan, seconds: Sequence[float]) -> dict[str, float]:
    """Seconds of each node, in the order of the run."""
    return {call.node.name: spent for call, spent in zip(plan.calls, seconds, strict=True)}


def by_stage(plan: Plan, seconds: Sequence[float]) -> dict[str, float]:
    """Seconds of each stage, in the order of the run."""
    out: dict[str, float] = {}
    for call, spent in zip(plan.calls, seconds, strict=True):
        out[call.stage] = out.get(call.stage, 0.0) + spent
    return out
