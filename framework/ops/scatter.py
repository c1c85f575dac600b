"""Writing elements to positions that a tensor names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import InputError, ShapeError
from framework.ir.dims import Size, format_shape, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index
from framework.ops.gathering import positions, tuple_length, within
from framework.ops.indexing import check_indices

Reduction = Literal["none", "add", "mul", "max", "min"]

FUNCTIONS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def written(x: Array, at: Any, updates: Array, reduction: str) -> Array:
    """A copy of ``x`` with ``updates`` at the positions, combined with what stands there."""
    y = x.copy()
    if reduction == "none":
        y[at] = updates
    elif y.dtype == np.bool_ and reduction in ("add", "max"):
        np.logical_or.at(y, at, updates)
    else:
        FUNCTIONS[reduction].at(y, at, updates)
    return y


class Scatter(Op):
    """Family: a copy of ``x`` in which indices say where the updates go."""

    category = "shape"
    accepts = "any"
    main = "reduction"
    reduction: str

    def cost(self, d: Match) -> Cost:
        """One operation for each update that is combined, none for copies."""
        return Cost(elementwise=0 if self.reduction == "none" else product(d.shapes["updates"]))


class ScatterElements(Scatter, name="scatter_elements"):
    """Write each update where its index says: the index replaces the position along one axis.

    y = x, but y[i, indices[i, j, k], k] = updates[i, j, k] for axis 1, or combined with what
    stands there by ``reduction``; negative indices count from the back
    Source: ONNX ScatterElements-18; torch.Tensor.scatter, scatter_reduce.
    Without reduction, of several updates for one place the last in row-major order stays.
    """

    signature = "x: *x, indices<int>: *picks, updates: *picks -> y: *x"

    axis: int = 0
    reduction: Reduction = "none"

    def derive(self, d: Match) -> dict[str, Any]:
        """As many axes in the indices as in ``x``, and none longer but the chosen one."""
        within(d, d.x, d.picks, axis_index(self.axis, len(d.x), "x"))
        return {}

    def compute(self, x: Array, indices: Array, updates: Array) -> Array:
        """One array of positions for each axis."""
        check_indices(indices, x.shape[self.axis])
        at: list[Array] = list(np.indices(indices.shape, sparse=True))
        at[self.axis] = indices.astype(np.int64, copy=False)
        return written(x, tuple(at), updates, self.reduction)

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Indices stay below the size of the axis."""
        return {"indices": d.x[self.axis]}

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis, every reduction, negative indices, integers."""
        yield cls(), (5, 3), Sample((4, 2), "int64", high=5), (4, 2)
        yield cls(axis=1, reduction="add"), (4, 3), Sample((2, 6), "int32", -3, 3), (2, 6)
        yield cls(axis=-1, reduction="mul"), (2, 4), Sample((2, 3), "int64", high=4), (2, 3)
        whole = Sample((3, 2), "int64", high=9)
        yield cls(reduction="max"), Sample((4, 2), "int64"), Sample((3, 2), "int64"), whole
        yield cls(reduction="min"), (3,), Sample((7,), "int64", high=3), (7,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both axes; what two updates of one place make of it."""
        x, at = np.zeros((2, 3)), np.array([[1, 0, -1]])
        yield cls(axis=0), (x, at, np.array([[1.0, 2.0, 3.0]])), [[0, 2, 0], [1, 0, 3]]
        row, twice, updates = np.array([[1.0, 4.0]]), np.array([[1, 1]]), np.array([[2.0, 3.0]])
        yield cls(axis=1), (row, twice, updates), [[1, 3]]
        yield cls(axis=1, reduction="add"), (row, twice, updates), [[1, 9]]
        yield cls(axis=1, reduction="mul"), (row, twice, updates), [[1, 24]]
        yield cls(axis=1, reduction="max"), (row, twice, updates), [[1, 4]]
        yield cls(axis=1, reduction="min"), (row, twice, updates), [[1, 2]]


