"""Elements of an axis repeated, turned round and shifted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import InputError, Mistake, ShapeError
from framework.ir.attributes import Axes, Ints, ShapeAttr, SizeAttr
from framework.ir.dims import Size, format_shape
from framework.ir.op import Array, Match, Op, Sample
from framework.ir.types import axis_index, fixed_size
from framework.ops.layout import Layout
from framework.ops.rules import axes_of


class Tile(Layout, name="tile"):
    """The whole tensor, repeated side by side along each axis.

    y[i, j] = x[i mod rows, j mod columns]
    Source: ONNX Tile-13; NumPy tile; torch.Tensor.repeat.
    """

    views = False
    repeats: ShapeAttr

    def derive(self, d: Match) -> dict[str, Any]:
        """Each size times its repeats."""
        if len(self.repeats) != len(d.x):
            raise ShapeError(
                f"repeats {format_shape(self.repeats)} is for {len(self.repeats)} axes, "
                f"x {format_shape(d.x)} has {len(d.x)}"
            )
        for axis, count in enumerate(self.repeats):
            d.require("<=", 0, count, f"0 and the repeats of axis {axis}")
        return {"y": tuple(n * count for n, count in zip(d.x, self.repeats, strict=True))}

    def compute(self, x: Array) -> Array:
        """NumPy's tile."""
        return np.tile(x, [fixed_size(count, "tile") for count in self.repeats])

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Some axes, all, none."""
        yield cls(repeats=(1, 2, 3)), (2, 3, 5)
        yield cls(repeats=(4, 2)), Sample((3, 5), "int64", high=9)
        yield cls(repeats=(0,)), (3,)
        yield cls(repeats=()), Sample((), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The whole row again, not each element twice."""
        yield cls(repeats=(1, 2)), (np.array([[1, 2], [3, 4]]),), [[1, 2, 1, 2], [3, 4, 3, 4]]


class RepeatInterleave(Layout, name="repeat_interleave"):
    """Each element several times in a row along an axis.

    y[i] = x[floor(i / repeats)]
    Source: torch.repeat_interleave; NumPy repeat.
    """

    views = False
    main = "repeats"

    repeats: SizeAttr
    axis: int

    def derive(self, d: Match) -> dict[str, Any]:
        """The size times the repeats."""
        axis = axis_index(self.axis, len(d.x), "x")
        d.require("<=", 0, self.repeats, "0 and the repeats")
        return {"y": (*d.x[:axis], d.x[axis] * self.repeats, *d.x[axis + 1 :])}

    def compute(self, x: Array) -> Array:
        """NumPy's repeat."""
        return np.repeat(x, fixed_size(self.repeats, "repeat_interleave"), self.axis)

    def decompose(self, g: Any, x: Any) -> Any:
        """A new axis behind, expanded and merged."""
        shape = g.shape(x)
        axis = self.axis % len(shape)
        wide = (*shape[: axis + 1], self.repeats, *shape[axis + 1 :])
        merged = (*shape[:axis], shape[axis] * self.repeats, *shape[axis + 1 :])
        return g.reshape(g.expand(g.unsqueeze(x, axes=axis + 1), shape=wide), shape=merged)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each axis."""
        yield cls(repeats=2, axis=1), (2, 3, 5)
        yield cls(repeats=4, axis=0), Sample((3, 5), "int64", high=9)
        yield cls(repeats=3, axis=-1), Sample((2,), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Each element twice, not the whole row again."""
        yield cls(repeats=2, axis=1), (np.array([[1, 2], [3, 4]]),), [[1, 1, 2, 2], [3, 3, 4, 4]]


