"""What convolutions have in common that are computed some rows of the result at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from framework.numerics.geometry import Geometry
from framework.numerics.team import Team, worth_waking
from framework.numerics.tiles import Finish, bench_of, cut, room

Array = NDArray[Any]


@dataclass(frozen=True)
class ByRows:
    """A convolution; a task is an image, a group, some of its filters and some rows.

    Families say how many rows are taken at a time (``most``), what memory they need
    (``stages``), and how these are convolved.
    """

    shape: Geometry
    team: Team

    @property
    def depth(self) -> int:
        """Numbers that a filter sees."""
        return self.shape.inner * math.prod(self.shape.windows.kernel)

    @property
    def most(self) -> int:
        """Rows that are taken at a time, at most."""
        raise NotImplementedError

    @property
    def share_filters(self) -> bool:
        """Do threads share the filters of a group, not the rows?"""
        return False

    def stages(self, filters: int, rows: int) -> Sequence[tuple[int, ...]]:
        """Shapes of the arrays that some filters and rows need."""
        raise NotImplementedError

    def convolve(
        self, x: Array, weight: Array, out: Array, row: int, arrays: Sequence[Array]
    ) -> None:
        """``out`` [filters, rows, columns], from a row of the result on, of channels ``x``."""
        raise NotImplementedError

    @cached_property
    def workers(self) -> Team:
        """The team, or nobody else for little work."""
        return worth_waking(self.team, math.prod(self.shape.y) * self.depth)

    @cached_property
    def tasks(self) -> list[tuple[int, int, slice, slice]]:
        """(image, group, filters of the group, rows of the result) of each task."""
        shape, threads = self.shape, self.workers.threads
        threads = threads if shape.groups * shape.x[0] < threads else 1
        filters = cut(shape.filters, shape.filters, threads if self.share_filters else 1)
        rows = cut(shape.y[2], self.most, 1 if self.share_filters else threads)
        return list(itertools.product(range(shape.x[0]), range(shape.groups), filters, rows))

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        filters = max(part.stop - part.start for _, _, part, _ in self.tasks)
        rows = max(part.stop - part.start for *_, part in self.tasks)
        return sum(map(room, self.stages(filters, rows)))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.workers.threads, len(self.tasks))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out for this algorithm, filters along axis ``-2``."""
        shape = self.shape

        def task(number: int) -> None:
            image, group, some, rows = self.tasks[number]
            first = group * shape.filters
            filters = slice(first + some.start, first + some.stop)
            inside = slice(group * shape.inner, (group + 1) * shape.inner)
            bench = bench_of(scratch, number, self.workers.threads, self.size)
            stages = self.stages(some.stop - some.start, rows.stop - rows.start)
            place = (image, filters, rows)
            target, arrays = out[place], [bench.take(*stage) for stage in stages]
            self.convolve(x[image, inside], weight[..., filters, :], target, rows.start, arrays)
            finish.sums(target, place)
            finish.after_sums(target.reshape(len(target), -1))

        self.workers.each(task, len(self.tasks))
