"""The whole explanation of one node: `lecture(graph, node, sizes)`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace

from framework.errors import Place
from framework.ir.describe import describe
from framework.ir.find import scopes_around, value_name
from framework.ir.graph import Graph, Input, Node, Value
from framework.ir.match import Given
from framework.ir.op import Cost, Op
from framework.ir.types import TensorType
from framework.report.lecture.equation import Equation, as_json
from framework.report.lecture.fields import Field, receptive_fields
from framework.report.lecture.heads import Part, attention_parts
from framework.report.lecture.origins import Stop, origin
from framework.report.lecture.shapes import bound, shape_equations
from framework.report.lecture.work import reason, work_equations


@dataclass(frozen=True)
class Around:
    """A block copy that holds the node: where it is used, and with which arguments."""

    path: str
    block: str
    place: Place | None
    arguments: str


@dataclass(frozen=True)
class Lecture:
    """How one node came to its shape."""

    name: str
    operator: str
    first_line: str
    signature: str
    place: Place | None
    around: tuple[Around, ...]
    inputs: dict[str, tuple[str, TensorType]]
    outputs: dict[str, TensorType]
    parameters: dict[str, tuple[int, ...]]
    letters: tuple[tuple[str, str], ...]
    equations: tuple[Equation, ...]
    work: tuple[Equation, ...]
    cost: Cost
    reason: str
    parts: tuple[Part, ...]
    field: Field | None
    origins: tuple[tuple[Stop, ...], ...]
    sizes: Mapping[str, int]


def lecture(
    graph: Graph,
    value: Value,
    sizes: Mapping[str, int],
    arguments: Mapping[Place, str] | None = None,
) -> Lecture:
    """Explain a node; ``sizes`` put numbers in place of symbols.

    ``arguments`` are the texts of ``with:`` by the place of the node that uses a block.
    """
    node = graph[value.node]
    given = graph.given_to(node.name)
    general = node.op.match(given)
    op = node.op.at(sizes)
    d = op.match({port: at(types, sizes) for port, types in given.items()})
    names = node.op.output_names(len(node.outputs))
    shape = node.outputs[value.output].shape
    return Lecture(
        value_name(graph, value),
        describe(node.op),
        first_line(node.op),
        node.op.signature,
        node.place,
        tuple(surroundings(graph, node, arguments or {})),
        wired(graph, node, sizes),
        {name: type_.at(sizes) for name, type_ in zip(names, node.outputs, strict=True)},
        {slot: graph.parameters[name].shape for slot, name in node.parameters.items()},
        tuple(bound(op, d)),
        compared(shape_equations(op, d), shape_equations(node.op, general)),
        compared(work_equations(op, d), work_equations(node.op, general)),
        Cost() if isinstance(op, Input) else op.cost(d),
        reason(op),
        tuple(attention_parts(op, d)),
        receptive_fields(graph, sizes).get(node.name),
        tuple(tuple(origin(graph, value, axis)) for axis in range(len(shape))),
        sizes,
    )


def at(types: Given, sizes: Mapping[str, int]) -> Given:
    """The types with numbers for symbols."""
    if isinstance(types, TensorType):
        return types.at(sizes)
    return tuple(type_.at(sizes) for type_ in types)


def compared(numbers: list[Equation], general: list[Equation]) -> tuple[Equation, ...]:
    """The equations in numbers, each with its value in symbols."""
    if [e.name for e in numbers] != [e.name for e in general]:
        return tuple(numbers)
    return tuple(replace(e, general=g.value) for e, g in zip(numbers, general, strict=True))


def first_line(op: Op) -> str:
    """What the operator does."""
    text = inspect.cleandoc(op.__doc__ if op.__doc__ is not None else "")
    return " ".join(text.split("\n\n")[0].split())


def surroundings(graph: Graph, node: Node, arguments: Mapping[Place, str]) -> list[Around]:
    """The block copies around a node, outermost first."""
    scopes = [graph.scopes[path] for path in scopes_around(graph, node.name)]
    texts = [arguments.get(scope.place, "") if scope.place else "" for scope in scopes]
    return [Around(s.path, s.block, s.place, t) for s, t in zip(scopes, texts, strict=True)]


def wired(graph: Graph, node: Node, sizes: Mapping[str, int]) -> dict[str, tuple[str, TensorType]]:
    """For each port: what is connected, and its type."""
    wires = graph.wires_of(node.name)
    return {port: (value_name(graph, v), graph.type_of(v).at(sizes)) for port, v in wires.items()}


def as_dict(found: Lecture) -> dict[str, object]:
    """The explanation for programs; formulas are texts."""
    place = found.place
    return {
        "node": found.name,
        "operator": found.operator,
        "doc": found.first_line,
        "signature": found.signature,
        "file": None if place is None else place.source.name,
        "line": None if place is None else place.line,
        "blocks": [as_json_block(around) for around in found.around],
        "inputs": {p: {"from": name, **typed(t)} for p, (name, t) in found.inputs.items()},
        "outputs": {name: typed(type_) for name, type_ in found.outputs.items()},
        "parameters": {slot: list(shape) for slot, shape in found.parameters.items()},
        "letters": dict(found.letters),
        "shape_equations": [equation.as_dict() for equation in found.equations],
        "work_equations": [equation.as_dict() for equation in found.work],
        "macs": as_json(found.cost.macs),
        "elementwise": as_json(found.cost.elementwise),
        "counted": found.reason,
        "attention": [part.as_dict() for part in found.parts],
        "receptive_field": None if found.field is None else found.field.as_dict(),
        "origins": [[stop.as_dict() for stop in chain] for chain in found.origins],
        "sizes": dict(found.sizes),
    }


def as_json_block(around: Around) -> dict[str, object]:
    """A block copy for programs."""
    line = None if around.place is None else around.place.line
    return {"path": around.path, "block": around.block, "line": line, "with": around.arguments}


def typed(type_: TensorType) -> dict[str, object]:
    """A type for programs."""
    return {"shape": [as_json(size) for size in type_.shape], "dtype": type_.dtype}
