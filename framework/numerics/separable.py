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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve
from framework.numerics.filters import flat
from framework.numerics.geometry import Geometry
from framework.numerics.panels import multiply_panels, paneled, width_for
from framework.numerics.separable_fill import Stretch, pad_image, pieces, sort_columns
from framework.numerics.separable_rows import Channels, Course, Way, Weights, given
from framework.numerics.team import Team
from framework.numerics.tiles import Bench, Finish, bench_of, cut, room
from framework.numerics.windows import Windows

Array = NDArray[Any]
Bound = Callable[[Array, Weights, Finish], None]
Pieces = tuple[tuple[int, int], ...]
"""First channel and end of each piece."""


class Share(NamedTuple):
    """What a thread does of an image: some channels, or some rows of the result."""

    channels: slice
    rows: slice


TILE = 1 << 19
"""Elements of the padded rows with the channels that are taken at a time: smaller ones would
stay in a second-level cache, but threads that make short calls wait for each other."""

ROWS = 8
"""Rows that are taken at a time, at least: fewer channels are taken before."""

NARROW = 32
"""Channels that are taken at a time, at least: products of fewer are slower."""

FEW_POSITIONS = 512
"""Up to here threads share the channels, and products come as [positions, out], which is
faster, and are turned when added up.  In larger images they share the rows: what rows beside
each other both see is little there."""

MORE = 1.2
"""Times the positions of an image that it may have when it is padded before it is widened."""

RUN = 2048
"""About how many elements a tap multiplies in one stretch."""

LANES = 16
"""Threads take multiples of so many channels, if there are enough: whole vectors."""

PRODUCT, TAP, PASS = 1 / 45, 1 / 6, 0.5
"""Nanoseconds of a multiply-accumulate in a product and in a tap, and of what else is done to an
element: measured, on one thread."""

WAKE = 40_000.0
"""Nanoseconds until another thread works, and until its end is noticed: who wakes it meanwhile
has more channels to do, and does not wait in the end."""

FARTHER = 0.95
"""Work of another thread in the time of the first one, whose cache holds the image."""

