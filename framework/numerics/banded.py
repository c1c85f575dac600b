"""Depthwise convolutions by matrix products: rows of the image times a banded matrix.

One filter row of a channel, slid along a row of the image, is a product of that row and a
matrix whose columns hold the filter's taps, each further down by the stride.  The rows that a
filter sees stand side by side, so that the matrices of its rows do so one below the other.
Most of what is multiplied is zero; still this is faster than adding shifted images up, for
BLAS multiplies and adds eight numbers in the time in which NumPy does so with one.  Wide images
are cut into strips, for which the matrices are small.  An infinity spreads over its strip as NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.geometry import Geometry
from framework.numerics.team import Team, worth_waking
from framework.numerics.tiles import Bound, Finish, Grid, bench_of, cut, room
from framework.numerics.windows import Windows

Array = NDArray[Any]

TASK_BYTES = 1 << 22
"""Bound of what a task reads and writes: calls must be long, for threads that make short ones
wait for each other's interpreter lock."""

NARROWEST = 12
"""Columns of the narrowest strip: products of fewer are slower."""

LANES = 16
"""Columns that BLAS multiplies at once."""

FEWEST_ROWS = 12
"""Rows of the smallest product that is not worth copying windows for."""

MULTIPLY, COPY, RUN, CROP = 0.025, 0.06, 8.0, 0.3
"""Nanoseconds of a multiply-accumulate, of copying a number, of starting a run of them, and of
writing a number twice, where strips do not end with the image: measured, only ratios matter."""


@dataclass(frozen=True)
class Strips:
    """The columns of an image cut into strips that are computed alike.

    ``width`` columns of the result come from ``length`` columns of the image, which start at
    ``first`` for the first strip.  The only strip of an image leaves the padding out.
    """

    count: int
    width: int
    first: int
    length: int


