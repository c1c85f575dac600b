"""How the filters of a convolution are laid out for each algorithm, once for all runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.panels import in_panels

Array = NDArray[Any]


def flat(weight: Array) -> Array:
    """[o, c, kh, kw] -> [o, c kh kw]."""
    return np.ascontiguousarray(weight.reshape(len(weight), -1))


def taps_first(weight: Array) -> Array:
    """[c, o, kh, kw] of a transposed convolution -> [kh kw o, c]."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, len(weight)))


def rows_first(weight: Array) -> Array:
    """[o, c, kh, kw] -> [o, kh c kw]."""
    return np.ascontiguousarray(weight.transpose(0, 2, 1, 3).reshape(len(weight), -1))


def window_panels(weight: Array) -> Array:
    """[o, c, kh, kw] -> the panels of [kh kw c, o]."""
    return in_panels(weight.transpose(0, 2, 3, 1).reshape(len(weight), -1))


def rows_apart(weight: Array) -> Array:
    """[o, c, kh, kw] -> [kh, o, c kw]."""
    turned = weight.transpose(2, 0, 1, 3)
    return np.ascontiguousarray(turned.reshape(*turned.shape[:2], -1))
