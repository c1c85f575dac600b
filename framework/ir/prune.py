"""Prune: nodes that no output needs are dropped; inputs stay."""

from __future__ import annotations

from framework.ir.graph import Graph, grouped


def prune(graph: Graph) -> Graph:
    """The graph without nodes whose results nobody uses."""
    wanted = graph.needed_by(graph.outputs.values()) | set(graph.inputs)
    if len(wanted) == len(graph):
        return graph
    fresh = Graph(graph.name, graph.doc)
    fresh.symbols, fresh.examples = graph.symbols, dict(graph.examples)
    fresh.conditions, fresh.scopes = list(graph.conditions), dict(graph.scopes)
    for node in graph:
        if node.name in wanted:
            fresh.add(node, grouped(node.op, graph.wires_of(node.name)))
            stored = node.parameters.values()
            fresh.parameters.update((name, graph.parameters[name]) for name in stored)
    fresh.outputs = dict(graph.outputs)
    return fresh
