"""The normal distribution in single precision: gelu and the error function, by one exponential.

As a logistic function, P(x) = 1 / (1 + exp(-x L(x²))) with L(s) = ln(P/(1 - P)) / x, which is
smooth and grows slowly.  L is fitted by a rational function on |x| <= 6, minimax in the error
of the result; beyond 6, P is 0 or 1 to single precision.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve, weighted
from framework.numerics.exponential import RATE
from framework.numerics.sweep import filled

Array = NDArray[Any]

# L(s) = B v + C / (v + D + F / v), v = s + G: a continued fraction, which takes the fewest passes;
# minimax in the error of x P(x) / max(1, x): 7e-8.
GELU = (
    0.03719321071713283, -3.574338930654584, -103.37627107560503, 2877.3940585261926,
    61.99897439256862,
)  # fmt: skip

TOP = 36.0
"""Largest argument of L for ERF."""

# L(s) = A + B s + G s² + (C s + D) / (s² + E s + F), minimax in the error of P: 4.4e-9.
ERF = (
    1.8968445540178172, 0.053586394481828024, -0.00026981470304741445, -0.15559740084442808,
    -62.32457847333848, 13.63819862056466, 207.00660243478424,
)  # fmt: skip


def gelu(x: Array, y: Array, spare: Array) -> None:
    """``x P(x) = x / (1 + exp(-x L(x²)))``; measured error 2.7e-7 of max(1, |x|)."""
    b, c, d, f, g = GELU
    v, q = spare
    np.multiply(x, x, out=v)
    v += g
    np.divide(f, v, out=q)
    q += v
    q += d
    np.divide(-RATE * c, q, out=q)
    v *= -RATE * b
    q += v
    q *= x
    weighted(x, y, q)


def erf(x: Array, y: Array, spare: Array) -> None:
    """``2 P(x sqrt(2)) - 1 = tanh(x sqrt(1/2) L(2 x²))``; measured error 1.2e-7."""
    a, b, g, c, d, e, f = ERF
    s, p, n = spare
    np.multiply(x, x, out=s)
    s *= 2
    np.minimum(s, filled(TOP, s), out=s)
    np.add(s, e, out=p)
    p *= s
    p += f
    np.multiply(s, c, out=n)
    n += d
    n /= p
    np.multiply(s, g, out=p)
    p += b
    p *= s
    p += n
    p += a
    p *= sqrt(0.5)
    p *= x
    np.tanh(p, out=y)


GELU_CURVE = Curve(gelu, 2)
ERF_CURVE = Curve(erf, 3)
