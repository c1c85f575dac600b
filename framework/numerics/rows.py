"""Softmax and normalisation of rows, in blocks of rows that stay in the cache, in place.

Sums of rows are products with a vector of ones: BLAS adds three times as fast as NumPy's sum
over the last axis, and in several accumulators.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.sweep import BLOCK, share_out, shares, threads_for
from framework.numerics.team import Team

Array = NDArray[Any]
Step = Callable[[Array, Array, slice], None]


def each_block(x: Array, out: Array, step: Step, team: Team) -> None:
    """``step(x[rows], out[rows], rows)`` for blocks of rows of two tensors of one shape."""
    row = max(1, math.prod(out.shape[1:]))
    height = max(1, BLOCK // row)

    def work(number: int, part: slice) -> None:
        for first in range(part.start, part.stop, height):
            rows = slice(first, min(first + height, part.stop))
            step(x[rows], out[rows], rows)

    share_out(team, shares(len(out), threads_for(team, out.size)), work)


def pair(x: Array, out: Array, *shape: int) -> tuple[Array, Array]:
    """Both under another shape; an ``x`` that is not contiguous is copied to ``out`` first."""
    target = out.reshape(shape)
    if x.flags.c_contiguous:
        return x.reshape(shape), target
    np.copyto(out, x)
    return target, target


def around(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """Elements before, along and after an axis."""
    axis %= len(shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def row_sums(y: Array) -> Array:
    """Sum over axis 1 of [rows, n] or [rows, n, m], kept as 1."""
    if y.ndim == 2:
        return np.asarray(np.matmul(y, np.ones((y.shape[1], 1), y.dtype)))
    return np.asarray(y.sum(1, keepdims=True))


# ---------------------------------------------------------------------- softmax


def softmax_into(x: Array, out: Array, axis: int, masked: bool, team: Team) -> None:
    """``exp(x) / sum(exp(x))`` along an axis; with ``masked`` a row of -inf is zeros."""

    def step(x: Array, y: Array, rows: slice) -> None:
        below_top(x, y, masked)
        np.exp(y, out=y)
        total = row_sums(y)
        if masked:
            total[total == 0] = 1
        y /= total

    along_axis(x, out, axis, step, team)


def log_softmax_into(x: Array, out: Array, axis: int, scratch: Array, team: Team) -> None:
    """``x - ln(sum(exp(x)))`` along an axis."""

    def step(x: Array, y: Array, rows: slice) -> None:
        below_top(x, y, False)
        y -= np.log(row_sums(np.exp(y)))

    along_axis(x, out, axis, step, team)


def below_top(x: Array, y: Array, masked: bool) -> None:
    """``y = x - max(x)`` along axis 1."""
    top = x.max(1, keepdims=True)
    if masked:
        top[np.isneginf(top)] = 0
    np.subtract(x, top, out=y)


def along_axis(x: Array, out: Array, axis: int, step: Step, team: Team) -> None:
    """Blocks of [rows, n], or of [rows, n, m] where the axis is not the last."""
    if out.size == 0:
        return
    before, length, after = around(out.shape, axis)
    if after == 1:
        each_block(*pair(x, out, before, length), step, team)
        return
    source, target = pair(x, out, before, length, after)
    width = max(64, BLOCK // length)
    for first in range(0, after, width):
        part = (slice(None), slice(None), slice(first, first + width))
        each_block(source[part], target[part], step, team)


# ---------------------------------------------------------------------- normalisation


def standardise(x: Array, y: Array, eps: float) -> None:
    """``y = (x - mean) / sqrt(variance + eps)`` of each row of a matrix."""
    mean = row_sums(x)
    mean /= x.shape[1]
    np.subtract(x, mean, out=y)
    y *= root(mean_square(y), eps)


def mean_square(y: Array) -> Array:
    """The mean of the squares of each row, kept as 1."""
    found = np.matmul(y[:, None, :], y[:, :, None])[:, :, 0]
    found /= y.shape[1]
    return np.asarray(found)


def root(square: Array, eps: float) -> Array:
    """``1 / sqrt(square + eps)``, in place."""
    square += eps
    np.sqrt(square, out=square)
    np.reciprocal(square, out=square)
    return square


def layer_norm_into(
    x: Array, out: Array, length: int, eps: float,
    weight: Array | None, bias: Array | None, team: Team,
) -> None:  # fmt: skip
    """Mean 0 and variance 1 over the last ``length`` elements, then product and sum."""

    def step(x: Array, y: Array, rows: slice) -> None:
        standardise(x, y, eps)
        finish(y, weight, bias)

    each_block(*pair(x, out, -1, length), step, team)


def rms_norm_into(
    x: Array, out: Array, length: int, eps: float, weight: Array | None, team: Team
) -> None:
    """A mean square of 1 over the last ``length`` elements, then a product."""

    def step(x: Array, y: Array, rows: slice) -> None:
        np.multiply(x, root(mean_square(x), eps), out=y)
        finish(y, weight, None)

    each_block(*pair(x, out, -1, length), step, team)


def finish(y: Array, weight: Array | None, bias: Array | None) -> None:
    """Product and sum with vectors of a row's length, in place."""
    if weight is not None:
        y *= weight.reshape(-1)
    if bias is not None:
        y += bias.reshape(-1)


