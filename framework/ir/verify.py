"""What every typed graph satisfies; tests call it between passes.

Nodes stand after everything that they read, so that no cycle is possible; each required port
is connected exactly once; the stored types are those that the operators infer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from framework.errors import Mistake, ShapeError, did_you_mean
from framework.ir.dims import Size, Symbols, format_shape, substitute
from framework.ir.graph import Graph, Node
from framework.ir.op import Inference
from framework.ir.types import TensorType


def verify(graph: Graph) -> None:
    """Raise `ShapeError` with the first fact that makes the graph unsound."""
    seen: set[str] = set()
    for node in graph:
        check_edges(graph, node, seen)
        check_ports(graph, node)
        check_types(graph, node)
        seen.add(node.name)
    for name, value in graph.outputs.items():
        check_result(graph, value.node, value.output, f"output '{name}'")


def check_edges(graph: Graph, node: Node, seen: set[str]) -> None:
    """Everything that a node reads stands before it, which no cycle can satisfy."""
    for port, value in graph.wires_of(node.name).items():
        if value.node not in seen:
            raise ShapeError(f"{node.name}: reads {value.node} (port {port}), which comes after it")
        check_result(graph, value.node, value.output, f"{node.name}: port {port}")


def check_result(graph: Graph, name: str, output: int, where: str) -> None:
    """The node exists and has a result of this number."""
    if name not in graph:
        raise ShapeError(f"{where} reads {name}, which does not exist")
    count = len(graph[name].outputs)
    if not 0 <= output < count:
        raise ShapeError(f"{where} reads result {output} of {name}, which has {count}")


def check_ports(graph: Graph, node: Node) -> None:
    """Each port is one of the signature's; variadic ones have no gap."""
    used = graph.wires_of(node.name)
    known = set(expected_ports(node, used))
    for port in used:
        if port not in known:
            raise ShapeError(f"{node.name}: {node.op.name} has no port {port} here")


def expected_ports(node: Node, used: Collection[str]) -> Iterator[str]:
    """Names of all edges that a node can have; ``xs.0`` to ``xs.n-1`` where n begin with ``xs.``.

    Of n edges, one must lie outside of this range if a number is left out.
    """
    for port in node.op.ports.inputs:
        if port.variadic:
            count = sum(name.startswith(f"{port.name}.") for name in used)
            yield from (f"{port.name}.{number}" for number in range(count))
        else:
            yield port.name


def check_types(graph: Graph, node: Node) -> None:
    """Outputs and parameters have the types that the operator infers."""
    try:
        inferred = node.op.infer(graph.given_to(node.name), graph.namer(node.name))
    except Mistake as mistake:
        raise ShapeError(f"{node.name}: {mistake.fact}", hint=mistake.hint) from None
    if node.outputs != inferred.outputs:
        raise ShapeError(
            f"{node.name}: stored as {types_text(node.outputs)}, "
            f"inferred as {types_text(inferred.outputs)}"
        )
    for condition in inferred.conditions:
        if fact := condition.broken({}):
            raise ShapeError(f"{node.name}: {fact}")
    check_parameters(graph, node, inferred)


def check_parameters(graph: Graph, node: Node, inferred: Inference) -> None:
    """Each slot has its parameter, which exists with the inferred shape and dtype."""
    if node.parameters.keys() != inferred.parameters.keys():
        raise ShapeError(
            f"{node.name}: has parameters for {sorted(node.parameters)}, "
            f"needs them for {sorted(inferred.parameters)}"
        )
    for slot, wanted in inferred.parameters.items():
        name = node.parameters[slot]
        if name not in graph.parameters:
            raise ShapeError(f"{node.name}: the parameter {name} does not exist")
        stored = graph.parameters[name]
        if (stored.shape, stored.dtype) != (wanted.shape, wanted.dtype):
            raise ShapeError(
                f"{node.name}: the parameter {name} is {stored.dtype}{format_shape(stored.shape)}, "
                f"{slot} must be {wanted}"
            )


def types_text(types: tuple[TensorType, ...]) -> str:
    """Types side by side."""
    return " and ".join(map(str, types))


def check_sizes(symbols: Symbols, sizes: Mapping[str, Size]) -> None:
    """Every size has a declared name, and is within what was declared."""
    for name in sizes:
        if name not in symbols:
            raise ShapeError(f"no size is called {name}", hint=did_you_mean(name, symbols))
        substitute(symbols[name], sizes)