LEAST = 300_000.0
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

    @property
    def by_rows(self) -> bool:
        """Do threads share the rows of an image, not its channels?"""
        return self.positions > FEW_POSITIONS

    @cached_property
    def by_image(self) -> bool:
        """Does one thread do a whole image?"""
        shared = self.depth.y[2] if self.by_rows else self.hidden // self.lanes
        few = self.work < LEAST or shared < 2
        return few or self.depth.x[0] >= self.team.threads

    @property
    def lanes(self) -> int:
        """What the channels of a thread are a multiple of."""
        return math.gcd(LANES, self.hidden)

    @cached_property
    def shares(self) -> list[Share]:
        """What each thread does of an image that they share; the first does more."""
        channels, rows = slice(0, self.hidden), slice(0, self.depth.y[2])
        if self.by_image:
            return [Share(channels, rows)]
        if self.by_rows:
            return [Share(channels, some) for some in self.split(rows.stop, 1)]
        return [Share(some, rows) for some in self.split(channels.stop, self.lanes)]

    def split(self, count: int, lanes: int) -> list[slice]:
        """Ranges of so many rows or channels, one for each thread."""
        threads = min(self.team.threads, count // lanes)
        share = count * FARTHER * (self.work - WAKE) / self.work / threads
        most = count // threads // lanes
        each = max(lanes, min(round(share / lanes), most) * lanes)
        starts = [0, *(count - each * left for left in range(threads - 1, 0, -1))]
        ends = [*starts[1:], count]
        return [slice(a, b) for a, b in zip(starts, ends, strict=True) if a < b]

    @cached_property
    def workers(self) -> int:
        """Threads that need memory of their own."""
        return min(self.team.threads, self.depth.x[0]) if self.by_image else len(self.shares)

    @property
    def widest(self) -> int:
        """Channels of the largest share."""
        return max(length(share.channels) for share in self.shares)

    @property
    def highest(self) -> int:
        """Rows of the largest share."""
        return max(length(share.rows) for share in self.shares)

    @cached_property
    def most(self) -> int:
        """Channels that are taken at a time, at most."""
        least = self.stretch(min(ROWS, self.depth.y[2])).padded
        return max(NARROW, TILE // least)

    def pieces(self, part: slice) -> list[slice]:
        """The channels of a thread that are taken at a time."""
        found = cut(length(part), self.most)
        return [slice(part.start + piece.start, part.start + piece.stop) for piece in found]

    @cached_property
    def taken(self) -> list[slice]:
        """The channels that any thread takes at a time, each once."""
        ranges = {(s.channels.start, s.channels.stop) for s in self.shares}
        return [piece for part in sorted(ranges) for piece in self.pieces(slice(*part))]

    # ------------------------------------------------------------------ sizes

    def stretch(self, rows: int) -> Stretch:
        """So many rows of the result, computed at a time."""
        return Stretch(self.depth, rows)

    @cached_property
    def rows(self) -> int:
        """Rows of the result that are computed at a time, at most: even parts of a share."""
        row = self.stretch(2).padded - self.stretch(1).padded
        most = max(1, TILE // (row * min(self.most, self.widest)))
        return -(-self.highest // -(-self.highest // most))

    @cached_property
    def together(self) -> int:
        """Neighbouring results that a tap is multiplied to in one run."""
        width, channels = self.depth.y[3], min(self.most, self.widest)
        fitting = [count for count in range(1, width + 1) if width % count == 0]
        return min(fitting, key=lambda count: abs(count * channels - RUN))

    @cached_property
    def way(self) -> Way:
        """How the padded rows come about."""
        if self.inner is None:
            return "turned"
        more = math.prod(self.stretch(1).beside) <= MORE * self.depth.x[3]
        return "padded" if self.by_rows and more and keeps_zero(self.curves[0]) else "widened"

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Columns of a panel of the weights that widen and narrow; see `panels`."""
        grain = math.gcd(*(piece.stop for piece in self.taken))
        seen = self.stretch(self.rows).seen(self.rows) * self.depth.x[3]
        return (
            width_for(self.inner or 0, self.hidden, seen, grain),
            width_for(self.widest, self.out, self.highest * self.depth.y[3]),
        )

    def layouts(self) -> tuple[partial[Array], ...]:
        """How the weight and bias of the widening, of the depthwise convolution, and the weight
        of the last one are laid out."""
        widen, narrow = (partial(paneled_filters, width=width) for width in self.widths)
        pieces = tuple((p.start, p.stop) for p in self.taken)
        before, after = (
            partial(repeated, pieces=pieces, count=count)
            for count in (1 if self.way == "padded" else self.depth.x[3], self.depth.y[3])
        )
        windows = self.depth.windows
        taps = partial(laid_out, windows=windows, pieces=pieces, repeat=self.together)
        return widen, before, taps, after, narrow

    def course(self, rows: slice) -> Course:
        """What channels go through in some rows of the result."""
        stretch = self.stretch(min(self.rows, length(rows)))
        width = self.widths[0]
        return Course(
            stretch, self.way, self.curves, self.together, width, rows.start, length(rows)
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs: for some channels, all their results, their product, the
        image padded or with its columns sorted, and weights with their bias."""
        counts = self.course(slice(0, self.highest)).counts(min(self.most, self.widest))
        found = self.highest * self.depth.y[3] * self.widest
        product = 0 if self.by_rows else self.out * self.positions
        needs = (*counts, found, product, math.prod(self.image(self.highest)), self.biased)
        return sum(room((n,)) for n in needs)

    def image(self, rows: int) -> tuple[int, ...]:
        """Sizes of an image that has to be padded, or whose columns have to be sorted, for so
        many rows of the result; zeros where it has not."""
        inner = self.inner or 0
        if self.way == "padded":
            return inner + 1, self.stretch(rows).seen(rows), *self.stretch(rows).beside
        strided = self.way == "widened" and self.depth.windows.stride[1] > 1
        return (inner, *self.depth.x[2:]) if strided else (0, 0, 0)

    @property
    def biased(self) -> int:
        """Elements of the weight that widens with the bias as a row, where it has to be one."""
        return ((self.inner or 0) + 1) * self.hidden if self.way == "padded" else 0

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * self.workers

    # ------------------------------------------------------------------ running

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weights, finish) that writes ``out``; views are made once."""
        shares = self.shares * self.workers if self.by_image else self.shares
        parts = [
            Part(self, share, bench_of(scratch, number, self.workers, self.size))
            for number, share in enumerate(shares)
        ]

        def run(x: Array, weights: Weights, finish: Finish) -> None:
            for part in parts:
                part.take(weights)

            def whole(image: int) -> None:
                part = parts[image % len(parts)]
                part.run(x[image], out, finish, image)
                if not self.by_rows:
                    store([part.sums], finish, out, image)

            if self.by_image:
                self.team.each(whole, len(out))
                return
            for image in range(len(out)):
                self.share(parts, x, finish, out, image)
                if not self.by_rows:
                    store([part.sums for part in parts], finish, out, image)

        return run

    def share(
        self, parts: Sequence[Part], x: Array, finish: Finish, out: Array, image: int
    ) -> None:
        """One image by all threads."""

        def task(number: int) -> None:
            parts[number].run(x[image], out, finish, image)

        self.team.each(task, len(parts))


class Part:
    """What one thread does of an image, with its memory.

    Channels of its own give ``sums`` [h, w, out]; rows of its own are written to the result.
    """

    def __init__(self, plan: Separable, share: Share, bench: Bench) -> None:
        width = plan.depth.y[3]
        self.plan = plan
        self.share = share
        self.course = plan.course(share.rows)
        count, height = length(share.channels), length(share.rows)
        self.image = bench.take(*plan.image(height))
        self.biased = bench.take(plan.biased)
        self.weights: Weights | None = None
        self.gathered = bench.take(height * width, count)
        if not plan.by_rows:
            self.sums = bench.take(height, width, plan.out)
        used = bench.used
        self.pieces: list[Channels] = []
        for piece in plan.pieces(share.channels):
            bench.back(used)
            first = share.channels.start
            target = self.gathered[:, piece.start - first : piece.stop - first]
            self.pieces.append(Channels(self.course, piece, target, bench))

    def take(self, weights: Weights) -> None:
        """Use these weights from now on."""
        if self.weights is not None and not any(map(is_not, weights, self.weights)):
            return
        self.weights = weights
        self.narrow = weights.narrow[:, self.share.channels]
        if self.plan.way == "padded":
            count, inner, width = given(weights.widen).shape
            self.rows_of_widen = self.biased.reshape(count, inner + 1, width)
            weights = weights._replace(widen=self.rows_of_widen)
        for piece in self.pieces:
            piece.take(weights)

    def run(self, x: Array, out: Array, finish: Finish, image: int) -> None:
        """Write these rows of the result, or what these channels add to it."""
        x = self.prepared(x)
        for piece in self.pieces:
            piece.run(x)
        rows = self.share.rows
        place = image, slice(None), rows
        if self.plan.by_rows:
            sums = out[place].reshape(out.shape[1], -1).T
        else:
            sums = self.sums.reshape(-1, out.shape[1])
        count = pieces(self.narrow, self.plan.widths[1], len(sums))
        multiply_panels(self.gathered, self.narrow, sums, count)
        if self.plan.by_rows:
            finish.channels_first(out[place], place)

    def prepared(self, x: Array) -> Array:
        """The image as the channels take it: [c, h, w] if it is turned, else [c, positions]."""
        stretch = self.course.stretch
        if self.plan.way == "turned":
            return x
        if self.plan.way == "padded":
            self.carry_bias()
            pad_image(x, stretch, stretch.first(self.course.first), self.image)
        elif self.image.size:
            sort_columns(x, stretch, self.image)
        used = self.image if self.image.size else x
        return used.reshape(len(used), -1)

    def carry_bias(self) -> None:
        """The weight that widens, with its bias as the last row."""
        if self.weights is not None:
            bias, last = self.weights.widen_bias, self.rows_of_widen[:, -1]
            np.copyto(self.rows_of_widen[:, :-1], given(self.weights.widen))
            np.copyto(last, 0 if bias is None else bias.reshape(last.shape))


def length(part: slice) -> int:
    """How many things a range has."""
    count: int = part.stop - part.start
    return count


def keeps_zero(curve: Curve | None) -> bool:
    """Is the curve of zero zero?"""
    if curve is None:
        return True
    zero, found = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    curve.rule(zero, found, np.zeros((curve.spares, 1, 1), np.float32))
    return bool(found[0, 0] == 0)


def store(products: Sequence[Array], finish: Finish, out: Array, image: int) -> None:
    """Add up products [h, w, out], the first of which is overwritten, for an image of ``out``."""
    sums = products[0]
    for further in products[1:]:
        np.add(sums, further, out=sums)
    finish.before(sums)
    finish.store(sums, out, (image,))
    finish.after(out[image])


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
