"""Softmax and its kin: each result depends on a whole row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, axis_index
from framework.numerics.convolution import widened
from framework.numerics.rows import log_softmax_into, softmax_into
from framework.numerics.softmax import softmax
from framework.ops.kernels import all_fast, kernel_of


class AlongAxis(Op):
    """Family: the elements along an axis, which is not empty, decide together."""

    signature = "x: *shape -> y: *shape"
    category = "softmax"

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis must exist and not be empty."""
        axis = axis_index(d.axis, len(d.shape), "x")
        d.require("<=", 1, d.shape[axis], f"1 and the size along axis {axis}")
        return {}

    def cost(self, d: Match) -> Cost:
        """Maximum, difference, exponential, sum and quotient (or logarithm) of each element."""
        return Cost(0, 5 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis, an inner one."""
        yield cls(), (2, 3, 4)
        yield cls(axis=1), (2, 3, 4, 5)


class Softmax(AlongAxis, name="softmax"):
    """Positive numbers that add up to one along an axis.

    y = exp(x) / sum over the axis of exp(x)

    A row that is -inf throughout is NaN, as in ONNX and PyTorch; with ``masked`` it is
    zeros, as a query that sees nothing should be.
    Source: ONNX Softmax-13.
    """

    main = "axis"

    axis: int = -1
    masked: bool = False

    def compute(self, x: Array) -> Array:
        """The largest element is subtracted first."""
        return softmax(x, self.axis, self.masked)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In place, in blocks of rows."""
        if not all_fast(types):
            return None

        def run(x: Array, out: Array, scratch: Array) -> None:
            softmax_into(x, out, self.axis, self.masked, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis, an inner one, with masking."""
        yield from super().examples()
        yield cls(axis=0, masked=True), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No overflow; rows of -inf with and without ``masked``; the axis."""
        hidden = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
        yield cls(), (np.array([1000.0, 1000.0 + np.log(3.0)]),), [0.25, 0.75]
        yield cls(), (hidden,), [[np.nan, np.nan], [1, 0]]
        yield cls(masked=True), (hidden,), [[0, 0], [1, 0]]
        yield cls(axis=0), (np.array([[0.0, 5.0], [np.log(3.0), 5.0]]),), [[0.25, 0.5], [0.75, 0.5]]


class LogSoftmax(AlongAxis, name="log_softmax"):
    """The logarithm of `softmax`, which stays finite.

    y = x - ln(sum over the axis of exp(x))
    Source: ONNX LogSoftmax-13.
    """

    axis: int = -1

    def compute(self, x: Array) -> Array:
        """The largest element is subtracted first; float16 is computed in float32."""
        wide = widened(x)
        with np.errstate(invalid="ignore", under="ignore", over="ignore"):
            below = wide - wide.max(self.axis, keepdims=True)
            total = np.log(np.exp(below).sum(self.axis, keepdims=True))
            return np.asarray(below - total, x.dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In place, in blocks of rows."""
        if not all_fast(types):
            return None

        def run(x: Array, out: Array, scratch: Array) -> None:
            log_softmax_into(x, out, self.axis, scratch, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No overflow; the axis."""
        x = np.array([[1000.0, 1000.0 + np.log(3.0)], [0.0, -1000.0]])
        yield cls(), (x,), [[-np.log(4), np.log(0.75)], [0, -1000]]
        yield cls(axis=0), (x[:, :1],), [[0], [-1000]]


class Hardmax(AlongAxis, name="hardmax"):
    """One at the largest element along an axis, the first of several, zero elsewhere.

    y = 1 where x = max over the axis of x, at its first place, 0 elsewhere
    Source: ONNX Hardmax-13.
    """

    axis: int = -1

    def compute(self, x: Array) -> Array:
        """One is put at the place that argmax finds."""
        y = np.zeros_like(x)
        np.put_along_axis(y, np.expand_dims(x.argmax(self.axis), self.axis), 1, self.axis)
        return y

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(0, product(d.shape))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first of equals; the axis."""
        x = np.array([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]])
        yield cls(), (x,), [[0, 1, 0], [1, 0, 0]]
        yield cls(axis=0), (x,), [[0, 1, 1], [1, 0, 0]]
