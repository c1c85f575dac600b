"""Tensors that no input gives: stored parameters and constants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import ShapeAttr, Values
from framework.ir.dims import Dim, Shape
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import fixed_size

Dtype = Literal[
    "float32", "float64", "float16", "bool",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip


class Parameter(Op, name="parameter"):
    """A learned tensor of a fixed shape.

    y = value
    Source: PyTorch nn.Parameter; the shape may not depend on a symbolic size.

    With ``trainable: false`` it is a table that is stored with the weights but not learned,
    as PyTorch's register_buffer has it.
    """

    signature = "value~<@dtype>: *shape -> y<@dtype>: *shape"
    category = "constant"
    initial = {"value": {"normal": 0.02}}
    views = True
    main = "shape"

    shape: ShapeAttr
    dtype: Dtype = "float32"
    trainable: bool = True

    def learns(self, slot: str) -> bool:
        """As the attribute says; whole numbers and booleans are never trained."""
        return self.trainable and self.dtype.startswith("float")

    def derive(self, d: Match) -> dict[str, Any]:
        """The shape as written, refused where it is symbolic."""
        return {"shape": tuple(fixed_size(size, "parameter") for size in self.shape)}

    def compute(self, value: Array) -> Array:
        """The stored tensor itself."""
        return value

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A matrix, a class token, a number."""
        yield (cls(shape=(3, 4)),)
        yield (cls(shape=(1, 1, 5), trainable=False),)
        yield (cls(shape=(), dtype="float64"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The value, unchanged."""
        yield cls(shape=(2,)), (np.array([1.0, 2.0]),), [1, 2]


class Constant(Op, name="constant"):
    """A tensor written in the model itself, as a number or nested lists.

    y = value
    Source: ONNX Constant-13.
    """

    signature = "-> y<@dtype>: *shape"
    category = "constant"
    main = "value"

    value: Values
    dtype: Dtype = "float32"

    def check(self) -> None:
        """Refuse lists of unequal lengths and numbers that the dtype cannot hold."""
        nested_shape(self.value)
        if not any(isinstance(leaf, Dim) for leaf in leaves(self.value)):
            for leaf in leaves(self.value):
                check_number(leaf, self.dtype)

    def derive(self, d: Match) -> dict[str, Any]:
        """Lengths of the nested lists."""
        return {"shape": nested_shape(self.value)}

    def compute(self, *arrays: Array) -> Array:
        """The array."""
        for leaf in leaves(self.value):
            check_number(leaf, self.dtype)
        return np.asarray(self.value, dtype=self.dtype)

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A number, a vector of integers, a nested list, an empty list."""
        yield (cls(value=2.5),)
        yield (cls(value=(1, 2, 3), dtype="int64"),)
        yield (cls(value=((1.0, 0.0, 2.0), (0.5, 1.0, -np.inf)), dtype="float16"),)
        yield (cls(value=(), dtype="bool"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows outside, columns inside; numbers other than 0 are true."""
        yield cls(value=((1, 2, 3), (4, 5, 6))), (), [[1, 2, 3], [4, 5, 6]]
        yield cls(value=(0, 2), dtype="bool"), (), [False, True]


def nested_shape(value: Any) -> Shape:
    """Lengths of a nested tuple; raises `Mistake` for a ragged one.

    >>> nested_shape(((1, 2, 3), (4, 5, 6)))
    (2, 3)
    """
    if not isinstance(value, tuple):
        return ()
    shapes = [nested_shape(item) for item in value]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise Mistake(
                f"constant is ragged: item 0 has the shape {list(shapes[0])}, "
                f"item {index} has {list(shape)}",
                hint="all lists of one level must have one length",
            )
    return (len(value), *(shapes[0] if shapes else ()))


def nested(array: Array) -> Any:
    """An array as nested tuples of Python's numbers."""

    def tuples(item: Any) -> Any:
        return tuple(map(tuples, item)) if isinstance(item, list) else item

    return tuples(array.tolist())


def leaves(value: Any) -> Iterator[Any]:
    """The numbers of a nested tuple, in order."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def check_number(number: Any, dtype: str) -> None:
    """Refuse what would not survive the conversion: 300 as uint8, 0.5 as int64."""
    if not isinstance(number, (bool, int, float)):
        raise Mistake(f"constant holds {number!r}, which is no number")
    if np.dtype(dtype).kind not in "iu":
        return
    limits = np.iinfo(dtype)
    if number != number or not limits.min <= number <= limits.max or number != int(number):
        raise Mistake(
            f"constant {number} is not a whole number from {limits.min} to {limits.max}, "
            f"as {dtype} needs",
            hint="write another dtype",
        )
