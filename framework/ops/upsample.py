"""Enlarging (or shrinking) images by interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import isfinite
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Reals, ShapeAttr
from framework.ir.dims import Size, product
from framework.ir.op import Array, Cost, Match, Op, spread
from framework.numerics.resampling import linear, nearest


class Upsample(Op, name="upsample"):
    """Resample the spatial axes to ``scale`` times their size, or to ``output_size``.

    Along each axis, with r = 1/scale (size/output_size where that is given):
        nearest:                  y[i] = x[floor(i*r)]
        nearest, centred:         y[i] = x[floor((i + 1/2)*r)]
        bilinear:                 y[i] = x at (i + 1/2)*r - 1/2, clamped, blended from 2 neighbours
        bilinear, align_corners:  y[i] = x at i*(size - 1)/(output_size - 1), blended

    A scale is taken as the fraction that it is written as: 1.1 is 11/10, and the size is
    floor(size*11/10), not what the float nearest to 1.1 makes of it.  ``bilinear`` blends
    along every axis, whatever their number.
    Source: ONNX Resize-19 (nearest: asymmetric and floor, centred: half_pixel; linear:
    half_pixel or align_corners); PyTorch interpolate (nearest, nearest-exact, bilinear).
    """

    signature = "x: b c *size -> y: b c *outsize"
    category = "shape"
    main = "scale"

    scale: Reals | None = None
    output_size: ShapeAttr | None = None
    mode: Literal["nearest", "bilinear"] = "nearest"
    align_corners: bool = False
    centred: bool = False

    def check(self) -> None:
        """Exactly one of scale and output_size; each corner only with its mode."""
        if (self.scale is None) == (self.output_size is None):
            raise Mistake("upsample needs either scale or output_size")
        for scale in self.scale if isinstance(self.scale, tuple) else (self.scale,):
            if scale is not None and not (isfinite(scale) and scale > 0):
                raise Mistake(f"scale is {scale}; it must be a positive number")
        if self.align_corners and self.mode == "nearest":
            raise Mistake("align_corners has no meaning with mode nearest")
        if self.centred and self.mode == "bilinear":
            raise Mistake("centred has no meaning with mode bilinear")

    def sizes(self, size: tuple[Size, ...]) -> tuple[Size, ...]:
        """Sizes of the result."""
        if not size:
            raise ShapeError("x has no spatial axes", hint="images are [b, c, h, w]")
        if self.output_size is not None:
            return spread(tuple(self.output_size), len(size), "output_size")
        scales = (fraction(scale) for scale in spread(self.scale, len(size), "scale"))
        return tuple(
            n * scale.numerator // scale.denominator for n, scale in zip(size, scales, strict=True)
        )

    def derive(self, d: Match) -> dict[str, Any]:
        """Output sizes: floor(size*scale); nothing can be made from nothing, or into it."""
        result = self.sizes(d.size)
        for number, (size, out) in enumerate(zip(d.size, result, strict=True)):
            d.require("<=", 1, size, f"1 and the size along axis {number + 2}")
            d.require("<=", 1, out, f"1 and the resampled size along axis {number + 2}")
        return {"outsize": result}

    def compute(self, x: Array) -> Array:
        """One axis after the other."""
        counts: Any = self.sizes(x.shape[2:])
        scales = spread(self.scale, len(counts), "scale")
        y = x
        for axis, (count, scale) in enumerate(zip(counts, scales, strict=True), start=2):
            step = Fraction(x.shape[axis], count) if scale is None else 1 / fraction(scale)
            if self.align_corners:
                step = Fraction(x.shape[axis] - 1, max(count - 1, 1))
            if self.mode == "nearest":
                y = nearest(y, axis, count, step, self.centred)
            else:
                y = linear(y, axis, count, step, self.align_corners)
        return y

    def cost(self, d: Match) -> Cost:
        """Nothing for nearest; three operations for each blend of two neighbours."""
        if self.mode == "nearest":
            return Cost()
        blends: Size = 0
        for done in range(1, len(d.size) + 1):
            blends = blends + product(d.outsize[:done]) * product(d.size[done:])
        return Cost(0, 3 * d.b * d.c * blends)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both modes, whole and broken scales, sizes, one to three axes, shrinking."""
        yield cls(scale=2), (2, 3, 4, 5)
        yield cls(scale=(1.5, 2.5)), (2, 3, 5, 4)
        yield cls(scale=1.5, centred=True), (2, 3, 5, 7)
        yield cls(scale=2, mode="bilinear"), (2, 3, 4, 5)
        yield cls(scale=(1.5, 0.5), mode="bilinear"), (2, 3, 5, 7)
        yield cls(output_size=(7, 3), mode="bilinear", align_corners=True), (2, 3, 4, 5)
        yield cls(output_size=(9,)), (2, 3, 4)
        yield cls(scale=2, mode="bilinear"), (2, 3, 4, 5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Where the grid starts, in each mode; 11/10 of 10 is 11."""
        x = np.array([[[0.0, 4.0]]])
        yield cls(scale=2), (x,), [[[0, 0, 4, 4]]]
        yield cls(scale=2, mode="bilinear"), (x,), [[[0, 1, 3, 4]]]
        yield cls(output_size=(5,), mode="bilinear", align_corners=True), (x,), [[[0, 1, 2, 3, 4]]]
        yield cls(output_size=(1,), mode="bilinear", align_corners=True), (x,), [[[0]]]
        ramp = np.arange(10.0).reshape(1, 1, 10)
        yield cls(scale=1.1), (ramp,), [[[0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]]
        yield cls(output_size=(3,)), (ramp[..., :2],), [[[0, 0, 1]]]
        yield cls(output_size=(3,), centred=True), (ramp[..., :2],), [[[0, 1, 1]]]


def fraction(scale: float) -> Fraction:
    """The fraction that a number was written as.

    >>> fraction(1.1), fraction(1 / 3)
    (Fraction(11, 10), Fraction(1, 3))
    """
    simple = Fraction(scale).limit_denominator(1000)
    return simple if float(simple) == scale else Fraction(str(scale))
