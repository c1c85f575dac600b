"""Bits of whole numbers, and tensors read bit by bit as another dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import ShapeError
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ops.arithmetic import Binary
from framework.ops.constant import Dtype
from framework.ops.elementary import Elementwise

FOUR = (np.array([0b0011, -1]), np.array([0b0101, 6]))
"""All pairs of bits, and a negative number, whose bits are its two's complement."""


class Bitwise(Binary):
    """Family: a connective of the bits of two tensors of whole numbers, broadcast."""

    accepts = "int"

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, broadcasting both ways, unsigned."""
        yield cls(), Sample((2, 3), "int32", -9, 9), Sample((2, 3), "int32", -9, 9)
        yield cls(), Sample((2, 1, 4), "uint8", high=99), Sample((3, 1), "uint8", high=99)


class BitwiseAnd(Bitwise, name="bitwise_and"):
    """Bits that are set in both numbers.

    y = a and b, bit by bit
    Source: ONNX BitwiseAnd-18.
    """

    function = np.bitwise_and

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """All pairs of bits; a negative number."""
        yield cls(), FOUR, [0b0001, 6]


class BitwiseOr(Bitwise, name="bitwise_or"):
    """Bits that are set in one number, or in both.

    y = a or b, bit by bit
    Source: ONNX BitwiseOr-18.
    """

    function = np.bitwise_or

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """All pairs of bits; a negative number."""
        yield cls(), FOUR, [0b0111, -1]


class BitwiseXor(Bitwise, name="bitwise_xor"):
    """Bits that are set in one number, but not in both.

    y = (a or b) and not (a and b), bit by bit
    Source: ONNX BitwiseXor-18.
    """

    function = np.bitwise_xor

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """All pairs of bits; a negative number."""
        yield cls(), FOUR, [0b0110, -7]


class BitwiseNot(Elementwise, name="bitwise_not"):
    """All bits the other way round.

    y = not x, bit by bit; -1 - x for signed numbers
    Source: ONNX BitwiseNot-18.
    """

    accepts = "int"

    def compute(self, x: Array) -> Array:
        """``~x``."""
        return np.asarray(~x)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Signed and unsigned."""
        yield cls(), Sample((2, 3), "int32", -9, 9)
        yield cls(), Sample((5,), "uint8", high=99)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Signed and unsigned."""
        yield cls(), (np.array([0, 6, -1]),), [-1, -7, 0]
        yield cls(), (np.array([0, 255], "uint8"),), [255, 0]


class BitShift(Binary, name="bit_shift"):
    """The bits of one tensor moved by the counts in another, broadcast.

    left: y = a * 2^b, without the bits that leave; right: y = floor(a / 2^b)

    A count that is negative, or not below the number of bits, moves all of them out: 0, or -1
    for a negative number to the right.
    Source: ONNX BitShift-28.
    """

    accepts = "int"

    direction: Literal["left", "right"] = "left"

    def compute(self, a: Array, b: Array) -> Array:
        """NumPy shifts, with the counts kept inside the number of bits."""
        bits = 8 * a.itemsize
        inside = (b >= 0) & (b < bits)
        count = np.where(inside, b, 0).astype(a.dtype)
        if self.direction == "left":
            return np.asarray(np.where(inside, np.left_shift(a, count), a.dtype.type(0)))
        gone = -(a < 0).astype(a.dtype)
        return np.asarray(np.where(inside, np.right_shift(a, count), gone))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both directions; counts on the way out."""
        yield cls(), Sample((2, 3), "int32", -99, 99), Sample((2, 3), "int32", -3, 40)
        yield cls("right"), Sample((2, 1, 4), "uint8", high=99), Sample((3, 1), "uint8", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The sign fills from the left; bits leave; counts out of range."""
        a, b = np.array([16, -8, 100, -1, 5], "int8"), np.array([1, 2, 1, 8, -1], "int8")
        yield cls("left"), (a, b), [32, -32, -56, 0, 0]
        yield cls("right"), (a, b), [8, -2, 50, -1, 0]
        yield cls("right"), (np.array([128], "uint8"), np.array([7], "uint8")), [1]


class BitCast(Op, name="bit_cast"):
    """The same bits, read as another dtype of the same width.

    bits of y = bits of x
    Source: ONNX BitCast-26; PyTorch Tensor.view(dtype).
    """

    signature = "x<any>: *shape -> y<@dtype>: *shape"
    category = "shape"
    accepts = "any"

    dtype: Dtype

    def derive(self, d: Match) -> dict[str, Any]:
        """Both dtypes are as wide."""
        given: Any = d.types["x"]
        have, wanted = (8 * np.dtype(dtype).itemsize for dtype in (given.dtype, self.dtype))
        if have != wanted:
            raise ShapeError(
                f"x is {given.dtype} with {have} bits, {self.dtype} has {wanted}",
                hint="cast converts values; bit_cast only reads the same bits",
                code="dtype",
            )
        return {}

    def compute(self, x: Array) -> Array:
        """A view, copied; as truth values all bits but 0 are true."""
        if self.dtype == "bool":
            return np.asarray(np.ascontiguousarray(x).view("uint8") != 0).reshape(x.shape)
        return np.array(np.ascontiguousarray(x).view(self.dtype)).reshape(x.shape)

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Numbers as whole numbers and back, truth values."""
        yield cls("int32"), (2, 3)
        yield cls("float64"), Sample((5,), "int64", high=9)
        yield cls("bool"), Sample((3,), "uint8", high=3)
        yield cls("uint8"), Sample((), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """1 as float32 has the exponent 127; a sign bit is 128 in the highest byte."""
        yield cls("int32"), (np.array([1.0, -0.0], "float32"),), [127 << 23, -(1 << 31)]
        yield cls("uint8"), (np.array([-1, 1], "int8"),), [255, 1]
