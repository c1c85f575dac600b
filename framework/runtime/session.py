"""`Session`: a model with its weights, ready to run; one plan for each set of sizes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np

from framework.errors import RunError
from framework.ir.find import find_value
from framework.ir.graph import Graph, Value
from framework.ir.kernel import How
from framework.ir.op import Array
from framework.numerics.team import Team, cores, limit_blas
from framework.runtime.binding import bind
from framework.runtime.constants import fill
from framework.runtime.execute import Program, Progress, Store, execute
from framework.runtime.finite import watch_finite
from framework.runtime.plan import Plan
from framework.runtime.planner import Contents, make_plan
from framework.runtime.sharing import sharing
from framework.runtime.weights import check_weights

Rewrite = Callable[[Graph], Graph]
"""What the passes are to a session: a graph of the same function."""

KEPT = "kept:"
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

    ``rewrite`` makes the graph that is planned of the one given (the passes do); what it
    absorbs can still be kept: then it is told to keep it.  ``fast=False`` takes the plain
    definition of every operator.  ``memory_limit`` is in bytes; a run that would need more is
    refused before it starts (default: what the machine has free).
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Array],
        *,
        fast: bool = True,
        rewrite: Rewrite | None = None,
        how: How | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.graph = graph
        self.weights = check_weights(graph, weights)
        self.fast = fast
        self.how = How(team=Team(default_threads())) if how is None else how
        self.memory_limit = memory_limit
        self.poisoned = False
        self._rewrite = rewrite
        self._graphs: dict[object, tuple[Graph, dict[str, Value]]] = {}
        self._programs: dict[object, Program] = {}
        self._contents = Contents()
        self._constants: dict[object, Array] = {}
        self._lock = Lock()

    # ------------------------------------------------------------------ plans

    def plan(self, sizes: Mapping[str, int], keep: Mapping[str, Value] | None = None) -> Plan:
        """The plan for these sizes; made once and kept for the next run."""
        return self._program(sizes, {} if keep is None else keep).plan

    def _program(
        self, sizes: Mapping[str, int], keep: Mapping[str, Value], plain: bool = False
    ) -> Program:
        """``plain`` leaves the nodes as they are, so that each can be watched."""
        kept = tuple(sorted(keep.items(), key=lambda pair: pair[0]))
        key = (tuple(sorted(sizes.items())), kept, plain)
        if key not in self._programs:
            graph, found = (self.graph, dict(keep)) if plain else self._lean(keep)
            shared = sharing(self.graph, graph, sizes, self.how)
            plan = make_plan(
                graph, sizes, found, fast=self.fast, how=shared.how, contents=self._contents
            )
            self._check_memory(plan)
            if len(self._programs) >= MOST_PLANS:
                del self._programs[next(iter(self._programs))]
            blas = shared.blas if self.fast else self.how.team.threads
            self._programs[key] = Program(plan, blas)
            self._forget()
        return self._programs[key]

    def _forget(self) -> None:
        """Drop the constants that no plan uses any more."""
        used: set[object] = set()
        for program in self._programs.values():
            used.update(laid.key for laid in program.plan.laid.values())
            used.update(program.plan.contents.values())
        self._constants = {key: a for key, a in self._constants.items() if key in used}
        self._contents.keep(used)

    def _lean(self, keep: Mapping[str, Value]) -> tuple[Graph, dict[str, Value]]:
        """The graph to plan, and where in it the kept values are."""
        if self._rewrite is None:
            return self.graph, dict(keep)
        key = tuple(sorted(keep))
        if key not in self._graphs:
            self._graphs[key] = rewritten(self.graph, keep, self._rewrite)
        return self._graphs[key]

    def _check_memory(self, plan: Plan) -> None:
        """Refuse a run that would not fit, with the figure."""
        limit = free_memory() if self.memory_limit is None else self.memory_limit
        made = sum(size for key, size in plan.made.items() if key not in self._constants)
        if limit is not None and plan.peak_bytes + made > limit:
            raise RunError(
                f"the run needs {megabytes(plan.peak_bytes)} for its arrays and "
                f"{megabytes(made)} for weights laid out, {megabytes(limit)} are allowed\n"
                "  hint: smaller sizes (--dims), or another --memory-limit"
            )

    # ------------------------------------------------------------------ running

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
        kept = {name: find_value(self.graph, name) for name in keep}
        with self._lock, np.errstate(all="ignore"):
            program = self._program(sizes, kept, check_finite)
            plan = program.plan
            program.renew()
            if self.poisoned:
                program.poison()
            watch = watch_finite(arrays, self.weights) if check_finite else None
            with limit_blas(program.blas_threads):
                store = self._store(program, arrays)
                seconds = execute(program, store, watch, progress)
            foreign = program.foreign.union(map(memory_of, arrays.values()))
            outputs = taken(store, plan.outputs, foreign)
            found = taken(store, plan.kept, foreign, outputs.values())
        return RunResult(
            outputs=outputs,
            kept=found,
            sizes=sizes,
            seconds=perf_counter() - start,
            seconds_by_node=by_node(plan, seconds),
            seconds_by_stage=by_stage(plan, seconds),
            peak_bytes=plan.peak_bytes,
        )

    def _store(self, program: Program, arrays: Mapping[str, Array]) -> Store:
        """The slots of a run, with weights, inputs and constants in place."""
        if program.fixed is None:
            program.fixed = self._fixed(program.plan)
            known = [array for array in program.fixed if array is not None]
            known += [] if program.plan.handover else [program.arena]
            program.foreign = frozenset(map(memory_of, known))
        store = program.fixed.copy()
        for name, slot in program.plan.inputs.items():
            store[slot] = arrays[name]
        return store

    def _fixed(self, plan: Plan) -> Store:
        """The slots that are the same in every run."""
        store: Store = [None] * plan.slots
        for name, slot in plan.weights.items():
            store[slot] = self.weights[name]
        fill(plan, self._constants, store)
        return store


def taken(
    store: Store, slots: Mapping[str, int], foreign: Set[int], others: Iterable[Array] = ()
) -> dict[str, Array]:
    """Results by name; copied where they lie in foreign memory or each other's, or read-only."""
    found: dict[str, Array] = {}
    for name, slot in slots.items():
        array = own(np.asarray(store[slot]), foreign)
        beside = any(np.may_share_memory(array, other) for other in (*others, *found.values()))
        found[name] = array.copy() if beside else array
    return found


