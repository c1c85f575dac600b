"""Attributes taken apart: what makes an operator the same, and the numbers that may differ."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from framework.errors import Mistake
from framework.ir.attributes import Attribute
from framework.ir.dims import Dim, Size
from framework.ir.op import Op
from framework.source.scalars import NumberMistake, resolve

Number = Size | float

OPEN = frozenset(("int", "size", "sizes", "shape", "pad", "pads", "real", "reals", "named"))
"""Kinds of attribute whose numbers may be arguments of a block."""

FIXED = frozenset(("axis", "axes"))
"""Attributes whose numbers say what is done, not how large it is."""

PLAIN = re.compile(r"[A-Za-z_(][\w ./*+()%-]*")
LINE_PLAIN = re.compile(r"[A-Za-z0-9_(][\w ./*+()%<>=,;:'{}\[\]–-]*")
FLOW_PLAIN = re.compile(r"-?[A-Za-z_0-9.(][\w ./*+()%<>=-]*")
CEILING = re.compile(r"ceil\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)/(\w+|\([^()]*\))\)")
LONGEST_EXPRESSION = 190
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Hole:
    """The place of a number in an attribute; ``number`` counts them within one operator.

    An attribute whose text is ``default`` is left out.
    """

    number: int
    attribute: str
    real: bool
    default: str | None = None


Tree = Any
"""A value with holes: a Hole, a word, a truth value, None, or a tuple of these."""


@dataclass(frozen=True)
class Parts:
    """An operator's attributes that are not left at their defaults.

    ``key`` is equal for operators that differ in the ``numbers`` alone.
    """

    trees: tuple[tuple[str, Tree], ...]
    holes: tuple[Hole, ...]
    numbers: tuple[Number, ...]

    @property
    def key(self) -> object:
        """What must be equal for one text to stand for both."""
        return self.trees


class Taker:
    """Takes one operator's attributes apart."""

    def __init__(self, op: Op) -> None:
        self.holes: list[Hole] = []
        self.numbers: list[Number] = []
        self.trees: list[tuple[str, Tree]] = []
        for attribute in op.attributes:
            self.attribute(attribute, short(attribute, op))

    def attribute(self, attribute: Attribute, value: Any) -> None:
        """One attribute: left out, with holes, or as it is."""
        kind, name = attribute.kind.name, attribute.name
        real, default = kind in ("real", "reals"), number_text(attribute)
        usual = not attribute.required and same(value, attribute.default)
        if kind == "named":
            self.trees += ((key, self.hole(number, key, False, None)) for key, number in value)
        elif kind in OPEN and name not in FIXED and (default is not None or not usual):
            self.trees.append((name, self.tree(value, name, real, default)))
        elif mentions(value):
            self.trees.append((name, self.tree(value, name, real, None)))
        elif not usual:
            self.trees.append((name, marked(value)))

    def tree(self, value: Any, name: str, real: bool, default: str | None) -> Tree:
        """The value with holes for its numbers."""
        if isinstance(value, tuple):
            return tuple(self.tree(item, name, real, None) for item in value)
        if isinstance(value, bool) or not isinstance(value, int | float | Dim):
            return value
        return self.hole(value, name, real, default)

    def hole(self, value: Number, name: str, real: bool, default: str | None) -> Hole:
        """A new hole for a number."""
        self.holes.append(Hole(len(self.holes), name, real, default))
        self.numbers.append(float(value) if real and isinstance(value, int) else value)
        return self.holes[-1]


def taken_apart(op: Op) -> Parts:
    """The attributes of an operator with holes for its numbers."""
    taker = Taker(op)
    return Parts(tuple(taker.trees), tuple(taker.holes), tuple(taker.numbers))


def number_text(attribute: Attribute) -> str | None:
    """The default of an attribute, if it is a number."""
    default = attribute.default
    if attribute.required or isinstance(default, bool) or not isinstance(default, int | float):
        return None
    return literal(float(default) if attribute.kind.name in ("real", "reals") else default)


def marked(tree: Tree) -> Tree:
    """The tree, with whole numbers told apart from truth values and reals of the same value."""
    if isinstance(tree, tuple):
        return tuple(map(marked, tree))
    return Literal(literal(tree)) if isinstance(tree, int | float) else tree


@dataclass(frozen=True)
class Literal:
    """A number or truth value as it is written."""

    text: str


def mentions(value: Any) -> bool:
    """Is there a symbolic size in the value?"""
    return any(map(mentions, value)) if isinstance(value, tuple) else isinstance(value, Dim)


