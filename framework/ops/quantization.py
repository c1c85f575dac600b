"""Linear quantization: real numbers as whole ones with a scale and a zero point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import Shape, ceildiv, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import axis_index
from framework.ops.casting import converted

Quantized = Literal["uint8", "int8", "uint16", "int16"]


class Quantizing(Op):
    """Family: the scale (and zero point) of an element is one for the whole tensor, for each
    position along ``axis``, or for each ``block`` of positions along it.
    """

    category = "arithmetic"
    main = None

    def check(self) -> None:
        """Blocks have at least one element."""
        block = self.values["block"]
        if block is not None and block < 1:
            raise Mistake(f"block is {block}; it must be at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """Scale and zero point have one shape, which fits x."""
        if "zero_point" in d and len(d.zero) != len(d.scales):
            raise ShapeError(f"scale has {len(d.scales)} axes, zero_point has {len(d.zero)}")
        for scale, zero in zip(d.scales, d.zero if "zero_point" in d else (), strict=False):
            d.require("==", zero, scale, "sizes of zero_point and scale")
        if self.values["block"] is not None:
            self._require_blocks(d)
        elif len(d.scales) > 1:
            raise ShapeError(f"scale has {len(d.scales)} axes; without block it has at most one")
        elif len(d.scales) == 1 and d.scales[0] != 1:
            axis = axis_index(d.axis, len(d.shape), "x")
            d.require("==", d.scales[0], d.shape[axis], f"scales and the size along axis {axis}")
        return {}

    def _require_blocks(self, d: Match) -> None:
        """One scale for each block along the axis, and for each position along the others."""
        if len(d.scales) != len(d.shape):
            raise ShapeError(f"scale has {len(d.scales)} axes, x has {len(d.shape)}")
        blocked = axis_index(d.axis, len(d.shape), "x")
        for axis, (have, size) in enumerate(zip(d.scales, d.shape, strict=True)):
            wanted = ceildiv(size, d.block) if axis == blocked else size
            d.require("==", have, wanted, f"scales and blocks along axis {axis}")

    def spread(self, scale: Array, shape: tuple[int, ...]) -> Array:
        """The scales (or zero points) so that they broadcast to x."""
        axis, block = self.values["axis"], self.values["block"]
        if block is not None:
            kept = [slice(None)] * len(shape)
            kept[axis] = slice(shape[axis])
            return np.repeat(scale, block, axis)[tuple(kept)]
        if scale.size == 1:
            return scale.reshape(())
        return scale.reshape(-1, *[1] * (len(shape) - 1 - axis % len(shape)))

    def spelled(self, g: Any, scale: Any, shape: Shape) -> Any:
        """The same in smaller operators."""
        have = g.shape(scale)
        if self.values["block"] is not None:
            axis, block = axis_index(self.values["axis"], len(shape), "x"), self.values["block"]
            lead, tail = have[:axis], have[axis + 1 :]
            blocks = g.expand(
                g.unsqueeze(scale, axes=axis + 1), shape=(*have[: axis + 1], block, *tail)
            )
            every = g.reshape(blocks, shape=(*lead, have[axis] * block, *tail))
            return g.slice(every, axis=axis, stop=shape[axis])
        if not have:
            return scale
        if have[0] == 1:
            return g.reshape(scale, shape=())
        after = len(shape) - 1 - axis_index(self.values["axis"], len(shape), "x")
        return g.reshape(scale, shape=(*have, *[1] * after)) if after else scale

    def cost(self, d: Match) -> Cost:
        """Four operations for each element: scaling, rounding, shifting, cutting off."""
        return Cost(0, 4 * product(d.shape))


class Quantize(Quantizing, name="quantize"):
    """Real numbers as whole ones, cut off at the limits of the dtype.

    y = saturate(round(x / scale) + zero_point), halves rounded to even

    A scale of one element is for the whole tensor; one with a single axis is for the positions
    along ``axis``; with ``block`` it has the shape of x, and one element for each block.
    Source: ONNX QuantizeLinear-25; Jacob et al. 2018, section 2.1.
    """

    signature = "x: *shape, scale<float>: *scales, zero_point?<int>: *zero -> y<@dtype>: *shape"

    dtype: Quantized = "uint8"
    axis: int = 1
    block: int | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """The zero point has the dtype of the result."""
        given: Any = d.types.get("zero_point")
        if given is not None and given.dtype != self.dtype:
            raise ShapeError(
                f"zero_point is {given.dtype}, the result {self.dtype}",
                hint="they must have one dtype",
                code="dtype",
            )
        return super().derive(d)

    def compute(self, x: Array, scale: Array, zero_point: Array | None = None) -> Array:
        """The quotient has the dtype of the scale, the sum is exact."""
        with np.errstate(all="ignore"):
            y = np.rint(x.astype(scale.dtype) / self.spread(scale, x.shape)).astype(np.float64)
        if zero_point is not None:
            y = y + self.spread(zero_point, x.shape)
        return converted(np.asarray(y), self.dtype)

    def decompose(self, g: Any, x: Any, scale: Any, zero_point: Any = None) -> Any:
        """Quotient, rounding, sum and limits."""
        shape, kind = g.shape(x), g.dtype(scale)
        y = g.round(g.div(cast(g, x, kind), self.spelled(g, scale, shape)))
        y = cast(g, y, "float64")
        if zero_point is not None:
            y = g.add(y, cast(g, self.spelled(g, zero_point, shape), "float64"))
        limits = np.iinfo(self.dtype)
        return g.cast(g.clip(y, min=float(limits.min), max=float(limits.max)), dtype=self.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One scale, one for each position, blocks; with and without zero points."""
        yield cls(), (2, 3, 4), (), Sample((), "uint8", 0, 9)
        yield cls(dtype="int8", axis=-1), (2, 3), (3,), Sample((3,), "int8", -9, 9)
        yield cls(dtype="int16", axis=0, block=2), (5, 3), (3, 3), None

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Halves to even, limits, scales along an axis, a last block that is not full."""
        x = np.array([[1.0, 3.0, 5.0, -1000.0, 1000.0]])
        one = (x, np.array(2.0), np.array(128, "uint8"))
        yield cls(), one, [[128, 130, 130, 0, 255]]
        yield cls(), one[:2], [[0, 2, 2, 0, 255]]
        pair = (np.array([[4.0], [4.0]]), np.array([2.0, 1.0]), np.array([0, 1], "int8"))
        yield cls(dtype="int8", axis=0), pair, [[2], [5]]
        yield (
            cls(dtype="int8", axis=1, block=3),
            (x, np.array([[1.0, 100.0]])),
            [[1, 3, 5, -10, 10]],
        )


class Dequantize(Quantizing, name="dequantize"):
    """Whole numbers back as real ones.

    y = (x - zero_point) * scale

    The scale is for the whole tensor, for positions or for blocks as with `quantize`.
    Source: ONNX DequantizeLinear-25.
    """

    signature = "x<int>: *shape, scale: *scales, zero_point?<int>: *zero -> y: *shape"

    axis: int = 1
    block: int | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """The zero point has the dtype of x."""
        x, given = (d.types.get(port) for port in ("x", "zero_point"))
        types: Any = (x, given)
        if given is not None and types[0].dtype != types[1].dtype:
            raise ShapeError(
                f"x is {types[0].dtype}, zero_point {types[1].dtype}",
                hint="they must have one dtype",
                code="dtype",
            )
        return super().derive(d)

    def compute(self, x: Array, scale: Array, zero_point: Array | None = None) -> Array:
        """The difference is exact, the product has the dtype of the scale."""
        y = x.astype(np.int64)
        if zero_point is not None:
            y = y - self.spread(zero_point, x.shape)
        with np.errstate(over="ignore"):
            return np.asarray(y.astype(scale.dtype) * self.spread(scale, x.shape))

    def decompose(self, g: Any, x: Any, scale: Any, zero_point: Any = None) -> Any:
        """Difference and product."""
        shape, kind = g.shape(x), g.dtype(scale)
        y = cast(g, x, "int64")
        if zero_point is not None:
            y = g.sub(y, cast(g, self.spelled(g, zero_point, shape), "int64"))
        return g.mul(g.cast(y, dtype=kind), self.spelled(g, scale, shape))

    def cost(self, d: Match) -> Cost:
        """A difference and a product for each element."""
        return Cost(0, 2 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One scale, one for each position, blocks; with and without zero points."""
        byte, short = Sample((2, 3, 4), "uint8", 0, 255), Sample((5, 3), "int16", -99, 99)
        yield cls(), byte, (), Sample((), "uint8", 0, 9)
        yield cls(axis=-1), byte, (4,), Sample((4,), "uint8", 0, 9)
        yield cls(axis=0, block=2), short, (3, 3), None

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No wrap-around; scales along an axis; a last block that is not full."""
        x = np.array([[0, 3, 255]], "uint8")
        yield cls(), (x, np.array(2.0), np.array(128, "uint8")), [[-256, -250, 254]]
        yield cls(), (x, np.array([1.0, 2.0, 3.0]), None), [[0, 6, 765]]
        yield cls(axis=1, block=2), (x, np.array([[1.0, 0.1]]), None), [[0, 3, 25.5]]


def cast(g: Any, x: Any, dtype: str) -> Any:
    """A value of this dtype."""
    return x if g.dtype(x) == dtype else g.cast(x, dtype=dtype)


class DynamicQuantize(Op, name="dynamic_quantize"):
    """Real numbers as bytes, with scale and zero point from their own range.

    low = min(x, 0), high = max(x, 0) over the whole tensor
    scale = (high - low) / 255, zero_point = round(-low / scale)
    y = saturate(round(x / scale) + zero_point); the scale of zeros alone is 1/255
    Source: ONNX DynamicQuantizeLinear-11.
    """

    signature = "x<float32>: *shape -> y<uint8>: *shape, scale<float32>:, zero_point<uint8>:"
    category = "arithmetic"

    def derive(self, d: Match) -> dict[str, Any]:
        """The range of nothing is not defined."""
        d.require("<=", 1, product(d.shape), "1 and the number of elements of x")
        return {}

    def compute(self, x: Array) -> tuple[Array, Array, Array]:
        """Range, scale and zero point in float32."""
        low, high = min(x.min(), np.float32(0)), max(x.max(), np.float32(0))
        scale = np.asarray((high - low if high > low else 1) / np.float32(255))
        zero = np.asarray(np.rint(np.clip(-low / scale, 0, 255)), "uint8")
        return Quantize().compute(x, scale, zero), scale, zero

    def cost(self, d: Match) -> Cost:
        """Two comparisons, and what `quantize` needs, for each element."""
        return Cost(0, 6 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A table, a vector."""
        yield cls(), (2, 3, 4)
        yield cls(), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both signs; one sign, where the range still holds 0; zeros alone."""
        yield cls(), (np.array([-51, 0, 204], "float32"),), ([0, 51, 255], 1, 51)
        yield cls(), (np.array([51, 510], "float32"),), ([26, 255], 2, 0)
        yield cls(), (np.zeros(2, "float32"),), ([0, 0], 1 / 255, 0)
