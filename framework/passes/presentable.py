"""What passes made of a graph, as people want to see it: computed weights are weights again."""

from __future__ import annotations

from dataclasses import replace

from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.prune import prune
from framework.passes.rewrite import Rewriter, varying


def presentable(graph: Graph) -> Graph:
    """The graph with slots that a computation fills shown as stored weights.

    The result is for drawing and tables; its new weights have no values.
    """
    changing, rewriter = varying(graph), Rewriter(graph)
    for node in graph:
        rewriter.keep(without_computed(rewriter, node, changing))
    return prune(rewriter.finish())


def without_computed(rewriter: Rewriter, node: Node, changing: set[str]) -> Node:
    """The node with its computed slots as parameters."""
    slots = {slot.name for slot in node.op.ports.slots}
    computed = {
        port: value
        for port, value in rewriter.old.wires_of(node.name).items()
        if port in slots and value.node not in changing
    }
    if not computed:
        return node
    names = {port: stored(rewriter, node, port, value) for port, value in computed.items()}
    for port in computed:
        rewriter.unwired.add((node.name, port))
    return replace(node, parameters={**node.parameters, **names})


def stored(rewriter: Rewriter, node: Node, port: str, value: Value) -> str:
    """A parameter in the place of a computed weight."""
    type_ = rewriter.old.type_of(value)
    shape = tuple(int(str(size)) for size in type_.shape)
    name = f"{node.name}.{port}"
    fans = node.op.fans(port, shape)
    rewriter.extra[name] = Parameter(name, shape, type_.dtype, True, "zeros", fans)
    return name
