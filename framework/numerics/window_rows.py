"""Convolutions by a product of windows with panels of filters.

An image is laid out with its channels innermost, [rows, columns, c].  What a row of the kernel
sees of a window is one run there, so that windows are copied fast, in the order of the results:
as rows of a matrix, which BLAS multiplies to `panels` of the filters where both lie.  The result
has its channels innermost, too, and is turned when it is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.by_rows import FEW_POSITIONS, ByRows, Piece, Share
from framework.numerics.geometry import Geometry, seen
from framework.numerics.panels import (
    FEW,
    MOST,
    STEP,
    WIDTH,
    Call,
    height,
    panel_calls,
)
from framework.numerics.tiles import Finish, cut, length, stage_shape

Array = NDArray[Any]

TASK_BYTES = 1 << 21
"""Bound of a task's rows of the image, and of its result."""

TILE_BYTES = 1 << 20
"""Bound of the windows that are copied at a time."""

FEWEST = 256
"""Windows that are copied at a time, at least: with fewer, reading the filters is the work."""


class WindowRows(ByRows):
    """A convolution of one group by one product of windows."""

    grain = WIDTH

    @property
    def most(self) -> int:
        """Rows that are taken at a time, at most."""
        row = max(self.shape.tile(1)[1] * self.shape.inner, self.shape.y[3] * self.shape.filters)
        return max(1, TASK_BYTES // (row * 4))

    @property
    def share_filters(self) -> bool:
        """Do threads share the filters, not the rows?"""
        return self.shape.y[2] * self.shape.y[3] <= FEW_POSITIONS

    def tiles(self, rows: int) -> list[slice]:
        """The rows, of so many, whose windows are copied at a time."""
        columns = self.shape.y[3]
        return cut(rows, max(TILE_BYTES // (self.depth * columns * 4), -(-FEWEST // columns)))

    @property
    def sums(self) -> list[slice]:
        """The parts of a window whose products are added up: one, if BLAS takes all in a piece."""
        return cut(self.depth, MOST // (WIDTH * STEP))

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shapes of the rows of the image, turned and before, of windows, of the result, and of
        a further product of windows.
        """
        shape, (_, *image) = self.shape, self.shape.x
        tile = max(map(length, self.tiles(rows)))
        return (
            (*shape.tile(rows), shape.inner),
            stage_shape(image, min(image[1], shape.tile(rows)[0]), image[2]),
            (tile, shape.y[3], *shape.windows.kernel, shape.inner),
            (rows, shape.y[3], filters),
            (tile * shape.y[3] * (len(self.sums) > 1), filters),
        )

    def piece(self, share: Share, arrays: Sequence[Array]) -> Piece:
        """Its calls are made once."""
        return Windows(self, share, arrays)


class Windows(Piece):
    """A share, with its views of the memory, and all calls for a weight."""

    plan: WindowRows

    def __init__(self, plan: WindowRows, share: Share, arrays: Sequence[Array]) -> None:
        super().__init__(plan, share, arrays)
        self.turned, staged, self.windows, self.result, self.further = arrays
        (row, column), (_, _, high, wide) = plan.shape.first(share.rows.start), plan.shape.x
        down, self.rows = seen(row, 1, self.turned.shape[0], high)
        right, self.columns = seen(column, 1, self.turned.shape[1], wide)
        self.inside = self.turned[down, right]
        edges = (
            self.turned[: down.start], self.turned[down.stop :],
            self.turned[down, : right.start], self.turned[down, right.stop :],
        )  # fmt: skip
        self.edges = [edge for edge in edges if edge.size]
        shape = self.inside.transpose(2, 0, 1).shape
        self.staged = staged[:, : math.prod(shape[1:])].reshape(shape) if staged.size else None
        self.weight: Array | None = None
        self.calls: list[Call] = []

    def run(
        self, x: Array, weight: Array, finish: Finish, out: Array, place: tuple[int, slice, slice]
    ) -> None:
        """With a weight laid out by `filters.window_panels`."""
        if self.weight is not weight:
            filters = self.share.filters
            panels = weight[filters.start // WIDTH : filters.stop // WIDTH]
            self.weight, self.calls = weight, list(self.calls_for(panels))
        self.turn(x[:, self.rows, self.columns])
        for call in self.calls:
            call()
        finish.before(self.result, place[1])
        finish.store(self.result, out, place)
        finish.after(out[place])

    def turn(self, image: Array) -> None:
        """Lay what is seen of the image out with the channels innermost."""
        if self.staged is not None:
            np.copyto(self.staged, image)
            image = self.staged
        np.copyto(self.inside, image.transpose(1, 2, 0))

    def calls_for(self, panels: Array) -> Iterator[Call]:
        """What is called after that to write ``result``."""
        yield from (partial(edge.fill, 0) for edge in self.edges)
        plan, columns = self.plan, self.result.shape[1]
        windows, (row, column, each) = plan.shape.windows, self.turned.strides
        (down, right), (low, wide) = windows.stride, windows.dilation
        apart = (row * down, column * right, row * low, column * wide, each)
        for tile in plan.tiles(len(self.result)):
            some, target = self.windows[: length(tile)], self.result[tile]
            found = self.turned[tile.start * down :]
            yield partial(np.copyto, some, as_strided(found, some.shape, apart, writeable=False))
            rows = some.reshape(length(tile) * columns, plan.depth)
            yield from self.products(rows, panels, target.reshape(len(rows), -1))

    def products(self, rows: Array, panels: Array, target: Array) -> Iterator[Call]:
        """What multiplies windows, part by part."""
        for part in self.plan.sums:
            out = self.further[: len(rows)] if part.start else target
            high = height(length(part), WIDTH, len(rows))
            yield from panel_calls(rows[:, part], panels[:, part], out, high)
            if part.start:
                yield partial(np.add, target, out, out=target)


def suits_window_rows(shape: Geometry) -> bool:
    """Can the filters be laid out in panels, and is that worth it?"""
    depth = shape.inner * math.prod(shape.windows.kernel)
    fits = shape.groups == 1 and shape.filters % WIDTH == 0
    return fits and depth * shape.filters > FEW
