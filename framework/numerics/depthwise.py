"""Depthwise convolutions: one filter a channel, a sum of shifted tiles.

With the channels innermost, a tap adds a run of the tile times a run of weights, whatever
the stride; ``einsum`` does so without an array in between.
"""

from __future__ import annotations

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

TILE_BYTES = 1 << 19
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
        dense = self.shape.windows.stride[1] == 1 and self.shape.x[1] < MANY_CHANNELS
        return max(1, min(RUN // self.shape.x[1], self.shape.y[3])) if dense else 1

    @cached_property
    def needs(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a worker's tile, stage and result."""
        shape = self.shape
        rows = max(part.stop - part.start for *_, part in self.tasks)
        channels = max(part.stop - part.start for _, part, _ in self.tasks)
        height, width = shape.tile(rows)
        blocks = -(-shape.y[3] // self.together)
        width += blocks * self.together - shape.y[3]
        return (
            (height, 1, width, channels),
            stage_shape((channels, *shape.x[2:]), height, width),
            (rows, blocks, self.together * channels),
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        return sum(map(room, self.needs))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def layout(self, weight: Array) -> Array:
        """[c, 1, kh, kw] -> [kh, kw, c], as often as there are columns in a run."""
        moved = weight[:, 0].transpose(1, 2, 0)
        return np.ascontiguousarray(np.tile(moved, (1, 1, self.together)))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `layout`."""

        def task(number: int) -> None:
            image, channels, rows = self.tasks[number]
            bench = bench_of(scratch, number, self.team.threads, self.size)
            count, many = rows.stop - rows.start, channels.stop - channels.start
            (_, _, width, _), stage, (_, blocks, _) = self.needs
            tile = bench.take(self.shape.tile(count)[0], 1, width, many)
            kept = bench.take(*stage) if stage[0] else None
            fetch(x[image, channels], tile, self.shape.first(rows.start), kept)
            result = bench.take(count, blocks, self.together * many)
            view = self.view(tile[:, 0], result.shape)
            np.einsum("hwuvc,uvc->hwc", view, self.part(weight, channels), out=result)
            result = result.reshape(count, -1, many)[:, : self.shape.y[3]]
            part = finish.of(channels)
            part.before(result)
            place = (image, channels, rows)
            part.store(result, out, place)
            part.after(out[place])

        self.team.each(task, len(self.tasks))

    def part(self, weight: Array, channels: slice) -> Array:
        """The weights of a task."""
        return weight if self.together > 1 else weight[..., channels]

    def view(self, tile: Array, shape: tuple[int, ...]) -> Array:
        """[h, w, c] -> [rows, blocks, kh, kw, run]: what each tap reads."""
        high, wide, deep = tile.strides
        (down, right), (apart, beside) = self.shape.windows.stride, self.shape.windows.dilation
        steps = (high * down, wide * right * self.together, high * apart, wide * beside, deep)
        kernel = self.shape.windows.kernel
        return as_strided(tile, (*shape[:2], *kernel, shape[2]), steps)
