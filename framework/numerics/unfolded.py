"""Convolutions of images with few channels: all windows are copied, and multiplied at once.

The rows that some windows see are padded, their columns sorted by the remainder under the
stride, so that each tap of all windows of a row is one run of them.
"""

from __future__ import annotations

import itertools
import math
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
"""Bound of a task's windows."""


@dataclass(frozen=True)
class Unfolded:
    """A convolution; a task is an image, a group and some rows of its result."""

    shape: Geometry
    team: Team

    @property
    def depth(self) -> int:
        """Numbers that a filter sees."""
        return self.shape.inner * math.prod(self.shape.windows.kernel)

    @cached_property
    def workers(self) -> Team:
        """The team, or nobody else for little work."""
        return worth_waking(self.team, math.prod(self.shape.y) * self.depth)

    @cached_property
    def tasks(self) -> list[tuple[int, int, slice]]:
        """(image, group, rows of the result) of each task."""
        shape = self.shape
        alone = shape.groups * shape.x[0] < self.workers.threads
        most = max(1, TASK_BYTES // (self.depth * shape.y[3] * 4))
        rows = cut(shape.y[2], most, self.workers.threads if alone else 1)
        return list(itertools.product(range(shape.x[0]), range(shape.groups), rows))

    def stages(self, rows: int) -> tuple[tuple[int, ...], ...]:
        """Shapes of the padded rows, and of the windows of some rows of the result."""
        shape, windows = self.shape, self.shape.windows
        (down, right), (high, wide) = windows.stride, windows.spans
        padded = ((rows - 1) * down + high, shape.y[3] + -(-wide // right) - 1)
        return (
            (shape.inner, right, *padded),
            (shape.inner, *windows.kernel, rows, shape.y[3]),
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        rows = max(part.stop - part.start for *_, part in self.tasks)
        return sum(map(room, self.stages(rows)))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.workers.threads, len(self.tasks))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `filters.flat`."""
        shape = self.shape

        def task(number: int) -> None:
            image, group, rows = self.tasks[number]
            filters = slice(group * shape.filters, (group + 1) * shape.filters)
            inside = slice(group * shape.inner, (group + 1) * shape.inner)
            bench = bench_of(scratch, number, self.workers.threads, self.size)
            padded, columns = (bench.take(*s) for s in self.stages(rows.stop - rows.start))
            self.pad(padded, x[image, inside], shape.first(rows.start))
            self.unfold(padded, columns)
            place = (image, filters, rows)
            target = out[place].reshape(shape.filters, -1)
            np.matmul(weight[filters], columns.reshape(self.depth, -1), out=target)
            finish.sums(out[place], place)
            finish.after_sums(target)

        self.workers.each(task, len(self.tasks))

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
