"""Where a size came from: the nodes that made or changed it, each with its line.

A disagreement is seen where two sizes meet, and the mistake is often further up.  The walk goes
from the value back along one axis: a node that only hands the size on is passed over, one that
changes it is noted, and it ends at the input or the attribute that the size started with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from framework.errors import Place
from framework.ir.dims import Size
from framework.ir.graph import Graph, Input, Node, Value

MOST_STEPS = 2_000
MOST_SHOWN = 5
GEOMETRY = frozenset(("kernel", "stride", "pad", "dilation", "axis", "axes", "perm", "groups"))
"""Attributes whose numbers are never the size of an axis."""


class Origins:
    """Tells where sizes of one graph came from."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def notes(self, sizes: Iterable[Size], values: Iterable[Value], place: Place) -> list[str]:
        """A note for each of the sizes that one of the values has; none where it says nothing."""
        wanted = {str(size) for size in sizes}
        found: dict[str, list[str]] = {}
        for value in values:
            for axis, size in enumerate(self.graph.type_of(value).shape):
                if str(size) in wanted and str(size) not in found:
                    found[str(size)] = self.told(value, axis, place)
        return [f"{size} comes from {'; '.join(told)}" for size, told in found.items() if told]

    def of_text(self, fact: str, values: Sequence[Value], place: Place) -> list[str]:
        """The same for the sizes that a message names."""
        shapes = [self.graph.type_of(value).shape for value in values]
        if re.search(r"\bax[ei]s\b", fact):
            return []  # its numbers count axes
        alone = re.sub(r"\[[^]]*\]", "", fact)
        named = (size for shape in shapes for size in shape if names(alone, size))
        return self.notes(named, values, place)

    def told(self, value: Value, axis: int, place: Place) -> list[str]:
        """``conv on line 12``, nearest first; empty where all stands on the line of the mistake."""
        steps = [node for node in self.history(value, axis) if node.place is not None]
        lines = {self.line(node, place) for node in steps}
        if lines <= {place.line}:
            return []
        told = list(dict.fromkeys(self.words(node, place) for node in steps))
        return told if len(told) <= MOST_SHOWN else [*told[: MOST_SHOWN - 1], told[-1]]

    def line(self, node: Node, place: Place) -> int:
        """Line of a node; 0 in another file."""
        same = node.place is not None and node.place.source is place.source
        return node.place.line if same and node.place is not None else 0

    def words(self, node: Node, place: Place) -> str:
        """The node, its line, and the lines on which its blocks are used."""
        what = f"'{node.name}'" if isinstance(node.op, Input) else node.op.name
        where = where_is(node.place, place)
        scopes = [self.graph.scopes.get(path) for path in outer(node.scope)]
        here = [scope.place for scope in scopes if scope is not None]
        lines = [at.line for at in here if at is not None and at.source is place.source]
        return f"{what} {where}{f', used on {listed(lines)}' if lines else ''}"

    def history(self, value: Value, axis: int) -> Iterator[Node]:
        """The nodes that changed the size of this axis, the last one first."""
        for _ in range(MOST_STEPS):
            node = self.graph[value.node]
            size = node.outputs[value.output].shape[axis]
            before = None if made_here(node, size) else self.before(node, axis, size)
            if before is None:
                yield node
                return
            value, axis = before
            if self.graph.type_of(value).shape[axis] != size:
                yield node

    def before(self, node: Node, axis: int, size: Size) -> tuple[Value, int] | None:
        """The input and its axis that this axis of a node goes back to."""
        rank = len(node.type.shape)
        wires = list(self.graph.wires_of(node.name).values())
        shapes = [(value, self.graph.type_of(value).shape) for value in wires]
        for value, shape in shapes:
            if len(shape) == rank and shape[axis] == size:
                return value, axis
        for value, shape in shapes:
            if size in shape:
                return value, shape.index(size)
        same = (value for value, shape in shapes if len(shape) == rank)
        first = next(same, None)
        return None if first is None else (first, axis)


def made_here(node: Node, size: Size) -> bool:
    """Is the size one of the node's attributes?"""
    if isinstance(node.op, Input):
        return True
    given = (value for name, value in node.op.values.items() if name not in GEOMETRY)
    return any(size == v for value in given for v in parts(value) if type(v) is type(size))


def parts(value: object) -> tuple[object, ...]:
    """The items of a tuple, or the value itself."""
    return value if isinstance(value, tuple) else (value,)


def outer(path: str) -> Iterator[str]:
    """A scope and those around it, innermost first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def where_is(place: Place | None, near: Place) -> str:
    """``on line 12``, with the file where it is another one."""
    if place is None:
        return ""
    other = "" if place.source is near.source else f" of {place.source.name}"
    return f"on line {place.line}{other}"


def listed(lines: Sequence[int]) -> str:
    """``line 3``, ``lines 3, 5 and 7``."""
    *most, last = dict.fromkeys(lines)
    return f"lines {', '.join(map(str, most))} and {last}" if most else f"line {last}"


def names(fact: str, size: Size) -> bool:
    """Does a message name this size?"""
    return re.search(rf"(?<![\w.]){re.escape(str(size))}(?!\w)", fact) is not None
