"""How the padded rows of a depthwise convolution come about, with the channels innermost.

The image may be turned as it is; widened by a product and then padded; or padded first, where
that is less work: the product of zeros is zero, and a row of ones beside the channels carries
the bias to the positions of the image alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.geometry import Geometry
from framework.numerics.panels import height, multiply_panels
from framework.numerics.sweep import BLOCK

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
    def beside(self) -> list[Array]:
        """Rows beside the image."""
        top, bottom = self.inside
        return [part for part in (self.fresh[:top], self.fresh[bottom:]) if part.size]

    @property
    def targets(self) -> list[tuple[int, Array]]:
        """For each remainder its first column of the image, and where its columns lie."""
        top, bottom = self.inside
        return [
            (begin, self.fresh[top:bottom, phase, start : start + inside])
            for phase, (begin, start, inside) in enumerate(self.stretch.columns)
        ]


class Turned:
    """The rows of some channels of an image [c, h, w]."""

    def __init__(self, place: Place, channels: slice) -> None:
        self.zeros = place.beside
        self.picked = channels, place.image
        self.targets = place.targets

    def run(self, x: Array, weight: Array, bias: Array | None) -> None:
        """Write them; there is no weight."""
        turned = x[self.picked].transpose(1, 2, 0)
        for begin, target in self.targets:
            found = turned[:, begin :: len(self.targets)]
            np.copyto(target, found[:, : target.shape[1]])


class Widened:
    """The rows of an image [c, positions], widened, then padded.

    The columns of the image are sorted by their remainder, as `sort_columns` does it.
    ``bias`` is repeated for the columns.
    """

    def __init__(
        self, place: Place, memory: Array, width: int, curve: Curve | None, spare: Array
    ) -> None:
        self.zeros = place.beside
        image, across = place.image, place.stretch.depth.x[3]
        self.positions = slice(image.start * across, image.stop * across)
        some = place.fresh.shape[3]
        found = memory[: (image.stop - image.start) * across * some].reshape(-1, across, some)
        self.lines, self.product = found.reshape(len(found), across * some), found.reshape(-1, some)
        self.width = width
        self.steps: list[Step] = []
        at = 0
        for begin, target in place.targets:
            part = found[:, at : at + target.shape[1]]
            self.steps.append(Step(part, curve, target, spare))
            at += len(range(begin, across, place.stretch.beside[0]))

    def run(self, x: Array, weight: Array, bias: Array | None) -> None:
        """Write them."""
        found = x[:, self.positions].T
        multiply_panels(found, weight, self.product, pieces(weight, self.width, len(found)))
        if bias is not None:
            np.add(self.lines, bias, out=self.lines)
        for step in self.steps:
            step.run()


class Padded:
    """The rows of a padded image [c + 1, positions] as `pad_image` makes it, widened."""

    zeros: Sequence[Array] = ()

    def __init__(
        self, place: Place, first: int, width: int, curve: Curve | None, spare: Array
    ) -> None:
        row = prod(place.stretch.beside)
        begin = (place.above - first) * row
        self.positions = slice(begin, begin + len(place.fresh) * row)
        self.product = place.fresh.reshape(-1, place.fresh.shape[3])
        self.width = width
        self.step = Step(place.fresh, curve, place.fresh, spare)

    def run(self, x: Array, weight: Array, bias: Array | None) -> None:
        """Write them; the bias is a row of the weight."""
        found = x[:, self.positions].T
        multiply_panels(found, weight, self.product, pieces(weight, self.width, len(found)))
        self.step.run()


Fill = Turned | Widened | Padded


def pieces(panels: Array, width: int, rows: int) -> int:
    """Rows of a piece of a product with panels of a width; 0, all, where it was not cut."""
    return height(panels.shape[1], panels.shape[2], rows) if width else 0


def sort_columns(x: Array, stretch: Stretch, out: Array) -> None:
    """[c, h, w] with the columns of equal remainder side by side."""
    at = 0
    for begin, *_ in stretch.columns:
        some = x[:, :, begin :: stretch.beside[0]]
        np.copyto(out[:, :, at : at + some.shape[2]], some)
        at += some.shape[2]


def pad_image(x: Array, stretch: Stretch, first: int, out: Array) -> None:
    """[c, h, w] -> [c + 1, rows, step, columns] from row ``first`` on; ones inside at last."""
    place = Place(stretch, out.transpose(1, 2, 3, 0), first)
    out.fill(0)
    for begin, target in place.targets:
        found = x[:, place.image, begin :: stretch.beside[0]]
        np.copyto(target[..., :-1], found[:, :, : target.shape[1]].transpose(1, 2, 0))
        target[..., -1] = 1
