"""The limit of a run: its matrix products alone, each as one call of NumPy.

They are timed in the order of the run.  What stands on the left is one buffer, as results of the
node before are in the cache; what stands on the right goes round a ring that no cache holds, as
weights do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from time import perf_counter

import numpy as np

from framework.ir.op import Array

MOST = 1 << 24
"""Elements of an operand or result that is measured; of larger products, a part is."""
RING = 1 << 26
"""Elements of the ring, at most."""


@dataclass(frozen=True)
class Shape:
    """``batch`` products of [rows, inner] by [inner, columns], as numbers."""

    batch: int
    rows: int
    inner: int
    columns: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all."""
        return self.batch * self.rows * self.inner * self.columns

    @property
    def operands(self) -> tuple[tuple[int, int, int], ...]:
        """The shapes of left, right and result."""
        sides = (self.rows, self.inner), (self.inner, self.columns), (self.rows, self.columns)
        return tuple((self.batch, *side) for side in sides)

    @property
    def part(self) -> Shape:
        """What is measured: some rows, columns and products, if all are too many."""
        rows = min(self.rows, at_most(self.inner))
        columns = min(self.columns, at_most(max(self.inner, rows)))
        largest = max(prod(sides) for sides in Shape(1, rows, self.inner, columns).operands)
        return Shape(min(self.batch, at_most(largest)), rows, self.inner, columns)


def at_most(elements: int) -> int:
    """How many of so many elements are measured at once."""
    return max(1, MOST // max(elements, 1))


@dataclass(frozen=True)
class Timed:
    """One call of NumPy, which does one of ``times`` equal parts of a node's product."""

    name: str
    left: Array
    right: Array
    result: Array
    times: float

    def seconds(self) -> float:
        """The time that all parts take, from that of this one."""
        start = perf_counter()
        np.matmul(self.left, self.right, out=self.result)
        return (perf_counter() - start) * self.times


class Memory:
    """What products read and write: one buffer on the left, one for results, a ring between."""

    def __init__(self, shapes: Sequence[Shape], dtype: str) -> None:
        sizes = [tuple(map(prod, one.operands)) for one in shapes]
        left, right, result = (max(side, default=0) for side in zip((0, 0, 0), *sizes, strict=True))
        ring = max(right, min(RING, sum(size[1] for size in sizes)))
        rng = np.random.default_rng(0)
        self.left, self.ring = (rng.random(n, np.float32).astype(dtype) for n in (left, ring))
        self.result = np.empty(result, dtype)
        self.place = 0

    def operands(self, shape: Shape) -> tuple[Array, Array, Array]:
        """Left, right and result of the next product."""
        left, right, result = map(prod, shape.operands)
        start = self.place if self.place + right <= len(self.ring) else 0
        self.place = start + right
        flat = self.left[:left], self.ring[start : self.place], self.result[:result]
        a, b, c = (x.reshape(sides) for x, sides in zip(flat, shape.operands, strict=True))
        return a, b, c


def timed_products(shapes: Mapping[str, Sequence[Shape]], dtype: str) -> list[Timed]:
    """The products of all nodes on data of their own, ready to be timed one after the other."""
    found = [(name, one) for name, several in shapes.items() for one in several if one.macs]
    memory = Memory([one.part for _, one in found], dtype)
    return [
        Timed(name, *memory.operands(one.part), one.macs / one.part.macs) for name, one in found
    ]


def one_round(products: Sequence[Timed]) -> dict[str, float]:
    """Seconds of the products of each node, once through all."""
    found: dict[str, float] = {}
    for one in products:
        found[one.name] = found.get(one.name, 0.0) + one.seconds()
    return found
