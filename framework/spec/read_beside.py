"""Read the keys that stand beside an operator: ``id``, ``in``, ``when``, ``repeat`` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.errors import Mistake
from framework.ir.attributes import Kind
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.document import Argument, Reference, Wiring
from framework.spec.expressions import parse
from framework.spec.read_parts import IDENTIFIER, LETTERS, condition, doc_text, reference
from framework.spec.report import Report
from framework.spec.values import PlacedMistake, Reported, described, number, read_value

Keys = dict[str, tuple[Scalar, YamlNode]]
"""The keys of a node with their values, by name."""

STRUCTURES = ("residual", "sequence")


class BesideReader:
    """Reads the keys beside operators."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def read(self, word: Scalar, keys: Keys) -> dict[str, Any]:
        """The fields of `NodeSpec` that stand beside the operator ``word``."""
        found: dict[str, Any] = {}
        for name, (key, value) in keys.items():
            if not self.belongs(word, key):
                continue
            name_in_spec, read = READERS[name]
            result = self.report.attempt(value.place, read, value)
            if result is not None:
                found[name_in_spec] = result
        wiring = found.get("wiring")
        if word.value in STRUCTURES and wiring is not None:
            self.check_single(word, wiring)
        return found

    def belongs(self, word: Scalar, key: Scalar) -> bool:
        """Report a key that cannot stand beside this word."""
        if key.value == "with" and word.value != "use":
            hint = f"attributes stand under '{word.raw}:'"
            self.report.add("unknown-key", "with: belongs to use:", key.place, hint)
            return False
        if key.value in ("weights", "init") and word.value in ("use", *STRUCTURES):
            fact = f"{key.value}: belongs to an operator, not to {word.value}:"
            hint = "write it beside the operator that has the weights"
            self.report.add("unknown-key", fact, key.place, hint)
            return False
        return True

    def check_single(self, word: Scalar, wiring: Wiring) -> None:
        """A residual or sequence starts with one value."""
        if wiring.named or len(wiring.listed) != 1:
            fact = f"{word.raw} starts with one value"
            self.report.add("in", fact, wiring.place, "write in: with the id of one node")


def read_id(value: YamlNode) -> Scalar:
    """``id``: a name other than ``prev``."""
    if isinstance(value, Scalar) and value.broken:
        raise Reported
    if isinstance(value, Scalar) and isinstance(value.value, str):
        if IDENTIFIER.fullmatch(value.raw) and value.raw not in ("prev", "copies"):
            return value
    hint = f"{LETTERS}; prev and copies are taken"
    raise Mistake(f"{described(value)} cannot be an id", hint=hint, code="id")


def read_in(value: YamlNode) -> Wiring:
    """``in``: a reference, a list, or references by port."""
    if isinstance(value, MapNode):
        named = {str(k.value): (k, references(v)) for k, v in value}
        return Wiring(value.place, named=named)
    return Wiring(value.place, references(value))


def references(value: YamlNode) -> tuple[Reference, ...]:
    """One reference or a list of them."""
    return tuple(map(reference, value if isinstance(value, ListNode) else (value,)))


def read_share(value: YamlNode) -> Scalar:
    """``share``: the id of an earlier node, or ``copies``."""
    if isinstance(value, Scalar) and isinstance(value.value, str):
        return value
    fact = f"share: names an earlier node, or says copies; found {described(value)}"
    raise Mistake(fact, code="reference")


def read_weights(value: YamlNode) -> dict[str, tuple[Scalar, Scalar]]:
    """``weights``: stored tensors by slot."""
    if not isinstance(value, MapNode):
        hint = "write weights: {weight: embed.weight}"
        raise Mistake(f"weights: is a mapping, found {described(value)}", hint=hint)
    tied: dict[str, tuple[Scalar, Scalar]] = {}
    for slot, target in value:
        if not isinstance(target, Scalar) or not isinstance(target.value, str):
            fact = f"a tied weight is named like embed.weight, found {described(target)}"
            raise PlacedMistake(target.place, fact)
        tied[str(slot.value)] = (slot, target)
    return tied


def read_with(value: YamlNode) -> tuple[Argument, ...]:
    """``with``: arguments of a block."""
    if not isinstance(value, MapNode):
        hint = "write with: {name: value}"
        raise Mistake(f"with: is a mapping, found {described(value)}", hint=hint)
    return tuple(argument(key, item) for key, item in value)


def argument(key: Scalar, value: YamlNode) -> Argument:
    """One argument; text that is no expression may still be a word or a block."""
    if isinstance(value, Scalar) and value.broken:
        raise Reported
    if not isinstance(value, Scalar) or value.value is None:
        fact = f"the argument '{key.raw}' must be a number or a word, found {described(value)}"
        raise PlacedMistake(value.place, fact)
    if not isinstance(value.value, str):
        return Argument(key, value, None)
    try:
        return Argument(key, value, parse(value.value, value.place, quoted=not value.plain))
    except Mistake as error:
        return Argument(key, value, None, error)


def read_init(value: YamlNode) -> dict[str | None, YamlNode]:
    """``init``: a rule for the node (None), or rules by slot.

    ``{normal: 0.02}`` is one rule; ``{weight: he_normal}`` and ``{weight: {normal: 0.02}}`` are
    rules by slot.
    """
    if isinstance(value, Scalar) and value.broken:
        raise Reported
    if isinstance(value, Scalar) and isinstance(value.value, str):
        return {None: value}
    if not isinstance(value, MapNode) or not value.entries:
        hint = "write a rule such as he_normal or {normal: 0.02}, or {weight: RULE}"
        raise Mistake(f"init: is a rule, found {described(value)}", hint=hint)
    if len(value) == 1:
        _, only = value.entries[0]
        if isinstance(only, Scalar) and not isinstance(only.value, str):
            return {None: value}
    return {str(key.value): rule for key, rule in value}


READERS: dict[str, tuple[str, Callable[[YamlNode], object]]] = {
    "id": ("id", read_id),
    "in": ("wiring", read_in),
    "doc": ("doc", doc_text),
    "when": ("when", condition),
    "repeat": ("repeat", lambda value: number(value, "int")),
    "share": ("share", read_share),
    "shape": ("shape", lambda value: read_value(value, Kind("shape"))),
    "weights": ("tied", read_weights),
    "with": ("arguments", read_with),
    "init": ("initial", read_init),
}
"""For each key: the field of `NodeSpec`, and what reads it."""

NODE_KEYS = tuple(READERS)
