"""Exponentials that never overflow: softmax and the logistic function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.convolution import widened

Array = NDArray[Any]


def softmax(x: Array, axis: int = -1, masked: bool = False) -> Array:
    """``exp(x) / sum(exp(x))`` along ``axis``; float16 is computed in float32.

    The largest element is subtracted first, which changes nothing and keeps ``exp`` below
    1.  A row of -inf throughout is NaN; with ``masked`` it is zeros.
    """
    wide = widened(x)
    top = wide.max(axis, keepdims=True)
    if masked:
        top = np.where(np.isneginf(top), 0, top).astype(wide.dtype, copy=False)
    # -inf - -inf is NaN, as promised; tiny exponentials may round to 0.
    with np.errstate(invalid="ignore", under="ignore"):
        y = np.asarray(wide - top)
        np.exp(y, out=y)
        total = y.sum(axis, keepdims=True)
        if masked:
            total[total == 0] = 1
        y /= total
    return y.astype(x.dtype, copy=False)


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, with ``exp`` of negative numbers only.

    For x < 0 the same is exp(x) / (1 + exp(x)), which keeps small results exact.
    """
    wide = widened(np.asarray(x))
    with np.errstate(under="ignore"):
        small = np.exp(-np.abs(wide))
        y = np.where(wide >= 0, 1, small) / (1 + small)
    return np.asarray(y).astype(x.dtype, copy=False)
