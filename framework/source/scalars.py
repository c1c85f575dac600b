"""Plain YAML 1.2 scalars (core schema): which text is a number, a truth value, or nothing.

Differences from PyYAML, which follows YAML 1.1: ``no on y`` are text, ``1e-5`` is a number,
``1:30`` and ``2024-01-01`` are text, ``1_000`` is text, and ``010`` is refused.
Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import math
import re

from framework.errors import Mistake
from framework.limits import INTEGER_BITS

INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


class NumberMistake(Mistake):
    """A plain scalar that looks like a number and is none that everybody reads alike."""

    code = "number"


def resolve(text: str) -> str | int | float | bool | None:
    """What a plain scalar means; raises NumberMistake.

    >>> resolve("0x10"), resolve("1e-5"), resolve("no"), resolve("~")
    (16, 1e-05, 'no', None)
    """
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return integer(text)
    if OCTAL.fullmatch(text):
        return fitting(text, 8)
    if HEXADECIMAL.fullmatch(text):
        return fitting(text, 16)
    return real(text) if REAL.fullmatch(text) else text


def integer(text: str) -> int:
    """A decimal integer without leading zeros."""
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        fact = f"'{short(text)}' starts with 0: YAML readers disagree about it"
        raise NumberMistake(f"{fact} (octal, decimal or text)", hint="drop the zero or quote it")
    return fitting(text, 10)


def fitting(text: str, base: int) -> int:
    """The integer, which must fit in 64 bits; a long text is not even converted."""
    end = 1 << (INTEGER_BITS - 1)
    value = int(text, base) if len(text) <= 80 else end
    if not -end <= value < end:
        digits = sum(character.isalnum() for character in text)
        fact = f"the integer {short(text)} has {digits} digits and does not fit in"
        fact = f"{fact} {INTEGER_BITS} bits"
        raise NumberMistake(fact, hint="quote it if it is text")
    return value


def real(text: str) -> float:
    """A decimal number, which must neither overflow nor vanish in double precision."""
    value = float(text)
    if math.isinf(value):
        fact = f"{short(text)} is too large for double precision (1.8e308)"
        raise NumberMistake(fact, hint="write .inf for infinity")
    if value == 0 and re.match(r"[^eE]*[1-9]", text):
        fact = f"{short(text)} is too small for double precision (4.9e-324)"
        raise NumberMistake(fact, hint="write 0.0")
    return value


def short(text: str) -> str:
    """At most 40 characters of a text, for messages."""
    return text if len(text) <= 40 else f"{text[:30]}...{text[-7:]}"
