"""Kinds of number that are narrower than NumPy's: what their bits mean, and rounding to them.

A float of 1 sign bit, E exponent bits and M mantissa bits is, with bias b and exponent field e,

    (1 + m / 2^M) * 2^(e - b)  for e > 0,      m / 2^M * 2^(1 - b)  for e = 0

so that neighbours near x are 2^(max(floor(log2 |x|), 1 - b) - M) apart.  The kinds differ in
what the largest fields stand for: infinity, NaN, or one number more.
Source: ONNX's documents on float8, float4 and int4; Micikevicius et al. 2022 (E4M3, E5M2);
Noune et al. 2022 (fnuz); OCP Microscaling Formats 1.0 (E2M1, E8M0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Real:
    """A narrow float: its mantissa and bias, its largest number, and which special ones it has."""

    bits: int
    mantissa: int
    bias: int
    largest: float
    infinite: bool = False
    nan: bool = True
    minus_zero: bool = True
    saturating: bool = True


@dataclass(frozen=True)
class Whole:
    """A narrow whole number."""

    bits: int
    signed: bool

    @property
    def least(self) -> int:
        """The lowest number."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def most(self) -> int:
        """The highest number."""
        return self.least + (1 << self.bits) - 1


@dataclass(frozen=True)
class Power:
    """A power of two without sign; there is no zero, and the highest field is NaN."""

    bits: int = 8
    bias: int = 127


BFLOAT_MAX = float((2 - 2**-7) * 2.0**127)

KINDS: dict[str, Real | Whole | Power] = {
    "bfloat16": Real(16, 7, 127, BFLOAT_MAX, infinite=True, saturating=False),
    "float8e4m3fn": Real(8, 3, 7, 448.0),
    "float8e4m3fnuz": Real(8, 3, 8, 240.0, minus_zero=False),
    "float8e5m2": Real(8, 2, 15, 57344.0, infinite=True),
    "float8e5m2fnuz": Real(8, 2, 16, 57344.0, minus_zero=False),
    "float4e2m1": Real(4, 1, 1, 6.0, nan=False),
    "float8e8m0": Power(),
    "uint4": Whole(4, False),
    "int4": Whole(4, True),
    "uint2": Whole(2, False),
    "int2": Whole(2, True),
}
"""All narrow kinds by ONNX's names in lower letters."""


def wider(name: str) -> str:
    """The dtype that holds all numbers of a kind."""
    kind = KINDS[name]
    if isinstance(kind, Whole):
        return "int8" if kind.signed else "uint8"
    return "float32"


# ------------------------------------------------------------------------------- bits


def decoded(codes: Array, name: str) -> Array:
    """The numbers that these bit patterns stand for, exactly."""
    kind = KINDS[name]
    if name == "bfloat16":
        return (codes.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if isinstance(kind, Whole):
        numbers = codes.astype(np.int8)
        return np.where(numbers > kind.most, numbers - (1 << kind.bits), numbers).astype(
            wider(name)
        )
    return table(kind)[codes]


def table(kind: Real | Power) -> Array:
    """The number for each bit pattern."""
    codes = np.arange(1 << kind.bits)
    if isinstance(kind, Power):
        return np.where(codes == 255, np.nan, np.ldexp(1.0, codes - kind.bias)).astype(np.float32)
    mask = (1 << kind.bits - 1 - kind.mantissa) - 1
    exponent = codes >> kind.mantissa & mask
    mantissa = codes & (1 << kind.mantissa) - 1
    whole = np.where(exponent > 0, mantissa + (1 << kind.mantissa), mantissa).astype(float)
    size = np.ldexp(whole, np.maximum(exponent, 1) - kind.bias - kind.mantissa)
    beyond = size > kind.largest
    size[beyond] = np.nan
    if kind.infinite:
        size[beyond & (mantissa == 0)] = np.inf
    numbers: Array = np.where(codes >> kind.bits - 1, -size, size)
    if not kind.minus_zero:
        numbers[1 << kind.bits - 1] = np.nan
    return np.asarray(numbers, np.float32)


def unpacked(data: Array, bits: int, count: int) -> Array:
    """``count`` numbers of 2, 4 or 8 bits out of bytes, those in the low bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = data.reshape(-1, 1) >> shifts & np.uint8((1 << bits) - 1)
    found: Array = fields.reshape(-1)[:count]
    return found


# ------------------------------------------------------------------------------- rounding


def rounded(x: Array, name: str, saturate: bool = True, mode: str = "up") -> Array:
    """The nearest numbers of a kind, halves to even, in the dtype of x.

    ``saturate``: what lies beyond the largest number, infinity too, becomes it; otherwise
    infinity, or NaN where there is none.  Whole numbers keep their lowest bits instead.
    ``mode`` is the direction for powers of two: "up", "down" or "nearest" (halves up).
    """
    kind = KINDS[name]
    with np.errstate(all="ignore"):
        if isinstance(kind, Whole):
            return whole(x, kind, saturate).astype(x.dtype)
        wide = x.astype(np.float64)
        found = (
            power(wide, saturate, mode) if isinstance(kind, Power) else real(wide, kind, saturate)
        )
        return found.astype(x.dtype)


def real(x: Array, kind: Real, saturate: bool) -> Array:
    """Narrow floats; all steps are exact in float64, a scaling by powers of two."""
    least = 1 - kind.bias
    exponent = np.maximum(np.frexp(np.where(np.isfinite(x), x, 0))[1] - 1, least)
    step = np.ldexp(1.0, exponent - kind.mantissa)
    found = np.asarray(np.rint(x / step) * step)
    limit = kind.largest
    if not (saturate and kind.saturating) and kind.nan:
        limit = np.inf if kind.infinite else np.nan
    found = np.where(np.abs(found) > kind.largest, np.copysign(limit, x), found)
    if not kind.nan:
        found = np.where(np.isnan(x), 0, found)
    return found if kind.minus_zero else found + 0.0  # -0 + 0 is 0


def power(x: Array, saturate: bool, mode: str) -> Array:
    """Powers of two from 2^-127 to 2^127; what is not positive lies below all of them."""
    fraction, exponent = np.frexp(x)  # 1/2 <= fraction < 1
    up = {"up": fraction > 0.5, "nearest": fraction >= 0.75, "down": np.zeros(x.shape, bool)}
    exponent = exponent - 1 + up[mode]
    exponent = np.where(x <= 0, -1000, np.where(np.isinf(x), 1000, exponent))
    found = np.ldexp(1.0, np.clip(exponent, -127, 127))
    if not saturate:
        found = np.where(np.abs(exponent) > 127, np.nan, found)
    return np.where(np.isnan(x), np.nan, found)


def whole(x: Array, kind: Whole, saturate: bool) -> Array:
    """Narrow whole numbers: cut off at the limits, or the lowest bits."""
    if saturate:
        return np.clip(np.rint(x) if x.dtype.kind == "f" else x, kind.least, kind.most)
    lowest = x.astype(np.int64) & (1 << kind.bits) - 1
    return np.where(lowest > kind.most, lowest - (1 << kind.bits), lowest)
