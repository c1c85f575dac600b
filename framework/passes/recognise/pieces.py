"""A graph as pieces that may change, and what patterns ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from framework.ir.conditions import Condition
from framework.ir.facts import Facts
from framework.ir.graph import Graph, Input, Node, Parameter, Value, grouped
from framework.ir.op import Array, Op
from framework.ir.types import TensorType

Wired = dict[str, Value | tuple[Value, ...]]


@dataclass(eq=False)
class Piece:
    """A node that may change; ``place`` orders the nodes of the result."""

    name: str
    op: Op
    wires: Wired
    outputs: tuple[TensorType, ...]
    parameters: dict[str, str]
    place: tuple[int, int]
    source: Node
    wish: str | None = None
    """What it is called in the end, if that name is free then."""

    @property
    def title(self) -> str:
        """What it is called in the end, unless that name is taken."""
        return self.name if self.wish is None else self.wish

    @property
    def reads(self) -> Iterator[Value]:
        """All values that it reads."""
        for value in self.wires.values():
            yield from (value,) if isinstance(value, Value) else value


class View:
    """The nodes by name, who reads each value, and the weights.

    ``made`` has the name of the pattern for each node that a pattern has made; ``shared`` are
    values that several nodes of the graph read.
    """

    def __init__(self, graph: Graph, weights: dict[str, Array]) -> None:
        self.graph = graph
        self.weights = weights
        self.pieces: dict[str, Piece] = {}
        self.readers: dict[Value, dict[str, None]] = {}
        self.made: dict[str, str] = {}
        self.outputs: dict[str, Value] = dict(graph.outputs)
        self.parameters: dict[str, Parameter] = dict(graph.parameters)
        self.facts = Facts(graph.symbols)
        for condition in graph.conditions:
            self.facts.assume(condition)
        for place, node in enumerate(graph):
            wires = grouped(node.op, graph.wires_of(node.name))
            stored = dict(node.parameters)
            self.insert(Piece(node.name, node.op, wires, node.outputs, stored, (place, 0), node))
        self.shared = {value for value, names in self.readers.items() if len(names) > 1}

    def insert(self, piece: Piece) -> None:
        """Put a piece in."""
        self.pieces[piece.name] = piece
        for value in piece.reads:
            self.readers.setdefault(value, {})[piece.name] = None

    def maker(self, value: Value | None, *operators: str) -> Piece | None:
        """The node that makes a value, if it is its first result and of one of these operators."""
        if value is None or value.output != 0:
            return None
        piece = self.pieces[value.node]
        return piece if not operators or piece.op.name in operators else None

    def type_of(self, value: Value) -> TensorType:
        """Type of a value."""
        return self.pieces[value.node].outputs[value.output]

    def sole(self, value: Value) -> bool:
        """Does one node alone read the value?"""
        return len(self.readers.get(value, ())) == 1 and value not in self.outputs.values()

    def array(self, value: Value | None) -> Array | None:
        """The value, if it is a stored tensor or a constant."""
        piece = self.maker(value, "parameter", "constant")
        if piece is None:
            return None
        if piece.op.name == "constant":
            found = piece.op.compute()
            return np.asarray(found)
        return self.weights.get(piece.parameters.get("value", ""))

    def number(self, value: Value | None) -> float | None:
        """The value, if it is a constant of one element."""
        found = self.array(value)
        if found is None or found.size != 1:
            return None
        # the shortest text of a float32: 1e-6, not 9.999999974752427e-07
        return float(str(found.reshape(())[()])) if found.dtype.kind == "f" else float(found.item())

    def same(self, one: Value, two: Value, depth: int = 3) -> bool:
        """Are two values the same, or computed in the same way from the same?"""
        if one == two:
            return True
        a, b = self.pieces[one.node], self.pieces[two.node]
        if depth == 0 or one.output != two.output or a.op != b.op or a.op.random:
            return False
        if (
            isinstance(a.op, Input)
            or a.parameters != b.parameters
            or list(a.wires) != list(b.wires)
        ):
            return False
        pairs = zip(a.reads, b.reads, strict=False)
        return len(list(a.reads)) == len(list(b.reads)) and all(
            self.same(x, y, depth - 1) for x, y in pairs
        )

    def alike(self, one: TensorType, two: TensorType) -> bool:
        """The same dtype, and the same sizes for all symbols."""
        if one.dtype != two.dtype or one.rank != two.rank:
            return False
        pairs = zip(one.shape, two.shape, strict=True)
        return all(a == b or self.certain(Condition("==", a, b, "sizes")) for a, b in pairs)

    def certain(self, condition: Condition) -> bool:
        """Does it hold for every legal size?"""
        return self.facts.verdict(condition).always

    def ordered(self) -> Sequence[Piece]:
        """All nodes by their places, each after what it reads."""
        done: dict[str, Piece] = {}
        for first in sorted(self.pieces.values(), key=lambda piece: piece.place):
            waiting = [first]
            while waiting:
                piece = waiting[-1]
                missing = [value.node for value in piece.reads if value.node not in done]
                if missing and piece.name not in done:
                    waiting += (self.pieces[name] for name in dict.fromkeys(missing))
                else:
                    done.setdefault(waiting.pop().name, piece)
        return list(done.values())


def home(view: View, value: Value, ending: str) -> str | None:
    """The scope of a stored tensor called ``scope.ending``: a name for the node that uses it."""
    piece = None if value in view.shared else view.maker(value, "parameter")
    scope, _, last = ("", "", "") if piece is None else piece.name.rpartition(".")
    return scope if scope and last == ending else None
