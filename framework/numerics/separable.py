"""A pointwise, a depthwise and a pointwise convolution in a row, some channels at a time.

Between the two pointwise ones every channel is on its own.  So a few go all the way while they
are near: widened by a product, padded, convolved; what all of them add to the result is one more
product.  A thread has channels of its own, and waits for the others once a block.

Channels lie innermost meanwhile, which costs the products nothing.  A tap of the depthwise
filter is a multiply-add of long runs then, where `np.einsum` is faster than a product and a sum
of NumPy, and than matrices of mostly zeros (`banded`), by which images with channels outermost
have to be convolved.  A strided filter reads columns that lie together: those of equal
remainder do.  There a tap that pads the filter may turn an infinity beside its windows into NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import is_not
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.filters import flat
from framework.numerics.geometry import Geometry
from framework.numerics.panels import height, multiply_panels, paneled, width_for
from framework.numerics.separable_rows import Channels, Stretch, Weights, sort_columns
from framework.numerics.team import Team
from framework.numerics.tiles import Bench, Finish, bench_of, cut, room
from framework.numerics.windows import Windows

Array = NDArray[Any]
Bound = Callable[[Array, Weights, Finish], None]
Pieces = tuple[tuple[int, int], ...]
"""First channel and end of each piece."""

TILE = 1 << 19
"""Elements of the padded rows with the channels that are taken at a time: smaller ones would
stay in a second-level cache, but threads that make short calls wait for each other."""

ROWS = 8
"""Rows that are taken at a time, at least: fewer channels are taken before."""

NARROW = 32
"""Channels that are taken at a time, at least: products of fewer are slower."""

FEW_POSITIONS = 512
"""Up to here products come as [positions, out], which is faster, and are turned when added up."""

RUN = 2048
"""About how many elements a tap multiplies in one stretch."""

LANES = 16
"""Threads take multiples of so many channels, if there are enough: whole vectors."""

PRODUCT, TAP, PASS = 1 / 45, 1 / 6, 0.5
"""Nanoseconds of a multiply-accumulate in a product and in a tap, and of what else is done to an
element: measured, on one thread."""

WAKE = 60_000.0
"""Nanoseconds until another thread works, and until its end is noticed: who wakes it meanwhile
has more channels to do, and does not wait in the end."""

FARTHER = 0.88
"""Work of another thread in the time of the first one, whose cache holds the image, and which
leaves it to the last to add the bias."""

LEAST = 5 * WAKE
"""Nanoseconds of work that are worth sharing."""


@dataclass(frozen=True)
class Separable:
    """x [b, c, h, w] -> [b, out, *size], by way of the images of ``depth``.

    ``inner`` is c, None where nothing widens the channels; ``curves`` follow the widening and
    the depthwise convolution.  Weights are laid out as `layouts` say.
    """

    depth: Geometry
    inner: int | None
    out: int
    curves: tuple[Curve | None, Curve | None]
    team: Team

    # ------------------------------------------------------------------ who does what

    @property
    def hidden(self) -> int:
        """Channels between the products."""
        return self.depth.x[1]

    @property
    def positions(self) -> int:
        """Positions of the result."""
        return math.prod(self.depth.y[2:])

    @cached_property
    def work(self) -> float:
        """About how many nanoseconds one image takes on one thread."""
        seen = math.prod(self.depth.x[1:])
        found = self.hidden * self.positions
        products = found * self.out + seen * (self.inner or 0)
        passes = found + seen * (1 if self.inner is None else 2)
        tapped = found * math.prod(self.depth.windows.kernel)
        return PRODUCT * products + TAP * tapped + PASS * passes

    @cached_property
    def by_image(self) -> bool:
        """Does one thread do all channels of an image?"""
        few = self.work < LEAST or self.hidden < 2 * self.lanes
        return few or self.depth.x[0] >= self.team.threads

    @property
    def lanes(self) -> int:
        """What the channels of a thread are a multiple of."""
        return math.gcd(LANES, self.hidden)

    @cached_property
    def parts(self) -> list[slice]:
        """Ranges of channels, one for each thread that shares an image; the first is larger."""
        lanes = self.lanes
        threads = 1 if self.by_image else min(self.team.threads, self.hidden // lanes)
        share = self.hidden * FARTHER * (self.work - WAKE) / self.work / threads
        most = self.hidden // threads // lanes
        each = max(lanes, min(round(share / lanes), most) * lanes)
        starts = [0, *(self.hidden - each * left for left in range(threads - 1, 0, -1))]
        ends = [*starts[1:], self.hidden]
        return [slice(a, b) for a, b in zip(starts, ends, strict=True) if a < b]

    @cached_property
    def workers(self) -> int:
        """Threads that need memory of their own."""
        return min(self.team.threads, self.depth.x[0]) if self.by_image else len(self.parts)

    @property
    def widest(self) -> int:
        """Channels of the largest part."""
        found: int = max(part.stop - part.start for part in self.parts)
        return found

    @cached_property
    def most(self) -> int:
        """Channels that are taken at a time, at most."""
        least = self.stretch(min(ROWS, self.depth.y[2])).padded
        return max(NARROW, TILE // least)

    def pieces(self, part: slice) -> list[slice]:
        """The channels of a thread that are taken at a time."""
        found = cut(part.stop - part.start, self.most)
        return [slice(part.start + piece.start, part.start + piece.stop) for piece in found]

    # ------------------------------------------------------------------ sizes

    def stretch(self, rows: int) -> Stretch:
        """So many rows of the result, computed at a time."""
        return Stretch(self.depth, rows)

    @cached_property
    def rows(self) -> int:
        """Rows of the result that are computed at a time, at most."""
        row = self.stretch(2).padded - self.stretch(1).padded
        return max(1, min(self.depth.y[2], TILE // (row * min(self.most, self.widest))))

    @cached_property
    def together(self) -> int:
        """Neighbouring results that a tap is multiplied to in one run."""
        width, channels = self.depth.y[3], min(self.most, self.widest)
        fitting = [count for count in range(1, width + 1) if width % count == 0]
        return min(fitting, key=lambda count: abs(count * channels - RUN))

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Columns of a panel of the weights that widen and narrow; see `panels`."""
        ends = [piece.stop for part in self.parts for piece in self.pieces(part)]
        seen = min(self.depth.x[2], self.stretch(self.rows).seen(self.rows)) * self.depth.x[3]
        return (
            width_for(self.inner or 0, self.hidden, seen, math.gcd(*ends)),
            width_for(self.widest, self.out, self.positions),
        )

    def layouts(self) -> tuple[partial[Array], ...]:
        """How the weight and bias of the widening, of the depthwise convolution, and the weight
        of the last one are laid out."""
        widen, narrow = (partial(paneled_filters, width=width) for width in self.widths)
        pieces = tuple((p.start, p.stop) for part in self.parts for p in self.pieces(part))
        before, after = (
            partial(repeated, pieces=pieces, count=shape[3])
            for shape in (self.depth.x, self.depth.y)
        )
        windows = self.depth.windows
        taps = partial(laid_out, windows=windows, pieces=pieces, repeat=self.together)
        return widen, before, taps, after, narrow

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs: for some channels, all its results, their product, and
        the image with its columns sorted."""
        stretch, most = self.stretch(self.rows), min(self.most, self.widest)
        counts = stretch.counts(most, [curve for curve in self.curves if curve is not None])
        product, image = self.out * self.positions, math.prod(self.sorted)
        return sum(room((n,)) for n in (*counts, self.positions * self.widest, product, image))

    @property
    def sorted(self) -> tuple[int, ...]:
        """Sizes of an image whose columns have to be sorted; zeros where none has to."""
        strided = self.depth.windows.stride[1] > 1
        return (self.inner or 0, *self.depth.x[2:]) if strided else (0, 0, 0)

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * self.workers

    # ------------------------------------------------------------------ running

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weights, finish) that writes ``out``; views are made once."""
        parts = self.parts * self.workers if self.by_image else self.parts
        works = [
            Part(self, part, bench_of(scratch, number, self.workers, self.size))
            for number, part in enumerate(parts)
        ]

        def run(x: Array, weights: Weights, finish: Finish) -> None:
            for part in works:
                part.take(weights)

            def whole(image: int) -> None:
                part = works[image % len(works)]
                part.run(x[image], finish, image)
                np.copyto(out[image], part.product)
                finish.after_sums(out[image])

            if self.by_image:
                self.team.each(whole, len(out))
                return
            for image, target in enumerate(out):
                self.share(works, x[image], finish, image)
                add_up([part.product for part in works], target)
                finish.after_sums(target)

        return run

    def share(self, works: Sequence[Part], x: Array, finish: Finish, image: int) -> None:
        """One image, its channels by all threads; the last one adds what does not depend on it."""

        def task(number: int) -> None:
            further = finish if number == len(works) - 1 else None
            works[number].run(x, further, image)

        self.team.each(task, len(works))


