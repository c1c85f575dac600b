"""Constants that are computed while a model is imported, and how much may be computed so.

Sizes and work are inferred before anything is computed: a file of a hundred bytes may ask for
a tensor of 10^12 elements.  What is too much is left to the run; nothing is refused for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from framework.exchange.rules.wires import Wire
from framework.ir.dims import Dim, Size, Symbols, substitute
from framework.ir.match import Given
from framework.ir.op import Array, Inference, Op

MOST_FOLDED = 1 << 24
"""Elements of a constant that is computed while importing."""

MOST_TOGETHER = 1 << 26
"""Elements of all of them."""

SMALL_FOLDED = 1 << 12
"""Shapes and the like are computed for longer: up to twice that many elements."""

MOST_WORK = 1 << 27
"""Multiplications, or other operations, of one node that is computed while importing."""

MOST_WORK_TOGETHER = 1 << 30


class Folding:
    """Computes what is constant, as long as there is not too much of it."""

    def __init__(self) -> None:
        self.elements = 0
        self.work = 0

    def results(
        self, op: Op, ports: Mapping[str, Any], given: Mapping[str, Given]
    ) -> tuple[Array, ...] | None:
        """The results of an operator; None where they are not constant, or too much."""
        arguments = [ports.get(port.name) for port in op.ports.inputs]
        wires = list(flat(arguments))
        if op.random or any(wire.array is None for wire in wires):
            return None
        most = Most()
        inference = op.infer(given, most)
        for condition in inference.conditions:
            verdict = condition.verdict()
            if not verdict.undecided:
                raise condition.failure(verdict)
        if inference.conditions or inference.parameters:
            return None
        if not self.allows(op, inference, most, wires):
            return None
        with np.errstate(all="ignore"):
            found = op.compute(*(contents_of(wired, "array") for wired in arguments))
        return tuple(map(np.asarray, found if isinstance(found, tuple) else (found,)))

    def allows(self, op: Op, inference: Inference, most: Most, wires: Sequence[Wire]) -> bool:
        """May this be computed now?  If so, it is counted."""
        counts = [most.of(output.count) for output in inference.outputs]
        cost = op.cost(inference.match)
        work = most.of(cost.macs + cost.elementwise)
        if work is None or None in counts:
            return False
        count = sum(each for each in counts if each is not None)
        if op.views and count <= sum(0 if w.array is None else w.array.size for w in wires):
            count = 0  # the same memory, seen otherwise
        room = 2 * MOST_TOGETHER if count <= SMALL_FOLDED else MOST_TOGETHER
        if count > MOST_FOLDED or self.elements + count > room:
            return False
        if work > MOST_WORK or self.work + work > MOST_WORK_TOGETHER:
            return False
        self.elements += count
        self.work += work
        return True


class Most:
    """Names the sizes that only the data decide, and knows the largest that each can be."""

    def __init__(self) -> None:
        self.symbols = Symbols()
        self.limits: dict[str, Size] = {}

    def __call__(self, hint: str, least: int, most: int | None) -> Size:
        """A symbol for one of them."""
        size = self.symbols.bounded(hint, least, most)
        if most is not None:
            self.limits[str(size)] = most
        return size

    def of(self, size: Size) -> int | None:
        """The largest that a size can be; None where nothing bounds it."""
        found = substitute(size, self.limits)
        return None if isinstance(found, Dim) else found


def contents_of(wired: Any, what: str) -> Any:
    """``array`` or ``contents`` of what is at a port; None where nothing is."""
    if wired is None:
        return None
    if isinstance(wired, tuple):
        return tuple(getattr(wire, what) for wire in wired)
    return getattr(wired, what)


def flat(wired: Sequence[Any]) -> Iterator[Wire]:
    """All wires, those of variadic ports one after another."""
    for part in wired:
        if isinstance(part, tuple):
            yield from part
        elif part is not None:
            yield part
