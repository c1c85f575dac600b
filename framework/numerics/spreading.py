"""Transposed convolutions whose windows do not overlap: one product, and its taps in place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from framework.numerics.direct import Array, dense
from framework.numerics.team import Team
from framework.numerics.tiles import Grid, bench_of, cut, room

TILE_BYTES = 1 << 20
"""Bound of a task's products."""

FEWEST_COLUMNS = 64
"""Products of fewer positions spend their time on the weights."""


@dataclass(frozen=True)
class Spreading:
    """[b, c, h, w] -> [b, o, h kh, w kw]: the stride is the kernel, and nothing is cut off."""

    x: tuple[int, int, int, int]
    filters: int
    kernel: tuple[int, int]
    team: Team

    @cached_property
    def tasks(self) -> Grid:
        """(image, rows) of each task."""
        batch, _, height, width = self.x
        row = self.filters * math.prod(self.kernel) * width * 4
        most = max(TILE_BYTES // row, -(-FEWEST_COLUMNS // width))
        parts = cut(height, most, self.team.threads if batch < self.team.threads else 1)
        return Grid(range(batch), parts)

    @cached_property
    def needs(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of a worker's copy of the image and of its products."""
        rows, (_, channels, _, width) = self.tasks.longest(1), self.x
        return (channels, rows, width), (*self.kernel, self.filters, rows * width)

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        return sum(map(room, self.needs))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def run(
        self, x: Array, weight: Array, bias: Array | None, *, out: Array, scratch: Array
    ) -> None:
        """Multiply, and put each tap where it belongs."""

        def task(number: int) -> None:
            image, rows = self.tasks[number]
            taken, count = x[image, :, rows], rows.stop - rows.start
            bench = bench_of(scratch, number, self.team.threads, self.size)
            if not dense(taken):
                kept = bench.take(*taken.shape)
                np.copyto(kept, taken)
                taken = kept
            taps = bench.take(len(weight), count * self.x[3])
            np.matmul(weight, taken.reshape(len(taken), -1), out=taps)
            taps = taps.reshape(*self.kernel, self.filters, count, self.x[3])
            self.place(taps, bias, out[image, :, rows.start * self.kernel[0] :])

        self.team.each(task, len(self.tasks))

    def place(self, taps: Array, bias: Array | None, out: Array) -> None:
        """Write the products of each tap to every ``kernel``-th row and column."""
        (high, wide), rows = self.kernel, taps.shape[3]
        for down, right in np.ndindex(high, wide):
            target = out[:, down : rows * high : high, right::wide]
            if bias is None:
                np.copyto(target, taps[down, right])
            else:
                np.add(taps[down, right], bias[:, None, None], out=target)
