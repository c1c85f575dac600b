"""Equations with letters, with the numbers put in, and with the result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from framework.ir.dims import Size, product

PLAIN = re.compile(r"\w+|\w+\([^()]*\)")
TIMES = "·"


@dataclass(frozen=True)
class Equation:
    """``name = letters = numbers = value``; ``general`` is the value before sizes were given.

    >>> str(Equation("H2", "(H1 - F)/S + 1", "(H - 2)/2 + 1", 5))
    'H2 = (H1 - F)/S + 1 = (H - 2)/2 + 1 = 5'
    """

    name: str
    letters: str
    numbers: str
    value: Size
    general: Size | None = None

    def __str__(self) -> str:
        members = dict.fromkeys((self.name, self.letters, self.numbers, str(self.value)))
        return " = ".join(members)

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "name": self.name,
            "formula": self.letters,
            "numbers": self.numbers,
            "value": as_json(self.value),
            "general": as_json(self.value if self.general is None else self.general),
        }


def as_json(size: Size) -> int | str:
    """A number, or a formula as text."""
    return size if isinstance(size, int) else str(size)


def factor(size: Size) -> str:
    """A size that may stand in a product: in parentheses where it is a sum.

    >>> factor(7)
    '7'
    """
    text = str(size)
    return text if PLAIN.fullmatch(text) else f"({text})"


def product_equation(name: str, factors: Sequence[tuple[str, Size]]) -> Equation:
    """The product of named sizes.

    >>> str(product_equation("MACs", [("N", 4), ("C", 3)]))
    'MACs = N·C = 4·3 = 12'
    """
    return Equation(
        name,
        TIMES.join(letter for letter, _ in factors),
        TIMES.join(factor(size) for _, size in factors),
        product(size for _, size in factors),
    )


def sum_equation(name: str, terms: Sequence[Equation], value: Size) -> Equation:
    """The sum of named results."""
    return Equation(
        name,
        " + ".join(term.name for term in terms),
        " + ".join(str(term.value) for term in terms),
        value,
    )
