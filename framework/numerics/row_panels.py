"""Convolutions of wide images by one product, whose pieces BLAS multiplies where they lie.

The image is laid out in [parts, rows, c, kw, columns]: for each column of the kernel shifted by
it, and cut into parts of some columns.  What the windows of a row see in a part is then one run
of memory, the rows of the kernel behind each other, and those of the next row begin a row later.
So these are the `panels` of a product with all filters, and nothing is copied kh times.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.by_rows import ByRows
from framework.numerics.geometry import Geometry, seen
from framework.numerics.panels import FEW, STEP, height, piece_calls

Array = NDArray[Any]

TASK_BYTES = 4 << 20
"""Bound of a task's shifted images."""

VECTOR = 16
"""Columns that the kernels of BLAS take at a time: parts of a multiple waste nothing."""

NARROWEST = 48
"""Columns of an image that are not a multiple: what the last vector wastes is little then."""

LARGEST = 4 * FEW
"""Elements of a panel: larger ones leave the second-level cache."""


class RowPanels(ByRows):
    """A convolution by one product of all filters with panels."""

    @property
    def width(self) -> int:
        """Columns of a part."""
        return part_width(self.depth, self.shape.y[3])

    @property
    def most(self) -> int:
        """Rows that are taken at a time, at most."""
        (_, right), (down, _) = self.shape.windows.kernel, self.shape.windows.stride
        return max(1, TASK_BYTES // (self.shape.inner * right * down * self.shape.y[3] * 4))

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shape of the shifted images."""
        shape, (_, right) = self.shape, self.shape.windows.kernel
        parts = shape.y[3] // self.width
        return [(parts, shape.tile(rows)[0], shape.inner, right, self.width)]

    def convolve(
        self, x: Array, weight: Array, out: Array, row: int, arrays: Sequence[Array]
    ) -> None:
        """With a weight laid out by `filters.rows_first`."""
        (shifted,) = arrays
        self.shift(shifted, x, self.shape.first(row))
        self.multiply(weight, shifted, out)

    def shift(self, shifted: Array, image: Array, first: tuple[int, int]) -> None:
        """Fill [parts, rows, c, kw, columns] from row and column ``first`` on, zeros outside."""
        windows, (parts, rows, _, taps, width) = self.shape.windows, shifted.shape
        there, found = seen(first[0], 1, rows, image.shape[1])
        shifted[:, : there.start] = 0
        shifted[:, there.stop :] = 0
        step = windows.stride[1]
        for part, tap in itertools.product(range(parts), range(taps)):
            target = shifted[part, there, :, tap]
            column = first[1] + tap * windows.dilation[1] + part * width * step
            columns, picked = seen(column, step, width, image.shape[2])
            target[..., : columns.start] = 0
            target[..., columns.stop :] = 0
            np.copyto(target[..., columns], image[:, found, picked].transpose(1, 0, 2))

    def multiply(self, weight: Array, shifted: Array, out: Array) -> None:
        """``out`` [filters, rows, columns] for weights [filters, kh c kw]."""
        (count, rows, _), (parts, *_, width) = out.shape, shifted.shape
        apart, row = shifted.strides[:2]
        down = row * self.shape.windows.stride[0]
        steps = (apart, down, width * shifted.itemsize, shifted.itemsize)
        panels = as_strided(shifted, (parts, rows, self.depth, width), steps, writeable=False)
        target = out.reshape(count, rows, parts, width).transpose(2, 1, 0, 3)
        for call in piece_calls(weight, panels, target, height(self.depth, width, count)):
            call()


def part_width(depth: int, columns: int) -> int:
    """The largest part of a row of the result that gives panels of a good size; 0 without."""
    for count in range(1, columns + 1):
        width = columns // count
        if columns % count or width * depth > LARGEST:
            continue
        good = width % VECTOR == 0 or width >= NARROWEST
        return width if good and height(depth, width, STEP) else 0
    return 0


def suits_row_panels(shape: Geometry) -> bool:
    """Are panels good for these sizes, and the rows of the kernel neighbours?"""
    depth = shape.inner * math.prod(shape.windows.kernel)
    return shape.windows.dilation[0] == 1 and part_width(depth, shape.y[3]) > 0
