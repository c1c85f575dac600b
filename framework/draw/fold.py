"""Which units stand for the nodes of a graph: blocks closed or open, equal copies shown once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from framework.ir.copies import equal_runs
from framework.ir.describe import describe
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Node, Value

QUIET = ("shape",)
"""Categories that only move elements; with one input they are drawn as part of an arrow."""

TELLING = ("upsample", "resize", "roll", "depth_to_space", "space_to_depth")
"""Operators of these categories that are a step of the network all the same."""

SILENT_OPS = ("dropout", "identity")


@dataclass(frozen=True)
class Repeats:
    """Repeated blocks whose copies are equal: the numbers of those beside each, by its path."""

    graph: Graph
    runs: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, graph: Graph) -> Repeats:
        """Compare the copies by operator and types."""
        facts = {
            node.name: (describe(node.op), node.outputs, stored(graph, node)) for node in graph
        }
        return cls(graph, equal_runs(graph, facts))

    def canonical(self, name: str) -> str:
        """The same place in the first of the equal copies, of every repeat around it."""
        parts = name.split(".")
        for end in range(1, len(parts)):
            run = self.runs.get(".".join(parts[: end + 1]))
            if run is not None:
                parts[end] = str(run[0])
        return ".".join(parts)

    def count(self, path: str) -> int:
        """How many equal copies the scope at ``path`` stands for."""
        return len(self.runs.get(path, (0,)))

    def together(self, base: str, one: str, other: str) -> bool:
        """Are these two numbers those of copies that are shown as one?"""
        run = self.runs.get(f"{base}.{one}")
        return run is not None and other.isdecimal() and int(other) in run


def stored(graph: Graph, node: Node) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The weights of a node with their shapes, in which what it reads shows as well."""
    return tuple((slot, graph.parameters[name].shape) for slot, name in node.parameters.items())


class Folding:
    """Maps nodes to the units that show them.

    ``open`` tells which scopes are drawn open (canonical paths); ``quiet`` hides operators that
    only move elements.
    """

    def __init__(
        self, graph: Graph, repeats: Repeats, open_: Collection[str], quiet: bool, root: str = ""
    ) -> None:
        self.graph = graph
        self.repeats = repeats
        self.open = open_
        self.quiet = quiet
        self.root = root

    def unit(self, name: str) -> str:
        """The unit that shows a node: itself, or the outermost closed block around it."""
        path = self.repeats.canonical(name)
        for scope in scopes_around(self.graph, path):
            inside = scope == self.root or self.root.startswith(f"{scope}.")
            if not inside and scope not in self.open:
                return scope
        return path

    def inside(self, name: str) -> bool:
        """Does the node belong to the part that is drawn?"""
        return not self.root or self.repeats.canonical(name).startswith(f"{self.root}.")

    def hidden(self, node: Node) -> bool:
        """Is the node drawn as part of an arrow?"""
        if not self.quiet or self.unit(node.name) != self.repeats.canonical(node.name):
            return False
        moves = node.op.category in QUIET and node.op.name not in TELLING
        silent = moves or node.op.name in SILENT_OPS
        outputs = {value.node for value in self.graph.outputs.values()}
        return silent and len(self.graph.wires_of(node.name)) == 1 and node.name not in outputs

    def source(self, value: Value) -> Value:
        """The value that is drawn: behind all hidden nodes."""
        while True:
            node = self.graph[value.node]
            if not self.inside(node.name) or not self.hidden(node):
                return value
            value = next(iter(self.graph.wires_of(node.name).values()))
