"""Running sums and products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index
from framework.numerics.convolution import widened


class Cumulative(Op):
    """Family: an operation folded along an axis, with all intermediate results."""

    signature = "x: *x -> y: *x"
    category = "reduction"
    accepts = "number"
    main = "axis"
    function: ClassVar[np.ufunc]

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis exists."""
        axis_index(self.axis, len(d.x), "x")
        return {}

    def compute(self, x: Array) -> Array:
        """NumPy's accumulate; exclusive ones are shifted by one place."""
        wide = np.moveaxis(widened(x), self.axis, 0)
        wide = wide[::-1] if self.reverse else wide
        with np.errstate(over="ignore"):
            y = np.empty_like(wide)
            if self.exclusive:
                y[:1] = type(self).function.identity
                type(self).function.accumulate(wide[:-1], 0, out=y[1:])
            else:
                type(self).function.accumulate(wide, 0, out=y)
            y = y[::-1] if self.reverse else y
            return np.moveaxis(y, 0, self.axis).astype(x.dtype, order="C")

    def cost(self, d: Match) -> Cost:
        """One operation for each element."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis, exclusive and reverse, integers."""
        yield cls(axis=1), (2, 5, 3)
        yield cls(axis=0, exclusive=True), (4, 3)
        yield cls(axis=-1, reverse=True), (3, 4)
        yield cls(axis=0, exclusive=True, reverse=True), Sample((6, 2), "int32", high=9)


class CumSum(Cumulative, name="cumsum"):
    """The sum of all elements up to each one along an axis; integers wrap around.

    y[i] = x[0] + ... + x[i]; ``exclusive`` leaves x[i] out; ``reverse`` counts from the end
    Source: ONNX CumSum-14; torch.cumsum.
    """

    function = np.add

    axis: int
    exclusive: bool = False
    reverse: bool = False

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """All four ways."""
        x = np.array([1.0, 2.0, 4.0])
        yield cls(axis=0), (x,), [1, 3, 7]
        yield cls(axis=0, exclusive=True), (x,), [0, 1, 3]
        yield cls(axis=0, reverse=True), (x,), [7, 6, 4]
        yield cls(axis=0, exclusive=True, reverse=True), (x,), [6, 4, 0]
        yield cls(axis=1), (np.array([[1, 2], [3, 4]]),), [[1, 3], [3, 7]]


class CumProd(Cumulative, name="cumprod"):
    """The product of all elements up to each one along an axis; integers wrap around.

    y[i] = x[0] * ... * x[i]; ``exclusive`` leaves x[i] out; ``reverse`` counts from the end
    Source: ONNX CumProd-26; torch.cumprod.
    """

    function = np.multiply

    axis: int
    exclusive: bool = False
    reverse: bool = False

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """All four ways."""
        x = np.array([2.0, 3.0, 5.0])
        yield cls(axis=0), (x,), [2, 6, 30]
        yield cls(axis=0, exclusive=True), (x,), [1, 2, 6]
        yield cls(axis=0, reverse=True), (x,), [30, 15, 5]
        yield cls(axis=0, exclusive=True, reverse=True), (x,), [15, 5, 1]
