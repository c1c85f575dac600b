"""Numbers that change from copy to copy, as expressions in ``i``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.ir.dims import Dim
from framework.spec.write_values import Number

ATOM = frozenset("+-/%*< >=")


@dataclass(frozen=True)
class Law:
    """A law by which a number follows from the copy's number ``i``.

    ``start`` gives its constants for a row of numbers (None: too few), ``at`` the number of
    copy i, ``text`` the expression; all prefixes of a row obey the law of the row.
    """

    name: str
    start: Callable[[Sequence[Number]], tuple[Number, ...] | None]
    at: Callable[[tuple[Number, ...], int], Number]
    text: Callable[..., str]

    def prefix(self, row: Sequence[Number]) -> int:
        """How many numbers at the start of a row obey the law."""
        constants = self.start(row)
        if constants is None:
            return 0
        for number, value in enumerate(row):
            if not equal(self.at(constants, number), value):
                return number
        return len(row)


def equal(a: Number, b: Number) -> bool:
    """The same number, and of the same kind."""
    return type(a) is type(b) and bool(a == b)


def two_numbers(row: Sequence[Number]) -> tuple[int, int] | None:
    """The first two whole numbers; a single one stands for both."""
    first, second = row[0], row[min(1, len(row) - 1)]
    if type(first) is not int or type(second) is not int:
        return None
    return first, second


def stepwise(row: Sequence[Number]) -> tuple[Number, ...] | None:
    """First number and step."""
    pair = two_numbers(row)
    return None if pair is None else (pair[0], pair[1] - pair[0])


def powers(row: Sequence[Number]) -> tuple[Number, ...] | None:
    """First number and factor."""
    pair = two_numbers(row)
    if pair is None or min(pair) <= 0 or pair[1] % pair[0]:
        return None
    return pair[0], pair[1] // pair[0]


def at_step(constants: Sequence[Number], number: int) -> Number:
    """The number of a copy by the law of steps."""
    first, step = two_numbers(constants) or (0, 0)
    return first + step * number


def at_power(constants: Sequence[Number], number: int) -> Number:
    """The number of a copy by the law of powers."""
    first, factor = two_numbers(constants) or (0, 0)
    return int(first * factor**number)


def sum_text(first: str, step: str) -> str:
    """``64 + 32*i``."""
    product = "i" if step == "1" else f"{bracketed(step)}*i"
    return product if first == "0" else f"{bracketed(first)} + {product}"


def power_text(first: str, factor: str) -> str:
    """``64*2**i``."""
    power = f"{bracketed(factor)}**i"
    return power if first == "1" else f"{bracketed(first)}*{power}"


def bracketed(text: str) -> str:
    """An expression as a factor."""
    return text if ATOM.isdisjoint(text) else f"({text})"


LAWS = (
    Law("same", lambda row: (row[0],), lambda c, i: c[0], lambda a: a),
    Law(
        "first",
        lambda row: (row[0], row[min(1, len(row) - 1)]),
        lambda c, i: c[0] if i == 0 else c[1],
        lambda a, b: f"{a} if i == 0 else {b}",
    ),
    Law("step", stepwise, at_step, sum_text),
    Law(
        "turns",
        lambda row: (row[0], row[min(1, len(row) - 1)]),
        lambda c, i: c[i % 2],
        lambda a, b: f"{a} if i % 2 == 0 else {b}",
    ),
    Law("power", powers, at_power, power_text),
)


def longest_prefix(row: Sequence[Number]) -> int:
    """How many numbers at the start of a row obey one of the laws."""
    if isinstance(row[0], Dim):
        return max(law.prefix(row) for law in (LAWS[0], LAWS[1], LAWS[3]))
    return max(law.prefix(row) for law in LAWS)


def common_law(rows: Sequence[Sequence[Number]]) -> tuple[Law, list[tuple[Number, ...]]] | None:
    """The first law that all rows obey, with its constants for each of them."""
    for law in LAWS:
        if all(law.prefix(row) == len(row) for row in rows):
            found = [law.start(row) for row in rows]
            return law, [constants for constants in found if constants is not None]
    return None
