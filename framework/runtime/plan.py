"""A flat list of calls: what a graph becomes before it runs; no networkx, no symbols.

Every array has a slot, a place in one list.  Slot 0 holds None, for ports where nothing is
connected.  Results of prepared kernels lie in one arena whose size is known before the run;
other results are arrays of their own, dropped after their last reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from framework.ir.graph import Node
from framework.ir.kernel import Kernel
from framework.ir.op import Array, Op
from framework.ir.types import TensorType

NOTHING = 0
Source = int | tuple[int, ...]
"""The slot of an argument; several at a variadic port."""


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A slot that holds another slot's constant, laid out for a kernel.

    ``key`` is equal where the same function lays out the same constant: it is done once.
    """

    source: int
    key: tuple[object, ...]
    function: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Spot:
    """A result's place in the arena."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    def view(self, arena: Array) -> Array:
        """The memory of the result."""
        size = prod(self.shape) * np.dtype(self.dtype).itemsize
        return arena[self.offset : self.offset + size].view(self.dtype).reshape(self.shape)


@dataclass(slots=True, eq=False)
class Call:
    """One function call: from slots into slots; then the slots in ``free`` are emptied.

    With a kernel, each result has a spot in the arena, or is one of ``fresh``: an array of its
    own, which the run gives out; ``scratch`` is (offset, bytes), and ``layouts`` are those of
    arguments that are no constants.  Without a kernel, ``function`` makes the results.

    A size that only data decide is known once the call in whose ``finds`` it stands has run:
    (output, axis, symbol).  ``late`` is the operator of a call that waits for such sizes: its
    definition at those sizes is what runs.
    """

    node: Node
    stage: str
    function: Callable[..., Any]
    inputs: tuple[Source, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...] = ()
    free: tuple[int, ...] = ()
    kernel: Kernel | None = None
    layouts: tuple[tuple[int, Callable[[Array], Array]], ...] = ()
    spots: tuple[Spot | None, ...] = ()
    scratch: tuple[int, int] = (0, 0)
    fresh: frozenset[int] = frozenset()
    finds: tuple[tuple[int, int, str], ...] = ()
    late: Op | None = None

    @property
    def algorithm(self) -> str:
        """How the result is computed."""
        if self.kernel is None:
            return "definition"
        return self.kernel.algorithm or "prepared"


@dataclass(frozen=True)
class Plan:
    """Calls in order, and the slots of everything that goes in and comes out.

    ``prologue`` are the calls that no input reaches: they are made once.  ``laid`` says which
    slots hold arguments that are laid out once, ``contents`` what the constants are known by in
    all plans of a session.  ``peak_bytes`` is the most that inputs and results take at a time,
    weights not included; ``least_bytes`` is what no plan could go below.  ``made`` says about
    how many bytes each constant takes that is made for runs, by what it is known by.  With
    ``handover`` each run has an arena of its own, which its outputs lie in.
    """

    calls: tuple[Call, ...]
    slots: int
    inputs: Mapping[str, int]
    weights: Mapping[str, int]
    outputs: Mapping[str, int]
    kept: Mapping[str, int]
    peak_bytes: int
    prologue: tuple[Call, ...] = ()
    constants: frozenset[int] = frozenset()
    laid: Mapping[int, LaidOut] = field(default_factory=dict)
    contents: Mapping[int, int] = field(default_factory=dict)
    arena_bytes: int = 0
    handover: bool = False
    least_bytes: int = 0
    made: Mapping[object, int] = field(default_factory=dict)


def flat_slots(sources: Iterable[Source]) -> Iterator[int]:
    """All slots, those of variadic ports one after another."""
    for source in sources:
        if isinstance(source, int):
            yield source
        else:
            yield from source


def read_in_runs(plan: Plan) -> set[int]:
    """The slots that calls of a run read, or that a run gives out."""
    found = {slot for call in plan.calls for slot in flat_slots(call.inputs)}
    return found | {*plan.outputs.values(), *plan.kept.values()}


def labels(op: Op, arrays: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The arrays of a call with the names of their ports; ports without one are left out."""
    for port, array in zip(op.ports.inputs, arrays, strict=True):
        if isinstance(array, tuple):
            yield from ((f"{port.name}.{number}", single) for number, single in enumerate(array))
        elif array is not None:
            yield port.name, array
