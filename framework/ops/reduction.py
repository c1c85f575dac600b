"""Sums, means, products, norms and extremes over axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from framework.errors import ShapeError
from framework.ir.attributes import Axes
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType
from framework.numerics.convolution import widened
from framework.ops.kernels import all_fast, kernel_of
from framework.ops.rules import axes_of

FRACTIONS = ("mean", "l2", "log_sum", "log_sum_exp")
"""What needs floating-point numbers."""

EXTREMES = ("max", "min")

Over = dict[str, Any]


def log_sum_exp(x: Array, over: Over) -> Array:
    """``log(sum(exp(x)))``; the largest element is subtracted first, so that exp stays below 1."""
    top = x.max(over["axis"], keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    total = np.asarray(np.log(np.exp(x - top).sum(over["axis"], keepdims=True)) + top)
    return total if over["keepdims"] else total.reshape(total.sum(**over).shape)


def extreme(x: Array, over: Over, op: str, empty: str) -> Array:
    """The largest or smallest element; of none, what every element of the dtype replaces."""
    reduce = np.max if op == "max" else np.min
    if empty == "refused":
        return np.asarray(reduce(x, **over))
    return np.asarray(reduce(x, **over, initial=nothing(x.dtype, op)))


def nothing(dtype: Any, op: str) -> Any:
    """The extreme of no elements: the smallest number for max, the largest for min."""
    if dtype.kind == "f":
        return -np.inf if op == "max" else np.inf
    if dtype.kind == "b":
        return op != "max"
    limits = np.iinfo(dtype)
    return limits.min if op == "max" else limits.max


SUMS: dict[str, Callable[[Array, Over], Any]] = {
    "sum": lambda x, over: x.sum(**over),
    "mean": lambda x, over: np.mean(x, **over),
    "prod": lambda x, over: x.prod(**over),
    "l1": lambda x, over: np.abs(x).sum(**over),
    "l2": lambda x, over: np.sqrt(np.square(x).sum(**over)),
    "sum_square": lambda x, over: np.square(x).sum(**over),
    "log_sum": lambda x, over: np.log(x.sum(**over)),
    "log_sum_exp": log_sum_exp,
}

INTO: dict[str, Callable[..., Any]] = {
    "sum": np.add.reduce,
    "prod": np.multiply.reduce,
    "max": np.maximum.reduce,
    "min": np.minimum.reduce,
    "mean": lambda x, axes, out, keepdims: np.mean(x, axes, out=out, keepdims=keepdims),
}


class Reduce(Op, name="reduce"):
    """Combine the elements along some axes, or along all of them, into one.

    y = sum, mean, max, min or prod of x over ``axes``; they disappear unless ``keepdims``
    l1 = sum of |x|        sum_square = sum of x²            l2 = sqrt(sum of x²)
    log_sum = ln(sum of x)        log_sum_exp = ln(sum of e^x)
    Source: ONNX ReduceSum-13, ReduceMean-18, ReduceMax-20, ReduceMin-20, ReduceProd-18,
    ReduceL1-18, ReduceL2-18, ReduceSumSquare-18, ReduceLogSum-18, ReduceLogSumExp-18.
    Integers keep their dtype (sums wrap around) and have no mean, l2 or logarithm; truth values
    have max and min only; float16 is summed in float32.  The max or min of no elements is
    refused, unless ``empty`` is identity: then it is -inf or inf, the least or largest integer.
    """

    signature = "x: *x -> y: *y"
    category = "reduction"
    accepts = "any"
    main = "op"

    op: Literal[
        "sum", "mean", "max", "min", "prod", "l1", "l2", "sum_square", "log_sum", "log_sum_exp"
    ]
    axes: Axes | None = None
    keepdims: bool = False
    empty: Literal["refused", "identity"] = "refused"

    def derive(self, d: Match) -> dict[str, Any]:
        """The other axes, or 1 in place of the reduced ones."""
        axes = axes_of(self.axes, len(d.x), "x")
        given: Any = d.types["x"]
        self._check_dtype(given.dtype)
        if self.op == "mean" or (self.op in EXTREMES and self.empty == "refused"):
            for axis in axes:
                d.require("<=", 1, d.x[axis], f"{self.op} over axis {axis} of x")
        sizes = ((1 if axis in axes else size, axis) for axis, size in enumerate(d.x))
        return {"y": tuple(size for size, axis in sizes if self.keepdims or axis not in axes)}

    def _check_dtype(self, dtype: str) -> None:
        if self.op in FRACTIONS and "float" not in dtype:
            hint = "cast it first" if dtype != "bool" else None
            raise ShapeError(
                f"x is {dtype}; a {self.op.replace('_', ' ')} needs float", code="dtype", hint=hint
            )
        if dtype == "bool" and self.op not in EXTREMES:
            raise ShapeError(f"x is bool; a {self.op.replace('_', ' ')} needs number", code="dtype")

    def compute(self, x: Array) -> Array:
        """The reduction, accumulated in at least float32."""
        over = {"axis": axes_of(self.axes, x.ndim, "x"), "keepdims": self.keepdims}
        # A float16 sum may still be too large: inf.  The logarithm of 0 is -inf.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
            if self.op in EXTREMES:
                y = extreme(x, over, self.op, self.empty)
            else:
                y = SUMS[self.op](widened(x), over)
            return np.asarray(y).astype(x.dtype, copy=y is x)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """NumPy's own reductions into given memory."""
        function = INTO.get(self.op)
        if function is None or self.empty != "refused" or not all_fast(types):
            return None
        axes = axes_of(self.axes, types[0].rank if types[0] else 0, "x")

        def run(x: Array, out: Array, scratch: Array) -> None:
            function(x, axes, out=out, keepdims=self.keepdims)

        return kernel_of(self, types, run)

    def cost(self, d: Match) -> Cost:
        """One operation for each element, two where it is squared or the like first."""
        twice = self.op in ("l1", "l2", "sum_square", "log_sum_exp")
        return Cost(elementwise=product(d.x) * (2 if twice else 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis, several, all; kept and not; integers; each word."""
        yield cls("sum", axes=1), (2, 3, 4)
        yield cls("mean", axes=(-1, -2)), (2, 3, 4, 5)
        yield cls("max", axes=0, keepdims=True), (3, 4)
        yield cls("min"), (2, 3)
        yield cls("sum", axes=-1), Sample((2, 3), "int32", high=9)
        yield cls("max", keepdims=True), Sample((2, 3), "uint8", high=9)
        yield cls("mean", axes=()), (2, 3)
        yield cls("max", axes=0, empty="identity"), Sample((0, 3), "int64")
        yield cls("min", axes=1, empty="identity"), Sample((2, 3), "bool")
        yield cls("prod", axes=-1), (2, 3)
        yield cls("l1", axes=(0, 2)), (2, 3, 4)
        yield cls("l2", axes=1, keepdims=True), (2, 3)
        yield cls("sum_square"), (5, 3)
        yield cls("log_sum", axes=()), (5,)
        yield cls("log_sum_exp", axes=(0, -1)), (2, 3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Each word; what nothing gives; float16 does not overflow on the way."""
        x = np.array([[1.0, 2.0, 6.0], [-1.0, 0.0, 4.0]])
        yield cls("sum", axes=0), (x,), [0, 2, 10]
        yield cls("mean", axes=1), (x,), [3, 1]
        yield cls("max"), (x,), 6
        yield cls("min", axes=1, keepdims=True), (x,), [[1], [-1]]
        yield cls("prod", axes=1), (x,), [12, 0]
        yield cls("l1", axes=1), (x,), [9, 5]
        yield cls("sum_square", axes=0), (x,), [2, 4, 52]
        yield cls("l2", axes=1), (np.array([[3.0, -4.0]]),), [5]
        yield cls("log_sum"), (np.array([0.5, 0.5]),), 0
        yield cls("log_sum_exp"), (np.array([1000.0, 1000.0]),), 1000.693147180559945
        yield cls("log_sum_exp", axes=0), (np.array([[-np.inf, np.inf]] * 2),), [-np.inf, np.inf]
        yield cls("l1", axes=()), (x[1],), [1, 0, 4]
        none = np.zeros((0, 2))
        yield cls("sum", axes=0), (none,), [0, 0]
        yield cls("prod", axes=0), (none,), [1, 1]
        yield cls("log_sum_exp", axes=0), (none,), [-np.inf, -np.inf]
        yield cls("min", axes=0, empty="identity"), (none,), [np.inf, np.inf]
        large = np.array([[6e4, 1], [6e4, 2], [-6e4, 3]], np.float16)
        yield cls("sum", axes=0), (large,), [6e4, 6]
