"""A size as a person writes it: ``ceil(H/2)``, ``(H//16)*(W//16) + 1``, ``max(N, 5)``, ``H%8``.

The text is a Python expression of the same value (``/`` is exact, ``ceil`` rounds up). Floors and
relus are folded back into what they came from:

    q + floor(n/d)      = floor((n + d*q)/d)       where q uses the terms of n
    q - floor(n/d)      = ceil((d*q - n)/d)
    k*n - k*d*floor(n/d) = k*(n % d)
    y + k*relu(x - y)    = k*max(x, y)             where the terms of k*y are there
    x - k*relu(x - y)    = k*min(x, y)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd, lcm, prod
from typing import NamedTuple

from framework.ir.terms import (
    ONE,
    Atom,
    Monomial,
    Terms,
    add_into,
    closure,
    coefficient_of,
    constant,
    leading,
    plus,
    scaled,
    times,
    value_of,
)

SUM, FLOOR, QUOTIENT, PRODUCT, WORD = range(5)  # how tightly a text's outermost operator binds
DEEPEST_FOLD = 3
HEAVIEST = 1_500  # atoms of an expression that is still printed


class Text(NamedTuple):
    """A rendered expression and how tightly its outermost operator binds."""

    text: str
    binding: int

    def within(self, binding: int) -> str:
        """The text, in parentheses unless it binds at least that tightly."""
        return self.text if self.binding >= binding else f"({self.text})"


class Piece(NamedTuple):
    """One summand: ``coefficient * text``, the coefficient's sign being that of the summand."""

    coefficient: int
    text: Text
    degree: int


def render(terms: Terms) -> str:
    """The polynomial in readable form."""
    printer = Printer({})
    for atom in closure(terms):
        printer.known[atom] = printer.atom(atom)
    return printer.sum(terms, 0).text


