"""Convolutions of small images: windows are unfolded once, and the filters are shared out.

Where an image has fewer positions than a filter has weights, reading the weights is the work;
each thread reads its own part of them once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.columns import Columns
from framework.numerics.sweep import shares
from framework.numerics.tiles import Finish, bench_of

Array = NDArray[Any]

MOST_POSITIONS = 256
"""Positions of an image that count as few: 14 x 14 does, 28 x 28 does not."""

GRAIN = 16
"""Filters of a thread are a multiple of this, as BLAS's own blocks are."""


@dataclass(frozen=True)
class SmallImages(Columns):
    """A convolution whose windows of one image and group are unfolded together."""

    @cached_property
    def tasks(self) -> list[tuple[int, int, slice]]:
        """(image, group, all rows)."""
        shape = self.shape
        whole = [slice(0, shape.y[2])]
        return list(itertools.product(range(shape.x[0]), range(shape.groups), whole))

    @property
    def scratch(self) -> int:
        """The bytes of one image's windows."""
        return self.size

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `filters.channels_last`."""
        shape = self.shape
        parts = shares(shape.filters, self.team.threads, GRAIN)
        for image, group, rows in self.tasks:
            inside = slice(group * shape.inner, (group + 1) * shape.inner)
            columns = self.columns(x[image, inside], rows, bench_of(scratch, 0, 1, self.size))

            def task(
                number: int, image: int = image, group: int = group, columns: Array = columns
            ) -> None:
                start = group * shape.filters
                part = slice(start + parts[number].start, start + parts[number].stop)
                place = (image, part, slice(0, shape.y[2]))
                target = out[place].reshape(part.stop - part.start, -1)
                np.matmul(weight[part], columns.T, out=target)
                finish.channels_first(out[place], place)

            self.team.each(task, len(parts))
