"""Where a size came from: the chain of nodes from an axis of a result back to what decides it.

An operator's rule is asked, not read: one axis of one input gets a symbol of its own, and the
axes of the result in which the symbol turns up come from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from framework.errors import FrameworkError
from framework.ir.dims import Shape, Size, Symbols, symbols_of
from framework.ir.graph import Graph, Input, Node, Value, grouped
from framework.ir.match import Given
from framework.ir.op import Op
from framework.ir.types import TensorType
from framework.report.lecture.equation import as_json

PROBE = "probe"


@dataclass(frozen=True)
class Source:
    """An axis of a node's input; ``same`` when the size passes unchanged."""

    value: Value
    axis: int
    same: bool


@dataclass(frozen=True)
class Stop:
    """One node on the way: the size there, and what was done to it."""

    node: str
    size: Size
    what: str

    def __str__(self) -> str:
        return f"{self.size}  {self.node}: {self.what}"

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return {"node": self.node, "size": as_json(self.size), "what": self.what}


def origin(graph: Graph, value: Value, axis: int) -> list[Stop]:
    """The nodes that decided the size of an axis, the nearest first."""
    stops: list[Stop] = []
    while True:
        node = graph[value.node]
        size = graph.type_of(value).shape[axis]
        found = sources(graph, node, value.output, axis)
        if len(found) == 1 and found[0].same:
            value, axis = found[0].value, found[0].axis
            continue
        stops.append(Stop(node.name, size, deed(graph, node, axis, size, found)))
        if len({(source.value, source.axis) for source in found}) != 1:
            return stops
        value, axis = found[0].value, found[0].axis


def deed(graph: Graph, node: Node, axis: int, size: Size, found: list[Source]) -> str:
    """What a node did to make the size."""
    if isinstance(node.op, Input):
        return f"axis {axis} of this input"
    if found:
        parts = [f"{graph.type_of(s.value).shape[s.axis]} of {s.value.node}" for s in found]
        return f"{node.op.name} makes it from {' and '.join(dict.fromkeys(parts))}"
    named = [name for name, value in node.op.values.items() if holds(value, size)]
    return f"{node.op.name} says {named[0]}: {size}" if named else f"{node.op.name} decides it"


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
        if axis < len(type_.shape) and type_.shape[axis] == size and symbols_of(size or 0):
            yield Source(value, axis, True)
            return
