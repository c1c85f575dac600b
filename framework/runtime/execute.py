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
from framework.ir.kernel import ALIGNMENT, Kernel, empty
from framework.ir.op import Array
from framework.runtime.plan import Call, Plan, Source, labels

Store = list[Any]
Progress = Callable[[int, int, str], None]
"""Called after each node: how many are done, of how many, and the node's name."""

Watch = Callable[[Call, Sequence[Any], Sequence[Array]], None]
"""Called after each node with its arguments and results."""

# what a kernel can raise; SystemExit and KeyboardInterrupt are not its failures
FAILURES = (
    FrameworkError,
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
    """A call bound to memory: where its results go, where there is a place in the arena.

    ``slots`` are those of the arguments, if each is one; ``direct`` is the kernel together with
    its memory, if nothing has to be laid out or made before it runs.  Most calls have both.
    """

    call: Call
    slots: tuple[int, ...] | None
    places: tuple[Array | None, ...] = ()
    scratch: Array | None = None
    direct: Callable[..., None] | None = None


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
        single = tuple(source for source in call.inputs if isinstance(source, int))
        slots = single if len(single) == len(call.inputs) else None
        if call.kernel is None:
            return Step(call, slots)
        offset, size = call.scratch
        scratch = self.arena[offset : offset + size]
        places = tuple(None if spot is None else spot.view(self.arena) for spot in call.spots)
        ready = not call.layouts and not call.fresh
        direct = call.kernel.bound(places, scratch) if ready else None
        return Step(call, slots, places, scratch, direct)

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
        arrays = arguments(step, store)
        start = perf_counter()
        results = run_step(step, arrays, sizes)
        seconds.append(perf_counter() - start)
        if watch is not None:
            watch(call, arrays, [array for array in results if array is not None])
        for output, axis, name in call.finds:
            sizes[name] = results[output].shape[axis]
        for number, slot in enumerate(call.outputs):
            store[slot] = results[number]
        for slot in call.free:
            store[slot] = None
        if progress is not None:
            progress(len(seconds), len(program.steps), call.node.name)
    return seconds


def arguments(step: Step, store: Store) -> list[Any]:
    """The arguments of a call out of their slots."""
    if step.slots is None:
        return [fetched(store, source) for source in step.call.inputs]
    return list(map(store.__getitem__, step.slots))


def fetched(store: Store, source: Source) -> Any:
    """An argument out of its slot; a tuple for a variadic port."""
    return store[source] if isinstance(source, int) else tuple(store[slot] for slot in source)


def run_step(step: Step, arrays: list[Any], sizes: Mapping[str, int]) -> tuple[Any, ...]:
    """The results of one call: in the arena, or in arrays of their own."""
    call = step.call
    if call.kernel is None:
        return run_call(at_found(call, sizes), arrays)
    try:
        if step.direct is None:
            return run_kernel(call.kernel, step, arrays)
        step.direct(*arrays)
    except FAILURES as error:
        raise failure(call.node, arrays, error) from error
    return step.places


def run_kernel(kernel: Kernel, step: Step, arrays: list[Any]) -> tuple[Any, ...]:
    """The results of a kernel, after what it wants laid out and what has no place yet."""
    call = step.call
    for number, function in call.layouts:
        arrays[number] = function(arrays[number])
    out = tuple(
        empty(type_) if place is None and slot in call.fresh else place
        for place, slot, type_ in zip(step.places, call.outputs, call.types, strict=True)
    )
    kernel.run(arrays, out, step.scratch)
    return out


def at_found(call: Call, sizes: Mapping[str, int]) -> Call:
    """The call; one that waited for sizes gets the operator's definition at them."""
    return call if call.late is None else replace(call, function=call.late.at(sizes).compute)


def run_call(call: Call, arrays: Sequence[Any]) -> tuple[Array, ...]:
    """The results of one call that makes them itself."""
    try:
        result = call.function(*arrays)
    except FAILURES as error:
        raise failure(call.node, arrays, error) from error
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(call.outputs):
        cause = f"it gave {len(results)} results, {len(call.outputs)} were expected"
        raise failed(call.node, arrays, cause)
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


def failure(node: Node, arrays: Sequence[Any], error: Exception) -> FrameworkError:
    """What a run says of a node that raised this error."""
    if isinstance(error, FrameworkError):
        return located(error, node)
    return failed(node, arrays, f"{type(error).__name__}: {error}")


def failed(node: Node, arrays: Sequence[Any], cause: str) -> RunError:
    """A call that failed, with the shapes of its arguments."""
    lines = [f"{node_text(node)} failed: {cause}"]
    for label, array in labels(node.op, arrays):
        lines.append(f"  {label}: {array.dtype}{list(array.shape)}")
    return RunError("\n".join(lines))
