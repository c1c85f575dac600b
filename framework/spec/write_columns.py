"""Numbers of a block that differ between its uses: sizes of its inputs, or arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from framework.ir.dims import Dim, Size
from framework.spec.syntax import ARGUMENTS, RESERVED
from framework.spec.write_series import bracketed, equal
from framework.spec.write_values import Number, literal

MOST_RATIO = 64
COMMON = 0.6
"""Share of the uses that must agree on a number for it to be an argument's default."""

Column = Sequence[Number]
"""One number for each use of a block."""


@dataclass
class Columns:
    """The names in scope of a block's expressions, each with its value at every use.

    ``axes`` are sizes of the inputs; those in ``wide`` may stand for plain numbers, too (a
    number that happens to be the height of the picture says nothing).
    """

    axes: Mapping[str, Sequence[Size]]
    wide: Collection[str]
    taken: Collection[str]
    top: bool = False
    args: dict[str, list[Number]] = field(default_factory=dict)

    def text(self, column: Column, hint: str) -> str:
        """An expression for the numbers of a column; a new argument where nothing else fits."""
        first = column[0]
        constant = all(equal(value, first) for value in column)
        if constant and (self.top or not isinstance(first, Dim)):
            return literal(first)
        names = self.names(column, hint)
        found = known(names, column) or self.ratio(names, column, hint)
        if found is None:
            found = self.fresh(hint)
            self.args[found] = list(column)
        return found

    def names(self, column: Column, hint: str) -> dict[str, Sequence[Number]]:
        """The names that may stand for a column of this kind."""
        symbolic = any(isinstance(value, Dim) for value in column)
        kind = family(hint)
        args = {n: values for n, values in self.args.items() if symbolic or family(n) == kind}
        axes = {
            n: s for n, s in self.axes.items() if symbolic or (n in self.wide and kind == WIDTH)
        }
        return {**args, **axes}

    def ratio(self, names: Mapping[str, Sequence[Number]], column: Column, hint: str) -> str | None:
        """A whole multiple or part of a name's values."""
        if any(type(value) is not int or value < 0 for value in column):
            return None
        for name, values in names.items():
            related = family(hint) == WIDTH or (hint, bare(name)) == ("pad", "kernel")
            if related and all(type(value) is int and value > 0 for value in values):
                found = multiple(name, column, values)
                if found is not None:
                    return found
        return None

    def fresh(self, hint: str) -> str:
        """A name for a new argument."""
        base = HINTS.get(bare(hint), bare(hint))
        if base in RESERVED or base in ARGUMENTS or base == "i":
            base = "size"
        name, number = base, 1
        while name in self.args or name in self.axes or name in self.taken:
            number += 1
            name = f"{base}_{number}"
        return name

    def declared(self, name: str) -> str:
        """An argument as it is declared: its usual value, or its type."""
        values = self.args[name]
        texts = Counter(literal(v) for v in values if not isinstance(v, Dim))
        usual = max(texts, key=lambda text: texts[text]) if texts else ""
        if len(values) > 2 and texts[usual] >= COMMON * len(values):
            return usual
        return "real" if any(isinstance(value, float) for value in values) else "int"


WIDTH = "width"
FAMILIES = {
    **dict.fromkeys(("out", "width", "groups", "count", "size", "shape", "channels", "c"), WIDTH),
    **dict.fromkeys(("kernel", "pad", "dilation"), "window"),
}
"""Attributes whose numbers have to do with each other."""

HINTS = {"shape": "size", "sizes": "size", "output_size": "size"}
"""Names for arguments that fill one number of a list."""


def bare(name: str) -> str:
    """The name without the number that makes it unique."""
    return re.sub(r"_\d+$", "", name)


def family(name: str) -> str:
    """What a number is about."""
    word = bare(name)
    return FAMILIES.get(word, WIDTH if len(word) == 1 else word)


def known(names: Mapping[str, Sequence[Number]], column: Column) -> str | None:
    """A name with the same values."""
    for name, values in names.items():
        if all(equal(a, b) for a, b in zip(column, values, strict=True)):
            return name
    return None


def multiple(name: str, column: Column, values: Column) -> str | None:
    """``4*name``, ``name//4``, where that is right at every use."""
    a, b = column[0], values[0]
    if not isinstance(a, int) or not isinstance(b, int):
        return None
    up, down = a // b, b // max(a, 1)
    if a == 0 < b:  # a pad of 0 beside a kernel of 1
        down = 2
    pairs = list(zip(column, values, strict=True))
    if 1 < up <= MOST_RATIO and all(equal(x, y * up) for x, y in pairs):
        return f"{up}*{bracketed(name)}"
    if 1 < down <= MOST_RATIO and all(equal(x, y // down) for x, y in pairs):
        return f"{bracketed(name)}//{down}"
    return None