@dataclass(frozen=True)
class Printer:
    """Texts of the atoms seen so far, innermost first, so that nothing recurses deeply."""

    known: dict[Atom, Text]

    def atom(self, atom: Atom) -> Text:
        """One atom by itself; an ellipsis where nobody would read it."""
        if atom.weight > HEAVIEST:
            return Text("…", WORD)
        if atom.kind == "symbol":
            return Text(atom.name, WORD)
        if atom.kind == "relu":
            return self.extreme("max", atom.inner[0], {}, 0)
        return self.quotient(atom.inner[0], atom.inner[1], 0)

    def quotient(self, numerator: Terms, divisor: Terms, depth: int) -> Text:
        """``floor(numerator/divisor)``, as ``ceil`` where its remainder is the full one."""
        d = value_of(divisor)
        if d is None:
            below = self.sum(divisor, depth + 1).within(WORD)
            return Text(f"{self.numerator(numerator, depth)}//{below}", FLOOR)
        if value_of(numerator) is None and numerator.get(ONE, 0) == d - 1:
            inside, d = self.whole(plus(numerator, constant(1 - d)), d)
            return Text(f"ceil({self.numerator(inside, depth)}/{d})", WORD)
        numerator, d = self.whole(numerator, d)
        return Text(f"{self.numerator(numerator, depth)}//{d}", FLOOR)

    def numerator(self, terms: Terms, depth: int) -> str:
        """What stands before a division: ``3*H`` bare, but ``(H//2)`` in parentheses."""
        return self.sum(terms, depth + 1).within(PRODUCT)

    def whole(self, numerator: Terms, d: int) -> tuple[Terms, int]:
        """Numerator and divisor, both times what makes the sizes in the numerator whole.

        For ``H = 16*v``, ``floor((v + 1)/3)`` is ``(H + 16)//48``.
        """
        shares = (share(m) // gcd(c, share(m)) for m, c in numerator.items())
        factor = reduce(lcm, shares, 1)
        return (scaled(numerator, factor), d * factor) if factor > 1 else (numerator, d)

    def extreme(self, name: str, a: Terms, b: Terms, depth: int) -> Text:
        """``max(a, b)`` or ``min(a, b)``; a number stands last."""
        sides = sorted((value_of(x) is not None, self.sum(x, depth + 1).text) for x in (a, b))
        return Text(f"{name}({sides[0][1]}, {sides[1][1]})", WORD)

    def sum(self, terms: Terms, depth: int) -> Text:
        """A polynomial, as a product plus a number where that is shorter."""
        plain = self.folded_sum(terms, depth)
        found = factored(terms) if depth < DEEPEST_FOLD else None
        if found is None:
            return plain
        a, b, left = found
        sides = sorted(self.sum(side, depth + 1).within(WORD) for side in (a, b))
        pieces = [Piece(1, Text("*".join(sides), PRODUCT), 2)]
        pieces += [self.monomial(ONE, left)] if left else []
        return min(plain, joined(pieces), key=lambda text: len(text.text))

    def folded_sum(self, terms: Terms, depth: int) -> Text:
        """Folded pieces and plain monomials, positive ones first."""
        rest = dict(terms)
        pieces: list[Piece] = []
        if depth < DEEPEST_FOLD:
            nested = {atom for m in terms for atom in m if atom.rank}
            for atom in sorted(nested, key=lambda atom: (-atom.rank, atom)):
                piece = self.folded(rest, atom, depth)
                if piece is not None:
                    pieces.append(piece)
        pieces += [self.monomial(m, c) for m, c in rest.items()]
        return joined(pieces)

    def folded(self, rest: Terms, atom: Atom, depth: int) -> Piece | None:
        """Fold an atom with summands that belong to it; they are taken out of ``rest``."""
        if atom.kind == "relu":
            return self.folded_relu(rest, atom, depth) if (atom,) in rest else None
        piece = self.folded_remainder(rest, atom, depth)
        if piece is not None or (atom,) not in rest:
            return piece
        rule = self.folded_ceiling if value_of(atom.inner[1]) is None else self.folded_floor
        return rule(rest, atom, depth)

    def folded_remainder(self, rest: Terms, atom: Atom, depth: int) -> Piece | None:
        """``k*n - k*d*floor(n/d) = k*(n % d)``; the constant of n need not be there."""
        numerator, divisor = atom.inner
        factor = coefficient_of(rest, atom)
        k = -factor.get(leading(divisor), 0) // divisor[leading(divisor)]
        if not k or factor != scaled(divisor, -k):
            return None
        if any(rest.get(m) != k * c for m, c in numerator.items() if m):
            return None
        d = value_of(divisor)
        for monomial in [m for m in rest if atom in m]:
            del rest[monomial]
        add_into(rest, numerator, -k)
        if d is None:
            over = self.sum(divisor, depth + 1).within(WORD)
            return Piece(k, Text(f"{self.numerator(numerator, depth)}%{over}", FLOOR), 1)
        if k < 0 and numerator.get(ONE, 0) == d - 1:  # -(n % d) = (-n-1) % d - (d-1)
            add_into(rest, constant(k * (d - 1)))
            numerator, k = scaled(plus(numerator, constant(1 - d)), 1 if d == 2 else -1), -k
        above, below = self.whole(numerator, d)
        text = Text(f"{self.numerator(above, depth)}%{below}", FLOOR)
        if k % (below // d) == 0:  # (f*n) % (f*d) = f*(n % d)
            return Piece(k * d // below, text, 1)
        return Piece(k, Text(f"({text.text})/{below // d}", QUOTIENT), 1)

    def folded_ceiling(self, rest: Terms, atom: Atom, depth: int) -> Piece | None:
        """``floor((n - 1)/b) + 1 = ceil(n/b)``."""
        (numerator, divisor), k = atom.inner, rest[(atom,)]
        if numerator.get(ONE) != -1 or not within(rest.get(ONE, 0), k):
            return None
        add_into(rest, {ONE: -k, (atom,): -k})
        above = self.numerator(plus(numerator, constant(1)), depth)
        below = self.sum(divisor, depth + 1).within(WORD)
        return Piece(k, Text(f"ceil({above}/{below})", WORD), 1)

    def folded_floor(self, rest: Terms, atom: Atom, depth: int) -> Piece | None:
        """``k*q + k*floor(n/d)`` as one division, for the q made of terms of n."""
        numerator, divisor = atom.inner
        k = rest[(atom,)]
        size = abs(k)
        own = {m: c for m, c in rest.items() if m and m in numerator}
        if not own or any(c % size for c in own.values()):
            return None
        d = divisor[ONE]
        up = {m: c // size * d for m, c in own.items()}
        inside = plus(up, numerator) if k > 0 else plus(plus(up, numerator, -1), constant(d - 1))
        for monomial in (*own, (atom,)):
            del rest[monomial]
        return Piece(size, self.quotient(inside, divisor, depth), 1)

    def folded_relu(self, rest: Terms, atom: Atom, depth: int) -> Piece | None:
        """``y + k*relu(z) = k*max(z + y/k, y/k)`` and ``y - k*relu(z) = k*min(y/k, y/k - z)``.

        For y, what cancels a term of z is taken from the other summands.
        """
        k, z = rest[(atom,)], atom.inner[0]
        size, side = abs(k), -1 if k > 0 else 1
        y: Terms = {}
        for monomial, c in z.items():
            have = rest.get(monomial, 0) * side
            if have * c > 0 and abs(have) >= size:
                y[monomial] = side * (min(have // size, c) if c > 0 else max(-(-have // size), c))
        if not y:
            return None
        add_into(rest, y, -size)
        del rest[(atom,)]
        return Piece(size, self.extreme("max" if k > 0 else "min", plus(y, z, -side), y, depth), 1)

    def monomial(self, monomial: Monomial, coefficient: int) -> Piece:
        """A plain summand; ``4*v`` of a size ``16*v`` reads ``H/4``."""
        if not monomial:
            return Piece(1 if coefficient > 0 else -1, Text(str(abs(coefficient)), WORD), 0)
        below = share(monomial)
        factor = gcd(coefficient, below)
        coefficient, below = coefficient // factor, below // factor
        if below == 1 and len(monomial) == 1:
            return Piece(coefficient, self.known[monomial[0]], 1)
        parts = [str(abs(coefficient))] if abs(coefficient) > 1 else []
        parts += sorted(self.powers(monomial))
        text = "*".join(parts) + (f"/{below}" if below > 1 else "")
        binding = QUOTIENT if below > 1 else PRODUCT
        return Piece(1 if coefficient > 0 else -1, Text(text, binding), len(monomial))

    def powers(self, monomial: Monomial) -> list[str]:
        """Factors as text, equal ones as powers."""
        counts: dict[Atom, int] = {}
        for atom in monomial:
            counts[atom] = counts.get(atom, 0) + 1
        texts = ((self.known[atom].within(WORD), n) for atom, n in counts.items())
        return [f"{text}**{n}" if n > 1 else text for text, n in texts]


def factored(terms: Terms) -> tuple[Terms, Terms, int] | None:
    """``(a, b, k)`` with ``terms = a*b + k``, where a and b have no symbol in common.

    Terms are a matrix: rows by the factors with a symbol s, columns by the others. It is a product
    when its rank is 1; the entry of the constant is free, because of k.
    """
    if len(terms) < 2:
        return None
    for leaf in sorted({leaf for m in terms for atom in m for leaf in atom.leaves}):
        found = rank_one(terms, leaf)
        if found is not None:
            return found
    return None


def rank_one(terms: Terms, leaf: Atom) -> tuple[Terms, Terms, int] | None:
    """The factors of ``terms - k``, the first one with ``leaf`` and the second one without."""
    row, column = {}, {}
    top = leading(terms)
    for monomial in terms:
        row[monomial] = tuple(a for a in monomial if leaf in a.leaves)
        column[monomial] = tuple(a for a in monomial if leaf not in a.leaves)
    if not row[top] or not column[top]:
        return None
    a = {row[m]: c for m, c in terms.items() if column[m] == column[top]}
    factor = gcd(*a.values())
    a = {m: c // factor for m, c in a.items()}
    if any(c % a[row[top]] for m, c in terms.items() if row[m] == row[top]):
        return None
    b = {column[m]: c // a[row[top]] for m, c in terms.items() if row[m] == row[top]}
    left = plus(terms, times(a, b), -1)
    number = value_of(left)
    return None if number is None or len(a) + len(b) < 3 else (a, b, number)


def share(monomial: Monomial) -> int:
    """The product of the declared multiples of the symbols in a monomial."""
    return prod(atom.scale for atom in monomial)


def within(available: int, wanted: int) -> bool:
    """Whether a coefficient can give away ``wanted`` without changing its sign."""
    return available >= wanted if wanted > 0 else available <= wanted


def joined(pieces: list[Piece]) -> Text:
    """The summands in order: positive before negative, higher degree first, then by text."""
    if not pieces:
        return Text("0", WORD)
    parts = []
    for k, text, degree in pieces:
        body = text if abs(k) == 1 else Text(f"{abs(k)}*{text.within(WORD)}", PRODUCT)
        parts.append((k < 0, -degree, body))
    parts.sort()
    negative, _, first = parts[0]
    if len(parts) == 1 and not negative:
        return first
    out = f"-{first.within(QUOTIENT)}" if negative else first.text  # -x//2 would be (-x)//2
    return Text(out + "".join(f" {'-' if k else '+'} {body.text}" for k, _, body in parts[1:]), SUM)
