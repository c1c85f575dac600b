"""Symbolic sizes: arithmetic, printing, and comparison with three answers.

    sizes = Symbols()
    H = sizes.declare("H", multiple_of=2)
    str((H + 2 * 1 - 3) // 2 + 1)              "H/2"
    equal(2 * (H // 4), H // 2).fails_at       {"H": 2}

A size is a plain ``int`` wherever no symbol is left, so that a concrete model never meets a `Dim`.
Otherwise it is an integer polynomial over names, ``floor(a/b)`` and ``max(x, 0)`` in canonical
form. The layers below this face: `terms` (polynomials), `intervals` (bounds), `floors` (canonical
forms), `sizetext` (printing), `sizes`, `symbols`, `prove`, `witness`,
`hints`, `decide`.
"""

from __future__ import annotations

from framework.ir.decide import Verdict, at_least, divisible, equal, exact_quotient
from framework.ir.prove import Answer
from framework.ir.sizes import (
    Dim,
    Shape,
    Size,
    bounds,
    ceildiv,
    format_shape,
    maximum,
    minimum,
    product,
    substitute,
    symbols_of,
    total,
)
from framework.ir.symbols import Symbol, Symbols

__all__ = [
    "Answer",
    "Dim",
    "Shape",
    "Size",
    "Symbol",
    "Symbols",
    "Verdict",
    "at_least",
    "bounds",
    "ceildiv",
    "divisible",
    "equal",
    "exact_quotient",
    "format_shape",
    "maximum",
    "minimum",
    "product",
    "substitute",
    "symbols_of",
    "total",
]
