"""The small expression language: ``4*width``, ``H//16``, ``stride if i == 0 else 1``.

    parse(text, place) -> Expression        checks the syntax; needs no names
    expression.evaluate(scope, mode=...)    "size": whole numbers and sizes; "real": numbers

Length, depth and the size of numbers are limited; there is no attribute access and no eval.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from framework.errors import Mistake, Place, did_you_mean
from framework.ir.dims import Dim
from framework.spec.arithmetic import (
    Mode,
    Value,
    bounded,
    calculate,
    call,
    ceildiv,
    compare,
    is_whole,
    number,
    truth,
    whole,
)
from framework.spec.syntax import (
    ARGUMENTS,
    COMPARE,
    CONSTANTS,
    PRECEDENCE,
    RESERVED,
    Binary,
    Call,
    Choice,
    Name,
    Node,
    Number,
    Parser,
    Unary,
)
from framework.spec.tokens import ExpressionError, Written

__all__ = ["RESERVED", "Comparison", "Expression", "ExpressionError", "Mode", "Value", "parse"]

Scope = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of a comparison, and its sign; ``a % b == 0`` has the sign "divisible"."""

    left: Value
    sign: str
    right: Value


@dataclass(frozen=True)
class Expression:
    """A parsed expression; ``starts`` has each name with the offset of its first appearance."""

    written: Written = field(repr=False)
    root: Node = field(repr=False)
    starts: Mapping[str, int]

    @property
    def mentions(self) -> tuple[str, ...]:
        """The names in order of first appearance."""
        return tuple(self.starts)

    @property
    def text(self) -> str:
        """The text as the user wrote it."""
        return self.written.text

    @property
    def place(self) -> Place:
        """Place of the whole expression."""
        return self.written.place

    @property
    def names(self) -> frozenset[str]:
        """All names in it, constants and functions not counted."""
        return frozenset(self.mentions)

    @property
    def name(self) -> str | None:
        """The name, if the expression is nothing else."""
        return self.root.name if isinstance(self.root, Name) else None

    def __str__(self) -> str:
        return self.text

    def evaluate(self, scope: Scope, *, mode: Mode) -> Value:
        """The value, given those of the names; raises ExpressionError at the exact place.

        In mode "size" the result is an int, a Dim, a truth value or a text; in mode "real" no
        symbolic size may occur.
        """
        value = Evaluation(self.written, scope, mode).value(self.root)
        try:
            return whole(value) if mode == "size" else value
        except Mistake as mistake:
            raise self.written.placed(mistake, 0, len(self.text)) from None

    def unknown_names(self, known: Collection[str]) -> list[ExpressionError]:
        """An error for each name that is not ``known``, at its first place."""
        scope = dict.fromkeys(known, 0)
        evaluation = Evaluation(self.written, scope, "size")
        return [
            evaluation.unknown(Name(name, self.starts[name]))
            for name in self.mentions
            if name not in known
        ]

    def comparisons(self, scope: Scope) -> tuple[Comparison, ...] | None:
        """The comparisons of sizes that the expression joins by ``and``; None if it is else.

        For conditions that no single answer decides, such as ``H % 4 == 0`` in ``require``.
        """
        evaluation = Evaluation(self.written, scope, "size")
        found = []
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if not isinstance(node, Binary):
                return None
            if node.sign == "and":
                waiting += [node.right, node.left]
            elif PRECEDENCE[node.sign] == COMPARE:
                found.append(evaluation.comparison(node))
            else:
                return None
        return tuple(found)


def parse(text: str, place: Place, *, quoted: bool = False) -> Expression:
    """Check the syntax of an expression; ``place`` is that of its scalar in the file.

    >>> parse("4*width", Place(Source("x", "4*width"), 1, 1)).mentions
    ('width',)
    """
    written = Written(text, place, quoted)
    parser = Parser(written)
    return Expression(written, parser.whole(), parser.names)


