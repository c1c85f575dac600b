"""Some channels of a separable convolution on their way down an image, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.geometry import Geometry
from framework.numerics.panels import available, height, multiply_panels
from framework.numerics.sweep import BLOCK
from framework.numerics.tiles import Bench

Array = NDArray[Any]

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
class Stretch:
    """Up to ``rows`` rows of the images of a depthwise convolution, and what they are made of."""

    depth: Geometry
    rows: int

    def seen(self, rows: int) -> int:
        """Rows of the padded image that so many rows of windows see."""
        return (rows - 1) * self.depth.windows.stride[0] + self.depth.windows.kernel[0]

    @property
    def taps(self) -> tuple[int, int, int]:
        """Rows of the filter, and its columns by their remainder under the stride."""
        (high, wide), step = self.depth.windows.kernel, self.depth.windows.stride[1]
        return high, step, -(-wide // step)

    @property
    def beside(self) -> tuple[int, int]:
        """Columns of the padded image, by their remainder."""
        _, step, wide = self.taps
        return step, self.depth.y[3] + wide - 1

    @property
    def padded(self) -> int:
        """Elements of the padded rows of one channel."""
        return self.seen(self.rows) * math.prod(self.beside)

    @cached_property
    def columns(self) -> list[tuple[int, int, int]]:
        """For each remainder the first column of the image, its place, and how many are seen."""
        (step, count), left = self.beside, self.depth.windows.pads[1][0]
        found: list[tuple[int, int, int]] = []
        for phase in range(step):
            first = (phase - left) % step
            start = min(count, (first + left) // step)
            inside = -(-(self.depth.x[3] - first) // step)
            found.append((first, start, max(0, min(inside, count - start))))
        return found

    def counts(self, channels: int, curves: Sequence[Curve]) -> tuple[int, ...]:
        """Elements of the padded rows of some channels, of what is widened and convolved, and of
        what curves need beside them."""
        widened, convolved = self.seen(self.rows) * self.depth.x[3], self.rows * self.depth.y[3]
        spares = max((curve.spares for curve in curves), default=0)
        return (
            self.padded * channels,
            widened * channels,
            convolved * channels,
            spares * max(widened, convolved) * channels,
        )


class Step:
    """``out = curve(x)`` of [rows, …, channels], block by block."""

    def __init__(self, x: Array, curve: Curve | None, out: Array, spare: Array) -> None:
        self.x = x
        self.out = out
        self.rule = None if curve is None else curve.rule
        self.blocks: list[tuple[Array, Array, Array]] = []
        rows = max(1, BLOCK // max(1, x[:1].size))
        for first in range(0, len(x) if curve is not None else 0, rows):
            part, target = x[first : first + rows], out[first : first + rows]
            spares = 0 if curve is None else curve.spares
            memory = spare[: spares * part.size].reshape(spares, *part.shape)
            self.blocks.append((part, target, memory))

    def run(self) -> None:
        """Write ``out``."""
        if self.rule is not None:
            for part, target, spare in self.blocks:
                self.rule(part, target, spare)
        elif self.x is not self.out:
            np.copyto(self.out, self.x)


class Rows:
    """``count`` rows of windows from ``first`` on: views of the memory that they go through."""

    def __init__(self, channels: Channels, first: int, count: int) -> None:
        windows, tile = channels.stretch.depth.windows, channels.tile
        step = windows.stride[0]
        before = channels.stretch.rows * step
        kept = max(0, windows.kernel[0] - step) if first else 0
        self.kept = (tile[:kept], tile[before : before + kept]) if kept else None
        fresh = tile[kept : channels.stretch.seen(count)]
        above = first * step + kept - windows.pads[0][0]
        top = min(len(fresh), max(0, -above))
        bottom = max(top, min(len(fresh), channels.stretch.depth.x[2] - above))
        self.zeros = [part for part in (fresh[:top], fresh[bottom:]) if part.size]
        self.image = slice(above + top, above + bottom)
        self.positions = times(self.image, channels.stretch.depth.x[3])
        self.widened = channels.widened[: bottom - top]
        width, some = self.widened.shape[1:]
        self.lines = self.widened.reshape(bottom - top, width * some)
        self.product = self.widened.reshape((bottom - top) * width, some)
        self.steps: list[Step] = []
        self.targets: list[tuple[int, Array]] = []
        at = 0
        for phase, (begin, start, inside) in enumerate(channels.stretch.columns):
            target = fresh[top:bottom, phase, start : start + inside]
            self.targets.append((begin, target))
            found, curve = self.widened[:, at : at + inside], channels.curves[0]
            self.steps.append(Step(found, curve, target, channels.spare))
            at += len(range(begin, width, channels.stretch.beside[0]))
        self._convolved(channels, first, count)

    def _convolved(self, channels: Channels, first: int, count: int) -> None:
        """The windows, and where what is computed of them goes."""
        stretch, tile, together = channels.stretch, channels.tile, channels.together
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
        self.last = Step(found, channels.curves[1], target, channels.spare)


class Channels:
    """Some channels, their memory, and the rows that they go through one after the other.

    ``out`` is [positions, channels].  An image to be widened comes with its columns sorted by
    their remainder under the stride, as `sort_columns` does it.
    """

    def __init__(
        self, stretch: Stretch, channels: slice, together: int,
        curves: tuple[Curve | None, Curve | None], out: Array, bench: Bench,
    ) -> None:  # fmt: skip
        count = channels.stop - channels.start
        self.stretch = stretch
        self.channels = channels
        self.together = together
        self.curves = curves
        self.out = out
        given = [curve for curve in curves if curve is not None]
        sizes = stretch.counts(count, given)
        self.tile, widened, convolved, self.spare = map(bench.take, sizes)
        self.tile = self.tile.reshape(stretch.seen(stretch.rows), *stretch.beside, count)
        self.widened = widened.reshape(-1, stretch.depth.x[3], count)
        self.convolved = convolved.reshape(-1, count)
        taps, width = math.prod(stretch.taps) * together, stretch.depth.y[3]
        self.filters = times(channels, taps)
        self.biases = times(channels, stretch.depth.x[3]), times(channels, width)
        height = stretch.depth.y[2]
        self.rows = [
            Rows(self, first, min(stretch.rows, height - first))
            for first in range(0, height, stretch.rows)
        ]
        self.zeros = self.edges()
        self.height = 0

    def edges(self) -> list[Array]:
        """What is zero beside the image; little memory is cleared in one call, with all rows."""
        if len(self.rows) == 1 and self.tile.size <= SMALL:
            self.rows[0].zeros = []
            return [self.tile]
        found: list[Array] = []
        for phase, (_, start, inside) in enumerate(self.stretch.columns):
            found += self.tile[:, phase, :start], self.tile[:, phase, start + inside :]
        return [edge for edge in found if edge.size]

    def take(self, weights: Weights) -> None:
        """Use these weights from now on."""
        before, after = self.biases
        self.weights = Weights(
            None if weights.widen is None else some_columns(weights.widen, self.channels),
            None if weights.widen_bias is None else weights.widen_bias[before],
            weights.depth[self.filters].reshape(self.rows[0].windows.shape[2:]),
            None if weights.depth_bias is None else weights.depth_bias[after],
            weights.narrow,
        )
        if self.weights.widen is not None:
            _, inner, width = self.weights.widen.shape
            most = max(len(rows.product) for rows in self.rows)
            self.height = height(inner, width, most) if available() else 0

    def run(self, x: Array) -> None:
        """Write ``out`` for an image [c, h, w]."""
        widen, bias, taps, further, _ = self.weights
        flat = x.reshape(len(x), -1)
        for zeros in self.zeros:
            zeros.fill(0)
        for rows in self.rows:
            if rows.kept is not None:
                np.copyto(*rows.kept)
            for zeros in rows.zeros:
                zeros.fill(0)
            if widen is None:
                turn(x[self.channels, rows.image], rows.targets)
            else:
                multiply_panels(flat[:, rows.positions].T, widen, rows.product, self.height)
                if bias is not None:
                    np.add(rows.lines, bias, out=rows.lines)
                for step in rows.steps:
                    step.run()
            np.einsum("yxvpur,vpur->yxr", rows.windows, taps, out=rows.found)
            if further is not None:
                np.add(rows.results, further, out=rows.results)
            rows.last.run()


def some_columns(panels: Array, columns: slice) -> Array:
    """The panels of a range of columns: whole ones, or a part of the only one."""
    width = panels.shape[2]
    if len(panels) == 1:
        return panels[:, :, columns]
    return panels[columns.start // width : columns.stop // width]


def times(part: slice, count: int) -> slice:
    """Where some channels lie if each takes so many places."""
    return slice(part.start * count, part.stop * count)


def turn(x: Array, targets: Sequence[tuple[int, Array]]) -> None:
    """[c, rows, w] between the zeros of the padded rows, columns by their remainder."""
    turned = x.transpose(1, 2, 0)
    for begin, target in targets:
        np.copyto(target, turned[:, begin :: len(targets)][:, : target.shape[1]])


def sort_columns(x: Array, stretch: Stretch, out: Array) -> None:
    """[c, h, w] with the columns of equal remainder side by side."""
    at = 0
    for begin, *_ in stretch.columns:
        some = x[:, :, begin :: stretch.beside[0]]
        np.copyto(out[:, :, at : at + some.shape[2]], some)
        at += some.shape[2]
