"""Max pooling that says where its results stood, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from framework.ir.attributes import Pad, ShapeAttr, Sizes
from framework.ir.dims import Size, product
from framework.ir.op import Array, Cost, Match, Op, Sample, spread
from framework.numerics.pooling import max_places
from framework.ops.pooling import WindowPool, counts
from framework.ops.window import AxisWindow, axis_windows, check_pad, check_positive, windows_at


class MaxPoolWithIndices(WindowPool, name="max_pool_with_indices"):
    """Keep the largest element of each window, and where it stood.

    y[b,c,i] = max over u of x[b, c, i*stride + u*dilation - before], at position p of size n:
        indices[b,c,i] = p_1*n_2 + p_2 (rows), p_1 + p_2*n_1 (columns first), counted without pads

    ``within`` the plane of one channel, or the whole tensor: (b*channels + c)*n_1*n_2 more.
    Of equal elements the first counts; windows are those of `max_pool`.
    Source: ONNX MaxPool-22 (Indices: the whole tensor); PyTorch max_pool2d_with_indices (plane).
    """

    signature = "x: b c *size -> y: b c *outsize, indices<int64>: b c *outsize"
    accepts = "number"

    kernel: Sizes
    stride: Sizes | None = None
    pad: Pad = 0
    dilation: Sizes = 1
    ceil_mode: bool = False
    within: Literal["plane", "tensor"] = "plane"
    order: Literal["rows", "columns"] = "rows"

    def derive(self, d: Match) -> dict[str, Any]:
        """Output sizes, rounded as asked; no window may be without an element."""
        for number, size in enumerate(d.size):
            d.require("<=", 1, size, f"1 and the size along axis {number + 2}")
        return super().derive(d)

    def compute(self, x: Array) -> tuple[Array, Array]:
        """The first of the largest elements; positions as one number."""
        axes, sizes = self.windows(x.ndim - 2), x.shape[2:]
        y, at = max_places(x, windows_at(axes, sizes), counts(axes, x, self.ceil_mode))
        steps = flat_steps(sizes, self.order)
        flat = np.tensordot(np.array(steps), at, 1).astype(np.int64)
        if self.within == "tensor":
            flat += first_elements(x.shape)
        return y, flat

    def cost(self, d: Match) -> Cost:
        """One comparison for each element of each window."""
        return Cost(0, product(d.y) * product(d.kernel))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, pads, rounding up, all ways to count."""
        yield cls(kernel=2), (2, 3, 6, 9)
        yield cls(kernel=3, stride=2, pad=1, within="tensor"), (2, 3, 7, 10)
        yield cls(kernel=2, stride=3, pad=((0, 1),), dilation=2), (2, 3, 11)
        yield (
            cls(kernel=(1, 3, 2), stride=(1, 2, 3), pad=(0, 1, 0), order="columns"),
            (2, 3, 4, 5, 7),
        )
        yield cls(kernel=3, stride=2, ceil_mode=True, within="tensor"), (2, 3, 6, 8)
        yield cls(kernel=2, stride=1, pad="same_lower"), (2, 3, 4, 5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both orders; plane and tensor; the first of equal ones; pads are not counted."""
        x = np.array([[[[1.0, 2.0, 9.0], [3.0, 4.0, 5.0]], [[7.0, 7.0, 0.0], [7.0, 7.0, 0.0]]]])
        row: dict[str, Any] = {"kernel": (2, 2), "stride": (1, 1)}
        largest = [[[[4, 9]], [[7, 7]]]]
        yield cls(**row), (x,), (largest, [[[[4, 2]], [[0, 1]]]])
        yield cls(**row, within="tensor"), (x,), (largest, [[[[4, 2]], [[6, 7]]]])
        yield cls(**row, order="columns"), (x,), (largest, [[[[3, 4]], [[0, 2]]]])
        line = np.array([[[-np.inf, -8.0, np.nan]]])
        yield cls(kernel=2, pad=1), (line,), ([[[-np.inf, np.nan]]], [[[0, 2]]])


class MaxUnpool(Op, name="max_unpool"):
    """Put elements back to where `max_pool_with_indices` found them; the others are zero.

    y[b,c,p] = x[b,c,i] where indices[b,c,i] is p, else 0

    The size is (size - 1)*stride + kernel - before - after, or ``output_size``.  Indices count
    rows ``within`` the plane of one channel, or the whole tensor.
    Source: ONNX MaxUnpool-22 (the whole tensor); PyTorch MaxUnpool2d (plane).
    """

    signature = "x: b c *size, indices<int>: b c *size -> y: b c *outsize"
    category = "pooling"
    accepts = "number"
    main = "kernel"

    kernel: Sizes
    stride: Sizes | None = None
    pad: Pad = 0
    output_size: ShapeAttr | None = None
    within: Literal["plane", "tensor"] = "plane"

    def check(self) -> None:
        """Positive sizes, no negative pads."""
        check_positive(kernel=self.kernel, stride=self.stride)
        check_pad(self.pad)

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis."""
        stride = self.kernel if self.stride is None else self.stride
        return axis_windows(rank, self.kernel, stride, self.pad)

    def sizes(self, size: tuple[Size, ...]) -> tuple[Size, ...]:
        """Sizes of the result."""
        axes = self.windows(len(size))
        if self.output_size is not None:
            return spread(tuple(self.output_size), len(size), "output_size")
        return tuple(
            axis.reach(n) - sum(axis.pad) if isinstance(axis.pad, tuple) else n * axis.stride
            for axis, n in zip(axes, size, strict=True)
        )

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes of what was pooled."""
        result = self.sizes(d.size)
        for number, size in enumerate(result):
            d.require("<=", 0, size, f"0 and the size of the result along axis {number + 2}")
        return {"outsize": result}

    def index_limit(self, d: Match) -> Mapping[str, Size]:
        """The elements of the plane, or of the tensor."""
        plane = product(d.outsize)
        return {"indices": d.b * d.c * plane if self.within == "tensor" else plane}

    def compute(self, x: Array, indices: Array) -> Array:
        """Every element written to its place."""
        shape: Any = (*x.shape[:2], *self.sizes(x.shape[2:]))
        at = indices if self.within == "tensor" else indices + first_elements(shape)
        y = np.zeros(shape, x.dtype)
        y.reshape(-1)[at.reshape(-1)] = x.reshape(-1)
        return y

    def cost(self, d: Match) -> Cost:
        """Nothing is computed, elements are only moved."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One and two axes, all ways to say the size and to count."""
        yield cls(kernel=2), (2, 3, 4, 5), Sample((2, 3, 4, 5), "int64", high=80)
        yield (
            cls(kernel=3, stride=2, pad=1, within="tensor"),
            (2, 3, 6, 5),
            Sample((2, 3, 6, 5), "int64", high=594),
        )
        yield cls(kernel=3, output_size=(14,)), (2, 3, 4), Sample((2, 3, 4), "int32", high=14)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Plane and tensor; the default size and another."""
        x, at = np.array([[[1.0], [2.0]]]), np.array([[[1], [0]]])
        yield cls(kernel=2), (x, at), [[[0, 1], [2, 0]]]
        yield cls(kernel=2, output_size=(3,)), (x, at), [[[0, 1, 0], [2, 0, 0]]]
        yield cls(kernel=2, within="tensor"), (x, at), [[[2, 1], [0, 0]]]
        two, places = np.array([[[5.0, 6.0]]]), np.array([[[0, 2]]])
        yield cls(kernel=3, stride=2, pad=1), (two, places), [[[5, 0, 6]]]


def flat_steps(sizes: Sequence[int], order: str) -> list[int]:
    """How far the next element along each axis is, rows or columns one after another.

    >>> flat_steps((2, 3, 4), "rows"), flat_steps((2, 3, 4), "columns")
    ([12, 4, 1], [1, 2, 6])
    """
    rank = len(sizes)
    if order == "columns":
        return [int(np.prod(sizes[:axis], dtype=np.int64)) for axis in range(rank)]
    return [int(np.prod(sizes[axis + 1 :], dtype=np.int64)) for axis in range(rank)]


def first_elements(shape: Sequence[int]) -> Array:
    """For each image and channel the position of its first element in the tensor."""
    batch, channels, *sizes = shape
    plane = int(np.prod(sizes, dtype=np.int64))
    first = np.arange(batch * channels, dtype=np.int64) * plane
    return first.reshape(batch, channels, *([1] * (len(shape) - 2)))
