"""What the signs and functions of expressions do to numbers and sizes; bare facts on failure.

Plain numbers follow Python's ``+ - * // % **``. Sizes are whole: ``/`` must come out even for
every size, and a comparison must have the same answer for every size.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal, TypeGuard

from framework.errors import Mistake
from framework.ir import dims
from framework.ir.conditions import Condition, witnesses
from framework.ir.dims import Dim, Size, Verdict
from framework.limits import LARGEST_EXPONENT, LARGEST_NUMBER

Mode = Literal["size", "real"]
Plain = int | float
Number = int | float | Dim
Value = int | float | bool | str | Dim

EXACT_FLOAT = 2**53  # every whole number up to here is a double

PLAIN: dict[str, Callable[[Plain, Plain], Plain]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
ORDER: dict[str, Callable[[Plain, Plain], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def describe(value: object) -> str:
    """A value as a message names it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text '{value}'"
    return f"the size {value}" if isinstance(value, Dim) else str(value)


def number(value: Value) -> Number:
    """The value, which must be a number or a size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Dim):
        raise Mistake(f"{describe(value)} is not a number")
    return value


def is_whole(value: Value) -> bool:
    """Is it a whole number or a size?"""
    return isinstance(value, int | Dim) and not isinstance(value, bool)


def truth(value: Value) -> bool:
    """The value, which must be true or false."""
    if not isinstance(value, bool):
        raise Mistake(f"a condition must be true or false, not {describe(value)}")
    return value


def bounded(result: Number, *operands: Number) -> Number:
    """The result unless it left the range that sizes and numbers have."""
    if isinstance(result, int) and abs(result) > LARGEST_NUMBER:
        raise Mistake("the result is larger than 10**18")
    if isinstance(result, float):
        if math.isnan(result):
            raise Mistake("the result is not a number")
        if math.isinf(result) and not any(is_infinite(operand) for operand in operands):
            raise Mistake("the result is too large for double precision (1.8e308)")
    return result


def is_infinite(value: Number) -> bool:
    """Is it plus or minus infinity?"""
    return isinstance(value, float) and math.isinf(value)


def all_plain(values: Sequence[Number]) -> TypeGuard[Sequence[Plain]]:
    """Is no symbolic size among them?"""
    return not any(isinstance(value, Dim) for value in values)


def sizes(*values: Number) -> Iterator[Size]:
    """The values, which must be whole because a symbolic size is among them."""
    for value in values:
        if isinstance(value, float):
            size = next(size for size in values if isinstance(size, Dim))
            hint = "sizes are whole numbers: use // or ceildiv"
            raise Mistake(f"the size {size} cannot be combined with {value}", hint=hint)
        yield value


def calculate(sign: str, left: Value, right: Value, mode: Mode) -> Number:
    """``left sign right`` for an arithmetic sign."""
    first, second = number(left), number(right)
    if sign in ("/", "//", "%") and second == 0:
        raise Mistake("division by zero")
    if sign == "**":
        check_exponent(second)
    if isinstance(first, Dim) or isinstance(second, Dim):
        return calculate_size(sign, *sizes(first, second))
    return calculate_plain(sign, first, second, mode)


def check_exponent(exponent: Number) -> None:
    """Exponents are small whole numbers, so that no power explodes."""
    if not isinstance(exponent, int) or not 0 <= exponent <= LARGEST_EXPONENT:
        raise Mistake(f"the exponent must be a whole number from 0 to {LARGEST_EXPONENT}")


def calculate_plain(sign: str, left: Plain, right: Plain, mode: Mode) -> Number:
    """Arithmetic on numbers; in a size, the quotient of whole numbers must be whole."""
    if sign == "/" and isinstance(left, int) and isinstance(right, int) and mode == "size":
        if left % right:
            raise Mistake(
                f"{left} / {right} is not a whole number",
                code="inexact",
                hint="use // to round down",
            )
        return left // right
    try:
        return bounded(PLAIN[sign](left, right), left, right)
    except OverflowError:
        raise Mistake("the result is too large for double precision (1.8e308)") from None


def calculate_size(sign: str, left: Size, right: Size) -> Number:
    """Arithmetic with a symbolic size in it."""
    if sign == "/":
        return exact_quotient(left, right)
    if sign == "**" and isinstance(right, int):
        return left**right
    size_operations: dict[str, Callable[[Size, Size], Size]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "//": operator.floordiv,
        "%": operator.mod,
    }
    return bounded(size_operations[sign](left, right))


def exact_quotient(left: Size, right: Size) -> Size:
    """``left / right`` if it is whole for every size."""
    quotient = dims.exact_quotient(left, right)
    if quotient is not None:
        return quotient
    verdict = dims.divisible(left, right)
    cure = Condition("divisible", left, right, "").cure(verdict)
    raise Mistake(
        f"{grouped(left)} / {grouped(right)} is not a whole number for every size",
        code="inexact",
        hint=f"use // to round down, or {cure or 'declare multiple_of for the dimension'}",
        notes=witnesses(verdict),
    )


def grouped(size: Size) -> str:
    """The text of a size, in brackets unless it is one word."""
    text = str(size)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def compare(sign: str, left: Value, right: Value) -> bool:
    """``left sign right`` for a comparison; equality alone for texts and truth values."""
    for kind in (bool, str):
        if isinstance(left, kind) and isinstance(right, kind) and sign in ("==", "!="):
            return (left == right) is (sign == "==")
    first, second = number(left), number(right)
    if isinstance(first, Dim) or isinstance(second, Dim):
        return compare_sizes(sign, *sizes(first, second))
    return ORDER[sign](first, second)


def compare_sizes(sign: str, left: Size, right: Size) -> bool:
    """The answer that holds for every size; code ``undecided`` if there is none."""
    if sign in ("==", "!="):
        condition = Condition("==", left, right, "")
    elif sign in (">=", "<"):
        condition = Condition("<=", right, left, "")
    else:
        condition = Condition("<=", left, right, "")
    verdict, negated = condition.verdict(), sign in ("!=", "<", ">")
    if not verdict.undecided:
        return verdict.always is not negated
    raise Mistake(
        f"cannot be decided for every size: {left} {sign} {right}",
        code="undecided",
        hint=condition.cure(verdict),
        notes=witnesses(opposite(verdict) if negated else verdict),
    )


def opposite(verdict: Verdict) -> Verdict:
    """The witnesses of the negated comparison."""
    return replace(verdict, holds_at=verdict.fails_at, fails_at=verdict.holds_at)


def call(function: str, values: Sequence[Value], mode: Mode) -> Number:
    """The result of a function whose number of arguments has been checked."""
    operands = [number(value) for value in values]
    if function == "sqrt":
        return square_root(operands[0], mode)
    if function == "ceildiv":
        return ceildiv(operands[0], operands[1])
    if function in ("ceil", "floor"):
        return rounded(function, operands[0])
    if all_plain(operands):
        return min(operands) if function == "min" else max(operands)
    return reduce(dims.minimum if function == "min" else dims.maximum, sizes(*operands))


def ceildiv(left: Number, right: Number) -> Number:
    """The quotient rounded up."""
    if right == 0:
        raise Mistake("division by zero")
    if isinstance(left, Dim) or isinstance(right, Dim):
        return dims.ceildiv(*sizes(left, right))
    return bounded(-(-left // right), left, right)


def rounded(function: str, value: Number) -> Number:
    """A number rounded up or down; whole numbers and sizes stay."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise Mistake(f"{function}({value}) is not a number")
    return bounded(math.ceil(value) if function == "ceil" else math.floor(value))


def square_root(value: Number, mode: Mode) -> Number:
    """The square root; whole for a perfect square, otherwise for real numbers only."""
    if isinstance(value, Dim):
        raise Mistake(f"sqrt({value}) of a symbolic size is not a size")
    if value < 0:
        raise Mistake(f"sqrt({value}): the number is negative")
    if isinstance(value, int):
        root = math.isqrt(value)
        if root * root == value:
            return root
    if mode == "size":
        raise Mistake(f"sqrt({value}) is not a whole number", code="inexact")
    return math.sqrt(value)


def whole(value: Value) -> Value:
    """The result of a size: a number must be whole, ``2.0`` counts as 2."""
    if not isinstance(value, float):
        return value
    if value.is_integer() and abs(value) <= EXACT_FLOAT:
        return int(value)
    hint = "round it with floor() or ceil()"
    raise Mistake(f"the result is {value:g}, not a whole number", code="inexact", hint=hint)
