"""Polynomials with integer coefficients over atoms: the raw material of sizes.

An atom is a symbol, a floored quotient ``floor(a/b)``, or ``relu(x) = max(x, 0)``. An atom *is*
its canonical text (a digest of it where it is long), so that hashing, comparing and sorting run
at the speed of ``str``, and equal expressions of two tables are equal. Bounds and depth are fixed
when an atom is made; nothing here recurses, however deep an expression is nested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd, inf
from typing import Literal

from framework.errors import ShapeError
from framework.limits import SIZE_BITS, SIZE_DEGREE, SIZE_DEPTH, SIZE_TERMS

Kind = Literal["symbol", "floor", "relu"]
Bound = int | float  # an int, or plus or minus infinity; no other float occurs
Monomial = tuple["Atom", ...]
Terms = dict[Monomial, int]
AtomTable = dict[str, "Atom"]

ONE: Monomial = ()
LONGEST_TEXT = 240


class Atom(str):
    """An indivisible factor; the string itself is its canonical text.

    A symbol declared ``multiple_of: scale`` stands for the size divided by ``scale``, so that
    divisibility is algebra. ``rank`` exceeds the rank of everything inside; ``weight`` counts the
    atoms of the expression written out.
    """

    __slots__ = ("high", "inner", "kind", "leaves", "low", "name", "rank", "scale", "weight")
    kind: Kind
    inner: tuple[Terms, ...]
    low: Bound
    high: Bound
    name: str
    scale: int
    rank: int
    weight: int
    leaves: frozenset[Atom]


def symbol_atom(table: AtomTable, name: str, low: int, high: Bound, scale: int = 1) -> Atom:
    """The atom of a symbol whose size is ``scale * v`` with ``low <= v <= high``."""
    plain = low == 1 and high == inf and scale == 1
    text = name if plain else f"{name}{{{low}..{high}/{scale}}}"
    found = table.get(text)
    if found is not None:
        return found
    atom = table[text] = Atom(text)
    atom.kind, atom.inner, atom.name, atom.scale = "symbol", (), name, scale
    atom.low, atom.high, atom.leaves = low, high, frozenset((atom,))
    atom.rank, atom.weight = 0, 1
    return atom


def nested_atom(
    table: AtomTable, kind: Kind, text: str, inner: tuple[Terms, ...], limits: tuple[Bound, Bound]
) -> Atom:
    """A new atom around ``inner``, entered in ``table`` under its text."""
    atom = Atom(text)
    parts = [factor for terms in inner for monomial in terms for factor in monomial]
    atom.kind, atom.inner, atom.name, atom.scale = kind, inner, "", 1
    atom.low, atom.high = limits
    atom.rank = 1 + max(part.rank for part in parts)
    atom.weight = 1 + sum(part.weight for part in parts)
    atom.leaves = frozenset().union(*(part.leaves for part in parts))
    if atom.rank > SIZE_DEPTH:
        raise too_large(f"more than {SIZE_DEPTH} floors and maxima inside one another")
    table[text] = atom
    return atom


def label(text: str) -> str:
    """The text under which an atom is kept: itself, or a digest of 128 bits where it is long."""
    if len(text) <= LONGEST_TEXT:
        return text
    import hashlib  # rarely needed, and slow to load

    return "#" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def too_large(why: str) -> ShapeError:
    """The error for an expression beyond the limits of this module."""
    return ShapeError(
        f"the formula of a size became too large: {why}",
        hint="give a name of its own to an intermediate size, or use constants",
    )


def text_of(terms: Terms) -> str:
    """Canonical text: equal for equal polynomials, in whatever order they were made."""
    return "+".join([f"{c}*{'*'.join(m)}" if m else str(c) for m, c in sorted(terms.items())])


def constant(value: int) -> Terms:
    """The polynomial of a number."""
    return {ONE: value} if value else {}


def value_of(terms: Terms) -> int | None:
    """The number that a polynomial is, or None where an atom is left."""
    if not terms:
        return 0
    return terms.get(ONE) if len(terms) == 1 else None


def single(atom: Atom, coefficient: int = 1) -> Terms:
    """The polynomial ``coefficient * atom``."""
    return {(atom,): coefficient}


def add_into(target: Terms, terms: Terms, factor: int = 1) -> None:
    """Add ``factor * terms`` to ``target`` in place."""
    for monomial, coefficient in terms.items():
        total = target.get(monomial, 0) + factor * coefficient
        if total:
            target[monomial] = total
        else:
            target.pop(monomial, None)


def plus(a: Terms, b: Terms, factor: int = 1) -> Terms:
    """``a + factor * b`` as a new polynomial."""
    out = dict(a)
    add_into(out, b, factor)
    if len(out) > SIZE_TERMS:
        raise too_large(f"more than {SIZE_TERMS} terms")
    return out


def scaled(terms: Terms, factor: int) -> Terms:
    """``factor * terms`` for a factor that is not 0."""
    return {monomial: factor * c for monomial, c in terms.items()}


def times(a: Terms, b: Terms) -> Terms:
    """The product, within the limits on terms, degree and coefficients."""
    out: Terms = {}
    for left, c in a.items():
        for right, k in b.items():
            monomial = tuple(sorted(left + right)) if left and right else left or right
            total = out.get(monomial, 0) + c * k
            if total:
                out[monomial] = total
            else:
                out.pop(monomial, None)
        if len(out) > SIZE_TERMS:
            raise too_large(f"more than {SIZE_TERMS} terms")
    check_growth(out)
    return out


def check_growth(terms: Terms) -> None:
    """Refuse powers and coefficients that no real model has."""
    for monomial, coefficient in terms.items():
        if len(monomial) > SIZE_DEGREE:
            raise too_large(f"a product of more than {SIZE_DEGREE} factors")
        if coefficient.bit_length() > SIZE_BITS:
            raise too_large(f"a number of more than {SIZE_BITS} bits")


def content(terms: Terms) -> int:
    """Greatest common divisor of all coefficients, the constant included; 0 for zero."""
    return gcd(*terms.values())


def without(monomial: Monomial, part: Sequence[Atom]) -> Monomial | None:
    """``monomial / part``, or None when ``part`` does not divide it."""
    left = list(monomial)
    for atom in part:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def coefficient_of(terms: Terms, atom: Atom) -> Terms:
    """The polynomial by which an atom is multiplied (one occurrence taken out of a power)."""
    found = ((without(m, (atom,)), c) for m, c in terms.items())
    return {m: c for m, c in found if m is not None}


def shared_factors(monomials: Iterable[Monomial]) -> Monomial:
    """The greatest monomial that divides all of them (at least one is given)."""
    rest = iter(monomials)
    common = list(next(rest))
    for monomial in rest:
        left = list(monomial)
        kept = []
        for atom in common:
            if atom in left:
                left.remove(atom)
                kept.append(atom)
        common = kept
    return tuple(common)


def leading(terms: Terms) -> Monomial:
    """The monomial of highest degree, the last one in alphabetical order among equals."""
    return max(terms, key=lambda monomial: (len(monomial), monomial))


def exact_division(a: Terms, b: Terms) -> Terms | None:
    """The polynomial ``q`` with ``a = q * b``, or None; plain long division."""
    head = leading(b)
    quotient: Terms = {}
    rest = a
    for _ in range(2 * len(a) + 1):
        if not rest:
            return quotient
        top = leading(rest)
        shift = without(top, head)
        if shift is None or rest[top] % b[head]:
            return None
        step = {shift: rest[top] // b[head]}
        quotient, rest = plus(quotient, step), plus(rest, times(step, b), -1)
    return None


def closure(*many: Terms) -> list[Atom]:
    """Every atom in the polynomials, inner ones included, each after all that is inside it."""
    seen: set[Atom] = set()
    todo = list(many)
    while todo:
        for monomial in todo.pop():
            for atom in monomial:
                if atom not in seen:
                    seen.add(atom)
                    todo.extend(atom.inner)
    return sorted(seen, key=lambda atom: (atom.rank, atom))
