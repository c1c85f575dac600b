"""Constants of one element become `scale`, `square` and `sqrt`; products are taken apart."""

from __future__ import annotations

from framework.ir.graph import Value
from framework.passes.recognise.work import Piece, Work

POWERS = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}


def scalars(work: Work, piece: Piece) -> bool:
    """Arithmetic with one constant number."""
    match piece.op.name:
        case "mul" | "add" | "sub" | "div" | "pow":
            return arithmetic(work, piece)
        case "neg":
            return scaled(work, piece, piece.wires["x"], -1.0, 0.0)
        case "scale":
            return merged(work, piece)
    return False


def arithmetic(work: Work, piece: Piece) -> bool:
    """``x*c``, ``x + c``, ``x - c``, ``c - x``, ``x/c``, ``x**c``."""
    operands = tuple(piece.reads)
    if len(operands) != 2 or not piece.outputs[0].dtype.startswith("float"):
        return False
    left, right = (work.number(value) for value in operands)
    if (left is None) == (right is None):
        return False
    x, number = (operands[0], right) if left is None else (operands[1], left)
    if number is None or work.type_of(x).rank < piece.outputs[0].rank:
        return False
    line = line_with(piece.op.name, number, left is None)
    if line is not None:
        return scaled(work, piece, x, *line)
    power = power_with(piece.op.name, number, left is None)
    if power is None:
        return False
    return work.replace(Value(piece.name), work.add(power, {"x": x}, piece))


def line_with(name: str, number: float, last: bool) -> tuple[float, float] | None:
    """``by`` and ``shift`` of an operator with a number, which is its last operand or its first."""
    match name:
        case "mul":
            return number, 0.0
        case "add":
            return 1.0, number
        case "sub":
            return (1.0, -number) if last else (-1.0, number)
        case "div" if last and number != 0:
            return 1 / number, 0.0
    return None


def power_with(name: str, number: float, last: bool) -> str | None:
    """The operator that a power with a constant exponent is; a quotient 1/x is one, too."""
    if name == "pow":
        return POWERS.get(number) if last else None
    return "reciprocal" if name == "div" and number == 1.0 else None


def scaled(work: Work, piece: Piece, x: Value | tuple[Value, ...], by: float, shift: float) -> bool:
    """``by*x + shift`` as one node."""
    if isinstance(x, tuple):
        return False
    return work.replace(
        Value(piece.name), work.add("scale", {"x": x}, piece, attributes={"by": by, "shift": shift})
    )


def merged(work: Work, piece: Piece) -> bool:
    """A scale of a scale."""
    before = work.maker(next(piece.reads), "scale")
    if before is None or not work.sole(Value(before.name)):
        return False
    by, shift = piece.op.values["by"], piece.op.values["shift"]
    inner = before.op.values
    x = before.wires["x"]
    return scaled(work, piece, x, by * inner["by"], by * inner["shift"] + shift)


def line_of(work: Work, value: Value) -> tuple[float, float, Value]:
    """``by, shift, x`` with value = by*x + shift."""
    piece = work.maker(value, "scale")
    if piece is None:
        return 1.0, 0.0, value
    return piece.op.values["by"], piece.op.values["shift"], next(piece.reads)


def factors_of(work: Work, value: Value) -> tuple[float, list[Value]]:
    """A number and the values whose product this is; squares are two factors."""
    number, found, waiting = 1.0, list[Value](), [value]
    while waiting:
        current = waiting.pop()
        by, shift, inner = line_of(work, current)
        if shift != 0:
            found.append(current)
            continue
        number *= by
        piece = work.maker(inner, "mul", "square")
        if piece is None or (inner != value and not work.sole(inner)):
            found.append(inner)
        elif piece.op.name == "square":
            waiting += [next(piece.reads)] * 2
        else:
            waiting += reversed(list(piece.reads))
    return number, found
