"""Read the list under ``nodes``: operators, structure words, and the keys beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from framework.errors import did_you_mean
from framework.ir.op import REGISTRY
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.document import NodeSpec
from framework.spec.read_attributes import AttributeReader, is_empty
from framework.spec.read_beside import NODE_KEYS, BesideReader, Keys
from framework.spec.read_parts import reference
from framework.spec.report import Report
from framework.spec.values import described

STRUCTURE = ("use", "residual", "sequence")
EXAMPLE = "write e.g. - conv: {out: 8, kernel: 3}"

HABITS = {
    "activation": "write relu, gelu, ...",
    "attn": "did you mean 'attention'?",
    "batchnorm": "did you mean 'batch_norm'?",
    "cat": "did you mean 'concat'?",
    "clamp": "write relu6, minimum or maximum",
    "deconv": "did you mean 'conv_transpose'?",
    "dense": "did you mean 'linear'?",
    "fc": "did you mean 'linear'?",
    "fully_connected": "did you mean 'linear'?",
    "layernorm": "did you mean 'layer_norm'?",
    "mean": "write reduce: {op: mean, axes: ...}",
    "mha": "did you mean 'multi_head_attention'?",
    "permute": "did you mean 'transpose'?",
    "repeat": "repeat: stands beside use: or sequence:",
    "skip": "write residual: {body: ..., skip: ...}",
    "sum": "write reduce: {op: sum, axes: ...}",
    "swish": "did you mean 'silu'?",
    "view": "did you mean 'reshape'?",
}
"""What operators are called elsewhere."""

KEY_HABITS = {
    "args": "did you mean 'with'?",
    "if": "did you mean 'when'?",
    "input": "did you mean 'in'?",
    "inputs": "did you mean 'in'?",
    "name": "did you mean 'id'?",
    "times": "did you mean 'repeat'?",
}
"""What the keys beside an operator are called elsewhere."""


class NodeReader:
    """Reads nodes of one file; ``blocks`` are the names that ``use:`` may say."""

    def __init__(self, report: Report, blocks: set[str]) -> None:
        self.report = report
        self.blocks = blocks
        self.attributes = AttributeReader(report)
        self.beside = BesideReader(report)

    def nodes(self, tree: YamlNode | None, what: str) -> tuple[NodeSpec, ...]:
        """All nodes of a list."""
        if tree is None or (isinstance(tree, Scalar) and tree.broken):
            return ()
        if not isinstance(tree, ListNode):
            fact = f"{what} must be a list of nodes, found {described(tree)}"
            self.report.add("nodes", fact, tree.place, "start each node with '- '")
            return ()
        return tuple(spec for item in tree if (spec := self.node(item)) is not None)

    def node(self, tree: YamlNode) -> NodeSpec | None:
        """One node; None where nothing can be made of it."""
        before = self.report.marks
        spec = None
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            spec = self.operator(tree, None, {})
        elif isinstance(tree, MapNode):
            spec = self.mapping(tree)
        elif not isinstance(tree, Scalar) or not tree.broken:
            fact = f"a node is a word or a mapping, found {described(tree)}"
            self.report.add("node", fact, tree.place, EXAMPLE)
        if isinstance(spec, NodeSpec) and self.report.marks == before:
            return spec
        return broken(spec, tree)

    def mapping(self, tree: MapNode) -> NodeSpec | None:
        """A node with keys beside its operator."""
        heads = [(key, value) for key, value in tree if key.value not in NODE_KEYS]
        keys = {str(key.value): (key, value) for key, value in tree if key.value in NODE_KEYS}
        if not heads:
            place = next((key.place for key, _ in tree), tree.place)
            self.report.add("node", "the node names no operator", place, EXAMPLE)
            return None
        strange = [key for key, _ in heads if not self.known(key)]
        if len(heads) > 1 and strange:
            for key in strange:
                fact = f"'{key.raw}' is neither a node key nor an operator"
                self.report.add("unknown-key", fact, key.place, key_hint(key.raw))
            heads = [(key, value) for key, value in heads if self.known(key)] or heads[:1]
        elif len(heads) > 1:
            found = " and ".join(key.raw for key, _ in heads)
            fact = f"one operator per node, found {found}"
            self.report.add("node", fact, heads[1][0].place, "start a new list item with -")
        word, value = heads[0]
        return self.operator(word, value, keys)

    def known(self, key: Scalar) -> bool:
        """Is this the name of an operator or a structure word?"""
        return key.value in REGISTRY or key.value in STRUCTURE

    def operator(self, word: Scalar, value: YamlNode | None, keys: Keys) -> NodeSpec | None:
        """The operator or structure word with its value, and the keys beside it."""
        match word.value:
            case "use":
                return self.use(word, value, keys)
            case "residual":
                return self.residual(word, value, keys)
            case "sequence":
                return self.sequence(word, value, keys)
        op = REGISTRY.get(str(word.value))
        if op is None:
            self.unknown(word)
            return NodeSpec("op", word, word.place, **self.beside.read(word, keys))
        attributes = self.attributes.read(op, word, value)
        beside = self.beside.read(word, keys)
        return NodeSpec("op", word, word.place, op=op, attributes=attributes, **beside)

    def unknown(self, word: Scalar) -> None:
        """Report a word that is no operator."""
        name = str(word.value)
        hint = f"write use: {name}" if name in self.blocks else None
        hint = hint or HABITS.get(name.lower())
        hint = hint or did_you_mean(name.lower(), (*REGISTRY, *STRUCTURE))
        hint = hint or "python -m framework ops lists all operators"
        self.report.add("unknown-operator", f"there is no operator '{name}'", word.place, hint)

    def use(self, word: Scalar, value: YamlNode | None, keys: Keys) -> NodeSpec | None:
        """``use: block``."""
        beside = self.beside.read(word, keys)
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return NodeSpec("use", value, word.place, **beside)
        if isinstance(value, MapNode):
            hint = "write use: NAME and, beside it, with: {...}"
        else:
            hint = f"blocks: {', '.join(sorted(self.blocks)) or 'none'}"
        place = value.place if value is not None and not is_empty(value) else word.place
        if not (isinstance(value, Scalar) and value.broken):
            self.report.add("use", "use: needs the name of a block", place, hint)
        return NodeSpec("use", word, word.place, **beside)

    def sequence(self, word: Scalar, value: YamlNode | None, keys: Keys) -> NodeSpec:
        """``sequence: [nodes]``."""
        if value is None:
            fact = "sequence needs a list of nodes"
            self.report.add("node", fact, word.place, "write - sequence: and a list below it")
        body = self.nodes(value, "sequence")
        return NodeSpec("sequence", word, word.place, body=body, **self.beside.read(word, keys))

    def residual(self, word: Scalar, value: YamlNode | None, keys: Keys) -> NodeSpec:
        """``residual: [nodes]`` or ``residual: {of, body, skip}``."""
        beside = self.beside.read(word, keys)
        parts: dict[str, Any] = {}
        body, place = value, word.place
        if isinstance(value, MapNode):
            entry = self.report.keys(value, ("of", "body", "skip"), "residual")
            body, of, skip = (entry.get(key) for key in ("body", "of", "skip"))
            if of is not None:
                parts["of"] = self.report.attempt(of.place, reference, of)
            if skip is not None:
                parts["skip"] = self.nodes(skip, "skip")
            if of is not None and "wiring" in beside:
                fact = "both of: and in: say what the residual starts with"
                self.report.add("in", fact, of.place, "remove one of them")
        if body is None or (isinstance(body, ListNode) and not body.items):
            self.report.add("node", "residual needs a body", place, "write a list of nodes")
            body = None
        nodes = self.nodes(body, "the body of residual")
        return NodeSpec("residual", word, word.place, body=nodes, **parts, **beside)


def key_hint(word: str) -> str | None:
    """What an unknown key beside an operator probably means."""
    beside = KEY_HABITS.get(word) or did_you_mean(word, NODE_KEYS)
    return beside or did_you_mean(word, (*REGISTRY, *STRUCTURE))


def broken(spec: NodeSpec | None, tree: YamlNode) -> NodeSpec:
    """The node as one that has been reported; it keeps its id, so that users stay silent."""
    mentions = frozenset(words(tree))
    if spec is None:
        word = Scalar(None, "", True, tree.place, broken=True)
        return NodeSpec("op", word, tree.place, broken=True, mentions=mentions)
    return NodeSpec(
        spec.kind,
        spec.word,
        spec.place,
        id=spec.id,
        wiring=spec.wiring,
        of=spec.of,
        body=spec.body,
        skip=spec.skip,
        broken=True,
        mentions=mentions,
    )


def words(tree: YamlNode) -> Iterator[str]:
    """All words in a tree."""
    if isinstance(tree, Scalar):
        yield tree.raw
    elif isinstance(tree, ListNode):
        for item in tree:
            yield from words(item)
    else:
        for key, value in tree:
            yield key.raw
            yield from words(value)
