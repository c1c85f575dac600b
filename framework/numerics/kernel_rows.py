"""Convolutions of images by matrix products, one for each row of the kernel.

The image is laid out once for each column of the kernel, shifted by it: [c, kw, rows, columns].
What a row of the kernel sees of all windows is then a range of rows of that, which BLAS reads
where it lies; the products of the rows are added up.  So 3 x 3 windows take three copies of
the image, not nine.  With few channels the products would be thin: `unfolded` is for them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.geometry import Geometry, seen
from framework.numerics.team import Team, worth_waking
from framework.numerics.tiles import Finish, bench_of, cut, room

Array = NDArray[Any]

TASK_BYTES = 8 << 20
"""Bound of a task's shifted images."""

FEWEST_COLUMNS = 64
"""Products of fewer windows spend their time on the weights."""

FEW_POSITIONS = 256
"""Up to 16 x 16 windows, reading the filters is the work: threads share them, not the rows."""


@dataclass(frozen=True)
class KernelRows:
    """A convolution; a task is an image, a group, some of its filters and some rows."""

    shape: Geometry
    team: Team

    @cached_property
    def workers(self) -> Team:
        """The team, or nobody else for little work."""
        work = math.prod(self.shape.y) * self.depth * self.shape.windows.kernel[0]
        return worth_waking(self.team, work)

    @property
    def depth(self) -> int:
        """Numbers that a row of the kernel sees."""
        return self.shape.inner * self.shape.windows.kernel[1]

    @cached_property
    def tasks(self) -> list[tuple[int, int, slice, slice]]:
        """(image, group, filters of the group, rows of the result) of each task."""
        shape = self.shape
        row = self.depth * shape.windows.stride[0] * shape.y[3] * 4
        most = max(TASK_BYTES // row, -(-FEWEST_COLUMNS // shape.y[3]))
        threads = self.workers.threads if shape.groups * shape.x[0] < self.workers.threads else 1
        few = shape.y[2] * shape.y[3] <= FEW_POSITIONS
        filters = cut(shape.filters, shape.filters, threads if few else 1)
        rows = cut(shape.y[2], most, 1 if few else threads)
        return list(itertools.product(range(shape.x[0]), range(shape.groups), filters, rows))

    def stages(self, filters: int, rows: int) -> tuple[tuple[int, ...], ...]:
        """Shapes of the shifted images, and of a further product."""
        shape, columns = self.shape, rows * self.shape.y[3]
        high, step = shape.windows.kernel[0], shape.windows.stride[0]
        read = rows + (shape.windows.spans[0] - 1) // step
        return (
            (shape.inner, shape.windows.kernel[1], step, read, shape.y[3]),
            (filters, columns) if high > 1 else (0,),
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        filters = max(part.stop - part.start for _, _, part, _ in self.tasks)
        rows = max(part.stop - part.start for *_, part in self.tasks)
        return sum(map(room, self.stages(filters, rows)))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.workers.threads, len(self.tasks))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `filters.rows_apart`."""
        shape = self.shape

        def task(number: int) -> None:
            image, group, some, rows = self.tasks[number]
            filters = slice(group * shape.filters + some.start, group * shape.filters + some.stop)
            inside = slice(group * shape.inner, (group + 1) * shape.inner)
            stages = self.stages(some.stop - some.start, rows.stop - rows.start)
            bench = bench_of(scratch, number, self.workers.threads, self.size)
            shifted = bench.take(*stages[0])
            self.shift(shifted, x[image, inside], shape.first(rows.start))
            place = (image, filters, rows)
            target = out[place].reshape(some.stop - some.start, -1)
            ranges = self.ranges(shifted, rows.stop - rows.start)
            add_products(weight[:, filters], ranges, target, bench.take(*stages[1]))
            finish.sums(out[place], place)
            finish.after_sums(target)

        self.workers.each(task, len(self.tasks))

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
            yield as_strided(first, (self.depth, rows * columns), steps, writeable=False)


def sizes(part: Array, image: Array, axis: int) -> tuple[int, int]:
    """Sizes of both along an axis."""
    return part.shape[axis], image.shape[axis]


def add_products(weight: Array, ranges: Iterator[Array], y: Array, further: Array) -> None:
    """``y`` is the sum of the products of each row's weights and range."""
    for number, (part, found) in enumerate(zip(weight, ranges, strict=True)):
        np.matmul(part, found, out=further if number else y)
        if number:
            y += further
