"""Kinds of attribute: what an operator's field may hold, derived from its annotation.

The front end reads values by kind, the help and the schema print it; nobody else
declares attributes a second time.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import copysign
from typing import Annotated, Any

from framework.ir.dims import Dim, Size, substitute


@dataclass(frozen=True)
class Kind:
    """What an attribute holds: ``name`` is one of `KINDS`; ``words`` for a choice of words."""

    name: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " | ".join(self.words) if self.words else KINDS[self.name]


KINDS = {
    "int": "whole number",
    "real": "number",
    "bool": "true or false",
    "text": "text",
    "word": "one of several words",
    "size": "size, may be symbolic",
    "shape": "list of sizes, may be symbolic",
    "sizes": "whole number, or one for each spatial axis",
    "ints": "list of whole numbers",
    "axes": "axis or list of axes",
    "pad": "whole number, one for each spatial axis, or [before, after] for each; "
    "same_upper, same_lower, valid",
    "pads": "list of [before, after], one for each axis",
    "reals": "number, or one for each spatial axis",
    "named": "further keys, each with a whole number",
    "values": "number or nested list of numbers",
}

PAD_WORDS = ("same_upper", "same_lower", "valid")

Sizes = Annotated[int | tuple[int, ...], Kind("sizes")]
"""One whole number, or one for each spatial axis."""

Pad = Annotated[int | str | tuple[int, ...] | tuple[tuple[int, int], ...], Kind("pad", ())]
"""Padding: a number, one for each axis, pairs (before, after), or a word of `PAD_WORDS`."""

Pads = Annotated[tuple[tuple[Size, Size], ...], Kind("pads")]
"""(before, after) for each axis of the tensor."""

ShapeAttr = Annotated[tuple[Size, ...], Kind("shape")]
"""A list of sizes, symbolic ones allowed."""

SizeAttr = Annotated[Size, Kind("size")]
"""A size, symbolic ones allowed; may be negative where the operator says so."""

Ints = Annotated[tuple[int, ...], Kind("ints")]
"""A list of whole numbers."""

Axes = Annotated[int | tuple[int, ...], Kind("axes")]
"""One axis or several; negative ones count from the back."""

Reals = Annotated[float | tuple[float, ...], Kind("reals")]
"""One number, or one for each spatial axis."""

Named = Annotated[tuple[tuple[str, int], ...], Kind("named")]
"""The open mapping of an operator: further keys with whole numbers."""

Values = Annotated[Any, Kind("values")]
"""A number or a nested list (tuple) of numbers."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of an operator, as declared by its field."""

    name: str
    kind: Kind
    required: bool
    default: object = None
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name} (required)" if self.required else self.name


def field_names(cls: type) -> tuple[str, ...]:
    """Names of a class's own fields, in order: what it annotates and is no class variable."""
    own = inspect.get_annotations(cls)
    return tuple(name for name, hint in own.items() if not str(hint).startswith("ClassVar"))


def attributes_of(cls: type, names: Iterable[str]) -> tuple[Attribute, ...]:
    """The attributes that an operator class declares by its fields ``names``."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(_attribute(cls, name, hints[name]) for name in names)


def _attribute(cls: type, name: str, hint: Any) -> Attribute:
    kind, optional = kind_of(hint, name)
    return Attribute(name, kind, name not in vars(cls), vars(cls).get(name), optional)


def kind_of(hint: Any, name: str) -> tuple[Kind, bool]:
    """The kind that an annotation stands for, and whether None is allowed."""
    if typing.get_origin(hint) is Annotated:
        return next(extra for extra in hint.__metadata__ if isinstance(extra, Kind)), False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if set(rest) == {int, Dim}:
            return Kind("size"), len(rest) < len(typing.get_args(hint))
        if len(rest) == 1:
            return kind_of(rest[0], name)[0], True
    if typing.get_origin(hint) is typing.Literal:
        return Kind("word", tuple(typing.get_args(hint))), False
    plain = {int: "int", float: "real", bool: "bool", str: "text"}
    if hint not in plain:
        raise TypeError(f"attribute {name!r} has the annotation {hint!r}, which is no known kind")
    return Kind(plain[hint]), False


def signs_of_zeros(values: tuple[Any, ...]) -> Iterator[float]:
    """The sign of each zero, in order: Python finds -0.0 and 0.0 equal, 1/x does not."""
    for value in values:
        if isinstance(value, tuple):
            yield from signs_of_zeros(value)
        elif value == 0:
            yield copysign(1, value)


def mentions_symbol(value: object) -> bool:
    """Is there a symbolic size anywhere in an attribute's value?"""
    if isinstance(value, tuple):
        return any(map(mentions_symbol, value))
    return isinstance(value, Dim)


def at_sizes(value: Any, sizes: Mapping[str, Size]) -> Any:
    """An attribute's value with symbols replaced."""
    if isinstance(value, tuple):
        return tuple(at_sizes(item, sizes) for item in value)
    return substitute(value, sizes) if isinstance(value, Dim) else value
