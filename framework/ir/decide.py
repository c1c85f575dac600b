"""Comparison of sizes, three-valued: always, never, or it depends; and exact division.

A verdict speaks about the sizes at which both sides are defined (no division by zero).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.errors import ShapeError
from framework.ir.floors import floor_quotient, remainder
from framework.ir.intervals import QUICK, THOROUGH, high, low
from framework.ir.prove import Answer, Relation, Sizes, at_once, prove
from framework.ir.sizes import Size, lowered, minus, table_of, terms_of
from framework.ir.terms import Terms, plus, times, value_of

if TYPE_CHECKING:
    from framework.ir.witness import Witnesses


@dataclass(frozen=True)
class Verdict:
    """An answer; where it is not ALWAYS or NEVER, with what is known about when it holds.

    ``holds_at`` and ``fails_at`` are sizes, evaluated. ``multiple_of`` is the least m that settles
    it when every symbol in it is a multiple of m besides what is declared; ``minimum`` the least
    declared minimum that settles a `>=`.
    """

    answer: Answer
    holds_at: dict[str, int] | None = None
    fails_at: dict[str, int] | None = None
    multiple_of: int | None = None
    minimum: dict[str, int] | None = None

    @property
    def always(self) -> bool:
        """It holds at every legal size."""
        return self.answer is Answer.ALWAYS

    @property
    def never(self) -> bool:
        """It holds at no legal size."""
        return self.answer is Answer.NEVER

    @property
    def undecided(self) -> bool:
        """It depends on the sizes, or nobody knows."""
        return self.answer in (Answer.SOMETIMES, Answer.UNKNOWN)

    def __bool__(self) -> bool:
        raise TypeError("a verdict has more than two values: ask .always, .never or .undecided")


def equal(a: Size, b: Size) -> Verdict:
    """Whether ``a == b``."""
    if isinstance(a, int) and isinstance(b, int):
        return known(a == b)
    table_of(a, b)
    return decided(minus(terms_of(a), terms_of(b)), "zero")


def at_least(a: Size, b: Size) -> Verdict:
    """Whether ``a >= b``."""
    if isinstance(a, int) and isinstance(b, int):
        return known(a >= b)
    table_of(a, b)
    return decided(minus(terms_of(a), terms_of(b)), "nonnegative")


def divisible(a: Size, by: Size) -> Verdict:
    """Whether ``a`` is a multiple of ``by``."""
    if isinstance(a, int) and isinstance(by, int) and by:
        return known(a % by == 0)
    return decided(remainder(table_of(a, by), terms_of(a), terms_of(by)), "zero")


def exact_quotient(a: Size, b: Size) -> Size | None:
    """``a/b`` if that is a whole number, and b not 0, at every legal size; otherwise None."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b and a % b == 0 else None
    table, above, below = table_of(a, b), terms_of(a), terms_of(b)
    if value_of(below) == 0 or not (low(below, THOROUGH) > 0 or high(below, THOROUGH) < 0):
        return None
    try:
        quotient = floor_quotient(table, above, below)
        left = plus(above, times(quotient, below), -1)
    except ShapeError:  # a formula beyond the limits
        return None
    return lowered(table, quotient) if prove(left, "zero").answer is Answer.ALWAYS else None


def known(answer: bool) -> Verdict:
    """The verdict on plain numbers."""
    return Verdict(Answer.ALWAYS if answer else Answer.NEVER)


def decided(terms: Terms, relation: Relation) -> Verdict:
    """The verdict on ``terms = 0`` or ``terms >= 0``: cheap proofs, witnesses, then cases."""
    answer = at_once(terms, relation, QUICK)
    if answer is not Answer.UNKNOWN:
        return Verdict(answer)
    from framework.ir.witness import Witnesses  # most relations are settled here

    found = Witnesses(terms, relation)
    points = found.points()
    if points is not None:
        for sizes in points:
            found.look(sizes)
        return verdict(found, counted(found))
    found.sample()
    if found.both:
        return verdict(found, Answer.SOMETIMES)
    proof = prove(terms, relation)
    for witness in (proof.holds, proof.fails):
        if witness is not None:
            found.look(witness)
    sure = Answer.SOMETIMES if found.both else proof.answer
    return verdict(found, Answer.UNKNOWN if sure is Answer.SOMETIMES and not found.both else sure)


def counted(found: Witnesses) -> Answer:
    """The answer when every legal size was looked at."""
    if found.both:
        return Answer.SOMETIMES
    if found.fails is None:
        return Answer.ALWAYS if found.holds is not None else Answer.UNKNOWN
    return Answer.NEVER


def verdict(found: Witnesses, answer: Answer) -> Verdict:
    """The answer with witnesses and hints, where it is not settled."""
    if answer in (Answer.ALWAYS, Answer.NEVER):
        return Verdict(answer)
    from framework.ir.hints import smallest_minimum, smallest_multiple

    least = smallest_minimum(found.terms) if found.relation == "nonnegative" else None
    multiple = smallest_multiple(found.terms, found.relation) if least is None else None
    return Verdict(answer, named(found.holds), named(found.fails), multiple, least)


def named(sizes: Sizes | None) -> dict[str, int] | None:
    """Sizes by name."""
    return None if sizes is None else {a.name: v * a.scale for a, v in sorted(sizes.items())}
