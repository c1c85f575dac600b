"""Tiles of images [c, h, w] that stay in the cache, with the channels laid innermost.

Work on a few rows of an image with all their channels runs along whole channel vectors,
whatever the stride or the size of the kernel, and the borders are padded on the way in.
A tile is [rows, step, columns, c]: ``step`` keeps columns apart that a strided algorithm
reads apart, so that each of its reads is one contiguous run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Curve = Callable[[Array], None]

LINE = 64
ALIAS = 4096
"""Planes a multiple of this many bytes apart share the same few places of a cache."""


@dataclass(frozen=True)
class Finish:
    """What is done to each tile of a result: a bias, a tensor added, a function in place."""

    bias: Array | None = None
    addend: Array | None = None
    curve: Curve | None = None

    def channels_first(self, y: Array, place: tuple[Any, ...]) -> None:
        """Finish ``y`` [o, …], which lies at ``place`` (image, channels, …) of the result."""
        self.sums(y, place)
        self.after_sums(y)

    def sums(self, y: Array, place: tuple[Any, ...]) -> None:
        """The bias and the tensor added."""
        if self.bias is not None:
            y += self.bias[place[1]].reshape(-1, *[1] * (y.ndim - 1))
        if self.addend is not None:
            y += self.addend[place]

    def after_sums(self, y: Array) -> None:
        """The function."""
        if self.curve is not None:
            self.curve(y)

    def before(self, tile: Array, channels: slice = slice(None)) -> None:
        """Prepare results [..., o] of some channels for `store`."""
        if self.bias is not None:
            tile += self.bias[channels]
        if self.curve is not None and self.addend is None:
            self.curve(tile)

    def store(self, tile: Array, out: Array, place: tuple[Any, ...]) -> None:
        """Write results [rows, columns, o] to ``place`` (image, channels, rows, columns)."""
        turned, target = tile.transpose(2, 0, 1), out[place]
        if self.addend is None:
            np.copyto(target, turned)
        else:
            np.add(turned, self.addend[place], out=target)

    def after(self, y: Array) -> None:
        """Finish what was stored."""
        if self.curve is not None and self.addend is not None:
            self.curve(y)


Bound = Callable[[Array, Array, Finish], None]
"""A convolution of (x, weight, finish) on memory that is known before."""


class Bench:
    """Working memory of one task, cut into float32 arrays that start at cache lines."""

    def __init__(self, memory: Array) -> None:
        self.memory, self.used = memory, 0

    def take(self, *shape: int) -> Array:
        """An uninitialised array."""
        count = math.prod(shape) * 4
        start, self.used = self.used, self.used - (-count // LINE) * LINE
        return self.memory[start : start + count].view(np.float32).reshape(shape)

    def back(self, used: int) -> None:
        """Give up all arrays taken since ``used`` bytes were."""
        self.used = used


def room(shape: Sequence[int]) -> int:
    """Bytes of a float32 array, up to the next cache line."""
    return -(-math.prod(shape) * 4 // LINE) * LINE


def bench_of(scratch: Array, number: int, threads: int, size: int) -> Bench:
    """The bench of the worker that a `Team` gives task ``number`` to."""
    start = number % threads * size
    return Bench(scratch[start : start + size])


def fetch(image: Array, tile: Array, first: tuple[int, int], stage: Array | None = None) -> None:
    """Fill a tile from [c, h, w]: from row and column ``first`` on, which may be negative.

    What lies outside the image is zero.  Reading across planes that alias is 6 times slower
    than copying them first into ``stage``, where they lie at odd distances.
    """
    rows, step, columns = tile.shape[:3]
    (row, column), (height, width) = first, image.shape[1:]
    top, bottom = min(rows, max(0, -row)), max(0, min(rows, height - row))
    tile[:top] = 0
    tile[max(top, bottom) :] = 0
    if bottom <= top:
        return
    left, right = max(0, column), min(width, column + columns * step)
    image = image[:, row + top : row + bottom, left:right]
    column -= left
    if stage is not None and image.size:
        kept = stage[:, : image[0].size].reshape(image.shape)
        np.copyto(kept, image)
        image = kept
    for phase in range(step):
        pick(image, tile[top:bottom, phase], phase + column, step)


def pick(image: Array, part: Array, start: int, step: int) -> None:
    """Fill [rows, columns, c] with each ``step``-th column of [c, rows, w], zeros outside."""
    columns, width = part.shape[1], image.shape[2]
    low = min(columns, max(0, -(start // step)))
    high = max(low, min(columns, -((start - width) // step)))
    part[:, :low] = 0
    part[:, high:] = 0
    if high > low:
        begin = low * step + start
        found = image[:, :, begin : begin + (high - low - 1) * step + 1 : step]
        np.copyto(part[:, low:high], found.transpose(1, 2, 0))


def stage_shape(image: Sequence[int], rows: int, columns: int) -> tuple[int, int]:
    """What `fetch` needs as a stage for a tile of images [c, h, w]; (0, 0) where it needs none."""
    channels, height, width = image
    if channels < 8 or height * width * 4 % ALIAS:
        return (0, 0)
    return channels, -(-rows * min(columns, width) // 16) * 16 + LINE // 4


class Grid:
    """Every combination of elements of some sequences, the last of which runs fastest.

    None is stored: an enormous batch has as many as images.
    """

    def __init__(self, *axes: Sequence[Any]) -> None:
        self.axes = axes

    def __len__(self) -> int:
        return math.prod(map(len, self.axes))

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        found: list[Any] = []
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis))
            found.append(axis[place])
        return tuple(reversed(found))

    def longest(self, axis: int) -> int:
        """Places of the longest slice along an axis."""
        return max(map(length, self.axes[axis]))


def length(part: slice) -> int:
    """Places of a slice."""
    found: int = part.stop - part.start
    return found


def cut(count: int, largest: int, threads: int = 1) -> list[slice]:
    """Even parts of at most ``largest``; a multiple of ``threads`` of them if there are several."""
    parts = max(1, -(-count // max(1, largest)))
    if count >= threads:
        parts = -(-parts // threads) * threads
    parts = min(parts, max(1, count))
    ends = [count * number // parts for number in range(parts + 1)]
    return [slice(low, high) for low, high in pairwise(ends)]
