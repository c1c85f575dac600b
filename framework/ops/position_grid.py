"""Positions on a grid: where a cell of an image lies, as a vector added to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.ops.position_tables import Stretch, fitted, require_rows, stretching


class Positional2D(Op, name="positional_2d"):
    """Add to each cell of a grid a vector that tells its row and its column.

    sinusoidal: y = x + table, one half of d tells the column q, the other one the row p;
                within a half and for i = 0 … d/4 - 1: sin(q / base^(4i/d)), cos(q / base^(4i/d))
    learned:    y[..., p, q, :] = x[..., p, q, :] + table[0, p, q, :]

    The grid is [..., h, w, d].  ``first`` says which half comes first; ``order``: all sines of a
    half and then its cosines (blocks), or by turns (interleaved).  A learned table has ``rows`` x
    ``columns`` cells; for another grid it is stretched (``resize``, as PyTorch's interpolate
    does it, ``antialias`` for smaller grids), or with "none" its upper left part is used.
    Source: learned and stretched: Dosovitskiy et al. 2020, section 3.2; sinusoidal blocks,
    columns first: He et al. 2022 (MAE); interleaved, rows first: Carion et al. 2020 (DETR), which
    counts from 1.
    """

    signature = "x: *lead h w d, table~?: 1 rows columns d -> y: *lead h w d"
    category = "position"
    main = "kind"
    initial = {"table": {"normal": 0.02}}

    kind: Literal["learned", "sinusoidal"]
    rows: int | None = None
    columns: int | None = None
    resize: Stretch = "none"
    antialias: bool = False
    base: float = 10000.0
    order: Literal["blocks", "interleaved"] = "blocks"
    first: Literal["columns", "rows"] = "columns"

    def check(self) -> None:
        """A learned table needs its sizes."""
        if self.kind == "learned" and (self.rows is None or self.columns is None):
            raise Mistake(
                "positional_2d needs 'rows' and 'columns' for a learned table",
                hint="the grid that it is learned on, e.g. rows: 14, columns: 14",
                code="missing-attribute",
            )
        if self.antialias and self.resize == "none":
            raise Mistake("antialias has no meaning with resize none")

    def has_slot(self, slot: str) -> bool:
        """Only a learned encoding has a table."""
        return self.kind == "learned"

    def derive(self, d: Match) -> dict[str, Any]:
        """A learned table is large enough; sines need a quarter of the width."""
        self.check()
        if self.rows is not None and self.columns is not None:
            require_rows(d, (d.h, d.w), (self.rows, self.columns), self.resize)
        if self.kind == "sinusoidal":
            d.require("divisible", d.d, 4, "width of x and 4 (sine and cosine of row and column)")
        return {}

    def compute(self, x: Array, table: Array | None = None) -> Array:
        """``x`` plus the table."""
        height, width, depth = x.shape[-3:]
        if table is None:
            down, across = self.waves(depth)
            cells = wave(height, *down)[:, None] + wave(width, *across)
        else:
            cells = fitted(table, (height, width), self.resize, self.antialias)
        return np.asarray(x + cells.astype(x.dtype, copy=False))

    def waves(self, depth: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """(rates, shifts) of every column of the table, for the rows and for the columns.

        The table is sin(p * rate + shift) of the row plus the same of the column; rate and shift
        are 0 where a column of the table tells the other one.  A cosine is a sine with pi/2.
        """
        quarter = np.arange(depth // 4)
        rates = self.base ** (-4 * quarter / depth)
        angles = np.zeros_like(rates), np.full_like(rates, np.pi / 2)
        half: tuple[Array, Array]
        if self.order == "blocks":
            half = np.tile(rates, 2), np.concatenate(angles)
        else:
            half = np.repeat(rates, 2), np.stack(angles, 1).reshape(-1)
        none = np.zeros_like(half[0])
        before = (np.concatenate([half[0], none]), np.concatenate([half[1], none]))
        after = (np.concatenate([none, half[0]]), np.concatenate([none, half[1]]))
        return (after, before) if self.first == "columns" else (before, after)

    def cost(self, d: Match) -> Cost:
        """An addition for each element, and what the stretching takes; sines are a constant."""
        work = product(d.shapes["x"])
        if self.kind == "learned":
            stored = (self.rows or 0, self.columns or 0)
            work += stretching((d.h, d.w), stored, d.d, self.resize)
        return Cost(elementwise=work)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Learned: part of the table, stretched, shrunk; sinusoidal in each order."""
        yield cls(kind="learned", rows=5, columns=7), (2, 3, 4, 6)
        yield cls("learned", rows=3, columns=4, resize="linear"), (2, 5, 7, 6)
        yield cls("learned", rows=7, columns=5, resize="cubic", antialias=True), (4, 3, 2)
        yield cls(kind="sinusoidal"), (2, 3, 5, 8)
        yield cls("sinusoidal", base=100.0, order="interleaved", first="rows"), (3, 5, 12)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Which half tells what, in which order; half steps of a stretched table."""
        s, c, zero = np.sin(1.0), np.cos(1.0), np.zeros((2, 2, 4))
        there, here = [s, c], [0, 1]
        grid = [[[*here, *here], [*there, *here]], [[*here, *there], [*there, *there]]]
        yield cls("sinusoidal"), (zero,), grid
        turned = np.swapaxes(np.array(grid), 0, 1)
        yield cls("sinusoidal", first="rows"), (zero,), turned
        t, k = np.sin(0.1), np.cos(0.1)  # 1 / 100^(4/8) is 0.1
        row = np.zeros((1, 2, 8))
        origin = [0, 0, 1, 1]
        yield cls("sinusoidal", base=100.0), (row,), [[origin * 2, [s, t, c, k, *origin]]]
        turns = cls("sinusoidal", base=100.0, order="interleaved")
        yield turns, (row,), [[[0, 1] * 4, [s, c, t, k, 0, 1, 0, 1]]]
        table = np.array([[[[0.0], [4.0]], [[8.0], [12.0]]]])
        yield cls("learned", rows=2, columns=2), (np.ones((1, 2, 1)), table), [[[1], [5]]]
        wide = cls("learned", rows=2, columns=2, resize="linear")
        yield wide, (np.zeros((1, 4, 1)), table), [[[4], [5], [7], [8]]]


def wave(count: int, rates: Array, shifts: Array) -> Array:
    """sin(p * rate + shift) for p below ``count``: [count, columns]."""
    return np.asarray(np.sin(np.arange(count)[:, None] * rates + shifts))
