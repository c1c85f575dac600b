"""Activations that weight an element: by itself, or by another tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log, pi, sqrt
from typing import Any, Literal

import numpy as np

from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, axis_index
from framework.numerics import curves, normal
from framework.numerics.convolution import widened
from framework.numerics.curves import Curve, swiglu_into
from framework.numerics.erf import erf
from framework.numerics.exponential import RATE
from framework.numerics.softmax import sigmoid
from framework.numerics.sweep import BLOCK
from framework.ops.activation import Activation
from framework.ops.kernels import all_fast, kernel_of

GELU_CUBIC = 0.044715
"""Coefficient that fits the tanh form to the exact one (Hendrycks and Gimpel 2016)."""

LN3 = log(3)
"""The sigmoid of ln 3 is 3/4."""


class Silu(Activation, name="silu"):
    """Each element weighted by its own sigmoid, also called swish.

    y = x / (1 + exp(-x))
    Source: PyTorch SiLU; Ramachandran et al. 2017.
    """

    work = 5
    points = {-1000: 0, 0: 0, LN3: 0.75 * LN3, 1000: 1000}

    def curve(self, x: Array) -> Any:
        """``x * sigmoid(x)``."""
        return x * sigmoid(x)

    def blockwise(self) -> Curve:
        """A quotient."""
        return curves.swish(1.0)

    def decompose(self, g: Any, x: Any) -> Any:
        """A product with the sigmoid."""
        return g.mul(x, g.sigmoid(x))


class Swish(Activation, name="swish"):
    """`silu` with a coefficient inside the sigmoid; 1.702 is close to `gelu`.

    y = x / (1 + exp(-alpha*x))
    Source: ONNX Swish-24; Ramachandran et al. 2017.
    """

    work = 6
    cases = (
        ({}, {-1000: 0, 0: 0, LN3: 0.75 * LN3, 1000: 1000}),
        ({"alpha": 0.5}, {-2 * LN3: -0.5 * LN3, 0: 0, 2 * LN3: 1.5 * LN3}),
    )

    alpha: float = 1.0

    def curve(self, x: Array) -> Any:
        """``x * sigmoid(alpha * x)``."""
        return x * sigmoid(self.alpha * x)

    def blockwise(self) -> Curve:
        """A quotient."""
        return curves.swish(self.alpha)

    def decompose(self, g: Any, x: Any) -> Any:
        """A product with the sigmoid."""
        return g.mul(x, g.sigmoid(g.scale(x, by=self.alpha)))


class HardSwish(Activation, name="hard_swish"):
    """`silu` with straight pieces for the sigmoid.

    y = x * min(max(x + 3, 0), 6) / 6
    Source: ONNX HardSwish-22; Howard et al. 2019 (MobileNetV3), section 5.2.
    """

    work = 5
    points = {-5: 0, -3: 0, -1.5: -0.375, 0: 0, 1.5: 1.125, 3: 3, 5: 5}

    def curve(self, x: Array) -> Any:
        """``x * clip(x + 3, 0, 6) / 6``."""
        return x * np.clip(x + 3, 0, 6) / 6

    def blockwise(self) -> Curve:
        """The same in place."""
        return Curve(curves.hard_swish, 1)

    def decompose(self, g: Any, x: Any) -> Any:
        """A product with `hard_sigmoid`."""
        return g.mul(x, g.hard_sigmoid(x))


class Gelu(Activation, name="gelu"):
    """Each element weighted by the share of a standard normal distribution below it.

    none: y = x/2 * (1 + erf(x/sqrt(2)))
    tanh: y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x³))), at most 5e-4 away
    Source: ONNX Gelu-20; Hendrycks and Gimpel 2016.
    """

    work = 5
    # The normal distribution at one; the two forms differ in the fourth digit.
    cases = (
        ({}, {0: 0, 1: 0.8413447460685429, -1: -0.15865525393145707}),
        (
            {"approximate": "tanh"},
            {0: 0, 1: 0.8411919906082768, -1: -0.15880800939172324},
        ),
    )

    approximate: Literal["none", "tanh"] = "none"

    def curve(self, x: Array) -> Any:
        """By erf, or by tanh where asked."""
        if self.approximate == "tanh":
            inner = np.tanh(sqrt(2 / pi) * (x + GELU_CUBIC * (x * x * x)))
        else:
            inner = erf(np.asarray(x * sqrt(0.5)))
        return 0.5 * x * (1 + inner)

    def blockwise(self) -> Curve:
        """By a logistic function; measured error of the exact form 2.7e-7 of max(1, |x|)."""
        return Curve(curves.gelu_tanh, 1) if self.approximate == "tanh" else normal.GELU_CURVE

    def decompose(self, g: Any, x: Any) -> Any:
        """x/2 + x/2 * erf(x/sqrt(2)), and the same with tanh."""
        half = g.scale(x, by=0.5)
        if self.approximate == "tanh":
            cubic = g.scale(g.mul(x, g.square(x)), by=GELU_CUBIC)
            inner = g.tanh(g.scale(g.add(x, cubic), by=sqrt(2 / pi)))
        else:
            inner = g.erf(g.scale(x, by=sqrt(0.5)))
        return g.add(half, g.mul(half, inner))


class Mish(Activation, name="mish"):
    """Each element weighted by the tanh of its softplus.

    y = x * tanh(ln(1 + exp(x)))
    Source: ONNX Mish-22; Misra 2019.
    """

    work = 5
    points = {-1000: 0, 0: 0, LN3: 15 / 17 * LN3, 1000: 1000}  # tanh(ln 4) = 15/17

    def curve(self, x: Array) -> Any:
        """The formula, with a softplus that does not overflow."""
        return x * np.tanh(np.logaddexp(x, x.dtype.type(0)))

    def blockwise(self) -> Curve:
        """A rational function of one exponential."""
        return Curve(curves.mish, 2)

    def decompose(self, g: Any, x: Any) -> Any:
        """The formula."""
        return g.mul(x, g.tanh(g.softplus(x)))


class Glu(Op, name="glu"):
    """One half of an axis weighted by the sigmoid of the other half.

    y = a * sigmoid(b), x = [a, b] along ``axis``
    Source: PyTorch GLU; Dauphin et al. 2017, section 2.
    """

    signature = "x: *shape -> y: *y"
    category = "activation"

    axis: int = -1

    def derive(self, d: Match) -> dict[str, Any]:
        """Half the size along the axis, which must be even."""
        axis = axis_index(self.axis, len(d.shape), "x")
        return {"y": (*d.shape[:axis], d.divide(d.shape[axis], 2), *d.shape[axis + 1 :])}

    def compute(self, x: Array) -> Array:
        """``a * sigmoid(b)``."""
        a, b = np.split(widened(x), 2, self.axis)
        return np.asarray(a * sigmoid(b), x.dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """A quotient in the result's memory."""
        if not all_fast(types):
            return None

        def run(x: Array, out: Array, scratch: Array) -> None:
            a, b = np.split(x, 2, self.axis)
            np.multiply(b, -RATE, out=out)
            curves.weighted(a, out, out)

        return kernel_of(self, types, run)

    def decompose(self, g: Any, x: Any) -> Any:
        """Split, sigmoid, product."""
        a, b = g.split(x, axis=self.axis, parts=2)
        return g.mul(a, g.sigmoid(b))

    def cost(self, d: Match) -> Cost:
        """A sigmoid and a product for each element of the result."""
        return Cost(0, 5 * product(d.y))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis, an inner one."""
        yield cls(), (2, 3, 4)
        yield cls(axis=1), (2, 6, 5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The second half is the gate."""
        yield cls(), (np.array([8.0, 4.0, 0.0, LN3]),), [4, 3]
        yield cls(axis=0), (np.array([[8.0], [LN3]]),), [[6]]


