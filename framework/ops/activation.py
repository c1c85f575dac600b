"""Activations: functions of each element, and softmax."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi, sqrt
from typing import Any, Literal

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import axis_index
from framework.numerics.convolution import widened
from framework.numerics.erf import erf
from framework.numerics.softmax import sigmoid, softmax
from framework.ops.elementary import Elementwise

GELU_CUBIC = 0.044715
"""Coefficient that fits the tanh form to the exact one (Hendrycks and Gimpel 2016)."""


class Activation(Elementwise):
    """Family: an activation of each element."""

    category = "activation"


class Identity(Elementwise, name="identity"):
    """The input, unchanged.

    y = x
    Source: ONNX Identity-25.
    """

    category = "shape"
    accepts = "any"
    work = 0
    views = True

    def compute(self, x: Array) -> Array:
        """``x`` itself."""
        return x

    def decompose(self, g: Any, x: Any) -> Any:
        """Nothing."""
        return x

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The same numbers."""
        yield cls(), (np.array([1.0, -2.0]),), [1, -2]


class Relu(Activation, name="relu"):
    """Negative elements become zero.

    y = max(x, 0)
    Source: ONNX Relu-14; Nair and Hinton 2010.
    """

    accepts = "number"

    def compute(self, x: Array) -> Array:
        """``max(x, 0)``; NaN stays."""
        return np.asarray(np.maximum(x, x.dtype.type(0)))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both sides of zero; NaN is passed on."""
        yield cls(), (np.array([-2.0, 0.0, 3.0, np.nan]),), [0, 0, 3, np.nan]


class Relu6(Activation, name="relu6"):
    """Elements are cut off below zero and above six.

    y = min(max(x, 0), 6)
    Source: Howard et al. 2017 (MobileNet); PyTorch ReLU6.
    """

    work = 2

    def compute(self, x: Array) -> Array:
        """``clip(x, 0, 6)``."""
        return np.asarray(np.clip(x, 0, 6))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Below, between, above."""
        yield cls(), (np.array([-2.0, 3.5, 7.0]),), [0, 3.5, 6]


class LeakyRelu(Activation, name="leaky_relu"):
    """Negative elements are multiplied by a small slope.

    y = x where x >= 0, slope*x elsewhere
    Source: ONNX LeakyRelu-16; Maas et al. 2013.
    """

    main = "slope"
    work = 2

    slope: float = 0.01

    def compute(self, x: Array) -> Array:
        """``max(x, 0) + slope*min(x, 0)``."""
        return np.asarray(np.maximum(x, 0) + self.slope * np.minimum(x, 0))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The slope as it is, another, one above 1."""
        yield cls(), (2, 3, 4)
        yield cls(slope=0.2), (5,)
        yield cls(slope=1.5), (3, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both sides of zero; a slope above 1 is no maximum of x and slope*x."""
        x = np.array([-2.0, 0.0, 3.0])
        yield cls(slope=0.25), (x,), [-0.5, 0, 3]
        yield cls(slope=2.0), (x,), [-4, 0, 3]


