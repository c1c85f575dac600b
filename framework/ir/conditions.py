"""What must hold between sizes for a node to be legal, and how a failure is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from framework.errors import ShapeError
from framework.ir.dims import (
    Size,
    Verdict,
    at_least,
    divisible,
    equal,
    substitute,
    symbols_of,
)

Relation = Literal["==", "<=", "divisible"]

NEVER = {"==": "is never", "<=": "exceeds", "divisible": "is never divisible by"}
NUMBERS = {"==": "is not", "<=": "exceeds", "divisible": "is not divisible by"}
PERHAPS = {"==": "is not always", "<=": "may exceed", "divisible": "is not always divisible by"}


@dataclass(frozen=True)
class Condition:
    """``left relation right``, and what the two sizes are (``what``).

    Relations: ``==``; ``<=``; ``divisible`` (left is a multiple of right).
    """

    relation: Relation
    left: Size
    right: Size
    what: str
    hint: str | None = None

    def verdict(self) -> Verdict:
        """Does it hold always, never, or for some sizes?"""
        if self.relation == "==":
            return equal(self.left, self.right)
        if self.relation == "<=":
            return at_least(self.right, self.left)
        return divisible(self.left, self.right)

    def at(self, values: Mapping[str, Size]) -> Condition:
        """The same condition with some symbols replaced."""
        return replace(
            self, left=substitute(self.left, values), right=substitute(self.right, values)
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the sizes that it speaks about, sorted."""
        return symbols_of(self.left, self.right)

    def __str__(self) -> str:
        if self.relation == "divisible":
            return f"{self.left} % {self.right} == 0"
        return f"{self.left} {self.relation} {self.right}"

    def failure(self, verdict: Verdict) -> ShapeError:
        """The bare fact that this condition is broken, with witnesses and the cure."""
        words = NEVER if verdict.never else PERHAPS
        fact = f"{self.what}: {self.left} {words[self.relation]} {self.right}"
        return ShapeError(fact, hint=self.cure(verdict), notes=witnesses(verdict))

    def broken(self, sizes: Mapping[str, Size]) -> str | None:
        """The fact in numbers if these sizes break it: ``width: H + 1 = 5 is not 2*K = 6``."""
        there = self.at(sizes)
        if not there.verdict().never:
            return None
        words = NEVER if there.symbols else NUMBERS
        left, right = worked_out(self.left, there.left), worked_out(self.right, there.right)
        return f"{self.what}: {left} {words[self.relation]} {right}"

    def cure(self, verdict: Verdict) -> str | None:
        """What to declare, or to write instead, so that the condition holds."""
        if verdict.multiple_of is not None:
            return f"declare {' and '.join(self.symbols)} as multiple_of: {verdict.multiple_of}"
        if verdict.minimum:
            wanted = (f"{name} with min: {size}" for name, size in verdict.minimum.items())
            return f"declare {' and '.join(wanted)}"
        return self.hint


def worked_out(formula: Size, value: Size) -> str:
    """``H + 1 = 5``; a number alone where there is no formula."""
    return str(value) if formula == value else f"{formula} = {value}"


def witnesses(verdict: Verdict) -> tuple[str, ...]:
    """A note with a size for which it holds and one for which it fails."""
    if not verdict.undecided:
        return ()
    holds, fails = verdict.holds_at, verdict.fails_at
    if holds is not None and fails is not None:
        return (f"true for {sizes_text(holds)}, false for {sizes_text(fails)}",)
    if fails is not None:
        return (f"false for {sizes_text(fails)}",)
    return ("it could be neither proved nor refuted",)


def sizes_text(sizes: Mapping[str, int]) -> str:
    """``H = 16, W = 24``."""
    return ", ".join(f"{name} = {size}" for name, size in sorted(sizes.items()))
