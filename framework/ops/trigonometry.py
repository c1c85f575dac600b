"""Trigonometric and hyperbolic functions and their inverses, element by element; in radians."""

from __future__ import annotations

from math import e, log, pi, sqrt

import numpy as np

from framework.ops.elementary import INF, NAN, Function

HALF_E = (e - 1 / e) / 2


class Sin(Function, name="sin"):
    """The sine.

    y = sin(x)
    Source: ONNX Sin-22.
    """

    function = np.sin
    points = {-pi / 6: -0.5, 0: 0, pi / 2: 1, INF: NAN}


class Cos(Function, name="cos"):
    """The cosine.

    y = cos(x)
    Source: ONNX Cos-22.
    """

    function = np.cos
    points = {0: 1, -pi / 3: 0.5, pi: -1, INF: NAN}


class Tan(Function, name="tan"):
    """The tangent.

    y = sin(x) / cos(x)
    Source: ONNX Tan-22.
    """

    work = 3
    function = np.tan
    points = {-pi / 4: -1, 0: 0, pi / 3: sqrt(3)}


class Asin(Function, name="asin"):
    """The inverse of the sine, from -pi/2 to pi/2; NaN outside [-1, 1].

    sin(y) = x
    Source: ONNX Asin-22.
    """

    function = np.arcsin
    points = {-1: -pi / 2, 0.5: pi / 6, 1: pi / 2, 1.5: NAN}


class Acos(Function, name="acos"):
    """The inverse of the cosine, from 0 to pi; NaN outside [-1, 1].

    cos(y) = x
    Source: ONNX Acos-22.
    """

    function = np.arccos
    points = {-1: pi, 0.5: pi / 3, 1: 0, 1.5: NAN}


class Atan(Function, name="atan"):
    """The inverse of the tangent, from -pi/2 to pi/2.

    tan(y) = x
    Source: ONNX Atan-22.
    """

    function = np.arctan
    points = {-INF: -pi / 2, 0: 0, 1: pi / 4, INF: pi / 2}


class Sinh(Function, name="sinh"):
    """The hyperbolic sine.

    y = (exp(x) - exp(-x)) / 2
    Source: ONNX Sinh-22.
    """

    work = 4
    function = np.sinh
    points = {-1: -HALF_E, 0: 0, 1: HALF_E, 1000: INF}


class Cosh(Function, name="cosh"):
    """The hyperbolic cosine.

    y = (exp(x) + exp(-x)) / 2
    Source: ONNX Cosh-22.
    """

    work = 4
    function = np.cosh
    points = {-1: HALF_E + 1 / e, 0: 1, 1: HALF_E + 1 / e, -1000: INF}


class Asinh(Function, name="asinh"):
    """The inverse of the hyperbolic sine.

    y = ln(x + sqrt(x² + 1))
    Source: ONNX Asinh-22.
    """

    work = 5
    function = np.arcsinh
    points = {-HALF_E: -1, 0: 0, 0.75: log(2), INF: INF}


class Acosh(Function, name="acosh"):
    """The inverse of the hyperbolic cosine, not negative; NaN below 1.

    y = ln(x + sqrt(x² - 1))
    Source: ONNX Acosh-22.
    """

    work = 5
    function = np.arccosh
    points = {0.5: NAN, 1: 0, 1.25: log(2), INF: INF}


class Atanh(Function, name="atanh"):
    """The inverse of the hyperbolic tangent; inf at 1, NaN beyond.

    y = ln((1 + x) / (1 - x)) / 2
    Source: ONNX Atanh-22.
    """

    work = 5
    function = np.arctanh
    points = {-1: -INF, 0: 0, 0.6: log(2), 1.5: NAN}
