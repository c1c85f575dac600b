"""What is kept depends on the data: the sizes of these results are known when the model runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.ir.dims import minimum, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index


class NonZero(Op, name="non_zero"):
    """The positions of all elements that are not zero, in row-major order.

    y[a, n] = the index along axis a of the n-th element with x != 0
    Source: ONNX NonZero-13; NumPy nonzero.  A tensor without axes gives [0, n].
    """

    signature = "x: *x -> y<int64>: axes count"
    category = "shape"
    accepts = "any"

    def derive(self, d: Match) -> dict[str, Any]:
        """One row for each axis; how many columns only the data decide."""
        return {"axes": len(d.x), "count": d.unknown("count", 0, product(d.x))}

    def compute(self, x: Array) -> Array:
        """NumPy's argwhere, turned."""
        return np.ascontiguousarray(np.argwhere(x).T)

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Numbers, truth values, three axes."""
        yield cls(), Sample((5, 3), "int64", high=3)
        yield cls(), Sample((2, 4, 3), "bool")
        yield cls(), (7,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows and columns of three elements; NaN is not zero; a single number."""
        yield cls(), (np.array([[1, 0], [1, 1]]),), [[0, 1, 1], [0, 0, 1]]
        yield cls(), (np.array([0.0, np.nan, -0.0]),), [[1]]
        yield cls(), (np.array(5.0),), np.zeros((0, 1))


class Compress(Op, name="compress"):
    """The positions along an axis whose condition is true; without an axis, of all elements.

    y = x at the i with condition[i]; positions beyond the end of the condition are left out
    Source: ONNX Compress-11; NumPy compress.
    """

    signature = "x: *x, condition<bool>: picks -> y: *y"
    category = "shape"
    accepts = "any"

    axis: int | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """At most as many as the condition has elements."""
        count = d.unknown("count", 0, d.picks)
        if self.axis is None:
            d.require("<=", d.picks, product(d.x), "length of the condition and elements of x")
            return {"y": (count,)}
        axis = axis_index(self.axis, len(d.x), "x")
        d.require("<=", d.picks, d.x[axis], f"length of the condition and axis {axis} of x")
        return {"y": (*d.x[:axis], count, *d.x[axis + 1 :])}

    def compute(self, x: Array, condition: Array) -> Array:
        """NumPy's compress."""
        return np.asarray(np.compress(condition, x, self.axis))

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis, none, a short condition."""
        yield cls(axis=0), (5, 3), Sample((5,), "bool")
        yield cls(axis=-1), Sample((2, 6), "int64", high=9), Sample((4,), "bool")
        yield cls(), (3, 4), Sample((7,), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows, columns, elements; what the condition does not reach is gone."""
        x = np.array([[1, 2], [3, 4], [5, 6]])
        yield cls(axis=0), (x, np.array([False, True, True])), [[3, 4], [5, 6]]
        yield cls(axis=1), (x, np.array([False, True])), [[2], [4], [6]]
        yield cls(), (x, np.array([False, True, False, True])), [2, 4]


class Unique(Op, name="unique"):
    """Each different element once; with an axis, each different slice along it.

    y[inverse[i]] = x[i] and y[n] = x[indices[n]], the first such; counts[n] says how often
    Source: ONNX Unique-11; NumPy unique.
    In ascending order (slices: by their first difference), or not ``sorted``: in order of
    first appearance.
    """

    signature = "x: *x -> y: *y, indices<int64>: count, inverse<int64>: all, counts<int64>: count"
    category = "reduction"
    accepts = "any"

    axis: int | None = None
    sorted: bool = True

    def derive(self, d: Match) -> dict[str, Any]:
        """At most as many as there are; at least one, unless there are none."""
        if self.axis is None:
            length = product(d.x)
            count = self._count(d, length)
            return {"y": (count,), "count": count, "all": length}
        axis = axis_index(self.axis, len(d.x), "x")
        count = self._count(d, d.x[axis])
        y = (*d.x[:axis], count, *d.x[axis + 1 :])
        return {"y": y, "count": count, "all": d.x[axis]}

    def _count(self, d: Match, length: Any) -> Any:
        least = minimum(length, 1)
        return d.unknown("count", least if isinstance(least, int) else 0, length)

    def compute(self, x: Array) -> tuple[Array, ...]:
        """NumPy's unique, put in order of first appearance where that is wanted."""
        y, indices, inverse, counts = np.unique(x, True, True, True, axis=self.axis)
        inverse = inverse.reshape(-1)
        if not self.sorted:
            order = np.argsort(indices, kind="stable")
            y = np.take(y, order, 0 if self.axis is None else self.axis)
            indices, counts = indices[order], counts[order]
            inverse = np.argsort(order, kind="stable")[inverse]
        return y, indices, inverse, counts

    def cost(self, d: Match) -> Cost:
        """One comparison for each element; the logarithm of their number is left out."""
        return Cost(elementwise=product(d.x))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """All elements, rows, columns, both orders."""
        yield cls(), Sample((4, 3), "int64", high=5)
        yield cls(axis=0), Sample((6, 2), "int32")
        yield cls(axis=-1, sorted=False), Sample((2, 7), "int64")
        yield cls(sorted=False), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Sorted, in order of appearance, rows."""
        x = np.array([2, 1, 1, 3, 4, 3])
        yield cls(), (x,), ([1, 2, 3, 4], [1, 0, 3, 4], [1, 0, 0, 2, 3, 2], [2, 1, 2, 1])
        appearing = [2, 1, 3, 4], [0, 1, 3, 4], [0, 1, 1, 2, 3, 2], [1, 2, 2, 1]
        yield cls(sorted=False), (x,), appearing
        rows = np.array([[1, 0], [1, 0], [0, 3]])
        yield cls(axis=0), (rows,), ([[0, 3], [1, 0]], [2, 0], [1, 1, 0], [1, 2])
