"""Picking elements by tensors of positions, and marking positions: gather, one_hot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Shape, Size, format_shape
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index, fixed_size
from framework.ops.constant import Dtype
from framework.ops.indexing import check_indices


class GatherElements(Op, name="gather_elements"):
    """Pick one element for each index: the index replaces the position along one axis.

    y[i, j, k] = x[i, indices[i, j, k], k] for axis 1; negative indices count from the back
    Source: ONNX GatherElements-13; torch.gather.
    Along the other axes the indices may be shorter than x, not longer.
    """

    signature = "x: *x, indices<int>: *picks -> y: *picks"
    category = "shape"
    accepts = "any"
    main = "axis"

    axis: int = 0

    def derive(self, d: Match) -> dict[str, Any]:
        """As many axes in the indices as in ``x``, and none longer but the chosen one."""
        within(d, d.x, d.picks, axis_index(self.axis, len(d.x), "x"))
        return {}

    def compute(self, x: Array, indices: Array) -> Array:
        """``take_along_axis`` in the part of ``x`` that the indices cover."""
        check_indices(indices, x.shape[self.axis])
        covered = x[corner(indices.shape, self.axis % x.ndim)]
        return np.asarray(
            np.take_along_axis(covered, indices.astype(np.int64, copy=False), self.axis)
        )

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Indices stay below the size of the axis."""
        return {"indices": d.x[self.axis]}

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis; fewer rows than there are; negative indices; booleans."""
        yield cls(), (5, 3), Sample((4, 3), "int64", high=5)
        yield cls(axis=1), (2, 6, 3), Sample((2, 4, 3), "int32", low=-6, high=6)
        yield cls(axis=-1), Sample((4, 3), "bool"), Sample((2, 5), "int64", high=3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Within columns, within rows; -1 is the last."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(axis=0), (x, np.array([[1, 0, -1]])), [[4, 2, 6]]
        yield cls(axis=1), (x, np.array([[2, 2], [0, -2]])), [[3, 3], [4, 5]]


def within(d: Match, shape: Shape, picks: Shape, axis: int) -> None:
    """Demand that indices have the axes of ``x`` and stay inside it, but for ``axis``."""
    if len(picks) != len(shape):
        raise ShapeError(
            f"indices {format_shape(picks)} have {len(picks)} axes, "
            f"x {format_shape(shape)} has {len(shape)}"
        )
    for index, (count, size) in enumerate(zip(picks, shape, strict=True)):
        if index != axis:
            d.require("<=", count, size, f"axis {index} of the indices and of x")


def corner(shape: tuple[int, ...], axis: int) -> tuple[slice, ...]:
    """The first elements of each axis, as many as ``shape`` says; all of ``axis``."""
    return tuple(slice(None if i == axis else count) for i, count in enumerate(shape))


class GatherNd(Op, name="gather_nd"):
    """Pick elements or slices by index tuples, which stand along the last axis of the indices.

    y[b, i, ...] = x[b, indices[b, i, 0], indices[b, i, 1], ..., ...]; the first ``batch_axes``
    axes b belong to both tensors; negative indices count from the back
    Source: ONNX GatherND-13; TensorFlow gather_nd.
    """

    signature = "x: *x, indices<int>: *picks -> y: *y"
    category = "shape"
    accepts = "any"

    batch_axes: int = 0

    def check(self) -> None:
        """A number of axes."""
        if self.batch_axes < 0:
            raise Mistake(f"gather_nd with {self.batch_axes} batch axes; expected 0 or more")

    def derive(self, d: Match) -> dict[str, Any]:
        """The indices' axes but the last, then the axes of ``x`` that no index takes."""
        self.check()
        batch = self.batch_axes
        depth = tuple_length(d.x, d.picks, batch)
        for axis in range(batch):
            d.require("==", d.picks[axis], d.x[axis], f"axis {axis} of the indices and of x")
        return {"y": (*d.picks[:-1], *d.x[batch + depth :])}

    def compute(self, x: Array, indices: Array) -> Array:
        """NumPy's indexing by one array for each axis."""
        at = positions(indices, x.shape, self.batch_axes)
        return np.asarray(x[at] if at else np.broadcast_to(x, indices.shape[:-1] + x.shape)).copy()

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Elements, rows, several axes of indices, batches, negative indices."""
        yield cls(), (3, 4), Sample((5, 2), "int64", high=3)
        yield cls(), (4, 3), Sample((2, 5, 1), "int32", low=-4, high=4)
        yield cls(batch_axes=1), (2, 5, 3, 4), Sample((2, 6, 2), "int64", high=3)
        yield cls(batch_axes=2), (2, 3, 4), Sample((2, 3, 1), "int64", high=4)
        yield cls(), Sample((3, 2), "bool"), Sample((2,), "int64")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Elements, rows, one row of each batch."""
        x = np.array([[[0, 1], [2, 3]], [[4, 5], [6, 7]]])
        yield cls(), (x[0], np.array([[0, 0], [1, -1]])), [0, 3]
        yield cls(), (x, np.array([[0, 1], [1, 0]])), [[2, 3], [4, 5]]
        yield cls(batch_axes=1), (x, np.array([[1], [0]])), [[2, 3], [4, 5]]


