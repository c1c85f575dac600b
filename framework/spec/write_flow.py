"""The nodes of a graph in the order of their text, and how long each value is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from framework.ir.graph import Graph, Input, Node, Value, grouped
from framework.ir.types import TensorType

FOREVER = 1 << 60
"""Position at which the outputs of the model read their values."""

Wired = dict[str, Value | tuple[Value, ...]]


class Flow:
    """Nodes that somebody needs, in an order in which most read the one before them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.wires: dict[str, Wired] = {
            node.name: grouped(node.op, graph.wires_of(node.name)) for node in graph
        }
        self.reads = {name: tuple(listed(wires)) for name, wires in self.wires.items()}
        self.nodes = self._ordered()
        self.position = {node.name: place for place, node in enumerate(self.nodes)}
        self.last_use = self._last_uses()
        self.owners = self._owners()

    def type_of(self, value: Value) -> TensorType:
        """Type of a value."""
        return self.graph.type_of(value)

    def place_of(self, value: Value) -> int:
        """Position of the node that makes a value; -1 for an input of the model."""
        return self.position.get(value.node, -1)

    def _ordered(self) -> list[Node]:
        """The order of the graph, or one from the outputs backwards where that is better."""
        needed = self._needed()
        given = self._sunk([node.name for node in self.graph if node.name in needed])
        found = self._sunk(self._depth_first())
        better = self._links(found) > 1.1 * self._links(given) + 2
        return [self.graph[name] for name in (found if better else given)]

    def _needed(self) -> set[str]:
        """Names of the nodes that an output depends on, inputs left out."""
        waiting = [value.node for value in self.graph.outputs.values()]
        needed: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in needed and not isinstance(self.graph[name].op, Input):
                needed.add(name)
                waiting += (value.node for value in self.reads[name])
        return needed

    def _depth_first(self) -> list[str]:
        """Each node after the chains that it reads, first port first."""
        done: dict[str, None] = {}
        waiting = [(value.node, False) for value in reversed(self.graph.outputs.values())]
        while waiting:
            name, ready = waiting.pop()
            if name in done or isinstance(self.graph[name].op, Input):
                continue
            if ready:
                done[name] = None
                continue
            waiting.append((name, True))
            sources = reversed(self.reads[name])
            waiting += ((value.node, False) for value in sources if value.node not in done)
        return list(done)

    def _sunk(self, names: list[str]) -> list[str]:
        """Parameters and constants with one user stand directly before it."""
        users: dict[str, list[str]] = {}
        for name in names:
            for source in dict.fromkeys(value.node for value in self.reads[name]):
                users.setdefault(source, []).append(name)
        kept = {value.node for value in self.graph.outputs.values()}
        sinking = {
            name
            for name in names
            if not self.reads[name] and len(users.get(name, ())) == 1 and name not in kept
        }
        out: list[str] = []
        for name in names:
            if name not in sinking:
                sources = dict.fromkeys(value.node for value in self.reads[name])
                out += (source for source in sources if source in sinking)
                out.append(name)
        return out

    def _links(self, names: list[str]) -> int:
        """How many nodes read the one directly before them."""
        pairs = itertools.pairwise(names)
        return sum(any(v.node == before for v in self.reads[name]) for before, name in pairs)

    def _last_uses(self) -> dict[Value, int]:
        """Position of the last reader of each value."""
        last: dict[Value, int] = {}
        for place, node in enumerate(self.nodes):
            for value in self.reads[node.name]:
                last[value] = place
        last.update(dict.fromkeys(self.graph.outputs.values(), FOREVER))
        return last

    def _owners(self) -> dict[str, tuple[int, str]]:
        """For each stored tensor the first node that uses it, and at which slot."""
        owners: dict[str, tuple[int, str]] = {}
        for place, node in enumerate(self.nodes):
            for slot, name in node.parameters.items():
                owners.setdefault(name, (place, slot))
        return owners

    def borrowed(self, place: int) -> list[tuple[str, int, str]]:
        """Slots of a node whose tensor belongs to another slot: slot, place and slot there."""
        found = []
        for slot, name in self.nodes[place].parameters.items():
            owner = self.owners[name]
            if owner != (place, slot):
                found.append((slot, *owner))
        return found


def listed(wires: Wired) -> Iterable[Value]:
    """All values that a node reads, in the order of its ports."""
    for value in wires.values():
        if isinstance(value, Value):
            yield value
        else:
            yield from value
