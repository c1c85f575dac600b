"""Runs a plan call by call; a failure is told with its node, place and operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from framework.errors import FrameworkError, InputError, Mistake, RunError
from framework.ir.describe import describe
from framework.ir.graph import Node
from framework.ir.kernel import ALIGNMENT, empty
from framework.ir.op import Array
from framework.runtime.plan import Call, Plan, Source, labels

Store = list[Any]
Progress = Callable[[int, int, str], None]
"""Called after each node: how many are done, of how many, and the node's name."""

Watch = Callable[[Call, Sequence[Any], Sequence[Array]], None]
"""Called after each node with its arguments and results."""

# what a kernel can raise; SystemExit and KeyboardInterrupt are not its failures
FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Step:
    """A call bound to memory: where its results go, where there is a place in the arena."""

    call: Call
    places: tuple[Array | None, ...]
    scratch: Array | None


class Program:
    """A plan bound to an arena.

    ``fixed`` holds the slots that are the same in every run, ``foreign`` whose memory they and
    the arena lie in.
    """

    def __init__(self, plan: Plan, blas_threads: int = 1) -> None:
        self.plan = plan
        self.blas_threads = blas_threads
        self.fixed: Store | None = None
        self.foreign: frozenset[int] = frozenset()
        self._bind()

    def _bind(self) -> None:
        self.arena = aligned_bytes(self.plan.arena_bytes)
        self.steps = [self._step(call) for call in self.plan.calls]
        self.used = False

    def renew(self) -> None:
        """Before a run: an arena that an earlier run has handed over is left to it."""
        if self.plan.handover and self.used:
            self._bind()
        self.used = True

    def _step(self, call: Call) -> Step:
        if call.kernel is None:
            return Step(call, (), None)
        offset, size = call.scratch
        places = tuple(None if spot is None else spot.view(self.arena) for spot in call.spots)
        return Step(call, places, self.arena[offset : offset + size])

    def poison(self) -> None:
        """Fill the arena with NaN: whoever reads what it has not written is found out."""
        self.arena.fill(0xFF)


def aligned_bytes(size: int) -> Array:
    """Fresh memory that starts at a cache line."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def execute(
    program: Program, store: Store, watch: Watch | None = None, progress: Progress | None = None
) -> list[float]:
    """Run all calls on the slots in ``store``; returns the seconds of each call.

    Raises RunError for a call that fails.
    """
    seconds: list[float] = []
    sizes: dict[str, int] = {}
    for step in program.steps:
        call = step.call
        arrays = [fetched(store, source) for source in call.inputs]
        start = perf_counter()
        results = run_step(step, arrays, sizes)
        seconds.append(perf_counter() - start)
        if watch is not None:
            watch(call, arrays, [array for array in results if array is not None])
        for output, axis, name in call.finds:
            sizes[name] = results[output].shape[axis]
        for slot, array in zip(call.outputs, results, strict=True):
            store[slot] = array
        for slot in call.free:
            store[slot] = None
        if progress is not None:
            progress(len(seconds), len(program.steps), call.node.name)
    return seconds


def fetched(store: Store, source: Source) -> Any:
    """An argument out of its slot; a tuple for a variadic port."""
    return store[source] if isinstance(source, int) else tuple(store[slot] for slot in source)


def run_step(step: Step, arrays: list[Any], sizes: Mapping[str, int]) -> tuple[Any, ...]:
    """The results of one call: in the arena, or in arrays of their own."""
    call = step.call
    if call.kernel is None:
        return run_call(at_found(call, sizes), arrays)
    for number, function in call.layouts:
        arrays[number] = function(arrays[number])
    out = step.places
    if call.fresh:
        out = tuple(
            empty(type_) if place is None and slot in call.fresh else place
            for place, slot, type_ in zip(out, call.outputs, call.types, strict=True)
        )
    try:
        call.kernel.run(arrays, out, step.scratch)
    except FrameworkError as error:
        raise located(error, call.node) from error
    except FAILURES as error:
        raise failure(call.node, arrays, f"{type(error).__name__}: {error}") from error
    return out


def at_found(call: Call, sizes: Mapping[str, int]) -> Call:
    """The call; one that waited for sizes gets the operator's definition at them."""
    return call if call.late is None else replace(call, function=call.late.at(sizes).compute)


def run_call(call: Call, arrays: Sequence[Any]) -> tuple[Array, ...]:
    """The results of one call that makes them itself."""
    try:
        result = call.function(*arrays)
    except FrameworkError as error:
        raise located(error, call.node) from error
    except FAILURES as error:
        raise failure(call.node, arrays, f"{type(error).__name__}: {error}") from error
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(call.outputs):
        raise failure(
            call.node, arrays, f"it gave {len(results)} results, {len(call.outputs)} were expected"
        )
    return results


def node_text(node: Node) -> str:
    """``node 'conv' (conv 64, kernel 3) at vgg.yaml:12:5``."""
    place = f" at {node.place}" if node.place else ""
    return f"node '{node.name}' ({describe(node.op)}){place}"


def located(error: FrameworkError, node: Node) -> FrameworkError:
    """The same error with the node that it is about."""
    kind = type(error) if isinstance(error, InputError | RunError) else RunError
    hint = f"\n  hint: {error.hint}" if isinstance(error, Mistake) and error.hint else ""
    return kind(f"{node_text(node)}: {error}{hint}")


def failure(node: Node, arrays: Sequence[Any], cause: str) -> RunError:
    """A call that failed, with the shapes of its arguments."""
    lines = [f"{node_text(node)} failed: {cause}"]
    for label, array in labels(node.op, arrays):
        lines.append(f"  {label}: {array.dtype}{list(array.shape)}")
    return RunError("\n".join(lines))
