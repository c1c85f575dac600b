"""Picking elements by position: slices, single indices, tables of indices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import InputError, Mistake
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Size, ceildiv, maximum
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, axis_index, fixed_size
from framework.ops.kernels import kernel_of
from framework.ops.rules import negative, position


class Slice(Op, name="slice"):
    """A range of one axis by Python's rules: negative bounds count from the back, all are clamped.

    y = x[..., start:stop:step, ...]
    Source: Python reference, section 6.3.3; ONNX Slice-13.
    """

    signature = "x: *x -> y: *y"
    category = "shape"
    accepts = "any"
    views = True

    axis: int
    start: SizeAttr | None = None
    stop: SizeAttr | None = None
    step: int = 1

    def check(self) -> None:
        """A step of 0 goes nowhere."""
        if self.step == 0:
            raise Mistake("slice with the step 0; expected another number")

    def derive(self, d: Match) -> dict[str, Any]:
        """The number of steps from start to stop."""
        self.check()
        axis = axis_index(self.axis, len(d.x), "x")
        return {"y": (*d.x[:axis], self._length(d.x[axis]), *d.x[axis + 1 :])}

    def _length(self, count: Size) -> Size:
        """``ceil((stop - start) / step)`` after clamping, and never below 0."""
        if self.step > 0:
            lowest, highest = 0, count
            start, stop = self._bounds(count, lowest, highest, lowest, highest)
            return ceildiv(maximum(stop - start, 0), self.step)
        # Backwards, "one before the first" is -1 and the last element is count - 1.
        lowest, highest = -1, count - 1
        start, stop = self._bounds(count, lowest, highest, highest, lowest)
        return ceildiv(maximum(start - stop, 0), -self.step)

    def _bounds(
        self, count: Size, lowest: Size, highest: Size, first: Size, last: Size
    ) -> tuple[Size, Size]:
        start, stop = self.start, self.stop
        begin = first if start is None else position(start, count, lowest, highest, "start")
        end = last if stop is None else position(stop, count, lowest, highest, "stop")
        return begin, end

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        start = None if self.start is None else fixed_size(self.start, "start")
        stop = None if self.stop is None else fixed_size(self.stop, "stop")
        cut: list[slice] = [slice(None)] * x.ndim
        cut[self.axis] = slice(start, stop, self.step)
        return x[tuple(cut)]

    def cost(self, d: Match) -> Cost:
        """Nothing: the result is a view."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both signs of every bound and of the step; bounds outside; integers."""
        yield cls(axis=1, start=1, stop=4), (2, 6, 3)
        yield cls(axis=1, start=-5), (2, 3, 4)
        yield cls(axis=-1, stop=-1, step=2), (3, 8)
        yield cls(axis=0, step=-1), (5, 2)
        yield cls(axis=0, start=-2, stop=1, step=-2), (9, 2)
        yield cls(axis=0, start=3, stop=1), (7, 2)
        yield cls(axis=0, start=20, stop=-20, step=-3), Sample((8, 3), "int64", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The last ones, every other one, reversed, clamped."""
        x = np.arange(5.0)
        yield cls(axis=0, start=-2), (x,), [3, 4]
        yield cls(axis=0, start=1, step=2), (x,), [1, 3]
        yield cls(axis=0, step=-1), (x,), [4, 3, 2, 1, 0]
        yield cls(axis=0, start=3, stop=0, step=-2), (x,), [3, 1]
        yield cls(axis=0, start=-9, stop=9), (x,), [0, 1, 2, 3, 4]


class Select(Op, name="select"):
    """One position of an axis; the axis disappears.

    y = x[..., index, ...]; a negative index counts from the back
    Source: torch.select; ONNX Gather-13 with one index.
    """

    signature = "x: *x -> y: *y"
    category = "shape"
    accepts = "any"
    views = True

    axis: int
    index: SizeAttr

    def derive(self, d: Match) -> dict[str, Any]:
        """The index must exist for every legal size."""
        axis = axis_index(self.axis, len(d.x), "x")
        what = f"index {self.index} into axis {axis}: positions needed and size"
        needed = -self.index if negative(self.index, "index") else self.index + 1
        d.require("<=", needed, d.x[axis], what)
        return {"y": (*d.x[:axis], *d.x[axis + 1 :])}

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        cut: list[int | slice] = [slice(None)] * x.ndim
        cut[self.axis] = fixed_size(self.index, "index")
        return x[(..., *cut)]

    def cost(self, d: Match) -> Cost:
        """Nothing: the result is a view."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """First, last, in the middle, out of a vector."""
        yield cls(axis=1, index=0), (2, 3, 4)
        yield cls(axis=-1, index=-1), (3, 5)
        yield cls(axis=0, index=2), Sample((4,), "int64", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A row and the last column."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(axis=0, index=1), (x,), [4, 5, 6]
        yield cls(axis=1, index=-1), (x,), [3, 6]


class Gather(Op, name="gather"):
    """Pick positions of one axis by a tensor of indices.

    y[before, i, after] = x[before, indices[i], after]; negative indices count from the back
    Source: ONNX Gather-13; NumPy take.
    Indices outside the axis are refused when the model runs.
    """

    signature = "x: *x, indices<int>: *picks -> y: *y"
    category = "shape"
    accepts = "any"
    main = "axis"

    axis: int = 0

    def derive(self, d: Match) -> dict[str, Any]:
        """The axes of the indices stand where the axis was."""
        axis = axis_index(self.axis, len(d.x), "x")
        return {"y": (*d.x[:axis], *d.picks, *d.x[axis + 1 :])}

    def compute(self, x: Array, indices: Array) -> Array:
        """``take``."""
        check_indices(indices, x.shape[self.axis])
        return np.asarray(np.take(x, indices.astype(np.int64, copy=False), self.axis))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""
        return kernel_of(self, types, self._pick)

    def _pick(self, x: Array, indices: Array, out: Array, scratch: Array) -> None:
        check_indices(indices, x.shape[self.axis])
        take_into(x, indices, self.axis, out)

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Indices stay below the size of the axis."""
        return {"indices": d.shapes["x"][self.axis]}

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Every position of the axis, several kinds of indices, negative ones."""
        yield cls(), (5, 3), Sample((2, 4), "int64", high=5)
        yield cls(axis=1), (2, 6, 3), Sample((4,), "int32", low=-6, high=6)
        yield cls(axis=-1), Sample((2, 3), "bool"), Sample((), "int64", high=3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Columns in another order; -1 is the last."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(axis=1), (x, np.array([2, 0])), [[3, 1], [6, 4]]
        yield cls(axis=0), (x, np.array(-1)), [4, 5, 6]


def take_into(x: Array, indices: Array, axis: int, out: Array) -> None:
    """``take``; the indices are known to be legal, so that nothing is copied on the way."""
    np.take(x, indices.astype(np.intp, copy=False), axis, out=out, mode="wrap")


def check_indices(indices: Array, count: int) -> None:
    """Refuse indices outside ``[-count, count)``; names the worst one."""
    if indices.size == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if high >= count or low < -count:
        worst = high if high >= count else low
        raise InputError(f"index {worst} is outside an axis of {count}")
