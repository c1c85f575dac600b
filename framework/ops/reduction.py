"""Sums, means and extremes over axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import ShapeError
from framework.ir.attributes import Axes
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType
from framework.numerics.convolution import widened
from framework.ops.rules import axes_of


class Reduce(Op, name="reduce"):
    """Combine the elements along some axes, or along all of them, into one.

    y = sum, mean, max or min of x over ``axes``; they disappear unless ``keepdims``
    Source: ONNX ReduceSum-13, ReduceMean-18, ReduceMax-20, ReduceMin-20.
    Integers keep their dtype (sums wrap around) and have no mean; float16 is summed in float32.
    """

    signature = "x: *x -> y: *y"
    category = "reduction"
    accepts = "number"
    main = "op"

    op: Literal["sum", "mean", "max", "min"]
    axes: Axes | None = None
    keepdims: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The other axes, or 1 in place of the reduced ones."""
        axes = axes_of(self.axes, len(d.x), "x")
        self._check_dtype(d.types["x"])
        if self.op != "sum":
            for axis in axes:
                d.require("<=", 1, d.x[axis], f"{self.op} over axis {axis} of x")
        sizes = ((1 if axis in axes else size, axis) for axis, size in enumerate(d.x))
        return {"y": tuple(size for size, axis in sizes if self.keepdims or axis not in axes)}

    def _check_dtype(self, given: Any) -> None:
        if self.op == "mean" and isinstance(given, TensorType) and "float" not in given.dtype:
            raise ShapeError(f"x is {given.dtype}; a mean needs float", code="dtype")

    def compute(self, x: Array) -> Array:
        """The reduction, accumulated in at least float32."""
        functions: dict[str, Callable[..., Any]]
        functions = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
        y = functions[self.op](widened(x), axes_of(self.axes, x.ndim, "x"), keepdims=self.keepdims)
        with np.errstate(over="ignore"):  # a float16 sum may still be too large: inf
            return np.asarray(y).astype(x.dtype, copy=False)

    def cost(self, d: Match) -> Cost:
        """One operation for each element."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis, several, all; kept and not; integers."""
        yield cls("sum", axes=1), (2, 3, 4)
        yield cls("mean", axes=(-1, -2)), (2, 3, 4, 5)
        yield cls("max", axes=0, keepdims=True), (3, 4)
        yield cls("min"), (2, 3)
        yield cls("sum", axes=-1), Sample((2, 3), "int32", high=9)
        yield cls("max", keepdims=True), Sample((2, 3), "uint8", high=9)
        yield cls("mean", axes=()), (2, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Each word; the sum of nothing is 0; float16 does not overflow on the way."""
        x = np.array([[1.0, 2.0, 6.0], [-1.0, 0.0, 4.0]])
        yield cls("sum", axes=0), (x,), [0, 2, 10]
        yield cls("mean", axes=1), (x,), [3, 1]
        yield cls("max"), (x,), 6
        yield cls("min", axes=1, keepdims=True), (x,), [[1], [-1]]
        yield cls("sum", axes=0), (np.zeros((0, 2)),), [0, 0]
        large = np.array([[6e4, 1], [6e4, 2], [-6e4, 3]], np.float16)
        yield cls("sum", axes=0), (large,), [6e4, 6]
