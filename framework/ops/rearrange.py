"""Rearranging axes by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError, did_you_mean
from framework.ir.attributes import Named
from framework.ir.dims import Shape, Size, exact_quotient, format_shape, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Match, Op, Sample
from framework.ir.types import TensorType, fixed_size
from framework.ops.kernels import kernel_of, sizes
from framework.ops.layout import Layout
from framework.ops.patterns import Group, Pattern


class Rearrange(Layout, name="rearrange"):
    """Split, reorder and merge axes by a pattern of names.

    y = x with axes split as the left side says, put in the order of the right side, and
    merged as it says; in (h d) the last name runs fastest
    Source: Rogozhnikov 2022 (einops), section 3.

    Brackets make one axis of several, ``...`` stands for any number of axes, 1 for an axis
    of one.  Sizes that do not follow from the input are further keys: ``h: 8``.
    """

    main = "pattern"

    pattern: str
    sizes: Named = ()

    def check(self) -> None:
        """The pattern can be read; sizes are given for its names, and are positive."""
        known = Pattern.parse(self.pattern).names
        for name, size in self.sizes:
            if name not in known:
                raise Mistake(
                    f"rearrange has no axis '{name}' in '{self.pattern}'",
                    hint=did_you_mean(name, known),
                    code="unknown-attribute",
                )
            if size < 1:
                raise Mistake(f"rearrange: the size of {name} is {size}; expected at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes of all names, then the groups on the right."""
        self.check()
        left, right = self._sides(d.x)
        sizes: dict[str, Size] = dict(self.sizes)
        for index, (group, size) in enumerate(zip(left, d.x, strict=True)):
            solve(d, group, size, sizes, index)
        return {"y": tuple(product(sizes[name] for name in group) for group in right)}

    def _sides(self, shape: Shape) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
        sides = Pattern.parse(self.pattern).expand(len(shape))
        if sides is None:
            raise ShapeError(
                f"x {format_shape(shape)} has {len(shape)} axes, "
                f"'{self.pattern.partition('->')[0].strip()}' does not"
            )
        return sides

    def steps(self, shape: Shape) -> tuple[Shape, tuple[int, ...], Shape]:
        """The shape with all axes apart, their new order, and the shape of the result."""
        left, right = self._sides(shape)
        sizes: dict[str, Size] = dict(self.sizes)
        d = Match({})
        for index, (group, size) in enumerate(zip(left, shape, strict=True)):
            solve(d, group, size, sizes, index)
        order = [name for group in left for name in group]
        perm = tuple(order.index(name) for group in right for name in group)
        merged = tuple(product(sizes[name] for name in group) for group in right)
        return tuple(sizes[name] for name in order), perm, merged

    def compute(self, x: Array) -> Array:
        """Reshape, transpose, reshape."""
        split, perm, merged = self.steps(x.shape)
        apart = x.reshape([fixed_size(size, "x") for size in split]).transpose(perm)
        return np.asarray(apart.reshape([fixed_size(size, "y") for size in merged]))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """A copy into given memory where axes are merged that do not lie side by side."""
        split, perm, merged = self.steps(sizes(types[0]))
        apart = [fixed_size(size, "x") for size in split]
        permuted = [apart[axis] for axis in perm]
        real = [axis for axis in perm if apart[axis] != 1]
        if real == sorted(real) or permuted == list(merged):
            return None  # a view

        def run(x: Array, out: Array, scratch: Array) -> None:
            np.copyto(out.reshape(permuted), x.reshape(apart).transpose(perm))

        return kernel_of(self, types, run)

    def decompose(self, g: Any, x: Any) -> Any:
        """Reshape, transpose, reshape; what changes nothing is left out."""
        split, perm, merged = self.steps(g.shape(x))
        if split != g.shape(x):
            x = g.reshape(x, shape=split)
        if perm != tuple(range(len(perm))):
            x = g.transpose(x, perm=perm)
        return x if merged == g.shape(x) else g.reshape(x, shape=merged)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Split and merge, dots, axes of 1, a deduced factor, integers."""
        yield cls("b c h w -> b (h w) c"), (2, 3, 4, 5)
        yield cls("b t (h d) -> b h t d", (("h", 2),)), (3, 5, 8)
        yield cls("b t (h d) -> (b h) t d", (("d", 4),)), (3, 5, 8)
        yield cls("... c 1 -> c 1 ... 1"), (2, 3, 4, 1)
        yield cls("b ... -> b (...)"), (2, 3, 5)
        yield cls("b (h p) (w q) -> b (h w) (p q)", (("p", 2), ("q", 3))), (2, 8, 15)
        yield cls("a b -> b a"), Sample((2, 3), "int64")
        yield cls("1 -> "), (1,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The last name of a group runs fastest, on either side."""
        x = np.arange(6).reshape(1, 6)
        yield cls("b (h d) -> h b d", (("h", 2),)), (x,), [[[0, 1, 2]], [[3, 4, 5]]]
        yield cls("b (h d) -> b (d h)", (("h", 2),)), (x,), [[0, 3, 1, 4, 2, 5]]


def solve(d: Match, group: Group, size: Size, sizes: dict[str, Size], axis: int) -> None:
    """Find the one unknown size in a group, or demand that the known ones fit."""
    unknown = [name for name in group if name not in sizes]
    known = product(sizes[name] for name in group if name in sizes)
    if len(unknown) > 1:
        raise ShapeError(
            f"axis {axis} of x is {size} = {'*'.join(group)}, but {' and '.join(unknown)} "
            "are not known",
            hint=f"give {' or '.join(unknown)} a size, e.g. {unknown[0]}: 8",
        )
    what = f"axis {axis} of x, {bracketed(group)}"
    if not unknown:
        d.require("==", size, known, what)
        return
    exact = exact_quotient(size, known)
    if exact is None:
        d.require("divisible", size, known, what)
        exact = size // known
    sizes[unknown[0]] = exact


def bracketed(group: Group) -> str:
    """A group as the pattern writes it."""
    return group[0] if len(group) == 1 else f"({' '.join(group)})" if group else "1"