@dataclass(frozen=True)
class Banded:
    """A depthwise convolution; a task is an image, some channels and some rows."""

    shape: Geometry
    team: Team

    @cached_property
    def strips(self) -> Strips:
        """The cheapest way to cut the columns."""
        most = max(1, self.shape.y[3] // NARROWEST)
        return min(map(self.cut_into, range(1, most + 1)), key=self.cost)

    def cut_into(self, count: int) -> Strips:
        """Strips for so many."""
        if count == 1:
            return Strips(1, self.shape.y[3], 0, self.shape.x[3])
        width = -(-self.shape.y[3] // count)
        step, span = self.shape.windows.stride[1], self.shape.windows.spans[1]
        count = -(-self.shape.y[3] // width)
        return Strips(count, width, -self.shape.windows.pads[1][0], (width - 1) * step + span)

    def cost(self, strips: Strips) -> float:
        """About how long one element of the result takes."""
        windows, share = self.shape.windows, strips.length / strips.width
        lanes = -(-strips.width // LANES) * LANES / strips.width
        spent = MULTIPLY * windows.kernel[0] * strips.length * lanes
        spent += windows.stride[0] * share * (COPY + RUN / strips.length)
        if self.copied:
            depth = windows.kernel[0] * strips.length
            run = depth if windows.dilation[0] == 1 else strips.length
            spent += windows.kernel[0] * share * (COPY + RUN / run)
        cropped = strips.count * strips.width / self.shape.y[3]
        return spent * cropped + (CROP if cropped > 1 else 0)

    @cached_property
    def apart(self) -> int:
        """Rows of the result after which the image's rows are others: these do not overlap."""
        return -(-self.shape.windows.spans[0] // self.shape.windows.stride[0])

    @cached_property
    def copied(self) -> bool:
        """Are windows copied?  Else every ``apart``-th row is one product of the strips."""
        holes = self.shape.windows.dilation[0] > 1
        return holes or self.shape.y[2] < FEWEST_ROWS * self.apart

    @cached_property
    def tasks(self) -> Grid:
        """(channels, image, rows of the result) of each task; those of an image lie apart."""
        images, channels, *_ = self.shape.x
        row = sum(map(room, self.stages(1, 1))) + self.shape.y[3] * 4
        rows = cut(self.shape.y[2], max(1, TASK_BYTES // row))
        height = rows[0].stop - rows[0].start
        each = height * row + room((self.depth, self.strips.width))
        parts = cut(channels, max(1, TASK_BYTES // each), self.workers.threads)
        return Grid(parts, range(images), rows)

    @cached_property
    def workers(self) -> Team:
        """The team, or nobody else for little work."""
        work = math.prod(self.shape.y) * self.depth
        return worth_waking(self.team, work)

    @property
    def depth(self) -> int:
        """Numbers of the image that one of the result is computed from."""
        return self.shape.windows.kernel[0] * self.strips.length

    def stages(self, channels: int, rows: int) -> tuple[tuple[int, ...], ...]:
        """Shapes of the image in strips, of its windows, and of a result to be cropped."""
        strips, step = self.strips, self.shape.windows.stride[0]
        cropped = strips.count * strips.width > self.shape.y[3]
        seen = max((rows - 1) * step + self.shape.windows.spans[0], rows * step)
        return (
            (channels, strips.count, seen, strips.length),
            (channels, strips.count, rows, self.depth) if self.copied else (0,),
            (channels, strips.count, rows, strips.width) if cropped else (0,),
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        return sum(map(room, self.stages(self.tasks.longest(0), self.tasks.longest(2))))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.workers.threads, len(self.tasks))

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weight, finish), of a weight laid out by `banded`."""
        return partial(self.run, out, scratch)

    def run(self, out: Array, scratch: Array, x: Array, weight: Array, finish: Finish) -> None:
        """Convolve."""

        def task(number: int) -> None:
            channels, image, rows = self.tasks[number]
            place = image, channels, rows
            bench = bench_of(scratch, number, self.workers.threads, self.size)
            tile, windows, result = map(
                lambda shape: bench.take(*shape),
                self.stages(channels.stop - channels.start, rows.stop - rows.start),
            )
            self.fill(tile, x[image, channels], self.shape.first(rows.start)[0])
            target = out[place]
            y = result if result.size else self.in_strips(target)
            for some in self.products(tile, windows, y):
                np.matmul(some[0], weight[channels, None], out=some[1])
            if result.size:
                self.crop(result, target)
            finish.channels_first(target, place)

        self.workers.each(task, len(self.tasks))

    def fill(self, tile: Array, image: Array, row: int) -> None:
        """The image in strips, from ``row`` on, zero outside."""
        top, bottom = max(0, row), max(0, min(image.shape[1], row + tile.shape[2]))
        tile[:, :, : top - row] = 0
        tile[:, :, max(0, bottom - row) :] = 0
        if bottom > top:
            self.fill_rows(tile[:, :, top - row : bottom - row], image[:, top:bottom])

    def fill_rows(self, tile: Array, image: Array) -> None:
        """Rows of the image in strips, zero beside it."""
        strips, width = self.strips, image.shape[2]
        step = strips.width * self.shape.windows.stride[1]
        last = min(strips.count - 1, (width - strips.length - strips.first) // step)
        whole = range(-(strips.first // step), last + 1)
        if whole:  # those inside the image at once
            deep, high, wide = image.strides
            start = image[:, :, strips.first + whole[0] * step :]
            sizes = (len(image), len(whole), *tile.shape[2:])
            view = as_strided(start, sizes, (deep, step * wide, high, wide), writeable=False)
            np.copyto(tile[:, whole[0] : whole[-1] + 1], view)
        for number in set(range(strips.count)).difference(whole):
            column = strips.first + number * step
            left, right = max(0, column), max(0, min(width, column + strips.length))
            part = tile[:, number]
            part[:, :, : left - column] = 0
            part[:, :, max(0, right - column) :] = 0
            if right > left:
                np.copyto(part[:, :, left - column : right - column], image[:, :, left:right])

    def in_strips(self, target: Array) -> Array:
        """[c, rows, columns] as [c, strips, rows, width], not copied."""
        split = (*target.shape[:2], self.strips.count, self.strips.width)
        return target.reshape(split).transpose(0, 2, 1, 3)

    def products(self, tile: Array, windows: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """Windows [c, strips, rows, kh length] and where their products go."""
        deep, beside, high, wide = tile.strides
        down, holes = self.shape.windows.stride[0], self.shape.windows.dilation[0]
        if self.copied:
            sizes = (*windows.shape[:3], self.shape.windows.kernel[0], self.strips.length)
            apart = (deep, beside, down * high, holes * high, wide)
            np.copyto(windows.reshape(sizes), as_strided(tile, sizes, apart))
            yield windows, y
            return
        for first in range(min(self.apart, y.shape[2])):
            part = y[:, :, first :: self.apart]
            shape = (*part.shape[:3], self.depth)
            steps = (deep, beside, self.apart * down * high, wide)
            yield as_strided(tile[:, :, first * down :], shape, steps), part

    def crop(self, result: Array, target: Array) -> None:
        """Put [c, strips, rows, width] side by side, up to the width of the image."""
        width = self.strips.width
        for number in range(self.strips.count):
            part = target[:, :, number * width : (number + 1) * width]
            np.copyto(part, result[:, number, :, : part.shape[2]])


def banded(weight: Array, strips: Strips, windows: Windows) -> Array:
    """[c, 1, kh, kw] -> [c, kh length, width]: the matrices that multiply a strip."""
    (high, wide), step = windows.kernel, windows.stride[1]
    found = np.zeros((len(weight), high, strips.length, strips.width), weight.dtype)
    columns = np.arange(strips.width)
    for tap in range(wide):
        read = columns * step + tap * windows.dilation[1]
        read -= windows.pads[1][0] + strips.first
        inside = (read >= 0) & (read < strips.length)
        found[:, :, read[inside], columns[inside]] = weight[:, 0, :, tap, None]
    return found.reshape(len(weight), -1, strips.width)
