"""What a block or model declares: arguments, names, dims, inputs, outputs, requirements."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from framework.errors import Mistake, did_you_mean
from framework.ir.types import DTYPES
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.document import (
    ARG_TYPES,
    Arg,
    DimSpec,
    InputSpec,
    Let,
    OutputSpec,
    Pattern,
    Reference,
)
from framework.spec.expressions import RESERVED, Expression, parse
from framework.spec.report import Report
from framework.spec.values import PlacedMistake, Reported, check_truth_word, described, number

INPUT_KEYS = ("shape", "dtype", "doc", "from")
OUTPUT_KEYS = ("node", "labels", "doc")
ARG_KEYS = ("type", "default", "doc")
DIM_KEYS = ("doc", "min", "max", "multiple_of", "example")

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REFERENCE = re.compile(r"([A-Za-z_]\w*)(?:\.(\w+))?")
LETTERS = "letters, digits and _, not starting with a digit"

T = TypeVar("T")


class PartReader:
    """Reads the declarations of one block; ``broken`` and ``lost`` are as in `Block`."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.broken: set[str] = set()
        self.lost: set[str] = set()
        self.damaged: set[str] = set()
        """Keys of which an entry could not be read."""

    def args(self, tree: YamlNode | None) -> tuple[Arg, ...]:
        """``args``: ``name: 3``, ``name: int``, ``name: {type: block, default: b}``."""
        return self.entries(tree, "args", "an argument", self.arg)

    def arg(self, key: Scalar, value: YamlNode) -> Arg:
        """One argument."""
        name = str(key.value)
        kind: Scalar | None = None
        default: YamlNode | None = value
        doc = None
        if isinstance(value, MapNode):
            entry = self.report.keys(value, ARG_KEYS, f"argument '{name}'")
            kind, default = arg_type(entry.get("type")), entry.get("default")
            doc = self.text(entry, "doc")
        elif isinstance(value, Scalar) and value.value in ARG_TYPES:
            kind, default = value, None
        if default is not None and not isinstance(default, Scalar):
            fact = f"the default of '{name}' must be a number or a word, not {described(default)}"
            raise PlacedMistake(default.place, fact)
        if default is not None and default.broken:
            raise Reported
        if default is not None and default.value is None:
            hint = f"write a default, or a type: {', '.join(ARG_TYPES)}"
            raise PlacedMistake(default.place, f"the argument '{name}' has no value", hint=hint)
        want = None if kind is None else kind.raw
        if want == "bool" and default is not None:
            check_truth_word(default)
        return Arg(name, want, default, default_expression(default, want), key.place, doc)

    def lets(self, tree: YamlNode | None) -> tuple[Let, ...]:
        """``let``: names for expressions."""
        return self.entries(tree, "let", "a value", let)

    def requirements(self, tree: YamlNode | None) -> tuple[Expression, ...]:
        """``require``: a list of conditions."""
        items = tree.items if isinstance(tree, ListNode) else (tree,) if tree is not None else ()
        found = (self.report.attempt(item.place, condition, item) for item in items)
        return tuple(expression for expression in found if expression is not None)

    def inputs(self, tree: YamlNode | None) -> tuple[InputSpec, ...]:
        """``inputs``: shapes, or mappings with dtype, doc and ``from``."""
        return self.entries(tree, "inputs", "an input", self.input)

    def input(self, key: Scalar, value: YamlNode) -> InputSpec:
        """One input."""
        name = str(key.value)
        if name == "prev":
            fact = f"'{name}' means the previous node; give the input another name"
            raise PlacedMistake(key.place, fact, code="id")
        if not isinstance(value, MapNode):
            return InputSpec(name, pattern(value), key.place)
        entry = self.report.keys(value, INPUT_KEYS, f"input '{name}'")
        shape, source = entry.get("shape"), entry.get("from")
        if shape is None:
            raise Mistake(f"input '{name}' has no shape", hint="write shape: [B, 3, H, W]")
        dtype = self.dtype(entry.get("dtype"))
        return InputSpec(name, pattern(shape), key.place, dtype, self.text(entry, "doc"), source)

    def dtype(self, value: YamlNode | None) -> str | None:
        """The dtype of an input, if one is given."""
        if value is None or (isinstance(value, Scalar) and value.value in DTYPES):
            return None if value is None else value.raw
        raw = value.raw if isinstance(value, Scalar) else described(value)
        hint = did_you_mean(raw, DTYPES) or f"dtypes: {', '.join(DTYPES)}"
        raise PlacedMistake(value.place, f"'{raw}' is no dtype", hint=hint)

    def outputs(self, tree: YamlNode | None) -> tuple[OutputSpec, ...]:
        """``outputs``: ``{name: node}`` or ``{name: {node, labels, doc}}``."""
        hint = "write e.g. outputs: {logits: head}"
        return self.entries(tree, "outputs", "an output", self.output, hint)

    def output(self, key: Scalar, value: YamlNode) -> OutputSpec:
        """One output; a mapping without ``node`` means the node of the same name."""
        name = str(key.value)
        if not isinstance(value, MapNode):
            return OutputSpec(name, reference(value))
        entry = self.report.keys(value, OUTPUT_KEYS, f"output '{name}'")
        node, labels = entry.get("node"), entry.get("labels")
        meant = Reference(name, None, key.place) if node is None else reference(node)
        if labels is not None and not isinstance(labels, Scalar):
            fact = f"labels: names a file with one label on each line, not {described(labels)}"
            raise PlacedMistake(labels.place, fact)
        return OutputSpec(name, meant, labels, self.text(entry, "doc"))

    def dims(self, tree: YamlNode | None) -> tuple[DimSpec, ...]:
        """``dims``: ``[B, T]`` or ``{B: {doc, min, max, multiple_of, example}}``."""
        if not isinstance(tree, ListNode):
            return self.entries(tree, "dims", "a dim", self.dim, "write dims: [B] or {B: {min: 1}}")
        found = []
        for item in tree:
            if not isinstance(item, Scalar):
                self.report.add("name", f"a dim is a name, not {described(item)}", item.place)
            elif self.is_name(item, "a dim"):
                found.append(DimSpec(item.raw, item.place))
        return tuple(found)

    def dim(self, key: Scalar, value: YamlNode) -> DimSpec:
        """One symbolic size."""
        name = str(key.value)
        if isinstance(value, Scalar) and value.value is None and not value.broken:
            return DimSpec(name, key.place)
        hint = f"write {name}: {{min: 1, example: 8}}"
        options = self.report.mapping(value, f"dim '{name}'", hint)
        if options is None:
            raise Reported
        options = self.report.keys(options, DIM_KEYS, f"dim '{name}'")
        read = {str(k.value): number(v, "int") for k, v in options if k.value != "doc"}
        return DimSpec(name, key.place, read, self.text(options, "doc"))

    # ------------------------------------------------------------------ helpers

    def entries(
        self,
        tree: YamlNode | None,
        section: str,
        what: str,
        read: Callable[[Scalar, YamlNode], T],
        hint: str | None = None,
    ) -> tuple[T, ...]:
        """Read every entry of a mapping; entries that fail are remembered as broken names."""
        mapping = self.report.mapping(tree, section, hint)
        if mapping is None and tree is not None:
            self.lost.add(section)
        found = []
        for key, value in mapping or ():
            item = None
            if self.is_name(key, what):
                item = self.report.attempt(value.place, read, key, value)
            if item is None:
                self.broken.add(str(key.value))
                self.damaged.add(section)
            else:
                found.append(item)
        return tuple(found)

    def is_name(self, key: Scalar, what: str) -> bool:
        """Can this be the name of something?"""
        if key.broken:
            return False
        if not isinstance(key.value, str) or not IDENTIFIER.fullmatch(key.value):
            self.report.add("name", f"'{key.raw}' cannot name {what}", key.place, LETTERS)
        elif key.value in RESERVED and what not in ("an input", "an output", "a block"):
            hint = f"'{key.raw}' is a word of expressions"
            self.report.add("name", f"'{key.raw}' cannot name {what}", key.place, hint)
        else:
            return True
        return False

    def text(self, tree: MapNode, key: str) -> str | None:
        """A text entry, if it is there."""
        value = tree.get(key)
        return None if value is None else self.report.attempt(value.place, doc_text, value)


