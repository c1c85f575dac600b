"""Activations: rectifiers, and the identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import e, log
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, axis_index
from framework.numerics import curves
from framework.numerics.convolution import widened
from framework.numerics.curves import Curve
from framework.ops.elementary import NAN, Elementwise
from framework.ops.kernels import all_fast, curve_kernel


class Activation(Elementwise):
    """Family: an activation of each element, computed in at least float32."""

    category = "activation"

    def compute(self, x: Array) -> Array:
        """The curve; overflow gives inf without a warning."""
        with np.errstate(all="ignore"):
            return np.asarray(self.curve(widened(x)), x.dtype)

    def curve(self, x: Array) -> Any:
        """The value of each element."""
        raise NotImplementedError(f"{self.name} has no curve")

    def blockwise(self) -> Curve:
        """The same for a block of float32, in few passes."""
        return curves.plain(self.curve)

    def curve_for(self, dtype: str) -> Curve:
        """The same for a block of float32 or float64."""
        return self.blockwise() if dtype == "float32" else curves.plain(self.curve)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Block by block."""
        (x,) = types
        if x is None or not all_fast(types):
            return None
        return curve_kernel(self, types, self.curve_for(x.dtype), how)


class Identity(Elementwise, name="identity"):
    """The input, unchanged.

    y = x
    Source: ONNX Identity-25.
    """

    category = "shape"
    accepts = "any"
    work = 0
    views = True
    points = {1: 1, -2: -2}

    def compute(self, x: Array) -> Array:
        """``x`` itself."""
        return x

    def decompose(self, g: Any, x: Any) -> Any:
        """Nothing."""
        return x


class Relu(Activation, name="relu"):
    """Negative elements become zero.

    y = max(x, 0)
    Source: ONNX Relu-14; Nair and Hinton 2010.
    """

    accepts = "number"
    points = {-2: 0, 0: 0, 3: 3, NAN: NAN}

    def curve(self, x: Array) -> Any:
        """``max(x, 0)``; NaN stays."""
        return np.maximum(x, x.dtype.type(0))

    def blockwise(self) -> Curve:
        """One pass."""
        return Curve(curves.relu)


class Relu6(Activation, name="relu6"):
    """Elements are cut off below zero and above six.

    y = min(max(x, 0), 6)
    Source: Howard et al. 2017 (MobileNet); PyTorch ReLU6.
    """

    work = 2
    points = {-2: 0, 3.5: 3.5, 7: 6}

    def curve(self, x: Array) -> Any:
        """``clip(x, 0, 6)``."""
        return np.clip(x, 0, 6)

    def blockwise(self) -> Curve:
        """Two passes."""
        return curves.clip(0, 6)

    def decompose(self, g: Any, x: Any) -> Any:
        """A `clip`."""
        return g.clip(x, min=0.0, max=6.0)


class LeakyRelu(Activation, name="leaky_relu"):
    """Negative elements are multiplied by a small slope.

    y = x where x >= 0, slope*x elsewhere
    Source: ONNX LeakyRelu-16; Maas et al. 2013.
    """

    main = "slope"
    work = 2
    cases = (
        ({}, {-2: -0.02, 3: 3}),
        ({"slope": 0.25}, {-2: -0.5, 0: 0, 3: 3}),
        ({"slope": 2.0}, {-2: -4, 0: 0, 3: 3}),  # no maximum of x and slope*x
    )

    slope: float = 0.01

    def curve(self, x: Array) -> Any:
        """``max(x, 0) + slope*min(x, 0)``."""
        return np.maximum(x, 0) + self.slope * np.minimum(x, 0)

    def blockwise(self) -> Curve:
        """The same in place."""
        return curves.leaky_relu(self.slope)


class ThresholdedRelu(Activation, name="thresholded_relu"):
    """Elements that do not exceed a threshold become zero.

    y = x where x > alpha, 0 elsewhere
    Source: ONNX ThresholdedRelu-22; Konda et al. 2014.
    """

    cases = (({}, {0.5: 0, 1: 0, 1.5: 1.5}), ({"alpha": -1.0}, {-2: 0, -1: 0, -0.5: -0.5, 3: 3}))

    alpha: float = 1.0

    def curve(self, x: Array) -> Any:
        """Compared with the threshold."""
        return np.where(x > self.alpha, x, 0)


class Shrink(Activation, name="shrink"):
    """Elements near zero become zero, the others move towards it.

    y = x - bias where x > lambd, x + bias where x < -lambd, 0 elsewhere

    The hard form is bias 0, the soft one bias = lambd.
    Source: ONNX Shrink-9; PyTorch Hardshrink and Softshrink.
    """

    work = 3
    cases = (
        ({}, {-2: -2, -0.5: 0, 0: 0, 0.5: 0, 0.75: 0.75}),
        ({"lambd": 1.5, "bias": 1.5}, {-2: -0.5, -1.5: 0, 1: 0, 4: 2.5}),
    )

    lambd: float = 0.5
    bias: float = 0.0

    def curve(self, x: Array) -> Any:
        """Both sides apart."""
        low = np.where(x < -self.lambd, x + self.bias, 0)
        return np.where(x > self.lambd, x - self.bias, low)


