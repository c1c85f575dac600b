"""`Work`: a graph that is being rewritten, with its weights.

Nodes keep their place: what replaces a node stands where that node stood.  Every new node is
typed, and refused where its type differs from what it replaces or where sizes might not fit.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.graph import Graph, Input, Parameter, Value
from framework.ir.op import REGISTRY, Array, Inference, Op
from framework.ir.types import TensorType
from framework.passes.recognise.pieces import Piece, View, home

__all__ = ["Piece", "Work", "home", "numbered"]


class Work(View):
    """What patterns do to a graph."""

    def __init__(self, graph: Graph, weights: dict[str, Array]) -> None:
        super().__init__(graph, weights)
        self._counts: dict[str, int] = {}
        self._derived: dict[object, str] = {}

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
            name = f"{source}:{len(self._derived)}"
            self._derived[key] = name
            self.weights[name] = np.ascontiguousarray(array) if array.ndim else array
        return self._derived[key]

    def _declare(self, name: str, op: Op, slot: str) -> None:
        if name not in self.parameters:
            array = self.weights[name]
            self.parameters[name] = Parameter(
                name, array.shape, array.dtype.name, op.learns(slot), op.initial[slot],
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
        self.insert(piece)
        return piece

    def _given(self, value: Value | tuple[Value, ...]) -> TensorType | tuple[TensorType, ...]:
        if isinstance(value, Value):
            return self.type_of(value)
        return tuple(self.type_of(single) for single in value)

    def _fits(self, inference: Inference, stored: Mapping[str, str]) -> bool:
        wanted = {slot: (t.shape, t.dtype) for slot, t in inference.parameters.items()}
        arrays = {slot: self.weights[name] for slot, name in stored.items()}
        found = {slot: (array.shape, array.dtype.name) for slot, array in arrays.items()}
        return found == wanted and all(self.certain(c) for c in inference.conditions)

    def _place(self, at: Piece) -> tuple[int, int]:
        return at.place[0], 1 + max(len(self.pieces), at.place[1])

    def _free(self, base: str) -> str:
        return numbered(base, self._counts, self.pieces)

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


def swapped(wired: Value | tuple[Value, ...], old: Value, new: Value) -> Value | tuple[Value, ...]:
    """What is connected to a port, with one value in place of another."""
    if isinstance(wired, Value):
        return new if wired == old else wired
    return tuple(new if value == old else value for value in wired)


def numbered(base: str, counts: dict[str, int], taken: Container[str]) -> str:
    """The name, or the next one with a number that is free."""
    while True:
        counts[base] = number = counts.get(base, 0) + 1
        name = base if number == 1 else f"{base}_{number}"
        if name not in taken:
            return name


def scoped(name: str, operator: str) -> str:
    """A name in the scope of another one."""
    scope = name.rpartition(".")[0]
    return f"{scope}.{operator}" if scope else operator
