"""What to declare so that an undecided relation holds at every legal size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice, product
from math import inf, isqrt, lcm

from framework.errors import ShapeError
from framework.ir.prove import (
    Answer,
    Part,
    Relation,
    Sizes,
    holds,
    leaves_of,
    periods,
    prove,
    restricted,
)
from framework.ir.rewrite import evaluated
from framework.ir.terms import Atom, Terms, closure, value_of
from framework.ir.witness import Witnesses

MOST_CANDIDATES = 64
MOST_WORK = 1_500  # candidates times atoms
MOST_ATOMS = 60
LARGEST_FACTOR = 4096
HIGHEST_MINIMUM = 1 << 40
MOST_FAILED_PROOFS = 4
PROBES = (0, 1, 2, 5, 1_000, 1_000_003)


def divisors(number: int) -> list[int]:
    """Divisors above 1, ascending; those with no factor up to a limit are left out."""
    small = [k for k in range(1, min(isqrt(number), LARGEST_FACTOR) + 1) if number % k == 0]
    return sorted({*small, *(number // k for k in small)} - {1})


def smallest_multiple(terms: Terms, relation: Relation) -> int | None:
    """The least m such that the relation always holds when every symbol is a multiple of m too.

    A floor repeats with its period p, so multiples of m behave as multiples of gcd(m, p): only
    divisors of the periods come into question, unless something changes at some size.
    """
    atoms = closure(terms)
    period = lcm(*(leaf.scale * p for leaf, p in periods(terms, atoms).items()))
    candidates = set(divisors(period)[:MOST_CANDIDATES])
    if period > 1 and any(turns(atom) for atom in atoms):
        candidates |= set(range(2, min(period, MOST_CANDIDATES) + 1))
    for m in sorted(candidates)[: MOST_WORK // len(atoms)]:
        pieces = {leaf: thinned(leaf, m) for leaf in leaves_of(terms)}
        empty = any(piece.low > piece.high for piece in pieces.values())
        if empty or all(piece.step == 1 for piece in pieces.values()):
            continue
        answer = answer_for(terms, relation, pieces)
        if answer is not Answer.SOMETIMES:  # unknown: whether m is enough, nobody can tell
            return m if answer is Answer.ALWAYS else None
    return None


def turns(atom: Atom) -> bool:
    """Whether an atom may behave otherwise from some size on: a maximum, or a size as divisor."""
    return atom.kind == "relu" or (atom.kind == "floor" and value_of(atom.inner[1]) is None)


def thinned(leaf: Atom, m: int) -> Part:
    """The symbol where its size is a multiple of m as well."""
    step = lcm(leaf.scale, m) // leaf.scale
    last = leaf.high if leaf.high == inf else int(leaf.high) // step
    return Part(step, 0, -(-int(leaf.low) // step), last)


def answer_for(terms: Terms, relation: Relation, pieces: dict[Atom, Part]) -> Answer:
    """ALWAYS, SOMETIMES (or never) or UNKNOWN where the symbols are restricted to these parts."""
    try:
        narrowed = restricted({}, terms, pieces)
        found = Witnesses(narrowed, relation)
        found.sample(until_fails=True)
        return Answer.SOMETIMES if found.fails is not None else prove(narrowed, relation).answer
    except ShapeError:  # a formula beyond the limits
        return Answer.UNKNOWN


def refuted(
    terms: Terms, relation: Relation, atoms: Iterable[Atom], values: dict[Atom, list[int]]
) -> bool:
    """Whether some combination of the values breaks the relation."""
    legal = [[v for v in some if leaf.low <= v <= leaf.high] for leaf, some in values.items()]
    for combination in islice(product(*legal), 64):
        sizes: Sizes = dict(zip(values, combination, strict=True))
        found = evaluated(atoms, terms, sizes)
        if found is not None and not holds(found, relation):
            return True
    return False


def smallest_minimum(terms: Terms) -> dict[str, int] | None:
    """The least minimum, of one symbol if that is enough, from which on ``terms >= 0``."""
    leaves = leaves_of(terms)
    if len(closure(terms)) > MOST_ATOMS:
        return None
    starts = ((leaf, least_start(terms, [leaf])) for leaf in leaves)
    singles = [(rounded(a, n) * a.scale, a.name) for a, n in starts if n is not None]
    if singles:
        least, name = min(singles)
        return {name: least}
    together = least_start(terms, leaves) if len(leaves) > 1 else None
    return None if together is None else {a.name: rounded(a, together) * a.scale for a in leaves}


def rounded(leaf: Atom, size: int) -> int:
    """The first legal share of a symbol whose size is at least ``size``."""
    return max(-(-size // leaf.scale), int(leaf.low))


def least_start(terms: Terms, group: list[Atom]) -> int | None:
    """The least size n such that ``terms >= 0`` wherever the symbols of the group are >= n.

    Raising n only removes sizes, so bisection finds it; that n - 1 is too low is verified.
    """
    search = Start(terms, group)
    low = min(int(leaf.low) * leaf.scale for leaf in group)
    last = min([*(leaf.high * leaf.scale for leaf in group), low + HIGHEST_MINIMUM])
    bad, step, good = low, 1, None
    while good is None:
        if bad >= last or search.failures > MOST_FAILED_PROOFS:
            return None
        next_one = int(min(low + step, last))
        if search.enough(next_one):
            good = next_one
        else:
            bad, step = next_one, 2 * step
    good = bisected(search.enough, bad, good)
    return good if search.too_low(good - 1) else None


def bisected(enough: Callable[[int], bool], bad: int, good: int) -> int:
    """The least number that is enough, between one that is not and one that is."""
    while good - bad > 1:
        middle = (good + bad) // 2
        bad, good = (bad, middle) if enough(middle) else (middle, good)
    return good


class Start:
    """Tests whether a minimum for a group of symbols is enough for ``terms >= 0``."""

    def __init__(self, terms: Terms, group: list[Atom]) -> None:
        self.terms, self.group = terms, group
        self.atoms = closure(terms)
        self.leaves = leaves_of(terms)
        self.failures = 0

    def too_low(self, size: int) -> bool:
        """Whether a size was found that fails although the group is at least that large."""
        values = {}
        for leaf in self.leaves:
            first = rounded(leaf, size) if leaf in self.group else int(leaf.low)
            values[leaf] = [first + k for k in PROBES]
        return refuted(self.terms, "nonnegative", self.atoms, values)

    def enough(self, size: int) -> bool:
        """Whether it is proved for every size from there on."""
        pieces = {leaf: Part(1, 0, rounded(leaf, size), leaf.high) for leaf in self.group}
        if any(piece.low > piece.high for piece in pieces.values()) or self.too_low(size):
            return False
        done = answer_for(self.terms, "nonnegative", pieces) is Answer.ALWAYS
        self.failures += not done
        return done
