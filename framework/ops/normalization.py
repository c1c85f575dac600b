"""Normalisation with learned or stored statistics, and dropout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import format_shape, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType
from framework.numerics.convolution import widened
from framework.numerics.moments import standardised
from framework.numerics.rows import affine_into, layer_norm_into
from framework.ops.kernels import all_fast, kernel_of, sizes


class LayerNorm(Op, name="layer_norm"):
    """Shift and scale the last axis (or the last ``axes``) to mean 0 and variance 1.

    y = (x - mean) / sqrt(variance + eps) * weight + bias,
    with mean and (population) variance over the last ``axes`` axes
    Source: ONNX LayerNormalization-17; Ba et al. 2016, eq. 4.
    """

    signature = "x: *shape, weight~?: *last, bias~?: *last -> y: *shape"
    category = "normalization"
    initial = {"weight": "ones", "bias": "zeros"}

    axes: int = 1
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True

    def check(self) -> None:
        """At least one axis, and a positive eps."""
        check_eps(self.eps)
        if self.axes < 1:
            raise Mistake(
                f"axes is {self.axes}; it must be at least 1",
                hint="axes is the number of last axes that share a mean",
            )

    def has_slot(self, slot: str) -> bool:
        """The bias comes only with the weight."""
        return self.affine and (slot == "weight" or self.bias)

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes of the axes that are normalised."""
        if self.axes > len(d.shape):
            raise ShapeError(f"x {format_shape(d.shape)} has fewer than {self.axes} axes")
        last = d.shape[len(d.shape) - self.axes :]
        for slot in ("weight", "bias"):
            require_shape(d, slot, last)
        d.require("<=", 1, product(last), "1 and the number of normalised elements")
        return {"last": last}

    def compute(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        """Mean first, then the variance around it: no cancellation."""
        y = standardised(widened(x), range(x.ndim - self.axes, x.ndim), self.eps)
        if weight is not None:
            y *= weight
        if bias is not None:
            y += bias
        return y.astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks of rows."""
        if not all_fast(types):
            return None
        shape = sizes(types[0])
        length = math.prod(shape[len(shape) - self.axes :])

        def run(x: Array, weight: Any, bias: Any, out: Array, scratch: Array) -> None:
            layer_norm_into(x, out, length, self.eps, weight, bias, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    def decompose(self, g: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        """Two means, a quotient, a product and a sum."""
        axes = tuple(range(-self.axes, 0))
        centred = g.sub(x, g.reduce(x, op="mean", axes=axes, keepdims=True))
        variance = g.reduce(g.square(centred), op="mean", axes=axes, keepdims=True)
        y = g.div(centred, g.sqrt(g.scale(variance, by=1.0, shift=self.eps)))
        y = y if weight is None else g.mul(y, weight)
        return y if bias is None else g.add(y, bias)

    def cost(self, d: Match) -> Cost:
        """Sum, difference, square, sum, quotient for each element; weight and bias one each."""
        extra = int(self.has_slot("weight")) + int(self.has_slot("bias"))
        return Cost(0, (5 + extra) * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis and two, with and without weight and bias."""
        yield cls(), (2, 3, 4)
        yield cls(axes=2, eps=1e-3), (2, 3, 4, 5)
        yield cls(affine=False), (5, 3)
        yield cls(bias=False), (7,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Population variance; eps is inside the root; two axes share one mean."""
        row, one, zero = np.array([1.0, 3.0]), np.ones(2), np.zeros(2)
        weight, bias = np.array([2.0, 10.0]), np.array([0.0, 1.0])
        yield cls(eps=0.0), (row, weight, bias), [-2, 11]
        yield cls(eps=3.0), (row, one, zero), [-0.5, 0.5]
        yield (
            cls(axes=2, eps=0.0, affine=False),
            (np.array([[1.0, 1.0], [3.0, 3.0]]),),
            [[-1, -1], [1, 1]],
        )


class BatchNorm(Op, name="batch_norm"):
    """Shift and scale each channel by its stored mean and variance.

    y[b,c,...] = (x[b,c,...] - running_mean[c]) / sqrt(running_var[c] + eps) * weight[c] + bias[c]

    The statistics are those of training, stored with the weights; running never changes them.
    Source: ONNX BatchNormalization-15 (training_mode 0); Ioffe and Szegedy 2015, algorithm 2.
    """

    signature = (
        "x: b c *size, weight~?: c, bias~?: c, running_mean~: c, running_var~: c -> y: b c *size"
    )
    category = "normalization"
    main = "eps"
    initial = {"weight": "ones", "bias": "zeros", "running_mean": "zeros", "running_var": "ones"}
    buffers = ("running_mean", "running_var")

    eps: float = 1e-5
    affine: bool = True

    def check(self) -> None:
        """A positive eps."""
        check_eps(self.eps)

    def has_slot(self, slot: str) -> bool:
        """Weight and bias come together."""
        return self.affine

    def compute(
        self,
        x: Array,
        weight: Array | None,
        bias: Array | None,
        running_mean: Array,
        running_var: Array,
    ) -> Array:
        """One factor and one summand for each channel."""
        wide = widened(x)
        factor, shift = self.line(weight, bias, running_mean, running_var)
        along = (-1, *([1] * (x.ndim - 2)))
        y = wide * factor.reshape(along)
        y += shift.reshape(along)
        return np.asarray(y, x.dtype)

    def line(
        self, weight: Array | None, bias: Array | None, mean: Array, variance: Array
    ) -> tuple[Array, Array]:
        """What each channel is multiplied by, and what is added."""
        mean, variance = widened(mean), widened(variance)
        factor = 1 / np.sqrt(variance + variance.dtype.type(self.eps))
        factor = factor if weight is None else factor * weight
        return factor, np.asarray(-mean * factor if bias is None else bias - mean * factor)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks of channels."""
        if not all_fast(types):
            return None

        def run(x: Array, *stored: Any, out: Array, scratch: Array) -> None:
            affine_into(x, out, 1, *self.line(*stored), how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    def decompose(
        self, g: Any, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any
    ) -> Any:
        """The formula, with the channels moved to their axis."""
        shape = g.shape(x)
        along = (shape[1], *([1] * (len(shape) - 2)))

        def each(value: Any) -> Any:
            return g.reshape(value, shape=along)

        deviation = g.sqrt(g.scale(running_var, by=1.0, shift=self.eps))
        y = g.div(g.sub(x, each(running_mean)), each(deviation))
        y = y if weight is None else g.mul(y, each(weight))
        return y if bias is None else g.add(y, each(bias))

    def cost(self, d: Match) -> Cost:
        """One product and one sum for each element."""
        return Cost(0, 2 * d.b * d.c * product(d.size))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Vectors, signals and images, with and without weight and bias."""
        yield cls(), (2, 3, 4, 5)
        yield cls(eps=1e-3), (4, 3)
        yield cls(affine=False), (2, 5, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Channels are axis 1; eps is inside the root; the variance is no deviation."""
        x = np.array([[1.0, 10.0], [3.0, 30.0]])
        mean, variance = np.array([1.0, 20.0]), np.array([3.0, 99.0])
        weight, bias = np.array([2.0, 1.0]), np.array([0.0, 5.0])
        given = (x, weight, bias, mean, variance)
        yield cls(eps=1.0), given, [[0, 4], [2, 6]]
        yield cls(eps=1.0, affine=False), (x, None, None, mean, variance), [[0, -1], [1, 1]]


class Dropout(Op, name="dropout"):
    """Drop elements at random while training; when running, the input unchanged.

    training: y = x * keep / (1 - p), keep = 0 with probability p; running: y = x
    Source: ONNX Dropout-22; Srivastava et al. 2014.
    """

    signature = "x: *shape -> y: *shape"
    category = "normalization"
    views = True

    p: float = 0.5

    def check(self) -> None:
        """A probability below 1: at 1 nothing would be left."""
        if not 0 <= self.p < 1:
            raise Mistake(f"p is {self.p}; it must be at least 0 and below 1")

    def compute(self, x: Array) -> Array:
        """``x`` itself."""
        return x

    def decompose(self, g: Any, x: Any) -> Any:
        """Nothing."""
        return x

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The usual share, another, none."""
        yield cls(), (2, 3)
        yield cls(p=0.1), (5,)
        yield cls(p=0.0), (4, 3, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Nothing is dropped or scaled when running."""
        yield cls(p=0.5), (np.array([1.0, -2.0]),), [1, -2]


def check_eps(eps: float) -> None:
    """Refuse an eps that could make a root of a negative number."""
    if not 0 <= eps < float("inf"):
        raise Mistake(f"eps is {eps}; it must be finite and not negative")


def require_shape(d: Match, slot: str, wanted: tuple[Any, ...]) -> None:
    """Demand that what is connected to a slot, if anything is, has the ``wanted`` shape."""
    if slot not in d:
        return
    have = d.shapes[slot]
    if len(have) != len(wanted):
        raise ShapeError(f"{slot} is {format_shape(have)}; it must be {format_shape(wanted)}")
    for axis, (size, want) in enumerate(zip(have, wanted, strict=True)):
        d.require("==", size, want, f"{slot} axis {axis} and the normalised axis of x")
