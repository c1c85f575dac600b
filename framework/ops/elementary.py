"""Elementary functions of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import e, log
from typing import Any, ClassVar

import numpy as np

from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType
from framework.numerics.erf import erf
from framework.numerics.normal import ERF_CURVE
from framework.ops.kernels import curve_kernel, ufunc_kernel

NAN, INF = float("nan"), float("inf")

Points = Mapping[float, float]


SHAPES = ((2, 3, 4), (5,), ())
"""Examples: a batch, a vector, a single number."""


class Elementwise(Op):
    """Family: a function of each element; the shape stays.

    ``work`` counts the scalar operations for one element; a transcendental function or a
    comparison counts as one.  ``points`` are arguments and values checked by hand; an operator
    with attributes has ``cases`` instead: attributes and points.
    """

    signature = "x: *shape -> y: *shape"
    category = "arithmetic"
    work: ClassVar[int] = 1
    points: ClassVar[Points] = {}
    cases: ClassVar[Sequence[tuple[Mapping[str, Any], Points]]] = ()

    def cost(self, d: Match) -> Cost:
        """So many scalar operations for each element."""
        return Cost(0, self.work * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The attributes of each case, and several shapes."""
        attributes = [given for given, _ in cls.cases] or [{}]
        for number in range(max(len(attributes), len(SHAPES))):
            yield cls(**attributes[number % len(attributes)]), SHAPES[number % len(SHAPES)]

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The points of each case."""
        kind = "bool" if cls.accepts == "bool" else "float64"
        for attributes, points in cls.cases or [({}, cls.points)]:
            yield cls(**attributes), (np.array(list(points), kind),), list(points.values())


class Function(Elementwise):
    """Family: one function, without attributes."""

    function: ClassVar[Any]

    def compute(self, x: Array) -> Array:
        """The function of each element; NaN and inf come without a warning."""
        with np.errstate(all="ignore"):
            return np.asarray(type(self).function(x))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""
        function = type(self).function
        return ufunc_kernel(self, types, function, how) if isinstance(function, np.ufunc) else None


class Abs(Function, name="abs"):
    """The distance from zero.

    y = |x|
    Source: ONNX Abs-13.
    """

    accepts = "number"
    function = np.abs
    points = {-1.5: 1.5, 0: 0, 2: 2}


class Neg(Function, name="neg"):
    """The opposite; unsigned integers wrap around.

    y = -x
    Source: ONNX Neg-13.
    """

    accepts = "number"
    function = np.negative
    points = {-1.5: 1.5, 0: 0, 2: -2}


class Sign(Function, name="sign"):
    """Which side of zero.

    y = -1 where x < 0, 0 where x = 0, 1 where x > 0; NaN stays
    Source: ONNX Sign-13.
    """

    accepts = "number"
    function = np.sign
    points = {-1.5: -1, 0: 0, 2: 1, NAN: NAN, -INF: -1}


class Square(Function, name="square"):
    """The product of each element with itself.

    y = x²
    Source: NumPy square.
    """

    accepts = "number"
    function = np.square
    points = {-1.5: 2.25, 0: 0, 2: 4}

    def decompose(self, g: Any, x: Any) -> Any:
        """x * x."""
        return g.mul(x, x)


class Reciprocal(Function, name="reciprocal"):
    """One divided by each element; inf at zero.

    y = 1 / x
    Source: ONNX Reciprocal-13.
    """

    function = np.reciprocal
    points = {-4: -0.25, 0: INF, 0.5: 2, INF: 0}


class Sqrt(Function, name="sqrt"):
    """The square root; NaN for negative elements.

    y = sqrt(x)
    Source: ONNX Sqrt-13.
    """

    function = np.sqrt
    points = {-1: NAN, 0: 0, 2.25: 1.5}


class Exp(Function, name="exp"):
    """The exponential; inf where the dtype overflows.

    y = e^x
    Source: ONNX Exp-13.
    """

    function = np.exp
    points = {-INF: 0, 0: 1, 2: e**2, 1000: INF}


class Log(Function, name="log"):
    """The natural logarithm; -inf at zero, NaN below.

    y = ln(x)
    Source: ONNX Log-13.
    """

    function = np.log
    points = {-1: NAN, 0: -INF, 1: 0, 7.38905609893065: 2}


class Expm1(Function, name="expm1"):
    """The exponential minus one, which keeps the digits of small elements.

    y = e^x - 1
    Source: NumPy expm1; PyTorch expm1.
    """

    work = 2
    function = np.expm1
    points = {-INF: -1, 0: 0, 1: e - 1, 1e-20: 1e-20}

    def decompose(self, g: Any, x: Any) -> Any:
        """e^x - 1; elements near zero lose digits."""
        return g.scale(g.exp(x), by=1.0, shift=-1.0)


class Log1p(Function, name="log1p"):
    """The logarithm of one plus each element, which keeps the digits of small elements.

    y = ln(1 + x)
    Source: NumPy log1p; PyTorch log1p.
    """

    work = 2
    function = np.log1p
    points = {-2: NAN, -1: -INF, 0: 0, 1: log(2), 1e-20: 1e-20}

    def decompose(self, g: Any, x: Any) -> Any:
        """ln(1 + x); elements near zero lose digits."""
        return g.log(g.scale(x, by=1.0, shift=1.0))


class Erf(Function, name="erf"):
    """The error function.

    y = 2/sqrt(pi) * integral of exp(-t²) from 0 to x
    Source: ONNX Erf-13; the approximation is W. J. Cody 1969, Math. Comp. 23.
    """

    function = erf
    # Odd; Abramowitz and Stegun, table 7.1.
    points = {
        -0.5: -0.5204998778130465,
        0: 0,
        1: 0.8427007929497149,
        2: 0.9953222650189527,
        9: 1,
    }

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Single precision by one hyperbolic tangent; measured error 1.2e-7."""
        (x,) = types
        if x is None or x.dtype != "float32":
            return None
        return curve_kernel(self, types, ERF_CURVE, how)