class Elu(Activation, name="elu"):
    """Negative elements saturate at -alpha.

    y = x where x > 0, alpha*(exp(x) - 1) elsewhere
    Source: ONNX Elu-22; Clevert et al. 2015.
    """

    work = 3
    cases = (
        ({}, {-1: 1 / e - 1, 0: 0, 2: 2}),
        ({"alpha": 2.0}, {-1000: -2, -log(2): -1, 0: 0, 1000: 1000}),
    )

    alpha: float = 1.0

    def curve(self, x: Array) -> Any:
        """``expm1`` keeps the digits near zero; only negative elements reach it."""
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))


class Selu(Activation, name="selu"):
    """`elu`, scaled so that mean 0 and variance 1 are a fixed point.

    y = gamma*x where x > 0, gamma*alpha*(exp(x) - 1) elsewhere
    Source: ONNX Selu-22; Klambauer et al. 2017, equation 2.
    """

    work = 4
    cases = (
        ({}, {-1000: -1.7580993408473766, 0: 0, 1: 1.0507009873554805}),
        ({"alpha": 2.0, "gamma": 3.0}, {-1000: -6, -log(2): -3, 0: 0, 1000: 3000}),
    )

    alpha: float = 1.6732632423543772
    gamma: float = 1.0507009873554805

    def curve(self, x: Array) -> Any:
        """As `elu`."""
        low = self.gamma * self.alpha * np.expm1(np.minimum(x, 0))
        return np.where(x > 0, self.gamma * x, low)


class Celu(Activation, name="celu"):
    """`elu` with a derivative that is continuous for every alpha.

    y = max(x, 0) + min(0, alpha*(exp(x/alpha) - 1))
    Source: ONNX Celu-12; Barron 2017.
    """

    work = 5
    cases = (
        ({}, {-1: 1 / e - 1, 0: 0, 2: 2}),
        ({"alpha": 2.0}, {-2000: -2, -2 * log(2): -1, 0: 0, 1000: 1000}),
    )

    alpha: float = 1.0

    def check(self) -> None:
        """x is divided by alpha."""
        if not self.alpha > 0:
            raise Mistake(f"celu with alpha {self.alpha}; it must be above 0")

    def curve(self, x: Array) -> Any:
        """Both sides apart; only negative elements reach ``expm1``."""
        return np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0) / self.alpha)

    def decompose(self, g: Any, x: Any) -> Any:
        """`elu` of x/alpha, times alpha."""
        return g.scale(g.elu(g.scale(x, by=1 / self.alpha)), by=self.alpha)


class Prelu(Op, name="prelu"):
    """Negative elements are multiplied by a learned slope, one for each channel or one for all.

    y = x where x >= 0, slope*x elsewhere

    ``axis`` is the axis of the channels; without one there is a single slope.
    Source: PyTorch PReLU, ONNX PRelu-16; He et al. 2015.
    """

    signature = "x: *shape, slope~: count -> y: *shape"
    category = "activation"
    initial = {"slope": {"constant": 0.25}}

    axis: int | None = 1

    def derive(self, d: Match) -> dict[str, Any]:
        """The number of slopes."""
        if self.axis is None:
            return {"count": 1}
        return {"count": d.shape[axis_index(self.axis, len(d.shape), "x")]}

    def compute(self, x: Array, slope: Array) -> Array:
        """``max(x, 0) + slope*min(x, 0)``."""
        if self.axis is not None:
            slope = slope.reshape(-1, *[1] * (x.ndim - 1 - self.axis % x.ndim))
        else:
            slope = slope.reshape(())
        return np.asarray(np.maximum(x, 0) + slope * np.minimum(x, 0), x.dtype)

    def cost(self, d: Match) -> Cost:
        """A comparison and a product for each element."""
        return Cost(0, 2 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Channels at several places, and one slope."""
        yield cls(), (2, 3, 4, 5)
        yield cls(axis=-1), (2, 3)
        yield cls(axis=None), (4, 2)
        yield cls(axis=None), ()

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A slope for each channel; one for all."""
        x = np.array([[[-2.0, 3.0], [-2.0, 3.0]]])
        yield cls(), (x, np.array([0.5, 10.0])), [[[-1, 3], [-20, 3]]]
        yield cls(axis=2), (x, np.array([0.5, 10.0])), [[[-1, 3], [-1, 3]]]
        yield cls(axis=None), (x, np.array([0.5])), [[[-1, 3], [-1, 3]]]
