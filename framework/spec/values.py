"""Attribute values: checked and parsed when the file is read, evaluated when it is built.

`read_value` turns YAML into a `Pending` by the attribute's kind; whatever needs no sizes is
checked at once, so that mistakes in blocks that nobody uses are found, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from framework.errors import Mistake, Place, did_you_mean
from framework.ir.attributes import PAD_WORDS, Kind
from framework.ir.dims import Dim
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.expressions import Expression, Mode, Value, parse

YES_NO = ("yes", "no", "on", "off", "y", "n")
LONGEST_WORD = 40


class Reported(Exception):
    """Something that this depends on is wrong and has been reported already."""


class PlacedMistake(Mistake):
    """A mistake whose place is known where it is found."""

    def __init__(self, place: Place, fact: str, **keywords: Any) -> None:
        super().__init__(fact, **keywords)
        self.place = place


@dataclass
class Scope:
    """Names that expressions may use; ``broken`` ones have been reported."""

    values: dict[str, Value] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def evaluate(self, expression: Expression, mode: Mode = "size") -> Value:
        """Value of an expression; raises `Reported` where it depends on a broken name."""
        if self.broken and not self.broken.isdisjoint(expression.names):
            raise Reported
        return expression.evaluate(self.values, mode=mode)

    def child(self, **values: Value) -> Scope:
        """The same names and some more."""
        return Scope({**self.values, **values}, set(self.broken))


class Pending(Protocol):
    """A value that waits for its scope."""

    @property
    def place(self) -> Place:
        """Where it stands."""

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in it."""

    def evaluate(self, scope: Scope) -> Any:
        """The value; raises a `Mistake` that has a place, or `Reported`."""


@dataclass(frozen=True)
class Constant:
    """A value that depends on nothing."""

    value: Any
    place: Place
    expressions: tuple[Expression, ...] = ()

    def evaluate(self, scope: Scope) -> Any:
        """The value itself."""
        return self.value


@dataclass(frozen=True)
class Computed:
    """A number or truth value given by an expression."""

    expression: Expression
    place: Place
    want: str

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The one expression."""
        return (self.expression,)

    def evaluate(self, scope: Scope) -> Any:
        """The number, of the wanted kind."""
        value = scope.evaluate(self.expression, "real" if self.want == "real" else "size")
        return checked(value, self.want, self.place, self.expression.text)


@dataclass(frozen=True)
class Word:
    """A word: literal, unless a text argument has that name."""

    text: str
    place: Place
    words: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()

    def evaluate(self, scope: Scope) -> str:
        """The word, or the text argument's value."""
        if self.text in scope.broken:
            raise Reported
        value = scope.values.get(self.text)
        text = value if isinstance(value, str) else self.text
        if self.words and text not in self.words:
            raise unknown_word(text, self.words, self.place)
        return text


@dataclass(frozen=True)
class Many:
    """A list of values."""

    items: tuple[Pending, ...]
    place: Place

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All expressions in the list."""
        return tuple(e for item in self.items for e in item.expressions)

    def evaluate(self, scope: Scope) -> tuple[Any, ...]:
        """The values as a tuple."""
        return tuple(item.evaluate(scope) for item in self.items)


def unknown_word(text: str, words: tuple[str, ...], place: Place) -> PlacedMistake:
    """``expected one of learned, sinusoidal``."""
    listed = ", ".join(words)
    return PlacedMistake(place, f"expected one of {listed}", hint=did_you_mean(text, words))


def checked(value: Any, want: str, place: Place, text: str) -> Any:
    """``value`` as the wanted kind of number: "bool", "int", "size" or "real"."""
    if want == "bool":
        if isinstance(value, bool):
            return value
        raise PlacedMistake(place, f"expected true or false, {worth(text, value)}")
    if isinstance(value, bool | str):
        raise PlacedMistake(place, f"expected a number, {worth(text, value)}")
    if isinstance(value, Dim):
        if want == "size":
            return value
        hint = f"{' and '.join(value.symbols)}: a symbolic size cannot be used here"
        kind = "number" if want == "real" else "whole number"
        raise PlacedMistake(place, f"expected a fixed {kind}, {worth(text, value)}", hint=hint)
    if want == "real":
        return float(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        raise PlacedMistake(place, f"expected a whole number, {worth(text, value)}")
    return value


def worth(text: str, value: Value) -> str:
    """``found 2.5``; ``'5/2' is 2.5`` where the user wrote an expression."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"found {shown}" if shown == text else f"'{text}' is {shown}"


# ---------------------------------------------------------------------------- reading


def read_value(node: YamlNode, kind: Kind, optional: bool = False) -> Pending:
    """Read an attribute's value by its kind; raises a `Mistake` that has a place."""
    if isinstance(node, Scalar):
        if node.broken:
            raise Reported
        if node.value is None and optional:
            return Constant(None, node.place)
        if node.value is None:
            raise PlacedMistake(node.place, f"expected a value ({kind}), found {described(node)}")
    return READERS[kind.name](node, kind)


def number(node: YamlNode, want: str) -> Pending:
    """A number or an expression."""
    if not isinstance(node, Scalar):
        what = "true or false" if want == "bool" else "a number or an expression"
        raise PlacedMistake(node.place, f"expected {what}, found {described(node)}")
    if node.broken:
        raise Reported
    if isinstance(node.value, str):
        if want == "bool":
            check_truth_word(node)
        return Computed(parse(node.value, node.place, quoted=not node.plain), node.place, want)
    if node.value is None:
        raise PlacedMistake(node.place, f"expected a number, found {described(node)}")
    return Constant(checked(node.value, want, node.place, node.raw), node.place)


