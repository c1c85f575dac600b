"""Facts about symbolic sizes that are taken for granted: they discharge conditions.

Bounds declared with a symbol need no help; a ``require`` over sizes does, and so does a cure
that has been proposed already (its consequences must not be reported again).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from framework.ir.conditions import Condition
from framework.ir.dims import Dim, Size, Symbols, Verdict, symbols_of


@dataclass
class Bounds:
    """What is known of one symbol beyond its declaration."""

    minimum: int
    maximum: int | None
    multiple_of: int


class Facts:
    """Conditions that are taken for granted, as sharper symbols and substitutions."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.known: list[Condition] = []
        self._bounds: dict[str, Bounds] = {}
        self._equal: list[tuple[str, Size]] = []
        self._values: dict[str, Size] = {}

    def multiple(self, name: str, of: int) -> None:
        """Take ``name % of == 0`` for granted."""
        bounds = self._bounds_of(name)
        bounds.multiple_of = math.lcm(bounds.multiple_of, of)
        self._rebuild()

    def at_least(self, name: str, minimum: int) -> None:
        """Take ``name >= minimum`` for granted."""
        bounds = self._bounds_of(name)
        bounds.minimum = max(bounds.minimum, minimum)
        self._rebuild()

    def assume(self, condition: Condition) -> None:
        """Take a condition for granted."""
        self.known.append(condition)
        left, right = condition.left, condition.right
        if condition.relation == "divisible" and is_symbol(left) and isinstance(right, int):
            self.multiple(str(left), right)
        elif condition.relation == "<=":
            self._order(left, right)
        elif condition.relation == "==":
            for one, other in ((left, right), (right, left)):
                if is_symbol(one) and str(one) not in symbols_of(other):
                    self._equal.append((str(one), other))
                    self._rebuild()
                    break

    def bounds(self, name: str) -> Bounds:
        """What is known of one symbol, its declaration included."""
        declared = self.symbols.bounds_of(name)
        plain = Bounds(declared.minimum, declared.maximum, declared.multiple_of)
        return self._bounds.get(name, plain)

    def verdict(self, condition: Condition) -> Verdict:
        """The condition's verdict, given what is known."""
        verdict = condition.verdict()
        if not verdict.undecided or (not self.known and not self._bounds):
            return verdict
        if condition.symbols and not self._values.keys().isdisjoint(condition.symbols):
            sharper = condition.at(self._values).verdict()
            if sharper.always or sharper.never:
                return sharper
        for fact in self.known:
            if (fact.relation, fact.left, fact.right) == (
                condition.relation, condition.left, condition.right,
            ):  # fmt: skip
                return Condition("==", 0, 0, condition.what).verdict()
        return verdict

    def _order(self, left: Size, right: Size) -> None:
        if is_symbol(right) and isinstance(left, int):
            self.at_least(str(right), left)
        elif is_symbol(left) and isinstance(right, int):
            bounds = self._bounds_of(str(left))
            bounds.maximum = right if bounds.maximum is None else min(right, bounds.maximum)
            self._rebuild()

    def _bounds_of(self, name: str) -> Bounds:
        return self._bounds.setdefault(name, self.bounds(name))

    def _rebuild(self) -> None:
        """Sharper symbols live in a table of their own, which mirrors all names."""
        table = Symbols()
        values: dict[str, Size] = {}
        for name in self.symbols:
            declared = self._bounds.get(name) or self.symbols.bounds_of(name)
            values[name] = table.declare(
                name, minimum=declared.minimum, maximum=declared.maximum,
                multiple_of=declared.multiple_of,
            )  # fmt: skip
        for name, other in self._equal:
            replaced = other if isinstance(other, int) else other.at(values)
            values = {
                n: v if isinstance(v, int) else v.at({name: replaced}) for n, v in values.items()
            }
        self._values = values


def is_symbol(size: Size) -> bool:
    """Is this size nothing but one symbol?"""
    return isinstance(size, Dim) and str(size) == size.symbols[0] and len(size.symbols) == 1
