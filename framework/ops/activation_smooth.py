"""Activations that squash, and smooth rectifiers."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.op import Array
from framework.numerics import curves
from framework.numerics.curves import Curve
from framework.numerics.softmax import sigmoid
from framework.ops.activation import Activation


class Sigmoid(Activation, name="sigmoid"):
    """Squash to the interval from 0 to 1.

    y = 1 / (1 + exp(-x))
    Source: ONNX Sigmoid-13.
    """

    work = 4
    points = {-1000: 0, 0: 0.5, log(3): 0.75, 1000: 1}

    def curve(self, x: Array) -> Any:
        """No overflow, and full precision for small results."""
        return sigmoid(x)

    def blockwise(self) -> Curve:
        """One exponential; below -88 the result is 0 instead of less than 1e-38."""
        return Curve(curves.sigmoid)


class HardSigmoid(Activation, name="hard_sigmoid"):
    """`sigmoid` as three straight pieces.

    y = min(max(alpha*x + beta, 0), 1)
    Source: ONNX HardSigmoid-22, whose default alpha is 0.2; 1/6 is PyTorch Hardsigmoid and
    Howard et al. 2019 (MobileNetV3), section 5.2.
    """

    work = 4
    cases = (
        ({}, {-3: 0, -1.5: 0.25, 0: 0.5, 3: 1, 5: 1}),
        ({"alpha": 0.25, "beta": 0.75}, {-4: 0, -1: 0.5, 1: 1, 9: 1}),
    )

    alpha: float = 1 / 6
    beta: float = 0.5

    def curve(self, x: Array) -> Any:
        """A line, cut off."""
        return np.clip(self.alpha * x + self.beta, 0, 1)

    def blockwise(self) -> Curve:
        """The same in place."""
        return curves.hard_sigmoid(self.alpha, self.beta)


class Tanh(Activation, name="tanh"):
    """Squash to the interval from -1 to 1.

    y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    Source: ONNX Tanh-13.
    """

    points = {-1000: -1, 0: 0, log(3) / 2: 0.5, 1000: 1}

    def curve(self, x: Array) -> Any:
        """``tanh(x)``."""
        return np.tanh(x)

    def blockwise(self) -> Curve:
        """One pass."""
        return curves.ufunc(np.tanh)


class Softsign(Activation, name="softsign"):
    """Squash to the interval from -1 to 1, more slowly than `tanh`.

    y = x / (1 + |x|)
    Source: ONNX Softsign-22; PyTorch Softsign.
    """

    work = 3
    points = {-3: -0.75, 0: 0, 1: 0.5}

    def curve(self, x: Array) -> Any:
        """The formula."""
        return x / (1 + np.abs(x))


class Softplus(Activation, name="softplus"):
    """A smooth rectifier.

    y = ln(1 + exp(beta*x)) / beta
    Source: ONNX Softplus-22, where beta is 1; PyTorch Softplus; Dugas et al. 2001.
    """

    work = 3
    cases = (
        ({}, {-1000: 0, 0: log(2), log(3): log(4), 1000: 1000}),
        ({"beta": 2.0}, {0: log(2) / 2, log(3) / 2: log(2), 1000: 1000}),
    )

    beta: float = 1.0

    def check(self) -> None:
        """It is divided by beta."""
        if self.beta == 0:
            raise Mistake("softplus divides by beta, which is 0")

    def curve(self, x: Array) -> Any:
        """Only negative numbers reach ``exp``."""
        if self.beta == 1:
            return np.logaddexp(x, x.dtype.type(0))
        return np.logaddexp(self.beta * x, x.dtype.type(0)) / self.beta


class LogSigmoid(Activation, name="log_sigmoid"):
    """The logarithm of `sigmoid`, which stays finite.

    y = -ln(1 + exp(-x))
    Source: PyTorch LogSigmoid.
    """

    work = 4
    points = {-1000: -1000, 0: -log(2), -log(3): -log(4), 1000: 0}

    def curve(self, x: Array) -> Any:
        """By `softplus`."""
        return -np.logaddexp(-x, x.dtype.type(0))

    def decompose(self, g: Any, x: Any) -> Any:
        """-softplus(-x)."""
        return g.neg(g.softplus(g.neg(x)))
