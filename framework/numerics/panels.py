"""Products in pieces so small that BLAS multiplies them where they lie.

BLAS copies what it multiplies into an order of its own, which pays for large matrices.  For
processors with AVX-512 OpenBLAS (0.3.18 and later, pull request 3335) leaves that out up to
`MOST` multiply-adds: measured, 197 x 768 by 768 x 768 takes 13 % less time in such pieces than
at once.  The pieces are one call of NumPy.

A weight [inner, columns] is laid out in panels [count, inner, width], so that the rows of a
panel are neighbours in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.team import blas

Array = NDArray[Any]
Call = Callable[[], object]

MOST = 1_000_000
"""Multiply-adds of a piece at most: the bound of these kernels."""

CORES = ("SkylakeX", "Cooperlake", "SapphireRapids")
"""What OpenBLAS calls the processors for which it has such kernels."""

WIDTHS = (32, 48, 16)
"""Columns of a panel: whole vectors of 16."""

FEW = 1 << 14
"""Elements of a weight that is one panel: it stays in a first-level cache, or nearly."""

STEP, LONGEST = 6, 48
"""Rows of a piece are a multiple of this, as the kernels take so many at a time, and at most
so many, unless one piece has all."""


@cache
def available() -> bool:
    """Has BLAS kernels for small matrices on this machine?"""
    return any(getattr(library, "architecture", None) in CORES for library in blas())


def height(inner: int, width: int, rows: int) -> int:
    """Rows of a piece; 0 where even the lowest one has too much to do."""
    most = MOST // max(1, inner * width)
    return rows if rows <= most else min(most, LONGEST) // STEP * STEP


def width_for(inner: int, columns: int, rows: int, grain: int = 0) -> int:
    """Columns of a panel; 0 where the product had better stay whole.

    ``grain`` is what ranges of columns that are multiplied alone begin and end at multiples of.
    """
    if not available() or not rows * inner * columns:
        return 0
    if inner * columns <= FEW:
        return columns
    fitting = [width for width in WIDTHS if (grain or columns) % width == 0]
    whole = [width for width in fitting if height(inner, width, rows) == rows]
    return next((w for w in whole + fitting if height(inner, w, rows)), 0)


WIDTH = WIDTHS[0]
"""Columns of a panel of `in_panels`."""


def worth_panels(inner: int, columns: int) -> bool:
    """Should a weight be laid out by `in_panels`, however many rows it is multiplied to?"""
    fits = columns % WIDTH == 0 and MOST // max(1, inner * WIDTH) >= STEP
    return fits and inner * columns > FEW and available()


def in_panels(weight: Array) -> Array:
    """[out, in] -> the panels of [in, out]."""
    return paneled(weight.T, WIDTH)


def paneled(weight: Array, width: int) -> Array:
    """[inner, columns] -> [count, inner, width]; a width of 0 is one panel."""
    inner, columns = weight.shape
    count = columns // width if width else 1
    return np.ascontiguousarray(weight.reshape(inner, count, -1).transpose(1, 0, 2))


def multiply_panels(x: Array, panels: Array, out: Array, rows: int) -> None:
    """``out = x @ weight`` for panels of the weight, so many rows at a time; 0 means all."""
    for call in panel_calls(x, panels, out, rows):
        call()


def panel_calls(x: Array, panels: Array, out: Array, rows: int) -> list[Call]:
    """The calls of `multiply_panels` on this memory."""
    count, _, width = panels.shape
    return piece_calls(x, panels, out.reshape(len(out), count, width).transpose(1, 0, 2), rows)


def piece_calls(x: Array, panels: Array, out: Array, rows: int) -> list[Call]:
    """The calls for panels [*lead, inner, width] and ``out`` [*lead, len(x), width]."""
    if not rows or len(x) <= rows:
        return [partial(np.matmul, x, panels, out=out)]
    pieces, rest = divmod(len(x), rows)
    most = pieces * rows
    found = x[:most].reshape(pieces, rows, x.shape[1])
    parts = out[..., :most, :].reshape(*out.shape[:-2], pieces, rows, out.shape[-1])
    calls: list[Call] = [partial(np.matmul, found, panels[..., None, :, :], out=parts)]
    if rest:
        calls.append(partial(np.matmul, x[most:], panels, out=out[..., most:, :]))
    return calls
