"""Normalisation of single samples: over groups of channels, over each channel."""

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
from framework.numerics.moments import along, standardised
from framework.numerics.rows import group_norm_into
from framework.ops.kernels import all_fast, kernel_of, sizes
from framework.ops.normalization import check_eps


class ChannelAffine(Op):
    """Family: the statistics of a sample, then a learned factor and summand of each channel."""

    category = "normalization"
    initial = {"weight": "ones", "bias": "zeros"}

    def has_slot(self, slot: str) -> bool:
        """Weight and bias come together."""
        return bool(self.values["affine"])

    def finished(self, y: Array, weight: Array | None, bias: Array | None) -> Array:
        """Channels are axis 1; ``y`` is changed in place."""
        if weight is not None:
            y *= along(weight, 1, y.ndim)
        if bias is not None:
            y += along(bias, 1, y.ndim)
        return y

    def in_groups(self, types: Sequence[TensorType | None], groups: int, how: How) -> Kernel | None:
        """A kernel that works in blocks of groups."""
        if not all_fast(types) or 0 in sizes(types[0]):
            return None
        eps = float(self.values["eps"])

        def run(x: Array, weight: Any, bias: Any, out: Array, scratch: Array) -> None:
            group_norm_into(x, out, groups, eps, weight, bias, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    def finish(self, g: Any, y: Any, weight: Any, bias: Any) -> Any:
        """The same as operators."""
        ones = [1] * (len(g.shape(y)) - 2)
        if weight is not None:
            y = g.mul(y, g.reshape(weight, shape=(g.shape(weight)[0], *ones)))
        if bias is not None:
            y = g.add(y, g.reshape(bias, shape=(g.shape(bias)[0], *ones)))
        return y

    def cost(self, d: Match) -> Cost:
        """Sum, difference, square, sum, quotient for each element; weight and bias one each."""
        return Cost(0, (7 if self.values["affine"] else 5) * product(d.shapes["x"]))


class GroupNorm(ChannelAffine, name="group_norm"):
    """Shift and scale each group of channels of each sample to mean 0 and variance 1.

    y = (x - mean) / sqrt(variance + eps) * weight[c] + bias[c],
    with mean and (population) variance over a group of c/groups channels and all positions
    Source: ONNX GroupNormalization-21; Wu and He 2018, eq. 1-7.  One group is a layer norm
    over all axes of a sample, groups = c an instance norm.
    """

    signature = "x: b c *size, weight~?: c, bias~?: c -> y: b c *size"
    main = "groups"

    groups: int
    eps: float = 1e-5
    affine: bool = True

    def check(self) -> None:
        """A group, and an eps that keeps the root real."""
        check_eps(self.eps)
        if self.groups < 1:
            raise Mistake(f"groups is {self.groups}; it must be at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """The groups share the channels equally."""
        d.require("divisible", d.c, self.groups, "channels of x and groups")
        d.require("<=", 1, d.c * product(d.size), "1 and the number of normalised elements")
        return {}

    def compute(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        """A row for each group, standardised."""
        rows = widened(x).reshape(len(x), self.groups, math.prod(x.shape[1:]) // self.groups)
        y = standardised(rows, (2,), self.eps).reshape(x.shape)
        return self.finished(y, weight, bias).astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks of groups."""
        return self.in_groups(types, self.groups, how)

    def decompose(self, g: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        """A layer norm of rows; product and sum for each channel."""
        shape = g.shape(x)
        rows = g.reshape(x, shape=(shape[0], self.groups, -1))
        y = g.layer_norm(rows, eps=self.eps, affine=False)
        return self.finish(g, g.reshape(y, shape=shape), weight, bias)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Images, signals and vectors, with and without weight and bias."""
        yield cls(groups=2), (3, 4, 5, 6)
        yield cls(groups=3, eps=1e-3), (2, 6, 5)
        yield cls(groups=1, affine=False), (5, 4)
        yield cls(groups=4), (3, 4, 2, 5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Neighbouring channels share a group; eps inside the root; each channel has a weight."""
        x = np.array([[[1.0], [3.0], [10.0], [30.0]]])
        yield cls(groups=2, eps=0.0, affine=False), (x,), [[[-1], [1], [-1], [1]]]
        weight, bias = np.array([2.0, 1.0, 1.0, 1.0]), np.array([0.0, 0.0, 5.0, 0.0])
        yield cls(groups=2, eps=0.0), (x, weight, bias), [[[-2], [1], [4], [1]]]
        yield cls(groups=1, eps=3.0, affine=False), (x[:, :2],), [[[-0.5], [0.5]]]


class InstanceNorm(ChannelAffine, name="instance_norm"):
    """Shift and scale each channel of each sample to mean 0 and variance 1.

    y = (x - mean) / sqrt(variance + eps) * weight[c] + bias[c],
    with mean and (population) variance over the positions of one channel of one sample
    Source: ONNX InstanceNormalization-22; Ulyanov et al. 2016, eq. 1.
    """

    signature = "x: b c *size, weight~?: c, bias~?: c -> y: b c *size"
    main = "eps"

    eps: float = 1e-5
    affine: bool = True

    def check(self) -> None:
        """An eps that keeps the root real."""
        check_eps(self.eps)

    def derive(self, d: Match) -> dict[str, Any]:
        """There is a position to average over."""
        if not d.size:
            raise ShapeError(
                f"x {format_shape(d.shapes['x'])} has no positions to average over",
                hint="a batch of signals is [b, c, t], of images [b, c, h, w]",
            )
        d.require("<=", 1, product(d.size), "1 and the number of normalised elements")
        return {}

    def compute(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        """Mean first, then the variance around it."""
        y = standardised(widened(x), range(2, x.ndim), self.eps)
        return self.finished(y, weight, bias).astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks of channels."""
        return self.in_groups(types, sizes(types[0])[1], how)

    def decompose(self, g: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        """A layer norm over the positions; product and sum for each channel."""
        positions = len(g.shape(x)) - 2
        y = g.layer_norm(x, axes=positions, eps=self.eps, affine=False)
        return self.finish(g, y, weight, bias)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Images, signals and volumes, with and without weight and bias."""
        yield cls(), (2, 3, 4, 5)
        yield cls(eps=1e-3), (4, 3, 5)
        yield cls(affine=False), (2, 5, 3, 4, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Channels and samples are apart; eps is inside the root."""
        x = np.array([[[1.0, 3.0], [10.0, 50.0]], [[5.0, 9.0], [0.0, 8.0]]])
        signs = [[[-1, 1], [-1, 1]], [[-1, 1], [-1, 1]]]
        yield cls(eps=0.0, affine=False), (x,), signs
        weight, bias = np.array([2.0, 1.0]), np.array([0.0, 5.0])
        wanted = [[[-2, 2], [4, 6]], [[-2, 2], [4, 6]]]
        yield cls(eps=0.0), (x, weight, bias), wanted
        yield cls(eps=3.0, affine=False), (x[:1, :1],), [[[-0.5, 0.5]]]
