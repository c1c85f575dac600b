"""Rounding to whole numbers, and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType
from framework.numerics.curves import clip
from framework.ops.elementary import INF, NAN, Elementwise, Function
from framework.ops.kernels import all_fast, curve_kernel


class Ceil(Function, name="ceil"):
    """The nearest whole number that is not smaller.

    y = min of n with n >= x
    Source: ONNX Ceil-13.
    """

    function = np.ceil
    points = {-1.5: -1, 1.2: 2, 2: 2, INF: INF}


class Floor(Function, name="floor"):
    """The nearest whole number that is not larger.

    y = max of n with n <= x
    Source: ONNX Floor-13.
    """

    function = np.floor
    points = {-1.5: -2, 1.8: 1, 2: 2, -INF: -INF}


class Round(Function, name="round"):
    """The nearest whole number; halves go to the even one.

    y = n with |x - n| <= 1/2, n even where both are as near
    Source: ONNX Round-22; PyTorch round.
    """

    function = np.rint
    points = {0.5: 0, 1.5: 2, 2.5: 2, -2.5: -2, -0.9: -1, 2.3: 2, NAN: NAN}


class Trunc(Function, name="trunc"):
    """The whole part: rounded towards zero.

    y = sign(x) * floor(|x|)
    Source: PyTorch trunc.
    """

    function = np.trunc
    points = {-1.8: -1, 1.8: 1, 2: 2, -INF: -INF}

    def decompose(self, g: Any, x: Any) -> Any:
        """The formula."""
        return g.mul(g.sign(x), g.floor(g.abs(x)))


class Clip(Elementwise, name="clip"):
    """Elements are cut off below ``min`` and above ``max``; a limit left out does not cut.

    y = minimum(max, maximum(min, x)); where min exceeds max, all is max
    Source: ONNX Clip-13 with constant limits; NaN stays.
    """

    accepts = "number"
    main = None

    min: float | None = None
    max: float | None = None

    def check(self) -> None:
        """Limits are numbers."""
        for word, value in (("min", self.min), ("max", self.max)):
            if value is not None and value != value:
                raise Mistake(f"clip with {word} {value}; a limit must be a number")

    def compute(self, x: Array) -> Array:
        """Limits outside the range of whole numbers do not cut."""
        y = x.copy()
        if self.min is not None:
            y = np.maximum(y, limit(self.min, x.dtype, np.ceil))
        if self.max is not None:
            y = np.minimum(y, limit(self.max, x.dtype, np.floor))
        return np.asarray(y)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Block by block, in place."""
        return curve_kernel(self, types, clip(self.min, self.max), how) if all_fast(types) else None

    def cost(self, d: Match) -> Cost:
        """One comparison for each limit."""
        limits = (self.min is not None) + (self.max is not None)
        return Cost(0, limits * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both limits, one, none; whole numbers."""
        yield cls(min=-0.5, max=0.7), (2, 3, 4)
        yield cls(min=0.0), (5,)
        yield cls(max=0.25), ()
        yield cls(), (4, 3)
        yield cls(min=1.5, max=1e30), Sample((3, 4), "int32", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both ends; limits that cross; a fraction as the limit of whole numbers."""
        x = np.array([-2.0, 0.0, 3.0])
        yield cls(min=-1.0, max=2.0), (x,), [-1, 0, 2]
        yield cls(min=-1.0), (x,), [-1, 0, 3]
        yield cls(max=-1.0), (x,), [-2, -1, -1]
        yield cls(min=2.0, max=1.0), (x,), [1, 1, 1]
        yield cls(min=-0.5, max=2.5), (np.array([-2, 0, 3]),), [0, 0, 2]
        yield cls(min=-9.0, max=300.0), (np.array([0, 255], "uint8"),), [0, 255]


def limit(value: float, dtype: np.dtype[Any], inwards: Any) -> Any:
    """A limit as a number of the dtype: the next whole number inwards, and within its range."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond float16 nothing is cut
            return dtype.type(value)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if low <= value <= high:
        return dtype.type(int(inwards(value)))
    return dtype.type(low if value < low else high)
