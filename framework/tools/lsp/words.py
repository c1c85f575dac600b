"""What the keys of the language mean, in a line, and what an operator's documentation says."""

from __future__ import annotations

import inspect

from framework.ir.attributes import Attribute
from framework.ir.describe import spelled
from framework.ir.op import Op

KEYS = {
    "format": "the version of the language: 1",
    "name": "the model's name, shown in tables and figures",
    "doc": "a note in words",
    "args": "constants with defaults: name: 3, name: int, name: {type: block, default: b}",
    "let": "names for expressions",
    "require": "conditions that must hold",
    "dims": "symbolic sizes: {B: {doc, multiple_of, min, max, example}}",
    "inputs": "tensors by name: [B, 3, H, W] or {shape, dtype, doc, from}",
    "blocks": "reusable pieces of the network",
    "import": "blocks of other files: {blocks/mlp.yaml: [mlp]}",
    "nodes": "the list of nodes; each reads the one before unless in: says otherwise",
    "outputs": "results by name: {logits: head}",
    "weights": "at the top: where real weights come from; beside a node: weights of another node",
    "draw": "title, titles of boxes, colours, panels of the figure",
    "id": "a name to refer to this node",
    "in": "what the node reads: a reference, a list, or {port: reference}",
    "when": "a condition on constants; false removes the node",
    "repeat": "copies in a row; i is in scope",
    "share": "the weights of an earlier node, or copies",
    "shape": "a checked comment: the shape of the result for every legal size",
    "with": "arguments of the block",
    "init": "how weights start: he_normal, {weight: {normal: 0.02}}",
    "use": "put in a block",
    "residual": "add a branch to its input: [nodes] or {of, body, skip}",
    "sequence": "group nodes",
    "of": "what the branches of a residual start with",
    "body": "the nodes of a residual's main branch",
    "skip": "the nodes of a residual's other branch; identity without it",
}


def op_title(op: type[Op]) -> str:
    """The first line of an operator's documentation."""
    return " ".join(paragraphs(op)[0].split())


def paragraphs(op: type[Op]) -> list[str]:
    """An operator's documentation: the first line, the formula, the source."""
    return inspect.cleandoc(op.__doc__ if op.__doc__ is not None else op.name).split("\n\n")


def op_text(op: type[Op]) -> str:
    """An operator's documentation in Markdown: what it does, formula, signature, attributes."""
    first, *rest = paragraphs(op)
    formula = "\n\n".join(rest)
    parts = [f"**{op.name}** – {' '.join(first.split())}", f"`{op.signature}`"]
    if formula:
        parts.append(f"```text\n{formula}\n```")
    parts += ["\n".join(f"* {attribute_text(a)}" for a in op.attributes)] if op.attributes else []
    return "\n\n".join(parts)


def attribute_text(attribute: Attribute) -> str:
    """``kernel`` – what it holds, required or its default."""
    return f"`{attribute.name}` – {attribute.kind}, {default_text(attribute)}"


def default_text(attribute: Attribute) -> str:
    """``required``, or the default as a model file spells it."""
    if attribute.required:
        return "required"
    value = "null" if attribute.default is None else spelled(attribute.default)
    return f"default {value}" if value else "optional"
