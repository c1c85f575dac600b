"""A graph as a tree by the parts of its names: nodes, and groups with one or several copies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from framework.ir.describe import spelled
from framework.ir.graph import Graph, Input, Node


@dataclass(eq=False)
class Leaf:
    """One node."""

    name: str
    node: Node

    @cached_property
    def facts(self) -> tuple[object, ...]:
        """Operator and attributes, as texts: symbols of two graphs are never the same objects."""
        return (self.node.op.name, *attributes(self.node).items())

    @property
    def given(self) -> bool:
        """Did the author choose the name?"""
        return re.fullmatch(rf"{re.escape(self.node.op.name)}(_\d+)?", self.name) is None

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Itself."""
        return (self,)


@dataclass(eq=False)
class Group:
    """What has a path in common: a use of a block, or its copies."""

    name: str
    path: str
    block: str | None = None
    copies: dict[str, list[Item]] = field(default_factory=dict)
    """The items of each copy by its number; "" for a group without copies."""

    @cached_property
    def facts(self) -> tuple[object, ...]:
        """What must agree for two groups to be equal."""
        return tuple(tuple(item.facts for item in copy) for copy in self.copies.values())

    @property
    def given(self) -> bool:
        """Did the author choose the name?"""
        return self.block is None or not self.name.startswith(self.block)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """All nodes in it."""
        items = (item for copy in self.copies.values() for item in copy)
        return tuple(leaf for item in items for leaf in item.leaves)

    @property
    def repeated(self) -> bool:
        """Has it numbered copies?"""
        return "" not in self.copies


Item = Leaf | Group


def attributes(node: Node) -> dict[str, str]:
    """The attributes as a model file spells them."""
    return {name: spelled(value) for name, value in node.op.values.items()}


def tree(graph: Graph) -> list[Item]:
    """The items of a graph in the order of their first nodes; its inputs are left out."""
    top: list[Item] = []
    groups: dict[str, Group] = {}
    for node in graph:
        if not isinstance(node.op, Input):
            *scope, name = node.name.split(".")
            if scope and name.isdecimal():  # the copy of a repeated operator
                name = f"{scope.pop()}.{name}"
            holder(graph, groups, top, scope).append(Leaf(name, node))
    return top


def holder(graph: Graph, groups: dict[str, Group], top: list[Item], scope: list[str]) -> list[Item]:
    """The list that the nodes of a scope stand in."""
    items, path = top, ""
    for part, number in parts(scope):
        path = f"{path}.{part}" if path else part
        if path not in groups:
            groups[path] = Group(part, path)
            items.append(groups[path])
        group = groups[path]
        path = f"{path}.{number}" if number else path
        if group.block is None and path in graph.scopes:
            group.block = graph.scopes[path].block
        items = group.copies.setdefault(number, [])
    return items


def parts(scope: list[str]) -> Iterator[tuple[str, str]]:
    """Parts of a path, each with the number of its copy or "".

    >>> list(parts(["encoder", "3", "mlp"]))
    [('encoder', '3'), ('mlp', '')]
    """
    rest = list(scope)
    while rest:
        part = rest.pop(0)
        yield part, rest.pop(0) if rest and rest[0].isdecimal() else ""
