"""Resampling along any axes, with everything that image libraries disagree about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Axes, Reals, ShapeAttr
from framework.ir.dims import Shape, Size, ceildiv, maximum, minimum, product
from framework.ir.op import Array, Cost, Match, Op, spread
from framework.ir.types import axis_index
from framework.numerics.resize import (
    SUPPORT,
    blend,
    line,
    narrowed,
    origin,
    rounded,
    weights,
    without_outside,
)
from framework.ops.resize_cases import EXAMPLES, GOLDENS
from framework.ops.upsample import fraction

WHOLE = (Fraction(0), Fraction(1))
"""The region that is not cropped."""


class Resize(Op, name="resize"):
    """Resample ``axes`` (all, where none are named) to ``scales`` times their size or to ``sizes``.

    Along each axis result i is read at p, with s = scale (sizes/size where sizes are given),
    n = size, m = n*s, which need not be whole:
        half_pixel:            p = (i + 1/2)/s - 1/2
        half_pixel_symmetric:  p = (i + 1/2)/s - 1/2 + n/2 * (1 - floor(m)/m)
        pytorch_half_pixel:    as half_pixel, but p = 0 for a single result
        align_corners:         p = i*(n - 1)/(m - 1)
        asymmetric:            p = i/s
        tf_crop_and_resize:    p = start*(n - 1) + i*(end - start)*(n - 1)/(m - 1)
    nearest rounds p by ``nearest_mode``; linear and cubic (Keys 1981, slope ``cubic_coeff_a``)
    blend the 2 or 4 elements around p.  Positions outside take the element at the edge;
    with ``exclude_outside`` they take no part; tf_crop_and_resize writes
    ``extrapolation_value``.  ``antialias`` stretches the kernel by 1/s where s < 1.
    ``roi`` lists the starts of all axes, then the ends, as shares of n - 1.
    ``keep_aspect_ratio`` uses the smallest (not_larger) or the largest (not_smaller)
    sizes/size for all axes, results rounded half up.  A scale is the fraction it is written
    as: 0.7 of 10 is 7.
    Source: ONNX Resize-19; `upsample` is the simple form.
    """

    signature = "x: *shape -> y: *resized"
    category = "shape"
    accepts = "number"

    scales: Reals | None = None
    sizes: ShapeAttr | None = None
    axes: Axes | None = None
    mode: Literal["nearest", "linear", "cubic"] = "nearest"
    coordinates: Literal[
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
        "tf_crop_and_resize",
    ] = "half_pixel"
    nearest_mode: Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] = (
        "round_prefer_floor"
    )
    cubic_coeff_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    keep_aspect_ratio: Literal["stretch", "not_larger", "not_smaller"] = "stretch"
    roi: Reals | None = None
    extrapolation_value: float = 0.0

    def check(self) -> None:
        """One way to say the size, and each attribute only where it means something."""
        if (self.scales is None) == (self.sizes is None):
            raise Mistake("resize needs either scales or sizes")
        for scale in self.scales if isinstance(self.scales, tuple) else (self.scales,):
            if scale is not None and not (isfinite(scale) and scale > 0):
                raise Mistake(f"scales has {scale}; it must be a positive number")
        if self.sizes is None and self.keep_aspect_ratio != "stretch":
            raise Mistake(f"keep_aspect_ratio {self.keep_aspect_ratio} needs sizes")
        if self.antialias and self.mode == "nearest":
            raise Mistake("antialias has no meaning with mode nearest")
        if (self.roi is None) == (self.coordinates == "tf_crop_and_resize"):
            raise Mistake("roi and the coordinates tf_crop_and_resize belong together")

    def along(self, rank: int) -> tuple[int, ...]:
        """The axes that are resampled."""
        given = range(rank) if self.axes is None else self.axes
        listed = (given,) if isinstance(given, int) else tuple(given)
        found = tuple(axis_index(axis, rank, "resize") for axis in listed)
        if len(set(found)) < len(found):
            raise ShapeError(f"axes {list(listed)} name one axis of {rank} twice")
        return found

    def results(self, shape: Shape) -> dict[int, Size]:
        """The size of the result along each axis that is resampled."""
        axes = self.along(len(shape))
        if self.sizes is None:
            scales = map(fraction, spread(self.scales, len(axes), "scales"))
            pairs = zip(axes, scales, strict=True)
            return {axis: shape[axis] * s.numerator // s.denominator for axis, s in pairs}
        sizes = spread(tuple(self.sizes), len(axes), "sizes")
        if self.keep_aspect_ratio == "stretch":
            return dict(zip(axes, sizes, strict=True))
        # min(sizes/shape)*n rounded is the min of the rounded ones: rounding keeps order.
        choose = minimum if self.keep_aspect_ratio == "not_larger" else maximum
        found: dict[int, Size] = {}
        for axis in axes:
            for other, size in zip(axes, sizes, strict=True):
                whole = shape[other]
                new = size if axis == other else (2 * size * shape[axis] + whole) // (2 * whole)
                found[axis] = choose(found[axis], new) if axis in found else new
        return found

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes of the result; nothing can be made from nothing."""
        found = self.results(d.shape)
        if self.roi is not None:
            spread(self.roi, 2 * len(found), "roi")
        for axis, count in found.items():
            d.require("<=", 1, d.shape[axis], f"1 and the size along axis {axis}")
            d.require("<=", 0, count, f"0 and the resized size along axis {axis}")
        return {"resized": tuple(found.get(axis, n) for axis, n in enumerate(d.shape))}

    def factors(self, shape: Sequence[int], counts: dict[int, Any]) -> dict[int, Fraction]:
        """The exact scale along each axis."""
        if self.scales is not None:
            given = spread(self.scales, len(counts), "scales")
            return dict(zip(counts, map(fraction, given), strict=True))
        sizes: Any = dict(zip(counts, tuple(self.sizes or ()), strict=True))
        found = {axis: Fraction(sizes[axis], shape[axis]) for axis in counts}
        if self.keep_aspect_ratio != "stretch":
            choose = min if self.keep_aspect_ratio == "not_larger" else max
            found = dict.fromkeys(found, choose(found.values()))
        return found

    def regions(self, count: int) -> list[tuple[Fraction, Fraction]]:
        """Start and end of what is read along each axis."""
        if self.roi is None:
            return [WHOLE] * count
        ends = [fraction(value) for value in spread(self.roi, 2 * count, "roi")]
        return list(zip(ends[:count], ends[count:], strict=True))

    def compute(self, x: Array) -> Array:
        """One axis after the other."""
        counts: Any = self.results(x.shape)
        scales = self.factors(x.shape, counts)
        y = x if self.mode == "nearest" or x.dtype.kind == "f" else x.astype(np.float64)
        for (axis, count), ends in zip(counts.items(), self.regions(len(counts)), strict=True):
            if count:
                y = self._resample(y, axis, count, scales[axis], ends)
            else:
                y = np.take(y, [], axis)
        return narrowed(y, x.dtype) if y is not x else x.copy()

    def _resample(
        self, x: Array, axis: int, count: int, scale: Fraction, ends: tuple[Fraction, Fraction]
    ) -> Array:
        size = x.shape[axis]
        at = line(count, *origin(self.coordinates, size, count, scale, ends))
        if self.mode == "nearest":
            y = np.take(x, np.clip(rounded(at, self.nearest_mode), 0, size - 1), axis)
        else:
            stretch = max(1.0, float(1 / scale)) if self.antialias else 1.0
            index, share = weights(at, self.mode, self.cubic_coeff_a, stretch)
            if self.exclude_outside:
                share = without_outside(index, share, size)
            y = blend(x, axis, index, share)
        if self.coordinates == "tf_crop_and_resize":
            place = (slice(None),) * axis + (at.outside(size),)
            y[place] = self.extrapolation_value
        return y

    def cost(self, d: Match) -> Cost:
        """Nothing for nearest; a multiplication and an addition for each element blended."""
        if self.mode == "nearest":
            return Cost()
        work: Size = 0
        sizes = list(d.shape)
        for axis, count in self.results(d.shape).items():
            reach: Size = SUPPORT[self.mode]
            if self.antialias:
                reach = maximum(reach, ceildiv(reach * sizes[axis], maximum(count, 1)))
            sizes[axis] = count
            work = work + (4 * reach - 1) * product(sizes)
        return Cost(0, work)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """All modes and coordinates; scales and sizes; some axes and all; shrinking."""
        for attributes, shape in EXAMPLES:
            yield cls(**attributes), shape

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Where the grid lies for each of the coordinates; rounding; the edges; the region."""
        for attributes, x, expected in GOLDENS:
            yield cls(**attributes), (np.array(x),), expected
