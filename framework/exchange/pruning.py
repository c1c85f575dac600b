"""Leaves out what nobody uses."""

from __future__ import annotations

from framework.ir.graph import Graph, Node, Wires, grouped


def pruned(graph: Graph) -> Graph:
    """The graph without nodes whose results nobody uses; inputs stay."""
    names = {value.node for value in graph.outputs.values()}
    for node in reversed(list(graph)):
        if node.name in names:
            names.update(value.node for value in graph.wires_of(node.name).values())
    fresh = Graph(graph.name, graph.doc)
    fresh.symbols, fresh.examples = graph.symbols, dict(graph.examples)
    fresh.conditions = list(graph.conditions)
    for node in graph:
        if node.name in names or node.name in graph.inputs:
            copied(graph, node, fresh)
    fresh.outputs = dict(graph.outputs)
    return fresh


def copied(graph: Graph, node: Node, fresh: Graph) -> None:
    """Add a node and its parameters to another graph."""
    wires: Wires = grouped(node.op, graph.wires_of(node.name))
    fresh.add(node, wires)
    for name in node.parameters.values():
        fresh.parameters[name] = graph.parameters[name]
