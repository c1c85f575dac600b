"""Spatial transformers: reading an image on a grid, and the grid of an affine map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import ShapeError
from framework.ir.attributes import ShapeAttr
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.sampling import (
    affine_line,
    edge_outside,
    mirrored,
    reflect,
    sample,
    unnormalized,
    zeros_outside,
)

TAPS = {"nearest": 1, "linear": 2, "cubic": 4}


class GridSample(Op, name="grid_sample"):
    """Read an image, or a volume, at the positions that a grid holds.

    y[b,c,i,j] = x[b, c, p] blended from its neighbours, with p from (u, v) = grid[b,i,j]:
        p = ((v + 1)*h - 1)/2, ((u + 1)*w - 1)/2
        align_corners: p = (v + 1)/2*(h - 1), (u + 1)/2*(w - 1)
    -1 and 1 are the outer edges of the image, or the centres of its corner elements; the
    innermost axis comes first, as in (x, y).  Outside there are zeros, the border element,
    or the image reflected at those edges.  nearest rounds halves to even; linear and nearest
    move p into the image for border and reflection, cubic (slope -0.75) moves each of its
    four elements.
    Source: ONNX GridSample-22; PyTorch grid_sample; Jaderberg et al. 2015, section 3.3.
    """

    signature = "x: b c *size, grid<float>: b *outsize r -> y: b c *outsize"
    category = "shape"

    mode: Literal["nearest", "linear", "cubic"] = "linear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """A position has a number for each axis, and the image at least one element."""
        rank = len(d.size)
        if rank == 0 or len(d.outsize) != rank:
            raise ShapeError(
                f"x has {rank} spatial axes, grid {len(d.outsize)} besides batch and position",
                hint="x [b, c, h, w] is read by a grid [b, h, w, 2]",
            )
        d.require("==", d.r, rank, "last axis of grid and spatial axes of x")
        for number, size in enumerate(d.size):
            d.require("<=", 1, size, f"1 and the size along axis {number + 2}")
        return {}

    def compute(self, x: Array, grid: Array) -> Array:
        """Weighted sums of the elements around each position."""
        sizes, corners = x.shape[2:], self.align_corners
        at = unnormalized(grid.astype(np.float64), sizes, corners)
        inside = {
            "zeros": zeros_outside,
            "border": edge_outside,
            "reflection": mirrored(corners),
        }[self.padding_mode]
        if self.mode != "cubic" and self.padding_mode != "zeros":
            moved = [self._moved(p, n) for p, n in zip(at.swapaxes(0, 1), sizes, strict=True)]
            at = np.stack(moved, 1)
        return sample(x, at, self.mode, inside).reshape(*x.shape[:2], *grid.shape[1:-1])

    def _moved(self, at: Array, size: int) -> Array:
        """Positions along one axis brought into the image."""
        if self.padding_mode == "reflection":
            at = reflect(at, size, self.align_corners)
        found: Array = np.clip(at, 0, size - 1)
        return found

    def cost(self, d: Match) -> Cost:
        """A multiplication and an addition for each element that takes part."""
        taps = TAPS[self.mode] ** len(d.size)
        return Cost(0, d.b * d.c * product(d.outsize) * (2 * taps if taps > 1 else 0))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, all modes and kinds of outside."""
        yield cls(), (2, 3, 4, 5), (2, 6, 7, 2)
        yield cls(mode="nearest", padding_mode="border"), (2, 3, 4, 5), (2, 6, 7, 2)
        yield cls(mode="cubic", padding_mode="reflection"), (2, 3, 4, 5), (2, 6, 7, 2)
        yield cls(padding_mode="reflection", align_corners=True), (2, 4, 5, 6, 7), (2, 9, 8, 10, 3)
        yield cls(mode="cubic", align_corners=True), (2, 3, 4, 5), (2, 6, 7, 2)
        yield cls(mode="nearest", padding_mode="reflection"), (2, 3, 5), (2, 7, 1)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """What -1, 0 and 1 mean; what lies outside; (x, y), not (y, x)."""
        x = np.array([[[0.0, 4.0]]])
        grid = np.array([[[-1.0], [0.0], [1.0], [2.0]]])
        yield cls(), (x, grid), [[[0, 2, 2, 0]]]
        yield cls(align_corners=True), (x, grid), [[[0, 2, 4, 2]]]
        yield cls(padding_mode="border"), (x, grid), [[[0, 2, 4, 4]]]
        yield cls(mode="nearest"), (x, grid), [[[0, 0, 0, 0]]]
        three = np.array([[[1.0, 2.0, 4.0]]])
        far = np.array([[[-2.0], [2.0], [3.0]]])
        # Positions -2, 4 and 5.5 (corners: -1, 3, 4), mirrored at -1/2 and 5/2 (at 0 and 2).
        yield cls(padding_mode="reflection"), (three, far), [[[2, 2, 1]]]
        yield cls(padding_mode="reflection", align_corners=True), (three, far), [[[2, 2, 1]]]
        image = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
        corner = np.array([[[[1.0, -1.0]]]])
        yield cls(align_corners=True), (image, corner), [[[[2]]]]
        # Half way between 0 and 16, with -a/8 and 1/2 + a/8, a = -3/4, of those around them.
        ramp = np.array([[[0.0, 0.0, 16.0, 16.0]]])
        yield cls(mode="cubic"), (ramp, np.array([[[0.0]]])), [[[8]]]
        bump = np.array([[[0.0, 16.0, 0.0, 16.0]]])
        yield cls(mode="cubic"), (bump, np.array([[[0.0]]])), [[[8]]]


