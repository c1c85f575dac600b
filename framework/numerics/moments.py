"""Mean and variance over some axes, and what is left once both are taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def centred(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """``x`` without its mean, and its population variance with the axes kept as 1.

    The mean goes first, then the squares of what is left are averaged: no cancellation, unlike
    the mean of the squares minus the square of the mean.
    """
    around = tuple(axes)
    y = np.asarray(x - x.mean(around, keepdims=True))
    return y, np.square(y).mean(around, keepdims=True)


def standardised(x: Array, axes: Sequence[int], eps: float) -> Array:
    """``(x - mean) / sqrt(variance + eps)``, a new array."""
    y, variance = centred(x, axes)
    y /= np.sqrt(variance + x.dtype.type(eps))
    return y


def along(vector: Array, axis: int, rank: int) -> Array:
    """A vector as an array of ``rank`` axes that broadcasts along all but ``axis``."""
    return vector.reshape(-1, *([1] * (rank - axis - 1)))
