"""Some channels of a separable convolution on their way down an image, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.panels import Call
from framework.numerics.separable_fill import (
    Padded,
    Place,
    Stretch,
    Turned,
    Widened,
    curve_calls,
    widening,
)
from framework.numerics.tiles import Bench

Array = NDArray[Any]
Way = Literal["turned", "widened", "padded"]

SMALL = 1 << 17
"""Elements that are cleared sooner than several parts of them."""


class Weights(NamedTuple):
    """What the three convolutions multiply and add, as `separable.Separable` lays it out: of
    the first, with its bias, and of the last the `panels`."""

    widen: Array | None
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
        self.fill = channels.fill(Place(course.stretch, fresh, course.stretch.first(first) + kept))
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
        self.last = curve_calls(found, course.curves[1], target, channels.spare)

    def before(self) -> list[Call]:
        """The calls that see to the rows and columns that nothing is computed for."""
        calls: list[Call] = [] if self.kept is None else [partial(np.copyto, *self.kept)]
        return calls + [partial(zeros.fill, 0) for zeros in self.zeros]

    def after(self, taps: Array, bias: Array | None) -> list[Call]:
        """The calls of the depthwise convolution."""
        tapped = partial(np.einsum, "yxvpur,vpur->yxr", self.windows, taps, out=self.found)
        calls: list[Call] = [tapped]
        if bias is not None:
            calls.append(partial(np.add, self.results, bias, out=self.results))
        return calls + self.last


class Channels:
    """Some channels, their memory, and the rows that they go through one after the other.

    ``columns`` is the array of `Columns`, empty where nothing widens.  ``out`` is
    [positions, channels], of the rows of the course.
    """

    def __init__(
        self, course: Course, channels: slice, columns: Array, out: Array, bench: Bench
    ) -> None:
        count = channels.stop - channels.start
        stretch, depth = course.stretch, course.stretch.depth
        self.course = course
        self.channels = channels
        self.columns = columns
        self.out = out
        self.tile, self.widened, convolved, self.spare = map(bench.take, course.counts(count))
        self.tile = self.tile.reshape(stretch.seen(stretch.rows), *stretch.beside, count)
        self.convolved = convolved.reshape(-1, count)
        self.filters = times(channels, math.prod(stretch.taps) * course.together)
        self.biases = times(channels, depth.y[3])
        end = course.first + course.height
        self.rows = [
            Rows(self, first, min(stretch.rows, end - first))
            for first in range(course.first, end, stretch.rows)
        ]
        self.zeros = self.edges()

    def fill(self, place: Place) -> Turned | Widened | Padded:
        """How these rows come about."""
        course, curve = self.course, self.course.curves[0]
        if course.way == "turned":
            return Turned(place, self.channels)
        if course.way == "widened":
            return Widened(place, self.columns, self.widened, curve, self.spare)
        return Padded(place, self.columns, course.stretch.first(course.first), curve, self.spare)

    def edges(self) -> list[Array]:
        """What is zero beside the image; little memory is cleared in one call, with all rows."""
        if self.course.way == "padded":
            return []
        if len(self.rows) == 1 and self.tile.size <= SMALL:
            self.rows[0].zeros = []
            return [self.tile]
        return Place(self.course.stretch, self.tile, 0).edges

    def calls(self, weights: Weights, source: Source) -> list[Call]:
        """All that is called to write ``out`` for the columns of an image, or ``source``."""
        calls: list[Call] = [partial(zeros.fill, 0) for zeros in self.zeros]
        shape = self.rows[0].windows.shape[2:]
        taps = weights.depth[self.filters].reshape(shape)
        bias = None if weights.depth_bias is None else weights.depth_bias[self.biases]
        widen = some_columns(given(weights.widen), self.channels)
        for rows in self.rows:
            calls += rows.before()
            if isinstance(rows.fill, Turned):
                calls.append(partial(source.give, rows.fill.run))
            else:
                calls += widening(rows.fill, widen, self.course.width)
            calls += rows.after(taps, bias)
        return calls


NOTHING = np.empty((1, 0, 0), np.float32)


class Source:
    """The image of a run, for calls that were made before it."""

    def __init__(self) -> None:
        self.x: Array = NOTHING

    def give(self, run: Callable[[Array], None]) -> None:
        """Call with the image."""
        run(self.x)


def given(weight: Array | None) -> Array:
    """A weight; one that is missing has no elements."""
    return NOTHING if weight is None else weight


def times(part: slice, count: int) -> slice:
    """Where some channels lie if each takes so many places."""
    return slice(part.start * count, part.stop * count)


def some_columns(panels: Array, columns: slice) -> Array:
    """The panels of a range of columns: whole ones, or a part of the only one."""
    width = panels.shape[2]
    if len(panels) == 1:
        return panels[:, :, columns]
    return panels[columns.start // width : columns.stop // width]
