"""What convolutions have in common that are computed some rows of the result at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from numpy.typing import NDArray

from framework.numerics.geometry import Geometry
from framework.numerics.team import Team, worth_waking
from framework.numerics.tiles import Bound, Finish, Grid, bench_of, cut, length, room

Array = NDArray[Any]

FEW_POSITIONS = 256
"""Up to 16 x 16 windows, reading the filters is the work: threads share them, not the rows."""


class Share(NamedTuple):
    """What a task does of an image: some filters of a group, some rows of the result."""

    filters: slice
    rows: slice


@dataclass(frozen=True)
class ByRows:
    """A convolution; a task is an image, a group, some of its filters and some rows.

    Families say how many rows are taken at a time (``most``), what memory they need
    (``stages``), and how these are convolved.
    """

    shape: Geometry
    team: Team

    grain: ClassVar[int] = 1
    """Filters are shared out by so many."""

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

    def piece(self, share: Share, arrays: Sequence[Array]) -> Piece:
        """What does a share with these arrays."""
        return Piece(self, share, arrays)

    # ------------------------------------------------------------------ tasks

    @cached_property
    def workers(self) -> Team:
        """The team, or nobody else for little work."""
        return worth_waking(self.team, math.prod(self.shape.y) * self.depth)

    @cached_property
    def tasks(self) -> Grid:
        """(image, group, filters of the group, rows of the result) of each task."""
        shape = self.shape
        return Grid(range(shape.x[0]), range(shape.groups), *self.cut())

    def cut(self) -> tuple[list[slice], list[slice]]:
        """The filters of a group and the rows of an image that tasks take at a time."""
        shape, threads = self.shape, self.workers.threads
        threads = threads if shape.groups * shape.x[0] < threads else 1
        by_filters = self.share_filters or shape.y[2] < threads  # such as a signal
        parts = shape.filters // self.grain
        filters = cut(parts, parts, threads if by_filters else 1)
        filters = [slice(part.start * self.grain, part.stop * self.grain) for part in filters]
        return filters, cut(shape.y[2], self.most, 1 if by_filters else threads)

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        *_, filters, rows = self.tasks.axes
        most, counts = max(map(length, filters)), set(map(length, rows))
        return max(sum(map(room, self.stages(most, count))) for count in counts)

    @property
    def benches(self) -> int:
        """Workers that need memory."""
        return min(self.workers.threads, len(self.tasks))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * self.benches

    # ------------------------------------------------------------------ running

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weight, finish) that writes ``out``.

        The weight is laid out for this algorithm, filters along axis ``-2``.
        """
        shape, tasks, count = self.shape, self.tasks, self.benches
        pieces: dict[tuple[int, int, int], Piece] = {}

        def run(x: Array, weight: Array, finish: Finish) -> None:
            def task(number: int) -> None:
                image, group, filters, rows = tasks[number]
                key = number % count, filters.start, rows.start
                if key not in pieces:
                    bench = bench_of(scratch, number, count, self.size)
                    stages = self.stages(length(filters), length(rows))
                    arrays = [bench.take(*stage) for stage in stages]
                    pieces[key] = self.piece(Share(filters, rows), arrays)
                first, inner = group * shape.filters, shape.inner
                some = slice(first + filters.start, first + filters.stop)
                inside = x[image, group * inner : (group + 1) * inner]
                pieces[key].run(inside, weight, finish, out, (image, some, rows))

            self.workers.each(task, len(tasks))

        return run


class Piece:
    """What does a share of a convolution, for any image and group."""

    def __init__(self, plan: ByRows, share: Share, arrays: Sequence[Array]) -> None:
        self.plan, self.share, self.arrays = plan, share, arrays

    def run(
        self, x: Array, weight: Array, finish: Finish, out: Array, place: tuple[int, slice, slice]
    ) -> None:
        """Write ``place`` of the result, which is of channels ``x``."""
        target, part = out[place], weight[..., place[1], :]
        self.plan.convolve(x, part, target, self.share.rows.start, self.arrays)
        finish.sums(target, place)
        finish.after_sums(target.reshape(len(target), -1))
