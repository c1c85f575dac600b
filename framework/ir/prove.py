"""Proofs about a polynomial over sizes: is it 0, or at least 0, at every legal size?

First by bounds and by divisibility; then by cases: a symbol is either one of its first few
values, or ``v = p*v' + r`` for a remainder r, and with p a common multiple of the divisors every
floor over it becomes a polynomial. The number of cases is capped; a proof may be missing, but is
never wrong.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from math import gcd, inf, lcm
from typing import Literal, NamedTuple

from framework.errors import ShapeError
from framework.ir.intervals import EXHAUSTIVE, THOROUGH, high, low
from framework.ir.rewrite import evaluated, numeric, rebuilt
from framework.ir.terms import (
    ONE,
    Atom,
    AtomTable,
    Bound,
    Terms,
    closure,
    constant,
    symbol_atom,
    value_of,
)

Relation = Literal["zero", "nonnegative"]
Sizes = dict[Atom, int]  # every symbol's share: the size divided by what it is a multiple of

MOST_CASES = 400
MOST_WORK = 8_000  # cases times atoms
LONGEST_PEEL = 64  # first values of a symbol that may be looked at one by one
FAR = 1 << 20
MODULI = (2, 3, 4, 5, 7, 8, 9, 16)


class Answer(enum.Enum):
    """Whether something holds at every legal size, at none, at some, or nobody knows."""

    ALWAYS = "always"
    NEVER = "never"
    SOMETIMES = "sometimes"
    UNKNOWN = "unknown"


def holds(value: int, relation: Relation) -> bool:
    """The relation at one value."""
    return value == 0 if relation == "zero" else value >= 0


def at_once(terms: Terms, relation: Relation, budget: int = THOROUGH) -> Answer:
    """The answer from bounds and divisibility, without cases."""
    number = value_of(terms)
    if number is not None:
        return Answer.ALWAYS if holds(number, relation) else Answer.NEVER
    if relation == "zero" and terms.get(ONE, 0) % gcd(*(c for m, c in terms.items() if m)):
        return Answer.NEVER  # g*x + c = 0 needs g | c
    least = low(terms, budget)
    if least >= 0 and relation == "nonnegative":
        return Answer.ALWAYS
    most = high(terms, budget)
    if most < 0 or (least > 0 and relation == "zero"):
        return Answer.NEVER
    return Answer.ALWAYS if least == most == 0 else Answer.UNKNOWN


class Proof(NamedTuple):
    """An answer, with one size for every answer that some case gave."""

    answer: Answer
    holds: Sizes | None = None
    fails: Sizes | None = None


def prove(terms: Terms, relation: Relation) -> Proof:
    """Answer by bounds, by remainders, then by cases; UNKNOWN when a case stays open."""
    try:
        answer = at_once(terms, relation, EXHAUSTIVE)
        if answer is Answer.UNKNOWN and relation == "zero" and nowhere_zero(terms):
            answer = Answer.NEVER
        return Proof(answer) if answer is not Answer.UNKNOWN else by_cases(terms, relation)
    except ShapeError:  # a formula beyond the limits
        return Proof(Answer.UNKNOWN)


def nowhere_zero(terms: Terms) -> bool:
    """Whether the polynomial, its atoms taken as any integers, is never 0 modulo some number.

    So ``x*x = y*y + 2`` has no solution: squares are 0 or 1 modulo 4.
    """
    atoms = sorted({atom for monomial in terms for atom in monomial})
    for modulus in MODULI:
        if modulus ** len(atoms) > MOST_CASES:
            continue
        remainders = product(range(modulus), repeat=len(atoms))
        points = (dict(zip(atoms, values, strict=True)) for values in remainders)
        if all(numeric(terms, values) % modulus for values in points):
            return True
    return False


def by_cases(terms: Terms, relation: Relation) -> Proof:
    """Answer from all cases together."""
    found: dict[Answer, Sizes] = {}
    for case, start in cases(terms):
        answer = at_once(case, relation)
        if answer is Answer.UNKNOWN:
            return Proof(answer)
        found.setdefault(answer, start)
    if not found:
        return Proof(Answer.UNKNOWN)
    answer = next(iter(found)) if len(found) == 1 else Answer.SOMETIMES
    return Proof(answer, found.get(Answer.ALWAYS), found.get(Answer.NEVER))


class Part(NamedTuple):
    """The values ``step*v' + start`` of a symbol, ``low <= v' <= high``; one value for step 0."""

    step: int
    start: int
    low: int = 0
    high: Bound = 0

    @property
    def first(self) -> int:
        """The least value in it."""
        return self.step * self.low + self.start

    def image(self, table: AtomTable, leaf: Atom) -> Terms:
        """The polynomial that stands for the symbol here."""
        if not self.step or self.low == self.high:
            return constant(self.first)
        inner = symbol_atom(table, leaf.name, self.low, self.high)
        return {(inner,): self.step} | constant(self.start)


def part(leaf: Atom, step: int, start: int, least: int) -> Part | None:
    """The values ``step*v' + start`` of a symbol from ``least`` on; None if there are none."""
    first = -((start - least) // step)
    last = inf if leaf.high == inf else (int(leaf.high) - start) // step
    return Part(step, start, first, last) if first <= last else None


def cases(terms: Terms) -> Iterator[tuple[Terms, Sizes]]:
    """The polynomial in every case, with the least size of that case; none when too many."""
    atoms = closure(terms)
    most = min(MOST_CASES, MOST_WORK // len(atoms))
    options = {leaf: parts for leaf, parts in splits(terms, atoms).items() if len(parts) > 1}
    chosen: dict[Atom, list[Part]] = {}
    count = 1
    for leaf, parts in sorted(options.items(), key=lambda item: (len(item[1]), item[0])):
        if count * len(parts) <= most:
            chosen[leaf] = parts
            count *= len(parts)
    if not chosen:
        return
    table: AtomTable = {}
    others = [leaf for leaf in leaves_of(terms) if leaf not in chosen]
    for combination in product(*chosen.values()):
        start = {leaf: int(leaf.low) for leaf in others}
        start |= {leaf: piece.first for leaf, piece in zip(chosen, combination, strict=True)}
        yield restricted(table, terms, dict(zip(chosen, combination, strict=True))), start


def restricted(table: AtomTable, terms: Terms, pieces: dict[Atom, Part]) -> Terms:
    """The polynomial where some symbols take only part of their values."""
    images = {leaf: piece.image(table, leaf) for leaf, piece in pieces.items()}
    for leaf in leaves_of(terms):
        if leaf not in images:
            images[leaf] = Part(1, 0, int(leaf.low), leaf.high).image(table, leaf)
    return rebuilt(table, terms, images)


def leaves_of(*many: Terms) -> list[Atom]:
    """The symbols in polynomials, in order of their text."""
    return sorted({leaf for terms in many for m in terms for atom in m for leaf in atom.leaves})


def splits(terms: Terms, atoms: Sequence[Atom]) -> dict[Atom, list[Part]]:
    """For every symbol the parts in which floors and relus over it become polynomials."""
    peel = turning_points(terms, atoms)
    out = {}
    for leaf, period in periods(terms, atoms).items():
        least = int(leaf.low)
        if leaf.high - least < LONGEST_PEEL:
            out[leaf] = [Part(0, v) for v in range(least, int(leaf.high) + 1)]
            continue
        turn = peel.get(leaf, least)
        rest = [part(leaf, period, r, turn) for r in range(min(period, MOST_CASES + 1))]
        out[leaf] = [Part(0, v) for v in range(least, turn)] + [p for p in rest if p is not None]
    return out


def periods(terms: Terms, atoms: Sequence[Atom]) -> dict[Atom, int]:
    """For every symbol a p such that floors over ``p*v + r`` are polynomials in v.

    ``floor((c*x + ...)/d)`` is one when x is a polynomial in ``k*v`` with d a divisor of ``c*k``.
    """
    known: dict[Atom, dict[Atom, int]] = {}
    for atom in atoms:
        divisor = value_of(atom.inner[1]) if atom.kind == "floor" else None
        known[atom] = common_periods(known, atom.inner, divisor) if atom.inner else {atom: 1}
    return common_periods(known, [terms], None)


def common_periods(
    known: dict[Atom, dict[Atom, int]], many: Iterable[Terms], divisor: int | None
) -> dict[Atom, int]:
    """Common multiples of the periods of all terms, each made long enough for the divisor."""
    out: dict[Atom, int] = {}
    for monomial, c in (item for terms in many for item in terms.items()):
        factor = 1 if divisor is None else divisor // gcd(c, divisor)
        together: dict[Atom, int] = {}
        for leaf, period in (pair for atom in monomial for pair in known[atom].items()):
            together[leaf] = lcm(together.get(leaf, 1), period)
        for leaf, period in together.items():
            out[leaf] = lcm(out.get(leaf, 1), factor * period)
    return out


def turning_points(terms: Terms, atoms: Sequence[Atom]) -> dict[Atom, int]:
    """For a symbol the value from which on signs and quotients over it alone stay as they are.

    Only a guess of where to cut, found by looking; what is proved afterwards does not rest on it.
    """
    watched: list[tuple[Terms, Atom, Callable[[int], int]]] = []
    leaves = leaves_of(terms)
    if len(leaves) == 1:
        watched.append((terms, leaves[0], sign_of))
    slopes = slope(terms, leaves[0]) if len(leaves) == 1 else {}
    if slopes:
        watched.append((slopes, leaves[0], sign_of))
    for atom in atoms:
        if len(atom.leaves) != 1:
            continue
        (leaf,) = atom.leaves
        if atom.kind == "relu":
            watched.append((atom.inner[0], leaf, sign_of))
        elif atom.kind == "floor" and value_of(atom.inner[1]) is None:
            watched.append(({(atom,): 1}, leaf, lambda value: value))
    out: dict[Atom, int] = {}
    for inner, leaf, mark in watched:
        out[leaf] = max(out.get(leaf, 0), last_change(inner, leaf, mark))
    return out


def slope(terms: Terms, leaf: Atom) -> Terms:
    """Derivative of a polynomial in one symbol; {} where other atoms occur.

    From where it is positive on, moving the symbol to start at 0 shows what grows.
    """
    out: Terms = {}
    for monomial, c in terms.items():
        if any(atom != leaf for atom in monomial):
            return {}
        if monomial:
            out[monomial[1:]] = c * len(monomial)
    return out


def sign_of(value: int) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def last_change(terms: Terms, leaf: Atom, mark: Callable[[int], int]) -> int:
    """The value after the last one, among the first few, that is marked unlike a far one."""
    atoms, least = closure(terms), int(leaf.low)

    def marked(value: int) -> int | None:
        found = evaluated(atoms, terms, {leaf: value})
        return None if found is None else mark(found)

    far = marked(least + FAR)
    unlike = [v for v in range(least, least + LONGEST_PEEL) if marked(v) != far]
    return unlike[-1] + 1 if unlike and unlike[-1] + 1 < least + LONGEST_PEEL else least
