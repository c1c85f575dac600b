"""Forms: groups with the same operators, wires and names have one, whatever their numbers."""

from __future__ import annotations

from collections.abc import Hashable

from framework.ir.graph import Value
from framework.spec.write_parts import Group, Item, Leaf, Maker, Run

OUTSIDE = -1
Ends = dict[Value, tuple[int, int]]
"""Where a value comes from within a group: the child's number and its output, or the input."""


class Forms:
    """Numbers the forms of groups."""

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        self.known: dict[Hashable, int] = {}
        self._tokens: dict[Hashable, int] = {}
        self._leaf_tokens: dict[int, int] = {}

    def of(self, group: Group) -> int:
        """The form of a group, whose inner groups have theirs."""
        group.form = self.known.setdefault(self.key(group), len(self.known))
        return group.form

    def key(self, group: Group) -> Hashable:
        """What is equal for groups of one form."""
        ends = ends_of(group)
        ranks = tuple(self.maker.flow.type_of(value).rank for value in group.inputs)
        children = tuple(self.child(child, ends, group) for child in group.children)
        return ranks, children, tuple(ends[value] for value in group.outputs)

    def child(self, child: Item, ends: Ends, group: Group) -> Hashable:
        """One item as its group sees it."""
        if not isinstance(child, Leaf):
            kind = ("run", child.shared) if isinstance(child, Run) else self.shares(child, group)
            return self.token(child), kind, tuple(ends[value] for value in child.inputs)
        flow = self.maker.flow
        wires = tuple(
            (port, *(ends[v] for v in ((value,) if isinstance(value, Value) else value)))
            for port, value in flow.wires[flow.nodes[child.start].name].items()
        )
        used = tuple(value.output for value in child.outputs)
        return self.token(child), wires, used, self.ties(child.start, group.start)

    def shares(self, child: Group, group: Group) -> Hashable:
        """Number of the child whose stored tensors a group uses."""
        starts = [other.start for other in group.children]
        return starts.index(child.partner) if child.partner in starts else None

    def ties(self, place: int, start: int) -> Hashable:
        """Stored tensors that belong to earlier nodes of the same group."""
        borrowed = self.maker.flow.borrowed(place)
        return tuple((slot, at - start, there) for slot, at, there in borrowed if at >= start)

    def token(self, item: Item) -> int:
        """A number for what an item is, whatever it reads and whatever its numbers are."""
        if isinstance(item, Leaf):
            if item.start not in self._leaf_tokens:
                self._leaf_tokens[item.start] = self._token(self.leaf_key(item.start))
            return self._leaf_tokens[item.start]
        if isinstance(item, Run):
            return self._token(("run", item.copies[0].form, item.carried, item.shared))
        return self._token(("group", item.form))

    def _token(self, key: Hashable) -> int:
        return self._tokens.setdefault(key, len(self._tokens))

    def leaf_key(self, place: int) -> Hashable:
        """Operator, attributes without their numbers, stored tensors and how they start."""
        node = self.maker.flow.nodes[place]
        ports = tuple(
            (port, 1 if isinstance(value, Value) else len(value))
            for port, value in self.maker.flow.wires[node.name].items()
        )
        rules = tuple(
            (slot, repr(self.maker.flow.graph.parameters[name].initial))
            for slot, name in node.parameters.items()
        )
        return node.op.name, self.maker.parts(place).key, ports, rules


def ends_of(group: Group) -> Ends:
    """Where each value that a group handles comes from."""
    ends: Ends = {value: (OUTSIDE, number) for number, value in enumerate(group.inputs)}
    for number, child in enumerate(group.children):
        ends |= {value: (number, output) for output, value in enumerate(child.outputs)}
    return ends
