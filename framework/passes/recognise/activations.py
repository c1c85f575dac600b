"""Activations written out: GELU by erf and by tanh, SiLU, hard swish, mish."""

from __future__ import annotations

import math
from collections.abc import Sequence

from framework.ir.graph import Value
from framework.passes.recognise.scalars import factors_of, line_of
from framework.passes.recognise.work import Piece, Work

CLOSE = 1e-5
"""Relative error of a constant that was rounded to float32, or written with seven digits."""


def activations(work: Work, piece: Piece) -> bool:
    """The last product of an activation."""
    if piece.op.name not in ("mul", "scale"):
        return False
    result = Value(piece.name)
    number, factors = factors_of(work, result)
    for place, gate in enumerate(factors):
        rest = [*factors[:place], *factors[place + 1 :]]
        found = gated(work, number, gate, rest)
        if found is not None:
            name, attributes = found
            new = work.add(name, {"x": rest[0]}, piece, attributes=attributes)
            if work.replace(result, new, name):
                return True
    return False


def gated(
    work: Work, number: float, gate: Value, rest: Sequence[Value]
) -> tuple[str, dict[str, str]] | None:
    """The activation that ``number * gate * x`` is."""
    if len(rest) != 1:
        return None
    by, shift, inner = line_of(work, gate)
    piece, x = work.maker(inner), rest[0]
    if piece is None:
        return None
    match piece.op.name:
        case "erf" if half_sum(number, by, shift):
            return ("gelu", {}) if is_line(work, piece, x, math.sqrt(0.5)) else None
        case "tanh" if half_sum(number, by, shift):
            return ("gelu", {"approximate": "tanh"}) if is_cubic(work, piece, x) else None
        case "tanh" if plain(number, by, shift) and softplus_of(work, piece, x):
            return "mish", {}
        case "sigmoid" if plain(number, by, shift):
            return ("silu", {}) if next(piece.reads) == x else None
        case "hard_sigmoid" if plain(number, by, shift):
            return ("hard_swish", {}) if hard_gate(work, piece, x, 1.0) else None
        case "relu6" | "clip" if shift == 0:
            return ("hard_swish", {}) if hard_gate(work, piece, x, number * by) else None
    return None


def near(a: float, b: float) -> bool:
    """Equal but for the rounding of constants."""
    return math.isclose(a, b, rel_tol=CLOSE)


def plain(number: float, by: float, shift: float) -> bool:
    """Is the gate taken as it is?"""
    return near(number * by, 1.0) and shift == 0


def half_sum(number: float, by: float, shift: float) -> bool:
    """Is it half of (1 + gate)?"""
    return near(number * by, 0.5) and near(number * shift, 0.5)


def is_line(work: Work, piece: Piece, x: Value, by: float) -> bool:
    """Does the node read ``by*x``?"""
    found, shift, inner = line_of(work, next(piece.reads))
    return near(found, by) and shift == 0 and inner == x


def softplus_of(work: Work, piece: Piece, x: Value) -> bool:
    """Does the node read softplus(x)?"""
    inner = work.maker(next(piece.reads), "softplus")
    return inner is not None and next(inner.reads) == x


def hard_gate(work: Work, piece: Piece, x: Value, number: float) -> bool:
    """Is it number*relu6(x + 3), number being 1/6, or the hard sigmoid itself?"""
    if piece.op.name == "hard_sigmoid":
        values = piece.op.values
        good = near(values["alpha"], 1 / 6) and near(values["beta"], 0.5)
        return good and near(number, 1.0) and next(piece.reads) == x
    if piece.op.name == "clip" and (piece.op.values["min"], piece.op.values["max"]) != (0.0, 6.0):
        return False
    by, shift, inner = line_of(work, next(piece.reads))
    return near(number, 1 / 6) and by == 1 and shift == 3 and inner == x


def is_cubic(work: Work, piece: Piece, x: Value) -> bool:
    """Does tanh read sqrt(2/pi) * (x + 0.044715*x**3), multiplied out or not?"""
    root, cube = math.sqrt(2 / math.pi), 0.044715
    number, factors = factors_of(work, next(piece.reads))
    if not near(number, root):
        return False
    if len(factors) == 1:
        total = work.maker(factors[0], "add")
        terms = [] if total is None else [factors_of(work, value) for value in total.reads]
        terms.sort(key=lambda term: len(term[1]))
        if len(terms) != 2 or terms[0] != (1.0, [x]):
            return False
        return near(terms[1][0], cube) and is_power(work, terms[1][1], x)
    if len(factors) == 2 and x in factors:
        other = factors[1] if factors[0] == x else factors[0]
        by, shift, inner = line_of(work, other)
        return near(by, cube) and shift == 1 and factors_of(work, inner) == (1.0, [x, x])
    return False


def is_power(work: Work, factors: Sequence[Value], x: Value) -> bool:
    """Is the product x*x*x, perhaps as a power?"""
    if list(factors) == [x, x, x]:
        return True
    power = work.maker(factors[0], "pow") if len(factors) == 1 else None
    return power is not None and power.wires["a"] == x and work.number(port(power, "b")) == 3


def port(piece: Piece, name: str) -> Value | None:
    """The single value at a port."""
    found = piece.wires.get(name)
    return found if isinstance(found, Value) else None
