"""The error function erf(x) = 2/sqrt(pi) * integral of exp(-t²) from 0 to x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
# Single precision, |x| <= 4: erf(x) = x * P(x²) / Q(x²); minimax, as in Eigen and XLA.
SINGLE_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
SINGLE_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)

BLOCK = 16384
"""Elements worked on at a time: the temporaries of a block stay in the cache."""


def erf(x: Array) -> Array:
    """erf of every element, to the last digits of its dtype; float16 goes through float32."""
    flat = np.ravel(x)
    y = np.empty_like(flat)
    rule = _double if x.dtype == np.float64 else _single
    for start in range(0, flat.size, BLOCK):
        y[start : start + BLOCK] = rule(flat[start : start + BLOCK])
    return y.reshape(x.shape)


def _single(x: Array) -> Array:
    near = np.clip(x.astype(np.float32, copy=False), -4, 4)
    square = near * near
    y = polynomial(SINGLE_P, square) * near
    y /= polynomial(SINGLE_Q, square)
    np.clip(y, -1, 1, out=y)
    return y


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
