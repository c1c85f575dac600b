"""Convolutions that are one matrix product: kernel 1, or windows that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.by_rows import ByRows
from framework.numerics.team import LEAST_WORK, Team
from framework.numerics.tiles import cut

Array = NDArray[Any]

TILE_BYTES = 1 << 20
"""Bound of a task's part of the image and of the result."""

RESULT_BYTES = 1 << 20
"""Bound of a task's whole planes of the result, where filters are shared out."""

SMALL_BYTES = 1 << 21
"""A result up to here is one product of BLAS with all its threads: waking ours takes longer."""

FEWEST_COLUMNS = 128
"""Products of fewer positions spend their time on the filters."""

FEWEST_FILTERS = 16
"""Products of fewer filters spend their time on reading the image."""


class Direct(ByRows):
    """A convolution of one group whose windows share nothing: filters times positions.

    Positions that are not one run of the image, strided ones and those of patches, are copied.
    """

    @cached_property
    def workers(self) -> Team:
        """The team: who has too little to do is left out by `cut`."""
        return self.team

    def cut(self) -> tuple[list[slice], list[slice]]:
        """The filters and the rows that tasks take at a time."""
        shape = self.shape
        threads = self.team.threads if shape.x[0] < self.team.threads else 1
        filters, rows = [slice(0, shape.y[1])], [slice(0, shape.y[2])]
        count = shape.y[2] * shape.y[3]
        small = shape.y[1] * count * 4 <= SMALL_BYTES
        if small and (threads == 1 or shape.y[1] * count * self.depth < LEAST_WORK):
            pass
        elif small or shape.y[1] >= 2 * self.depth:  # what follows runs faster on whole planes
            fit = max(FEWEST_FILTERS, RESULT_BYTES // (count * 4))
            filters = cut(shape.y[1], fit, threads)
        else:
            row = (self.depth + shape.y[1]) * shape.y[3] * 4
            most = max(TILE_BYTES // row, -(-FEWEST_COLUMNS // shape.y[3]))
            rows = cut(shape.y[2], most, threads)
        return filters, rows

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shape of the positions of some rows."""
        return [(self.depth, rows * self.shape.y[3])]

    def convolve(
        self, x: Array, weight: Array, out: Array, row: int, arrays: Sequence[Array]
    ) -> None:
        """With a weight laid out by `filters.flat`."""
        positions = self.positions(x, slice(row, row + out.shape[1]))
        if not dense(positions):
            kept = arrays[0].reshape(positions.shape)
            np.copyto(kept, positions)
            positions = kept
        columns = positions.reshape(self.depth, -1)
        np.matmul(weight, columns, out=out.reshape(len(out), -1))

    def positions(self, image: Array, rows: slice) -> Array:
        """[c, rows, columns] of the image, or [c, kh, kw, rows, columns]; not copied."""
        (down, right), columns = self.shape.windows.stride, self.shape.y[3]
        if self.depth > len(image):
            return self.shape.windows.view(image)[..., rows, :columns]
        found = image[:, rows.start * down : (rows.stop - 1) * down + 1 : down]
        return found[:, :, : (columns - 1) * right + 1 : right]


def dense(x: Array) -> bool:
    """Are the last two axes of [c, h, w] one run, so that a product can read them?"""
    return bool(
        x.ndim == 3
        and x.strides[2] == x.itemsize
        and x.strides[1] == x.itemsize * x.shape[2]
        and x.strides[0] >= x.itemsize * x.shape[1] * x.shape[2]
    )
