"""Order along an axis: the largest elements, sorting, the positions that sort."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.ir.attributes import SizeAttr
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index, fixed_size


def order_of(x: Array, axis: int, descending: bool) -> Array:
    """Positions that sort ``x``; of equal elements the first comes first; NaN is the largest."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # A stable ascending order of the reversed axis, read backwards, keeps equal elements in turn.
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.asarray(x.shape[axis] - 1 - np.flip(backwards, axis))


class TopK(Op, name="top_k"):
    """The ``k`` largest (or smallest) elements along an axis, and their positions.

    values[..., i] = x[..., indices[..., i]]; of equal elements the one with the lower position
    comes first; NaN counts as larger than everything
    Source: ONNX TopK-24; torch.topk.  Not ``sorted``, they stay in the order of their positions.
    """

    signature = "x: *x -> values: *y, indices<int64>: *y"
    category = "reduction"
    accepts = "number"
    main = "k"

    k: SizeAttr
    axis: int = -1
    largest: bool = True
    sorted: bool = True

    def derive(self, d: Match) -> dict[str, Any]:
        """``k`` elements are left of the axis."""
        axis = axis_index(self.axis, len(d.x), "x")
        d.require("<=", 0, self.k, "0 and k")
        d.require("<=", self.k, d.x[axis], f"k and the size of axis {axis} of x")
        return {"y": (*d.x[:axis], self.k, *d.x[axis + 1 :])}

    def compute(self, x: Array) -> tuple[Array, Array]:
        """The first ``k`` of the sorted positions."""
        first = range(fixed_size(self.k, "top_k"))
        indices = np.take(order_of(x, self.axis, self.largest), first, self.axis)
        if not self.sorted:
            indices = np.sort(indices, self.axis)
        return np.take_along_axis(x, indices, self.axis), indices

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis, both ends, unsorted, integers with equal elements."""
        yield cls(k=2), (3, 5)
        yield cls(k=3, axis=1, largest=False), (2, 6, 4)
        yield cls(k=4, axis=0, sorted=False), (7, 3)
        yield cls(k=3), Sample((2, 8), "uint8", high=4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Largest, smallest, in place; equal elements in turn; NaN first."""
        x = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
        yield cls(k=2), (x,), ([5, 4], [4, 2])
        yield cls(k=3, largest=False), (x,), ([1, 1, 3], [1, 3, 0])
        yield cls(k=2, sorted=False), (x,), ([4, 5], [2, 4])
        yield cls(k=2), (np.array([7, 7, 7], np.uint8),), ([7, 7], [0, 1])
        yield cls(k=1), (np.array([np.inf, np.nan]),), ([np.nan], [1])


class Sorting(Op):
    """Family: all elements in order along an axis."""

    category = "reduction"
    accepts = "number"

    axis: int = -1
    descending: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis exists."""
        axis_index(self.axis, len(d.x), "x")
        return {}

    def cost(self, d: Match) -> Cost:
        """One comparison for each element; the logarithm of their number is left out."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The last axis and another one, both directions, integers."""
        yield cls(), (3, 5)
        yield cls(axis=0, descending=True), (6, 2)
        yield cls(axis=1), Sample((2, 7, 3), "int32", low=-2, high=3)


