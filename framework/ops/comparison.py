"""Comparisons: truth values from numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ops.arithmetic import Binary
from framework.ops.elementary import INF, NAN, Elementwise, Function


class Comparison(Binary):
    """Family: true where two tensors, broadcast, stand in a relation."""

    signature = "a: *a, b: *b -> y<bool>: *y"
    accepts = "number"

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Broadcasting both ways, a number, small whole numbers."""
        yield cls(), (2, 1, 4), (3, 1)
        yield cls(), (), (5,)
        yield cls(), Sample((4, 3), "int32", high=3), Sample((3,), "int32", high=3)


class Equal(Comparison, name="equal"):
    """True where two tensors agree; NaN equals nothing.

    y = (a = b)
    Source: ONNX Equal-19.
    """

    accepts = "any"
    function = np.equal

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Numbers, NaN, truth values."""
        yield cls(), (np.array([1.0, 2.0, NAN]), np.array([1.0, 3.0, NAN])), [True, False, False]
        yield cls(), (np.array([True, False]), np.array(False)), [False, True]


class NotEqual(Comparison, name="not_equal"):
    """True where two tensors differ; NaN differs from everything.

    y = not (a = b)
    Source: PyTorch ne; ONNX Equal-19 and Not-1.
    """

    accepts = "any"
    function = np.not_equal

    def decompose(self, g: Any, a: Any, b: Any) -> Any:
        """Not equal."""
        return g.logical_not(g.equal(a, b))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Numbers and NaN."""
        yield cls(), (np.array([1.0, 2.0, NAN]), np.array([1.0, 3.0, NAN])), [False, True, True]


class Greater(Comparison, name="greater"):
    """True where the first tensor is larger; false beside NaN.

    y = (a > b)
    Source: ONNX Greater-13.
    """

    function = np.greater

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Larger, equal, smaller, NaN."""
        yield cls(), (np.array([2.0, 1.0, 0.0, NAN]), np.array(1.0)), [True, False, False, False]


class GreaterOrEqual(Comparison, name="greater_or_equal"):
    """True where the first tensor is larger or equal; false beside NaN.

    y = (a >= b)
    Source: ONNX GreaterOrEqual-16.
    """

    function = np.greater_equal

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Larger, equal, smaller, NaN."""
        yield cls(), (np.array([2.0, 1.0, 0.0, NAN]), np.array(1.0)), [True, True, False, False]


class Less(Comparison, name="less"):
    """True where the first tensor is smaller; false beside NaN.

    y = (a < b)
    Source: ONNX Less-13.
    """

    function = np.less

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Larger, equal, smaller, NaN."""
        yield cls(), (np.array([2.0, 1.0, 0.0, NAN]), np.array(1.0)), [False, False, True, False]


class LessOrEqual(Comparison, name="less_or_equal"):
    """True where the first tensor is smaller or equal; false beside NaN.

    y = (a <= b)
    Source: ONNX LessOrEqual-16.
    """

    function = np.less_equal

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Larger, equal, smaller, NaN."""
        yield cls(), (np.array([2.0, 1.0, 0.0, NAN]), np.array(1.0)), [False, True, True, False]


class IsNan(Function, name="is_nan"):
    """True where an element is not a number.

    y = not (x = x)
    Source: ONNX IsNaN-20.
    """

    signature = "x: *shape -> y<bool>: *shape"
    function = np.isnan
    points = {NAN: True, INF: False, 0: False}


class IsInf(Elementwise, name="is_inf"):
    """True where an element is infinite, on either side or on one.

    y = (x = inf and positive) or (x = -inf and negative)
    Source: ONNX IsInf-20.
    """

    signature = "x: *shape -> y<bool>: *shape"

    negative: bool = True
    positive: bool = True

    def compute(self, x: Array) -> Array:
        """Compared with the infinities that count."""
        found = np.zeros(x.shape, bool)
        for wanted, value in ((self.negative, -np.inf), (self.positive, np.inf)):
            if wanted:
                found |= x == value
        return found

    def cost(self, d: Match) -> Cost:
        """One comparison for each infinity that counts."""
        return Cost(0, (self.negative + self.positive) * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both sides, either, none."""
        yield cls(), (2, 3, 4)
        yield cls(negative=False), (5,)
        yield cls(positive=False), ()
        yield cls(negative=False, positive=False), (3, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Each side; NaN is not infinite."""
        x = np.array([-np.inf, np.inf, np.nan, 1.0])
        yield cls(), (x,), [True, True, False, False]
        yield cls(negative=False), (x,), [False, True, False, False]
        yield cls(positive=False), (x,), [True, False, False, False]
