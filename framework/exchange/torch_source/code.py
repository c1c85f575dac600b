"""Pieces of source text that are not final yet: which tensor, which number, which size.

A rule writes an f-string; what it inserts are marks.  `Marks.cut` turns the text into parts, in
which tensors get their variables and numbers that differ between copies of a block become
arguments of its class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Any

from framework.ir.dims import Size
from framework.ir.graph import Value

__all__ = [
    "MISSING",
    "REQUIRED",
    "Argument",
    "Code",
    "Device",
    "Extent",
    "Make",
    "Marks",
    "Member",
    "Number",
    "Part",
    "Raw",
    "Stored",
    "Tensor",
    "literal",
]

MARK = re.compile("\x02(\\d+)\x03")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A result of a step, or an input of the class."""

    value: Value


@dataclass(frozen=True, slots=True)
class Stored:
    """A weight by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A module by its path."""

    path: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number, word or tuple that may differ between copies; ``role`` is its name then."""

    value: Any
    role: str


@dataclass(frozen=True, slots=True)
class Extent:
    """A size, symbolic or not."""

    size: Size
    role: str


@dataclass(frozen=True, slots=True)
class Device:
    """The device of what the class is given."""


Part = str | Tensor | Stored | Member | Number | Extent | Device
Code = tuple[Part, ...]


class Marks:
    """Parts in the clothes of text."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def mark(self, part: Part) -> str:
        """A mark that stands for the part."""
        self.parts.append(part)
        return f"\x02{len(self.parts) - 1}\x03"

    def cut(self, text: str) -> Code:
        """The text with parts in the place of marks."""
        pieces = MARK.split(text)
        parts = (self.parts[int(p)] if i % 2 else p for i, p in enumerate(pieces))
        return tuple(part for part in parts if part != "")


@dataclass(frozen=True, slots=True)
class Raw:
    """An argument that is source text, such as ``torch.float64``."""

    text: str


REQUIRED = Raw("")
"""The default of an argument that has none."""

MISSING = Raw("?")
"""The value of an argument in a copy that does not make the thing at all."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a constructor; it is left out where it has its default."""

    name: str
    value: Any
    default: Any = REQUIRED

    @property
    def keyword(self) -> bool:
        """Is it written with its name?"""
        return self.default is not REQUIRED


@dataclass(frozen=True, slots=True)
class Make:
    """How an attribute of a class is made: ``before callee(arguments) after``.

    ``kind`` is module, parameter, buffer (stored), constant (a buffer that is not stored) or list
    (``items``; with ``count``, the second item stands for all but the first).  Arguments from
    number ``positional`` on are written with their names.
    """

    callee: str
    arguments: tuple[Argument, ...] = ()
    kind: str = "module"
    before: str = ""
    after: str = ""
    positional: int = 99
    items: tuple[Make, ...] = ()
    count: Any = None

    @property
    def plan(self) -> tuple[object, ...]:
        """What copies of one class have in common."""
        if self.kind == "list":
            alike = len(set(self.items[1:])) <= 1 and len({item.callee for item in self.items}) == 1
            return ("list", self.items[0].plan if alike else tuple(i.plan for i in self.items))
        names = tuple((a.name, a.keyword) for a in self.arguments)
        return (self.callee, self.kind, self.before, self.after, names)


def literal(value: Any) -> str:
    """A value as source text.

    >>> literal((3, (0, 1), "same"))
    '(3, (0, 1), "same")'
    """
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float) and (value != value or value in (inf, -inf)):
        return "torch.nan" if value != value else f"{'-' if value < 0 else ''}torch.inf"
    return repr(value)


def quoted(text: str) -> str:
    """A text in double quotes, everything unusual escaped."""
    inner = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{inner}"'
