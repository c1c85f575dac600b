"""Formulas inside operator signatures: ``c/groups``, ``2*h``, ``heads*width``.

Only names, whole numbers, ``+ - * /`` and brackets; ``/`` must divide exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from framework.ir.dims import Size

TOKEN = re.compile(r"\s*(?:(\d+)|([A-Za-z_]\w*)|([-+*/()]))")
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}

Divide = Callable[[Size, Size], Size]


@dataclass(frozen=True)
class Formula:
    """A formula in postfix order: numbers, names and operator signs.

    >>> Formula.parse("c/groups").steps
    ('c', 'groups', '/')
    """

    text: str
    steps: tuple[int | str, ...]

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> Formula:
        """Read a formula (shunting-yard); raises ValueError for a malformed one."""
        out: list[int | str] = []
        waiting: list[str] = []
        if not alternates(tokens(text)):
            raise ValueError(f"formula {text!r} is incomplete")
        for token in tokens(text):
            if isinstance(token, int) or token not in {*PRECEDENCE, "(", ")"}:
                out.append(token)
            elif token == "(":
                waiting.append(token)
            elif token == ")":
                _flush(out, waiting, 0)
                if not waiting:
                    raise ValueError(f"formula {text!r} closes a bracket that is not open")
                waiting.pop()
            else:
                _flush(out, waiting, PRECEDENCE[token])
                waiting.append(token)
        _flush(out, waiting, 0)
        if waiting:
            raise ValueError(f"formula {text!r} is incomplete")
        return Formula(text, tuple(out))

    @cached_property
    def name(self) -> str | None:
        """The name, where the formula is nothing but one."""
        first = self.steps[0]
        return first if len(self.steps) == 1 and isinstance(first, str) else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in the formula, in order of appearance."""
        named = (s for s in self.steps if isinstance(s, str) and s not in PRECEDENCE)
        return tuple(dict.fromkeys(named))

    def value(self, known: Mapping[str, Size], divide: Divide) -> Size:
        """Evaluate with ``known`` names; every ``/`` goes through ``divide``."""
        stack: list[Size] = []
        for step in self.steps:
            if isinstance(step, int):
                stack.append(step)
            elif step not in PRECEDENCE:
                stack.append(known[step])
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_apply(step, left, right, divide))
        return stack[0]


def _apply(sign: str, left: Size, right: Size, divide: Divide) -> Size:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else divide(left, right)


def alternates(found: list[int | str]) -> bool:
    """Do values and signs take turns, beginning and ending with a value?"""
    value_next = True
    for token in found:
        if (token in PRECEDENCE or token == ")") == value_next:
            return False
        value_next = token in PRECEDENCE or token == "("
    return not value_next


def tokens(text: str) -> list[int | str]:
    """Split a formula into numbers, names and signs."""
    out: list[int | str] = []
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"formula {text!r} has an unexpected character at {at}")
        out.append(int(found[1]) if found[1] else found[2] or found[3])
        at = found.end()
    return out


def _flush(out: list[int | str], waiting: list[str], precedence: int) -> None:
    """Move signs that bind at least as tightly as ``precedence`` to the output."""
    while waiting and waiting[-1] != "(" and PRECEDENCE[waiting[-1]] >= precedence:
        out.append(waiting.pop())
