"""What is known of whole numbers while a model is imported: shapes, and what is computed of them.

Exporters write a reshape as Shape, Gather, Concat, Reshape.  With symbolic sizes these tensors
are no constants, but their elements are known all the same: `Dim`s.  The rules here compute
with object arrays of ints and Dims; an operator without a rule gives nothing known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from framework.errors import FrameworkError, ShapeError
from framework.ir.dims import Dim, Size, equal, maximum, minimum
from framework.ir.op import Array, Op
from framework.ir.types import INTS, TensorType

MOST = 4096
"""Longer tensors are data, not shapes."""

Elementwise = Callable[[Any, Any], Size]


def floored(left: Size, right: Size) -> Size:
    """Whole division as ONNX does it for numbers that are not negative."""
    return left // right


def same(left: Size, right: Size) -> bool:
    """Whether two numbers agree, where that does not depend on the sizes."""
    verdict = equal(left, right)
    if verdict.always or verdict.never:
        return verdict.always
    raise ShapeError(f"{left} and {right} may agree or not")


ELEMENTWISE: Mapping[str, Elementwise] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": floored,
    "floor_div": floored,
    "mod": lambda left, right: left % right,
    "equal": same,
    "maximum": maximum,
    "minimum": minimum,
}
"""Operators that work element by element on whole numbers."""

MOVING = frozenset({
    "concat", "expand", "flatten", "gather", "identity", "reshape", "select", "slice", "split",
    "squeeze", "transpose", "unsqueeze", "tile",
})  # fmt: skip
"""Operators that only move elements: their own definition works on objects as well."""


def shape_contents(shape: Sequence[Size]) -> Array:
    """A shape as the contents of a tensor."""
    found = np.empty(len(shape), object)
    found[:] = list(shape)
    return found


def propagate(op: Op, contents: Sequence[Any], output: TensorType) -> Array | None:
    """The contents of a result, given those of all arguments; None where they are not known."""
    if output.dtype not in (*INTS, "bool") or any(part is None for part in flat(contents)):
        return None
    if any(part.size > MOST for part in flat(contents)) or not few(output.count):
        return None
    try:
        return rule(op, contents)
    except (FrameworkError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None


def few(count: Size) -> bool:
    """Is this the length of a shape, and not of data?"""
    return isinstance(count, int) and count <= MOST


def rule(op: Op, contents: Sequence[Any]) -> Array | None:
    """Apply the rule of the operator, if there is one."""
    if op.name in MOVING:
        found = op.compute(*contents)
        return found if isinstance(found, np.ndarray) else None
    if op.name == "cast" and op.values["dtype"] in INTS:
        return objects(contents[0] + 0)  # truth values become numbers
    if op.name == "where":
        return objects(np.where(contents[0].astype(bool), contents[1], contents[2]))
    if op.name == "reduce" and op.values.get("op") == "prod" and contents[0].ndim == 1:
        total = prod(contents[0].tolist())
        return objects(np.full((1,) if op.values["keepdims"] else (), total, object))
    if op.name in ELEMENTWISE:
        return elementwise(ELEMENTWISE[op.name], list(flat(contents)))
    return None


def elementwise(function: Elementwise, parts: list[Array]) -> Array:
    """Broadcast and combine, two at a time."""
    found = parts[0]
    for other in parts[1:]:
        pairs = np.broadcast_arrays(found, other)
        left, right = (pair.reshape(-1).tolist() for pair in pairs)
        combined = [function(a, b) for a, b in zip(left, right, strict=True)]
        found = shape_contents(combined).reshape(pairs[0].shape)
    return found


def objects(array: Any) -> Array:
    """Any array as one of objects."""
    return np.asarray(array, object)


def settled(contents: Array) -> bool:
    """Are all elements plain numbers?"""
    return not any(isinstance(item, Dim) for item in contents.reshape(-1).tolist())


def flat(contents: Sequence[Any]) -> list[Any]:
    """Arguments with those of variadic ports one after another."""
    found: list[Any] = []
    for part in contents:
        found += part if isinstance(part, tuple) else (part,)
    return found