class Sort(Sorting, name="sort"):
    """All elements in order along an axis, and their positions.

    values[..., i] = x[..., indices[..., i]] with values[..., i] <= values[..., i + 1], or >=
    where ``descending``; equal elements keep their order; NaN counts as the largest
    Source: torch.sort (stable); ONNX TopK-24 with all elements.
    """

    signature = "x: *x -> values: *x, indices<int64>: *x"

    axis: int = -1
    descending: bool = False

    def compute(self, x: Array) -> tuple[Array, Array]:
        """NumPy's stable sort."""
        indices = order_of(x, self.axis, self.descending)
        return np.take_along_axis(x, indices, self.axis), indices

    def decompose(self, g: Any, x: Any) -> Any:
        """The largest, or smallest, elements: all of them."""
        count = g.shape(x)[self.axis]
        return g.top_k(x, k=count, axis=self.axis, largest=self.descending)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Equal elements keep their order in both directions."""
        x = np.array([2.0, 1.0, 2.0, 0.0])
        yield cls(), (x,), ([0, 1, 2, 2], [3, 1, 0, 2])
        yield cls(descending=True), (x,), ([2, 2, 1, 0], [0, 2, 1, 3])


class ArgSort(Sorting, name="arg_sort"):
    """The positions that sort a tensor along an axis.

    y[..., i] = the position of the i-th smallest element, or largest where ``descending``;
    equal elements keep their order; NaN counts as the largest
    Source: torch.argsort (stable); NumPy argsort.
    """

    signature = "x: *x -> y<int64>: *x"

    axis: int = -1
    descending: bool = False

    def compute(self, x: Array) -> Array:
        """NumPy's stable sort of positions."""
        return order_of(x, self.axis, self.descending)

    def decompose(self, g: Any, x: Any) -> Any:
        """The second result of `sort`."""
        return g.sort(x, axis=self.axis, descending=self.descending)[1]

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Twice gives ranks; equal elements keep their order."""
        yield cls(), (np.array([30.0, 10.0, 20.0]),), [1, 2, 0]
        yield cls(descending=True), (np.array([1, 2, 2]),), [1, 2, 0]


class Arg(Op):
    """Family: the position of an extreme element along an axis."""

    signature = "x: *x -> y<int64>: *y"
    category = "reduction"
    accepts = "number"
    main = "axis"

    axis: int
    keepdims: bool = False
    last: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis becomes 1, or disappears; it has at least one element."""
        axis = axis_index(self.axis, len(d.x), "x")
        d.require("<=", 1, d.x[axis], f"1 and the size of axis {axis} of x")
        kept = (1,) if self.keepdims else ()
        return {"y": (*d.x[:axis], *kept, *d.x[axis + 1 :])}

    def found(self, x: Array, find: Any) -> Array:
        """The first position that ``find`` finds, or the last one."""
        if not self.last:
            return np.asarray(find(x, self.axis, keepdims=self.keepdims))
        backwards = find(np.flip(x, self.axis), self.axis, keepdims=self.keepdims)
        return np.asarray(x.shape[self.axis] - 1 - backwards)

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis, kept and not, first and last, integers with equal elements."""
        yield cls(axis=-1), (2, 3, 4)
        yield cls(axis=1, keepdims=True), (2, 5, 3)
        yield cls(axis=0, last=True), Sample((6, 3), "int32", high=3)


class ArgMax(Arg, name="arg_max"):
    """The position of the largest element along an axis; of equal ones the first, or ``last``.

    y[...] = the i with x[..., i, ...] = max over the axis; NaN counts as the largest
    Source: ONNX ArgMax-13 (select_last_index); torch.argmax.
    """

    axis: int
    keepdims: bool = False
    last: bool = False

    def compute(self, x: Array) -> Array:
        """NumPy's argmax."""
        return self.found(x, np.argmax)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """First and last of equal ones; NaN."""
        x = np.array([[1.0, 3.0, 3.0], [np.nan, 0.0, 9.0]])
        yield cls(axis=1), (x,), [1, 0]
        yield cls(axis=-1, last=True, keepdims=True), (x,), [[2], [0]]


class ArgMin(Arg, name="arg_min"):
    """The position of the smallest element along an axis; of equal ones the first, or ``last``.

    y[...] = the i with x[..., i, ...] = min over the axis; NaN is found first
    Source: ONNX ArgMin-13 (select_last_index); torch.argmin.
    """

    axis: int
    keepdims: bool = False
    last: bool = False

    def compute(self, x: Array) -> Array:
        """NumPy's argmin."""
        return self.found(x, np.argmin)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """First and last of equal ones, in columns."""
        x = np.array([[1.0, 3.0, 0.0], [1.0, 2.0, 9.0]])
        yield cls(axis=0), (x,), [0, 1, 0]
        yield cls(axis=0, last=True, keepdims=True), (x,), [[1, 1, 0]]
