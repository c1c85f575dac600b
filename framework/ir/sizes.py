"""Sizes: a plain int, or a `Dim` where a symbol is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from framework.errors import ShapeError
from framework.ir import floors
from framework.ir.intervals import THOROUGH, limits
from framework.ir.rewrite import evaluated, rebuilt
from framework.ir.sizetext import render
from framework.ir.terms import (
    Atom,
    AtomTable,
    Terms,
    closure,
    constant,
    plus,
    scaled,
    times,
    value_of,
)
from framework.limits import SIZE_DEGREE


class Dim:
    """A size with at least one symbol in it; immutable, arithmetic as on Python's ints.

    >>> H = Symbols().declare("H")
    >>> (H + 2 * 1 - 3) // 2 + 1
    ceil(H/2)
    """

    __slots__ = ("_hash", "_limits", "_text", "table", "terms")

    def __init__(self, table: AtomTable, terms: Terms) -> None:
        self.table = table
        self.terms = terms
        self._hash: int | None = None
        self._text: str | None = None
        self._limits: tuple[int | None, int | None] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(f"whether {self} is zero depends on its symbols; use equal(size, 0)")

    def __str__(self) -> str:
        if self._text is None:
            self._text = render(self.terms)
        return self._text

    __repr__ = __str__

    def __copy__(self) -> Dim:
        return self

    def __deepcopy__(self, memo: object) -> Dim:
        return self

    def __add__(self, other: Size) -> Size:
        return combine(added, self, other)

    def __radd__(self, other: int) -> Size:
        return combine(added, self, other)

    def __sub__(self, other: Size) -> Size:
        return combine(minus, self, other)

    def __rsub__(self, other: int) -> Size:
        return combine(minus, other, self)

    def __neg__(self) -> Dim:
        return Dim(self.table, scaled(self.terms, -1))

    def __mul__(self, other: Size) -> Size:
        return combine(times, self, other)

    def __rmul__(self, other: int) -> Size:
        return combine(times, self, other)

    def __floordiv__(self, other: Size) -> Size:
        return with_table(floors.floor_quotient, self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return with_table(floors.floor_quotient, other, self)

    def __mod__(self, other: Size) -> Size:
        return with_table(floors.remainder, self, other)

    def __rmod__(self, other: int) -> Size:
        return with_table(floors.remainder, other, self)

    def __pow__(self, exponent: int) -> Size:
        if not isinstance(exponent, int) or not 0 <= exponent <= SIZE_DEGREE:
            raise ShapeError(f"{self} to the power {exponent}: 0 to {SIZE_DEGREE} is possible")
        out: Size = 1
        for _ in range(exponent):
            out = out * self
        return out

    @property
    def leaves(self) -> list[Atom]:
        """The symbols in it, in order of their text."""
        found = frozenset().union(*(atom.leaves for m in self.terms for atom in m))
        return sorted(found)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names in it, sorted."""
        return tuple(sorted({leaf.name for leaf in self.leaves}))

    def at(self, values: Mapping[str, Size]) -> Size:
        """The size with sizes in the place of names; names not given stay.

        Raises ShapeError for a value outside of what was declared, and for a division by zero.
        """
        images = {a: image(a, values[a.name]) for a in self.leaves if a.name in values}
        if not images:
            return self
        numbers = {a: n for a, t in images.items() if (n := value_of(t)) is not None}
        if len(numbers) == len(self.leaves):
            return self.number(numbers)
        tables = [v.table for a in images if isinstance(v := values[a.name], Dim)]
        table = tables[0] if tables else self.table
        left = [] if len(images) == len(self.leaves) else [self.table]
        if any(other is not table for other in [*tables, *left]):
            raise mixed(self, ", ".join(str(values[a.name]) for a in images))
        return lowered(table, rebuilt(table, self.terms, images))

    def number(self, sizes: dict[Atom, int]) -> int:
        """The value where every symbol is a number (divided by what it is a multiple of)."""
        found = evaluated(closure(self.terms), self.terms, sizes)
        if found is None:
            where = ", ".join(f"{a.name} = {k * a.scale}" for a, k in sizes.items())
            raise ShapeError(f"{self} divides by zero at {where}")
        return found


Size = int | Dim
Shape = tuple[Size, ...]


def lowered(table: AtomTable, terms: Terms) -> Size:
    """A plain int where no symbol is left, otherwise a Dim."""
    number = value_of(terms)
    return Dim(table, terms) if number is None else number


