"""What attention computes with: shared heads, bands of visible keys, normalisers, scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from framework.numerics.convolution import widened
from framework.numerics.softmax import sigmoid, softmax

Array = NDArray[Any]

Normalizer = Literal["softmax", "relu", "sigmoid"]
"""What turns the scores of a query into its weights."""

Bend = Literal["tanh", "relu", "leaky_relu"]
"""The activation inside additive scores."""

SLOPE = 0.2
"""Slope of the leaky ReLU inside additive scores (Brody et al. 2022)."""

BENDS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(x, SLOPE * x),
}


def shared_product(a: Array, b: Array) -> Array:
    """``a @ b`` where head h of [..., H, t, x] meets head h // (H/G) of [..., G, x, y].

    Heads that share one of ``b`` are stacked into one matrix of H/G * t rows.
    """
    if a.ndim < 3 or a.shape[-3] == b.shape[-3]:
        return np.asarray(a @ b)
    rows = a.reshape(*b.shape[:-2], a.shape[-3] // b.shape[-3] * a.shape[-2], a.shape[-1])
    return np.asarray(rows @ b).reshape(*a.shape[:-1], b.shape[-1])


def additive_scores(q: Array, k: Array, weight: Array, bend: Bend) -> Array:
    """``sum over d of weight[d] * bend(q[t, d] + k[s, d])``; ``weight`` [..., d] broadcasts."""
    pairs = BENDS[bend](widened(q)[..., :, None, :] + widened(k)[..., None, :, :])
    return np.asarray((pairs @ widened(weight)[..., None, :, None])[..., 0])


def band(
    queries: int, keys: int, first: int | Array = 0, left: int | None = None,
    right: int | None = None,
) -> Array:  # fmt: skip
    """True where ``-left <= j - p <= right`` for key j and query i at position p = first + i.

    ``first`` may be an array [...]: the result is [..., queries, keys].
    """
    at = np.asarray(first, np.int64)[..., None, None] + np.arange(queries)[:, None]
    ahead = np.arange(keys) - at
    seen = np.ones(ahead.shape, bool)
    if left is not None:
        seen &= ahead >= -left
    if right is not None:
        seen &= ahead <= right
    return seen


def normalized(scores: Array, normalizer: Normalizer, masked: bool) -> Array:
    """Weights of each query; with ``masked`` a row of -inf is zeros under softmax too."""
    if normalizer == "relu":
        return np.maximum(scores, 0)
    if normalizer == "sigmoid":
        return sigmoid(scores)
    return softmax(scores, -1, masked=masked)
