"""Canonical floored quotients and maxima: equal expressions become equal terms.

``%``, ``ceil``, ``min`` and ``max`` are rewritten to ``floor(a/b)`` and ``relu(x) = max(x, 0)``:

    a % b = a - b*floor(a/b)         max(a, b) = b + relu(a - b)
    ceil(a/b) = floor((a+b-1)/b)     min(a, b) = a - relu(a - b)

Every rule below is an identity for all legal sizes. Where a divisor may be 0 nothing is
cancelled, so that the expression stays undefined exactly where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from framework.errors import ShapeError
from framework.ir.intervals import high, limits, low
from framework.ir.terms import (
    ONE,
    Atom,
    AtomTable,
    Bound,
    Monomial,
    Terms,
    add_into,
    check_growth,
    closure,
    constant,
    content,
    exact_division,
    label,
    leading,
    nested_atom,
    plus,
    scaled,
    shared_factors,
    single,
    text_of,
    times,
    value_of,
    without,
)


def floor_quotient(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``floor(a/b)``, rounding towards minus infinity as Python's ``//``."""
    number = value_of(b)
    if number == 0:
        raise ShapeError("division of a size by zero")
    if number is not None:
        a = scaled(a, -1) if number < 0 else a
        return by_number(table, a, abs(number))
    if high(b) < 0:
        a, b = scaled(a, -1), scaled(b, -1)
    elif low(b) <= 0:
        return floor_atom(table, a, b)  # b may be 0: cancelling could be false there
    return by_polynomial(table, a, b)


