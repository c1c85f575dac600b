"""Depthwise convolutions: one filter a channel, a sum of shifted tiles.

With the channels innermost, a tap adds a run of the tile times a run of weights, whatever
the stride; ``einsum`` does so without an array in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.columns import Geometry
from framework.numerics.team import Team
from framework.numerics.tiles import Finish, bench_of, cut, fetch, room, stage_shape

Array = NDArray[Any]

TILE_BYTES = 1 << 21
"""Bound of a task's part of the image."""

MANY_CHANNELS = 256
"""From here on threads share the channels, so that no border of rows is read twice."""

RUN = 512
"""Length of the runs that few channels of several columns make; short ones cost their start."""


@dataclass(frozen=True)
class Depthwise:
    """A depthwise convolution; a task is an image, some channels and some rows."""

    shape: Geometry
    team: Team

    @cached_property
    def tasks(self) -> list[tuple[int, slice, slice]]:
        """(image, channels, rows of the result) of each task."""
        shape, threads = self.shape, self.team.threads
        many = shape.x[1] >= MANY_CHANNELS
        channels = cut(shape.x[1], MANY_CHANNELS, threads) if many else [slice(0, shape.x[1])]
        row = shape.tile(1)[1] * (channels[0].stop or 1) * 4
        fit = max(2, TILE_BYTES // row - shape.windows.spans[0]) // shape.windows.stride[0]
        rows = cut(shape.y[2], max(1, fit), 1 if len(channels) >= threads else threads)
        return [(b, part, r) for b in range(shape.x[0]) for part in channels for r in rows]

    @cached_property
    def together(self) -> int:
        """Columns whose channels are one run."""
        few = self.shape.x[1] < MANY_CHANNELS
        return max(1, min(RUN // self.shape.x[1], self.shape.y[3])) if few else 1

    @cached_property
    def phases(self) -> list[tuple[int, slice, int, int]]:
        """The taps of a row by the columns that a stride reads together.

        For each such phase: its number, its taps, the first column that they read among its
        own, and the distance to the next.
        """
        step, apart = self.shape.windows.stride[1], self.shape.windows.dilation[1]
        every = step // math.gcd(step, apart)
        found = [
            (first * apart % step, slice(first, None, every), first * apart // step,
             every * apart // step)
            for first in range(min(every, self.shape.windows.kernel[1]))
        ]  # fmt: skip
        return found

    @cached_property
    def needs(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a worker's tile, stage, result, and the part of it that a phase adds."""
        shape, step = self.shape, self.shape.windows.stride[1]
        rows = max(part.stop - part.start for *_, part in self.tasks)
        channels = max(part.stop - part.start for _, part, _ in self.tasks)
        height, blocks = shape.tile(rows)[0], -(-shape.y[3] // self.together)
        width = blocks * self.together + (shape.windows.spans[1] - 1) // step
        result = (rows, blocks, self.together * channels)
        return (
            (height, step, width, channels),
            stage_shape((channels, *shape.x[2:]), height, width * step),
            result,
            result if len(self.phases) > 1 else (0,),
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        return sum(map(room, self.needs))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `filters.repeated`."""

        def task(number: int) -> None:
            image, channels, rows = self.tasks[number]
            bench = bench_of(scratch, number, self.team.threads, self.size)
            count, many = rows.stop - rows.start, channels.stop - channels.start
            (_, step, width, _), stage, (_, blocks, _), spare = self.needs
            tile = bench.take(self.shape.tile(count)[0], step, width, many)
            kept = bench.take(*stage) if stage[0] else None
            fetch(x[image, channels], tile, self.shape.first(rows.start), kept)
            result = bench.take(count, blocks, self.together * many)
            added = bench.take(*result.shape) if spare[0] else result
            self.sum_taps(tile, self.part(weight, channels), result, added)
            part = finish.of(channels, self.together)
            part.before(result)
            place = (image, channels, rows)
            result = result.reshape(count, -1, many)[:, : self.shape.y[3]]
            part.store(result, out, place)
            part.after(out[place])

        self.team.each(task, len(self.tasks))

    def sum_taps(self, tile: Array, weight: Array, result: Array, added: Array) -> None:
        """Each phase in one pass over what its taps read."""
        high, _, wide, deep = tile.strides
        (down, _), apart = self.shape.windows.stride, self.shape.windows.dilation[0]
        for number, (phase, taps, first, beside) in enumerate(self.phases):
            weights = weight[:, taps]
            shape = (*result.shape[:2], *weights.shape[:2], result.shape[2])
            steps = (high * down, wide * self.together, high * apart, wide * beside, deep)
            view = as_strided(tile[:, phase, first:], shape, steps)
            target = added if number else result
            np.einsum("hwuvc,uvc->hwc", view, weights, out=target)
            if number:
                np.add(result, added, out=result)

    def part(self, weight: Array, channels: slice) -> Array:
        """The weights of a task."""
        return weight if self.together > 1 else weight[..., channels]
