"""Symbolic sizes as ONNX nodes: Shape of an input, then whole arithmetic, each formula once.

Every size here is an int64 tensor with one axis and one element, so that several of them are
joined to a shape at once.  A size is a polynomial over symbols, floor(a/b) and max(x, 0); ONNX's
Div cuts towards zero, so floor(a/b) = (a - a mod b)/b where a may be negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

from framework.exchange.rules.registry import Refused
from framework.exchange.rules.sending import Sent
from framework.ir.dims import Dim, Size
from framework.ir.intervals import low
from framework.ir.sizes import lowered
from framework.ir.terms import (
    ONE,
    Atom,
    AtomTable,
    Monomial,
    Terms,
    constant,
    plus,
    single,
    value_of,
)

Add = Callable[..., Sent]
Key = frozenset[tuple[Monomial, int]]
HAS_START = 15
"""The opset from which Shape takes ``start`` and ``end``."""


class SizeNodes:
    """The sizes that are there already; ``add`` makes a node, ``ints`` a constant."""

    def __init__(
        self, add: Add, ints: Callable[[Sequence[int]], Sent], opset: int, atoms: AtomTable
    ) -> None:
        self.add = add
        self.ints = ints
        self.opset = opset
        self.atoms = atoms
        self.origins: dict[Key, tuple[Sent, int]] = {}
        self.symbols: dict[Atom, tuple[Terms, int, int]] = {}
        self.made: dict[Key, Sent] = {}
        self.shapes: dict[tuple[Size, ...], Sent] = {}

    # ------------------------------------------------------------------ where symbols come from

    def offer(self, tensor: Sent, axes: bool = True) -> None:
        """Symbols may be read off this tensor's shape; with ``axes`` whole formulas, too."""
        for axis, size in enumerate(tensor.shape):
            if not isinstance(size, Dim):
                continue
            atom = only_symbol(size.terms)
            if atom is not None and atom not in self.symbols:
                factor, rest = size.terms[(atom,)], size.terms.get(ONE, 0)
                self.symbols[atom] = (size.terms, factor, rest)
                self.origins.setdefault(key_of(size.terms), (tensor, axis))
            elif axes:
                self.origins.setdefault(key_of(size.terms), (tensor, axis))

    # ------------------------------------------------------------------ tensors

    def shape(self, sizes: Sequence[Size]) -> Sent:
        """Several sizes as one tensor."""
        key = tuple(sizes)
        if key not in self.shapes:
            numbers = [size for size in key if isinstance(size, int)]
            self.shapes[key] = self.ints(numbers) if len(numbers) == len(key) else self._joined(key)
        return self.shapes[key]

    def _joined(self, sizes: tuple[Size, ...]) -> Sent:
        parts = [
            self.ints(part) if isinstance(part, list) else self._terms(part.terms)
            for part in runs(sizes)
        ]
        if len(parts) == 1:
            return parts[0]
        joined = self.add("Concat", *parts, axis=0)
        joined.elements = sizes
        return joined

    def _terms(self, terms: Terms) -> Sent:
        """The value of a polynomial; what is inside of its atoms first, so nothing recurses."""
        for atom in self._missing(terms):
            self._keep(single(atom), self._atom(atom))
        if not self._is_there(terms):
            self._keep(terms, self._sum(terms))
        return self._found(terms)

    def _missing(self, terms: Terms) -> list[Atom]:
        """The atoms that have to be made for a polynomial, each after what is inside of it."""
        seen: set[Atom] = set()
        todo = [terms]
        while todo:
            part = todo.pop()
            for atom in () if self._is_there(part) else {a for m in part for a in m}:
                if atom not in seen and not self._is_there(single(atom)):
                    seen.add(atom)
                    todo.extend(atom.inner)
        return sorted(seen, key=lambda atom: (atom.rank, atom))

    def _is_there(self, terms: Terms) -> bool:
        key = key_of(terms)
        return key in self.made or key in self.origins or value_of(terms) is not None

    def _keep(self, terms: Terms, tensor: Sent) -> None:
        self.made[key_of(terms)] = tensor
        if tensor.elements is None:  # what it is called by
            tensor.elements = (lowered(self.atoms, terms),)

    def _found(self, terms: Terms) -> Sent:
        """What `_is_there`."""
        number = value_of(terms)
        if number is not None:
            return self.ints([number])
        key = key_of(terms)
        if key not in self.made:
            self.made[key] = self._axis(*self.origins[key])
        return self.made[key]

    def _axis(self, tensor: Sent, axis: int) -> Sent:
        """The size of one axis of a tensor."""
        if self.opset >= HAS_START:
            size = self.add("Shape", tensor, start=axis, end=axis + 1)
        else:
            size = self.add("Gather", self.add("Shape", tensor), self.ints([axis]), axis=0)
        size.elements = (tensor.shape[axis],)
        return size

    # ------------------------------------------------------------------ atoms

    def _atom(self, atom: Atom) -> Sent:
        if atom.kind == "symbol":
            return self._symbol(atom)
        if atom.kind == "relu":
            return self.add("Max", self._sum(atom.inner[0]), self.ints([0]))
        return self._floor(*atom.inner)

    def _symbol(self, atom: Atom) -> Sent:
        """The v of a size ``factor*v + rest``, which some axis has."""
        if atom not in self.symbols:
            hint = f"no input has this size; give it a number: --dims {atom.name}=..."
            raise Refused(f"the size {atom.name} is needed while the model runs", hint=hint)
        terms, factor, rest = self.symbols[atom]
        size = self._found(terms)
        if rest:
            size = self.add("Sub", size, self.ints([rest]))
        return self.add("Div", size, self.ints([factor])) if factor != 1 else size

    def _floor(self, above: Terms, below: Terms) -> Sent:
        a, b = self._sum(above), self._sum(below)
        if low(above) < 0 or low(below) <= 0:  # Mod has the sign of b, so a - a mod b divides
            a = self.add("Sub", a, self.add("Mod", a, b))
        return self.add("Div", a, b)

    # ------------------------------------------------------------------ sums and products

    def _sum(self, terms: Terms) -> Sent:
        """A polynomial of atoms that are there: positive summands, then negative ones off."""
        if self._is_there(terms):
            return self._found(terms)
        positive = {m: c for m, c in terms.items() if c > 0}
        negative = {m: -c for m, c in terms.items() if c < 0}
        first = [self._product(m, c) for m, c in ordered(positive)] or [self.ints([0])]
        total = reduce(lambda a, b: self.add("Add", a, b), first)
        for monomial, factor in ordered(negative):
            total = self.add("Sub", total, self._product(monomial, factor))
        return total

    def _product(self, monomial: Monomial, factor: int) -> Sent:
        """``factor`` times atoms; a symbol that is a multiple of n brings n from the factor."""
        key = {monomial: factor}
        if self._is_there(key):
            return self._found(key)
        parts: list[Sent] = []
        for atom in monomial:
            scaled = single(atom, atom.scale)
            whole = atom.scale > 1 and factor % atom.scale == 0 and self._is_there(scaled)
            parts.append(self._found(scaled if whole else single(atom)))
            factor = factor // atom.scale if whole else factor
        if factor != 1 or not parts:
            parts.append(self.ints([factor]))
        return reduce(lambda a, b: self.add("Mul", a, b), parts)


def key_of(terms: Terms) -> Key:
    """Equal for equal polynomials."""
    return frozenset(terms.items())


def only_symbol(terms: Terms) -> Atom | None:
    """The v of ``factor*v + rest``."""
    rest = plus(terms, constant(-terms.get(ONE, 0)))
    if len(rest) != 1:
        return None
    (monomial,) = rest
    return monomial[0] if len(monomial) == 1 and monomial[0].kind == "symbol" else None


def ordered(terms: Terms) -> list[tuple[Monomial, int]]:
    """The summands, constants last, so that equal models are written alike."""
    return sorted(terms.items(), key=lambda item: (not item[0], item[0]))


def runs(sizes: Sequence[Size]) -> Iterator[list[int] | Dim]:
    """Numbers in a row together, symbolic sizes one by one.

    >>> list(runs((2, 3, H, 4)))
    [[2, 3], H, [4]]
    """
    numbers: list[int] = []
    for size in sizes:
        if isinstance(size, int):
            numbers.append(size)
            continue
        if numbers:
            yield numbers
        numbers = []
        yield size
    if numbers:
        yield numbers
