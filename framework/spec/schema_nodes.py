"""JSON Schema of the list under ``nodes``: every operator, the structure words, the node keys."""

from __future__ import annotations

import inspect

from framework.ir.op import REGISTRY, Op
from framework.spec.read_beside import NODE_KEYS, STRUCTURES
from framework.spec.read_nodes import STRUCTURE
from framework.spec.read_parts import REFERENCE
from framework.spec.schema_values import (
    NAME,
    NULL,
    SCALAR,
    Schema,
    about,
    by_text,
    either,
    listed,
    mapping,
    named,
    of_attribute,
    of_kind,
    ref,
    several,
)

DOCS = {
    "id": "a name, needed only to be referred to",
    "in": "what the node reads: a reference, a list, or {port: reference}; default: prev",
    "doc": "a note, shown in diagrams and exports",
    "when": "a condition on constants; false removes the node",
    "repeat": "copies in a row; i is in scope",
    "share": "the weights of that earlier node; copies ties the copies of one repeat",
    "shape": "a checked comment: the result has this shape for every legal size",
    "weights": "tied weights by slot: {weight: embed.weight}",
    "with": "arguments of the block",
    "init": "how weights start: he_normal, {normal: 0.02}, or {slot: rule}",
    "use": "put in a block by its name, or by an argument of type block",
    "residual": "add a branch to its input: [nodes], or {of, body, skip}",
    "sequence": "nodes in a row, as one",
}
"""What an editor shows for the words of a node that are no operators."""


def definitions(init: Schema) -> dict[str, Schema]:
    """All definitions about nodes; ``init`` is the schema of one rule."""
    operators = {f"op_{name}": operator(op) for name, op in sorted(REGISTRY.items())}
    return {
        "reference": {"type": "string", "pattern": f"^{REFERENCE.pattern}$"},
        "rule": init,
        "node": either(ref("word_node"), ref("mapping_node")),
        "nodes": listed(ref("node")),
        "word_node": word_node(),
        "mapping_node": mapping_node(),
        **operators,
    }


def operator(op: type[Op]) -> Schema:
    """The value under an operator: its attributes, its main one bare, or nothing."""
    required = {attribute.name for attribute in op.attributes if attribute.required}
    forms = [attributes(op)]
    main = next((attribute for attribute in op.attributes if attribute.name == op.main), None)
    if main is not None and required <= {main.name}:
        forms.append(of_kind(main.kind, main.optional))
    if not required and NULL not in forms[-1].get("anyOf", ()):
        forms.append(NULL)
    first, *_ = paragraphs(op)
    return {"description": first, "markdownDescription": hover(op), **either(*forms)}


def attributes(op: type[Op]) -> Schema:
    """The mapping of an operator's attributes; further keys only where it is open."""
    plain = [attribute for attribute in op.attributes if attribute.kind.name != "named"]
    required = tuple(attribute.name for attribute in plain if attribute.required)
    found = mapping({attribute.name: of_attribute(attribute) for attribute in plain}, required)
    if len(plain) < len(op.attributes):
        found["additionalProperties"] = ref("named")
    return found


def hover(op: type[Op]) -> str:
    """First line, signature, formula and source, in Markdown."""
    first, *rest = paragraphs(op)
    body = "\n\n".join(rest)
    formula = f"\n\n```text\n{body}\n```" if body else ""
    return f"{first}\n\n`{op.signature}`{formula}"


def paragraphs(op: type[Op]) -> list[str]:
    """The docstring: the first line, then the rest."""
    text = inspect.cleandoc(op.__doc__ if op.__doc__ is not None else "")
    first, *rest = text.split("\n\n")
    return [" ".join(first.split()), *rest]


def word_node() -> Schema:
    """``- relu``: an operator that needs no attributes."""
    bare = [op for _, op in sorted(REGISTRY.items()) if not any(a.required for a in op.attributes)]
    return {
        "type": "string",
        "enum": [op.name for op in bare],
        "markdownEnumDescriptions": [paragraphs(op)[0] for op in bare],
    }


def mapping_node() -> Schema:
    """A node with keys: one operator or structure word, and what stands beside it."""
    heads = (*STRUCTURE, *sorted(REGISTRY))
    values = {**beside(), **structures(), **{name: ref(f"op_{name}") for name in sorted(REGISTRY)}}
    only_keys = {"propertyNames": {"enum": list(NODE_KEYS)}}
    return {
        **mapping(values),
        "not": only_keys,
        "errorMessage": "the node names no operator",
        "dependencies": {
            "with": ["use"],
            "weights": {"not": either(*({"required": [word]} for word in ("use", *STRUCTURES)))},
            "init": {"not": either(*({"required": [word]} for word in ("use", *STRUCTURES)))},
        },
        # counted only where every word is known: otherwise the misspelt one is the whole mistake
        "if": {"propertyNames": {"enum": [*NODE_KEYS, *heads]}, "not": only_keys},
        "then": {"oneOf": [{"required": [head]} for head in heads]},
    }


def beside() -> dict[str, Schema]:
    """The keys beside an operator, in the order of `NODE_KEYS`."""
    reference, name = ref("reference"), {"type": "string", "pattern": NAME}
    found: dict[str, Schema] = {
        "id": {**name, "not": {"enum": ["prev", "copies"]}},
        "in": either(*several(reference)["anyOf"], by_text(several(reference))),
        "doc": SCALAR,
        "when": ref("bool"),
        "repeat": ref("int"),
        "share": name,
        "shape": ref("shape"),
        "weights": by_text({"type": "string"}),
        "with": named(SCALAR),
        "init": either(ref("rule"), by_text(ref("rule"))),
    }
    return {key: about(DOCS[key], found[key]) for key in NODE_KEYS}


def structures() -> dict[str, Schema]:
    """``use``, ``residual`` and ``sequence``."""
    nodes = ref("nodes")
    parts = mapping({"of": ref("reference"), "body": nodes, "skip": nodes}, ("body",))
    found: dict[str, Schema] = {
        "use": {"type": "string"},
        "residual": either(nodes, parts),
        "sequence": nodes,
    }
    return {word: about(DOCS[word], found[word]) for word in STRUCTURE}
