"""Truth values: logical connectives, and the choice between two tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, broadcast
from framework.ops.arithmetic import Binary
from framework.ops.elementary import Function
from framework.ops.kernels import kernel_of

TRUTHS = (np.array([False, False, True, True]), np.array([False, True, False, True]))
"""All pairs of truth values."""


class Connective(Binary):
    """Family: a logical connective of two tensors of truth values, broadcast."""

    signature = "a<bool>: *a, b<bool>: *b -> y<bool>: *y"
    accepts = "bool"

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, broadcasting both ways."""
        yield cls(), Sample((2, 3), "bool"), Sample((2, 3), "bool")
        yield cls(), Sample((2, 1, 4), "bool"), Sample((3, 1), "bool")


class LogicalAnd(Connective, name="logical_and"):
    """True where both are.

    y = a and b
    Source: ONNX And-7.
    """

    function = np.logical_and

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The truth table."""
        yield cls(), TRUTHS, [False, False, False, True]


class LogicalOr(Connective, name="logical_or"):
    """True where one is, or both.

    y = a or b
    Source: ONNX Or-7.
    """

    function = np.logical_or

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The truth table."""
        yield cls(), TRUTHS, [False, True, True, True]


class LogicalXor(Connective, name="logical_xor"):
    """True where one is, but not both.

    y = (a or b) and not (a and b)
    Source: ONNX Xor-7.
    """

    function = np.logical_xor

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The truth table."""
        yield cls(), TRUTHS, [False, True, True, False]


class LogicalNot(Function, name="logical_not"):
    """True where the input is false.

    y = not x
    Source: ONNX Not-1.
    """

    signature = "x<bool>: *shape -> y<bool>: *shape"
    accepts = "bool"
    function = np.logical_not
    points = {True: False, False: True}

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A table, a single truth value."""
        yield cls(), Sample((2, 3), "bool")
        yield cls(), Sample((), "bool")


class Where(Op, name="where"):
    """Choose each element from one of two tensors, all three broadcast.

    y = a where condition holds, b elsewhere
    Source: ONNX Where-16.
    """

    signature = "condition<bool>: *condition, a: *a, b: *b -> y: *y"
    category = "arithmetic"
    accepts = "any"

    def derive(self, d: Match) -> dict[str, Any]:
        """The broadcast shape."""
        shape, conditions = broadcast([d.condition, d.a, d.b], "condition, a and b")
        d.conditions += conditions
        return {"y": shape}

    def compute(self, condition: Array, a: Array, b: Array) -> Array:
        """NumPy's where."""
        return np.where(condition, a, b)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """One copied over the other, which may stay where it is."""

        def run(condition: Array, a: Array, b: Array, out: Array, scratch: Array) -> None:
            np.copyto(out, b)
            np.copyto(out, a, where=condition)

        return kernel_of(self, types, run, (2,))

    def cost(self, d: Match) -> Cost:
        """One choice for each element of the result."""
        return Cost(elementwise=product(d.y))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Equal shapes, each of the three repeated, whole numbers."""
        yield cls(), Sample((2, 3), "bool"), (2, 3), (2, 3)
        yield cls(), Sample((4, 1, 1), "bool"), (3, 1), (2,)
        yield cls(), Sample((3,), "bool"), Sample((), "int64", high=9), Sample((2, 3), "int64")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """True takes the first; what is not chosen leaves no trace, even NaN."""
        condition = np.array([True, False])
        yield (
            cls(),
            (condition, np.array([1.0, np.nan]), np.array([[np.nan], [4.0]])),
            [
                [1, np.nan],
                [1, 4],
            ],
        )
