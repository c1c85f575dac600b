"""The grammar of expressions: text to an immutable tree, checked without knowing any name.

Loosest first; all but ``**`` and the choice group to the left:

    choice     a if condition else b
    or  and  not
    compare    == != < <= > >=         (do not chain)
    sum        + -
    product    * / // %
    sign       -x  +x
    power      **                      (groups to the right: 2**3**2 = 2**9)
    atom       number  name  function(...)  ( ... )

A precedence climber: one level of nesting costs three frames, and nesting is limited.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from framework.errors import did_you_mean
from framework.limits import EXPRESSION_DEPTH
from framework.spec.tokens import ExpressionError, Token, Written, tokenize

COMPARE, SIGN = 4, 7
PRECEDENCE = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARE),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "//", "%"), 6),
    "**": 8,
}
NOT = 3
CONSTANTS: dict[str, bool | float] = {"true": True, "false": False, "inf": math.inf}
KEYWORDS = {"if", "else", "and", "or", "not"}
RESERVED = frozenset((*CONSTANTS, *KEYWORDS))
"""Words that expressions keep for themselves: no name can be one."""

ARGUMENTS: dict[str, tuple[int, int | None]] = {
    "min": (2, None),
    "max": (2, None),
    "ceil": (1, 1),
    "floor": (1, 1),
    "ceildiv": (2, 2),
    "sqrt": (1, 1),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number, ``true``, ``false`` or ``inf``."""

    value: int | float | bool
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name to be looked up."""

    name: str
    start: int

    @property
    def width(self) -> int:
        """Characters to underline."""
        return len(self.name)


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x``, ``+x`` or ``not x``."""

    sign: str
    operand: Node
    start: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, a comparison, ``and`` or ``or``; ``start`` is that of the sign."""

    sign: str
    left: Node
    right: Node
    start: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """``then if condition else other``."""

    then: Node
    condition: Node
    other: Node
    start: int
    width: int = 2


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Node, ...]
    start: int

    @property
    def width(self) -> int:
        """Characters to underline."""
        return len(self.function)


Node = Number | Name | Unary | Binary | Choice | Call


CUT = "a comma inside [ ] or { } starts a new entry: quote the expression"


class Parser:
    """Reads one expression; `names` fills up in order of first appearance."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.tokens = tokenize(written)
        self.position = 0
        self.depth = 0
        self.names: dict[str, int] = {}

    @property
    def next(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.position]

    def advance(self) -> Token:
        """Take the next token; the end stays."""
        token = self.next
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def error(self, fact: str, token: Token, hint: str | None = None) -> ExpressionError:
        """An error at a token, to be raised."""
        return self.written.error(fact, token.start, token.width, hint=hint)

    def whole(self) -> Node:
        """The whole text as one expression."""
        first = self.next
        if first.kind == "end":
            raise self.error("the expression is empty", first, "write a number or a name")
        node = self.choice()
        if self.next.kind != "end":
            raise self.unexpected(self.next)
        return node

    def unexpected(self, token: Token) -> ExpressionError:
        """A token that cannot stand here."""
        if token.kind == "end":
            return self.error("the expression ends too early", token)
        before = self.tokens[self.position - 1] if self.position else None
        hint = None
        if before and before.text == ")" and (token.kind != "sign" or token.text == "("):
            hint = "write * to multiply"
        elif token.text == "if":
            hint = "a choice is written: a if condition else b"
        return self.error(f"unexpected '{token.text}'", token, hint)

    def expect(self, text: str, hint: str) -> None:
        """Take a token that must stand here."""
        if self.next.text != text:
            raise self.error(f"expected '{text}'", self.next, hint)
        self.advance()

    def close(self) -> None:
        """Take the end of a bracket; a list in [ ] or { } ends its entries at every comma."""
        cut = self.next.kind == "end" and self.written.after == ","
        self.expect(")", CUT if cut else "a bracket is not closed")

    def choice(self) -> Node:
        """A choice, or anything that binds tighter."""
        then = self.binary(0)
        if self.next.text != "if":
            return then
        start = self.advance().start
        condition = self.binary(0)
        self.expect("else", "a choice is written: a if condition else b")
        self.enter()
        other = self.choice()
        self.depth -= 1
        return Choice(then, condition, other, start)

    def enter(self) -> None:
        """Count one level of nesting."""
        self.depth += 1
        if self.depth > EXPRESSION_DEPTH:
            raise self.error(
                f"the expression is nested deeper than {EXPRESSION_DEPTH} levels",
                self.next,
                "split it with let:",
            )

    def binary(self, lowest: int) -> Node:
        """Operands joined by signs that bind tighter than ``lowest``."""
        self.enter()
        left = self.prefix(lowest)
        while (level := PRECEDENCE.get(self.next.text, 0)) > lowest:
            sign = self.advance()
            # A power takes all that follows it, its own kind and a sign included.
            right = self.binary(SIGN - 1 if sign.text == "**" else level)
            left = Binary(sign.text, left, right, sign.start)
            if level == COMPARE and PRECEDENCE.get(self.next.text) == COMPARE:
                hint = "join two comparisons with and"
                raise self.error("comparisons cannot be chained", self.next, hint)
        self.depth -= 1
        return left

    def prefix(self, lowest: int) -> Node:
        """An operand with the signs before it."""
        token = self.next
        if token.text == "not" and lowest <= NOT:
            self.advance()
            return Unary("not", self.binary(NOT), token.start, 3)
        if token.text in ("-", "+"):
            self.advance()
            return Unary(token.text, self.binary(SIGN), token.start)
        return self.atom(token)

    def atom(self, token: Token) -> Node:
        """A number, a name, a call, or brackets."""
        if token.kind == "end" or token.text in KEYWORDS:
            raise self.unexpected(token)
        if token.text == "(":
            self.advance()
            inside = self.choice()
            self.close()
            return inside
        if token.kind == "sign":
            raise self.unexpected(token)
        self.advance()
        if token.kind == "number":
            value = int(token.text) if token.text.isdigit() else float(token.text)
            return Number(value, token.start, token.width)
        return self.call(token) if self.next.text == "(" else self.word(token)

    def word(self, token: Token) -> Node:
        """A constant or a name."""
        if token.text in CONSTANTS:
            return Number(CONSTANTS[token.text], token.start, token.width)
        self.names.setdefault(token.text, token.start)
        return Name(token.text, token.start)

    def call(self, token: Token) -> Node:
        """A function with arguments in brackets."""
        if token.text not in ARGUMENTS:
            known = f"functions: {', '.join(sorted(ARGUMENTS))}"
            hint = did_you_mean(token.text, ARGUMENTS) or known
            raise self.error(f"unknown function '{token.text}'", token, hint)
        self.advance()
        arguments = [self.choice()]
        while self.next.text == ",":
            self.advance()
            arguments.append(self.choice())
        self.close()
        self.check_count(token, len(arguments))
        return Call(token.text, tuple(arguments), token.start)

    def check_count(self, token: Token, given: int) -> None:
        """Hold a function to its number of arguments."""
        least, most = ARGUMENTS[token.text]
        if given < least or (most is not None and given > most):
            count = f"{least} argument{'s' if least > 1 else ''}"
            wanted = count if most is not None else f"at least {count}"
            raise self.error(f"{token.text} takes {wanted}, {given} given", token)
