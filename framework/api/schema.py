"""The JSON Schema of model files: the language, and the sections that other parts read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import framework.ops  # noqa: F401  (declares the operators)
from framework.draw import hints
from framework.draw.style import load_style
from framework.runtime import images, initialisers
from framework.spec import schema as language
from framework.spec.schema_values import (
    SCALAR,
    TEXT,
    Schema,
    by_text,
    either,
    listed,
    mapping,
)

NAME = "graph-1.schema.json"
"""The file beside the models, which their first line names."""

INTEGER: Schema = {"type": "integer"}
NUMBERS = either({"type": "number"}, listed({"type": "number"}))


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def schema() -> Schema:
    """The JSON Schema of a model file, as data."""
    return language.schema({"from": source(), "draw": draw(), "rule": rule()})


def rule() -> Schema:
    """One initialiser: its name, or its name with a number."""
    plain = [name for name, (_, number) in initialisers.RULES.items() if not number]
    numbered = {
        name: {"type": "number", "description": meaning}
        for name, (_, meaning) in initialisers.RULES.items()
        if meaning
    }
    return either({"enum": plain}, {**mapping(numbered), "minProperties": 1, "maxProperties": 1})


def source() -> Schema:
    """``from:``: how a file becomes the tensor."""
    found: dict[str, Schema] = {
        "crop": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "resize": either(INTEGER, listed(INTEGER, 2)),
        "filter": {"enum": list(images.FILTERS)},
        "color": {"enum": list(images.COLORS)},
        "scale": {"type": "number"},
        "mean": NUMBERS,
        "std": NUMBERS,
        "layout": {"enum": list(images.LAYOUTS)},
    }
    options = mapping({name: found[name] for name in images.READERS})
    return either({"const": "image"}, mapping({"image": either({"type": "null"}, options)}))


def draw() -> Schema:
    """``draw:``, key by key, from what reads each."""
    looks: Schema = {"enum": sorted(load_style().looks)}
    by_reader: dict[Callable[..., Any], Schema] = {
        hints.text: SCALAR,
        hints.mapping: by_text(SCALAR),
        hints.colours: by_text(looks),
        hints.texts: listed(TEXT),
        hints.level: {**INTEGER, "minimum": 0, "maximum": 2},
        hints.columns: {**INTEGER, "minimum": 1, "maximum": 9},
        hints.direction: {"enum": ["TB", "LR"]},
        hints.truth: {"type": "boolean"},
    }
    return mapping({key: by_reader[hints.READERS[key]] for key in hints.KEYS})
