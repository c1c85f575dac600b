"""Tensors made of sizes: ranges, filled tensors, diagonals, and shapes as tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import ShapeAttr, SizeAttr
from framework.ir.dims import ceildiv, format_shape, maximum
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import fixed_size
from framework.ops.constant import Dtype, check_number


class Generator(Op):
    """Family: the data come from sizes and attributes alone; there is no arithmetic."""

    category = "constant"

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()


class Range(Generator, name="range"):
    """Whole numbers from ``start`` up to, but not including, ``stop``.

    y[i] = start + i * step
    Source: ONNX Range-11; torch.arange; NumPy arange.
    """

    signature = "-> y<@dtype>: count"
    main = "stop"

    stop: SizeAttr
    start: SizeAttr = 0
    step: int = 1
    dtype: Dtype = "int64"

    def check(self) -> None:
        """A step of 0 goes nowhere."""
        if self.step == 0:
            raise Mistake("range with the step 0; expected another number")

    def derive(self, d: Match) -> dict[str, Any]:
        """``ceil((stop - start) / step)``, and never below 0."""
        self.check()
        way = self.stop - self.start if self.step > 0 else self.start - self.stop
        return {"count": ceildiv(maximum(way, 0), abs(self.step))}

    def compute(self, *arrays: Array) -> Array:
        """NumPy's arange."""
        start, stop = fixed_size(self.start, "range"), fixed_size(self.stop, "range")
        return np.arange(start, stop, self.step).astype(self.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Up, down, in steps, nothing, another dtype."""
        yield (cls(stop=5),)
        yield (cls(stop=9, start=2, step=3, dtype="float32"),)
        yield (cls(stop=2, start=9, step=-2),)
        yield (cls(stop=3, start=7),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The stop is left out, in both directions."""
        yield cls(stop=3), (), [0, 1, 2]
        yield cls(start=1, stop=7, step=3), (), [1, 4]
        yield cls(start=10, stop=4, step=-2), (), [10, 8, 6]
        yield cls(start=-2, stop=1), (), [-2, -1, 0]


class Full(Generator, name="full"):
    """A tensor of a given shape that has the same number everywhere.

    y[...] = value
    Source: ONNX ConstantOfShape-25; torch.full.
    """

    signature = "-> y<@dtype>: *shape"
    main = "shape"

    shape: ShapeAttr
    value: float = 0.0
    dtype: Dtype = "float32"

    def check(self) -> None:
        """The dtype can hold the number; sizes are not negative."""
        check_number(self.value, self.dtype)
        for size in self.shape:
            if isinstance(size, int) and size < 0:
                raise Mistake(f"full of {format_shape(self.shape)}; {size} is no size")

    def derive(self, d: Match) -> dict[str, Any]:
        """The shape as written."""
        self.check()
        for size in self.shape:
            d.require("<=", 0, size, "0 and a size of full")
        return {}

    def compute(self, *arrays: Array) -> Array:
        """NumPy's full."""
        shape = [fixed_size(size, "full") for size in self.shape]
        return np.full(shape, np.asarray(self.value).astype(self.dtype))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Zeros, ones, another dtype, a single number, nothing."""
        yield (cls(shape=(2, 3)),)
        yield (cls(shape=(4,), value=1.0, dtype="int64"),)
        yield (cls(shape=(), value=2.5, dtype="float16"),)
        yield (cls(shape=(2, 0), value=1.0, dtype="bool"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The value everywhere."""
        yield cls(shape=(2, 1), value=-1.5), (), [[-1.5], [-1.5]]


class EyeLike(Generator, name="eye_like"):
    """Ones on a diagonal, zeros elsewhere, in the shape of the input.

    y[i, j] = 1 if j = i + k else 0
    Source: ONNX EyeLike-22; NumPy eye.
    """

    signature = "x<any>: h w -> y<@dtype>: h w"

    k: int = 0
    dtype: Dtype = "float32"

    def compute(self, x: Array) -> Array:
        """NumPy's eye."""
        rows, columns = x.shape
        return np.eye(rows, columns, self.k, np.dtype(self.dtype))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The main diagonal, above, below, another dtype."""
        yield cls(), (4, 3)
        yield cls(k=1, dtype="bool"), (3, 5)
        yield cls(k=-2, dtype="int64"), Sample((5, 4), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A positive k lies above."""
        x = np.zeros((2, 3))
        yield cls(), (x,), [[1, 0, 0], [0, 1, 0]]
        yield cls(k=1), (x,), [[0, 1, 0], [0, 0, 1]]
        yield cls(k=-1), (x,), [[0, 0, 0], [1, 0, 0]]


class Trilu(Op, name="trilu"):
    """The upper or the lower triangle of matrices; the rest becomes 0.

    y[..., i, j] = x[..., i, j] if j >= i + k (upper), or j <= i + k (lower), else 0
    Source: ONNX Trilu-14; torch.triu, torch.tril.
    """

    signature = "x: *lead h w -> y: *lead h w"
    category = "shape"
    accepts = "any"

    upper: bool = True
    k: SizeAttr = 0

    def compute(self, x: Array) -> Array:
        """NumPy's triu or tril."""
        k = fixed_size(self.k, "trilu")
        return np.triu(x, k) if self.upper else np.tril(x, k)

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both triangles, other diagonals, batches, no rows, truth values."""
        yield cls(), (4, 5)
        yield cls(upper=False, k=-1), (2, 3, 5, 4)
        yield cls(k=2), Sample((3, 6), "bool")
        yield cls(k=-3), (2, 0, 5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both triangles, and the diagonals beside the main one."""
        x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        yield cls(), (x,), [[1, 2, 3], [0, 5, 6]]
        yield cls(k=1), (x,), [[0, 2, 3], [0, 0, 6]]
        yield cls(upper=False), (x,), [[1, 0, 0], [4, 5, 0]]
        yield (
            cls(upper=False, k=1),
            (np.full((2, 3), np.inf),),
            np.array([[np.inf, np.inf, 0], [np.inf, np.inf, np.inf]]),
        )


class ShapeOf(Generator, name="shape_of"):
    """The sizes of a tensor as a vector of whole numbers.

    y[i] = the size of axis start + i of x; ``start`` and ``end`` cut like a slice
    Source: ONNX Shape-25.
    """

    signature = "x<any>: *x -> y<int64>: count"

    start: int = 0
    end: int | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """As many as there are axes in the slice."""
        return {"count": len(d.x[self.start : self.end])}

    def compute(self, x: Array) -> Array:
        """The shape."""
        return np.array(x.shape[self.start : self.end], np.int64)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """All axes, some, none."""
        yield cls(), (2, 3, 4)
        yield cls(start=1, end=-1), Sample((2, 3, 4, 5), "bool")
        yield cls(start=3, end=1), (2, 3)
        yield cls(), ()

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Slices of the shape, clamped."""
        x = np.zeros((3, 4, 5))
        yield cls(), (x,), [3, 4, 5]
        yield cls(start=-1), (x,), [5]
        yield cls(start=-9, end=-1), (x,), [3, 4]


class SizeOf(Generator, name="size_of"):
    """The number of elements of a tensor.

    y = the product of all sizes
    Source: ONNX Size-25.
    """

    signature = "x<any>: *x -> y<int64>:"

    def compute(self, x: Array) -> Array:
        """The size."""
        return np.array(x.size, np.int64)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Some axes, none."""
        yield cls(), (2, 3, 4)
        yield cls(), Sample((), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Six; a single number; none."""
        yield cls(), (np.zeros((2, 3)),), 6
        yield cls(), (np.zeros(()),), 1
        yield cls(), (np.zeros((2, 0)),), 0
