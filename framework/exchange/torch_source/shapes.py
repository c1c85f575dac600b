"""Shapes as comments: in the terms of a class where its copies see different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framework.exchange.torch_source.extents import columns
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import prose
from framework.ir.dims import Size, ceildiv

__all__ = ["comments"]

LETTERS = {1: "n", 2: "nd", 3: "btd", 4: "bchw", 5: "bcdhw"}
LONGEST = 70


def comments(klass: Klass) -> list[str]:
    """The shape of each tensor of a class, by number."""
    return Describer(klass).texts()


class Describer:
    """Letters for the axes that differ between copies."""

    def __init__(self, klass: Klass) -> None:
        self.klass = klass
        self.shapes = [klass.shapes(number) for number in range(len(klass.copies[0].values))]
        self.letters: dict[str, tuple[Size, ...]] = {}
        self.arguments = {
            p.name: p.values for p in klass.parameters if all(type(v) is int for v in p.values)
        }

    def texts(self) -> list[str]:
        """All shapes."""
        given = len(self.klass.template.tensors)
        return [self.text(shapes, number < given) for number, shapes in enumerate(self.shapes)]

    def text(self, shapes: Sequence[tuple[Size, ...]], given: bool) -> str:
        """One shape; an input may bring new letters."""
        if not shapes[0] and all(shape == shapes[0] for shape in shapes):
            return "[]"
        found = list(columns(shapes))
        if not found:
            return "[...]"
        rank = len(found)
        letters = LETTERS.get(rank, "")
        sizes = [
            self.size(column, letters[axis] if letters else f"n{axis}", given)
            for axis, column in enumerate(found)
        ]
        text = prose(f"[{', '.join(sizes)}]")
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    def size(self, column: tuple[Size, ...], letter: str, given: bool) -> str:
        """One axis: a size, an argument, a letter, or a simple formula of them."""
        if all(size == column[0] for size in column):
            return str(column[0])
        for name, values in {**self.arguments, **self.letters}.items():
            if values == column:
                return name
        found = next(self.formulas(column), None)
        if found is not None:
            return found
        if not given:
            return "…"
        name = letter if letter not in self.letters else f"{letter}{len(self.letters)}"
        self.letters[name] = column
        return name

    def formulas(self, column: tuple[Size, ...]) -> Iterator[str]:
        """``ceil(h/stride)``, ``h//2``, ``2*h`` and the like."""
        numbers = {str(k): (k,) * len(column) for k in (2, 4, 8, 16)}
        for name, sizes in self.letters.items():
            for factor, values in {**self.arguments, **numbers}.items():
                pairs = list(zip(sizes, values, column, strict=True))
                if all(v != 0 and ceildiv(n, v) == size for n, v, size in pairs):
                    exact = all(n % v == 0 for n, v, _ in pairs)
                    yield f"{name}/{factor}" if exact else f"ceil({name}/{factor})"
                if all(v != 0 and n // v == size for n, v, size in pairs):
                    yield f"{name}//{factor}"
                if all(n * v == size for n, v, size in pairs):
                    yield f"{factor}*{name}"
