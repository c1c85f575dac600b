"""`Rewriter`: builds a new graph out of an old one, node by node, in order.

A pass keeps most nodes and says for some what stands in their place.  The old graph is never
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import TypeVar

from framework.ir.graph import Graph, Node, Parameter, Value, Wires, grouped
from framework.ir.match import Given
from framework.ir.op import Op, find_op
from framework.ir.types import TensorType

Group = TypeVar("Group")
"""What a pass knows of nodes that become one."""


class Rewriter:
    """The graph that is being built, and what each old value has become."""

    def __init__(self, old: Graph) -> None:
        self.old = old
        self.new = Graph(old.name, old.doc)
        self.new.symbols = old.symbols
        self.new.examples = dict(old.examples)
        self.new.conditions = list(old.conditions)
        self.new.scopes = dict(old.scopes)
        self.values: dict[Value, Value] = {}
        self.extra: dict[str, Parameter] = {}
        """Parameters that the old graph does not have."""
        self.unwired: set[tuple[str, str]] = set()
        """Ports (node, port) that a kept node no longer reads."""
        self._stored: dict[str, Value] = {}
        self._types: dict[tuple[object, ...], tuple[TensorType, ...]] = {}

    def wires(self, node: Node) -> dict[str, Value | tuple[Value, ...]]:
        """What an old node reads, in the new graph."""
        return {
            port: self.values[value]
            if isinstance(value, Value)
            else tuple(self.values[v] for v in value)
            for port, value in grouped(node.op, self.old.wires_of(node.name)).items()
            if (node.name, port) not in self.unwired
        }

    def keep(self, node: Node) -> None:
        """Take an old node as it is."""
        wires = {
            port: self.values[value]
            for port, value in self.old.wires_of(node.name).items()
            if (node.name, port) not in self.unwired
        }
        self.new.add(node, wires)
        self.store(node.parameters.values())
        for output in range(len(node.outputs)):
            value = Value(node.name, output)
            self.values[value] = value

    def add(
        self,
        name: str,
        op: Op,
        wires: Wires,
        parameters: Mapping[str, str] | None = None,
        like: Node | None = None,
        outputs: tuple[TensorType, ...] | None = None,
    ) -> Node:
        """Add a node in the place of ``like``; its name gets a number where it is taken.

        ``outputs`` are the types of its results where they are known.
        """
        free, number = name, 1
        while free in self.new or free in self.old:
            if like is not None and free == like.name and free not in self.new:
                break
            number += 1
            free = f"{name}_{number}"
        stored = {} if parameters is None else dict(parameters)
        if outputs is None:
            given = self.new.given_by(wires) | {s: self.stored_type(n) for s, n in stored.items()}
            outputs = self._inferred(free, op, given)
        place, doc = (None, None) if like is None else (like.place, like.doc)
        node = Node(free, op, outputs, stored, place, doc)
        self.new.add(node, wires)
        self.store(stored.values())
        return node

    def _inferred(self, name: str, op: Op, given: dict[str, Given]) -> tuple[TensorType, ...]:
        """Types of the results; inferred once for nodes that are alike."""
        key = (op, *given.items())
        if key not in self._types:
            found = len(self.new.symbols.found)
            outputs = op.infer(given, self.new.namer(name)).outputs
            if len(self.new.symbols.found) > found:  # sizes that are this node's own
                return outputs
            self._types[key] = outputs
        return self._types[key]

    def store(self, names: Iterable[str]) -> None:
        """Take stored weights over."""
        for name in names:
            known = self.extra if name in self.extra else self.old.parameters
            self.new.parameters[name] = known[name]

    def stored(self, name: str) -> Value:
        """A stored weight as a value: what is computed from weights is computed once a plan."""
        if name not in self._stored:
            type_ = self.stored_type(name)
            op = find_op("parameter")(shape=type_.shape, dtype=type_.dtype)
            node = self.add(f"{name}.stored", op, {}, {"value": name}, outputs=(type_,))
            self._stored[name] = Value(node.name)
        return self._stored[name]

    def slot(self, node: Node, slot: str) -> Value | None:
        """What an old node finds at a slot, stored or computed; None where it is empty."""
        if slot in node.parameters:
            return self.stored(node.parameters[slot])
        wired = self.old.wires_of(node.name).get(slot)
        return None if wired is None else self.values[wired]

    def stored_type(self, name: str) -> TensorType:
        """Type of a stored weight."""
        parameter = self.old.parameters[name]
        return TensorType(parameter.shape, parameter.dtype)

    def replace(self, node: Node, *values: Value) -> None:
        """Say what the results of an old node have become."""
        for output, value in enumerate(values):
            self.values[Value(node.name, output)] = value

    def finish(self) -> Graph:
        """The new graph."""
        self.new.outputs = {name: self.values[v] for name, v in self.old.outputs.items()}
        return self.new


def with_groups(
    graph: Graph,
    ends: Mapping[str, Group],
    gone: Set[str],
    attach: Callable[[Rewriter, Group], Value],
) -> Graph:
    """The graph with one node for each group, in the place of its last one; the others are gone.

    It is the same graph where there is no group.
    """
    if not ends:
        return graph
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in ends:
            rewriter.replace(node, attach(rewriter, ends[node.name]))
        elif node.name not in gone:
            rewriter.keep(node)
    return rewriter.finish()


def readers(graph: Graph) -> dict[Value, list[str]]:
    """Names of the nodes that read each value, once for each port; outputs count as ``""``."""
    found: dict[Value, list[str]] = {}
    for node in graph:
        for value in graph.wires_of(node.name).values():
            found.setdefault(value, []).append(node.name)
    for value in graph.outputs.values():
        found.setdefault(value, []).append("")
    return found


def only_reader(graph: Graph, node: Node, used: dict[Value, list[str]]) -> Node | None:
    """The node that alone reads this one's result, if it is no output of the model."""
    names = used.get(Value(node.name), [])
    return graph[names[0]] if len(names) == 1 and names[0] else None


def varying(graph: Graph) -> set[str]:
    """Names of the nodes that depend on an input or on chance; the others are computed once."""
    found: set[str] = set()
    for node in graph:
        sources = graph.wires_of(node.name).values()
        if node.op.name == "input" or node.op.random or any(v.node in found for v in sources):
            found.add(node.name)
    return found
