"""The error function erf(x) = 2/sqrt(pi) * integral of exp(-t²) from 0 to x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.curves import sweep
from framework.numerics.normal import ERF_CURVE
from framework.numerics.team import SOLO

Array = NDArray[Any]

# W. J. Cody 1969, "Rational Chebyshev approximations for the error function", Math. Comp. 23;
# coefficients of the highest power first.  |x| <= 0.46875: erf(x) = x * P(x²) / Q(x²).
NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
NEAR_Q = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)
# 0.46875 < |x| <= 4: erf(|x|) = 1 - exp(-x²) * P(|x|) / Q(|x|).  Up to 6, where erf is 1 in
# double precision, the quotient still has the eight digits that matter.
FAR_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
FAR_Q = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)
BLOCK = 16384
"""Elements worked on at a time: the temporaries of a block stay in the cache."""


def erf(x: Array) -> Array:
    """erf of every element, to the last digits of its dtype; float16 goes through float32."""
    if x.dtype == np.float64:
        return _in_blocks(x)
    wide = np.ascontiguousarray(x, np.float32).reshape(np.shape(x))
    y = np.empty_like(wide)
    memory = np.empty(ERF_CURVE.scratch(4, y.size), np.uint8)
    sweep(wide, y, ERF_CURVE, SOLO, memory)
    return y.astype(x.dtype, copy=False)


def _in_blocks(x: Array) -> Array:
    flat = np.ravel(x)
    y = np.empty_like(flat)
    for start in range(0, flat.size, BLOCK):
        y[start : start + BLOCK] = _double(flat[start : start + BLOCK])
    return y.reshape(x.shape)


def _double(x: Array) -> Array:
    size = np.minimum(np.abs(x), 6)
    square = size * size
    far = np.exp(-square) * polynomial(FAR_P, size) / polynomial(FAR_Q, size)
    y: Array = np.copysign(1 - far, x)
    near = np.nonzero(size <= 0.46875)
    inner, square = x[near], square[near]
    y[near] = inner * polynomial(NEAR_P, square) / polynomial(NEAR_Q, square)
    return y


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Value of a polynomial by Horner's rule, highest power first."""
    y = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y *= x
        y += coefficient
    return y