class Elu(Activation, name="elu"):
    """Negative elements saturate at -alpha.

    y = x where x > 0, alpha*(exp(x) - 1) elsewhere
    Source: ONNX Elu-22; Clevert et al. 2015.
    """

    work = 3

    alpha: float = 1.0

    def compute(self, x: Array) -> Array:
        """``expm1`` keeps the digits near zero; only negative elements reach it."""
        wide = widened(x)
        with np.errstate(under="ignore"):
            low = self.alpha * np.expm1(np.minimum(wide, 0))
        return np.asarray(np.where(wide > 0, wide, low), x.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The usual saturation and another."""
        yield cls(), (2, 3, 4)
        yield cls(alpha=0.5), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Saturation, zero, and no overflow above."""
        x = np.array([-1000.0, -np.log(2.0), 0.0, 1000.0])
        yield cls(alpha=2.0), (x,), [-2, -1, 0, 1000]


class Sigmoid(Activation, name="sigmoid"):
    """Squash to the interval from 0 to 1.

    y = 1 / (1 + exp(-x))
    Source: ONNX Sigmoid-13.
    """

    work = 4

    def compute(self, x: Array) -> Array:
        """No overflow, and full precision for small results."""
        return sigmoid(x)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Saturated ends, the middle, ln 3."""
        yield cls(), (np.array([-1000.0, 0.0, np.log(3.0), 1000.0]),), [0, 0.5, 0.75, 1]


class Tanh(Activation, name="tanh"):
    """Squash to the interval from -1 to 1.

    y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    Source: ONNX Tanh-13.
    """

    def compute(self, x: Array) -> Array:
        """``tanh(x)``."""
        return np.asarray(np.tanh(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Saturated ends, the middle, (ln 3)/2."""
        yield cls(), (np.array([-1000.0, 0.0, np.log(3.0) / 2, 1000.0]),), [-1, 0, 0.5, 1]


class Silu(Activation, name="silu"):
    """Each element weighted by its own sigmoid, also called swish.

    y = x / (1 + exp(-x))
    Source: PyTorch SiLU; Ramachandran et al. 2017.
    """

    work = 5

    def compute(self, x: Array) -> Array:
        """``x * sigmoid(x)``."""
        wide = widened(x)
        with np.errstate(under="ignore"):
            return np.asarray(wide * sigmoid(wide), x.dtype)

    def decompose(self, g: Any, x: Any) -> Any:
        """A product with the sigmoid."""
        return g.mul(x, g.sigmoid(x))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Saturated ends, the middle, ln 3."""
        x = np.array([-1000.0, 0.0, np.log(3.0), 1000.0])
        yield cls(), (x,), [0, 0, 0.75 * np.log(3.0), 1000]


class HardSwish(Activation, name="hard_swish"):
    """`silu` with straight pieces for the sigmoid.

    y = x * min(max(x + 3, 0), 6) / 6
    Source: ONNX HardSwish-22; Howard et al. 2019 (MobileNetV3), section 5.2.
    """

    work = 5

    def compute(self, x: Array) -> Array:
        """``x * clip(x + 3, 0, 6) / 6``."""
        wide = widened(x)
        return np.asarray(wide * np.clip(wide + 3, 0, 6) / 6, x.dtype)

    def decompose(self, g: Any, x: Any) -> Any:
        """A product with `relu6`."""
        gate = g.relu6(g.scale(x, by=1.0, shift=3.0))
        return g.mul(x, g.scale(gate, by=1 / 6))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both flat ends and the piece between."""
        x = np.array([-5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0])
        yield cls(), (x,), [0, 0, -0.375, 0, 1.125, 3, 5]


class Gelu(Activation, name="gelu"):
    """Each element weighted by the share of a standard normal distribution below it.

    none: y = x/2 * (1 + erf(x/sqrt(2)))
    tanh: y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x³))), at most 5e-4 away
    Source: ONNX Gelu-20; Hendrycks and Gimpel 2016.
    """

    work = 5

    approximate: Literal["none", "tanh"] = "none"

    def compute(self, x: Array) -> Array:
        """By erf, or by tanh where asked."""
        wide = widened(x)
        if self.approximate == "tanh":
            inner = np.tanh(sqrt(2 / pi) * (wide + GELU_CUBIC * (wide * wide * wide)))
        else:
            inner = erf(np.asarray(wide * sqrt(0.5)))
        return np.asarray(0.5 * wide * (1 + inner), x.dtype)

    def decompose(self, g: Any, x: Any) -> Any:
        """x/2 + x/2 * erf(x/sqrt(2)), and the same with tanh."""
        half = g.scale(x, by=0.5)
        if self.approximate == "tanh":
            cubic = g.scale(g.mul(x, g.square(x)), by=GELU_CUBIC)
            inner = g.tanh(g.scale(g.add(x, cubic), by=sqrt(2 / pi)))
        else:
            inner = g.erf(g.scale(x, by=sqrt(0.5)))
        return g.add(half, g.mul(half, inner))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both forms."""
        yield cls(), (2, 3, 4)
        yield cls(approximate="tanh"), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The normal distribution at one; the two forms differ in the fourth digit."""
        x = np.array([0.0, 1.0, -1.0])
        yield cls(), (x,), [0, 0.8413447460685429, -0.15865525393145707]
        yield cls(approximate="tanh"), (x,), [0, 0.8411919906082768, -0.15880800939172324]


class Softmax(Op, name="softmax"):
    """Positive numbers that add up to one along an axis.

    y = exp(x) / sum over the axis of exp(x)

    A row that is -inf throughout is NaN, as in ONNX and PyTorch; with ``masked`` it is
    zeros, as a query that sees nothing should be.
    Source: ONNX Softmax-13.
    """

    signature = "x: *shape -> y: *shape"
    category = "softmax"
    main = "axis"

    axis: int = -1
    masked: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis must exist and not be empty."""
        axis = axis_index(self.axis, len(d.shape), "x")
        d.require("<=", 1, d.shape[axis], f"1 and the size along axis {axis}")
        return {}

    def compute(self, x: Array) -> Array:
        """The largest element is subtracted first."""
        return softmax(x, self.axis, self.masked)

    def cost(self, d: Match) -> Cost:
        """Maximum, difference, exponential, sum and quotient of each element."""
        return Cost(0, 5 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis, an inner one, with masking."""
        yield cls(), (2, 3, 4)
        yield cls(axis=1), (2, 3, 4, 5)
        yield cls(axis=0, masked=True), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No overflow; rows of -inf with and without ``masked``; the axis."""
        hidden = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
        yield cls(), (np.array([1000.0, 1000.0 + np.log(3.0)]),), [0.25, 0.75]
        yield cls(), (hidden,), [[np.nan, np.nan], [1, 0]]
        yield cls(masked=True), (hidden,), [[0, 0], [1, 0]]
        yield cls(axis=0), (np.array([[0.0, 5.0], [np.log(3.0), 5.0]]),), [[0.25, 0.5], [0.75, 0.5]]
