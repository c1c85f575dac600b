"""Elementwise arithmetic with broadcasting."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import broadcast


class Variadic(Op):
    """Family: one operation folded over any number of tensors, from left to right."""

    signature = "xs+: *x -> y: *y"
    category = "arithmetic"
    accepts = "number"
    function: ClassVar[np.ufunc]

    def derive(self, d: Match) -> dict[str, Any]:
        """The broadcast shape of all tensors."""
        shape, conditions = broadcast(d.x, " and ".join(f"xs.{i}" for i in range(len(d.x))))
        d.conditions += conditions
        return {"y": shape}

    def compute(self, xs: tuple[Array, ...]) -> Array:
        """Fold the function over the tensors; one tensor alone is copied."""
        return np.asarray(reduce(type(self).function, xs[1:], xs[0].copy()))

    def cost(self, d: Match) -> Cost:
        """One operation for each element of the result and each tensor after the first."""
        return Cost(elementwise=product(d.y) * (len(d.x) - 1))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, broadcasting both ways, three tensors, one, integers."""
        yield cls(), [(2, 3), (2, 3)]
        yield cls(), [(2, 1, 4), (3, 1)]
        yield cls(), [(5,), (2, 5), ()]
        yield cls(), [(4, 3)]
        yield cls(), [Sample((2, 3), "int32", high=9), Sample((3,), "int32", high=9)]


class Binary(Op):
    """Family: one operation on two tensors, which are not interchangeable."""

    signature = "a: *a, b: *b -> y: *y"
    category = "arithmetic"
    function: ClassVar[np.ufunc]

    def derive(self, d: Match) -> dict[str, Any]:
        """The broadcast shape."""
        shape, conditions = broadcast([d.a, d.b], "a and b")
        d.conditions += conditions
        return {"y": shape}

    def compute(self, a: Array, b: Array) -> Array:
        """The function, broadcast."""
        return np.asarray(type(self).function(a, b))

    def cost(self, d: Match) -> Cost:
        """One operation for each element of the result."""
        return Cost(elementwise=product(d.y))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, broadcasting both ways, a number."""
        yield cls(), (2, 3), (2, 3)
        yield cls(), (2, 1, 4), (3, 1)
        yield cls(), (), (5,)


class Add(Variadic, name="add"):
    """The sum of all tensors, broadcast; integers wrap around.

    y = xs[0] + xs[1] + ...
    Source: ONNX Add-14, Sum-13.
    """

    function = np.add

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A column and a row make a table."""
        column, row = np.array([[1.0], [2.0]]), np.array([10.0, 20.0])
        yield cls(), ((column, row, np.array(100.0)),), [[111, 121], [112, 122]]


class Mul(Variadic, name="mul"):
    """The elementwise product of all tensors, broadcast; integers wrap around.

    y = xs[0] * xs[1] * ...
    Source: ONNX Mul-14.
    """

    function = np.multiply

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Elementwise, not a matrix product."""
        yield cls(), ((np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])),), [[3, 6], [4, 8]]


class Maximum(Variadic, name="maximum"):
    """The largest of all tensors at each position; NaN wins.

    y = max(xs[0], xs[1], ...)
    Source: ONNX Max-13; NumPy maximum.
    """

    function = np.maximum

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """NaN is passed on."""
        xs = (np.array([1.0, np.nan, -3.0]), np.array([2.0, 2.0, -4.0]))
        yield cls(), (xs,), [2, np.nan, -3]


class Minimum(Variadic, name="minimum"):
    """The smallest of all tensors at each position; NaN wins.

    y = min(xs[0], xs[1], ...)
    Source: ONNX Min-13; NumPy minimum.
    """

    function = np.minimum

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """NaN is passed on."""
        xs = (np.array([1.0, np.nan, -3.0]), np.array([2.0, 2.0, -4.0]))
        yield cls(), (xs,), [1, np.nan, -4]


class Sub(Binary, name="sub"):
    """The difference of two tensors, broadcast; integers wrap around.

    y = a - b
    Source: ONNX Sub-14.
    """

    accepts = "number"
    function = np.subtract

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The second is taken from the first."""
        yield cls(), (np.array([5.0, 1.0]), np.array([[2.0], [1.0]])), [[3, -1], [4, 0]]


class Div(Binary, name="div"):
    """The true quotient of two floating-point tensors, broadcast; x/0 is inf, 0/0 is NaN.

    y = a / b
    Source: ONNX Div-14, which rounds integers towards zero; here integers are refused.
    """

    function = np.divide

    def compute(self, a: Array, b: Array) -> Array:
        """``a / b``, silent about zeros."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().compute(a, b)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first is divided by the second; division by zero."""
        a, b = np.array([7.0, -1.0, 0.0]), np.array([2.0, 0.0, 0.0])
        yield cls(), (a, b), [3.5, -np.inf, np.nan]


class Pow(Binary, name="pow"):
    """One tensor to the power of another, broadcast; a root of a negative number is NaN.

    y = a ^ b
    Source: ONNX Pow-15, for floating-point numbers of one dtype.
    """

    function = np.power

    def compute(self, a: Array, b: Array) -> Array:
        """``a ** b``, silent about what has no real answer."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().compute(a, b)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The base comes first; 0^0 is 1."""
        a, b = np.array([2.0, 9.0, 0.0, -1.0, 0.0]), np.array([3.0, 0.5, 0.0, 0.5, -1.0])
        yield cls(), (a, b), [8, 3, 1, np.nan, np.inf]


class Scale(Op, name="scale"):
    """Multiply by a number and add another.

    y = x * by + shift
    Source: ONNX Mul-14 and Add-14 with constants; the scores of Vaswani et al. 2017, eq. 1.
    """

    signature = "x: *x -> y: *x"
    category = "arithmetic"
    main = "by"

    by: float
    shift: float = 0.0

    def compute(self, x: Array) -> Array:
        """``x * by + shift``."""
        y = np.asarray(x * self.by, x.dtype)
        return y if self.shift == 0 else np.asarray(y + self.shift, x.dtype)

    def cost(self, d: Match) -> Cost:
        """One product for each element, and one sum where there is a shift."""
        return Cost(elementwise=product(d.x) * (1 if self.shift == 0 else 2))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A factor, with a shift, a single number."""
        yield cls(by=0.125), (2, 3, 4)
        yield cls(by=2.0, shift=-1.0), (5, 3)
        yield cls(by=-1.0), ()

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The shift is added after the product."""
        yield cls(by=2.0, shift=1.0), (np.array([1.0, -3.0]),), [3, -5]
