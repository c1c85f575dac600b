"""Putting tensors together and taking them apart along one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import ShapeAttr
from framework.ir.dims import Shape, Size, ceildiv, format_shape, total
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, axis_index, fixed_size
from framework.ops.kernels import kernel_of

MOST_PARTS = 4096


class Concat(Op, name="concat"):
    """Join tensors along one axis; all other sizes must agree.

    y = xs[0] | xs[1] | ... side by side along ``axis``
    Source: ONNX Concat-13.
    """

    signature = "xs+: *x -> y: *y"
    category = "shape"
    accepts = "any"

    axis: int

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes along the axis add up."""
        first, axis = d.x[0], axis_index(self.axis, len(d.x[0]), "xs.0")
        for number, shape in enumerate(d.x[1:], 1):
            same_besides(d, axis, first, shape, number)
        joined = total(shape[axis] for shape in d.x)
        return {"y": (*first[:axis], joined, *first[axis + 1 :])}

    def compute(self, xs: tuple[Array, ...]) -> Array:
        """``concatenate``."""
        return np.concatenate(xs, self.axis)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""

        def run(xs: tuple[Array, ...], out: Array, scratch: Array) -> None:
            np.concatenate(xs, self.axis, out=out)

        return kernel_of(self, types, run)

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Two, three and one tensor; booleans; an axis from the back."""
        yield cls(axis=1), [(2, 3, 4), (2, 5, 4)]
        yield cls(axis=0), [(1, 5), (2, 5), (3, 5)]
        yield cls(axis=-1), [(2, 3)]
        yield cls(axis=-1), [Sample((2, 3), "bool"), Sample((2, 4), "bool")]

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """In the order given, along columns."""
        xs = (np.array([[1, 2], [5, 6]]), np.array([[3], [7]]))
        yield cls(axis=-1), (xs,), [[1, 2, 3], [5, 6, 7]]


def same_besides(d: Match, axis: int, first: Shape, shape: Shape, number: int) -> None:
    """Demand that tensor ``number`` has the shape of the first, but for ``axis``."""
    if len(shape) != len(first):
        raise ShapeError(
            f"xs.0 {format_shape(first)} has {len(first)} axes, "
            f"xs.{number} {format_shape(shape)} has {len(shape)}"
        )
    for index, (left, right) in enumerate(zip(first, shape, strict=True)):
        if index != axis:
            d.require("==", left, right, f"axis {index} of xs.0 and xs.{number}")


class Split(Op, name="split"):
    """Cut a tensor into pieces along one axis: equal ``parts``, or pieces of given ``sizes``.

    y[i] = x[..., start_i : start_i + size_i, ...]; of n into p parts, each has ceil(n/p), the
    last one what is left.
    Source: ONNX Split-18 (num_outputs, split); torch.chunk may give fewer parts instead.
    """

    signature = "x: *x -> y+: *y"
    category = "shape"
    accepts = "any"
    views = True

    axis: int
    parts: int | None = None
    sizes: ShapeAttr | None = None

    def check(self) -> None:
        """Exactly one of parts and sizes; parts is at least 1."""
        if (self.parts is None) == (self.sizes is None):
            raise Mistake(
                "split needs either 'parts' or 'sizes'",
                hint="parts: 3 for equal parts, sizes: [2, 5] for given ones",
                code="missing-attribute",
            )
        if self.parts is not None and not 1 <= self.parts <= MOST_PARTS:
            raise Mistake(f"split into {self.parts} parts; expected 1 to {MOST_PARTS}")

    def derive(self, d: Match) -> dict[str, Any]:
        """One shape for each piece."""
        self.check()
        axis = axis_index(self.axis, len(d.x), "x")
        sizes = self._sizes(d.x[axis])
        what = f"axis {axis} of x and its pieces"
        if self.sizes is None:  # a last part of less than nothing: too many parts
            d.require("<=", total(sizes[:-1]), d.x[axis], what)
        else:
            d.require("==", total(sizes), d.x[axis], what)
        for size in self.sizes or ():
            d.require("<=", 0, size, "size of a piece")
        return {"y": tuple((*d.x[:axis], size, *d.x[axis + 1 :]) for size in sizes)}

    def _sizes(self, whole: Size) -> tuple[Size, ...]:
        if self.parts is None:
            return () if self.sizes is None else self.sizes
        each = ceildiv(whole, self.parts)
        return (each,) * (self.parts - 1) + (whole - each * (self.parts - 1),)

    def compute(self, x: Array) -> tuple[Array, ...]:
        """Views of ``x``."""
        sizes = [fixed_size(size, "split") for size in self._sizes(x.shape[self.axis])]
        return tuple(np.split(x, list(accumulate(sizes))[:-1], self.axis))

    def cost(self, d: Match) -> Cost:
        """Nothing: the pieces are views."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal parts, a smaller last one, given sizes, integers."""
        yield cls(axis=1, parts=2), (2, 6, 3)
        yield cls(axis=-1, parts=3), (4, 8)
        yield cls(axis=0, sizes=(1, 4)), (5, 2)
        yield cls(axis=0, parts=2), Sample((3, 2), "int64")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The last part is the smaller one."""
        x = np.arange(5.0)
        yield cls(axis=0, parts=2), (x,), ([0, 1, 2], [3, 4])
        yield cls(axis=0, parts=3), (x,), ([0, 1], [2, 3], [4])
        yield cls(axis=0, sizes=(1, 0, 4)), (x,), ([0], [], [1, 2, 3, 4])
