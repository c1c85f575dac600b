"""Share: equal nodes that read equal values are one node."""

from __future__ import annotations

from framework.ir.graph import Graph, Node, Value, Wires
from framework.passes.rewrite import Rewriter

Key = tuple[object, ...]


def share(graph: Graph) -> Graph:
    """Compute once what two nodes would compute from the same values and weights."""
    if len({hash(key_of(node, graph.wires_of(node.name))) for node in graph}) == len(graph):
        return graph
    rewriter, first = Rewriter(graph), dict[Key, Node]()
    for node in graph:
        key = key_of(node, rewriter.wires(node))
        if node.op.random or node.op.name == "input" or key not in first:
            rewriter.keep(node)
            first.setdefault(key, node)
        else:
            same = first[key].name
            rewriter.replace(node, *(Value(same, i) for i in range(len(node.outputs))))
    return rewriter.finish()


def key_of(node: Node, wires: Wires) -> Key:
    """Equal for nodes that compute the same."""
    return (node.op, tuple(sorted(wires.items())), tuple(sorted(node.parameters.items())))