def terms_of(size: Size) -> Terms:
    """The polynomial of a size."""
    if isinstance(size, Dim):
        return size.terms
    if not isinstance(size, int):
        raise TypeError(f"a size is an int or a Dim, not {size!r}")
    return constant(size)


def added(a: Terms, b: Terms) -> Terms:
    """``a + b``."""
    return floors.halves_joined(plus(a, b))


def minus(a: Terms, b: Terms) -> Terms:
    """``a - b``."""
    return floors.halves_joined(plus(a, b, -1))


def mixed(a: object, b: object) -> ShapeError:
    """The error for sizes of two models in one expression."""
    return ShapeError(f"{a} and {b} belong to the sizes of different models")


def table_of(a: Size, b: Size) -> AtomTable:
    """The one table of two sizes."""
    if isinstance(a, Dim):
        if isinstance(b, Dim) and a.table is not b.table:
            raise mixed(a, b)
        return a.table
    return b.table if isinstance(b, Dim) else {}


def combine(rule: Callable[[Terms, Terms], Terms], a: Size, b: Size) -> Size:
    """A rule of polynomials on two sizes."""
    if not isinstance(a, int | Dim) or not isinstance(b, int | Dim):
        return NotImplemented
    return lowered(table_of(a, b), rule(terms_of(a), terms_of(b)))


def with_table(rule: Callable[[AtomTable, Terms, Terms], Terms], a: Size, b: Size) -> Size:
    """A rule that may make new atoms, on two sizes."""
    if not isinstance(a, int | Dim) or not isinstance(b, int | Dim):
        return NotImplemented
    table = table_of(a, b)
    return lowered(table, rule(table, terms_of(a), terms_of(b)))


def image(leaf: Atom, value: Size) -> Terms:
    """What stands for the symbol's share ``v`` (the size is ``scale*v``) when the size is given."""
    terms = terms_of(value)
    if any(c % leaf.scale for c in terms.values()):
        raise ShapeError(f"{leaf.name} = {value} is not a multiple of {leaf.scale}, as declared")
    share = {m: c // leaf.scale for m, c in terms.items()}
    least, most = limits(share, THOROUGH)
    if least < leaf.low:
        low = leaf.low * leaf.scale
        raise ShapeError(f"{leaf.name} = {value} may be below {low}, the declared minimum")
    if most > leaf.high:
        high = leaf.high * leaf.scale
        raise ShapeError(f"{leaf.name} = {value} may be above {high}, the declared maximum")
    return share


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """``size.at(values)``, also for an int."""
    return size.at(values) if isinstance(size, Dim) else size


def maximum(a: Size, b: Size) -> Size:
    """The larger of two sizes."""
    table = table_of(a, b)
    return lowered(table, floors.maximum_of(table, terms_of(a), terms_of(b)))


def minimum(a: Size, b: Size) -> Size:
    """The smaller of two sizes."""
    table = table_of(a, b)
    return lowered(table, floors.minimum_of(table, terms_of(a), terms_of(b)))


def ceildiv(a: Size, b: Size) -> Size:
    """``a/b`` rounded up; the sign of b does not matter."""
    return -(-a // b)


def product(sizes: Iterable[Size]) -> Size:
    """The product; 1 for none."""
    out: Size = 1
    for size in sizes:
        out = out * size
    return out


def total(sizes: Iterable[Size]) -> Size:
    """The sum; 0 for none."""
    out: Size = 0
    for size in sizes:
        out = out + size
    return out


def bounds(size: Size) -> tuple[int | None, int | None]:
    """Least and greatest value, as far as known; None is unbounded."""
    if isinstance(size, int):
        return size, size
    if size._limits is None:
        least, most = limits(size.terms, THOROUGH)
        size._limits = (
            least if isinstance(least, int) else None,
            most if isinstance(most, int) else None,
        )
    return size._limits


def symbols_of(*sizes: Size) -> tuple[str, ...]:
    """The names in any of the sizes, sorted."""
    return tuple(sorted({n for size in sizes if isinstance(size, Dim) for n in size.symbols}))


def format_shape(shape: Iterable[Size]) -> str:
    """A shape as text: ``[B, 64, ceil(H/2), ceil(W/2)]``."""
    return f"[{', '.join(map(str, shape))}]"
