"""Tensor types, broadcasting, and the groups of dtypes that operators speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framework.errors import ShapeError
from framework.ir.conditions import Condition
from framework.ir.dims import Dim, Shape, Size, equal, format_shape, maximum, product, substitute

BOOLS = ("bool",)
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64")
DTYPES = (*BOOLS, *INTS, *FLOATS)

GROUPS: dict[str, tuple[str, ...]] = {
    "bool": BOOLS,
    "int": INTS,
    "float": FLOATS,
    "number": (*INTS, *FLOATS),
    "mask": (*BOOLS, *FLOATS),  # boolean: true is visible; float: added to the scores
    "any": DTYPES,
} | {dtype: (dtype,) for dtype in DTYPES}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of one tensor; sizes are ints or symbolic."""

    shape: Shape
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.dtype}{format_shape(self.shape)}"

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def count(self) -> Size:
        """Number of elements."""
        return product(self.shape)

    def at(self, values: Mapping[str, Size]) -> TensorType:
        """The type with some symbols replaced by sizes."""
        return TensorType(tuple(substitute(size, values) for size in self.shape), self.dtype)


def broadcast(
    shapes: Sequence[Sequence[Size]], what: str, names: Sequence[str] = ()
) -> tuple[Shape, list[Condition]]:
    """The common shape by NumPy's rule, and what must hold for it.

    Axes are aligned from the right; an axis of 1 repeats.  Two different sizes are
    never unified silently: the answer then carries a condition.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    texts = " and ".join(format_shape(shape) for shape in shapes)
    conditions: list[Condition] = []
    result: list[Size] = []
    for column in zip(*padded, strict=True):
        size: Size = 1
        for other in column:
            size = _widen(size, other, f"{what}: {texts} do not broadcast", conditions)
        result.append(size)
    return tuple(result), conditions


def _widen(size: Size, other: Size, what: str, conditions: list[Condition]) -> Size:
    if size == 1:
        return other
    if other == 1 or size == other:
        return size
    verdict = equal(size, other)
    if verdict.always:
        return size
    hint = "sizes that meet are equal, or one of them is 1"
    if verdict.undecided:
        hint = f"use one name for both, or require: [{size} == {other}]"
        hint += "; what repeats is a literal 1"
    conditions.append(Condition("==", size, other, what, hint))
    fixed = next((s for s in (size, other) if isinstance(s, int)), None)
    return maximum(size, other) if fixed is None else fixed


def axis_index(axis: int, rank: int, what: str) -> int:
    """``axis`` counted from the front; negative ones count from the back.

    >>> axis_index(-1, 4, "softmax")
    3
    """
    if not -rank <= axis < rank:
        fact = f"{what}: axis {axis} does not exist in a tensor with {rank} axes"
        raise ShapeError(fact, hint=f"axes are {-rank} to {rank - 1}" if rank else None)
    return axis % rank


def fixed_size(size: Size, what: str) -> int:
    """``size`` as an int; a weight cannot depend on a symbolic size."""
    if isinstance(size, Dim):
        names = " and ".join(size.symbols)
        raise ShapeError(
            f"{what} has the size {size}, which depends on {names}; it must be fixed",
            hint=f"make {names} an argument (args:) instead of a symbolic size",
            code="weight-shape",
        )
    return size


def common_dtype(dtypes: Iterable[tuple[str, str]]) -> str | None:
    """The one dtype of all named tensors; None for no tensor; ShapeError when they differ."""
    first: tuple[str, str] | None = None
    for name, dtype in dtypes:
        if first is None:
            first = (name, dtype)
        elif dtype != first[1]:
            raise ShapeError(
                f"{first[0]} is {first[1]}, {name} is {dtype}: they must have one dtype",
                hint="cast one of them first",
                code="dtype",
            )
    return first[1] if first else None