def arg_type(value: YamlNode | None) -> Scalar | None:
    """The ``type`` of an argument."""
    if value is None or (isinstance(value, Scalar) and value.value in ARG_TYPES):
        return value
    raw = value.raw if isinstance(value, Scalar) else described(value)
    types = ", ".join(ARG_TYPES)
    hint = did_you_mean(raw, ARG_TYPES) or HABITS.get(raw)
    raise PlacedMistake(value.place, f"'{raw}' is no type of argument; types: {types}", hint=hint)


HABITS = {
    "float": "write real",
    "number": "write int or real",
    "str": "write text",
    "string": "write text",
    "boolean": "write bool",
}
"""Types of argument under the names that other languages give them."""


def let(key: Scalar, value: YamlNode) -> Let:
    """One name for an expression."""
    return Let(str(key.value), condition(value), key.place)


def default_expression(default: Scalar | None, kind: str | None) -> Expression | None:
    """The expression of an argument's default; None for words and for constants."""
    if default is None or kind in ("text", "block") or not isinstance(default.value, str):
        return None
    return parse(default.value, default.place, quoted=not default.plain)


def pattern(value: YamlNode) -> Pattern:
    """A shape: sizes, or in blocks names to bind, and ``...``."""
    if isinstance(value, Scalar) and value.broken:
        raise Reported
    if not isinstance(value, ListNode):
        fact = f"expected a list of sizes such as [B, 3, H, W], found {described(value)}"
        raise PlacedMistake(value.place, fact)
    axes: list[Expression | None] = []
    for item in value:
        if isinstance(item, Scalar) and item.raw == "...":
            axes.append(None)
        elif isinstance(item, Scalar) and not item.broken and item.value is not None:
            axes.append(parse(item.raw, item.place, quoted=not item.plain))
        else:
            number(item, "size")
    if axes.count(None) > 1:
        fact = f"... may stand once in a shape, here it stands {axes.count(None)} times"
        raise PlacedMistake(value.place, fact, code="shape")
    return Pattern(tuple(axes), value.place)


def reference(value: YamlNode) -> Reference:
    """``name`` or ``name.output``."""
    if isinstance(value, Scalar) and value.broken:
        raise Reported
    if isinstance(value, Scalar) and isinstance(value.value, str):
        found = REFERENCE.fullmatch(value.value)
        if found is not None:
            return Reference(found[1], found[2], value.place)
    hint = None
    if isinstance(value, Scalar) and value.raw.count(".") > 1:
        hint = "write name or name.output; a block shows outside what its outputs: list"
    fact = f"expected the id of a node, found {described(value)}"
    raise PlacedMistake(value.place, fact, hint=hint, code="reference")


def condition(value: YamlNode) -> Expression:
    """A condition: an expression, or true / false."""
    if not isinstance(value, Scalar):
        raise Mistake(f"expected an expression, found {described(value)}")
    if value.broken:
        raise Reported
    return parse(value.raw, value.place, quoted=not value.plain)


def doc_text(value: YamlNode) -> str:
    """Free text."""
    if not isinstance(value, Scalar):
        raise Mistake(f"expected text, found {described(value)}")
    if value.broken:
        raise Reported
    return value.raw
