"""`Work`: a graph that is being rewritten, with its weights; patterns ask it and change it.

Nodes keep their place: what replaces a node stands where that node stood.  Every new node is
typed, and refused where its type differs from what it replaces or where sizes might not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.facts import Facts
from framework.ir.graph import Graph, Input, Node, Parameter, Value, grouped
from framework.ir.op import REGISTRY, Array, Inference, Op
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

    @property
    def reads(self) -> Iterator[Value]:
        """All values that it reads."""
        for value in self.wires.values():
            yield from (value,) if isinstance(value, Value) else value


@dataclass
class Work:
    """The nodes by name, who reads each value, and the weights."""

    graph: Graph
    weights: dict[str, Array]
    pieces: dict[str, Piece] = field(default_factory=dict)
    readers: dict[Value, dict[str, None]] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """Nodes that a pattern has made: name of the pattern by name of the node."""

    def __post_init__(self) -> None:
        self.outputs = dict(self.graph.outputs)
        self.parameters = dict(self.graph.parameters)
        self.facts = Facts(self.graph.symbols)
        for condition in self.graph.conditions:
            self.facts.assume(condition)
        for place, node in enumerate(self.graph):
            wires = grouped(node.op, self.graph.wires_of(node.name))
            piece = Piece(
                node.name, node.op, wires, node.outputs, dict(node.parameters), (place, 0), node
            )
            self._insert(piece)

    def _insert(self, piece: Piece) -> None:
        self.pieces[piece.name] = piece
        for value in piece.reads:
            self.readers.setdefault(value, {})[piece.name] = None

    # ------------------------------------------------------------------ what patterns ask

    def maker(self, value: Value | None, *operators: str) -> Piece | None:
        """The node that makes a value, if it is its first result and of one of these operators."""
        if value is None or value.output != 0:
            return None
        piece = self.pieces[value.node]
        return piece if not operators or piece.op.name in operators else None

    def type_of(self, value: Value) -> TensorType:
        """Type of a value."""
        return self.pieces[value.node].outputs[value.output]

    def users(self, value: Value) -> int:
        """How many nodes and outputs read a value."""
        return len(self.readers.get(value, ())) + sum(v == value for v in self.outputs.values())

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
        return float(found.reshape(())) if found is not None and found.size == 1 else None

    def same(self, one: Value, two: Value, depth: int = 3) -> bool:
        """Are two values the same, or computed in the same way from the same?"""
        if one == two:
            return True
        a, b = self.pieces[one.node], self.pieces[two.node]
        if depth == 0 or one.output != two.output or a.op != b.op or a.op.random:
            return False
        if isinstance(a.op, Input) or a.parameters != b.parameters or a.wires.keys() != b.wires:
            return False
        pairs = zip(a.reads, b.reads, strict=False)
        return len(list(a.reads)) == len(list(b.reads)) and all(
            self.same(x, y, depth - 1) for x, y in pairs
        )

    # ------------------------------------------------------------------ what patterns do

    def add(
        self,
        operator: str,
        wires: Mapping[str, Value | tuple[Value, ...]],
        at: Piece,
        *,
        weights: Mapping[str, Array] | None = None,
        name: str | None = None,
        **attributes: Any,
    ) -> Piece | None:
        """A new node in the place of ``at``; None where it does not fit."""
        cls = REGISTRY.get(operator)
        if cls is None:
            return None
        stored = {} if weights is None else dict(weights)
        try:
            op = cls(**attributes)
            op.check()
            inference = op.infer({port: self._given(value) for port, value in wires.items()})
        except (Mistake, TypeError):
            return None
        if not self._fits(inference, stored):
            return None
        free = self._free(name if name is not None else scoped(at.name, operator))
        parameters = {slot: f"{free}.{slot}" for slot in stored}
        piece = Piece(
            free, op, dict(wires), inference.outputs, parameters, self._place(at), at.source
        )
        for slot, array in stored.items():
            self._store(parameters[slot], array, op, slot)
        self._insert(piece)
        return piece

    def _given(self, value: Value | tuple[Value, ...]) -> TensorType | tuple[TensorType, ...]:
        if isinstance(value, Value):
            return self.type_of(value)
        return tuple(self.type_of(single) for single in value)

    def _fits(self, inference: Inference, stored: Mapping[str, Array]) -> bool:
        shapes = {slot: type_.shape for slot, type_ in inference.parameters.items()}
        return {slot: array.shape for slot, array in stored.items()} == shapes and all(
            self._certain(condition) for condition in inference.conditions
        )

    def _certain(self, condition: Condition) -> bool:
        return self.facts.verdict(condition).always

    def _place(self, at: Piece) -> tuple[int, int]:
        return at.place[0], 1 + max(len(self.pieces), at.place[1])

    def _free(self, base: str) -> str:
        name, number = base, 1
        while name in self.pieces:
            number += 1
            name = f"{base}_{number}"
        return name

    def _store(self, name: str, array: Array, op: Op, slot: str) -> None:
        kept = np.ascontiguousarray(array)
        self.weights[name] = kept
        self.parameters[name] = Parameter(
            name, kept.shape, kept.dtype.name, slot not in op.buffers, op.initial[slot],
            op.fans(slot, kept.shape),
        )  # fmt: skip

    def replace(self, old: Value, new: Piece | None, pattern: str | None = None) -> bool:
        """Let all who read ``old`` read the new node's first result; False where types differ."""
        if new is None:
            return False
        value = Value(new.name)
        if not self.alike(self.type_of(old), self.type_of(value)):
            self._drop(new.name)
            return False
        self.redirect(old, value)
        if pattern is not None:
            self.made[new.name] = pattern
        return True

    def redirect(self, old: Value, new: Value) -> None:
        """Let all who read one value read another."""
        for name in list(self.readers.get(old, {})):
            if name != new.node:
                self.rewire(self.pieces[name], old, new)
        self.outputs = {n: new if v == old else v for n, v in self.outputs.items()}
        self._drop(old.node)

    def rewire(self, piece: Piece, old: Value, new: Value) -> None:
        """Let one node read another value."""
        piece.wires = {port: swapped(v, old, new) for port, v in piece.wires.items()}
        self.readers.get(old, {}).pop(piece.name, None)
        self.readers.setdefault(new, {})[piece.name] = None

    def alike(self, one: TensorType, two: TensorType) -> bool:
        """The same dtype, and the same sizes for all symbols."""
        if one.dtype != two.dtype or one.rank != two.rank:
            return False
        pairs = zip(one.shape, two.shape, strict=True)
        return all(a == b or self._certain(Condition("==", a, b, "sizes")) for a, b in pairs)

    def _drop(self, name: str) -> None:
        """Remove a node that nobody reads, and what nobody reads then."""
        waiting = [name]
        kept = {value.node for value in self.outputs.values()}
        while waiting:
            piece = self.pieces.get(waiting.pop())
            if piece is None or isinstance(piece.op, Input) or piece.name in kept:
                continue
            if any(self.readers.get(Value(piece.name, n)) for n in range(len(piece.outputs))):
                continue
            del self.pieces[piece.name]
            self.made.pop(piece.name, None)
            for value in piece.reads:
                self.readers.get(value, {}).pop(piece.name, None)
                waiting.append(value.node)

    # ------------------------------------------------------------------ the result

    def finished(self) -> tuple[Graph, dict[str, Array]]:
        """The new graph with the weights that it uses."""
        graph = Graph(self.graph.name, self.graph.doc)
        graph.symbols, graph.examples = self.graph.symbols, dict(self.graph.examples)
        graph.conditions, graph.scopes = list(self.graph.conditions), dict(self.graph.scopes)
        for piece in self.ordered():
            node = piece.source
            added = Node(piece.name, piece.op, piece.outputs, piece.parameters, node.place)
            added.doc = node.doc if node.name == piece.name else None
            graph.add(added, piece.wires)
        graph.outputs = dict(self.outputs)
        used = dict.fromkeys(name for node in graph for name in node.parameters.values())
        graph.parameters = {name: self.parameters[name] for name in used}
        return graph, {name: self.weights[name] for name in used if name in self.weights}

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


def swapped(
    wired: Value | tuple[Value, ...], old: Value, new: Value
) -> Value | tuple[Value, ...]:
    """What is connected to a port, with one value in place of another."""
    if isinstance(wired, Value):
        return new if wired == old else wired
    return tuple(new if value == old else value for value in wired)


def scoped(name: str, operator: str) -> str:
    """A name in the scope of another one."""
    scope = name.rpartition(".")[0]
    return f"{scope}.{operator}" if scope else operator


def home(work: Work, value: Value, ending: str) -> str | None:
    """The scope of a stored tensor called ``scope.ending``: a name for who uses it."""
    piece = work.maker(value, "parameter")
    scope, _, last = ("", "", "") if piece is None else piece.name.rpartition(".")
    return scope if scope and last == ending else None
