"""Rounding to numbers that a narrower kind of element could hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.numerics.narrow import KINDS, Power, Whole, rounded

Narrow = Literal[
    "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0",
    "float4e2m1", "uint4", "int4", "uint2", "int2",
]  # fmt: skip


class RoundTo(Op, name="round_to"):
    """The nearest number that a narrower kind of element can hold; the dtype stays.

    y = the number of ``kind`` with the least |x - y|, the one with an even mantissa of two
    beyond the largest: the largest with ``saturate``, else infinity, or NaN where there is none
    whole kinds: cut off with ``saturate``, else the lowest bits of the whole part
    bfloat16: infinity, whatever ``saturate`` is
    float8e8m0: powers of two from 2^-127 on, in the direction of ``mode``
    Source: ONNX Cast-25.
    """

    signature = "x: *shape -> y: *shape"
    category = "arithmetic"
    accepts = "number"
    main = "kind"

    kind: Narrow
    saturate: bool = True
    mode: Literal["up", "down", "nearest"] = "up"

    def check(self) -> None:
        """A direction is for powers of two alone."""
        if self.mode != "up" and not isinstance(KINDS[self.kind], Power):
            raise Mistake(f"mode is {self.mode}; only float8e8m0 has another one than up")

    def derive(self, d: Match) -> dict[str, Any]:
        """Floats go to floats; whole kinds take both."""
        type_: Any = d.types["x"]
        if not isinstance(KINDS[self.kind], Whole) and "float" not in type_.dtype:
            raise ShapeError(
                f"x is {type_.dtype}; only floats are rounded to {self.kind}",
                hint="cast it first",
                code="dtype",
            )
        return {}

    def compute(self, x: Array) -> Array:
        """See `framework.numerics.narrow`."""
        return rounded(x, self.kind, self.saturate, self.mode)

    def cost(self, d: Match) -> Cost:
        """The exponent, a scaling, rounding, and scaling back for each element."""
        return Cost(0, 4 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A float of each size, a power of two, whole numbers."""
        yield cls("bfloat16"), (2, 3)
        yield cls("float8e4m3fn", saturate=False), (4,)
        yield cls("float4e2m1"), ()
        yield cls("float8e8m0", mode="nearest"), (3, 2)
        yield cls("int4"), Sample((5,), "int8", -20, 20)
        yield cls("uint2", saturate=False), Sample((5,), "uint8", 0, 9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Halves to even, both sides of the limit, the special numbers."""
        x = np.array([1.0625, 1.1875, 464.0, 465.0, -np.inf, np.nan])
        yield cls("float8e4m3fn"), (x,), [1.0, 1.25, 448, 448, -448, np.nan]
        yield cls("float8e4m3fn", False), (x,), [1.0, 1.25, 448, np.nan, np.nan, np.nan]
        yield cls("float8e5m2", False), (x,), [1.0, 1.25, 448, 448, -np.inf, np.nan]
        yield cls("bfloat16"), (np.array([1 + 2**-8, 1 + 3 * 2**-8, 1e39]),), [1, 1.015625, np.inf]
        yield cls("float4e2m1"), (np.array([0.25, 2.5, 5.0, 99]),), [0, 2, 4, 6]
        yield cls("float8e8m0"), (np.array([3.0, 4.0, 0.0]),), [4, 4, 2.0**-127]
        yield cls("float8e8m0", mode="down"), (np.array([3.9, -9.0]),), [2, 2.0**-127]
        yield cls("int4"), (np.array([-99, 7, 8], "int8"),), [-8, 7, 7]
        yield cls("int4", saturate=False), (np.array([-9, 8, 23], "int8"),), [7, -8, 7]
