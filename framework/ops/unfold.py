"""Windows as an axis of their own, and their sum back into an image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from framework.errors import ShapeError
from framework.ir.attributes import Pad, ShapeAttr, Sizes
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import axis_index, fixed_size
from framework.numerics.convolution import widened
from framework.numerics.windows import places
from framework.ops.window import (
    AxisWindow,
    axis_windows,
    check_pad,
    check_positive,
    window_counts,
    windows_at,
)


class Unfold(Op, name="unfold"):
    """Each window of an image as a column (im2col).

    y[b, (c, u, v), (i, j)] = x[b, c, i*stride + u*dilation - before, ...]

    A column lists the channels, within each the rows of the window; windows are listed row
    by row.  Pads are zeros.
    Source: PyTorch Unfold; Chellapilla et al. 2006, section 3.
    """

    signature = "x: b c *size -> y: b rows blocks"
    category = "shape"
    accepts = "any"
    main = "kernel"
    views = True

    kernel: Sizes
    stride: Sizes = 1
    pad: Pad = 0
    dilation: Sizes = 1

    def check(self) -> None:
        """Positive sizes, no negative pads."""
        check_positive(kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis."""
        return axis_windows(rank, self.kernel, self.stride, self.pad, self.dilation)

    def derive(self, d: Match) -> dict[str, Any]:
        """Elements of a window, and windows."""
        counts = window_counts(d, d.size, self.windows(len(d.size)))
        return {"rows": d.c * product(d.kernel), "blocks": product(counts)}

    def compute(self, x: Array) -> Array:
        """A strided view, copied into its new shape."""
        windows = windows_at(self.windows(x.ndim - 2), x.shape[2:])
        view = windows.view(windows.pad(x))
        rows = x.shape[1] * math.prod(windows.kernel)
        return view.reshape(len(x), rows, math.prod(view.shape[2 + len(windows.kernel) :]))

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, all kinds of pad."""
        yield cls(kernel=(3, 2)), (2, 3, 7, 5)
        yield cls(kernel=3, stride=2, pad=1, dilation=2), (2, 3, 11, 8)
        yield cls(kernel=4, stride=3, pad="same_upper"), (2, 3, 13)
        yield cls(kernel=(1, 2, 3), pad=((0, 0), (1, 0), (0, 2))), (2, 3, 4, 6, 7)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Channels before taps; windows row by row; pads."""
        x = np.arange(6.0).reshape(1, 1, 2, 3)
        yield cls(kernel=2), (x,), [[[0, 1], [1, 2], [3, 4], [4, 5]]]
        both = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
        yield cls(kernel=2), (both,), [[[1, 2], [2, 3], [4, 5], [5, 6]]]
        ends = [[[0, 2], [1, 3]]]
        yield cls(kernel=2, stride=2, pad=((1, 0),)), (both[:, :1],), ends
        yield cls(kernel=2, dilation=2), (both[:, :1],), [[[1], [3]]]


