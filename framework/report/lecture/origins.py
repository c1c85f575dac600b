"""Where a size came from: the chain of nodes from an axis of a result back to what decides it.

An operator's rule is asked, not read: one axis of one input gets a symbol of its own, and the
axes of the result in which the symbol turns up come from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from framework.errors import FrameworkError
from framework.ir.dims import Shape, Size, Symbols, substitute, symbols_of
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Input, Node, Value, grouped
from framework.ir.match import Given
from framework.ir.op import Op
from framework.ir.types import TensorType
from framework.report.lecture.equation import as_json

PROBE = "probe"
MOST = 40
"""Stops shown of one axis; a model that only joins could have thousands."""


@dataclass(frozen=True)
class Source:
    """An axis of a node's input; ``same`` when the size passes unchanged."""

    value: Value
    axis: int
    same: bool


@dataclass(frozen=True)
class Stop:
    """One node on the way: the size there, and what was done to it; blocks around it."""

    node: str
    size: Size
    what: str
    blocks: tuple[str, ...] = ()
    depth: int = 0
    """How often the way has split since the node itself."""

    def at(self, sizes: Mapping[str, int]) -> Size:
        """The size with numbers for symbols."""
        return substitute(self.size, sizes)

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        out: dict[str, object] = {"node": self.node, "size": as_json(self.size)}
        return out | {"what": self.what, "depth": self.depth, "blocks": list(self.blocks)}


def origin(graph: Graph, value: Value, axis: int) -> list[Stop]:
    """The nodes that decided the size of an axis, the nearest first, each before its sources."""
    stops: list[Stop] = []
    waiting, seen = [(value, axis, 0)], {(value, axis)}
    while waiting and len(stops) < MOST:
        value, axis, depth = waiting.pop()
        node, size = graph[value.node], graph.type_of(value).shape[axis]
        found = sources(graph, node, value.output, axis)
        deeper = depth
        if not (len(found) == 1 and found[0].same):
            around = tuple(graph.scopes[path].block for path in scopes_around(graph, node.name))
            what = deed(graph, node, axis, size, found)
            stops.append(Stop(node.name, size, what, around, depth))
            deeper = depth + (len(found) > 1)
        new = [s for s in dict.fromkeys(found) if (s.value, s.axis) not in seen]
        seen.update((s.value, s.axis) for s in new)
        waiting += [(s.value, s.axis, deeper) for s in reversed(new)]
    return stops


def deed(graph: Graph, node: Node, axis: int, size: Size, found: list[Source]) -> str:
    """What a node did to make the size."""
    if isinstance(node.op, Input):
        return f"axis {axis} of this input"
    if found:
        return f"{node.op.name} makes it from {' and '.join(parts_of(graph, found))}"
    named = [name for name, value in node.op.values.items() if holds(value, size)]
    return f"{node.op.name} says {named[0]}: {size}" if named else f"{node.op.name} decides it"


def parts_of(graph: Graph, found: list[Source]) -> list[str]:
    """``14 and 14 of patchify``: each size, and whose it is where that changes."""
    parts = [(str(graph.type_of(s.value).shape[s.axis]), s.value.node) for s in found]
    owners = [owner for _, owner in parts][1:]
    return [
        size if owner == following else f"{size} of {owner}"
        for (size, owner), following in zip(parts, [*owners, None], strict=True)
    ]


def holds(value: Any, size: Size) -> bool:
    """Is an attribute this size, or a list with it?"""
    if isinstance(value, tuple):
        return any(holds(item, size) for item in value)
    return not isinstance(value, bool | str) and value is not None and bool(value == size)


def sources(graph: Graph, node: Node, output: int, axis: int) -> list[Source]:
    """The axes of the inputs on which an axis of a result depends."""
    wires = grouped(node.op, graph.wires_of(node.name))
    given = graph.given_by(wires)
    plain = shapes(node.op, given)
    found: list[Source] = []
    for port, number, value, type_ in tensors(wires, given):
        for place, size in enumerate(type_.shape):
            probed = shapes(node.op, with_probe(given, port, number, place))
            source = compared(value, place, size, axis_of(probed, output, axis))
            found += [source] if source is not None else []
    if not found and plain is not None:
        found = list(same_place(graph, wires, axis, axis_of(plain, output, axis)))
    return found


def tensors(wires: Any, given: dict[str, Given]) -> Iterator[tuple[str, int, Value, TensorType]]:
    """Port, number within it, wire and type of every input."""
    for port, value in wires.items():
        types = given[port]
        if isinstance(types, TensorType):
            yield port, 0, value, types
        else:
            yield from ((port, i, value[i], type_) for i, type_ in enumerate(types))


def with_probe(given: dict[str, Given], port: str, number: int, place: int) -> dict[str, Given]:
    """The types with a symbol of its own in place of one size."""
    symbol = Symbols().declare(PROBE)
    types = given[port]
    single = isinstance(types, TensorType)
    many = [types] if isinstance(types, TensorType) else list(types)
    shape = many[number].shape
    many[number] = TensorType((*shape[:place], symbol, *shape[place + 1 :]), many[number].dtype)
    return {**given, port: many[0] if single else tuple(many)}


def shapes(op: Op, given: dict[str, Given]) -> list[Shape] | None:
    """Shapes of the results; None where the rule refuses these inputs."""
    try:
        found = op.match(given)
        return [shape for port in op.ports.outputs for shape in found.results(port)]
    except FrameworkError:
        return None


def axis_of(found: list[Shape] | None, output: int, axis: int) -> Size | None:
    """One axis of one result, if it is there."""
    if found is None or output >= len(found) or axis >= len(found[output]):
        return None
    return found[output][axis]


def compared(value: Value, place: int, size: Size, result: Size | None) -> Source | None:
    """The source, if the probe turns up in the result."""
    if result is None or PROBE not in symbols_of(result):
        return None
    return Source(value, place, str(result) == PROBE)


def same_place(graph: Graph, wires: Any, axis: int, size: Size | None) -> Iterator[Source]:
    """Where the rule refuses a probe: the first input with the same size at the same place."""
    for _, _, value, type_ in tensors(wires, graph.given_by(wires)):
        if size is not None and axis < len(type_.shape) and type_.shape[axis] == size:
            yield Source(value, axis, True)
            return