class ScatterNd(Scatter, name="scatter_nd"):
    """Write elements or slices where index tuples say; they stand along the last axis.

    y = x, but y[indices[i, 0], indices[i, 1], ..., ...] = updates[i, ...], or combined with
    what stands there by ``reduction``; negative indices count from the back
    Source: ONNX ScatterND-18.
    Without reduction, of several updates for one place the last in row-major order stays.
    """

    signature = "x: *x, indices<int>: *picks, updates: *updates -> y: *x"

    reduction: Reduction = "none"

    def derive(self, d: Match) -> dict[str, Any]:
        """Updates have the indices' axes but the last, then the axes that no index takes."""
        wanted = (*d.picks[:-1], *d.x[tuple_length(d.x, d.picks, 0) :])
        what = f"updates {format_shape(d.updates)}, which must be {format_shape(wanted)}"
        if len(wanted) != len(d.updates):
            raise ShapeError(what)
        for axis, (have, want) in enumerate(zip(d.updates, wanted, strict=True)):
            d.require("==", have, want, f"axis {axis} of {what}")
        return {}

    def compute(self, x: Array, indices: Array, updates: Array) -> Array:
        """NumPy's indexing by one array for each axis."""
        return written(x, positions(indices, x.shape), updates, self.reduction)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Elements, rows, every reduction, negative indices, booleans."""
        yield cls(), (3, 4), Sample((5, 2), "int64", high=3), (5,)
        yield cls("add"), (4, 3), Sample((2, 5, 1), "int32", -4, 4), (2, 5, 3)
        yield cls("mul"), (6, 4, 3), Sample((2, 2), "int64", high=4), (2, 3)
        yield cls("max"), (5,), Sample((7, 1), "int64", high=5), (7,)
        yield cls("min"), (5, 2), Sample((3, 1), "int64", high=5), (3, 2)
        flags = Sample((2,), "bool")
        yield cls(), Sample((4,), "bool"), Sample((2, 1), "int64", high=4), flags

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Elements; rows; sums of what meets in one place."""
        x = np.array([[1, 2], [3, 4]])
        yield cls(), (x, np.array([[0, 1], [-1, 0]]), np.array([8, 9])), [[1, 8], [9, 4]]
        yield cls(), (x, np.array([[1]]), np.array([[5, 6]])), [[1, 2], [5, 6]]
        meet = np.array([[0], [0]]), np.array([[1, 2], [10, 20]])
        yield cls("add"), (x, *meet), [[12, 24], [3, 4]]


class TensorScatter(Op, name="tensor_scatter"):
    """Write a piece of a sequence into a buffer, at a place of its own for each batch element.

    y = x, but y[b, ..., start[b] + t, ...] = update[b, ..., t, ...] along ``axis``
    circular: positions are taken modulo the length of the buffer
    Source: ONNX TensorScatter-24; without ``start`` the piece is written to the front.
    """

    signature = "x: b *x, update: b *update, start?<int>: b -> y: b *x"
    category = "shape"
    accepts = "any"

    axis: int = -2
    circular: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """The piece fits into the buffer; all other axes agree."""
        shape, piece = d.shapes["x"], d.shapes["update"]
        axis = axis_index(self.axis, len(shape), "x")
        if axis == 0 or len(piece) != len(shape):
            raise ShapeError(
                f"x {format_shape(shape)} and update {format_shape(piece)}, axis {self.axis}: "
                "they need the same axes, the first of which is the batch"
            )
        for index, (have, want) in enumerate(zip(piece, shape, strict=True)):
            what = f"axis {index} of update and x"
            d.require("<=" if index == axis else "==", have, want, what)
        return {}

    def compute(self, x: Array, update: Array, start: Array | None = None) -> Array:
        """Every element of the piece goes to its place."""
        axis = self.axis % x.ndim
        at: list[Array] = list(np.indices(update.shape, sparse=True))
        if start is not None:
            first = start.astype(np.int64, copy=False).reshape(-1, *(1,) * (x.ndim - 1))
            at[axis] = at[axis] + first
        if self.circular:
            at[axis] = at[axis] % x.shape[axis]
        elif at[axis].size and not 0 <= at[axis].min() <= at[axis].max() < x.shape[axis]:
            raise InputError(
                f"positions {at[axis].min()} to {at[axis].max()} are written to "
                f"a buffer of {x.shape[axis]}"
            )
        y = x.copy()
        y[tuple(at)] = update
        return y

    def index_limit(self, d: Match) -> dict[str, Size]:
        """The piece must end within the buffer."""
        axis = self.axis
        return {"start": d.shapes["x"][axis] - d.shapes["update"][axis] + 1}

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Caches of three and four axes, wrapping around, without places."""
        yield cls(), (2, 5, 4), (2, 3, 4), Sample((2,), "int64", high=3)
        yield cls(circular=True), (2, 3, 6, 4), (2, 3, 5, 4), Sample((2,), "int64", high=6)
        yield cls(axis=1), (3, 5, 2), (3, 4, 2), None

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A place for each row; past the end it goes on at the front."""
        x, update = np.zeros((2, 4)), np.array([[1.0, 2.0], [3.0, 4.0]])
        start = np.array([1, 2])
        yield cls(axis=1), (x, update, start), [[0, 1, 2, 0], [0, 0, 3, 4]]
        start = np.array([3, 0])
        yield cls(axis=-1, circular=True), (x, update, start), [[2, 0, 0, 1], [3, 4, 0, 0]]
        yield cls(axis=1), (x, update, None), [[1, 2, 0, 0], [3, 4, 0, 0]]
