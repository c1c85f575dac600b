"""The inputs that an ONNX model declares, as types of ours with symbols for open sizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework.errors import FrameworkError, InputError, did_you_mean
from framework.exchange.onnx_report import brief
from framework.exchange.rules.wires import Refused, dtype_of
from framework.ir.conditions import Condition
from framework.ir.dims import Size, ceildiv, maximum, minimum
from framework.ir.graph import Graph
from framework.ir.types import TensorType
from framework.limits import ARRAY_AXES

Shapes = Mapping[str, Sequence[int | str]]
"""Sizes of inputs by name; words are symbols."""

LARGEST = 1 << 40
LONGEST_FORMULA = 100

FUNCTIONS: Mapping[str, Callable[..., Size]] = {
    "ceil": lambda size: size,
    "floor": lambda size: size,
    "max": maximum,
    "min": minimum,
}
"""What a formula of a size may call; PyTorch spells them with a capital letter."""


class Declarations:
    """Declares sizes of inputs; ``dims`` fixes some of them by their ONNX name or by ours."""

    def __init__(self, graph: Graph, dims: Mapping[str, int]) -> None:
        self.graph = graph
        self.dims = dims
        self.used: set[str] = set()
        self.names: list[str] = []

    def type_of(self, item: Any, name: str, shape: Sequence[int | str] | None) -> TensorType:
        """The type of an input; a size without number or name gets a symbol of its own."""
        if item.type.WhichOneof("value") != "tensor_type":
            kind = item.type.WhichOneof("value")
            raise Refused(f"{kind.replace('_type', 's') if kind else 'no type'} is not supported")
        tensor = item.type.tensor_type
        dtype = dtype_of(tensor.elem_type)
        if shape is not None:
            symbols = self.graph.symbols
            return TensorType(
                tuple(s if isinstance(s, int) else symbols.declare(s) for s in shape), dtype
            )
        if not tensor.HasField("shape"):
            raise Refused("it has no shape", hint="fix the number of axes before exporting")
        if len(tensor.shape.dim) > ARRAY_AXES:
            raise Refused(f"it has {len(tensor.shape.dim):,} axes; at most {ARRAY_AXES} work")
        sizes = [self.size(dim, f"{name}_{axis}") for axis, dim in enumerate(tensor.shape.dim)]
        self.examples(sizes)
        return TensorType(tuple(sizes), dtype)

    def size(self, dim: Any, fallback: str) -> Size:
        """One size of an input."""
        if dim.HasField("dim_value"):
            return checked(int(dim.dim_value))
        text = dim.dim_param
        if text in self.dims:
            self.names.append(text)
            return self.fixed(text)
        found = self.formula(text)
        return self.symbol(text, fallback) if found is None else found

    def symbol(self, text: str, fallback: str = "") -> Size:
        """A size by its name, or a number where the user fixed it."""
        words = "_".join(re.findall(r"[A-Za-z0-9_]+", text[:LONGEST_FORMULA])) or fallback
        word = words if words.isidentifier() else f"size_{words}"
        self.names.append(word)
        return self.fixed(word) if word in self.dims else self.graph.symbols.declare(word)

    def fixed(self, name: str) -> Size:
        """A size that the user fixed."""
        self.used.add(name)
        return checked(self.dims[name], least=1)

    def formula(self, text: str) -> Size | None:
        """A size such as ``2*n + 1``; None for what is a mere name, or no formula.

        ``batch-size`` is a name as well: a difference that may be negative is no size.
        """
        if text.isidentifier() or not 0 < len(text) <= LONGEST_FORMULA:
            return None
        try:
            found = self.value(ast.parse(text, mode="eval").body)
        except (FrameworkError, SyntaxError, ValueError, ArithmeticError, TypeError):
            return None
        if isinstance(found, int):
            return checked(found)
        return found if Condition("<=", 0, found, text).verdict().always else None

    def value(self, tree: ast.expr) -> Size:
        """The size that a formula stands for; raises `ValueError` for what is none."""
        match tree:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return self.symbol(name)
            case ast.BinOp(left, ast.Add(), right):
                return self.value(left) + self.value(right)
            case ast.BinOp(left, ast.Sub(), right):
                return self.value(left) - self.value(right)
            case ast.BinOp(left, ast.Mult(), right):
                return self.value(left) * self.value(right)
            case ast.BinOp(left, ast.FloorDiv() | ast.Div(), right):
                return self.value(left) // self.value(right)
            case ast.Call(ast.Name("ceil"), [ast.BinOp(left, ast.Div(), right)]):
                return ceildiv(self.value(left), self.value(right))
            case ast.Call(ast.Name(name), arguments) if name.lower() in FUNCTIONS:
                return FUNCTIONS[name.lower()](*map(self.value, arguments))
        raise ValueError(f"{type(tree).__name__} is no part of a size")

    def examples(self, sizes: Sequence[Size]) -> None:
        """Sizes for a run without any: one sample, images of 224, sequences of 16."""
        for axis, size in enumerate(sizes):
            usual = 1 if axis == 0 else 224 if len(sizes) == 4 else 16
            if not isinstance(size, int) and str(size) in self.graph.symbols:
                self.graph.examples.setdefault(str(size), usual)

    def finish(self) -> None:
        """Refuse names that no input has."""
        for name in self.dims:
            if name not in self.used:
                names = list(dict.fromkeys(self.names))
                hint = did_you_mean(name, names)
                listed = (
                    f"open sizes are {', '.join(map(brief, names))}" if names else "none is open"
                )
                raise InputError(
                    f"no input has a size called {name}; {listed}"
                    + (f"\n  hint: {hint}" if hint else "")
                )


def checked(size: int, least: int = 0) -> int:
    """A size that a tensor may have."""
    if not least <= size < LARGEST:
        raise Refused(f"a size of {size} cannot be")
    return size
