"""Convolutions of images by matrix products over unfolded windows, in tiles of rows.

A tile is unfolded with the channels innermost, so that a row of a kernel is copied at once,
and multiplied so that the product comes out with the channels first, where it belongs.
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

from framework.numerics.team import Team
from framework.numerics.tiles import Bench, Finish, bench_of, cut, fetch, room, stage_shape
from framework.numerics.windows import Windows

Array = NDArray[Any]

COLUMN_BYTES = 3 << 20
"""Bound of a task's unfolded windows."""

FEWEST_COLUMNS = 64
"""Products of fewer windows spend their time on the weights."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of a convolution [b, c, h, w] -> [b, o, *size], and where its windows lie."""

    x: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    windows: Windows
    groups: int = 1

    @property
    def inner(self) -> int:
        """Channels that a filter sees."""
        return self.x[1] // self.groups

    @property
    def filters(self) -> int:
        """Filters of a group."""
        return self.y[1] // self.groups

    def tile(self, rows: int) -> tuple[int, int]:
        """Rows and columns of the padded image that some rows of windows see."""
        counts = (rows, self.y[3])
        axes = zip(counts, self.windows.stride, self.windows.spans, strict=True)
        height, width = ((n - 1) * step + span for n, step, span in axes)
        return height, width

    def first(self, row: int) -> tuple[int, int]:
        """Where the tile of the windows from ``row`` on starts."""
        (above, _), (left, _) = self.windows.pads
        return row * self.windows.stride[0] - above, -left


def unfold(tile: Array, windows: Windows, rows: int, columns: int) -> Array:
    """[h, w, c] -> [rows, columns, kh, kw, c], not copied."""
    high, wide, deep = tile.strides
    (down, right), (apart, beside) = windows.stride, windows.dilation
    shape = (rows, columns, *windows.kernel, tile.shape[2])
    steps = (high * down, wide * right, high * apart, wide * beside, deep)
    return as_strided(tile, shape, steps)


@dataclass(frozen=True)
class Columns:
    """A convolution by unfolded tiles; a task is an image, a group and some rows."""

    shape: Geometry
    team: Team

    @cached_property
    def tasks(self) -> list[tuple[int, int, slice]]:
        """(image, group, rows of the result) of each task."""
        shape = self.shape
        row = math.prod(shape.windows.kernel) * shape.inner * shape.y[3] * 4
        most = max(COLUMN_BYTES // row, -(-FEWEST_COLUMNS // shape.y[3]))
        threads = self.team.threads if shape.groups * shape.x[0] < self.team.threads else 1
        parts = cut(shape.y[2], most, threads)
        return list(itertools.product(range(shape.x[0]), range(shape.groups), parts))

    @cached_property
    def needs(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a worker's tile, stage and columns."""
        rows = max(part.stop - part.start for *_, part in self.tasks)
        shape = self.shape
        height, width = shape.tile(rows)
        taps = math.prod(shape.windows.kernel)
        return (
            (height, 1, width, shape.inner),
            stage_shape((shape.inner, *shape.x[2:]), height, width),
            (rows * shape.y[3], taps * shape.inner),
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
        """Convolve with a weight laid out by `filters.channels_last`."""

        def task(number: int) -> None:
            image, group, rows = self.tasks[number]
            bench = bench_of(scratch, number, self.team.threads, self.size)
            shape = self.shape
            inside = slice(group * shape.inner, (group + 1) * shape.inner)
            columns = self.columns(x[image, inside], rows, bench)
            part = slice(group * shape.filters, (group + 1) * shape.filters)
            place = (image, part, rows)
            target = out[place].reshape(shape.filters, -1)
            np.matmul(weight[part], columns.T, out=target)
            finish.channels_first(out[place], place)

        self.team.each(task, len(self.tasks))

    def columns(self, image: Array, rows: slice, bench: Bench) -> Array:
        """[rows columns, kh kw c] of some rows of windows."""
        shape, count = self.shape, rows.stop - rows.start
        tile_shape, stage_shape, (_, depth) = self.needs
        tile = bench.take(shape.tile(count)[0], *tile_shape[1:])
        stage = bench.take(*stage_shape) if stage_shape[0] else None
        fetch(image, tile, shape.first(rows.start), stage)
        columns = bench.take(count * shape.y[3], depth)
        view = unfold(tile[:, 0], shape.windows, count, shape.y[3])
        np.copyto(columns.reshape(view.shape), view)
        return columns
