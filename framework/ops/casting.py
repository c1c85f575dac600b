"""Conversion of dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ops.constant import Dtype


class Cast(Op, name="cast"):
    """The same numbers in another dtype.

    y = x, where dtype holds it; otherwise
        number to bool: whether x is not 0          float to float: rounded, or inf
        float to whole: the whole part; the nearest limit beyond the range; 0 for NaN
        whole to whole: the lowest bits, so that 200 is -56 as int8
    Source: ONNX Cast-25, which leaves floats beyond the range of whole numbers open.
    """

    signature = "x<any>: *shape -> y<@dtype>: *shape"
    category = "arithmetic"
    accepts = "any"

    dtype: Dtype

    def compute(self, x: Array) -> Array:
        """Always a copy."""
        return converted(x, self.dtype)

    def cost(self, d: Match) -> Cost:
        """One conversion for each element."""
        return Cost(0, product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Numbers to every kind of dtype and back."""
        yield cls("float64"), (2, 3)
        yield cls("int8"), (5,)
        yield cls("bool"), Sample((2, 3), "int64", -1, 2)
        yield cls("float32"), Sample((), "bool")
        yield cls("uint8"), Sample((4,), "int32", -999, 999)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Towards zero; beyond the range; NaN; lowest bits; truth values."""
        x = np.array([-1.9, 1.9, 300.0, -300.0, np.nan, -np.inf])
        yield cls("int8"), (x,), [-1, 1, 127, -128, 0, -128]
        yield cls("uint8"), (x,), [0, 1, 255, 0, 0, 0]
        yield cls("int64"), (np.array([1e30, -1e30]),), [(1 << 63) - 1, -(1 << 63)]
        yield cls("int8"), (np.array([200, -129]),), [-56, 127]
        yield cls("bool"), (np.array([0.0, -0.0, 0.5, np.nan]),), [False, False, True, True]
        yield cls("float16"), (np.array([1e5, 0.1]),), [np.inf, 0.0999755859375]


def converted(x: Array, dtype: str) -> Array:
    """A copy of ``x`` in another dtype; see `Cast`."""
    with np.errstate(all="ignore"):
        if x.dtype.kind != "f" or np.dtype(dtype).kind not in "iu":
            return x.astype(dtype)
        wide = np.where(np.isnan(x), 0, x).astype(np.float64)
        limits = np.iinfo(dtype)
        low, high = limits.min, limits.max
        # The highest int64 is no float64: what rounds to it, or beyond, is replaced at last.
        y = np.clip(wide, low, high).astype(dtype)
        return np.asarray(np.where(wide >= high, high, y), dtype)
