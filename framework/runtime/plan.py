"""A flat list of calls: what a graph becomes before it runs; no networkx, no symbols.

Every array has a slot, a place in one list.  Slot 0 holds None, for ports where nothing is
connected.  After a call, the slots that nobody reads any more are emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from framework.errors import ShapeError
from framework.ir.dims import symbols_of
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Input, Node, Value, grouped
from framework.ir.op import Op, mentions_symbol
from framework.ir.types import TensorType

NOTHING = 0
Source = int | tuple[int, ...]
"""The slot of an argument; several at a variadic port."""


@dataclass(frozen=True, slots=True)
class Call:
    """One function call: from slots into slots; then the slots in ``free`` are emptied.

    A size that only data decide is known once the call in whose ``finds`` it stands has run:
    (output, axis, symbol).  ``late`` is the operator of a call that waits for such
    sizes: its definition at those sizes is what runs.
    """

    node: Node
    stage: str
    function: Callable[..., Any]
    inputs: tuple[Source, ...]
    outputs: tuple[int, ...]
    free: tuple[int, ...] = ()
    finds: tuple[tuple[int, int, str], ...] = ()
    late: Op | None = None


@dataclass(frozen=True)
class Plan:
    """Calls in order, and the slots of everything that goes in and comes out.

    ``peak_bytes`` is the most that inputs and results take at a time, weights not included.
    """

    calls: tuple[Call, ...]
    slots: int
    inputs: Mapping[str, int]
    weights: Mapping[str, int]
    outputs: Mapping[str, int]
    kept: Mapping[str, int]
    peak_bytes: int


def make_plan(
    graph: Graph,
    sizes: Mapping[str, int] | None = None,
    keep: Mapping[str, Value] | None = None,
    *,
    fast: bool = True,
) -> Plan:
    """Plan the calls that the outputs and ``keep`` need, at these sizes.

    ``fast`` uses what `Op.prepare` offers; otherwise every node runs its plain definition.
    """
    kept = {} if keep is None else dict(keep)
    planner = Planner(graph, {} if sizes is None else sizes, fast)
    wanted = [*graph.outputs.values(), *kept.values()]
    inputs = {name: planner.results(graph[name])[0] for name in graph.inputs}
    calls = [planner.call(node) for node in needed(graph, wanted)]
    outputs = {name: planner.slots[value] for name, value in graph.outputs.items()}
    found = {name: planner.slots[value] for name, value in kept.items()}
    pinned = {NOTHING, *planner.weights.values(), *outputs.values(), *found.values()}
    freeing = with_frees(calls, pinned)
    peak = peak_of(freeing, planner.bytes, inputs.values())
    slots = len(planner.bytes)
    return Plan(tuple(freeing), slots, inputs, planner.weights, outputs, found, peak)


class Planner:
    """Slots given out so far."""

    def __init__(self, graph: Graph, sizes: Mapping[str, int], fast: bool) -> None:
        self.graph = graph
        self.sizes = sizes
        self.fast = fast
        self.slots: dict[Value, int] = {}
        self.weights: dict[str, int] = {}
        self.types: list[TensorType | None] = [None]
        self.bytes = [0]
        self.found: set[str] = set()

    def call(self, node: Node) -> Call:
        """The call of one node."""
        op = node.op.at(self.sizes)
        inputs = tuple(self._sources(node))
        types = [self.types[slot] for slot in flat_slots(inputs)]
        late = mentions_symbol(tuple(op.values.values())) or not all(map(is_fixed, types))
        kernel = op.prepare(types) if self.fast and not late else None
        function = op.compute if kernel is None else kernel
        scopes = scopes_around(self.graph, node.name)
        stage = scopes[0] if scopes else node.name
        outputs = self.results(node)
        finds = tuple(self._finds(node.outputs))
        return Call(node, stage, function, inputs, outputs, finds=finds, late=op if late else None)

    def results(self, node: Node) -> tuple[int, ...]:
        """New slots for what a node gives."""
        found: list[int] = []
        for output, type_ in enumerate(node.outputs):
            found.append(self._slot(type_, node.name))
            self.slots[Value(node.name, output)] = found[-1]
        return tuple(found)

    def _finds(self, outputs: Iterable[TensorType]) -> Iterator[tuple[int, int, str]]:
        """Where in the results the sizes of further symbols can be read off."""
        for number, output in enumerate(outputs):
            for axis, size in enumerate(output.shape):
                name = str(size)
                if name in self.graph.symbols.found and name not in self.found:
                    self.found.add(name)
                    yield number, axis, name

    def _slot(self, type_: TensorType, name: str) -> int:
        concrete = type_.at(self.sizes)
        count = concrete.count
        if not self.graph.symbols.found.issuperset(symbols_of(*concrete.shape)):
            raise ShapeError(f"{name}: {concrete} has no fixed size yet; a plan needs every size")
        self.types.append(concrete)
        self.bytes.append(count * np.dtype(type_.dtype).itemsize if isinstance(count, int) else 0)
        return len(self.bytes) - 1

    def _sources(self, node: Node) -> Iterator[Source]:
        """Slots of the arguments, in the order of the signature."""
        wires = grouped(node.op, self.graph.wires_of(node.name))
        for port in node.op.ports.inputs:
            value = wires.get(port.name)
            if isinstance(value, tuple):
                yield tuple(self.slots[single] for single in value)
            elif value is not None:
                yield self.slots[value]
            else:
                yield self._weight(node, port.name)

    def _weight(self, node: Node, slot: str) -> int:
        """The slot of a stored weight, one for all nodes that share it."""
        if slot not in node.parameters:
            return NOTHING
        name = node.parameters[slot]
        if name not in self.weights:
            parameter = self.graph.parameters[name]
            self.weights[name] = self._slot(TensorType(parameter.shape, parameter.dtype), name)
        return self.weights[name]


def is_fixed(type_: TensorType | None) -> bool:
    """Is every size known before the run?"""
    return type_ is None or not symbols_of(*type_.shape)


def needed(graph: Graph, wanted: Iterable[Value]) -> list[Node]:
    """The nodes that these values depend on, inputs left out, each after what it reads."""
    names = {value.node for value in wanted}
    found: list[Node] = []
    for node in reversed(list(graph)):
        if node.name in names and not isinstance(node.op, Input):
            found.append(node)
            names.update(value.node for value in graph.wires_of(node.name).values())
    return found[::-1]


def flat_slots(sources: Iterable[Source]) -> Iterator[int]:
    """All slots, those of variadic ports one after another."""
    for source in sources:
        if isinstance(source, int):
            yield source
        else:
            yield from source


def with_frees(calls: list[Call], pinned: set[int]) -> list[Call]:
    """The calls, each with the slots that it is the last to touch."""
    touched = set(pinned)
    out: list[Call] = []
    for call in reversed(calls):
        slots = dict.fromkeys((*flat_slots(call.inputs), *call.outputs))
        out.append(replace(call, free=tuple(slot for slot in slots if slot not in touched)))
        touched.update(slots)
    return out[::-1]


def peak_of(calls: list[Call], sizes: list[int], inputs: Iterable[int]) -> int:
    """The most bytes that are alive at a time."""
    alive = peak = sum(sizes[slot] for slot in inputs)
    for call in calls:
        alive += sum(sizes[slot] for slot in call.outputs)
        peak = max(peak, alive)
        alive -= sum(sizes[slot] for slot in call.free)
    return peak


def labels(op: Op, arrays: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The arrays of a call with the names of their ports; ports without one are left out."""
    for port, array in zip(op.ports.inputs, arrays, strict=True):
        if isinstance(array, tuple):
            yield from ((f"{port.name}.{number}", single) for number, single in enumerate(array))
        elif array is not None:
            yield port.name, array
