"""Canonical floored quotients and maxima: equal expressions become equal terms.

``%``, ``ceil``, ``min`` and ``max`` are rewritten to ``floor(a/b)`` and ``relu(x) = max(x, 0)``:

    a % b = a - b*floor(a/b)         max(a, b) = b + relu(a - b)
    ceil(a/b) = floor((a+b-1)/b)     min(a, b) = a - relu(a - b)

Every rule below is an identity for all legal sizes. Where a divisor may be 0 nothing is
cancelled, so that the expression stays undefined exactly where it was.
"""

from __future__ import annotations

from math import gcd, inf

from framework.errors import ShapeError
from framework.ir.intervals import high, independent, limits, low
from framework.ir.terms import (
    ONE,
    Atom,
    AtomTable,
    Bound,
    Monomial,
    Terms,
    add_into,
    check_growth,
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
    """``floor(n/d)`` for a number d > 0."""
    if may_cancel(n):  # as ``H - 3*floor(H/3)``, before residues hide it
        known = one_step(n, d)
        if known is not None:
            return constant(known)
    return Reduction(n, d).result(table)


def may_cancel(n: Terms) -> bool:
    """Whether terms with floors or maxima may be bounded though their parts are not."""
    if not any(m and m[0].rank for m in n):
        return False
    signs = {c > 0 for m, c in n.items() if m}
    return len(signs) > 1 or all(atom.high < inf for m in n for atom in m)


class Reduction:
    """Brings ``floor(n/d)`` to canonical form; ``out + sign*floor(n/d)`` never changes."""

    def __init__(self, n: Terms, d: int) -> None:
        self.out: Terms = {}
        self.sign, self.n, self.d = 1, n, d
        if n and n[leading(n)] < 0:  # floor(-x/d) = -ceil(x/d), also where the residue is d/2
            self.mirror()

    def result(self, table: AtomTable) -> Terms:
        """The canonical form: an atom whose coefficients lie in [0, d), and what left it."""
        while self.step():
            pass
        if value_of(self.n) is None:
            inner = next(filter(None, (opened(m, c) for m, c in sorted(self.n.items()))), None)
            if inner is None:
                last = settled(table, self.n, self.d)
            else:
                last = unfolded(table, self.n, constant(self.d), inner)
            add_into(self.out, last, self.sign)
        check_growth(self.out)
        return self.out

    def step(self) -> bool:
        """Apply one rule; False when none applies."""
        self.merge(-1)  # first, because for d = 2 residues hide the sign
        whole, self.n = split_multiples(self.n, self.d)
        add_into(self.out, whole, self.sign)
        if value_of(self.n) is not None:
            return False  # 0 <= n < d
        return self.merge(1, self.d - 1) or self.reduce() or self.turn()

    def mirror(self) -> None:
        """``floor(n/d) = -1 - floor((-n-1)/d)``."""
        add_into(self.out, constant(-1), self.sign)
        self.n, self.sign = mirrored(self.n), -self.sign

    def turn(self) -> bool:
        """Mirror where that makes the leading residue smaller."""
        large = 2 * self.n[leading(self.n)] > self.d
        if large:
            self.mirror()
        return large

    def reduce(self) -> bool:
        """Cancel a common factor: ``floor((g*x + c)/(g*e)) = floor((x + floor(c/g))/e)``."""
        shared = gcd(self.d, *(c for m, c in self.n.items() if m))
        if shared > 1:
            self.n, self.d = reduced(self.n, shared), self.d // shared
        return shared > 1

    def merge(self, *coefficients: int) -> bool:
        """Open a floor inside: ``floor((floor(x/e) + k)/d) = floor((x + e*k)/(e*d))``.

        With coefficient -1, ``-floor(x/e) = floor((-x + e - 1)/e)`` comes first, and with d - 1,
        which is -1 as well, ``d*floor(x/e)`` leaves before.
        """
        inner = mergeable(self.n, coefficients)
        if inner is None:
            return False
        x, divisor = inner.inner
        e, c = divisor[ONE], self.n[(inner,)]
        if c > 1:
            add_into(self.out, single(inner), self.sign)
        rest = {m: k for m, k in self.n.items() if m != (inner,)}
        above = x if c == 1 else plus(constant(e - 1), x, -1)
        self.n, self.d = plus(above, rest, e), e * self.d
        return True


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


def mergeable(n: Terms, coefficients: tuple[int, ...]) -> Atom | None:
    """A floor by a number that stands alone in ``n`` with one of the coefficients."""
    found = (
        m[0] for m, c in n.items() if c in coefficients and len(m) == 1 and m[0].kind == "floor"
    )
    return min((a for a in found if value_of(a.inner[1]) is not None), default=None)


def one_step(n: Terms, d: int) -> int | None:
    """The value of ``floor(n/d)``, if the bounds of n leave only one."""
    least, most = limits(n)
    if isinstance(least, int) and isinstance(most, int) and least // d == most // d:
        return least // d
    return None


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
    halves = [m for m in terms if len(m) == 1 and m[0].kind == "floor"]
    for monomial in halves:
        atom, c = monomial[0], terms[monomial]
        if value_of(atom.inner[1]) != 2 or ONE in atom.inner[0]:
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
    upper = {m: 1 for m, c in n.items() if m and 2 * c >= d}
    if not upper or len(n) < 2 or independent(n):
        return None
    step = one_step(plus(n, upper, -d), d)
    return None if step is None else plus(upper, constant(step))


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
    inner = next(filter(None, (opened(m, c) for m, c in sorted(a.items()))), None)
    if inner is not None:
        return plus(out, unfolded(table, a, b, inner))
    return plus(out, proper_quotient(table, a, b))


def proper_quotient(table: AtomTable, a: Terms, b: Terms) -> Terms:
    """``floor(a/b)``, b > 0, where nothing is left to take out: 0, -1 or an atom."""
    if low(a) >= 0 and low(plus(b, a, -1)) > 0:
        return {}
    if high(a) < 0 and low(plus(a, b)) >= 0:
        return constant(-1)
    if a[leading(a)] < 0:
        return plus(constant(-1), by_polynomial(table, mirrored(a), b), -1)
    return floor_atom(table, a, b)


def opened(monomial: Monomial, coefficient: int) -> Atom | None:
    """The floor that a term is, if its divisor is known to be positive."""
    if coefficient != 1 or len(monomial) != 1 or monomial[0].kind != "floor":
        return None
    return monomial[0] if low(monomial[0].inner[1]) > 0 else None


def unfolded(table: AtomTable, a: Terms, b: Terms, inner: Atom) -> Terms:
    """``floor((floor(x/y) + k)/b) = floor((x + y*k)/(y*b))`` for y, b > 0."""
    x, y = inner.inner
    rest = {m: c for m, c in a.items() if m != (inner,)}
    return floor_quotient(table, plus(x, times(rest, y)), times(y, b))


def split_monomials(a: Terms, b: Terms) -> tuple[Terms, Terms]:
    """Quotient and remainder of every term of ``a`` by the only term of ``b``."""
    ((divisor, k),) = b.items()
    side = 1 if k > 0 else -1  # rests are never negative, also where the divisor is -k*x, x < 0
    whole: Terms = {}
    rest: Terms = {}
    for monomial, coefficient in a.items():
        shift = without(monomial, divisor)
        count, r = divmod(coefficient, abs(k)) if shift is not None else (0, coefficient)
        if count and shift is not None:
            whole[shift] = side * count
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
    if b[0] < 0:
        return -inf, inf
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
