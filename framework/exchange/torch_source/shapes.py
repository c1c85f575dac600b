"""Shapes as comments: in the terms of a class where its copies see different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framework.exchange.torch_source.extents import agree
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import prose
from framework.ir.dims import Shape, Size, ceildiv

__all__ = ["comments"]

LETTERS = {1: "n", 2: "nd", 3: "btd", 4: "bchw", 5: "bcdhw"}
LONGEST = 70

Column = tuple[Size | None, ...]
"""One axis of a tensor in each copy; None where the copy has no such tensor."""


def comments(klass: Klass) -> list[str]:
    """The shape of each tensor of a class, by number."""
    return Describer(klass).texts()


class Describer:
    """Letters for the axes that differ between copies."""

    def __init__(self, klass: Klass) -> None:
        self.klass = klass
        self.seen = klass.seen()
        self.shapes = [klass.shapes(number) for number in range(len(self.seen))]
        self.letters: dict[str, tuple[Size, ...]] = {}
        self.arguments = {
            p.name: p.values for p in klass.parameters if all(type(v) is int for v in p.values)
        }

    def texts(self) -> list[str]:
        """All shapes."""
        given = len(self.klass.template.tensors)
        pairs = zip(self.shapes, self.seen, strict=True)
        return [self.text(*pair, number < given) for number, pair in enumerate(pairs)]

    def text(self, shapes: Sequence[Shape], seen: Sequence[bool], given: bool) -> str:
        """One shape, where it is seen; an input may bring new letters."""
        there = [shape for shape, here in zip(shapes, seen, strict=True) if here]
        if len(set(map(len, there))) > 1:
            return "[...]"
        rank = len(there[0])
        whole = [
            shape if here else (None,) * rank for shape, here in zip(shapes, seen, strict=True)
        ]
        found: list[Column] = list(zip(*whole, strict=True))
        letters = LETTERS.get(rank, "")
        sizes = [
            self.size(column, letters[axis] if letters else f"n{axis}", given)
            for axis, column in enumerate(found)
        ]
        text = prose(f"[{', '.join(sizes)}]")
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    def size(self, column: Column, letter: str, given: bool) -> str:
        """One axis: a size, an argument, a letter, or a simple formula of them."""
        first = next(size for size in column if size is not None)
        if agree((first,) * len(column), column):
            return str(first)
        for name, values in {**self.arguments, **self.letters}.items():
            if agree(values, column):
                return name
        found = next(self.formulas(column), None)
        if found is not None:
            return found
        if not given:
            return "…"
        name = letter if letter not in self.letters else f"{letter}{len(self.letters)}"
        self.letters[name] = tuple(first if size is None else size for size in column)
        return name

    def formulas(self, column: Column) -> Iterator[str]:
        """``ceil(h/stride)``, ``h//2``, ``2*h`` and the like."""
        numbers = {str(k): (k,) * len(column) for k in (2, 4, 8, 16)}
        for name, sizes in self.letters.items():
            for factor, values in {**self.arguments, **numbers}.items():
                if 0 in values:
                    continue
                pairs = list(zip(sizes, values, strict=True))
                if agree([ceildiv(n, v) for n, v in pairs], column):
                    exact = all(n % v == 0 for n, v in pairs)
                    yield f"{name}/{factor}" if exact else f"ceil({name}/{factor})"
                if agree([n // v for n, v in pairs], column):
                    yield f"{name}//{factor}"
                if agree([n * v for n, v in pairs], column):
                    yield f"{factor}*{name}"
