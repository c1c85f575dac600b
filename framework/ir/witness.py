"""Search for sizes at which a relation holds, and for sizes at which it fails.

Everything that is returned was evaluated in plain integers; where to look is only a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product
from math import inf, prod
from random import Random

from framework.ir.prove import Relation, Sizes, holds, leaves_of, periods
from framework.ir.rewrite import evaluated
from framework.ir.terms import ONE, Atom, Terms, closure

MOST_SAMPLES = 160
MOST_SECANTS = 24
MOST_POINTS = 2_000  # a domain with no more sizes is looked at completely
SPREADS = (2, 9, 0, 33, 0, 1_001, 65_537)  # 0: two periods of the symbol


class Witnesses:
    """The first size where the relation holds and the first where it fails."""

    def __init__(self, terms: Terms, relation: Relation) -> None:
        self.terms, self.relation = terms, relation
        self.atoms = closure(terms)
        self.leaves = leaves_of(terms)
        self.holds: Sizes | None = None
        self.fails: Sizes | None = None

    @property
    def both(self) -> bool:
        """Whether there is nothing left to look for."""
        return self.holds is not None and self.fails is not None

    def look(self, sizes: Sizes) -> int | None:
        """Evaluate at one size and keep it if it is the first of its kind."""
        value = evaluated(self.atoms, self.terms, sizes)
        if value is None:
            return None
        if holds(value, self.relation):
            self.holds = self.holds or sizes
        else:
            self.fails = self.fails or sizes
        return value

    def points(self) -> Iterator[Sizes] | None:
        """All sizes, where they are few; otherwise None."""
        widths = [leaf.high - leaf.low + 1 for leaf in self.leaves]
        if any(width == inf or width > MOST_POINTS for width in widths):
            return None
        if prod(int(width) for width in widths) > MOST_POINTS:
            return None
        return self.grid([range(int(a.low), int(a.high) + 1) for a in self.leaves])

    def grid(self, values: Sequence[Iterable[int]]) -> Iterator[Sizes]:
        """All combinations of values, one list per symbol."""
        for combination in product(*values):
            yield dict(zip(self.leaves, combination, strict=True))

    def sample(self, *, until_fails: bool = False) -> None:
        """Look at small sizes, sizes near the numbers in the formula, and spread ones."""
        secants = MOST_SECANTS
        for sizes in islice(self.guesses(), MOST_SAMPLES):
            value = self.look(sizes)
            if value is not None and secants > 0:
                secants -= 1
                self.follow(sizes, value)
            if self.both or (until_fails and self.fails is not None):
                return

    def follow(self, sizes: Sizes, value: int) -> None:
        """Go to where the line through two neighbouring values meets zero."""
        for leaf in self.leaves:
            near = evaluated(self.atoms, self.terms, sizes | {leaf: sizes[leaf] + 1})
            if near is None or near == value:
                continue
            zero = sizes[leaf] - value // (near - value)
            for place in (zero, zero + 1):
                if leaf.low <= place <= leaf.high:
                    self.look(sizes | {leaf: place})

    def guesses(self) -> Iterator[Sizes]:
        """Sizes worth a look, the smallest first."""
        lows = [int(leaf.low) for leaf in self.leaves]
        yield self.clipped(lows)
        critical = self.critical()
        for k, leaf in enumerate(self.leaves):
            for value in critical.get(leaf, ()):
                yield self.clipped([*lows[:k], value, *lows[k + 1 :]])
        repeats = periods(self.terms, self.atoms)
        yield self.clipped([-(-low // repeats[a]) * repeats[a] for a, low in self.paired(lows)])
        few = 4 if len(lows) < 3 else 2
        for sizes in islice(self.grid([range(low, low + few) for low in lows]), 32):
            yield self.clipped(list(sizes.values()))
        draw = Random(1)
        for k in range(MOST_SAMPLES):
            spread = SPREADS[k % len(SPREADS)]
            drawn = [low + draw.randrange(spread or 2 * repeats[a]) for a, low in self.paired(lows)]
            yield self.clipped(drawn)

    def clipped(self, values: Sequence[int]) -> Sizes:
        """The sizes, moved inside the bounds of their symbols."""
        return {a: int(min(max(v, a.low), a.high)) for a, v in self.paired(values)}

    def paired(self, values: Sequence[int]) -> Iterator[tuple[Atom, int]]:
        """Every symbol with its value."""
        return zip(self.leaves, values, strict=True)

    def critical(self) -> dict[Atom, list[int]]:
        """Where ``k*v + c`` changes its sign, for every linear part with one symbol."""
        out: dict[Atom, list[int]] = {}
        for terms in [self.terms, *(t for atom in self.atoms for t in atom.inner)]:
            number = terms.get(ONE, 0)
            for monomial, k in terms.items():
                if number and len(monomial) == 1 and not monomial[0].rank:
                    zero = -number // k
                    out.setdefault(monomial[0], []).extend((zero - 1, zero, zero + 1))
        return {leaf: values[:12] for leaf, values in out.items()}