def same(value: Any, default: Any) -> bool:
    """Equal, and not merely as numbers: 1 is not true."""
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


# ------------------------------------------------------------------ the shortest equal value


def short(attribute: Attribute, op: Op) -> Any:
    """An attribute's value in its shortest form: 3 for (3, 3), 1 for ((1, 1), (1, 1))."""
    value = getattr(op, attribute.name)
    if attribute.name == "stride" and attribute.default is None and not attribute.required:
        kernel = uniform(getattr(op, "kernel", None))
        return None if uniform(value) == kernel else uniform(value)
    match attribute.kind.name:
        case "sizes" | "reals":
            return uniform(value)
        case "pad" if isinstance(value, tuple):
            return uniform(without_pairs(value))
        case "axes" if isinstance(value, tuple) and len(value) == 1:
            return value[0]
    return value


def without_pairs(pads: tuple[Any, ...]) -> tuple[Any, ...]:
    """One number for each axis where the pads before it and after it are all equal."""
    pairs = [item for item in pads if isinstance(item, tuple)]
    if len(pairs) == len(pads) and all(before == after for before, after in pairs):
        return tuple(before for before, _ in pairs)
    return pads


def uniform(value: Any) -> Any:
    """One number for a tuple of equal ones."""
    if isinstance(value, tuple) and value and not isinstance(value[0], tuple):
        return value[0] if all(item == value[0] for item in value) else value
    return value


# ------------------------------------------------------------------ text


def literal(value: Number) -> str:
    """A number as expressions and YAML both read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return real_text(value)
    text = rounded_up(str(value)) if isinstance(value, Dim) else str(value)
    if len(text) > LONGEST_EXPRESSION or "…" in text:
        raise Mistake(
            f"a size is too long to be written: {text[:60]}…",
            hint="import the model with fixed sizes",
        )
    return text


def rounded_up(text: str) -> str:
    """``ceil(H/2)`` of a message as ``ceildiv(H, 2)``, since a size has no fractions."""
    while (changed := CEILING.sub(r"ceildiv(\1, \2)", text)) != text:
        text = changed
    return text


def real_text(value: float) -> str:
    """A real number that reads back to the same bits."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if math.isnan(value):
        return ".nan"
    return re.sub(r"e([+-])0*(\d)", lambda e: f"e{e[1].strip('+')}{e[2]}", repr(value))


def scalar(text: str) -> str:
    """Text as a YAML scalar that stands inside ``{}`` or ``[]``: bare where that is safe."""
    return text if PLAIN.fullmatch(text) and reads_back(text) else quoted(text)


def line(text: str) -> str:
    """Text as a YAML scalar that has a line for itself: commas and brackets are safe there."""
    bare = LINE_PLAIN.fullmatch(text) and ": " not in text and " #" not in text
    return text if bare and text[-1] != ":" and reads_back(text) else quoted(text)


def expression(text: str) -> str:
    """An expression as a YAML scalar: bare unless a comma or a bracket is in the way."""
    return text if FLOW_PLAIN.fullmatch(text) and text[-1] != " " else quoted(text)


def reads_back(text: str) -> bool:
    """Does YAML read the bare text as text?"""
    try:
        return isinstance(resolve(text), str) and text == text.strip()
    except NumberMistake:
        return False


def quoted(text: str) -> str:
    """Text in double quotes."""
    return '"' + "".join(map(escaped, text)) + '"'


def escaped(character: str) -> str:
    """A character inside double quotes; what no editor shows is written as a number."""
    if character in ESCAPES:
        return ESCAPES[character]
    hidden = not character.isprintable() and character != " "
    return f"\\U{ord(character):08X}" if hidden else character


def attribute_texts(parts: Parts, fill: Callable[[Hole], str]) -> Iterator[tuple[str, str]]:
    """Name and text of each attribute, its holes filled with expressions; defaults left out."""
    for name, tree in parts.trees:
        if not isinstance(tree, Hole) or tree.default is None or fill(tree) != tree.default:
            yield name, tree_text(tree, fill)


def tree_text(tree: Tree, fill: Callable[[Hole], str]) -> str:
    """A value in YAML's flow style."""
    match tree:
        case tuple():
            return f"[{', '.join(tree_text(item, fill) for item in tree)}]"
        case Hole():
            return expression(fill(tree))
        case Literal():
            return tree.text
        case None:
            return "null"
    return scalar(str(tree))
