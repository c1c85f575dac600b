"""Elementary functions of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.erf import erf


class Elementwise(Op):
    """Family: a function of each element; the shape stays.

    ``work`` counts the scalar operations for one element; a transcendental function or a
    comparison counts as one.
    """

    signature = "x: *shape -> y: *shape"
    category = "arithmetic"
    work: ClassVar[int] = 1

    def cost(self, d: Match) -> Cost:
        """So many scalar operations for each element."""
        return Cost(0, self.work * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A batch of images, a vector, a single number."""
        yield cls(), (2, 3, 4)
        yield cls(), (5,)
        yield cls(), ()


class Abs(Elementwise, name="abs"):
    """The distance from zero.

    y = |x|
    Source: ONNX Abs-13.
    """

    accepts = "number"

    def compute(self, x: Array) -> Array:
        """``|x|``."""
        return np.asarray(np.abs(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both signs."""
        yield cls(), (np.array([-1.5, 0.0, 2.0]),), [1.5, 0, 2]


class Neg(Elementwise, name="neg"):
    """The opposite; unsigned integers wrap around.

    y = -x
    Source: ONNX Neg-13.
    """

    accepts = "number"

    def compute(self, x: Array) -> Array:
        """``-x``."""
        return np.asarray(np.negative(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both signs."""
        yield cls(), (np.array([-1.5, 0.0, 2.0]),), [1.5, 0, -2]


class Square(Elementwise, name="square"):
    """The product of each element with itself.

    y = x²
    Source: NumPy square.
    """

    accepts = "number"

    def compute(self, x: Array) -> Array:
        """``x * x``."""
        return np.asarray(np.square(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both signs."""
        yield cls(), (np.array([-1.5, 0.0, 2.0]),), [2.25, 0, 4]


class Sqrt(Elementwise, name="sqrt"):
    """The square root; NaN for negative elements.

    y = sqrt(x)
    Source: ONNX Sqrt-13.
    """

    def compute(self, x: Array) -> Array:
        """``sqrt(x)``, NaN without a warning."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """NaN below zero."""
        yield cls(), (np.array([-1.0, 0.0, 2.25]),), [np.nan, 0, 1.5]


class Exp(Elementwise, name="exp"):
    """The exponential; inf where the dtype overflows.

    y = e^x
    Source: ONNX Exp-13.
    """

    def compute(self, x: Array) -> Array:
        """``exp(x)``, inf without a warning."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Far below zero, zero, too large."""
        yield cls(), (np.array([-np.inf, 0.0, 1000.0]),), [0, 1, np.inf]


class Log(Elementwise, name="log"):
    """The natural logarithm; -inf at zero, NaN below.

    y = ln(x)
    Source: ONNX Log-13.
    """

    def compute(self, x: Array) -> Array:
        """``log(x)``, without warnings."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Below zero, zero, one, e²."""
        x = np.array([-1.0, 0.0, 1.0, 7.38905609893065])
        yield cls(), (x,), [np.nan, -np.inf, 0, 2]


class Erf(Elementwise, name="erf"):
    """The error function.

    y = 2/sqrt(pi) * integral of exp(-t²) from 0 to x
    Source: ONNX Erf-13; the approximation is W. J. Cody 1969, Math. Comp. 23.
    """

    def compute(self, x: Array) -> Array:
        """The last digits of the dtype are right."""
        return erf(x)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Odd; Abramowitz and Stegun, table 7.1."""
        x = np.array([-0.5, 0.0, 1.0, 2.0, 9.0])
        y = [-0.5204998778130465, 0, 0.8427007929497149, 0.9953222650189527, 1]
        yield cls(), (x,), y
