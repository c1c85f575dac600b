"""Where a size comes from when the program runs: an axis of a tensor, or arithmetic on such.

What a class cannot find out from its own tensors is given to its forward function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from framework.exchange.torch_rules.registry import HELPERS
from framework.exchange.torch_source.code import Code, Device, Extent, Part, Tensor
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import Names, identifier
from framework.exchange.torch_source.parts import Step, tensors_in
from framework.exchange.torch_source.tree import ROOT
from framework.ir.dims import Dim, Size, product
from framework.ir.graph import Graph, Value

__all__ = ["Unknown", "fill_extents"]


class Unknown(Exception):
    """A size that no tensor tells."""


def fill_extents(klass: Klass, graph: Graph) -> None:
    """Write every size and device of a class as code.  Raises `Unknown` in the model's class."""
    finder = Finder(klass, graph)
    klass.steps = [finder.filled(index) for index in range(len(klass.steps))]


class Finder:
    """Looks for sizes among the tensors of a class."""

    def __init__(self, klass: Klass, graph: Graph) -> None:
        self.klass = klass
        self.graph = graph
        self.body = klass.template
        self.numbers = self.body.numbers()
        self.last_use = {v: i for i, step in enumerate(klass.steps) for v in tensors_in(step.code)}
        self.names = Names([*HELPERS, *(name for name, _ in klass.sizes)])

    def filled(self, index: int) -> Step:
        """A step whose sizes are code."""
        step = self.klass.steps[index]
        code: list[Part] = []
        for place, part in enumerate(step.code):
            if isinstance(part, Extent):
                code += self.extent(index, place, part)
            elif isinstance(part, Device):
                code += self.device(index)
            else:
                code.append(part)
        return replace(step, code=tuple(code))

    def candidates(self, index: int) -> list[Value]:
        """Tensors that are there before a step: its own first, then those that live on."""
        step = self.klass.steps[index]
        before = [v for s in self.klass.steps[:index] for v in s.results]
        there = [*self.body.tensors, *before]
        alive = [v for v in reversed(there) if self.last_use.get(v, -1) >= index]
        return list(dict.fromkeys([*tensors_in(step.code), *alive, *there]))

    def device(self, index: int) -> Code:
        """The device of some tensor."""
        for value in self.candidates(index):
            return (Tensor(value), ".device")
        return ("None",)

    def extent(self, index: int, place: int, part: Extent) -> Code:
        """One size as code."""
        sizes = [self.size_at(copy.steps[index], place) for copy in self.klass.copies]
        known = [size for size in sizes if size is not None]
        if all(isinstance(size, int) for size in known) and len(set(known)) == 1:
            return (str(known[0]),)
        found = self.axis(index, sizes) or self.formula(index, known)
        if found is not None:
            return found
        if self.body.path == ROOT:
            raise Unknown(f"the size {known[0]} follows from no tensor that is there before")
        filled = tuple(known[0] if size is None else size for size in sizes)
        return (self.given(part.role, filled),)

    def size_at(self, step: Step | None, place: int) -> Size | None:
        """The size at a place in one copy; None where the copy lacks the step."""
        part = None if step is None else step.code[place]
        return part.size if isinstance(part, Extent) else None

    def shapes(self, value: Value) -> list[tuple[Size, ...]]:
        """The shapes of a tensor in all copies."""
        return self.klass.shapes(self.numbers[value])

    def axis(self, index: int, sizes: Sequence[Size | None]) -> Code | None:
        """The axis of a tensor that has this size in every copy, or two axes together."""
        for value in self.candidates(index):
            for axis, column in enumerate(columns(self.shapes(value))):
                if agree(column, sizes):
                    return (Tensor(value), f".shape[{axis}]")
        for value in self.candidates(index):
            shapes = self.shapes(value)
            for axis in range(min(map(len, shapes)) - 1):
                if agree([product(shape[axis : axis + 2]) for shape in shapes], sizes):
                    code = (Tensor(value), f".shape[{axis}] * ")
                    return ("(", *code, Tensor(value), f".shape[{axis + 1}])")
        return None

    def formula(self, index: int, sizes: Sequence[Size]) -> Code | None:
        """Arithmetic on symbols, where it is the same in all copies."""
        size = sizes[0]
        if not isinstance(size, Dim) or any(other != size for other in sizes) or "…" in str(size):
            return None
        symbols = {name: self.symbol(index, name) for name in size.symbols}
        if any(code is None for code in symbols.values()):
            return None
        known = {name: code for name, code in symbols.items() if code is not None}
        inner = ast.parse(str(size), mode="eval").body
        return ("(", *arithmetic(inner, known), ")")

    def symbol(self, index: int, name: str) -> Code | None:
        """A symbol: an axis that is it, or one that it can be solved from."""
        wanted = self.graph.symbols[name]
        found = self.axis(index, [wanted] * len(self.klass.copies)) or self.solved(index, name)
        if found is None and self.body.path == ROOT and name in self.graph.examples:
            return (self.given(name, (wanted,)),)  # no input tells it: the caller may
        return found

    def solved(self, index: int, name: str) -> Code | None:
        """From an axis ``k*v + c`` of a symbol that stands for ``m*v``."""
        for value in self.candidates(index):
            for axis, column in enumerate(columns(self.shapes(value))):
                size = column[0]
                if not isinstance(size, Dim) or any(other != size for other in column):
                    continue
                found = linear(size, name)
                if found is not None:
                    scale, k, c = found
                    less = f" - {c}" if c > 0 else f" + {-c}" if c < 0 else ""
                    times = f" * {scale}" if scale > 1 else ""
                    return ("((", Tensor(value), f".shape[{axis}]{less}) // {k}{times})")
        return None

    def given(self, role: str, sizes: tuple[Size, ...]) -> str:
        """An argument of the forward function."""
        for name, known in self.klass.sizes:
            if list(known) == list(sizes):
                return name
        name = self.names.new(identifier(role))
        self.klass.sizes.append((name, sizes))
        return name


