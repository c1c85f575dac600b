"""Put polynomials or numbers in the place of symbols, from the inside out, without recursion."""

from __future__ import annotations

from collections.abc import Iterable

from framework.ir.floors import floor_quotient, relu
from framework.ir.terms import (
    Atom,
    AtomTable,
    Terms,
    add_into,
    closure,
    constant,
    plus,
    single,
    times,
)


def rebuilt(table: AtomTable, terms: Terms, images: dict[Atom, Terms]) -> Terms:
    """Substitute polynomials for symbols and simplify again, from the inside out."""
    known = dict(images)
    for atom in closure(terms):
        if atom in known:
            continue
        if table.get(atom) is atom and not any(leaf in images for leaf in atom.leaves):
            known[atom] = single(atom)
            continue
        inner = [combined(part, known) for part in atom.inner]
        if atom.kind == "floor":
            known[atom] = floor_quotient(table, inner[0], inner[1])
        elif atom.kind == "relu":
            known[atom] = relu(table, inner[0])
        else:
            known[atom] = single(atom)
    return combined(terms, known)


def combined(terms: Terms, known: dict[Atom, Terms]) -> Terms:
    """The polynomial with a polynomial in the place of every atom."""
    out: Terms = {}
    for monomial, coefficient in terms.items():
        part = constant(coefficient)
        for atom in monomial:
            part = times(part, known[atom])
        add_into(out, part)
    return plus(out, {})


def evaluated(atoms: Iterable[Atom], terms: Terms, sizes: dict[Atom, int]) -> int | None:
    """The value at given symbols; ``atoms`` is the closure of ``terms``. None: division by 0."""
    values = dict(sizes)
    for atom in atoms:
        if atom.kind == "relu":
            values[atom] = max(numeric(atom.inner[0], values), 0)
        elif atom.kind == "floor":
            divisor = numeric(atom.inner[1], values)
            if not divisor:
                return None
            values[atom] = numeric(atom.inner[0], values) // divisor
    return numeric(terms, values)


def numeric(terms: Terms, values: dict[Atom, int]) -> int:
    """The value of a polynomial at given atoms."""
    total = 0
    for monomial, coefficient in terms.items():
        for atom in monomial:
            coefficient *= values[atom]
        total += coefficient
    return total
