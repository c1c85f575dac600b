"""What a list or mapping of a model file is, and in which order its keys stand."""

from __future__ import annotations

from framework.source.comments import Branch, Entry, Leaf
from framework.spec.read import BLOCK_KEYS, TOP_KEYS, WEIGHTS_KEYS
from framework.spec.read_beside import NODE_KEYS
from framework.spec.read_parts import ARG_KEYS, DIM_KEYS, INPUT_KEYS, OUTPUT_KEYS

BESIDE = (
    "repeat", "with", "in", "share", "when", "id", "shape", "weights", "init", "doc",
)  # fmt: skip
ORDERS: dict[str, tuple[str, ...]] = {
    "top": TOP_KEYS,
    "block": BLOCK_KEYS,
    "residual": ("of", "body", "skip"),
    "arg": ARG_KEYS,
    "dim": ("doc", "multiple_of", *(key for key in DIM_KEYS if key not in ("doc", "multiple_of"))),
    "input": INPUT_KEYS,
    "output": OUTPUT_KEYS,
    "stored": WEIGHTS_KEYS,
}
"""The order of the keys of a mapping by its role; other mappings keep the order of their author."""

INSIDE: dict[str, dict[str, str]] = {
    "top": {
        "args": "args", "dims": "dims", "inputs": "inputs", "outputs": "outputs",
        "blocks": "blocks", "nodes": "nodes", "weights": "stored", "draw": "wide",
    },
    "block": {"args": "args", "inputs": "inputs", "outputs": "outputs", "nodes": "nodes"},
    "node": {"residual": "residual", "sequence": "nodes"},
    "residual": {"body": "nodes", "skip": "nodes"},
}  # fmt: skip
EVERY = {
    "blocks": "block",
    "nodes": "node",
    "args": "arg",
    "dims": "dim",
    "inputs": "input",
    "outputs": "output",
}

TALL = frozenset(("top", "blocks", "block", "nodes", "residual"))
"""Never on one line."""
FREE = frozenset(("node", "stored", "wide"))
"""On one line only where the author wrote it so."""


def role_inside(role: str, entry: Entry) -> str:
    """The role of what stands under a key or in a list."""
    if entry.key is None:
        return "node" if role in ("nodes", "residual") else "other"
    return EVERY.get(role) or INSIDE.get(role, {}).get(word(entry.key), "other")


def word(leaf: Leaf) -> str:
    """A key without its quotes."""
    return leaf.raw[1:-1] if leaf.style else leaf.raw


def ordered(branch: Branch, role: str) -> list[Entry]:
    """The entries in canonical order; those of unknown keys stay behind their predecessors."""
    keys = [word(entry.key) for entry in branch.entries if entry.key is not None]
    order = node_order(keys) if role == "node" else ORDERS.get(role)
    if order is None or not branch.mapping:
        return list(branch.entries)
    ranks: list[int] = []
    for key in keys:
        ranks.append(order.index(key) if key in order else max(ranks, default=-1))
    numbered = sorted(zip(ranks, range(len(keys)), strict=True))
    return [branch.entries[number] for _, number in numbered]


def node_order(keys: list[str]) -> tuple[str, ...] | None:
    """The operator first; a node with none or several is left as it is."""
    heads = [key for key in keys if key not in NODE_KEYS]
    return (heads[0], *BESIDE) if len(heads) == 1 else None