def tuple_length(shape: Shape, picks: Shape, batch: int) -> int:
    """How many axes of ``x`` one index tuple takes: a plain number, and no more than there are."""
    if len(picks) <= batch or len(shape) < batch:
        raise ShapeError(
            f"indices {format_shape(picks)} and x {format_shape(shape)} with {batch} batch axes: "
            "the indices need one axis more"
        )
    depth = fixed_size(picks[-1], "an index tuple")
    if depth > len(shape) - batch:
        raise ShapeError(
            f"index tuples of {depth} numbers for x {format_shape(shape)}; "
            f"at most {len(shape) - batch} axes are left for them"
        )
    return depth


def positions(indices: Array, shape: tuple[int, ...], batch: int = 0) -> tuple[Array, ...]:
    """One array of positions for each axis that the index tuples (and batches) name."""
    lead = indices.shape[:-1]
    at: list[Array] = list(np.indices(lead, sparse=True)[:batch])
    for number in range(indices.shape[-1]):
        check_indices(indices[..., number], shape[batch + number])
        at.append(indices[..., number].astype(np.int64, copy=False))
    return tuple(at)


class OneHot(Op, name="one_hot"):
    """A new axis that has ``on`` at the position that an index names, and ``off`` elsewhere.

    y[..., k] = on if indices[...] = k (or k - depth) else off; indices outside of
    [-depth, depth) name no position
    Source: ONNX OneHot-11; torch.nn.functional.one_hot refuses negative indices instead.
    """

    signature = "indices<int>: *picks -> y<@dtype>: *y"
    category = "embedding"
    main = "depth"

    depth: SizeAttr
    axis: int = -1
    on: float = 1.0
    off: float = 0.0
    dtype: Dtype = "float32"

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis of ``depth`` stands at position ``axis`` of the result."""
        axis = axis_index(self.axis, len(d.picks) + 1, "the result")
        d.require("<=", 0, self.depth, "0 and depth")
        return {"y": (*d.picks[:axis], self.depth, *d.picks[axis:])}

    def compute(self, indices: Array) -> Array:
        """Compare with 0, 1, 2 …"""
        depth = fixed_size(self.depth, "one_hot")
        wide = indices.astype(np.int64, copy=False)
        at = np.expand_dims(np.where(wide < 0, wide + depth, wide), self.axis)
        along = [1] * at.ndim
        along[self.axis] = depth
        places = np.arange(depth).reshape(along)
        on, off = (np.asarray(value).astype(self.dtype) for value in (self.on, self.off))
        return np.where(at == places, on, off)

    def cost(self, d: Match) -> Cost:
        """No arithmetic is counted."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The new axis last, first and between; other values and dtypes."""
        yield cls(depth=5), Sample((2, 3), "int64", high=5)
        yield cls(depth=4, axis=0, on=3.0, off=-1.0), Sample((2, 3), "int32", low=-6, high=6)
        yield cls(depth=3, axis=1, dtype="bool"), Sample((2, 5), "uint8", high=3)
        yield cls(depth=6, dtype="int64"), Sample((), "int64", high=6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """-1 is the last position; 3 and -4 are outside."""
        indices = np.array([0, -1, 3, -4])
        yield cls(depth=3), (indices,), [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
        yield cls(depth=2, axis=0, on=5.0, off=2.0), (np.array([1, 0]),), [[2, 5], [5, 2]]
