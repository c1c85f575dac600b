"""Convolutions of images by matrix products, one for each row of the kernel.

The image is laid out once for each column of the kernel, shifted by it: [c, kw, rows, columns].
What a row of the kernel sees of all windows is then a range of rows of that, which BLAS reads
where it lies; the products of the rows are added up.  So 3 x 3 windows take three copies of
the image, not nine.  With few channels the products would be thin: `unfolded` is for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.by_rows import FEW_POSITIONS, ByRows
from framework.numerics.geometry import seen

Array = NDArray[Any]

TASK_BYTES = 8 << 20
"""Bound of a task's shifted images."""

FEWEST_COLUMNS = 64
"""Products of fewer windows spend their time on the weights."""


class KernelRows(ByRows):
    """A convolution by one product for each row of the kernel."""

    @property
    def across(self) -> int:
        """Numbers that a row of the kernel sees."""
        return self.shape.inner * self.shape.windows.kernel[1]

    @property
    def most(self) -> int:
        """Rows that are taken at a time, at most."""
        row = self.across * self.shape.windows.stride[0] * self.shape.y[3] * 4
        return max(TASK_BYTES // row, -(-FEWEST_COLUMNS // self.shape.y[3]))

    @property
    def share_filters(self) -> bool:
        """Do threads share the filters of a group, not the rows?"""
        return self.shape.y[2] * self.shape.y[3] <= FEW_POSITIONS

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shapes of the shifted images, and of a further product."""
        shape, columns = self.shape, rows * self.shape.y[3]
        high, step = shape.windows.kernel[0], shape.windows.stride[0]
        read = rows + (shape.windows.spans[0] - 1) // step
        return (
            (shape.inner, shape.windows.kernel[1], step, read, shape.y[3]),
            (filters, columns) if high > 1 else (0,),
        )

    def convolve(
        self, x: Array, weight: Array, out: Array, row: int, arrays: Sequence[Array]
    ) -> None:
        """With a weight laid out by `filters.rows_apart`."""
        shifted, further = arrays
        self.shift(shifted, x, self.shape.first(row))
        ranges = self.ranges(shifted, out.shape[1])
        add_products(weight, ranges, out.reshape(len(out), -1), further)

    def shift(self, shifted: Array, image: Array, first: tuple[int, int]) -> None:
        """Fill [c, kw, step, rows, columns] from row and column ``first`` on, zeros outside.

        Rows that a stride reads apart lie apart.
        """
        windows = self.shape.windows
        phases = itertools.product(range(windows.kernel[1]), range(windows.stride[0]))
        for tap, phase in phases:
            part = shifted[:, tap, phase]
            column = first[1] + tap * windows.dilation[1]
            rows, seen_rows = seen(first[0] + phase, windows.stride[0], *sizes(part, image, 1))
            columns, seen_columns = seen(column, windows.stride[1], *sizes(part, image, 2))
            part[:, : rows.start] = 0
            part[:, rows.stop :] = 0
            part[:, rows, : columns.start] = 0
            part[:, rows, columns.stop :] = 0
            np.copyto(part[:, rows, columns], image[:, seen_rows, seen_columns])

    def ranges(self, shifted: Array, rows: int) -> Iterator[Array]:
        """[c kw, rows columns] for each row of the kernel, not copied."""
        windows, columns = self.shape.windows, shifted.shape[4]
        for tap in range(windows.kernel[0]):
            start, phase = divmod(tap * windows.dilation[0], windows.stride[0])
            first = shifted[:, :, phase, start:]
            steps = (shifted.strides[1], shifted.itemsize)
            yield as_strided(first, (self.across, rows * columns), steps, writeable=False)


def sizes(part: Array, image: Array, axis: int) -> tuple[int, int]:
    """Sizes of both along an axis."""
    return part.shape[axis], image.shape[axis]


def add_products(weight: Array, ranges: Iterator[Array], y: Array, further: Array) -> None:
    """``y`` is the sum of the products of each row's weights and range."""
    for number, (part, found) in enumerate(zip(weight, ranges, strict=True)):
        np.matmul(part, found, out=further if number else y)
        if number:
            y += further
