"""Open: a composite becomes the smaller operators that it stands for, where that is faster.

Multi-head attention opened shares its input's product with its neighbours, writes its
projections into planned buffers, and lets the residual be added in the last product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from framework.ir.dims import Shape
from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.passes.rewrite import Rewriter, readers

OPENED = ("multi_head_attention",)
"""Composites whose parts are faster than the whole."""


@dataclass(frozen=True)
class Stored:
    """A stored weight as an argument of a decomposition."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Opener:
    """The ``g`` of `Op.decompose`: adds the smaller operators to the new graph."""

    def __init__(self, rewriter: Rewriter, node: Node) -> None:
        self.rewriter = rewriter
        self.node = node

    def __getattr__(self, operator: str) -> Callable[..., Any]:
        def add(*given: Any, **attributes: Any) -> Any:
            return self._add(operator, given, attributes)

        return add

    def _add(self, operator: str, given: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """One operator; values stand in the order of its signature."""
        op = find_op(operator)(**attributes)
        wires: dict[str, Value | tuple[Value, ...]] = {}
        parameters: dict[str, str] = {}
        if op.ports.tensors and op.ports.tensors[0].variadic:
            wires[op.ports.tensors[0].name] = tuple(map(self.value, given))
        else:
            for port, value in zip(op.ports.inputs, given, strict=False):
                if isinstance(value, Stored) and port.parameter:
                    parameters[port.name] = value.name
                elif value is not None:
                    wires[port.name] = self.value(value)
        name = f"{self.node.name}.{operator}"
        added = self.rewriter.add(name, op, wires, parameters)
        values = tuple(Value(added.name, i) for i in range(len(added.outputs)))
        return values if len(values) > 1 else values[0]

    def value(self, given: Any) -> Value:
        """A value of the new graph."""
        if isinstance(given, Stored):
            return self.rewriter.stored(given.name)
        found: Value = given
        return found

    def shape(self, given: Any) -> Shape:
        """Shape of an argument."""
        return given.shape if isinstance(given, Stored) else self.rewriter.new.type_of(given).shape

    def dtype(self, given: Any) -> str:
        """Kind of element of an argument."""
        return given.dtype if isinstance(given, Stored) else self.rewriter.new.type_of(given).dtype


def open_composites(graph: Graph) -> Graph:
    """Open the composites that are faster in parts, unless their weights are asked for."""
    if not any(node.op.name in OPENED for node in graph):
        return graph
    used, rewriter = readers(graph), Rewriter(graph)
    for node in graph:
        hidden = all(Value(node.name, i) not in used for i in range(1, len(node.outputs)))
        if node.op.name in OPENED and hidden:
            found = opened(rewriter, node)
            rewriter.replace(node, *(found if isinstance(found, tuple) else (found,)))
        else:
            rewriter.keep(node)
    return rewriter.finish()


def opened(rewriter: Rewriter, node: Node) -> Any:
    """The results of the decomposition."""
    wires = rewriter.wires(node)
    arguments: list[Any] = []
    for port in node.op.ports.inputs:
        if port.name in node.parameters:
            stored = rewriter.old.parameters[node.parameters[port.name]]
            arguments.append(Stored(stored.name, stored.shape, stored.dtype))
        else:
            arguments.append(wires.get(port.name))
    decompose: Any = node.op
    return decompose.decompose(Opener(rewriter, node), *arguments)