class Part:
    """The channels of one thread, with its memory; ``product`` is [out, h, w]."""

    def __init__(self, plan: Separable, part: slice, bench: Bench) -> None:
        size = plan.depth.y[2:]
        self.part = part
        width = plan.widths[1]
        self.height = height(part.stop - part.start, width, plan.positions) if width else 0
        self.stretch = plan.stretch(plan.rows)
        self.image = bench.take(*plan.sorted)
        self.weights: Weights | None = None
        self.gathered = bench.take(plan.positions, part.stop - part.start)
        if plan.positions <= FEW_POSITIONS:
            self.sums = bench.take(plan.positions, plan.out)
            self.product = self.sums.reshape(*size, plan.out).transpose(2, 0, 1)
        else:
            self.product = bench.take(plan.out, *size)
            self.sums = self.product.reshape(plan.out, -1).T
        used = bench.used
        self.pieces: list[Channels] = []
        for piece in plan.pieces(part):
            bench.back(used)
            target = self.gathered[:, piece.start - part.start : piece.stop - part.start]
            self.pieces.append(
                Channels(self.stretch, piece, plan.together, plan.curves, target, bench)
            )

    def take(self, weights: Weights) -> None:
        """Use these weights from now on."""
        if self.weights is None or any(map(is_not, weights, self.weights)):
            self.weights = weights
            self.narrow = weights.narrow[:, self.part]
            for piece in self.pieces:
                piece.take(weights)

    def run(self, x: Array, finish: Finish | None, image: int) -> None:
        """What these channels add to the result of an image, with bias and addend if asked for."""
        if self.image.size:
            sort_columns(x, self.stretch, self.image)
            x = self.image
        for piece in self.pieces:
            piece.run(x)
        multiply_panels(self.gathered, self.narrow, self.sums, self.height)
        if finish is not None:
            finish.sums(self.product, (image, slice(None)))