@dataclass(frozen=True)
class Evaluation:
    """One walk over a tree; its depth is limited by the parser."""

    written: Written
    scope: Scope
    mode: Mode

    def value(self, node: Node) -> Value:
        """The value of a part; gives bare facts the place of that part."""
        try:
            return self.compute(node)
        except ExpressionError:
            raise
        except Mistake as mistake:
            raise self.written.placed(mistake, node.start, node.width) from None

    def comparison(self, node: Binary) -> Comparison:
        """Both sides of a comparison; a remainder that must vanish speaks of divisibility."""
        right = self.value(node.right)
        part = node.left
        if node.sign == "==" and right == 0 and isinstance(part, Binary) and part.sign == "%":
            return Comparison(self.value(part.left), "divisible", self.value(part.right))
        return Comparison(self.value(node.left), node.sign, right)

    def compute(self, node: Node) -> Value:
        """The value of a part by its kind."""
        match node:
            case Number():
                return self.constant(node)
            case Name():
                return self.look_up(node)
            case Unary():
                return self.unary(node)
            case Binary():
                return self.binary(node)
            case Choice():
                return self.value(node.then if self.condition(node.condition) else node.other)
            case Call("ceil" | "floor", (Binary("/") as quotient,)):
                return self.rounded(node, quotient)
            case Call():
                values = [self.value(argument) for argument in node.arguments]
                return call(node.function, values, self.mode)

    def rounded(self, node: Call, quotient: Binary) -> Value:
        """``ceil(H/2)``, as sizes are printed: a quotient that need not come out even."""
        left, right = self.value(quotient.left), self.value(quotient.right)
        if not (is_whole(left) and is_whole(right) and right != 0):
            return call(node.function, [self.value(quotient)], self.mode)
        if node.function == "ceil":
            return ceildiv(number(left), number(right))
        return calculate("//", left, right, self.mode)

    def constant(self, node: Number) -> Value:
        """A number as written; a size is never infinite."""
        if self.mode == "size" and node.value == CONSTANTS["inf"]:
            raise Mistake("inf is not a size", hint="a real-valued attribute may be inf")
        return node.value

    def look_up(self, node: Name) -> Value:
        """The value of a name."""
        if node.name not in self.scope:
            raise self.unknown(node)
        value = self.scope[node.name]
        if isinstance(value, bool | str):
            return value
        if self.mode == "real" and isinstance(value, Dim):
            raise Mistake(
                f"'{node.name}' is the symbolic size {value}, and a number is wanted",
                hint="only sizes can depend on the dims",
            )
        return bounded(number(value), number(value))

    def unknown(self, node: Name) -> ExpressionError:
        """The error for a name that is not in scope."""
        known = f"names in scope: {', '.join(sorted(self.scope))}"
        if node.name in ARGUMENTS:
            hint = f"{node.name} is a function: write {node.name}(...)"
        else:
            near = did_you_mean(node.name, [*self.scope, *CONSTANTS])
            hint = near or (known if self.scope else "no names are in scope here")
        fact = f"unknown name '{node.name}'"
        error = self.written.error(fact, node.start, node.width, hint=hint, code="unknown-name")
        error.word = node.name
        return error

    def condition(self, node: Node) -> bool:
        """The value of a part that must be true or false."""
        value = self.value(node)
        try:
            return truth(value)
        except Mistake as mistake:
            raise self.written.placed(mistake, node.start, node.width) from None

    def unary(self, node: Unary) -> Value:
        """``not x``, ``-x``, ``+x``."""
        if node.sign == "not":
            return not self.condition(node.operand)
        value = number(self.value(node.operand))
        return -value if node.sign == "-" else value

    def binary(self, node: Binary) -> Value:
        """Arithmetic, a comparison, or a junction whose right side is read only if needed."""
        if node.sign in ("and", "or"):
            decided = self.condition(node.left) is (node.sign == "or")
            return node.sign == "or" if decided else self.condition(node.right)
        left, right = self.value(node.left), self.value(node.right)
        if PRECEDENCE[node.sign] == COMPARE:
            return compare(node.sign, left, right)
        return calculate(node.sign, left, right, self.mode)