def agree(have: Sequence[Size], wanted: Sequence[Size | None]) -> bool:
    """Are the sizes equal in every copy that has the step?"""
    return all(w is None or h == w for h, w in zip(have, wanted, strict=True))


def columns(shapes: Sequence[tuple[Size, ...]]) -> Iterator[tuple[Size, ...]]:
    """For each axis, its size in every copy."""
    if len(set(map(len, shapes))) == 1:
        yield from zip(*shapes, strict=True)


def linear(size: Dim, name: str) -> tuple[int, int, int] | None:
    """``(m, k, c)`` where the size is ``k*v + c`` and the symbol is ``m*v``."""
    if len(size.leaves) != 1 or size.leaves[0].name != name:
        return None
    leaf = size.leaves[0]
    if any(monomial not in ((), (leaf,)) for monomial in size.terms):
        return None
    return leaf.scale, size.terms.get((leaf,), 1), size.terms.get((), 0)


def arithmetic(tree: ast.expr, symbols: dict[str, Code]) -> Code:
    """The text of a size as whole-number Python: / is exact, ceil rounds up."""
    if isinstance(tree, ast.Name):
        return symbols[tree.id]
    if isinstance(tree, ast.Constant):
        return (str(tree.value),)
    if isinstance(tree, ast.UnaryOp):
        return ("-", *arithmetic(tree.operand, symbols))
    if isinstance(tree, ast.Call):
        return called(tree, symbols)
    if isinstance(tree, ast.BinOp):
        sign = SIGNS[type(tree.op)]
        left, right = arithmetic(tree.left, symbols), arithmetic(tree.right, symbols)
        return (*bracketed(tree.left, left), f" {sign} ", *bracketed(tree.right, right))
    raise Unknown(f"the size {ast.unparse(tree)} is no arithmetic")


SIGNS: dict[type[Any], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "//",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}


def bracketed(tree: ast.expr, code: Code) -> Code:
    """The code of an operand, in brackets where it is a sum or the like."""
    return ("(", *code, ")") if isinstance(tree, ast.BinOp | ast.UnaryOp) else code


def called(tree: ast.Call, symbols: dict[str, Code]) -> Code:
    """``ceil(a/b)`` as ``-(-a // b)``; max and min as they are."""
    name = tree.func.id if isinstance(tree.func, ast.Name) else ""
    inner = [arithmetic(argument, symbols) for argument in tree.args]
    if name == "ceil" and isinstance(tree.args[0], ast.BinOp):
        division = tree.args[0]
        above, below = arithmetic(division.left, symbols), arithmetic(division.right, symbols)
        left, right = bracketed(division.left, above), bracketed(division.right, below)
        return ("(-(-", *left, " // ", *right, "))")
    if name not in ("max", "min"):
        raise Unknown(f"the size {ast.unparse(tree)} is no arithmetic")
    return (f"{name}(", *inner[0], ", ", *inner[1], ")")
