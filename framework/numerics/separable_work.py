"""Who does what of separable convolutions: threads share the rows of an image, or its channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from framework.numerics.geometry import Geometry
from framework.numerics.team import Team
from framework.numerics.tiles import length


class Share(NamedTuple):
    """What a thread does of an image: some channels, or some rows of the result."""

    channels: slice
    rows: slice


FEW_POSITIONS = 512
"""Up to here threads share the channels.  In larger images they share the rows: what rows beside
each other both see is little there."""

LANES = 16
"""Threads take multiples of so many channels, if there are enough: whole vectors."""

PRODUCT, TAP, PASS = 1 / 45, 1 / 6, 0.5
"""Nanoseconds of a multiply-accumulate in a product and in a tap, and of what else is done to an
element: measured, on one thread."""

WAKE = 40_000.0
"""Nanoseconds until another thread works, and until its end is noticed: who wakes it meanwhile
has more to do, and does not wait in the end."""

FARTHER = 0.95
"""Work of another thread in the time of the first one, whose cache holds the image."""

LEAST = 300_000.0
"""Nanoseconds of work that are worth sharing."""


@dataclass(frozen=True)
class Work:
    """A separable convolution by way of the images of ``depth``.

    ``widen`` is the convolution before it, None where there is none; ``out`` are the channels of
    the result.
    """

    depth: Geometry
    widen: Geometry | None
    out: int
    team: Team

    @property
    def hidden(self) -> int:
        """Channels between the products."""
        return self.depth.x[1]

    @property
    def inner(self) -> int:
        """What the convolution that widens multiplies for a result, its bias too; 0 without."""
        if self.widen is None:
            return 0
        return self.widen.x[1] * math.prod(self.widen.windows.kernel) + 1

    @property
    def positions(self) -> int:
        """Positions of the result."""
        return math.prod(self.depth.y[2:])

    @cached_property
    def work(self) -> float:
        """About how many nanoseconds one image takes on one thread."""
        seen = math.prod(self.depth.x[1:])
        found = self.hidden * self.positions
        products = found * self.out + seen * self.inner
        passes = found + seen * (1 if self.widen is None else 2)
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

    @property
    def by_channels(self) -> bool:
        """Do threads share the channels, all reading the columns that are written before?"""
        return not (self.by_rows or self.by_image)
