"""`Work`: a graph that is being rewritten, with its weights; patterns ask it and change it.

Nodes keep their place: what replaces a node stands where that node stood.  Every new node is
typed, and refused where its type differs from what it replaces or where sizes might not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass
class Work:
    """The nodes by name, who reads each value, and the weights."""

    graph: Graph
    weights: dict[str, Array]
    pieces: dict[str, Piece] = field(default_factory=dict)
    readers: dict[Value, dict[str, None]] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    _derived: dict[object, str] = field(default_factory=dict)
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
        self.shared = {value for value, names in self.readers.items() if len(names) > 1}

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

    # ------------------------------------------------------------------ stored tensors

    def derived(self, source: Value | str, how: object, array: Array) -> str:
        """A stored tensor made of another one; the same again is stored once.

        ``source`` is a parameter, a constant, or the name of a stored tensor.
        """
        if isinstance(source, Value):
            piece = self.pieces[source.node]
            source = piece.parameters.get("value", piece.name)
        key = (source, how)
        if key not in self._derived:
            name = f"{source}.{len(self._derived)}"
            self._derived[key] = name
            self.weights[name] = np.ascontiguousarray(array) if array.ndim else array
        return self._derived[key]

    def _declare(self, name: str, op: Op, slot: str) -> None:
        if name not in self.parameters:
            array = self.weights[name]
            self.parameters[name] = Parameter(
                name, array.shape, array.dtype.name, slot not in op.buffers, op.initial[slot],
                op.fans(slot, array.shape),
            )  # fmt: skip

    def give(self, piece: Piece, old: str, new: str) -> None:
        """Let a node use another stored tensor of the same shape."""
        for slot, name in piece.parameters.items():
            if name == old:
                piece.parameters[slot] = new
                self._declare(new, piece.op, slot)

    # ------------------------------------------------------------------ what patterns do

    def add(
        self,
        operator: str,
        wires: Mapping[str, Value | tuple[Value, ...]],
        at: Piece,
        *,
        weights: Mapping[str, str] | None = None,
        name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Piece | None:
        """A new node in the place of ``at``, with stored tensors by slot; None: it does not fit."""
        cls = REGISTRY.get(operator)
        if cls is None:
            return None
        stored = {} if weights is None else dict(weights)
        try:
            op = cls(**({} if attributes is None else attributes))
            op.check()
            inference = op.infer({port: self._given(value) for port, value in wires.items()})
        except (Mistake, TypeError):
            return None
        if not self._fits(inference, stored):
            return None
        for slot, tensor in stored.items():
            self._declare(tensor, op, slot)
        wish = name if name is not None else scoped(at.source.name, operator)
        piece = Piece(
            self._free(wish), op, dict(wires), inference.outputs, stored, self._place(at),
            at.source, wish,
        )  # fmt: skip
        self._insert(piece)
        return piece

    def _given(self, value: Value | tuple[Value, ...]) -> TensorType | tuple[TensorType, ...]:
        if isinstance(value, Value):
            return self.type_of(value)
        return tuple(self.type_of(single) for single in value)

    def _fits(self, inference: Inference, stored: Mapping[str, str]) -> bool:
        wanted = {slot: (t.shape, t.dtype) for slot, t in inference.parameters.items()}
        arrays = {slot: self.weights[name] for slot, name in stored.items()}
        found = {slot: (array.shape, array.dtype.name) for slot, array in arrays.items()}
        return found == wanted and all(self._certain(c) for c in inference.conditions)

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

    def prune(self) -> None:
        """Remove all nodes that no output depends on."""
        for piece in sorted(self.pieces.values(), key=lambda piece: piece.place, reverse=True):
            self._drop(piece.name)

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

    def names(self) -> dict[str, str]:
        """Final names: those that new nodes wish for, where they are free by now."""
        taken = {piece.name for piece in self.pieces.values() if piece.wish is None}
        final: dict[str, str] = {}
        for piece in sorted(self.pieces.values(), key=lambda piece: piece.place):
            name, number = piece.title, 1
            while piece.wish is not None and name in taken:
                number += 1
                name = f"{piece.title}_{number}"
            taken.add(name)
            final[piece.name] = name
        return final

    def tensor_names(self, final: Mapping[str, str]) -> dict[str, str]:
        """Final names of the stored tensors: new ones are called after the first to use them."""
        found: dict[str, str] = {}
        for piece in self.ordered():
            for slot, name in piece.parameters.items():
                made = name not in self.graph.parameters
                found.setdefault(name, f"{final[piece.name]}.{slot}" if made else name)
        return found

    def finished(self) -> tuple[Graph, dict[str, Array]]:
        """The new graph with the weights that it uses."""
        graph = Graph(self.graph.name, self.graph.doc)
        graph.symbols, graph.examples = self.graph.symbols, dict(self.graph.examples)
        graph.conditions, graph.scopes = list(self.graph.conditions), dict(self.graph.scopes)
        final = self.names()
        tensors = self.tensor_names(final)
        for piece in self.ordered():
            node = piece.source
            stored = {slot: tensors[name] for slot, name in piece.parameters.items()}
            added = Node(final[piece.name], piece.op, piece.outputs, stored, node.place)
            added.doc = node.doc if piece.wish is None else None
            graph.add(added, {port: renamed(v, final) for port, v in piece.wires.items()})
        outputs = self.outputs.items()
        graph.outputs = {name: Value(final[v.node], v.output) for name, v in outputs}
        for old, new in tensors.items():
            graph.parameters[new] = replace(self.parameters[old], name=new)
        return graph, {
            new: self.weights[old] for old, new in tensors.items() if old in self.weights
        }

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


def swapped(wired: Value | tuple[Value, ...], old: Value, new: Value) -> Value | tuple[Value, ...]:
    """What is connected to a port, with one value in place of another."""
    if isinstance(wired, Value):
        return new if wired == old else wired
    return tuple(new if value == old else value for value in wired)


def renamed(
    wired: Value | tuple[Value, ...], final: Mapping[str, str]
) -> Value | tuple[Value, ...]:
    """What is connected to a port, under the final names."""
    if isinstance(wired, Value):
        return Value(final[wired.node], wired.output)
    return tuple(Value(final[value.node], value.output) for value in wired)


def scoped(name: str, operator: str) -> str:
    """A name in the scope of another one."""
    scope = name.rpartition(".")[0]
    return f"{scope}.{operator}" if scope else operator


def home(work: Work, value: Value, ending: str) -> str | None:
    """The scope of a stored tensor called ``scope.ending``: a name for the node that uses it."""
    piece = None if value in work.shared else work.maker(value, "parameter")
    scope, _, last = ("", "", "") if piece is None else piece.name.rpartition(".")
    return scope if scope and last == ending else None
