"""Convolution over time that sees the past only, and remembers it from call to call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.convolution import convolve, widened
from framework.numerics.softmax import sigmoid
from framework.numerics.windows import Windows
from framework.ops.convolution import add_bias, check_groups, require_groups
from framework.ops.window import check_positive


class CausalConv(Op, name="causal_conv"):
    """A convolution along time whose results depend on the present and the past only.

    y[b,o,t] = f(bias[o] + sum over c, u of z[b, c, t + u*dilation] * weight[o,c,u])
        with z = past | x, side by side

    ``past`` are the last dilation*(kernel - 1) elements before x, zeros where it is not
    connected; ``present`` are those at the end of z, the past of the next call.  f is the
    identity or silu(a) = a*sigmoid(a).  With ``groups`` = channels = ``out`` each channel has
    a filter of its own.
    Source: ONNX CausalConvWithState-27; van den Oord et al. 2016 (WaveNet), section 2.1;
    Gu and Dao 2023 (Mamba), section 3.4.
    """

    signature = (
        "x: b c t, past?: b c dilation*(kernel-1), weight~: out c/groups kernel, bias~?: out "
        "-> y: b out t, present: b c dilation*(kernel-1)"
    )
    category = "convolution"
    initial = {"weight": "he_normal", "bias": "zeros"}

    out: int
    kernel: int
    dilation: int = 1
    groups: int = 1
    activation: Literal["none", "silu"] = "none"
    bias: bool = True

    def check(self) -> None:
        """Positive sizes, and groups that divide the filters."""
        check_positive(out=self.out, kernel=self.kernel, dilation=self.dilation)
        check_groups(self.out, self.groups)

    @property
    def reach(self) -> int:
        """How many elements of the past a result depends on."""
        return self.dilation * (self.kernel - 1)

    def derive(self, d: Match) -> dict[str, Any]:
        """Groups that fit the channels."""
        require_groups(d)
        return {}

    def compute(
        self, x: Array, past: Array | None, weight: Array, bias: Array | None = None
    ) -> tuple[Array, Array]:
        """A convolution of what was remembered and x."""
        if past is None:
            past = np.zeros((*x.shape[:2], self.reach), x.dtype)
        joined = np.concatenate([past, x], 2)
        windows = Windows((self.kernel,), (1,), (self.dilation,), ((0, 0),))
        y = add_bias(convolve(widened(joined), widened(weight), windows, self.groups), bias)
        if self.activation == "silu":
            y = y * sigmoid(y)
        return y.astype(x.dtype, copy=False), joined[:, :, x.shape[2] :].copy()

    def decompose(self, g: Any, x: Any, past: Any, weight: Any, bias: Any = None) -> Any:
        """Padding or joining, `conv`, the activation, and the end of what was joined."""
        if past is None:
            joined = g.pad(x, pads=((self.reach, 0),))
        else:
            joined = g.concat(past, x, axis=2)
        y = g.conv(
            joined,
            weight,
            bias,
            out=self.out,
            kernel=self.kernel,
            dilation=self.dilation,
            groups=self.groups,
            bias=bias is not None,
        )
        if self.activation == "silu":
            y = g.silu(y)
        return y, g.slice(joined, axis=2, start=g.shape(x)[2])

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each result and weight of its filter; silu is two more."""
        results = d.b * self.out * d.t
        each = self.bias + 2 * (self.activation == "silu")
        return Cost(results * d.divide(d.c, self.groups) * self.kernel, each * results)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """With and without a past; one channel a filter, and all; a kernel of 1; dilation."""
        yield cls(out=3, kernel=4, groups=3), (2, 3, 7)
        yield cls(out=5, kernel=3, dilation=2, bias=False), (2, 3, 7), (2, 3, 4)
        yield cls(out=6, kernel=4, groups=2, activation="silu"), (3, 4, 2), (3, 4, 3)
        yield cls(out=5, kernel=1), (2, 3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The last weight is the present; a past that is longer than x; silu."""
        x, pair = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[10.0, 1.0]]])
        zero, old = np.array([0.0]), np.array([[[5.0]]])
        yield cls(out=1, kernel=2), (x, None, pair, zero), ([[[1, 12, 23]]], [[[3]]])
        yield cls(out=1, kernel=2), (x, old, pair, zero), ([[[51, 12, 23]]], [[[3]]])
        far, one = np.array([[[7.0, 5.0]]]), np.array([[[1.0]]])
        yield cls(out=1, kernel=2, dilation=2), (one, far, pair, zero), ([[[71]]], [[[5, 1]]])
        silu = cls(out=1, kernel=1, activation="silu")
        deep = [[[2 / (1 + np.exp(-2))]]]
        yield silu, (np.ones((1, 1, 1)), None, one, np.array([1.0])), (deep, np.zeros((1, 1, 0)))