class SwiGlu(Op, name="swiglu"):
    """One tensor weighted by the swish of another.

    y = swish(gate) * value = gate / (1 + exp(-alpha*gate)) * value
    Source: ONNX SwiGLU-28; Shazeer 2020.
    """

    signature = "gate: *shape, value: *shape -> y: *shape"
    category = "activation"

    alpha: float = 1.0

    def compute(self, gate: Array, value: Array) -> Array:
        """``gate * sigmoid(alpha * gate) * value``."""
        wide = widened(gate)
        with np.errstate(over="ignore"):
            return np.asarray(wide * sigmoid(self.alpha * wide) * widened(value), gate.dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Block by block."""
        if not all_fast(types):
            return None

        def run(gate: Array, value: Array, out: Array, scratch: Array) -> None:
            swiglu_into(gate, value, out, self.alpha, scratch)

        room = np.dtype(types[0].dtype if types[0] else "float32").itemsize * BLOCK
        return kernel_of(self, types, run, (0, 1), room, algorithm="blocks")

    def decompose(self, g: Any, gate: Any, value: Any) -> Any:
        """A swish and a product."""
        return g.mul(g.swish(gate, alpha=self.alpha), value)

    def cost(self, d: Match) -> Cost:
        """A swish and a product for each element."""
        return Cost(0, 7 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The usual form, another coefficient."""
        yield cls(), (2, 3, 4), (2, 3, 4)
        yield cls(alpha=0.5), (5,), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first tensor is the gate."""
        gate, value = np.array([0.0, LN3, 2 * LN3]), np.array([5.0, 4.0, 2.0])
        yield cls(), (gate, value), [0, 3 * LN3, 3.6 * LN3]
        yield cls(alpha=0.5), (gate[2:], value[2:]), [3 * LN3]