class AffineGrid(Op, name="affine_grid"):
    """The grid of positions that affine maps make of an image's elements, for `grid_sample`.

    grid[b,i,j] = theta[b] @ (x_j, y_i, 1), where x_j = (2*j + 1)/w - 1 and y_i alike;
    align_corners: x_j = 2*j/(w - 1) - 1, and 0 for a single element.

    theta is [b, 2, 3] for images, [b, 3, 4] for volumes; ``output_size`` is [h, w] or [d, h, w].
    Source: ONNX AffineGrid-20; PyTorch affine_grid; Jaderberg et al. 2015, section 3.2.
    """

    signature = "theta: b r q -> grid: b *outsize r"
    category = "shape"
    main = "output_size"

    output_size: ShapeAttr
    align_corners: bool = False

    def derive(self, d: Match) -> dict[str, Any]:
        """theta has a row for each axis, and a column more."""
        rank = len(self.output_size)
        d.require("==", d.r, rank, "rows of theta and axes of output_size")
        d.require("==", d.q, rank + 1, "columns of theta and axes of output_size + 1")
        return {"outsize": tuple(self.output_size)}

    def compute(self, theta: Array) -> Array:
        """The matrix times all positions, extended by 1."""
        wide = theta.astype(np.float32 if theta.dtype == np.float16 else theta.dtype)
        sizes: Any = self.output_size
        lines = [affine_line(n, self.align_corners) for n in sizes]
        mesh = np.meshgrid(*lines, indexing="ij")[::-1]
        base = np.stack([*mesh, np.ones(sizes)], -1).astype(wide.dtype)
        grid: Array = base.reshape(-1, len(sizes) + 1) @ wide.swapaxes(1, 2)
        return grid.reshape(len(theta), *sizes, len(sizes)).astype(theta.dtype, copy=False)

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each element of theta and position."""
        return Cost(d.b * product(d.outsize) * d.r * d.q)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Images and volumes, both meanings of -1 and 1."""
        yield cls(output_size=(4, 5)), (6, 2, 3)
        yield cls(output_size=(5, 6, 7), align_corners=True), (2, 3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The identity; a shift; an exchange of the axes; a single element."""
        same = np.array([[[1.0, 0, 0], [0, 1, 0]]])
        edges = [[[[-0.5, -0.5], [0.5, -0.5]], [[-0.5, 0.5], [0.5, 0.5]]]]
        yield cls(output_size=(2, 2)), (same,), edges
        corners = [[[[-1, 0], [0, 0], [1, 0]]]]
        yield cls(output_size=(1, 3), align_corners=True), (same,), corners
        moved = np.array([[[0.0, 1, 0], [1, 0, 10]]])
        yield cls(output_size=(1, 2)), (moved,), [[[[0, 9.5], [0, 10.5]]]]
