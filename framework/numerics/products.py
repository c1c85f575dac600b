"""Products with a weight, and what follows them while the result is in the cache.

The weight is laid out as [inner, columns], or in `panels` of that.  Each thread takes a range
of columns and walks through it tile by tile: a product on one thread of BLAS, then bias, addend
and curve of the tile.  Short calls of NumPy on two threads wait for each other's interpreter
lock; so the second thread starts with half a tile, and one thread's elementwise work falls into
the other's product.  Measured on 197 x 768 x 3072: a product by columns takes as long as BLAS
on two threads, in panels a tenth less, and the epilogue costs half.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.panels import WIDTH, height, multiply_panels
from framework.numerics.sweep import carved, padded_bytes, share_out, shares
from framework.numerics.team import Team

Array = NDArray[Any]

TILE = 1 << 17
"""Elements of a tile, if it is wide enough then."""

NARROW = 768
"""Columns of the narrowest tile: products of fewer are slower."""

GRAIN = 64
"""Columns of a range are multiples of this, as BLAS packs them: two panels."""

LEAST_WORK = 2_000_000
"""Multiply-accumulates from which a second thread pays."""


LEAST_WEIGHT = 1 << 22
"""Elements of a weight from which two threads read it sooner than one, for few rows."""


def transposed(weight: Array) -> Array:
    """[out, in] as a contiguous [in, out]: for 2 to 8 rows the product is twice as fast so."""
    return np.ascontiguousarray(weight.T)


@dataclass(frozen=True)
class Product:
    """``out = curve(x @ weight + bias + addend)`` with x [rows, inner], weight [inner, columns].

    ``paneled`` weights are those of `in_panels`.
    """

    rows: int
    inner: int
    columns: int
    curve: Curve | None = None
    added: bool = False
    itemsize: int = 4
    paneled: bool = False

    @property
    def tiled(self) -> bool:
        """Is more done than adding a bias?  Then the product goes to a tile of its own first."""
        return self.added or self.curve is not None

    def parts(self, team: Team) -> list[slice]:
        """Ranges of columns, one for each thread."""
        few = self.rows < 4 and self.inner * self.columns < LEAST_WEIGHT
        small = few or self.rows * self.inner * self.columns < LEAST_WORK
        return shares(self.columns, 1 if small else team.threads, GRAIN)

    def width(self) -> int:
        """Columns of a tile."""
        if not self.tiled:
            return max(1, self.columns)
        return max(NARROW, TILE // max(1, self.rows) // GRAIN * GRAIN)

    def scratch(self, team: Team) -> int:
        """Bytes beside the result."""
        return len(self.parts(team)) * self._share(team)

    def _share(self, team: Team) -> int:
        """Bytes for one thread: a tile, and what the curve needs."""
        if not self.tiled:
            return 0
        widest = max(part.stop - part.start for part in self.parts(team))
        tile = self.rows * min(self.width(), widest)
        further = 0 if self.curve is None else self.curve.scratch(self.itemsize, tile)
        return padded_bytes(tile * self.itemsize) + further

    def run(
        self, x: Array, weight: Array, bias: Array | None, addend: Array | None,
        out: Array, team: Team, scratch: Array,
    ) -> None:  # fmt: skip
        """Write the result."""
        parts, each = self.parts(team), self._share(team)

        def work(number: int, part: slice) -> None:
            memory = scratch[number * each : (number + 1) * each]
            for columns in tiles(part, self.width(), number):
                self._tile(x, weight, bias, addend, out, columns, memory)

        share_out(team, parts, work)

    def _tile(
        self, x: Array, weight: Array, bias: Array | None, addend: Array | None,
        out: Array, columns: slice, memory: Array,
    ) -> None:  # fmt: skip
        target = y = out[:, columns]
        if self.tiled:
            y, start = carved(memory, target.shape, out.dtype)
            memory = memory[start:]
        if self.paneled:
            panels = weight[columns.start // WIDTH : columns.stop // WIDTH]
            multiply_panels(x, panels, y, height(self.inner, WIDTH, self.rows))
        else:
            np.matmul(x, weight[:, columns], out=y)
        if bias is not None:
            y += bias[columns]
        if addend is not None:
            np.add(y, addend[:, columns], out=target if self.curve is None else y)
        if self.curve is not None:
            self.curve.over(y, target, memory)


def tiles(part: slice, width: int, number: int) -> Iterator[slice]:
    """Ranges of up to ``width`` columns; odd threads begin with half a range."""
    start, stop = part.start, part.stop
    if number % 2 and stop - start > width:
        yield slice(start, start + width // 2)
        start += width // 2
    for first in range(start, stop, width):
        yield slice(first, min(first + width, stop))


def matrices(x: Array, *others: Array | None) -> Iterator[tuple[Any, ...]]:
    """[*lead, columns] tensors as matrices: one, unless the strides of one do not allow it."""
    given = (x, *others)
    if all(array is None or mergeable(array) for array in given):
        yield tuple(None if a is None else a.reshape(-1, a.shape[-1]) for a in given)
        return
    for index in np.ndindex(x.shape[:-2]):
        yield tuple(None if array is None else array[index] for array in given)


def mergeable(x: Array) -> bool:
    """Can the axes before the last be one without a copy?"""
    axes = [(n, step) for n, step in zip(x.shape[:-1], x.strides[:-1], strict=True) if n != 1]
    return all(a[1] == b[0] * b[1] for a, b in pairwise(axes))


def blas_ready(x: Array) -> Array:
    """A matrix that BLAS takes as it is: one of its axes is contiguous."""
    if x.itemsize in x.strides[-2:] and min(x.strides[-2:]) >= x.itemsize:
        return x
    return np.ascontiguousarray(x)


def multiply(a: Array, b: Array, out: Array, team: Team) -> None:
    """``out = a @ b``; many small products are shared by the team, large ones by BLAS."""
    if b.ndim == 2 and a.ndim > 2 and mergeable(a) and out.flags.c_contiguous:
        a, out = a.reshape(-1, a.shape[-1]), out.reshape(-1, out.shape[-1])
    if min(a.ndim, b.ndim) < 2 or team.threads == 1:
        np.matmul(a, b, out=out)
        return
    if out.ndim < 3 or not worth_sharing(a, out):
        multiply_columns(a, b, out, team)
        return
    axis = max(range(out.ndim - 2), key=lambda axis: out.shape[axis])
    lead = out.shape[:-2]
    left, right = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (a, b))
    parts = shares(lead[axis], team.threads)

    def work(number: int, part: slice) -> None:
        place = (slice(None),) * axis + (part,)
        np.matmul(left[place], right[place], out=out[place])

    share_out(team, parts, work)


def multiply_columns(a: Array, b: Array, out: Array, team: Team) -> None:
    """``out = a @ b``, a range of columns for each thread; small ones on one."""
    small = out.size * a.shape[-1] < LEAST_WORK
    parts = shares(out.shape[-1], 1 if small else team.threads, GRAIN)

    def work(number: int, part: slice) -> None:
        np.matmul(a, b[..., part], out=out[..., part])

    share_out(team, parts, work)


def worth_sharing(a: Array, out: Array) -> bool:
    """Are there several products, together large enough for two threads, but small each?"""
    each = out.shape[-1] * out.shape[-2] * a.shape[-1]
    total = math.prod(out.shape[:-2]) * each
    return bool(max(out.shape[:-2]) > 1 and total >= LEAST_WORK and each < 16 * LEAST_WORK)
