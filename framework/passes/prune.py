"""Prune: nodes that no output needs are dropped; inputs stay."""

from __future__ import annotations

from framework.ir.graph import Graph, Input
from framework.passes.rewrite import Rewriter


def prune(graph: Graph) -> Graph:
    """The graph without nodes whose results nobody uses."""
    wanted = {value.node for value in graph.outputs.values()}
    for node in reversed(list(graph)):
        if node.name in wanted:
            wanted.update(value.node for value in graph.wires_of(node.name).values())
    if all(node.name in wanted or isinstance(node.op, Input) for node in graph):
        return graph
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in wanted or isinstance(node.op, Input):
            rewriter.keep(node)
    return rewriter.finish()
