"""The ``draw:`` section of a model file: what makes its figure reproducible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from framework.errors import Mistake, did_you_mean
from framework.source import ListNode, MapNode, Scalar, YamlNode

KEYS = (
    "title", "subtitle", "titles", "colours", "panels", "level", "direction", "wrap", "focus",
    "shapes", "lean",
)  # fmt: skip


@dataclass
class Hints:
    """Wishes of a model's author; None where the file says nothing."""

    title: str | None = None
    subtitle: str | None = None
    titles: dict[str, str] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    panels: tuple[str, ...] | None = None
    level: int | None = None
    direction: str | None = None
    wrap: int | None = None
    focus: str | None = None
    shapes: bool | None = None
    lean: bool | None = None


def read_hints(node: YamlNode | None) -> Hints:
    """The section's values; raises a `Mistake` that knows its place."""
    hints = Hints()
    if not isinstance(node, MapNode):
        return hints
    for key, value in node:
        if key.value not in KEYS:
            hint = did_you_mean(key.raw, KEYS) or f"keys: {', '.join(KEYS)}"
            raise placed(key, f"draw has no key '{key.raw}'", hint, "unknown-key")
        setattr(hints, str(key.value), READERS[str(key.value)](value))
    return hints


def placed(node: YamlNode, fact: str, hint: str | None = None, code: str = "value") -> Mistake:
    """A mistake at a node of the file."""
    error = Mistake(fact, hint=hint, code=code)
    error.place = node.place
    return error


def text(node: YamlNode) -> str:
    """A text."""
    if isinstance(node, Scalar) and node.value is not None:
        return node.raw
    raise placed(node, "expected text")


def level(node: YamlNode) -> int:
    """0 blocks, 1 layers, 2 operators."""
    return number(node, 0, 2)


def columns(node: YamlNode) -> int:
    """Into how many columns a long one is broken."""
    return number(node, 1, 9)


def number(node: YamlNode, low: int, high: int) -> int:
    """A small whole number."""
    if isinstance(node, Scalar) and type(node.value) is int and low <= node.value <= high:
        return node.value
    raise placed(node, f"expected a whole number from {low} to {high}")


def truth(node: YamlNode) -> bool:
    """True or false."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    raise placed(node, "expected true or false")


def direction(node: YamlNode) -> str:
    """TB or LR."""
    if isinstance(node, Scalar) and node.value in ("TB", "LR"):
        return str(node.value)
    raise placed(node, "expected TB (top to bottom) or LR (left to right)")


def texts(node: YamlNode) -> tuple[str, ...]:
    """A list of texts."""
    if isinstance(node, ListNode):
        return tuple(text(item) for item in node)
    raise placed(node, "expected a list of paths such as [encoder]")


def mapping(node: YamlNode) -> dict[str, str]:
    """Texts by name."""
    if isinstance(node, MapNode):
        return {str(key.value): text(value) for key, value in node}
    raise placed(node, "expected a mapping from names to texts")


def colours(node: YamlNode) -> dict[str, str]:
    """Categories by name of a block or operator."""
    from framework.draw.style import load_style

    found = mapping(node)
    known = load_style().looks
    for key, value in node if isinstance(node, MapNode) else ():
        if found[str(key.value)] not in known:
            raw = found[str(key.value)]
            hint = did_you_mean(raw, known) or f"categories: {', '.join(known)}"
            raise placed(value, f"there is no category '{raw}'", hint)
    return found


READERS: dict[str, Callable[[YamlNode], Any]] = {
    "title": text,
    "subtitle": text,
    "titles": mapping,
    "colours": colours,
    "panels": texts,
    "level": level,
    "direction": direction,
    "wrap": columns,
    "focus": text,
    "shapes": truth,
    "lean": truth,
}
