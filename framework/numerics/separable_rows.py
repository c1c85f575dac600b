"""Some channels of a separable convolution on their way down an image, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.separable_fill import (
    Fill,
    Padded,
    Place,
    Step,
    Stretch,
    Turned,
    Widened,
)
from framework.numerics.tiles import Bench

Array = NDArray[Any]
Way = Literal["turned", "widened", "padded"]

SMALL = 1 << 17
"""Elements that are cleared sooner than several parts of them."""


class Weights(NamedTuple):
    """What the three convolutions multiply and add, as `separable.Separable` lays it out: of
    the pointwise ones the `panels`."""

    widen: Array | None
    widen_bias: Array | None
    depth: Array
    depth_bias: Array | None
    narrow: Array


@dataclass(frozen=True)
class Course:
    """What some channels go through.

    ``height`` are the rows of the result, from ``first`` on.  Panels of the weight that widens
    have ``width`` columns.
    """

    stretch: Stretch
    way: Way
    curves: tuple[Curve | None, Curve | None]
    together: int
    width: int
    first: int
    height: int

    def counts(self, channels: int) -> tuple[int, ...]:
        """Elements of the padded rows of some channels, of what is widened and convolved, and of
        what curves need beside them."""
        depth, rows = self.stretch.depth, self.stretch.rows
        padded, convolved = self.stretch.padded, rows * depth.y[3]
        widened = min(depth.x[2], self.stretch.seen(rows)) * depth.x[3]
        largest = max({"turned": 0, "widened": widened, "padded": padded}[self.way], convolved)
        spares = max((curve.spares for curve in self.curves if curve is not None), default=0)
        return (
            padded * channels,
            widened * channels * (self.way == "widened"),
            convolved * channels,
            spares * largest * channels,
        )


class Rows:
    """``count`` rows of windows from ``first`` on: views of the memory that they go through."""

    def __init__(self, channels: Channels, first: int, count: int) -> None:
        course, tile = channels.course, channels.tile
        windows = course.stretch.depth.windows
        step = windows.stride[0]
        before = course.stretch.rows * step
        kept = max(0, windows.kernel[0] - step) if first > course.first else 0
        self.kept = (tile[:kept], tile[before : before + kept]) if kept else None
        fresh = tile[kept : course.stretch.seen(count)]
        place = Place(course.stretch, fresh, course.stretch.first(first) + kept)
        self.fill = channels.fill(place)
        self.zeros = self.fill.zeros
        self._convolved(channels, first - course.first, count)

    def _convolved(self, channels: Channels, first: int, count: int) -> None:
        """The windows, and where what is computed of them goes."""
        course, tile = channels.course, channels.tile
        stretch, together = course.stretch, course.together
        width, step = stretch.depth.y[3], stretch.depth.windows.stride[0]
        run = together * tile.shape[3]
        row, phase, column, each = tile.strides
        shape = (count, width // together, *stretch.taps, run)
        strides = (row * step, column * together, row, phase, column, each)
        self.windows = as_strided(tile, shape, strides, writeable=False)
        target = channels.out[first * width : (first + count) * width]
        found = target
        if not target.flags.c_contiguous:
            found = channels.convolved[: len(target)]
        self.found = found.reshape(*shape[:2], run)
        self.results = found.reshape(count, -1)
        self.last = Step(found, course.curves[1], target, channels.spare)


class Channels:
    """Some channels, their memory, and the rows that they go through one after the other.

    ``out`` is [positions, channels], of the rows of the course.
    """

    def __init__(self, course: Course, channels: slice, out: Array, bench: Bench) -> None:
        count = channels.stop - channels.start
        stretch, depth = course.stretch, course.stretch.depth
        self.course = course
        self.channels = channels
        self.out = out
        self.tile, self.widened, convolved, self.spare = map(bench.take, course.counts(count))
        self.tile = self.tile.reshape(stretch.seen(stretch.rows), *stretch.beside, count)
        self.convolved = convolved.reshape(-1, count)
        self.filters = times(channels, math.prod(stretch.taps) * course.together)
        self.biases = times(channels, depth.x[3]), times(channels, depth.y[3])
        end = course.first + course.height
        self.rows = [
            Rows(self, first, min(stretch.rows, end - first))
            for first in range(course.first, end, stretch.rows)
        ]
        self.zeros = self.edges()

    def fill(self, place: Place) -> Fill:
        """How these rows come about."""
        course, curve = self.course, self.course.curves[0]
        if course.way == "turned":
            return Turned(place, self.channels)
        if course.way == "widened":
            return Widened(place, self.widened, course.width, curve, self.spare)
        return Padded(place, course.stretch.first(course.first), course.width, curve, self.spare)

    def edges(self) -> Sequence[Array]:
        """What is zero beside the image; little memory is cleared in one call, with all rows."""
        if self.course.way == "padded":
            return ()
        if len(self.rows) == 1 and self.tile.size <= SMALL:
            self.rows[0].zeros = []
            return [self.tile]
        found: list[Array] = []
        for phase, (_, start, inside) in enumerate(self.course.stretch.columns):
            found += self.tile[:, phase, :start], self.tile[:, phase, start + inside :]
        return [edge for edge in found if edge.size]

    def take(self, weights: Weights) -> None:
        """Use these weights from now on."""
        before, after = self.biases
        bias = weights.widen_bias if self.course.way == "widened" else None
        self.widen = some_columns(given(weights.widen), self.channels)
        self.bias = None if bias is None else bias[before]
        self.taps = weights.depth[self.filters].reshape(self.rows[0].windows.shape[2:])
        self.further = None if weights.depth_bias is None else weights.depth_bias[after]

    def run(self, x: Array) -> None:
        """Write ``out`` for an image as `fill` takes it."""
        for zeros in self.zeros:
            zeros.fill(0)
        for rows in self.rows:
            if rows.kept is not None:
                np.copyto(*rows.kept)
            for zeros in rows.zeros:
                zeros.fill(0)
            rows.fill.run(x, self.widen, self.bias)
            np.einsum("yxvpur,vpur->yxr", rows.windows, self.taps, out=rows.found)
            if self.further is not None:
                np.add(rows.results, self.further, out=rows.results)
            rows.last.run()


def given(weight: Array | None) -> Array:
    """A weight; one that is missing has no elements."""
    return np.empty((1, 0, 0), np.float32) if weight is None else weight


def times(part: slice, count: int) -> slice:
    """Where some channels lie if each takes so many places."""
    return slice(part.start * count, part.stop * count)


def some_columns(panels: Array, columns: slice) -> Array:
    """The panels of a range of columns: whole ones, or a part of the only one."""
    width = panels.shape[2]
    if len(panels) == 1:
        return panels[:, :, columns]
    return panels[columns.start // width : columns.stop // width]
