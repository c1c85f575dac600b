"""Elementwise work in blocks that stay in the cache, shared by a team.

A chain of elementwise steps over a large tensor is limited by memory; over a block of some
tens of kilobytes it runs at the speed of the first-level caches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.team import Team

Array = NDArray[Any]
Place = tuple[slice, slice]
"""Rows and columns of a matrix."""

BLOCK = 1 << 17
"""Elements worked on at a time: measured, smaller ones lose more to the half microsecond that
each call of NumPy takes than they gain from a nearer cache."""

SHARED = 1 << 19
"""Elements from which waking another thread, and waiting for the interpreter, cost less than
they save."""


def shares(count: int, parts: int, grain: int = 1) -> list[slice]:
    """``count`` things in up to ``parts`` ranges of about the same size.

    All but the last begin and end at multiples of ``grain``.

    >>> shares(10, 2, 4)
    [slice(0, 8, None), slice(8, 10, None)]
    """
    grains = -(-count // grain)
    parts = max(1, min(parts, grains))
    cuts = [-(-grains * part // parts) * grain for part in range(parts)] + [count]
    return [slice(a, b) for a, b in pairwise(cuts) if a < b or count == 0]


def blocks(rows: int, columns: int, block: int = BLOCK) -> Iterator[Place]:
    """Places of about ``block`` elements each that together cover a matrix."""
    width = max(1, min(columns, block))
    height = max(1, block // width)
    for row in range(0, rows, height):
        for column in range(0, columns, width):
            yield slice(row, min(row + height, rows)), slice(column, min(column + width, columns))


def threads_for(team: Team, elements: int, least: int = SHARED) -> int:
    """How many of the team should share so much elementwise work."""
    return team.threads if elements >= least else 1


def share_out(team: Team, parts: list[slice], task: Callable[[int, slice], object]) -> None:
    """``task(number, part)`` for each part, on all threads."""
    if len(parts) == 1:
        task(0, parts[0])
    else:
        team.each(lambda number: task(number, parts[number]), len(parts))


@lru_cache(maxsize=64)
def constant_block(value: float, dtype: np.dtype[Any]) -> Array:
    """A block of one number.

    NumPy's maximum and minimum of a tensor and a number take four times as long as those of
    two tensors.
    """
    found = np.full(BLOCK, value, dtype)
    found.flags.writeable = False
    return found


def filled(value: float, like: Array) -> Array:
    """A read-only array of one number with the shape of a block."""
    if like.size > BLOCK:
        return np.broadcast_to(like.dtype.type(value), like.shape)
    return constant_block(value, like.dtype)[: like.size].reshape(like.shape)


def carved(scratch: Array, shape: tuple[int, ...], dtype: Any, start: int = 0) -> tuple[Array, int]:
    """An array out of scratch bytes, and the place behind it; both start at cache lines."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    stop = start + size
    return scratch[start:stop].view(dtype).reshape(shape), start + padded_bytes(size)


def padded_bytes(size: int) -> int:
    """``size`` up to whole cache lines."""
    return -(-size // 64) * 64


def beside(x: Array, out: Array) -> Array:
    """``x``, or a copy where it lies in the memory of ``out`` in another order.

    Work in parts would read what another part has written.
    """
    if x.strides == out.strides or not np.may_share_memory(x, out):
        return x
    return x.copy()


def flat_pair(x: Array, out: Array) -> tuple[Array, Array]:
    """Both as rows of one run each, after a copy where ``x`` is no contiguous tensor."""
    target = out.reshape(1, -1)
    if x.flags.c_contiguous:
        return x.reshape(1, -1), target
    np.copyto(out, x)
    return target, target
