"""Convolutions of images with few channels: all windows are copied, and multiplied at once.

The rows that some windows see are padded, their columns sorted by the remainder under the
stride, so that each tap of all windows of a row is one run of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.by_rows import ByRows
from framework.numerics.geometry import seen

Array = NDArray[Any]

TASK_BYTES = 8 << 20
"""Bound of a task's windows."""


class Unfolded(ByRows):
    """A convolution that copies the windows of some rows of its result."""

    @property
    def most(self) -> int:
        """Rows that are taken at a time, at most."""
        return max(1, TASK_BYTES // (self.depth * self.shape.y[3] * 4))

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shapes of the padded rows, and of the windows of some rows of the result."""
        shape, windows = self.shape, self.shape.windows
        (down, right), (high, wide) = windows.stride, windows.spans
        padded = ((rows - 1) * down + high, shape.y[3] + -(-wide // right) - 1)
        return (
            (shape.inner, right, *padded),
            (shape.inner, *windows.kernel, rows, shape.y[3]),
        )

    def convolve(
        self, x: Array, weight: Array, out: Array, row: int, arrays: Sequence[Array]
    ) -> None:
        """With a weight laid out by `filters.flat`."""
        padded, columns = arrays
        self.pad(padded, x, self.shape.first(row))
        self.unfold(padded, columns)
        np.matmul(weight, columns.reshape(self.depth, -1), out=out.reshape(len(out), -1))

    def pad(self, padded: Array, image: Array, first: tuple[int, int]) -> None:
        """Fill [c, step, rows, columns] from row and column ``first`` on, zeros outside."""
        step = padded.shape[1]
        for phase in range(step):
            part = padded[:, phase]
            rows, seen_rows = seen(first[0], 1, part.shape[1], image.shape[1])
            columns, seen_columns = seen(first[1] + phase, step, part.shape[2], image.shape[2])
            part[:, : rows.start] = 0
            part[:, rows.stop :] = 0
            part[:, rows, : columns.start] = 0
            part[:, rows, columns.stop :] = 0
            np.copyto(part[:, rows, columns], image[:, seen_rows, seen_columns])

    def unfold(self, padded: Array, columns: Array) -> None:
        """Copy the windows: [c, kh, kw, rows, columns]."""
        windows, step = self.shape.windows, padded.shape[1]
        deep, _, row, each = padded.strides
        apart = (deep, row * windows.dilation[0], row * windows.stride[0], each)
        for tap in range(windows.kernel[1]):
            start, phase = divmod(tap * windows.dilation[1], step)
            target = columns[:, :, tap]
            found = padded[:, phase, :, start:]
            np.copyto(target, as_strided(found, target.shape, apart, writeable=False))
