"""Pooling in blocks of channels that stay in the cache, without padded copies.

One axis after the other; a tap joins those windows only in which it meets the image, so that
pads need neither memory nor work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.team import Team
from framework.numerics.tiles import LINE, Grid, cut
from framework.numerics.windows import Windows

Array = NDArray[Any]

BLOCK_BYTES = 1 << 20
"""Bound of a task's part of the input."""


@dataclass(frozen=True)
class Pooling:
    """Windows of [b, c, *size] folded with ``combine``, then divided if ``divisor`` is given."""

    x: tuple[int, ...]
    counts: tuple[int, ...]
    windows: Windows
    dtype: str
    combine: Callable[..., Any]
    fill: float
    team: Team
    divisor: Array | None = None

    @cached_property
    def tasks(self) -> Grid:
        """(image, channels) of each task."""
        plane = math.prod(self.x[2:]) * np.dtype(self.dtype).itemsize
        threads = self.team.threads if self.x[0] < self.team.threads else 1
        parts = cut(self.x[1], max(1, BLOCK_BYTES // plane), threads)
        return Grid(range(self.x[0]), parts)

    @cached_property
    def stages(self) -> list[tuple[int, ...]]:
        """Sizes of a channel after each axis but the last."""
        return [
            (*self.counts[: axis + 1], *self.x[axis + 3 :]) for axis in range(len(self.counts) - 1)
        ]

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        return self.tasks.longest(1) * sum(map(self.room, self.stages))

    def room(self, stage: tuple[int, ...]) -> int:
        """Bytes of a channel, up to a cache line."""
        size = math.prod(stage) * np.dtype(self.dtype).itemsize
        return -(-size // LINE) * LINE

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def run(self, x: Array, out: Array, scratch: Array) -> None:
        """Pool ``x`` into ``out``."""

        def task(number: int) -> None:
            image, part = self.tasks[number]
            start = number % self.team.threads * self.size
            self.fold(x[image, part], out[image, part], scratch[start : start + self.size])

        self.team.each(task, len(self.tasks))

    def fold(self, x: Array, y: Array, memory: Array) -> None:
        """All axes of [c, *size]."""
        start = 0
        for axis, stage in enumerate(self.stages):
            stop = start + len(x) * math.prod(stage) * x.itemsize
            target = memory[start:stop].view(x.dtype).reshape(len(x), *stage)
            self.fold_axis(x, axis, target)
            x, start = target, start + len(x) * self.room(stage)
        self.fold_axis(x, len(self.counts) - 1, y)
        if self.divisor is not None:
            np.divide(y, self.divisor, out=y)

    def fold_axis(self, x: Array, axis: int, y: Array) -> None:
        """Combine the taps along one axis, one that all windows have first."""
        whole, all_windows = (slice(None),) * (axis + 1), slice(0, self.counts[axis])
        taps = sorted(self.taps(axis), key=lambda tap: tap[0] != all_windows)
        if taps and taps[0][0] == all_windows:
            np.copyto(y, x[(*whole, taps.pop(0)[1])])
        else:
            y[...] = self.fill
        for windows, places in taps:
            part = y[(*whole, windows)]
            self.combine(part, x[(*whole, places)], out=part)

    def taps(self, axis: int) -> Iterator[tuple[slice, slice]]:
        """For each tap the windows in which it meets the image, and where."""
        windows, size = self.windows, self.x[axis + 2]
        step, before = windows.stride[axis], windows.pads[axis][0]
        for tap in range(windows.kernel[axis]):
            at = tap * windows.dilation[axis] - before
            low = max(0, -(at // step))
            high = min(self.counts[axis], -((at - size) // step))
            if low < high:
                start = low * step + at
                yield slice(low, high), slice(start, start + (high - low - 1) * step + 1, step)