class Fold(Op, name="fold"):
    """Add columns up at the places of their windows (col2im): the adjoint of `unfold`.

    y[b,c,p] = sum over u, i with p = i*stride + u*dilation - before of x[b, (c, u), i]

    What falls into the pads is lost.  Where windows do not overlap, fold undoes unfold.
    Source: ONNX Col2Im-18; PyTorch Fold.
    """

    signature = "x: b rows blocks -> y: b c *outsize"
    category = "shape"
    main = "output_size"

    output_size: ShapeAttr
    kernel: Sizes
    stride: Sizes = 1
    pad: Pad = 0
    dilation: Sizes = 1

    def check(self) -> None:
        """Positive sizes, no negative pads."""
        check_positive(kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)

    def windows(self) -> tuple[AxisWindow, ...]:
        """The window along each axis."""
        rank = len(self.output_size)
        return axis_windows(rank, self.kernel, self.stride, self.pad, self.dilation)

    def derive(self, d: Match) -> dict[str, Any]:
        """Channels that the rows hold; the columns must be the windows of the result."""
        axes, sizes = self.windows(), tuple(self.output_size)
        counts = window_counts(d, sizes, axes)
        d.require("==", d.blocks, product(counts), "x axis 2 and windows of output_size")
        return {"c": d.divide(d.rows, product(a.kernel for a in axes)), "outsize": sizes}

    def compute(self, x: Array) -> Array:
        """One tap of the windows after the other."""
        axes, sizes = self.windows(), tuple(fixed_size(n, "output_size") for n in self.output_size)
        windows = windows_at(axes, sizes)
        counts: Any = tuple(axis.count(n) for axis, n in zip(axes, sizes, strict=True))
        taps = math.prod(windows.kernel)
        wide = widened(x).reshape(len(x), x.shape[1] // taps, taps, *counts)
        full = [n + before + after for n, (before, after) in zip(sizes, windows.pads, strict=True)]
        y = np.zeros((*wide.shape[:2], *full), wide.dtype)
        for number, place in enumerate(windows.taps(counts)):
            y[place] += wide[:, :, number]
        inner = places([before for before, _ in windows.pads], sizes, [1] * len(sizes))
        return np.ascontiguousarray(y[inner], x.dtype)

    def cost(self, d: Match) -> Cost:
        """One addition for each element of x."""
        return Cost(0, d.b * d.rows * d.blocks)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, all kinds of pad."""
        yield cls(output_size=(7, 5), kernel=(3, 2)), (2, 18, 20)
        yield cls(output_size=(11, 8), kernel=3, stride=2, pad=1, dilation=2), (2, 27, 15)
        yield cls(output_size=(13,), kernel=4, stride=3, pad="same_upper"), (2, 12, 5)
        yield (
            cls(output_size=(4, 6, 7), kernel=(1, 2, 3), pad=((0, 0), (1, 0), (0, 2))),
            (2, 18, 168),
        )

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Overlap; order; what the pads take."""
        x = np.array([[[1.0, 2.0], [10.0, 20.0]]])
        yield cls(output_size=(3,), kernel=2), (x,), [[[1, 12, 20]]]
        yield cls(output_size=(4,), kernel=2, stride=2), (x,), [[[1, 10, 2, 20]]]
        yield cls(output_size=(4,), kernel=2, dilation=2), (x,), [[[1, 2, 10, 20]]]
        yield cls(output_size=(3,), kernel=2, stride=2, pad=((1, 0),)), (x,), [[[10, 2, 20]]]
        yield cls(output_size=(2, 1), kernel=1), (x,), [[[[1], [2]], [[10], [20]]]]


class Frame(Op, name="frame"):
    """Overlapping pieces of a signal along a new last axis.

    y[..., i, ..., u] = x[..., i*step + u, ...], u = 0 ... length - 1, i counting along ``axis``

    What is left over at the end is dropped.
    Source: PyTorch Tensor.unfold; TensorFlow signal.frame (last axis).
    """

    signature = "x: *shape -> y: *framed"
    category = "shape"
    accepts = "any"
    main = "length"
    views = True

    length: int
    step: int = 1
    axis: int = -1

    def check(self) -> None:
        """Positive numbers."""
        check_positive(length=self.length, step=self.step)

    def derive(self, d: Match) -> dict[str, Any]:
        """floor((size - length)/step) + 1 frames."""
        if not d.shape:
            raise ShapeError("x has no axes to cut into frames")
        axis = axis_index(self.axis, len(d.shape), "frame")
        size = d.shape[axis]
        d.require("<=", self.length, size, f"length of a frame and size along axis {axis}")
        count = (size - self.length) // self.step + 1
        return {"framed": (*d.shape[:axis], count, *d.shape[axis + 1 :], self.length)}

    def compute(self, x: Array) -> Array:
        """A strided view."""
        axis = axis_index(self.axis, x.ndim, "frame")
        every = (slice(None),) * axis + (slice(None, None, self.step),)
        view: Array = sliding_window_view(x, self.length, axis)[every]
        return view

    def cost(self, d: Match) -> Cost:
        """Nothing: the result is a view."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis, another one, frames that overlap and that leave gaps."""
        yield cls(length=4), (2, 9)
        yield cls(length=3, step=2, axis=1), (2, 8, 5)
        yield cls(length=2, step=5, axis=0), (13,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Overlap; what is left over; another axis."""
        x = np.arange(5.0)
        yield cls(length=3), (x,), [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        yield cls(length=2, step=2), (x,), [[0, 1], [2, 3]]
        yield cls(length=2, axis=0), (x[:4].reshape(2, 2),), [[[0, 2], [1, 3]]]