def check_truth_word(node: Scalar) -> None:
    """``no`` is text in YAML 1.2, where many expect false."""
    if node.raw.lower() in YES_NO:
        raise PlacedMistake(
            node.place,
            "expected true or false",
            hint=f"'{node.raw}' is text in YAML 1.2; write true or false",
        )


def described(node: YamlNode) -> str:
    """What stands there, in words."""
    if not isinstance(node, Scalar):
        return "a list" if isinstance(node, ListNode) else "a mapping"
    if node.value is None:
        return f"'{node.raw}'" if node.raw else "nothing"
    text = node.raw if len(node.raw) <= LONGEST_WORD else f"{node.raw[:LONGEST_WORD]}…"
    return f"'{text}'"


def numbers(node: YamlNode, want: str, example: str) -> Many:
    """A list of numbers or expressions."""
    if not isinstance(node, ListNode):
        raise PlacedMistake(
            node.place, f"expected a list such as {example}, found {described(node)}"
        )
    for item in node:
        if isinstance(item, Scalar) and item.raw == "...":
            hint = "give every axis a size; ... is for the inputs of blocks"
            raise PlacedMistake(item.place, f"{item.raw} cannot stand here", hint=hint)
    return Many(tuple(number(item, want) for item in node), node.place)


def text(node: YamlNode, kind: Kind) -> Pending:
    """Text, or the name of a text argument."""
    if not isinstance(node, Scalar):
        raise PlacedMistake(node.place, f"expected text, found {described(node)}")
    if not isinstance(node.value, str):
        hint = f'quote it: "{node.raw}"'
        raise PlacedMistake(node.place, f"expected text, found {node.raw}", hint=hint)
    return Word(node.value, node.place)


def word(node: YamlNode, kind: Kind) -> Pending:
    """One of several words."""
    if not isinstance(node, Scalar):
        raise PlacedMistake(
            node.place, f"expected one of {', '.join(kind.words)}, found {described(node)}"
        )
    return Word(node.raw, node.place, kind.words)


def several(want: str) -> Callable[[YamlNode, Kind], Pending]:
    """A number, or a list of them."""

    def read(node: YamlNode, kind: Kind) -> Pending:
        if isinstance(node, ListNode):
            return numbers(node, want, "[3, 3]")
        return number(node, want)

    return read


def ints(node: YamlNode, kind: Kind) -> Pending:
    """A list of whole numbers; a single one stands for a list of one."""
    if isinstance(node, Scalar):
        return Many((number(node, "int"),), node.place)
    return numbers(node, "int", "[0, 2, 1]")


def pad(node: YamlNode, kind: Kind) -> Pending:
    """Padding: a word, a number, a list of numbers, or of [before, after]."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        if node.value in PAD_WORDS:
            return Constant(node.value, node.place)
        near = did_you_mean(node.value, PAD_WORDS)
        if near is not None and node.value.isidentifier():
            fact = f"'{node.value}' is no padding; expected a number or one of"
            raise PlacedMistake(node.place, f"{fact} {', '.join(PAD_WORDS)}", hint=near)
    if isinstance(node, ListNode) and any(isinstance(item, ListNode) for item in node):
        return pairs(node, kind)
    return several("int")(node, kind)


def pairs(node: YamlNode, kind: Kind) -> Pending:
    """A list of [before, after]."""
    if not isinstance(node, ListNode):
        raise PlacedMistake(
            node.place, f"expected a list such as [[0, 0], [1, 1]], found {described(node)}"
        )
    rows = tuple(numbers(item, "size", "[1, 1]") for item in node)
    for row in rows:
        if len(row.items) != 2:
            raise PlacedMistake(
                row.place, f"expected [before, after], found {len(row.items)} numbers"
            )
    return Many(rows, node.place)


def shape(node: YamlNode, kind: Kind) -> Pending:
    """A list of sizes."""
    return numbers(node, "size", "[B, 3, H, W]")


def values(node: YamlNode, kind: Kind) -> Pending:
    """A number, a truth value, or a nested list of them."""
    if isinstance(node, ListNode):
        return Many(tuple(values(item, kind) for item in node), node.place)
    if isinstance(node, Scalar) and isinstance(node.value, bool | int | float):
        return Constant(node.value, node.place)
    return number(node, "real")


def named(node: YamlNode, kind: Kind) -> Pending:
    """One entry of an open mapping: a whole number."""
    return number(node, "int")


READERS: dict[str, Callable[[YamlNode, Kind], Pending]] = {
    "int": lambda node, kind: number(node, "int"),
    "real": lambda node, kind: number(node, "real"),
    "bool": lambda node, kind: number(node, "bool"),
    "size": lambda node, kind: number(node, "size"),
    "text": text,
    "word": word,
    "shape": shape,
    "sizes": several("int"),
    "axes": several("int"),
    "reals": several("real"),
    "ints": ints,
    "pad": pad,
    "pads": pairs,
    "values": values,
    "named": named,
}


def plain(node: YamlNode) -> Any:
    """A YAML tree as plain Python data."""
    if isinstance(node, ListNode):
        return [plain(item) for item in node]
    if isinstance(node, MapNode):
        return {str(key.value): plain(item) for key, item in node.entries}
    return node.value
