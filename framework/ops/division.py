"""Quotients and remainders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from framework.errors import ShapeError
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Match, Op, Sample
from framework.ir.types import FLOATS, TensorType
from framework.numerics.convolution import widened
from framework.ops.arithmetic import Binary
from framework.ops.kernels import ufunc_kernel


class Div(Binary, name="div"):
    """The quotient of two tensors, broadcast; for floats x/0 is inf and 0/0 is NaN.

    none: y = a / b        trunc: y = the whole part of a / b        floor: y = floor(a / b)

    Whole numbers need trunc or floor; divided by 0 they are 0.
    Source: ONNX Div-14, which is none for floats and trunc for whole numbers; PyTorch div.
    """

    accepts = "number"

    rounding: Literal["none", "trunc", "floor"] = "none"

    def derive(self, d: Match) -> dict[str, Any]:
        """The broadcast shape; the true quotient of whole numbers is refused."""
        given: Any = d.types["a"]
        if self.rounding == "none" and given.dtype not in FLOATS:
            raise ShapeError(
                f"a is {given.dtype}; its quotient would not be",
                hint="write rounding: trunc (or floor), or cast to float first",
                code="dtype",
            )
        return super().derive(d)

    def compute(self, a: Array, b: Array) -> Array:
        """The quotient, silent about zeros, and rounded."""
        with np.errstate(all="ignore"):
            if self.rounding == "none":
                return np.asarray(np.divide(a, b))
            if a.dtype.kind == "f":
                rule = np.trunc if self.rounding == "trunc" else np.floor
                return np.asarray(rule(widened(a) / b), a.dtype)
            y = np.floor_divide(a, b)
            if self.rounding == "trunc":  # one more where floor went below a negative quotient
                y = y + ((np.fmod(a, b) != 0) & ((a < 0) != (b < 0)))
            return np.asarray(y, a.dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The true quotient into given memory."""
        return ufunc_kernel(self, types, np.divide, how) if self.rounding == "none" else None

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """True quotients; rounded both ways; whole numbers."""
        yield cls(), (2, 1, 4), (3, 1)
        yield cls("trunc"), (2, 3), (3,)
        yield cls("floor"), (), (5,)
        yield cls("trunc"), Sample((2, 3), "int32", -9, 9), Sample((3,), "int32", 1, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first is divided by the second; division by zero; both roundings of a half."""
        a, b = np.array([7.0, -1.0, 0.0]), np.array([2.0, 0.0, 0.0])
        yield cls(), (a, b), [3.5, -np.inf, np.nan]
        halves, whole = np.array([-7.0, 7.0]), np.array([-7, 7, -6, 7])
        yield cls("trunc"), (halves, np.array(2.0)), [-3, 3]
        yield cls("floor"), (halves, np.array(2.0)), [-4, 3]
        yield cls("trunc"), (whole, np.array([2, 2, 2, 0])), [-3, 3, -3, 0]
        yield cls("floor"), (whole, np.array([2, -2, 2, 0])), [-4, -4, -3, 0]


class Mod(Binary, name="mod"):
    """The remainder of a division, broadcast.

    floor: y = a - floor(a / b) * b, with the sign of b
    trunc: y = a - trunc(a / b) * b, with the sign of a

    Divided by 0 floats are NaN and whole numbers 0; an infinite b leaves a as it is where the
    signs agree, and b for the rounding floor where they do not.
    Source: ONNX Mod-28, whose fmod is the rounding trunc; PyTorch remainder and fmod.
    """

    accepts = "number"

    rounding: Literal["floor", "trunc"] = "floor"

    def compute(self, a: Array, b: Array) -> Array:
        """NumPy's mod or fmod, silent about zeros."""
        with np.errstate(all="ignore"):
            return np.asarray(np.mod(a, b) if self.rounding == "floor" else np.fmod(a, b))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both roundings; whole numbers."""
        yield cls(), (2, 1, 4), (3, 1)
        yield cls("trunc"), (2, 3), (3,)
        yield cls(), Sample((2, 3), "int32", -9, 9), Sample((3,), "int32", 1, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Mixed signs, with both roundings; infinite and zero divisors."""
        a, b = np.array([-7.0, 7.0, 7.0, -7.0, 1.0]), np.array([2.0, -2.0, np.inf, np.inf, 0.0])
        yield cls(), (a, b), [1, -1, 7, np.inf, np.nan]
        yield cls("trunc"), (a, b), [-1, 1, 7, -7, np.nan]
        whole = (np.array([-7, 7, 7]), np.array([2, -2, 0]))
        yield cls(), whole, [1, -1, 0]
        yield cls("trunc"), whole, [-1, 1, 0]