def group_norm_into(
    x: Array, out: Array, groups: int, eps: float,
    weight: Array | None, bias: Array | None, team: Team,
) -> None:  # fmt: skip
    """Mean 0 and variance 1 of each group of channels of [b, c, *size]; each channel's affine."""
    batch, channels = out.shape[:2]
    length, positions = math.prod(out.shape[1:]) // groups, math.prod(out.shape[2:])
    of_rows = [
        None if v is None else np.tile(v.reshape(groups, channels // groups, 1), (batch, 1, 1))
        for v in (weight, bias)
    ]

    def step(x: Array, y: Array, rows: slice) -> None:
        standardise(x, y, eps)
        apart = y.reshape(len(y), -1, positions)
        factor, summand = (None if v is None else v[rows] for v in of_rows)
        if factor is not None:
            apart *= factor
        if summand is not None:
            apart += summand

    each_block(*pair(x, out, batch * groups, length), step, team)


def affine_into(
    x: Array, out: Array, axis: int, factor: Array | None, summand: Array | None, team: Team
) -> None:
    """Product and sum with a number for each place along an axis."""
    before, length, after = around(out.shape, axis)
    source, target = pair(x, out, before, length, after)
    columns = [None if v is None else v.reshape(-1, 1) for v in (factor, summand)]
    if after == 1:  # rows of many channels rather than columns of one
        source, target = source[:, :, 0], target[:, :, 0]
        columns = [None if v is None else v[:, 0] for v in columns]

    def step(x: Array, y: Array, rows: slice) -> None:
        for x_part, y_part, numbers in cuts(x, y, columns):
            product_and_sum(x_part, y_part, *numbers)

    each_block(source, target, step, team)


def cuts(x: Array, y: Array, columns: list[Array | None]) -> Iterator[tuple[Array, Array, Any]]:
    """Ranges of axis 1 of a block, where the block is one large row."""
    width = x.shape[1] if x.size <= BLOCK else max(1, BLOCK // max(1, x.size // x.shape[1]))
    for first in range(0, x.shape[1], max(1, width)):
        part = slice(first, first + width)
        yield x[:, part], y[:, part], [None if v is None else v[part] for v in columns]


def product_and_sum(x: Array, y: Array, factor: Array | None, summand: Array | None) -> None:
    """``y = x * factor + summand``."""
    if factor is not None:
        np.multiply(x, factor, out=y)
        x = y
    if summand is not None:
        np.add(x, summand, out=y)
