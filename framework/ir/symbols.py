"""The table of symbols of one model: names with bounds, and the atoms made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from framework.errors import ShapeError
from framework.ir.sizes import Dim, Size
from framework.ir.terms import AtomTable, single, symbol_atom


@dataclass(frozen=True)
class Symbol:
    """A declared size; the bounds are multiples of ``multiple_of``, rounded inwards."""

    name: str
    minimum: int
    maximum: int | None
    multiple_of: int


class Symbols:
    """The symbols and interned atoms of one model, in order of declaration."""

    def __init__(self) -> None:
        self.atoms: AtomTable = {}
        self.records: dict[str, Symbol] = {}
        self.sizes: dict[str, Size] = {}
        self.found: set[str] = set()
        """Names of sizes that only the data decide, when the model runs."""

    def declare(
        self, name: str, *, minimum: int = 1, maximum: int | None = None, multiple_of: int = 1
    ) -> Size:
        """Declare a size; a plain int comes back where the bounds leave one value.

        Declaring the same again gives the same size; declaring otherwise is an error.
        """
        record = checked(name, minimum, maximum, multiple_of)
        if self.records.setdefault(name, record) != record:
            raise ShapeError(f"size {name} is declared twice: {self.records[name]} and {record}")
        if name not in self.sizes:
            low, m = record.minimum // multiple_of, multiple_of
            high = inf if record.maximum is None else record.maximum // multiple_of
            fixed = record.minimum == record.maximum
            atom = None if fixed else symbol_atom(self.atoms, name, low, high, m)
            self.sizes[name] = record.minimum if atom is None else Dim(self.atoms, single(atom, m))
        return self.sizes[name]

    def fresh(self, hint: str, *, minimum: int = 1, maximum: int | None = None) -> Size:
        """Declare a size under a new name: ``hint``, or ``hint_2`` and so on where it is taken."""
        base = identifier(hint)
        name, number = base, 1
        while name in self.records:
            number += 1
            name = f"{base}_{number}"
        return self.declare(name, minimum=minimum, maximum=maximum)

    def bounded(self, name: str, minimum: int, maximum: int | None) -> Size:
        """Declare a size that only the data decide; letters that no name may have become ``_``."""
        word = identifier(name)
        self.found.add(word)
        return self.declare(word, minimum=minimum, maximum=maximum)

    def __getitem__(self, name: str) -> Size:
        return self.sizes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.sizes

    def __iter__(self) -> Iterator[str]:
        return iter(self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def bounds_of(self, name: str) -> Symbol:
        """What is declared of a name, bounds rounded to multiples."""
        return self.records[name]


def identifier(hint: str) -> str:
    """The hint as a name for a size: ``nonzero.count`` becomes ``nonzero_count``."""
    word = re.sub(r"\W", "_", hint)
    return word if word.isidentifier() else f"size_{word}"


def checked(name: str, minimum: int, maximum: int | None, multiple_of: int) -> Symbol:
    """The declaration as a record, or a ShapeError that says what contradicts what."""
    if not name.isidentifier():
        raise ShapeError(f"{name!r} is no name for a size", hint="use letters, digits and _")
    if multiple_of < 1:
        raise ShapeError(f"size {name}: multiple_of is {multiple_of}, it must be at least 1")
    if minimum < 0:
        raise ShapeError(f"size {name}: min is {minimum}, a size is at least 0")
    low = -(-minimum // multiple_of) * multiple_of
    high = None if maximum is None else maximum // multiple_of * multiple_of
    if high is not None and high < low:
        reason = f" and multiple_of: {multiple_of}" if multiple_of > 1 else ""
        raise ShapeError(f"size {name}: nothing has min: {minimum}, max: {maximum}{reason}")
    return Symbol(name, low, high, multiple_of)
