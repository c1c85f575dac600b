"""An operator in a few words, for tables and messages."""

from __future__ import annotations

from typing import Any

from framework.ir.graph import Input
from framework.ir.op import Op

LONGEST = 40


def describe(op: Op) -> str:
    """The name, the main attribute, and what differs from the defaults.

    >>> from framework.ops.linear import Linear
    >>> describe(Linear(out=128, bias=False))
    'linear 128, bias false'
    """
    words = [op.name]
    for attribute in () if isinstance(op, Input) else op.attributes:
        value = getattr(op, attribute.name)
        if not attribute.required and value == attribute.default:
            continue
        if attribute.name == op.main:
            words[0] += f" {short(value)}"
        else:
            words.append(f"{attribute.name} {short(value)}")
    return ", ".join(words)


def short(value: Any) -> str:
    """A value as a model file spells it, cut where it is long."""
    text = spelled(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def spelled(value: Any) -> str:
    """A value as a model file spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(spelled, value))}]"
    return str(value)
