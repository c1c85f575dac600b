"""Sound integer bounds of a polynomial over atoms.

Four steps, each a true bound, of which the best counts:

* intervals: every monomial lies between the products of the bounds of its atoms;
* shifted: with ``v = low + v'``, ``v' >= 0``, ``H*W - H`` becomes ``(h'+1)*w'`` and is seen >= 0;
* relaxed: ``floor(n/d)`` lies in ``[(n-d+1)/d, n/d]``, which keeps what ties it to other terms;
* split: ``relu(x)`` is ``x`` where ``x >= 0`` and ``0`` elsewhere; what was assumed may be used.

The work is bounded by a budget of visits, so the answer may be infinite, but never wrong.
"""

from __future__ import annotations

from math import inf

from framework.errors import ShapeError
from framework.ir.terms import (
    ONE,
    Atom,
    Bound,
    Monomial,
    Terms,
    add_into,
    coefficient_of,
    constant,
    exact_division,
    leading,
    plus,
    scaled,
    times,
    value_of,
)

QUICK, THOROUGH, EXHAUSTIVE = 24, 200, 1200
RELAXATIONS = 24  # floors opened along one path
LARGE = 12  # terms that count as one visit more
DEEP = 16  # ranks beyond which a search gets a quarter of its budget
LONGEST_SHIFT = 60  # terms of a polynomial that is expanded around its lower corner
HIGHEST_SHIFT = 6


def limits(terms: Terms, budget: int = QUICK) -> tuple[Bound, Bound]:
    """Bounds ``low <= terms <= high``, infinite where none was found."""
    return low(terms, budget), high(terms, budget)


def high(terms: Terms, budget: int = QUICK) -> Bound:
    """An upper bound."""
    return -low(scaled(terms, -1), budget)


def low(terms: Terms, budget: int = QUICK) -> Bound:
    """A lower bound."""
    number = value_of(terms)
    if number is not None:
        return number
    if independent(terms) or (budget == QUICK and len(terms) - (ONE in terms) == 1):
        return flat_low(terms)
    if max(atom.rank for m in terms for atom in m) > DEEP:
        budget //= 4
    try:
        return Search(budget).lowest(terms, 1)
    except ShapeError:  # a formula on the way was beyond the limits
        return corner(terms)


def independent(terms: Terms) -> bool:
    """Whether it is linear in symbols, so that intervals are exact."""
    return all(len(m) < 2 and (not m or not m[0].rank) for m in terms)


def product(x: Bound, y: Bound) -> Bound:
    """``x * y`` without an overflow to float, and with ``0 * inf = 0``."""
    if not x or not y:
        return 0
    if isinstance(x, int) and isinstance(y, int):
        return x * y
    return inf if (x > 0) == (y > 0) else -inf


def span(monomial: Monomial) -> tuple[Bound, Bound]:
    """Bounds of a product of atoms."""
    least: Bound = 1
    most: Bound = 1
    for atom in monomial:
        if least >= 0 and atom.low >= 0:
            least, most = product(least, atom.low), product(most, atom.high)
            continue
        corners = [product(x, y) for x in (least, most) for y in (atom.low, atom.high)]
        least, most = min(corners), max(corners)
    return least, most


def sign(terms: Terms) -> int:
    """1 or -1 when the polynomial keeps that sign (0 counts as either), 0 when it may change."""
    if corner(terms) >= 0:
        return 1
    return -1 if corner(scaled(terms, -1)) >= 0 else 0


def corner(terms: Terms) -> Bound:
    """Lower bound by intervals, term by term."""
    total: Bound = 0
    for monomial, coefficient in terms.items():
        bound = product(coefficient, span(monomial)[0 if coefficient > 0 else 1])
        if not isinstance(bound, int):
            return -inf
        total += bound
    return total


def shifted_corner(terms: Terms) -> Bound:
    """Lower bound by intervals after every atom was moved to start at 0."""
    if len(terms) > LONGEST_SHIFT or max(map(len, terms)) > HIGHEST_SHIFT:
        return -inf
    moved: Terms = {}
    for monomial, coefficient in terms.items():
        part = constant(coefficient)
        for atom in monomial:
            if isinstance(atom.low, int):
                part = times(part, plus({(atom,): 1}, constant(atom.low)))
            elif isinstance(atom.high, int):  # v = high - v'
                part = times(part, plus({(atom,): -1}, constant(atom.high)))
            else:
                return -inf
        add_into(moved, part)
    return moved.pop(ONE, 0) + sum_of_falling(moved)


def sum_of_falling(moved: Terms) -> Bound:
    """Least value of a polynomial without constant, every atom between 0 and its width."""
    total: Bound = 0
    for monomial, coefficient in moved.items():
        if coefficient > 0:
            continue
        most: Bound = coefficient
        for atom in monomial:
            finite = isinstance(atom.low, int) and isinstance(atom.high, int)
            most = product(most, atom.high - atom.low if finite else inf)
        if not isinstance(most, int):
            return -inf
        total += most
    return total


