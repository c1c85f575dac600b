"""Recurrences of linear attention: a matrix for each head that tokens write to and read from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def scan(
    q: Array, k: Array, v: Array, state: Array, decay: Array | None, beta: Array | None
) -> tuple[Array, Array]:
    """Results [..., H, t, e] and the last state [..., G, d, e]; H/G heads of q share a state.

    S = exp(decay[t]) * S_before, then S + k[t] (x) beta[t] * (v[t] - S^T k[t]), or S + k[t] (x)
    v[t] where there is no beta; y[t] = S^T q[t].
    """
    shared, heads = k.shape[-3], q.shape[-3]
    split = q.reshape(*q.shape[:-3], shared, heads // shared, *q.shape[-2:])
    y = np.empty((*split.shape[:-1], v.shape[-1]), q.dtype)
    for t in range(q.shape[-2]):
        if decay is not None:
            state = state * np.exp(decay[..., t, :, None])
        value = v[..., t, :]
        if beta is not None:
            held = (k[..., t, None, :] @ state)[..., 0, :]
            value = beta[..., t, :] * (value - held)
        state = state + k[..., t, :, None] * value[..., None, :]
        y[..., t, :] = split[..., t, :] @ state
    return y.reshape(*q.shape[:-1], v.shape[-1]), state
