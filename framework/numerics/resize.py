"""Resampling along one axis: exact positions, and the weights of the elements around them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.convolution import widened

Array = NDArray[Any]

HALF = Fraction(1, 2)
SUPPORT = {"linear": 1, "cubic": 2}
"""How far the kernel of each mode reaches."""


@dataclass(frozen=True)
class Positions:
    """Result ``i`` is read at ``low[i] + share[i]``, 0 <= share < 1."""

    low: Array
    share: Array

    def outside(self, size: int) -> Array:
        """Which positions lie beyond the first or the last element?"""
        beyond: Array = (self.low >= size) | ((self.low == size - 1) & (self.share > 0))
        found: Array = (self.low < 0) | beyond
        return found


def line(count: int, first: Fraction, step: Fraction) -> Positions:
    """``first + i*step`` for each i below ``count``.

    Whole numbers over one denominator: as floats, 11/10 would now and then fall below a
    whole number.
    """
    below = math.lcm(first.denominator, step.denominator)
    start, across = int(first * below), int(step * below)
    found = [divmod(start + i * across, below) for i in range(count)]
    low = np.array([quotient for quotient, _ in found], np.int64)
    return Positions(low, np.array([rest / below for _, rest in found], np.float64))


def origin(
    kind: str, size: int, count: int, scale: Fraction, ends: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction]:
    """Where result 0 is read, and the step to the next; ``kind`` is ONNX's name for the rule.

    The length of the result is ``size*scale`` where corners are aligned, which need not be
    the whole number ``count``.
    """
    step, length = 1 / scale, size * scale
    start, end = (e * (size - 1) for e in ends)
    if kind == "asymmetric":
        return Fraction(0), step
    if kind == "align_corners":
        return Fraction(0), (size - 1) / (length - 1) if length != 1 else Fraction(0)
    if kind == "tf_crop_and_resize":
        alone = length == 1
        return (start + end) / 2 if alone else start, (end - start) / (1 if alone else length - 1)
    if kind == "pytorch_half_pixel" and count == 1:
        return Fraction(0), step
    centred = step / 2 - HALF
    if kind == "half_pixel_symmetric":
        centred += Fraction(size, 2) * (1 - count / length)
    return centred, step


def rounded(at: Positions, how: str) -> Array:
    """The whole position nearest to each."""
    up = {
        "floor": at.share < 0,
        "ceil": at.share > 0,
        "round_prefer_floor": at.share > 0.5,
        "round_prefer_ceil": at.share >= 0.5,
    }
    found: Array = at.low + up[how]
    return found


def triangle(x: Array) -> Array:
    """The kernel of linear interpolation: ``max(0, 1 - |x|)``."""
    y: Array = np.maximum(0, 1 - np.abs(x))
    return y


def keys(x: Array, a: float) -> Array:
    """The cubic convolution kernel of Keys 1981, equation 4; ``a`` is its slope at 1."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    y: Array = np.where(x <= 1, near, np.where(x < 2, far, 0))
    return y


def weights(at: Positions, mode: str, a: float, stretch: float = 1.0) -> tuple[Array, Array]:
    """Positions and weights [count, taps] of the elements that each result is made of.

    ``stretch`` > 1 widens the kernel (against aliasing); its weights then sum to 1 again.
    """
    reach = SUPPORT[mode] * stretch
    offsets = np.arange(math.floor(-reach) + 1, math.ceil(reach) + 1)
    distance = (offsets - at.share[:, None]) / stretch
    share = triangle(distance) if mode == "linear" else keys(distance, a)
    if stretch > 1:
        share /= share.sum(1, keepdims=True)
    return at.low[:, None] + offsets, share


def without_outside(index: Array, share: Array, size: int) -> Array:
    """Weights of what lies in the array, made to sum to 1."""
    inside = np.where((index >= 0) & (index < size), share, 0)
    total = inside.sum(1, keepdims=True)
    kept: Array = inside / np.where(total == 0, 1, total)
    return kept


def blend(x: Array, axis: int, index: Array, share: Array) -> Array:
    """Weighted sum along one axis; positions outside take the element at the edge."""
    wide = widened(x)
    index = np.clip(index, 0, x.shape[axis] - 1)
    beside = (-1, *([1] * (x.ndim - axis - 1)))
    columns = [column.astype(wide.dtype).reshape(beside) for column in share.T]
    y: Array = np.take(wide, index[:, 0], axis) * columns[0]
    for number, column in enumerate(columns[1:], 1):
        y += np.take(wide, index[:, number], axis) * column
    return y


def narrowed(y: Array, dtype: np.dtype[Any]) -> Array:
    """Back to the dtype of the input: whole numbers rounded and kept in their range."""
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        y = np.clip(np.rint(y), bounds.min, bounds.max)
    found: Array = y.astype(dtype, copy=False)
    return found
