"""Pooling: windows of an image reduced to their largest element or their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import ShapeError
from framework.ir.attributes import Pad, Sizes
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, fixed_size
from framework.numerics.convolution import widened
from framework.numerics.pooling import avg_pool, divisors, max_pool
from framework.numerics.pooling_tiles import Pooling
from framework.ops.kernels import FAST, kernel_of
from framework.ops.window import (
    AxisWindow,
    axis_windows,
    check_pad,
    check_positive,
    window_counts,
    windows_at,
)


class WindowPool(Op):
    """Family: one number for each window; ``stride`` defaults to the kernel."""

    signature = "x: b c *size -> y: b c *outsize"
    category = "pooling"
    main = "kernel"

    kernel: Sizes
    stride: Sizes | None
    pad: Pad
    dilation: Sizes
    ceil_mode: bool

    def check(self) -> None:
        """Positive sizes, no negative pads."""
        check_positive(kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis."""
        stride = self.kernel if self.stride is None else self.stride
        return axis_windows(rank, self.kernel, stride, self.pad, self.dilation)

    def derive(self, d: Match) -> dict[str, Any]:
        """Output sizes, rounded as asked."""
        return pooled(d, self.windows(len(d.size)), self.ceil_mode)


class MaxPool(WindowPool, name="max_pool"):
    """Keep the largest element of each window.

    y[b,c,i,j] = max over u, v of x[b, c, i*stride + u*dilation - before, ...]

    ``stride`` defaults to the kernel.  Pads never win.  ``ceil_mode`` rounds the size up,
    but drops a last window that would start in the pad at the end.
    Source: ONNX MaxPool-22; PyTorch MaxPool2d.
    """

    accepts = "number"

    kernel: Sizes
    stride: Sizes | None = None
    pad: Pad = 0
    dilation: Sizes = 1
    ceil_mode: bool = False

    def compute(self, x: Array) -> Array:
        """The largest element along one axis after the other."""
        axes = self.windows(x.ndim - 2)
        return max_pool(x, windows_at(axes, x.shape[2:]), counts(axes, x, self.ceil_mode))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same in blocks of channels, without padded copies."""
        return pool_kernel(self, types, how, np.maximum, -np.inf)

    def cost(self, d: Match) -> Cost:
        """One comparison for each element of each window."""
        return Cost(0, product(d.y) * product(d.kernel))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, pads of all kinds, rounding up, whole numbers."""
        yield cls(kernel=2), (2, 3, 6, 9)
        yield cls(kernel=3, stride=2, pad=1), (2, 3, 7, 10)
        yield cls(kernel=2, stride=3, pad=((0, 1),), dilation=2), (2, 3, 11)
        yield cls(kernel=(1, 3, 2), stride=(1, 2, 3), pad=(0, 1, 0)), (2, 3, 4, 5, 7)
        yield cls(kernel=3, stride=2, ceil_mode=True), (2, 3, 6, 8)
        yield cls(kernel=2, stride=2, pad=1, ceil_mode=True), (2, 3, 5, 6)
        yield cls(kernel=3, stride=2, pad="same_upper"), (2, 3, 6, 7)
        yield cls(kernel=2, stride=1, pad="same_lower"), (2, 3, 4, 5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Pads lose even against negative numbers; NaN wins; the last window is dropped."""
        x = np.array([[[-4.0, -1.0, -3.0, -2.0, -5.0]]])
        yield cls(kernel=2), (x,), [[[-1, -2]]]
        yield cls(kernel=3, stride=2, pad=1), (x,), [[[-1, -1, -2]]]
        yield cls(kernel=2, ceil_mode=True), (x,), [[[-1, -2, -5]]]
        yield cls(kernel=2, pad=1, ceil_mode=True), (x,), [[[-4, -1, -2]]]
        yield cls(kernel=2, stride=1, dilation=3), (x,), [[[-2, -1]]]
        yield cls(kernel=2, stride=1, pad="same_upper"), (x,), [[[-1, -1, -2, -2, -5]]]
        yield cls(kernel=2, stride=1, pad="same_lower"), (x,), [[[-4, -1, -1, -2, -2]]]
        yield cls(kernel=2), (np.array([[[np.nan, 1.0]]]),), [[[np.nan]]]
        yield cls(kernel=2, pad=1), (np.array([[[-7, -8]]]),), [[[-7, -8]]]


class AvgPool(WindowPool, name="avg_pool"):
    """Replace each window by its mean.

    y[b,c,i,j] = 1/n * sum over u, v of x[b, c, i*stride + u*dilation - before, ...]

    n is the number of elements in the window: with ``count_include_pad`` (PyTorch's way)
    pads count as zeros, otherwise (TensorFlow's way, ONNX's default) they do not.  What a
    last window reaches past the pads with ``ceil_mode`` never counts.  A window whose taps
    all lie in the pads has the mean 0.
    Source: ONNX AveragePool-22; PyTorch AvgPool2d.
    """

    kernel: Sizes
    stride: Sizes | None = None
    pad: Pad = 0
    dilation: Sizes = 1
    ceil_mode: bool = False
    count_include_pad: bool = True

    def compute(self, x: Array) -> Array:
        """Sums along one axis after the other, divided by what was summed."""
        axes = self.windows(x.ndim - 2)
        windows = windows_at(axes, x.shape[2:])
        return avg_pool(x, windows, counts(axes, x, self.ceil_mode), self.count_include_pad)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same in blocks of channels, without padded copies."""
        return pool_kernel(self, types, how, np.add, 0)

    def cost(self, d: Match) -> Cost:
        """One addition for each element of each window, and the division."""
        return Cost(0, product(d.y) * (product(d.kernel) + 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, both ways to count, rounding up."""
        yield cls(kernel=2), (2, 3, 6, 9)
        yield cls(kernel=3, stride=2, pad=1), (2, 3, 7, 10)
        yield cls(kernel=3, stride=2, pad=1, count_include_pad=False), (2, 3, 7, 10)
        yield cls(kernel=3, stride=2, pad=((0, 2),), ceil_mode=True), (2, 3, 10)
        yield cls(kernel=(1, 3, 2), stride=(1, 2, 3), pad=(0, 1, 0)), (2, 3, 4, 5, 7)
        yield cls(kernel=1, stride=2, ceil_mode=True), (2, 3, 6, 5)
        yield cls(kernel=3, stride=2, pad="same_upper", count_include_pad=False), (2, 3, 6, 7)
        yield (
            cls(
                kernel=3, stride=2, pad=2, dilation=(2, 1), ceil_mode=True, count_include_pad=False
            ),
            (2, 3, 6, 7),
        )

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """What is counted: pads by choice, the reach past them never."""
        x = np.array([[[2.0, 4.0, 6.0, 8.0, 10.0]]])
        yield cls(kernel=2), (x,), [[[3, 7]]]
        yield cls(kernel=3, stride=2, pad=1), (x,), [[[2, 6, 6]]]
        yield cls(kernel=3, stride=2, pad=1, count_include_pad=False), (x,), [[[3, 6, 9]]]
        yield cls(kernel=2, ceil_mode=True), (x,), [[[3, 7, 10]]]
        yield cls(kernel=4, stride=3, pad=1, ceil_mode=True), (x,), [[[3, 6]]]
        yield cls(kernel=4, stride=3, pad=((1, 0),), ceil_mode=True), (x,), [[[3, 8]]]
        yield cls(kernel=1, stride=2, ceil_mode=True), (x[..., :4],), [[[2, 6]]]
        apart: dict[str, Any] = {"kernel": 2, "stride": 1, "dilation": 3, "pad": 1}
        yield cls(**apart), (x,), [[[3, 5, 7, 3]]]
        yield cls(**apart, count_include_pad=False), (x,), [[[6, 5, 7, 6]]]
        hole = cls(kernel=2, stride=1, dilation=2, pad=1, count_include_pad=False)
        yield hole, (x[..., :1],), [[[0]]]


class GlobalAvgPool(Op, name="global_avg_pool"):
    """Replace each channel by its mean over all spatial axes.

    y[b,c] = mean over i, j of x[b,c,i,j]; with ``keepdims`` the axes stay, with size 1.
    Source: ONNX GlobalAveragePool-22 (which keeps the axes); Lin et al. 2013, section 3.2.
    """

    signature = "x: b c *size -> y: b c *rest"
    category = "pooling"

    keepdims: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """No axes are left, or ones."""
        return emptied(d, self.keepdims)

    def compute(self, x: Array) -> Array:
        """The mean over the axes from 2 on."""
        axes = tuple(range(2, x.ndim))
        y: Array = widened(x).mean(axes, keepdims=self.keepdims)
        return y.astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The sums are a product with ones, for float32 and float64."""
        x = types[0]
        if x is None or x.dtype not in FAST or 0 in x.shape:
            return None
        return kernel_of(self, types, means, algorithm="product with ones")

    def decompose(self, g: Any, x: Any) -> Any:
        """A reduction."""
        axes = tuple(range(2, len(g.shape(x))))
        return g.reduce(x, op="mean", axes=axes, keepdims=self.keepdims)

    def cost(self, d: Match) -> Cost:
        """One addition for each element, one division for each channel."""
        return Cost(0, d.b * d.c * (product(d.size) + 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, kept and dropped."""
        yield cls(), (2, 3, 4, 5)
        yield cls(keepdims=True), (2, 3, 5, 4)
        yield cls(), (2, 3, 4)
        yield cls(keepdims=True), (2, 3, 4, 5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """One number for each channel."""
        x = np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]]])
        yield cls(), (x,), [[3, 1]]
        yield cls(keepdims=True), (x,), [[[[3]], [[1]]]]


class GlobalMaxPool(Op, name="global_max_pool"):
    """Replace each channel by its largest element.

    y[b,c] = max over i, j of x[b,c,i,j]; with ``keepdims`` the axes stay, with size 1.
    Source: ONNX GlobalMaxPool-22 (which keeps the axes).
    """

    signature = "x: b c *size -> y: b c *rest"
    category = "pooling"
    accepts = "number"

    keepdims: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """No axes are left, or ones."""
        return emptied(d, self.keepdims)

    def compute(self, x: Array) -> Array:
        """The maximum over the axes from 2 on."""
        y: Array = x.max(tuple(range(2, x.ndim)), keepdims=self.keepdims)
        return y

    def decompose(self, g: Any, x: Any) -> Any:
        """A reduction."""
        axes = tuple(range(2, len(g.shape(x))))
        return g.reduce(x, op="max", axes=axes, keepdims=self.keepdims)

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(0, d.b * d.c * product(d.size))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, kept and dropped."""
        yield cls(), (2, 3, 4, 5)
        yield cls(keepdims=True), (2, 3, 5, 4)
        yield cls(), (2, 3, 4)
        yield cls(keepdims=True), (2, 3, 4, 5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """One number for each channel."""
        x = np.array([[[[1.0, 2.0], [3.0, 6.0]], [[-1.0, -2.0], [-3.0, -4.0]]]])
        yield cls(), (x,), [[6, -1]]
        yield cls(keepdims=True), (x,), [[[[6]], [[-1]]]]


def means(x: Array, out: Array, scratch: Array) -> None:
    """The mean over the axes from 2 on: NumPy adds up rows of some tens of numbers slowly."""
    rows = x.reshape(x.shape[0] * x.shape[1], -1)
    found = out.reshape(-1)
    np.matmul(rows, np.ones(rows.shape[1], x.dtype), out=found)
    np.divide(found, rows.shape[1], out=found)


def pooled(d: Match, axes: tuple[AxisWindow, ...], ceil: bool) -> dict[str, Any]:
    """Names for a pooling: sizes of the result, its shape, one kernel size for each axis."""
    for axis in axes:
        if isinstance(axis.pad, tuple) and max(axis.pad) >= axis.span:
            raise ShapeError(
                f"pad {max(axis.pad)} must be smaller than the window, which covers {axis.span}",
                hint="a window must not lie in the pad altogether",
            )
    sizes = window_counts(d, d.size, axes, ceil)
    return {"outsize": sizes, "y": (d.b, d.c, *sizes)}


def pool_kernel(
    op: MaxPool | AvgPool,
    types: Sequence[TensorType | None],
    how: How,
    combine: Callable[..., Any],
    fill: float,
) -> Kernel | None:
    """A kernel that folds windows; None for other dtypes and empty tensors."""
    (x,) = types
    if x is None or x.dtype not in ("float32", "float64") or 0 in x.shape:
        return None
    (output,) = op.infer({"x": x}).outputs
    shape, result = ([fixed_size(n, op.name) for n in type_.shape] for type_ in (x, output))
    windows = windows_at(op.windows(x.rank - 2), shape[2:])
    divisor = None
    if isinstance(op, AvgPool):
        found = divisors(windows, shape[2:], result[2:], op.count_include_pad)
        divisor = found.astype(x.dtype)
    pooling = Pooling(
        tuple(shape), tuple(result[2:]), windows, x.dtype, combine, fill, how.team, divisor
    )
    return Kernel(pooling.run, (output,), pooling.scratch, algorithm="pooling blocks")


def counts(axes: tuple[AxisWindow, ...], x: Array, ceil: bool) -> Any:
    """Windows along each axis of an array."""
    return tuple(axis.count(n, ceil) for axis, n in zip(axes, x.shape[2:], strict=True))


def emptied(d: Match, keepdims: bool) -> dict[str, Any]:
    """What is left of the spatial axes; none of them may be missing or empty."""
    if not d.size:
        raise ShapeError("x has no spatial axes to pool over", hint="[b, c, h, w] is expected")
    for number, size in enumerate(d.size):
        d.require("<=", 1, size, f"1 and the size along axis {number + 2}")
    return {"rest": (1,) * len(d.size) if keepdims else ()}
