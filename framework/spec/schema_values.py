"""JSON Schema of attribute values: what `values.READERS` accepts, kind by kind.

Whatever may be a number may be an expression, so text is allowed there: a schema cannot know the
names in scope.  `check` reads the expression itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework.ir.attributes import PAD_WORDS, Attribute, Kind
from framework.spec.read_parts import IDENTIFIER
from framework.spec.syntax import ARGUMENTS
from framework.spec.values import YES_NO

Schema = dict[str, Any]

NAME = f"^{IDENTIFIER.pattern}$"
NULL: Schema = {"type": "null"}
TEXT: Schema = {"type": "string"}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def ref(name: str) -> Schema:
    """A reference to a definition of the same file."""
    return {"$ref": f"#/definitions/{name}"}


def either(*options: Schema) -> Schema:
    """One of several; a single one stands for itself."""
    return options[0] if len(options) == 1 else {"anyOf": list(options)}


def listed(item: Schema, count: int | None = None) -> Schema:
    """A list of equal items, ``count`` of them where that is fixed."""
    fixed = {} if count is None else {"minItems": count, "maxItems": count}
    return {"type": "array", "items": item, **fixed}


def several(item: Schema) -> Schema:
    """One, or a list of them."""
    return either(item, listed(item))


EXPRESSION: Schema = {
    "type": "string",
    "minLength": 1,
    "description": f"an expression: names, + - * / // % **, {', '.join(ARGUMENTS)}, a if b else c",
}
SPELLINGS = sorted({f(word) for word in YES_NO for f in (str.lower, str.upper, str.title)})
ARGUMENT: Schema = {
    "type": "string",
    "pattern": NAME,
    "description": "the name of an argument of type text",
}

DEFINITIONS: dict[str, Schema] = {
    "expression": EXPRESSION,
    "int": either({"type": "integer"}, ref("expression")),
    "real": either({"type": "number"}, ref("expression")),
    "bool": either(
        {"type": "boolean"},
        {"allOf": [ref("expression"), {"not": {"enum": SPELLINGS}}]},
    ),
    "text": TEXT,
    "word": ARGUMENT,
    "size": ref("int"),
    "shape": listed(ref("int")),
    "sizes": several(ref("int")),
    "ints": several(ref("int")),
    "axes": several(ref("int")),
    "reals": several(ref("real")),
    "pad": either(
        {"enum": list(PAD_WORDS)},
        several(ref("int")),
        listed(listed(ref("int"), 2)),
    ),
    "pads": listed(listed(ref("int"), 2)),
    "named": ref("int"),
    "values": either({"type": "boolean"}, ref("real"), listed(ref("values"))),
}
"""A schema for each kind of attribute (a key of `KINDS`), and for expressions."""


def of_kind(kind: Kind, optional: bool = False) -> Schema:
    """What an attribute of this kind may hold."""
    words = ({"enum": list(kind.words)},) if kind.words else ()
    return either(*words, ref(kind.name), *((NULL,) if optional else ()))


def of_attribute(attribute: Attribute) -> Schema:
    """One attribute with its meaning and its default."""
    held = of_kind(attribute.kind, attribute.optional)
    about: Schema = {"description": described(attribute)}
    if not attribute.required and attribute.kind.name != "named":
        about["default"] = as_json(attribute.default)
    return {**about, **(held if "anyOf" in held else {"allOf": [held]})}


def described(attribute: Attribute) -> str:
    """``whole number (required)``."""
    ending = " (required)" if attribute.required else ""
    return f"{attribute.kind}{ending}"


def as_json(value: object) -> object:
    """A default as JSON has it: lists for tuples, text for what is no JSON number."""
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return value if isinstance(value, str | int | float | None) else str(value)


def mapping(properties: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys and no others."""
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **needed,
    }


def named(item: Schema) -> Schema:
    """A mapping from names to equal items."""
    return {"type": "object", "patternProperties": {NAME: item}, "additionalProperties": False}


def by_text(item: Schema) -> Schema:
    """A mapping from any texts to equal items."""
    return {"type": "object", "additionalProperties": item}


def about(doc: str, schema: Schema) -> Schema:
    """The schema with what an editor shows; a reference is wrapped, since it allows no company."""
    return {"description": doc, **({"allOf": [schema]} if "$ref" in schema else schema)}
