"""Convolutions that are one matrix product: kernel 1, or windows that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.geometry import Geometry
from framework.numerics.team import Team
from framework.numerics.tiles import Finish, bench_of, cut, room

Array = NDArray[Any]

TILE_BYTES = 1 << 20
"""Bound of a task's part of the image and of the result."""

RESULT_BYTES = 1 << 20
"""Bound of a task's whole planes of the result, where filters are shared out."""

SMALL_BYTES = 1 << 21
"""A result up to here is one product of BLAS with all its threads: waking ours takes longer."""

FEWEST_COLUMNS = 128
"""Products of fewer positions spend their time on the filters."""

FEWEST_FILTERS = 16
"""Products of fewer filters spend their time on reading the image."""


@dataclass(frozen=True)
class Direct:
    """A convolution of kernel 1: filters times positions; strided positions are copied."""

    shape: Geometry
    team: Team

    @cached_property
    def tasks(self) -> list[tuple[int, slice, slice]]:
        """(image, filters, rows) of each task."""
        shape, threads = self.shape, self.team.threads
        filters, rows = [slice(0, shape.y[1])], [slice(0, shape.y[2])]
        count, few = shape.y[2] * shape.y[3], shape.x[0] < threads
        if shape.y[1] * count * 4 <= SMALL_BYTES and (few or threads == 1):
            pass
        elif shape.y[1] >= 2 * shape.x[1]:  # what follows runs faster along whole planes
            fit = max(FEWEST_FILTERS, RESULT_BYTES // (count * 4))
            filters = cut(shape.y[1], fit, threads if few else 1)
        else:
            row = (shape.x[1] + shape.y[1]) * shape.y[3] * 4
            most = max(TILE_BYTES // row, -(-FEWEST_COLUMNS // shape.y[3]))
            rows = cut(shape.y[2], most, threads)
        return [(b, part, r) for b in range(shape.x[0]) for part in filters for r in rows]

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs: the positions of its rows."""
        rows = max(part.stop - part.start for *_, part in self.tasks)
        return room((self.shape.x[1], rows * self.shape.y[3]))

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def run(self, x: Array, weight: Array, finish: Finish, out: Array, scratch: Array) -> None:
        """Convolve with a weight laid out by `filters.flat`."""
        down, right = self.shape.windows.stride

        def task(number: int) -> None:
            image, filters, rows = self.tasks[number]
            taken = x[image, :, rows.start * down : (rows.stop - 1) * down + 1 : down]
            taken = taken[:, :, : (self.shape.y[3] - 1) * right + 1 : right]
            if not dense(taken):
                bench = bench_of(scratch, number, self.team.threads, self.size)
                kept = bench.take(*taken.shape)
                np.copyto(kept, taken)
                taken = kept
            place = (image, filters, rows)
            target = out[place]
            positions = taken.reshape(len(taken), -1)
            np.matmul(weight[filters], positions, out=target.reshape(len(target), -1))
            finish.channels_first(target, place)

        self.team.each(task, len(self.tasks))


def dense(x: Array) -> bool:
    """Are the last two axes of [c, h, w] one run, so that a product can read them?"""
    return bool(
        x.strides[2] == x.itemsize
        and x.strides[1] == x.itemsize * x.shape[2]
        and x.strides[0] >= x.itemsize * x.shape[1] * x.shape[2]
    )
