"""How the padded rows of a depthwise convolution come about, with the channels innermost.

The image may be turned as it is; widened by a product and then padded; or padded first, where
that is less work: the product of zeros is zero, unless a weight is not finite, and a row of ones
beside the channels carries the bias to the positions of the image alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.geometry import Geometry
from framework.numerics.panels import Call, height, panel_calls
from framework.numerics.sweep import BLOCK
from framework.numerics.tiles import Bench

Array = NDArray[Any]


@dataclass(frozen=True)
class Stretch:
    """Up to ``rows`` rows of the images of a depthwise convolution, and what they are made of."""

    depth: Geometry
    rows: int

    def seen(self, rows: int) -> int:
        """Rows of the padded image that so many rows of windows see."""
        return (rows - 1) * self.depth.windows.stride[0] + self.depth.windows.kernel[0]

    def first(self, row: int) -> int:
        """The row of the image, before it if negative, that a row of windows sees first."""
        return row * self.depth.windows.stride[0] - self.depth.windows.pads[0][0]

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
        return self.seen(self.rows) * prod(self.beside)

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

    @property
    def sorted(self) -> list[slice]:
        """Where the columns of the image with each remainder lie if these are put together."""
        step, width = self.beside[0], self.depth.x[3]
        counts = [len(range(first, width, step)) for first, *_ in self.columns]
        ends = list(accumulate(counts))
        return [slice(end - count, end) for count, end in zip(counts, ends, strict=True)]


def curve_calls(x: Array, curve: Curve | None, out: Array, spare: Array) -> list[Call]:
    """``out = curve(x)`` of [rows, …, channels], block by block if it is several passes."""
    if curve is None:
        return [] if x is out else [partial(np.copyto, out, x)]
    rows = len(x) if curve.at_once else max(1, BLOCK // max(1, x[:1].size))
    calls: list[Call] = []
    for first in range(0, len(x), rows or 1):
        part, target = x[first : first + rows], out[first : first + rows]
        memory = spare[: curve.spares * part.size].reshape(curve.spares, *part.shape)
        calls.append(partial(curve.rule, part, target, memory))
    return calls


@dataclass(frozen=True)
class Place:
    """Rows of the padded image, ``above`` of the image on: its own, and those beside it."""

    stretch: Stretch
    fresh: Array
    above: int

    @property
    def inside(self) -> tuple[int, int]:
        """First row and end of those that lie in the image."""
        top = min(len(self.fresh), max(0, -self.above))
        end = self.stretch.depth.x[2] - self.above
        return top, max(top, min(len(self.fresh), end))

    @property
    def image(self) -> slice:
        """These rows of the image."""
        top, bottom = self.inside
        return slice(self.above + top, self.above + bottom)

    @property
    def outside(self) -> list[Array]:
        """Rows beside the image."""
        top, bottom = self.inside
        return [part for part in (self.fresh[:top], self.fresh[bottom:]) if part.size]

    @property
    def edges(self) -> list[Array]:
        """Columns beside the image, of all rows."""
        found: list[Array] = []
        for phase, (_, start, inside) in enumerate(self.stretch.columns):
            found += self.fresh[:, phase, :start], self.fresh[:, phase, start + inside :]
        return [edge for edge in found if edge.size]

    @property
    def targets(self) -> list[tuple[int, Array]]:
        """For each remainder its first column of the image, and where its columns lie."""
        top, bottom = self.inside
        return [
            (begin, self.fresh[top:bottom, phase, start : start + inside])
            for phase, (begin, start, inside) in enumerate(self.stretch.columns)
        ]


class Columns:
    """What a convolution multiplies to its filters: [c kh kw + 1, …, positions], ones at last.

    These are the positions of rows of a `Stretch`, from the row ``first`` of the image on, with
    their columns by their remainder: padded [rows, step, columns], or those of the image alone
    [rows, columns].
    """

    def __init__(
        self, widen: Geometry, stretch: Stretch, first: int, rows: int, padded: bool, bench: Bench
    ) -> None:
        self.widen = widen
        self.step = stretch.beside[0]
        depth = widen.x[1] * prod(widen.windows.kernel) + 1
        if padded:
            self.array = bench.take(depth, rows, *stretch.beside)
            place = Place(stretch, self.array.transpose(1, 2, 3, 0), first)
            self.zeros, targets = place.outside + place.edges, place.targets
            self.rows = place.image
        else:
            self.array, self.zeros = bench.take(depth, rows, widen.y[3]), []
            self.rows = slice(first, first + rows)
            turned = self.array.transpose(1, 2, 0)
            places = zip(stretch.columns, stretch.sorted, strict=True)
            targets = [(begin, turned[:, place]) for (begin, *_), place in places]
        self.ones = [target[..., -1] for _, target in targets]
        self.targets = [(begin, self._unfolded(target[..., :-1])) for begin, target in targets]
        self.image = bench.take(*self.margin(widen, self.rows.stop - self.rows.start))
        self.sources = [] if is_pointwise(widen) else [self._windows(*t) for t in self.targets]

    @staticmethod
    def margin(widen: Geometry, rows: int) -> tuple[int, ...]:
        """Sizes of the image with its margin for so many rows of windows; zeros without one."""
        if is_pointwise(widen):
            return (0, 0, 0)
        sides = widen.windows.pads[1]
        return widen.x[1], widen.tile(rows)[0] if rows else 0, widen.x[3] + sum(sides)

    def _unfolded(self, target: Array) -> Array:
        """[rows, columns, c kh kw] -> [c, kh, kw, rows, columns]."""
        shape = (*target.shape[:2], self.widen.x[1], *self.widen.windows.kernel)
        return target.reshape(shape).transpose(2, 3, 4, 0, 1)

    def _windows(self, begin: int, target: Array) -> Array:
        """What goes there: the windows of the image with its margin."""
        down, right = self.widen.windows.stride
        channel, row, column = self.image.strides
        strides = (channel, row, column, row * down, column * right * self.step)
        return as_strided(self.image[:, :, begin * right :], target.shape, strides, writeable=False)

    def fill(self, x: Array) -> None:
        """Write all for an image [c, h, w]."""
        for zeros in self.zeros:
            zeros.fill(0)
        for ones in self.ones:
            ones.fill(1)
        if is_pointwise(self.widen):
            for begin, target in self.targets:
                found = x[:, self.rows, begin :: self.step]
                np.copyto(target[:, 0, 0], found[:, :, : target.shape[4]])
            return
        self._surround(x)
        for (_, target), source in zip(self.targets, self.sources, strict=True):
            np.copyto(target, source)

    def _surround(self, x: Array) -> None:
        """The image with its margin."""
        left = self.widen.windows.pads[1][0]
        above = self.widen.first(self.rows.start)[0]
        top, bottom = max(0, -above), min(self.image.shape[1], x.shape[1] - above)
        self.image.fill(0)
        if bottom > top:
            found = x[:, above + top : above + bottom]
            np.copyto(self.image[:, top:bottom, left : left + x.shape[2]], found)


def is_pointwise(widen: Geometry) -> bool:
    """Is each position computed from one?"""
    windows = widen.windows
    return windows.kernel == windows.stride == (1, 1) and not any(map(any, windows.pads))


class Turned:
    """The rows of some channels of an image [c, h, w], which `run` is told."""

    def __init__(self, place: Place, channels: slice) -> None:
        self.zeros = place.outside
        self.picked = channels, place.image
        self.targets = place.targets

    def run(self, x: Array) -> None:
        """Write them."""
        turned = x[self.picked].transpose(1, 2, 0)
        for begin, target in self.targets:
            found = turned[:, begin :: len(self.targets)]
            np.copyto(target, found[:, : target.shape[1]])


class Widened:
    """The rows of an image that is widened, then padded."""

    def __init__(
        self, place: Place, columns: Array, memory: Array, curve: Curve | None, spare: Array
    ) -> None:
        self.zeros = place.outside
        image, across = place.image, place.stretch.depth.x[3]
        some = place.fresh.shape[3]
        self.found = columns[:, image].reshape(len(columns), -1).T
        widened = memory[: len(self.found) * some].reshape(-1, across, some)
        self.product = widened.reshape(-1, some)
        self.after: list[Call] = []
        for (_, target), spot in zip(place.targets, place.stretch.sorted, strict=True):
            part = widened[:, spot][:, : target.shape[1]]
            self.after += curve_calls(part, curve, target, spare)


class Padded:
    """The rows of an image that is padded, then widened; its columns start with row ``first``."""

    def __init__(
        self, place: Place, columns: Array, first: int, curve: Curve | None, spare: Array
    ) -> None:
        self.zeros: list[Array] = []
        start = place.above - first
        found = columns[:, start : start + len(place.fresh)]
        self.found = found.reshape(len(columns), -1).T
        self.product = place.fresh.reshape(-1, place.fresh.shape[3])
        self.after = curve_calls(place.fresh, curve, place.fresh, spare)


def widening(fill: Widened | Padded, panels: Array, width: int) -> list[Call]:
    """The calls that write these rows; ``width`` is 0 where the weight is not cut."""
    rows = height(panels.shape[1], panels.shape[2], len(fill.found)) if width else 0
    return panel_calls(fill.found, panels, fill.product, rows) + fill.after
