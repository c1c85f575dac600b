"""Resampling of [b, c, *size] arrays along single axes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.convolution import widened

Array = NDArray[Any]


def nearest(x: Array, axis: int, count: int, step: Fraction, centred: bool) -> Array:
    """Element ``floor(i * step)`` for each i below ``count``; with ``centred`` of i + 1/2.

    Positions are exact: 11/10 as a float would now and then fall below a whole number.
    """
    shift = Fraction(1, 2) if centred else Fraction(0)
    last = x.shape[axis] - 1
    found = [min(((i + shift) * step).__floor__(), last) for i in range(count)]
    y: Array = np.take(x, np.array(found, np.int64), axis)
    return y


def linear(x: Array, axis: int, count: int, step: Fraction, corners: bool) -> Array:
    """Blend of the two neighbours of ``(i + 1/2) * step - 1/2``, or of ``i * step``.

    With ``corners`` the first and last elements coincide; otherwise the outer edges do,
    and positions outside take the element at the edge.
    """
    last = x.shape[axis] - 1
    index = np.arange(count)
    position = index * float(step) if corners else (index + 0.5) * float(step) - 0.5
    position = np.clip(position, 0, last)
    low = np.minimum(position.astype(np.int64), last)
    high = np.minimum(low + 1, last)
    wide = widened(x)
    share = (position - low).astype(wide.dtype).reshape(-1, *([1] * (x.ndim - axis - 1)))
    y: Array = np.take(wide, low, axis) * (1 - share)
    y += np.take(wide, high, axis) * share
    return y.astype(x.dtype, copy=False)