def add_up(products: Sequence[Array], out: Array) -> None:
    """``out`` is the sum of at least two products."""
    np.add(products[0], products[1], out=out)
    for further in products[2:]:
        out += further


def paneled_filters(weight: Array, width: int) -> Array:
    """[out, c, 1, 1] -> the panels of [c, out]."""
    return paneled(flat(weight).T, width)


def laid_out(weight: Array, windows: Windows, pieces: Pieces, repeat: int) -> Array:
    """[hidden, 1, kh, kw] -> the filters of the channels taken at a time, one behind another.

    Each is [kh, step, ceil(kw / step), repeat * channels]: the filter's columns by remainder,
    with zeros where the last are missing, repeated for the results that are computed together.
    """
    (high, wide), step = windows.kernel, windows.stride[1]
    beside = -(-wide // step)
    columns = np.zeros((high, beside * step, len(weight)), weight.dtype)
    columns[:, :wide] = weight[:, 0].transpose(1, 2, 0)
    phases = columns.reshape(high, beside, step, 1, -1).transpose(0, 2, 1, 3, 4)
    found = [np.repeat(phases[..., start:stop], repeat, axis=3) for start, stop in pieces]
    return np.concatenate([piece.reshape(-1) for piece in found])


def repeated(bias: Array, pieces: Pieces, count: int) -> Array:
    """[hidden] -> ``count`` times the channels taken at a time, one piece behind another."""
    return np.concatenate([np.tile(bias[start:stop], count) for start, stop in pieces])