class Search:
    """One search for a lower bound; ``budget`` limits the polynomials that it looks at."""

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def lowest(self, terms: Terms, scale: int, facts: tuple[Terms, ...] = ()) -> Bound:
        """Integer lower bound of ``terms / scale``, which lies below an integer quantity.

        Every polynomial in ``facts`` is known to be at least 0.
        """
        best: Bound = -inf
        frozen: set[Atom] = set()
        for _ in range(RELAXATIONS):
            self.budget -= 1 + len(terms) // LARGE
            best = max(best, divided_up(self.given(terms, facts), scale))
            atom = outermost(terms, frozen) or outermost_relu(facts)
            if atom is None or self.budget <= 0 or value_of(terms) is not None:
                break
            if atom.kind == "relu":
                return max(best, self.split(terms, scale, facts, atom))
            opened = relaxed(terms, atom)
            if opened is None:
                frozen.add(atom)
            else:
                terms, scale = opened[0], scale * opened[1]
        return best

    def split(self, terms: Terms, scale: int, facts: tuple[Terms, ...], atom: Atom) -> Bound:
        """Bound by the two cases of ``relu(x)``: the lower of them counts.

        Where relu is multiplied by something >= 0, either case bounds it from below by itself.
        """
        inside = atom.inner[0]
        on, off = replaced(terms, atom, inside), replaced(terms, atom, {})
        best: Bound = -inf
        factor = coefficient_of(terms, atom)
        alone = not facts and not any(atom in monomial for monomial in factor)
        if alone and sign(factor) > 0:
            best = max(self.lowest(on, scale), self.lowest(off, scale))
        above = (*(replaced(fact, atom, inside) for fact in facts), inside)
        below = (*(replaced(fact, atom, {}) for fact in facts), scaled(inside, -1))
        return max(best, min(self.lowest(on, scale, above), self.lowest(off, scale, below)))

    def given(self, terms: Terms, facts: tuple[Terms, ...]) -> Bound:
        """Lower bound of a polynomial under facts, each of them used at most once.

        From ``fact >= 0`` follows ``terms >= terms - (p/q)*fact`` for p, q > 0; the ratios tried
        are those that make a negative term disappear.
        """
        best = flat_low(terms)
        for k, fact in enumerate(facts):
            ratios = {
                (abs(terms[m]), abs(c)): None
                for m, c in fact.items()
                if m and c < 0 and terms.get(m, 0) < 0
            }
            for p, q in list(ratios)[:2]:
                if self.budget > 0:
                    self.budget -= 1
                    less = plus(scaled(terms, q), fact, -p)
                    best = max(best, divided_up(self.given(less, facts[:k] + facts[k + 1 :]), q))
        return best


def flat_low(terms: Terms) -> Bound:
    """Lower bound that takes every atom as independent of the others."""
    best = corner(terms)
    if terms and max(map(len, terms)) > 1:
        best = max(best, shifted_corner(terms))
    return best


def divided_up(bound: Bound, scale: int) -> Bound:
    """``ceil(bound / scale)``."""
    return -(-bound // scale) if isinstance(bound, int) else bound


def outermost(terms: Terms, frozen: set[Atom]) -> Atom | None:
    """The atom of highest rank that is not a symbol and not frozen."""
    atoms = [a for m in terms for a in m if a.rank and a not in frozen]
    return max(atoms, key=lambda atom: (atom.rank, atom), default=None)


def outermost_relu(facts: tuple[Terms, ...]) -> Atom | None:
    """The relu of highest rank in any of the facts."""
    atoms = [a for fact in facts for m in fact for a in m if a.kind == "relu"]
    return max(atoms, key=lambda atom: (atom.rank, atom), default=None)


def replaced(terms: Terms, atom: Atom, value: Terms) -> Terms:
    """The polynomial with ``value`` in the place of an atom."""
    out: Terms = {}
    for monomial, coefficient in terms.items():
        if atom not in monomial:
            add_into(out, {monomial: coefficient})
            continue
        part = constant(coefficient)
        for factor in monomial:
            part = times(part, value if factor == atom else {(factor,): 1})
        add_into(out, part)
    return out


def relaxed(terms: Terms, atom: Atom) -> tuple[Terms, int] | None:
    """Replace a floor by its rational limit: a polynomial below ``k * terms``, and ``k > 0``.

    ``floor(n/b)*b`` lies in ``[n - b + 1, n]`` for b > 0. None where a sign is not known.
    """
    numerator, divisor = atom.inner
    least = plus(plus(numerator, divisor, -1), constant(1))
    pieces = multiples_of(divisor, coefficient_of(terms, atom))
    number = abs(divisor[leading(divisor)])
    out = scaled({m: c for m, c in terms.items() if atom not in m}, number)
    for quotient in pieces:
        side = sign(quotient)
        if not side:
            return None
        add_into(out, times(quotient, least if side > 0 else numerator))
    return (out, number) if pieces else None


def multiples_of(divisor: Terms, factor: Terms) -> list[Terms]:
    """Polynomials q with ``sum(q) * divisor = k * factor``, k the divisor's leading coefficient.

    By a number they are the terms of the factor, each with a sign of its own. Empty where the
    division leaves a rest, or the divisor may be 0.
    """
    if value_of(divisor) is not None:
        return [{m: c} for m, c in factor.items()]
    if low(divisor) < 1:
        return []
    quotient = exact_division(scaled(factor, abs(divisor[leading(divisor)])), divisor)
    return [] if quotient is None else [quotient]
