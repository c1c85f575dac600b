"""Runs a plan call by call; a failure is told with its node, place and operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from framework.errors import FrameworkError, InputError, Mistake, RunError
from framework.ir.describe import describe
from framework.ir.graph import Node
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


def execute(
    plan: Plan, store: Store, watch: Watch | None = None, progress: Progress | None = None
) -> list[float]:
    """Run all calls on the slots in ``store``; returns the seconds of each call.

    Raises RunError for a call that fails.
    """
    seconds: list[float] = []
    sizes: dict[str, int] = {}
    for call in plan.calls:
        arrays = [fetched(store, source) for source in call.inputs]
        start = perf_counter()
        results = run_call(at_found(call, sizes), arrays)
        seconds.append(perf_counter() - start)
        if watch is not None:
            watch(call, arrays, results)
        sizes.update((name, results[output].shape[axis]) for output, axis, name in call.finds)
        for slot, array in zip(call.outputs, results, strict=True):
            store[slot] = array
        for slot in call.free:
            store[slot] = None
        if progress is not None:
            progress(len(seconds), len(plan.calls), call.node.name)
    return seconds


def at_found(call: Call, sizes: Mapping[str, int]) -> Call:
    """The call; one that waited for sizes gets the operator's definition at them."""
    return call if call.late is None else replace(call, function=call.late.at(sizes).compute)


def fetched(store: Store, source: Source) -> Any:
    """An argument out of its slot; a tuple for a variadic port."""
    return store[source] if isinstance(source, int) else tuple(store[slot] for slot in source)


def run_call(call: Call, arrays: Sequence[Any]) -> tuple[Array, ...]:
    """The results of one call."""
    try:
        result = call.function(*arrays)
    except FrameworkError as error:
        raise located(error, call.node) from error
    except FAILURES as error:
        raise failure(call.node, arrays, f"{type(error).__name__}: {error}") from error
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(call.outputs):
        wanted = f"it gave {len(results)} results, {len(call.outputs)} were expected"
        raise failure(call.node, arrays, wanted)
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
