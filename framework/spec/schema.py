"""JSON Schema of a model file, for editors: derived from the operators and from what is read.

Draft 7, which the YAML language server understands whole.  Keys come from the modules that read
them; a key without a schema, or a schema without a key, is a KeyError here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from framework.ir.types import DTYPES
from framework.spec import schema_nodes
from framework.spec.document import ARG_TYPES
from framework.spec.read import BLOCK_KEYS, FORMAT, TOP_KEYS, WEIGHTS_KEYS
from framework.spec.read_parts import ARG_KEYS, DIM_KEYS, INPUT_KEYS, OUTPUT_KEYS
from framework.spec.schema_values import (
    DEFINITIONS,
    NULL,
    SCALAR,
    TEXT,
    Schema,
    about,
    by_text,
    either,
    listed,
    mapping,
    named,
    ref,
    several,
)

DRAFT = "http://json-schema.org/draft-07/schema#"

DOCS = {
    "format": f"the version of the language: {FORMAT}",
    "name": "shown in tables and diagrams",
    "doc": "shown in tables and diagrams",
    "args": "compile-time constants: name: 3, name: int (required), name: {type, default, doc}",
    "let": "names for expressions over args and dims",
    "require": "conditions that must hold",
    "dims": "symbolic sizes: [B, T], or {H: {min, max, multiple_of, example, doc}}",
    "inputs": "name: [B, 3, H, W], or {shape, dtype, doc, from}",
    "blocks": "reusable pieces with args, let, require, inputs, nodes, outputs",
    "import": "blocks of other files: {blocks/mlp.yaml: [mlp]}",
    "nodes": "the list of nodes, each reading the one before unless it says in:",
    "outputs": "name: node, or {node, labels, doc}",
    "weights": "where real weights come from, and how their names map",
    "draw": "what makes the figure reproducible",
}
"""What an editor shows for the sections of a file."""

DIM_DOCS = {
    "doc": "what it counts",
    "min": "least value (default 1)",
    "max": "greatest value",
    "multiple_of": "every legal value is a multiple of this",
    "example": "the size used when nobody gives one",
}


def schema(extras: Mapping[str, Schema]) -> Schema:
    """The whole schema.

    ``extras`` are the parts that other readers define: "from" (files as inputs), "draw", and
    "rule" (one initialiser).
    """
    sections = {key: about(DOCS[key], part) for key, part in parts(extras).items()}
    block = mapping({key: sections[key] for key in BLOCK_KEYS}, ("inputs", "nodes"))
    return {
        "$schema": DRAFT,
        "title": f"model, format {FORMAT}",
        **mapping({key: sections[key] for key in TOP_KEYS}, ("format",)),
        # a file of blocks for others to import needs no nodes of its own
        "anyOf": [{"required": ["nodes", "inputs"]}, {"required": ["blocks"]}],
        "definitions": {
            **DEFINITIONS,
            "pattern": listed(either({"const": "..."}, ref("int"))),
            "block": block,
            **schema_nodes.definitions(extras["rule"]),
        },
    }


def parts(extras: Mapping[str, Schema]) -> dict[str, Schema]:
    """A schema for each key of a file."""
    condition = either({"type": "boolean"}, ref("expression"))
    return {
        "format": {"const": FORMAT},
        "name": SCALAR,
        "doc": SCALAR,
        "args": named(either(SCALAR, argument())),
        "let": named(SCALAR),
        "require": several(condition),
        "dims": either(listed(TEXT), named(either(NULL, dim()))),
        "inputs": named(either(ref("pattern"), an_input(extras["from"]))),
        "blocks": named(ref("block")),
        "import": by_text(several(TEXT)),
        "nodes": ref("nodes"),
        "outputs": named(either(ref("reference"), output())),
        "weights": weights(),
        "draw": extras["draw"],
    }


def keyed(keys: Sequence[str], found: Mapping[str, Schema], required: str | None = None) -> Schema:
    """A mapping with exactly the keys that a reader knows."""
    needed = () if required is None else (required,)
    return mapping({key: found[key] for key in keys}, needed)


def argument() -> Schema:
    """``{type, default, doc}``."""
    return keyed(ARG_KEYS, {"type": {"enum": list(ARG_TYPES)}, "default": SCALAR, "doc": SCALAR})


def dim() -> Schema:
    """``{min, max, multiple_of, example, doc}``."""
    return mapping(
        {key: about(DIM_DOCS[key], SCALAR if key == "doc" else ref("int")) for key in DIM_KEYS}
    )


def an_input(source: Schema) -> Schema:
    """``{shape, dtype, doc, from}``."""
    dtype = {"enum": list(DTYPES), "default": "float32"}
    found = {"shape": ref("pattern"), "dtype": dtype, "doc": SCALAR, "from": source}
    return keyed(INPUT_KEYS, found, "shape")


def output() -> Schema:
    """``{node, labels, doc}``."""
    labels = about("a file with one label on each line", TEXT)
    return keyed(OUTPUT_KEYS, {"node": ref("reference"), "labels": labels, "doc": SCALAR})


def weights() -> Schema:
    """``{package, file, sha256, names}``."""
    names = by_text({"type": ["string", "null"]})
    found = {"package": TEXT, "file": TEXT, "sha256": TEXT, "names": names}
    return keyed(WEIGHTS_KEYS, found)
