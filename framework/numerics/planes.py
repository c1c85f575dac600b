"""Convolutions of images with few channels, such as colours: windows unfolded plane by plane.

Channel vectors would be too short to copy one by one; rows of the image are long.  Columns
that a stride reads together are laid side by side first.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided

from framework.numerics.columns import Array, Columns
from framework.numerics.tiles import Bench, pick


class Planes(Columns):
    """`Columns` with the windows unfolded as [c, kh, kw, rows, columns]."""

    @cached_property
    def needs(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a worker's tile [c, step, rows, columns] and of its columns."""
        rows = max(part.stop - part.start for *_, part in self.tasks)
        shape = self.shape
        height, width = shape.tile(rows)
        step = shape.windows.stride[1]
        return (
            (shape.inner, step, height, -(-width // step)),
            (math.prod(shape.windows.kernel) * shape.inner, rows * shape.y[3]),
        )

    def columns(self, image: Array, rows: slice, bench: Bench) -> Array:
        """[rows columns, c kh kw] of some rows of windows; a view of the transpose."""
        shape, count = self.shape, rows.stop - rows.start
        (channels, step, _, across), (depth, _) = self.needs
        tile = bench.take(channels, step, shape.tile(count)[0], across)
        self.fill(tile, image, shape.first(rows.start))
        columns = bench.take(depth, count * shape.y[3])
        taps = columns.reshape(channels, *shape.windows.kernel, count, shape.y[3])
        deep, _, high, wide = tile.strides
        down, apart = shape.windows.stride[0] * high, shape.windows.dilation[0] * high
        for tap in range(shape.windows.kernel[1]):
            at = tap * shape.windows.dilation[1]
            start = tile[:, at % step, :, at // step :]
            size = (channels, shape.windows.kernel[0], count, shape.y[3])
            np.copyto(taps[:, :, tap], as_strided(start, size, (deep, apart, down, wide)))
        return columns.T

    def fill(self, tile: Array, image: Array, first: tuple[int, int]) -> None:
        """The padded image from row and column ``first`` on, columns apart by the stride."""
        (row, column), height = first, tile.shape[2]
        top = min(height, max(0, -row))
        bottom = max(top, min(height, image.shape[1] - row))
        tile[:, :, :top] = 0
        tile[:, :, bottom:] = 0
        if bottom > top:
            known = image[:, row + top : row + bottom]
            for phase in range(tile.shape[1]):
                part = tile[:, phase, top:bottom].transpose(1, 2, 0)
                pick(known, part, phase + column, tile.shape[1])
