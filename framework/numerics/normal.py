"""The normal distribution in single precision: gelu and the error function, by one exponential.

As a logistic function, P(x) = 1 / (1 + exp(-x L(x²))) with L(s) = ln(P/(1 - P)) / x, which is
smooth and grows slowly.  L is fitted by a rational function on |x| <= 6, minimax in the error
of the result; beyond 6 the argument of L stays at 36: there P is 0 or 1 to single precision.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import Curve, weighted
from framework.numerics.sweep import filled

Array = NDArray[Any]

TOP = 36.0
"""Largest argument of L."""

# L(s) = A + B s + (C s + D) / (s² + E s + F), minimax in the error of x P(x): 1.3e-7, half a
# unit in the last place where x P(x) is 3.
GELU = (
    2.458987998889812, 0.034913549917746076, -8.175855294856156, -273.52552823256156,
    23.32588222258695, 316.86803680736585,
)  # fmt: skip

# L(s) = A + B s + G s² + (C s + D) / (s² + E s + F), minimax in the error of P: 4.4e-9.
ERF = (
    1.8968445540178172, 0.053586394481828024, -0.00026981470304741445, -0.15559740084442808,
    -62.32457847333848, 13.63819862056466, 207.00660243478424,
)  # fmt: skip


def gelu(x: Array, y: Array, spare: Array) -> None:
    """``x P(x) = x / (1 + exp(-x L(x²)))``; measured error 2e-7, relative 2e-6 in the tail."""
    a, b, c, d, e, f = GELU
    s, p, n = spare
    np.multiply(x, x, out=s)
    np.minimum(s, filled(TOP, s), out=s)
    np.add(s, e, out=p)
    p *= s
    p += f
    np.multiply(s, -c, out=n)
    n -= d
    n /= p
    s *= -b
    n += s
    n -= a
    n *= x
    weighted(x, y, n)


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


GELU_CURVE = Curve(gelu, 3)
ERF_CURVE = Curve(erf, 3)