class Roll(Layout, name="roll"):
    """Shift the elements of some axes; what leaves at one end comes in at the other.

    y[i] = x[(i - shift) mod size]
    Source: torch.roll; NumPy roll; Liu et al. 2021 (Swin), section 3.2.
    """

    views = False

    shifts: Ints
    axes: Ints

    def derive(self, d: Match) -> dict[str, Any]:
        """One shift for each axis; sizes stay."""
        if len(self.shifts) != len(self.axes):
            raise ShapeError(f"roll has the shifts {list(self.shifts)}, axes {list(self.axes)}")
        axes_of(self.axes, len(d.x), "x")
        return {"y": d.x}

    def compute(self, x: Array) -> Array:
        """NumPy's roll."""
        return np.roll(x, self.shifts, self.axes)

    def decompose(self, g: Any, x: Any) -> Any:
        """Cut each axis in two and swap the pieces."""
        for shift, axis in zip(self.shifts, self.axes, strict=True):
            size: Size = g.shape(x)[axis]
            moved = shift % size
            first, last = g.split(x, axis=axis, sizes=(size - moved, moved))
            x = g.concat(last, first, axis=axis)
        return x

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both directions, several axes, further than the size."""
        yield cls(shifts=(-3, 2), axes=(1, 2)), (2, 5, 7, 3)
        yield cls(shifts=(1,), axes=(-1,)), Sample((3, 4), "int64", high=9)
        yield cls(shifts=(8, -9), axes=(1, 0)), (2, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A positive shift moves towards the end."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(shifts=(1,), axes=(1,)), (x,), [[3, 1, 2], [6, 4, 5]]
        yield cls(shifts=(1, -1), axes=(0, 1)), (x,), [[5, 6, 4], [2, 3, 1]]


class Flip(Layout, name="flip"):
    """Some axes, or all, in the opposite order.

    y[i] = x[size - 1 - i]
    Source: torch.flip; NumPy flip.
    """

    axes: Axes | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes stay."""
        axes_of(self.axes, len(d.x), "x")
        return {"y": d.x}

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        return np.flip(x, self.axes)

    def decompose(self, g: Any, x: Any) -> Any:
        """A slice backwards for each axis."""
        y = x
        for axis in axes_of(self.axes, len(g.shape(x)), "x"):
            y = g.slice(y, axis=axis, step=-1)
        return g.identity(x) if y is x else y

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis, several, all."""
        yield cls(axes=1), (2, 5, 3)
        yield cls(axes=(0, -1)), Sample((2, 3, 4), "int64", high=9)
        yield cls(), (3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows, then everything."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(axes=-1), (x,), [[3, 2, 1], [6, 5, 4]]
        yield cls(), (x,), [[6, 5, 4], [3, 2, 1]]


class ReverseSequence(Layout, name="reverse_sequence"):
    """Turn the first elements of each sequence round, as many as its length says.

    y[b, t] = x[b, lengths[b] - 1 - t] for t < lengths[b], x[b, t] behind
    Source: ONNX ReverseSequence-10, where time comes first unless it is said.
    """

    signature = "x: *x, lengths<int>: batch -> y: *y"
    views = False

    batch_axis: int = 0
    time_axis: int = 1

    def check(self) -> None:
        """Time and batch are the first two axes."""
        if {self.batch_axis, self.time_axis} != {0, 1}:
            raise Mistake(
                f"batch_axis {self.batch_axis} and time_axis {self.time_axis}; "
                "expected 0 and 1, or 1 and 0"
            )

    def derive(self, d: Match) -> dict[str, Any]:
        """One length for each element of the batch; sizes stay."""
        self.check()
        if len(d.x) < 2:
            raise ShapeError(f"x {format_shape(d.x)} needs a batch and a time axis")
        d.require("==", d.batch, d.x[self.batch_axis], "number of lengths and the batch")
        return {"y": d.x}

    def compute(self, x: Array, lengths: Array) -> Array:
        """Pick each element from its mirrored position."""
        count, wide = x.shape[self.time_axis], lengths.astype(np.int64, copy=False)
        if wide.size and not 0 <= wide.min() <= wide.max() <= count:
            worst = wide.min() if wide.min() < 0 else wide.max()
            raise InputError(f"length {worst} of a sequence with {count} elements")
        t, each = np.arange(count), wide[:, None]
        at, batch = np.where(t < each, each - 1 - t, t), np.arange(len(wide))[:, None]
        return x[batch, at] if self.batch_axis == 0 else x[at.T, batch.T]

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Lengths do not exceed the axis."""
        return {"lengths": d.x[self.time_axis] + 1}

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Either order of the axes."""
        yield cls(), (3, 5, 2), Sample((3,), "int64", high=6)
        dtype = "int32"
        yield cls(batch_axis=1, time_axis=0), Sample((4, 3), dtype), Sample((3,), dtype, high=5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Lengths 2 and 3; either order of the axes; a length of 0."""
        x, lengths = np.array([[1, 2, 3], [4, 5, 6]]), np.array([2, 3])
        yield cls(), (x, lengths), [[2, 1, 3], [6, 5, 4]]
        x = np.array([[1, 4], [2, 5], [3, 6]])
        yield cls(batch_axis=1, time_axis=0), (x, np.array([0, 3])), [[1, 6], [2, 5], [3, 4]]
