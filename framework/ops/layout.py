"""The same elements in another arrangement: reshape, transpose, axes of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Axes, Ints, ShapeAttr
from framework.ir.dims import Shape, Size, at_least, exact_quotient, format_shape, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import fixed_size
from framework.ops.rules import axes_of, fits


class Layout(Op):
    """Family: views of the input; there is no arithmetic."""

    signature = "x: *x -> y: *y"
    category = "shape"
    accepts = "any"
    views = True

    def cost(self, d: Match) -> Cost:
        """Nothing: elements are moved, not computed."""
        return Cost()


class Reshape(Layout, name="reshape"):
    """The same elements in the same order under another shape; one -1 stands for the rest.

    y.flat[i] = x.flat[i]
    Source: ONNX Reshape-19 with allowzero = 1: a 0 is a size of 0, it copies nothing.
    """

    shape: ShapeAttr

    def check(self) -> None:
        """At most one -1, and no other negative size."""
        if self.shape.count(-1) > 1:
            raise Mistake(f"reshape to {format_shape(self.shape)}; only one size may be -1")
        for size in self.shape:
            if isinstance(size, int) and size < -1:
                raise Mistake(f"reshape to {format_shape(self.shape)}; {size} is no size")

    def derive(self, d: Match) -> dict[str, Any]:
        """The numbers of elements must agree; -1 is their quotient, which must be exact."""
        self.check()
        wanted = [size for size in self.shape if size != -1]
        left, right = without_common(d.x, wanted)
        what = f"{format_shape(d.x)} as {format_shape(self.shape)}"
        if -1 not in self.shape:
            d.require("==", left, right, what)
            return {"y": self.shape}
        rest = quotient(d, left, right, what)
        return {"y": tuple(rest if size == -1 else size for size in self.shape)}

    def compute(self, x: Array) -> Array:
        """``reshape``; -1 is computed here because NumPy cannot when there are no elements."""
        shape = [fixed_size(size, "reshape") for size in self.shape]
        if -1 in shape:
            left, right = without_common(x.shape, [size for size in shape if size != -1])
            shape[shape.index(-1)] = fixed_size(left // right, "reshape")
        return x.reshape(shape)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Split, merged, with -1, booleans, a single number."""
        yield cls(shape=(2, 3, 4)), (2, 12)
        yield cls(shape=(3, -1, 2)), (5, 3, 4)
        yield cls(shape=(-1,)), Sample((2, 3), "bool")
        yield cls(shape=()), (1, 1)
        yield cls(shape=(0, -1)), (0, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Row by row."""
        x = np.array([[1, 2, 3], [4, 5, 6]])
        yield cls(shape=(3, -1)), (x,), [[1, 2], [3, 4], [5, 6]]


def without_common(have: Sequence[Size], wanted: Sequence[Size]) -> tuple[Size, Size]:
    """Products of two shapes after crossing out the sizes that stand in both.

    [B, T, 4] and [B, T, 3] become 4 and 3: right for B = 0 too, and a clearer message.
    """
    rest = list(have)
    extra: list[Size] = []
    for size in wanted:
        if size in rest:
            rest.remove(size)
        else:
            extra.append(size)
    return product(rest), product(extra)


def quotient(d: Match, left: Size, right: Size, what: str) -> Size:
    """``left / right``, demanded to be exact."""
    if right == 0:
        raise ShapeError(f"{what}: -1 is not determined beside a size of 0")
    exact = exact_quotient(left, right)
    if exact is not None:
        return exact
    d.require("divisible", left, right, what)
    return left // right


class Flatten(Layout, name="flatten"):
    """A matrix: all axes before ``axis`` become the rows, all others the columns.

    y[i, j]: i = the axes before ``axis``, j = the axes from it on, both in row-major order
    Source: ONNX Flatten-21.
    """

    main = "axis"

    axis: int = 1

    def derive(self, d: Match) -> dict[str, Any]:
        """Two products of sizes."""
        axis = self._axis(len(d.x))
        return {"y": (product(d.x[:axis]), product(d.x[axis:]))}

    def _axis(self, rank: int) -> int:
        if not -rank <= self.axis <= rank:
            raise ShapeError(f"axis {self.axis} does not exist in a tensor with {rank} axes")
        return self.axis + rank if self.axis < 0 else self.axis

    def compute(self, x: Array) -> Array:
        """``reshape``."""
        axis = self._axis(x.ndim)
        rows, columns = np.prod(x.shape[:axis], dtype=int), np.prod(x.shape[axis:], dtype=int)
        return x.reshape(int(rows), int(columns))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The usual axis, in the middle, at both ends, integers."""
        yield cls(), (2, 3, 4, 5)
        yield cls(axis=2), (2, 3, 4)
        yield cls(axis=0), (2, 3)
        yield cls(axis=-1), Sample((2, 3, 4), "int64")
        yield cls(axis=1), (3,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Axis 0 gives one row."""
        x = np.array([[[1, 2], [3, 4]]])
        yield cls(axis=1), (x,), [[1, 2, 3, 4]]
        yield cls(axis=-1), (x,), [[1, 2], [3, 4]]


class Transpose(Layout, name="transpose"):
    """Axes in another order: axis ``i`` of the result is axis ``perm[i]`` of the input.

    y[i0, i1, ...] = x at the index whose axis perm[k] is ik
    Source: ONNX Transpose-21; NumPy transpose.
    """

    perm: Ints

    def check(self) -> None:
        """Every axis once."""
        if sorted(self.perm) != list(range(len(self.perm))):
            raise Mistake(
                f"perm {list(self.perm)} is not an order of axes",
                hint=f"each of 0 to {len(self.perm) - 1} must stand in it once",
            )

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes in the new order."""
        self.check()
        if len(self.perm) != len(d.x):
            raise ShapeError(
                f"perm {list(self.perm)} is for {len(self.perm)} axes, "
                f"x {format_shape(d.x)} has {len(d.x)}"
            )
        return {"y": tuple(d.x[axis] for axis in self.perm)}

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        return x.transpose(self.perm)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A matrix, a rotation of three axes, integers."""
        yield cls(perm=(1, 0)), (2, 3)
        yield cls(perm=(2, 0, 1)), (2, 3, 4)
        yield cls(perm=(0, 2, 1)), Sample((2, 3, 4), "int64", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """perm names the source, not the target."""
        x = np.arange(6).reshape(1, 2, 3)
        yield cls(perm=(2, 0, 1)), (x,), [[[0, 3]], [[1, 4]], [[2, 5]]]


class Squeeze(Layout, name="squeeze"):
    """Remove axes of size 1: the named ones, or all of them.

    y = x without those axes
    Source: ONNX Squeeze-21.  Without ``axes``, no size may depend on whether it is 1.
    """

    main = "axes"

    axes: Axes | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """Named axes must be 1."""
        axes = ones(d.x) if self.axes is None else axes_of(self.axes, len(d.x), "x")
        for axis in axes:
            d.require("==", d.x[axis], 1, f"axis {axis} of x, to be removed")
        return {"y": tuple(size for i, size in enumerate(d.x) if i not in axes)}

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        return np.squeeze(x, self.axes)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis, several, all, integers."""
        yield cls(axes=1), (2, 1, 3)
        yield cls(axes=(0, -1)), (1, 4, 1)
        yield cls(), (1, 2, 1, 3)
        yield cls(axes=-2), Sample((2, 1, 3), "int64")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Only the named axis."""
        x = np.array([[[1], [2]]])
        yield cls(axes=0), (x,), [[1], [2]]
        yield cls(), (x,), [1, 2]


def ones(shape: Shape) -> tuple[int, ...]:
    """Axes of size 1; refused while some size may or may not be 1."""
    doubtful = [
        size for size in shape if not isinstance(size, int) and not at_least(size, 2).always
    ]
    if doubtful:
        names = " or ".join(str(size) for size in dict.fromkeys(doubtful))
        raise ShapeError(
            f"squeeze without axes: {names} may be 1, so the number of axes is not known",
            hint="name the axes",
        )
    return tuple(axis for axis, size in enumerate(shape) if size == 1)


class Unsqueeze(Layout, name="unsqueeze"):
    """Insert axes of size 1; ``axes`` are their positions in the result.

    y = x with further axes of 1
    Source: ONNX Unsqueeze-21; NumPy expand_dims.
    """

    axes: Axes

    def derive(self, d: Match) -> dict[str, Any]:
        """1 at the named positions, the input's sizes at the others."""
        rank = len(d.x) + (1 if isinstance(self.axes, int) else len(self.axes))
        axes = axes_of(self.axes, rank, "the result")
        rest = iter(d.x)
        return {"y": tuple(1 if axis in axes else next(rest) for axis in range(rank))}

    def compute(self, x: Array) -> Array:
        """A view of ``x``."""
        return np.expand_dims(x, self.axes)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """In front, at the back, two at once, around a number."""
        yield cls(axes=0), (2, 3)
        yield cls(axes=-1), (2, 3)
        yield cls(axes=(1, 3)), (2, 3, 4)
        yield cls(axes=(0, 1)), Sample((), "int64")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A row and a column."""
        x = np.array([1, 2])
        yield cls(axes=0), (x,), [[1, 2]]
        yield cls(axes=-1), (x,), [[1], [2]]


class Expand(Layout, name="expand"):
    """Repeat axes of size 1, and add axes in front, to get a given shape.

    y[i, j, ...] = x at the same index, 0 wherever x has a 1
    Source: torch.Tensor.expand; NumPy broadcast_to.  ONNX Expand-13 may also keep larger axes.
    """

    shape: ShapeAttr

    def check(self) -> None:
        """Sizes are not negative."""
        for size in self.shape:
            if isinstance(size, int) and size < 0:
                raise Mistake(f"expand to {format_shape(self.shape)}; {size} is no size")

    def derive(self, d: Match) -> dict[str, Any]:
        """The input must broadcast to the shape."""
        self.check()
        fits(d, d.x, self.shape, "x")
        return {"y": self.shape}

    def compute(self, x: Array) -> Array:
        """A read-only view of ``x``."""
        return np.broadcast_to(x, [fixed_size(size, "expand") for size in self.shape])

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """An axis of 1, a new axis, a number, booleans."""
        yield cls(shape=(4, 1, 3)), (1, 1, 3)
        yield cls(shape=(2, 5, 3)), (5, 3)
        yield cls(shape=(2, 3)), ()
        yield cls(shape=(2, 3)), Sample((2, 1), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A column repeated."""
        yield cls(shape=(2, 3)), (np.array([[1], [2]]),), [[1, 1, 1], [2, 2, 2]]


__all__ = ["Expand", "Flatten", "Layout", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]