def remainder(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``a % b``, with the sign of b as Python's."""
    return plus(a, times(b, floor_quotient(table, a, b)), -1)


def by_number(table: AtomTable, n: Terms, d: int) -> Terms:
    """``floor(n/d)`` for a number d > 0.

    The loop keeps ``out + sign*floor(n/d)`` unchanged and ends with n's coefficients in [0, d).
    """
    out: Terms = {}
    sign = 1
    if n and n[leading(n)] < 0:  # floor(-x/d) = -ceil(x/d), also where the residue is d/2
        out, n, sign = constant(-1), mirrored(n), -1
    while True:
        whole, n = split_multiples(n, d)
        add_into(out, whole, sign)
        if value_of(n) is not None:
            return out  # 0 <= n < d
        inner = mergeable(n, d)
        if inner is not None:
            n, d = merged(n, d, inner, out, sign)
            continue
        deep = next((m[0] for m, c in sorted(n.items()) if c == 1 and opens(m)), None)
        if deep is not None:
            return plus(out, unfolded(table, n, constant(d), deep), sign)
        shared = gcd(d, *(c for m, c in n.items() if m))
        if shared > 1:  # floor((g*x + c)/(g*e)) = floor((x + floor(c/g))/e)
            n, d = reduced(n, shared), d // shared
            continue
        if 2 * n[leading(n)] > d:  # keep the leading residue low
            add_into(out, constant(-1), sign)
            n, sign = mirrored(n), -sign
            continue
        add_into(out, settled(table, n, d), sign)
        check_growth(out)
        return out


def mirrored(n: Terms) -> Terms:
    """``-n - 1``, because ``floor(n/d) + floor((-n-1)/d) = -1`` for d > 0."""
    return plus(scaled(n, -1), constant(-1))


def split_multiples(n: Terms, d: int) -> tuple[Terms, Terms]:
    """Quotient and remainder of every coefficient by ``d``."""
    whole: Terms = {}
    rest: Terms = {}
    for monomial, coefficient in n.items():
        k, r = divmod(coefficient, d)
        if k:
            whole[monomial] = k
        if r:
            rest[monomial] = r
    return whole, rest


def mergeable(n: Terms, d: int) -> Atom | None:
    """A floor by a number that stands alone in ``n`` with coefficient 1 or -1 modulo ``d``."""
    found = [
        m[0]
        for m, c in n.items()
        if len(m) == 1 and m[0].kind == "floor" and (c in (1, d - 1)) and value_of(m[0].inner[1])
    ]
    return min(found, default=None)


def merged(n: Terms, d: int, inner: Atom, out: Terms, sign: int) -> tuple[Terms, int]:
    """Open a floor inside a floor: ``floor((floor(x/e) + k)/d) = floor((x + e*k)/(e*d))``.

    With the other sign, ``-floor(x/e) = floor((-x + e - 1)/e)``; its ``d*floor(x/e)`` goes to
    ``out``.
    """
    x, divisor = inner.inner
    e = divisor[ONE]
    rest = {m: c for m, c in n.items() if m != (inner,)}
    if n[(inner,)] == 1:
        return plus(x, rest, e), e * d
    add_into(out, single(inner), sign)
    return plus(plus(constant(e - 1), x, -1), rest, e), e * d


def reduced(n: Terms, factor: int) -> Terms:
    """``n`` with every coefficient divided by ``factor``; the constant is rounded down."""
    return {m: c // factor for m, c in n.items() if c // factor}


def settled(table: AtomTable, n: Terms, d: int) -> Terms:
    """The floor as a number if its bounds leave one value, otherwise as an atom."""
    text = label(f"({text_of(n)})/{d}")
    found = table.get(text)
    if found is not None:
        return single(found)
    least, most = limits(n)
    if isinstance(least, int) and isinstance(most, int) and least // d == most // d:
        return constant(least // d)
    balanced = near_zero(n, d)
    if balanced is not None:
        return balanced
    bounds = quotient_bound(least, d), quotient_bound(most, d)
    return single(nested_atom(table, "floor", text, (n, constant(d)), bounds))


def halves_joined(terms: Terms) -> Terms:
    """``floor(x/2) + ceil(x/2) = x``: what splitting in two and concatenating again gives."""
    for monomial, c in terms.items():
        atom = monomial[0] if len(monomial) == 1 and monomial[0].kind == "floor" else None
        if atom is None or value_of(atom.inner[1]) != 2 or ONE in atom.inner[0]:
            continue
        upper = (Atom(label(f"({text_of(plus(atom.inner[0], constant(1)))})/2")),)
        k = terms.get(upper, 0)
        if k * c > 0:
            both = min(k, c) if c > 0 else max(k, c)
            out = plus(terms, atom.inner[0], both)
            add_into(out, {monomial: -both, upper: -both})
            return halves_joined(out)
    return terms


def near_zero(n: Terms, d: int) -> Terms | None:
    """The floor without an atom, if the residues nearest to 0 are known to stay in one step.

    Residues in [0, d) hide that ``H - 2*floor(H/2)`` is at most 1; the balanced ones show it.
    """
    if len(n) < 2 or all(len(m) < 2 and (not m or not m[0].rank) for m in n):
        return None
    upper = {m: (1 if 2 * c >= d else 0) for m, c in n.items() if m}
    small = plus(n, {m: k for m, k in upper.items() if k}, -d)
    if small == n:
        return None
    least, most = limits(small)
    if not (isinstance(least, int) and isinstance(most, int) and least // d == most // d):
        return None
    return plus({m: k for m, k in upper.items() if k}, constant(least // d))


def quotient_bound(bound: Bound, d: int) -> Bound:
    """``floor(bound/d)``, infinite bounds unchanged."""
    return bound // d if isinstance(bound, int) else bound


def by_polynomial(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``floor(a/b)`` for a divisor that is positive at every legal size."""
    exact = exact_division(a, b) if a else {}
    if exact is not None:
        return exact
    out: Terms = {}
    if len(b) == 1:
        out, a = split_monomials(a, b)
    if not a:
        return out
    a, b = cancelled(a, b)
    if value_of(b) is not None:
        return plus(out, by_number(table, a, b[ONE]))
    inner = next((m[0] for m, c in sorted(a.items()) if c == 1 and opens(m)), None)
    if inner is not None:
        return plus(out, unfolded(table, a, b, inner))
    if low(a) >= 0 and low(plus(b, a, -1)) > 0:
        return out
    if high(a) < 0 and low(plus(a, b)) >= 0:
        return plus(out, constant(-1))
    if a[leading(a)] < 0:
        return plus(plus(out, constant(-1)), by_polynomial(table, mirrored(a), b), -1)
    return plus(out, floor_atom(table, a, b))


def opens(monomial: Monomial) -> bool:
    """Whether a monomial is a single floor by a divisor known to be positive."""
    return len(monomial) == 1 and monomial[0].kind == "floor" and low(monomial[0].inner[1]) > 0


def unfolded(table: AtomTable, a: Terms, b: Terms, inner: Atom) -> Terms:
    """``floor((floor(x/y) + k)/b) = floor((x + y*k)/(y*b))`` for y, b > 0."""
    x, y = inner.inner
    rest = {m: c for m, c in a.items() if m != (inner,)}
    return floor_quotient(table, plus(x, times(rest, y)), times(y, b))


def split_monomials(a: Terms, b: Terms) -> tuple[Terms, Terms]:
    """Quotient and remainder of every term of ``a`` by the only term of ``b``."""
    ((divisor, k),) = b.items()
    whole: Terms = {}
    rest: Terms = {}
    for monomial, coefficient in a.items():
        shift = without(monomial, divisor)
        times_in, r = divmod(coefficient, k) if shift is not None else (0, coefficient)
        if times_in and shift is not None:
            whole[shift] = times_in
        if r:
            rest[monomial] = r
    return whole, rest


def cancelled(a: Terms, b: Terms) -> tuple[Terms, Terms]:
    """Numerator and divisor without what they share; the divisor is never 0.

    A shared number may leave the constant of the numerator rounded down, as in `by_number`.
    """
    shared = shared_factors([*a, *b])
    if shared and low(divided(b, shared)) > 0:
        a, b = divided(a, shared), divided(b, shared)
    factor = gcd(content(b), *(c for m, c in a.items() if m))
    if factor > 1:
        a, b = reduced(a, factor), reduced(b, factor)
    return a, b


def divided(terms: Terms, factors: Monomial) -> Terms:
    """Every term divided by atoms that all of them contain."""
    found = ((without(m, factors), c) for m, c in terms.items())
    return {m: c for m, c in found if m is not None}


def floor_atom(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``floor(a/b)`` as an atom of its own; a divisor that may be 0 counts where it is not."""
    text = label(f"({text_of(a)})/({text_of(b)})")
    if text not in table:
        nested_atom(table, "floor", text, (a, b), quotient_limits(limits(a), limits(b)))
    return single(table[text])


def quotient_limits(a: tuple[Bound, Bound], b: tuple[Bound, Bound]) -> tuple[Bound, Bound]:
    """Bounds of ``floor(a/b)`` from those of a and b; for b of one sign, or 0 (undefined)."""
    infinite = float("inf")
    if b[0] < 0:
        return -infinite, infinite
    divisors = (max(b[0], 1), max(b[1], 1))
    corners = [corner_quotient(n, d) for n in a for d in divisors]
    return min(corners), max(corners)


def corner_quotient(n: Bound, d: Bound) -> Bound:
    """``floor(n/d)`` for d >= 1, either of them perhaps infinite."""
    if not isinstance(n, int):
        return n
    if isinstance(d, int):
        return n // d
    return -1 if n < 0 else 0


def relu(table: AtomTable, x: Terms) -> Terms:
    """``max(x, 0)``, with common factors outside and its deepest term positive.

    So the deep side of a maximum occurs once: ``max(deep, b) = b + relu(deep - b)``.
    """
    least, most = limits(x)
    if least >= 0:
        return x
    if most <= 0:
        return {}
    shared = tuple(atom for atom in shared_factors(x) if atom.low >= 0)
    if shared:  # relu(H*y) = H*relu(y) for H >= 0
        return times({shared: 1}, relu(table, divided(x, shared)))
    if x[deepest(x)] < 0:  # relu(x) = relu(-x) + x
        return plus(relu(table, scaled(x, -1)), x)
    factor = content(x)
    x = reduced(x, factor)
    text = label(f"relu({text_of(x)})")
    if text not in table:
        least, most = limits(x)
        nested_atom(table, "relu", text, (x,), (max(least, 0), max(most, 0)))
    return single(table[text], factor)


def deepest(terms: Terms) -> Monomial:
    """The monomial with the atom of highest rank; among equals the leading one."""
    return max(terms, key=lambda m: (max((a.rank for a in m), default=-1), len(m), m))


def maximum_of(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``max(a, b)``."""
    return plus(b, relu(table, plus(a, b, -1)))


def minimum_of(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``min(a, b)``."""
    return plus(a, relu(table, plus(a, b, -1)), -1)


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