def own(array: Array, foreign: Set[int]) -> Array:
    """The array, or a copy if changing it could change another, or nothing at all."""
    if array.flags.writeable and memory_of(array) not in foreign:
        return array
    return array.copy()


def memory_of(array: Array) -> int:
    """The identity of what owns the memory that an array lies in."""
    owner: Any = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    return id(owner)


def rewritten(
    graph: Graph, keep: Mapping[str, Value], rewrite: Rewrite
) -> tuple[Graph, dict[str, Value]]:
    """The graph after the passes, with the kept values as further outputs."""
    twin = with_outputs(graph, {f"{KEPT}{name}": value for name, value in keep.items()})
    lean = rewrite(twin)
    found = {name: lean.outputs[f"{KEPT}{name}"] for name in keep}
    lean.outputs = {name: lean.outputs[name] for name in graph.outputs}
    return lean, found


def with_outputs(graph: Graph, further: Mapping[str, Value]) -> Graph:
    """The same graph with more outputs."""
    twin = copy(graph)
    twin.outputs = {**graph.outputs, **further}
    return twin


def default_threads() -> int:
    """As many as the machine has cores, unless the environment limits BLAS."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if (text := os.environ.get(name, "")).isdigit() and int(text) > 0:
            return min(int(text), cores())
    return cores()


def free_memory() -> int | None:
    """Bytes that the machine has free; None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(word) * 1024 for word in found), None)


def megabytes(size: int) -> str:
    """``1,234.5 MB``; little is told in kB."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def by_node(plan: Plan, seconds: Sequence[float]) -> dict[str, float]:
    """Seconds of each node, in the order of the run."""
    return {call.node.name: spent for call, spent in zip(plan.calls, seconds, strict=True)}


def by_stage(plan: Plan, seconds: Sequence[float]) -> dict[str, float]:
    """Seconds of each stage, in the order of the run."""
    out: dict[str, float] = {}
    for call, spent in zip(plan.calls, seconds, strict=True):
        out[call.stage] = out.get(call.stage, 0.0) + spent
    return out
