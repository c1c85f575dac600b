"""Convolution whose windows are bent by offsets that the network computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import Pad, Sizes
from framework.ir.cost import Product, cost_of
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.convolution import widened
from framework.numerics.sampling import sample, zeros_outside
from framework.ops.convolution import add_bias, check_groups, require_groups
from framework.ops.window import (
    AxisWindow,
    axis_windows,
    check_pad,
    check_positive,
    window_counts,
    windows_at,
)


class DeformConv(Op, name="deform_conv"):
    """A convolution that reads each element of its window at a place moved by an offset.

    y[b,o,i] = bias[o] + sum over c, u of
        weight[o,c,u] * mask[b,u,i] * x[b, c, i*stride + u*dilation - before + offset[b,u,:,i]]

    Between elements x is blended linearly along each axis; outside it is 0.  ``offset`` is
    [b, offset_groups * taps * axes, *outsize]: for every tap of the kernel the shift along
    each axis, rows before columns; ``mask`` is [b, offset_groups * taps, *outsize].  Each of
    the ``offset_groups`` of channels has offsets of its own.
    Source: ONNX DeformConv-22; torchvision deform_conv2d; Dai et al. 2017; Zhu et al. 2018.
    """

    signature = (
        "x: b c *size, offset: b shifts *outsize, mask?: b factors *outsize, "
        "weight~: out c/groups *kernel, bias~?: out -> y: b out *outsize"
    )
    category = "convolution"
    initial = {"weight": "he_normal", "bias": "zeros"}

    out: int
    kernel: Sizes
    stride: Sizes = 1
    pad: Pad = 0
    dilation: Sizes = 1
    groups: int = 1
    offset_groups: int = 1
    bias: bool = True

    def check(self) -> None:
        """Positive sizes, and groups that divide the filters."""
        check_positive(out=self.out, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)
        check_groups(self.out, self.groups)
        if self.offset_groups < 1:
            raise Mistake(f"offset_groups is {self.offset_groups}; it must be at least 1")

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis, before it is bent."""
        return axis_windows(rank, self.kernel, self.stride, self.pad, self.dilation)

    def derive(self, d: Match) -> dict[str, Any]:
        """Offsets and factors for each tap and each result."""
        require_groups(d)
        d.require("divisible", d.c, self.offset_groups, "channels of x and offset_groups")
        counts = window_counts(d, d.size, self.windows(len(d.size)))
        for axis, (have, want) in enumerate(zip(d.outsize, counts, strict=True), start=2):
            d.require("==", have, want, f"offset axis {axis} and windows along axis {axis}")
        taps = self.offset_groups * math.prod(d.kernel)
        d.require("==", d.shifts, taps * len(counts), "offset axis 1 and shifts of all taps")
        if "mask" in d:
            d.require("==", d.factors, taps, "mask axis 1 and taps of all offset_groups")
        return {"outsize": counts}

    def compute(
        self, x: Array, offset: Array, mask: Array | None, weight: Array, bias: Array | None = None
    ) -> Array:
        """Read all taps of all windows, then a matrix product for each group of filters."""
        dtype, (batch, channels) = x.dtype, x.shape[:2]
        x, offset, weight = widened(x), widened(offset), widened(weight)
        counts, taps = offset.shape[2:], math.prod(weight.shape[2:])
        positions = self._positions(offset, x.shape[2:])
        split = (batch * self.offset_groups, channels // self.offset_groups)
        read = sample(x.reshape(*split, *x.shape[2:]), positions, "linear", zeros_outside)
        columns = read.reshape(*split, taps, math.prod(counts))
        if mask is not None:
            columns = columns * widened(mask).reshape(split[0], 1, taps, -1)
        depth = channels // self.groups * taps
        filters = weight.reshape(self.groups, self.out // self.groups, depth)
        y = np.matmul(filters, columns.reshape(batch, self.groups, depth, -1))
        y = add_bias(y.reshape(batch, self.out, *counts), None if bias is None else widened(bias))
        return y.astype(dtype, copy=False)

    def _positions(self, offset: Array, sizes: tuple[int, ...]) -> Array:
        """Where each tap of each window is read: [b * offset_groups, axes, taps * results]."""
        rank, counts = len(sizes), offset.shape[2:]
        windows = windows_at(self.windows(rank), sizes)
        steps = [
            np.add.outer(np.arange(k) * apart, np.arange(n) * stride - before)
            for k, apart, n, stride, (before, _) in zip(
                windows.kernel, windows.dilation, counts, windows.stride, windows.pads, strict=True
            )
        ]
        shifts = offset.astype(np.float64).reshape(
            len(offset) * self.offset_groups, *windows.kernel, rank, *counts
        )
        moved = [np.take(shifts, axis, 1 + rank) for axis in range(rank)]
        for axis, step in enumerate(steps):
            shape = [1] * (2 * rank)
            shape[axis], shape[rank + axis] = step.shape
            moved[axis] += step.reshape(shape)
        return np.stack(moved, 1).reshape(len(shifts), rank, -1)

    def cost(self, d: Match) -> Cost:
        """As `conv`; besides, 2 operations for each corner that a tap blends, and the mask."""
        results = d.b * product(d.outsize)
        taps = product(d.kernel)
        inner, each = d.divide(d.c, self.groups) * taps, self.out // self.groups
        found = Product(d.b * self.groups, product(d.outsize), inner, each)
        blends = results * d.c * taps * (2 ** (len(d.size) + 1) + ("mask" in d))
        return cost_of((found,), blends + (results * self.out if self.bias else 0))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, with and without mask, groups of both kinds."""
        yield cls(out=4, kernel=(3, 2)), (2, 3, 7, 9), (2, 12, 5, 8)
        yield (
            cls(out=6, kernel=2, stride=2, pad=1, dilation=2, groups=2, bias=False),
            (3, 4, 9, 11),
            (3, 8, 5, 6),
            (3, 4, 5, 6),
        )
        yield (
            cls(out=6, kernel=3, pad="same_upper", offset_groups=2, groups=3),
            (2, 12, 5),
            (2, 6, 5),
            (2, 6, 5),
        )
        yield cls(out=5, kernel=(1, 2, 1)), (2, 3, 4, 6, 7), (2, 6, 4, 5, 7), (2, 2, 4, 5, 7)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No offset; half an element; outside; rows before columns; the mask."""
        x = np.array([[[1.0, 2.0, 4.0, 8.0]]])
        pair, zero = np.array([[[1.0, 10.0]]]), np.array([0.0])
        still, half = np.zeros((1, 2, 3)), np.full((1, 2, 3), 0.5)
        yield cls(out=1, kernel=2), (x, still, None, pair, zero), [[[21, 42, 84]]]
        yield cls(out=1, kernel=2), (x, half, None, pair, zero), [[[31.5, 63, 46]]]
        mask = np.array([[[1.0, 0, 2], [1, 1, 0]]])
        yield cls(out=1, kernel=2), (x, still, mask, pair, zero), [[[21, 40, 8]]]
        image = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
        down = np.array([[[[1.0, 0], [0, 0]], [[0.0, 0], [0, -1]]]])
        one = np.ones((1, 1, 1, 1))
        yield cls(out=1, kernel=1), (image, down, None, one, zero), [[[[3, 2], [3, 3]]]]
