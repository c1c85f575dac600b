"""A pointwise, a depthwise and a pointwise convolution in a row, some channels at a time.

Between the two pointwise ones every channel is on its own.  So a few go all the way while they
are near: widened by a product, padded, convolved; what all of them add to the result is one more
product.  A thread has rows or channels of its own (`separable_work`), and waits for the others
once a block.  All views of the memory are made once: a run is a list of calls.

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
from framework.numerics.panels import height, multiply_panels, panel_calls, paneled, width_for
from framework.numerics.separable_fill import Columns, Stretch
from framework.numerics.separable_rows import NOTHING, Channels, Course, Source, Way, Weights
from framework.numerics.separable_work import Share, Work
from framework.numerics.tiles import Bench, Finish, bench_of, cut, length, room
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

FEW_HIDDEN = 80
"""Up to here the last product writes the result; with more channels it is faster as
[positions, out], by more than it takes to turn it."""

MORE = 1.2
"""Times the positions of an image that it may have when it is padded before it is widened."""

RUN = 2048
"""About how many elements a tap multiplies in one stretch."""


@dataclass(frozen=True)
class Separable(Work):
    """x [b, c, h, w] -> [b, out, *size]; ``curves`` follow the first two convolutions.

    Weights are laid out as `layouts` say.
    """

    curves: tuple[Curve | None, Curve | None] = (None, None)

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
        if self.widen is None:
            return "turned"
        more = math.prod(self.stretch(1).beside) <= MORE * self.depth.x[3]
        return "padded" if self.by_rows and more and keeps_zero(self.curves[0]) else "widened"

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Columns of a panel of the weights that widen and narrow; see `panels`."""
        grain = math.gcd(*(piece.stop for piece in self.taken))
        seen = self.stretch(self.rows).seen(self.rows) * self.depth.x[3]
        return (
            width_for(self.inner, self.hidden, seen, grain),
            width_for(self.widest, self.out, self.highest * self.depth.y[3]),
        )

    def layouts(self) -> tuple[partial[Array], ...]:
        """How the filters that widen, those and the bias of the depthwise convolution, and the
        last ones are laid out."""
        widen, narrow = (partial(paneled_filters, width=width) for width in self.widths)
        pieces = tuple((p.start, p.stop) for p in self.taken)
        windows = self.depth.windows
        taps = partial(laid_out, windows=windows, pieces=pieces, repeat=self.together)
        return widen, taps, partial(repeated, pieces=pieces, count=self.depth.y[3]), narrow

    def course(self, rows: slice) -> Course:
        """What channels go through in some rows of the result."""
        stretch = self.stretch(min(self.rows, length(rows)))
        width = self.widths[0]
        return Course(
            stretch, self.way, self.curves, self.together, width, rows.start, length(rows)
        )

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs: for some channels, all their results, and their product."""
        counts = self.course(slice(0, self.highest)).counts(min(self.most, self.widest))
        found = self.highest * self.depth.y[3] * self.widest
        product = 0 if self.direct else self.highest * self.depth.y[3] * self.out
        needs = sum(room((n,)) for n in (*counts, found, product))
        return needs + (0 if self.by_channels else self.columns_size)

    @property
    def direct(self) -> bool:
        """Does the last product write the result, not [positions, out] to be turned?"""
        return self.by_rows and self.hidden <= FEW_HIDDEN

    @cached_property
    def columns_size(self) -> int:
        """Bytes of the `Columns` of the largest share."""
        if self.widen is None:
            return 0
        rows, width = self.seen(slice(0, self.highest)), self.depth.x[3]
        count = rows.stop - rows.start
        place = math.prod(self.stretch(1).beside) if self.way == "padded" else width
        margin = Columns.margin(self.widen, min(count, self.depth.x[2]))
        return room((self.inner, count, place)) + room(margin)

    def seen(self, rows: slice) -> slice:
        """The rows of the image whose columns some rows of the result need."""
        if self.way == "widened":
            return slice(0, self.depth.x[2])
        stretch = self.stretch(length(rows))
        first = stretch.first(rows.start)
        return slice(first, first + stretch.seen(length(rows)))

    def columns(self, rows: slice, bench: Bench) -> Columns | None:
        """The columns for some rows of the result."""
        if self.widen is None:
            return None
        seen = self.seen(rows)
        padded = self.way == "padded"
        return Columns(self.widen, self.stretch(1), seen.start, length(seen), padded, bench)

    @property
    def scratch(self) -> int:
        """Bytes that all workers need, the columns that they share at last."""
        shared = self.columns_size if self.by_channels else 0
        return self.size * self.workers + shared

    # ------------------------------------------------------------------ running

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weights, finish) that writes ``out``; views are made once."""
        shares = self.shares * self.workers if self.by_image else self.shares
        columns: Columns | None = None
        if self.by_channels:
            columns = self.columns(shares[0].rows, Bench(scratch[self.size * self.workers :]))
        parts = [
            Part(self, share, bench_of(scratch, number, self.workers, self.size), columns)
            for number, share in enumerate(shares)
        ]

        def run(x: Array, weights: Weights, finish: Finish) -> None:
            for part in parts:
                part.take(weights)

            def whole(image: int) -> None:
                parts[image % len(parts)].run(x[image], out, finish, image)

            if self.by_image:
                self.team.each(whole, len(out))
                return
            for image in range(len(out)):
                if columns is not None:
                    columns.fill(x[image])
                self.share(parts, x, finish, out, image)
                if self.by_channels:
                    store([part.sums for part in parts], finish, out, (image,))

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

    Rows of its own are written to the result, channels of its own to ``sums`` [h, w, out].
    """

    def __init__(
        self, plan: Separable, share: Share, bench: Bench, columns: Columns | None
    ) -> None:
        width = plan.depth.y[3]
        self.plan = plan
        self.share = share
        count, high = length(share.channels), length(share.rows)
        self.columns = None if plan.by_channels else plan.columns(share.rows, bench)
        used = columns if self.columns is None else self.columns
        array = NOTHING if used is None else used.array
        self.source = Source()
        self.weights: Weights | None = None
        self.gathered = bench.take(high * width, count)
        if not plan.direct:
            self.sums = bench.take(high, width, plan.out)
        course, first, mark = plan.course(share.rows), share.channels.start, bench.used
        self.pieces: list[Channels] = []
        for piece in plan.pieces(share.channels):
            bench.back(mark)
            target = self.gathered[:, piece.start - first : piece.stop - first]
            self.pieces.append(Channels(course, piece, array, target, bench))

    def take(self, weights: Weights) -> None:
        """Use these weights from now on."""
        if self.weights is not None and not any(map(is_not, weights, self.weights)):
            return
        self.weights = weights
        self.narrow = weights.narrow[:, self.share.channels]
        self.calls = [call for part in self.pieces for call in part.calls(weights, self.source)]
        _, inner, width = self.narrow.shape
        self.high = height(inner, width, len(self.gathered)) if self.plan.widths[1] else 0
        if not self.plan.direct:
            sums = self.sums.reshape(len(self.gathered), -1)
            self.calls += panel_calls(self.gathered, self.narrow, sums, self.high)

    def run(self, x: Array, out: Array, finish: Finish, image: int) -> None:
        """Write these rows of the result, or what these channels add to it."""
        self.source.x = x
        if self.columns is not None:
            self.columns.fill(x)
        for call in self.calls:
            call()
        self.source.x = NOTHING  # a run keeps nothing of its input
        place = image, slice(None), self.share.rows
        if self.plan.direct:
            sums = out[place].reshape(out.shape[1], -1).T
            multiply_panels(self.gathered, self.narrow, sums, self.high)
            finish.channels_first(out[place], place)
        elif not self.plan.by_channels:
            store([self.sums], finish, out, place)


def keeps_zero(curve: Curve | None) -> bool:
    """Is the curve of zero zero?"""
    if curve is None:
        return True
    zero, found = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    curve.rule(zero, found, np.zeros((curve.spares, 1, 1), np.float32))
    return bool(found[0, 0] == 0)


def store(products: Sequence[Array], finish: Finish, out: Array, place: tuple[Any, ...]) -> None:
    """Add up products [h, w, out], the first of which is overwritten, for a place of ``out``."""
    sums = products[0]
    for further in products[1:]:
        np.add(sums, further, out=sums)
    finish.before(sums)
    finish.store(sums, out, place)
    finish.after(out[place])


def paneled_filters(weight: Array, width: int) -> Array:
    """[out, c] or [out, c, 1, 1] -> the panels of [c, out]."""
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
