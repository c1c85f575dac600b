"""Pooling by a norm: between the mean (p = 1, up to a factor) and the largest element."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import Pad, Sizes
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.pooling import lp_pool
from framework.numerics.windows import Windows
from framework.ops.pooling import WindowPool, counts, emptied
from framework.ops.window import windows_at


class LpPool(WindowPool, name="lp_pool"):
    """Replace each window by its p-norm.

    y[b,c,i,j] = (sum over u, v of |x[b, c, i*stride + u*dilation - before, ...]|**p)**(1/p)

    Pads are zeros.  ``stride`` defaults to the kernel, ``ceil_mode`` is that of `max_pool`.
    Source: ONNX LpPool-22; PyTorch LPPool2d, which leaves out the absolute value.
    """

    kernel: Sizes
    p: float = 2.0
    stride: Sizes | None = None
    pad: Pad = 0
    dilation: Sizes = 1
    ceil_mode: bool = False

    def check(self) -> None:
        """Positive sizes, no negative pads, and a norm."""
        super().check()
        check_norm(self.p)

    def compute(self, x: Array) -> Array:
        """Sums of powers along one axis after the other."""
        axes = self.windows(x.ndim - 2)
        return lp_pool(x, windows_at(axes, x.shape[2:]), counts(axes, x, self.ceil_mode), self.p)

    def cost(self, d: Match) -> Cost:
        """A power and an addition for each element of each window, and the root."""
        return Cost(0, product(d.y) * (2 * product(d.kernel) + 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, several norms, pads of all kinds, rounding up."""
        yield cls(kernel=2), (2, 3, 6, 9)
        yield cls(kernel=3, stride=2, pad=1, p=3.0), (2, 3, 7, 10)
        yield cls(kernel=2, stride=3, pad=((0, 1),), dilation=2, p=1.0), (2, 3, 11)
        yield cls(kernel=(1, 3, 2), stride=(1, 2, 3), pad=(0, 1, 0), p=2.5), (2, 3, 4, 5, 7)
        yield cls(kernel=3, stride=2, pad="same_upper", ceil_mode=True), (2, 3, 6, 7)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Signs do not matter; pads are zeros; the last window may be shorter."""
        x = np.array([[[3.0, -4.0, 0.0, -1.0, 2.0]]])
        yield cls(kernel=2), (x,), [[[5, 1]]]
        yield cls(kernel=2, p=1.0, ceil_mode=True), (x,), [[[7, 1, 2]]]
        yield cls(kernel=2, pad=1, stride=2), (x,), [[[3, 4, 5**0.5]]]
        yield cls(kernel=2, stride=1, dilation=3), (x,), [[[10**0.5, 20**0.5]]]


class GlobalLpPool(Op, name="global_lp_pool"):
    """Replace each channel by its p-norm over all spatial axes.

    y[b,c] = (sum over i, j of |x[b,c,i,j]|**p)**(1/p); with ``keepdims`` the axes stay, size 1.
    Source: ONNX GlobalLpPool-22 (which keeps the axes).
    """

    signature = "x: b c *size -> y: b c *rest"
    category = "pooling"
    main = "p"

    p: float = 2.0
    keepdims: bool = False

    def check(self) -> None:
        """A norm."""
        check_norm(self.p)

    def derive(self, d: Match) -> dict[str, Any]:
        """No axes are left, or ones."""
        return emptied(d, self.keepdims)

    def compute(self, x: Array) -> Array:
        """One window over everything."""
        rank, ones = x.ndim - 2, (1,) * (x.ndim - 2)
        everything = Windows(x.shape[2:], ones, ones, ((0, 0),) * rank)
        y = lp_pool(x, everything, ones, self.p)
        return y if self.keepdims else y.reshape(x.shape[:2])

    def cost(self, d: Match) -> Cost:
        """A power and an addition for each element, one root for each channel."""
        return Cost(0, d.b * d.c * (2 * product(d.size) + 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, kept and dropped, several norms."""
        yield cls(), (2, 3, 4, 5)
        yield cls(keepdims=True, p=3.0), (2, 3, 5, 4)
        yield cls(p=1.0), (2, 3, 4)
        yield cls(keepdims=True, p=1.5), (2, 3, 4, 5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """One number for each channel."""
        x = np.array([[[[3.0, 0.0], [0.0, -4.0]], [[1.0, -1.0], [-1.0, 1.0]]]])
        yield cls(), (x,), [[5, 2]]
        yield cls(p=1.0, keepdims=True), (x,), [[[[7]], [[4]]]]


def check_norm(p: float) -> None:
    """Refuse a power that is no positive number."""
    if not (isfinite(p) and p > 0):
        raise Mistake(f"p is {p}; it must be a positive number")
