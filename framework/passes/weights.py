"""Weights of products: which are the same in every run, and read by nobody else."""

from __future__ import annotations

from collections import Counter

from framework.ir.graph import Graph, Node, Value
from framework.passes.rewrite import readers, varying

PRODUCTS = ("conv", "linear")
"""Operators whose weight has the outputs along its first axis, the inputs along its second."""


class Weights:
    """Who reads what in a graph, and what no input reaches."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.used = readers(graph)
        self.varying = varying(graph)
        self.stored = Counter(name for node in graph for name in node.parameters.values())

    def owned(self, node: Node) -> bool:
        """Are all weights of this node its own?  Others would have to be kept as they are, too."""
        stored = all(self.stored[name] == 1 for name in node.parameters.values())
        return stored and all(map(self.single, self.computed(node).values()))

    def single(self, value: Value) -> bool:
        """Is this the same in every run, and read once?"""
        return value.node not in self.varying and len(self.used[value]) == 1

    def computed(self, node: Node) -> dict[str, Value]:
        """What is wired to the slots of a node."""
        wires = self.graph.wires_of(node.name)
        return {slot.name: wires[slot.name] for slot in node.op.ports.slots if slot.name in wires}
