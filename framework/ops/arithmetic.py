"""Elementwise arithmetic with broadcasting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, broadcast
from framework.numerics.convolution import widened
from framework.numerics.curves import scale
from framework.ops.casting import converted
from framework.ops.kernels import all_fast, curve_kernel, folded_kernel, ufunc_kernel


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

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""
        return folded_kernel(self, types, type(self).function, how)

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
        """The function, broadcast; NaN and inf come without a warning."""
        with np.errstate(all="ignore"):
            return np.asarray(type(self).function(a, b))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory, where one function is all that `compute` does."""
        if type(self).compute is not Binary.compute:
            return None
        return ufunc_kernel(self, types, type(self).function, how)

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


class Mean(Op, name="mean"):
    """The mean of all tensors at each position, broadcast.

    y = (xs[0] + xs[1] + ...) / n
    Source: ONNX Mean-13; `reduce` takes the mean over axes.
    """

    signature = "xs+: *x -> y: *y"
    category = "arithmetic"
    derive = Variadic.derive

    def compute(self, xs: tuple[Array, ...]) -> Array:
        """The sum, in at least float32, divided by the number of tensors."""
        total = reduce(np.add, map(widened, xs)) / len(xs)
        return np.asarray(total, xs[0].dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""
        if not all_fast(types):
            return None
        return folded_kernel(self, types, np.add, how, divisor=len(types))

    def decompose(self, g: Any, xs: tuple[Any, ...]) -> Any:
        """A sum, scaled."""
        return g.scale(g.add(*xs), by=1 / len(xs))

    def cost(self, d: Match) -> Cost:
        """One operation for each element of the result and each tensor."""
        return Cost(elementwise=product(d.y) * len(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, broadcasting, three tensors, one."""
        yield cls(), [(2, 3), (2, 3)]
        yield cls(), [(2, 1, 4), (3, 1), (4,)]
        yield cls(), [(4, 3)]

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A column and a row."""
        yield cls(), ((np.array([[1.0], [2.0]]), np.array([3.0, 4.0])),), [[2, 2.5], [2.5, 3]]


class Pow(Binary, name="pow"):
    """One tensor to the power of another, broadcast; a root of a negative number is NaN.

    y = a ^ b

    The result has the dtype of the base; whole numbers wrap around, and their fractions are
    rounded towards zero.
    Source: ONNX Pow-15.
    """

    signature = "a: *a, b<number>: *b -> y: *y"
    accepts = "number"

    def compute(self, a: Array, b: Array) -> Array:
        """``a ** b``, silent about what has no real answer."""
        with np.errstate(all="ignore"):
            if a.dtype.kind == "f" or b.dtype.kind == "f":
                return converted(np.power(widened(a), b), str(a.dtype))
            fraction = converted(np.power(a.astype(np.float64), b), str(a.dtype))
            whole = np.power(a, np.maximum(b, 0).astype(a.dtype))
            return np.asarray(np.where(b < 0, fraction, whole), a.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Broadcasting both ways, a number; exponents of another dtype."""
        yield cls(), (2, 1, 4), (3, 1)
        yield cls(), (), (5,)
        yield cls(), (2, 3), Sample((3,), "int32", -3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The base comes first; 0^0 is 1; whole numbers."""
        a, b = np.array([2.0, 9.0, 0.0, -1.0, 0.0]), np.array([3.0, 0.5, 0.0, 0.5, -1.0])
        yield cls(), (a, b), [8, 3, 1, np.nan, np.inf]
        yield cls(), (np.array([3, 2, -1, 1]), np.array([39, -1, -3, -2])), [3**39, 0, -1, 1]
        yield cls(), (np.array([5, 2]), np.array([0.5, 3.0], "float32")), [2, 8]


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

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Block by block, in place."""
        if not all_fast(types):
            return None
        return curve_kernel(self, types, scale(self.by, self.shift), how)

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
