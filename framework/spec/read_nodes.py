"""Read the list under ``nodes``: operators, structure words, and the keys beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from framework.errors import Mistake, did_you_mean, nearest
from framework.ir.attributes import Attribute, Kind
from framework.ir.op import REGISTRY, Op
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.document import Argument, NodeSpec, Reference, Wiring
from framework.spec.expressions import Expression, parse
from framework.spec.report import Report
from framework.spec.values import Pending, Reported, number, plain, read_value, shape_of

NODE_KEYS = ("id", "in", "doc", "when", "repeat", "share", "shape", "weights", "with", "init")
STRUCTURE = ("use", "residual", "sequence")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REFERENCE = re.compile(r"([A-Za-z_]\w*)(?:\.(\w+))?")


class NodeReader:
    """Reads nodes of one file; ``blocks`` are the names that ``use:`` may say."""

    def __init__(self, report: Report, blocks: set[str]) -> None:
        self.report = report
        self.blocks = blocks

    def nodes(self, tree: YamlNode | None, what: str) -> tuple[NodeSpec, ...]:
        """All nodes of a list."""
        if tree is None:
            return ()
        if not isinstance(tree, ListNode):
            fact = f"{what} must be a list of nodes, not a {shape_of(tree)}"
            self.report.add("nodes", fact, tree.place, "start each node with '- '")
            return ()
        return tuple(spec for item in tree if (spec := self.node(item)) is not None)

    def node(self, tree: YamlNode) -> NodeSpec | None:
        """One node; None where nothing can be made of it."""
        before = self.report.marks
        if isinstance(tree, Scalar) and not tree.broken and isinstance(tree.value, str):
            spec = self.operator(tree, None, {})
        elif isinstance(tree, MapNode):
            spec = self.mapping(tree)
        else:
            if not (isinstance(tree, Scalar) and tree.broken):
                fact = f"a node is a word or a mapping, not a {shape_of(tree)}"
                self.report.add("node", fact, tree.place, "write e.g. - conv: {out: 8, kernel: 3}")
            return None
        if self.report.marks == before:
            return spec
        return broken(spec, tree)

    def mapping(self, tree: MapNode) -> NodeSpec | None:
        """A node with keys beside its operator."""
        heads = [(key, value) for key, value in tree if key.value not in NODE_KEYS]
        keys = {str(key.value): (key, value) for key, value in tree if key.value in NODE_KEYS}
        if not heads:
            hint = "write e.g. - conv: {out: 8, kernel: 3}"
            self.report.add("node", "the node names no operator", tree.place, hint)
            return None
        strange = [key for key, _ in heads if not self.known(key)]
        if len(heads) > 1 and strange:
            for key in strange:
                options = (*NODE_KEYS, *REGISTRY, *STRUCTURE)
                fact = f"'{key.raw}' is neither a node key nor an operator"
                self.report.add("unknown-key", fact, key.place, did_you_mean(key.raw, options))
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

    def operator(
        self, word: Scalar, value: YamlNode | None, keys: dict[str, tuple[Scalar, YamlNode]]
    ) -> NodeSpec | None:
        """The operator or structure word with its value, and the keys beside it."""
        name = str(word.value)
        if not self.known(word):
            use = f"write use: {name}" if name in self.blocks else None
            hint = use or did_you_mean(name, (*REGISTRY, *STRUCTURE))
            hint = hint or "python -m framework ops lists all operators"
            self.report.add("unknown-operator", f"there is no operator '{name}'", word.place, hint)
            return NodeSpec("op", word, word.place, **self.beside(word, keys, None))
        if name == "use":
            return self.use(word, value, keys)
        if name == "residual":
            return self.residual(word, value, keys)
        if name == "sequence":
            body = self.nodes(value, "sequence")
            return NodeSpec(
                "sequence", word, word.place, body=body, **self.beside(word, keys, None)
            )
        op = REGISTRY[name]
        attributes = self.attributes(op, word, value)
        beside = self.beside(word, keys, op)
        return NodeSpec("op", word, word.place, op=op, attributes=attributes, **beside)

    def use(
        self, word: Scalar, value: YamlNode | None, keys: dict[str, tuple[Scalar, YamlNode]]
    ) -> NodeSpec | None:
        """``use: block``."""
        if not isinstance(value, Scalar) or not isinstance(value.value, str):
            self.report.add("use", "use: needs the name of a block", word.place)
            return None
        return NodeSpec("use", value, word.place, **self.beside(word, keys, None))

    def residual(
        self, word: Scalar, value: YamlNode | None, keys: dict[str, tuple[Scalar, YamlNode]]
    ) -> NodeSpec:
        """``residual: [nodes]`` or ``residual: {of, body, skip}``."""
        beside = self.beside(word, keys, None)
        of, body, skip = None, value, None
        if isinstance(value, MapNode):
            self.report.keys(value, ("of", "body", "skip"), "residual")
            body = value.get("body")
            skip_tree, of_tree = value.get("skip"), value.get("of")
            skip = None if skip_tree is None else self.nodes(skip_tree, "skip")
            of = None if of_tree is None else self.reference(of_tree)
        if body is None:
            self.report.add("node", "residual needs a body", word.place, "write a list of nodes")
        nodes = self.nodes(body, "the body of residual")
        return NodeSpec("residual", word, word.place, of=of, body=nodes, skip=skip, **beside)

    # ------------------------------------------------------------------ attributes

    def attributes(self, op: type[Op], word: Scalar, value: YamlNode | None) -> dict[str, Pending]:
        """The attributes of an operator, each read by its kind."""
        declared = {attribute.name: attribute for attribute in op.attributes}
        found: dict[str, Pending] = {}
        for key, item in self.given(op, word, value):
            attribute = declared.get(str(key.value)) or self.open_entry(op, key)
            if attribute is None:
                self.unknown_attribute(op, key, item, isinstance(value, MapNode) and value.flow)
                continue
            read = self.report.attempt(
                item.place, read_value, item, attribute.kind, attribute.optional
            )
            if read is not None:
                found[str(key.value)] = read
        given = self.names(op, value)
        meant = {nearest(name, declared) for name in given if name not in declared}
        missing = [a.name for a in op.attributes if a.required and a.name not in {*given, *meant}]
        if missing:
            fact = f"{op.name} needs {' and '.join(repr(name) for name in missing)}"
            self.report.add("missing-attribute", fact, word.place)
        return found

    def given(
        self, op: type[Op], word: Scalar, value: YamlNode | None
    ) -> Iterator[tuple[Scalar, YamlNode]]:
        """The attributes as the user gave them; a bare value is the main attribute's."""
        if value is None or is_empty(value):
            return
        if isinstance(value, MapNode):
            yield from value
        elif op.main is not None:
            yield Scalar(op.main, op.main, True, value.place), value
        else:
            example = f"{op.name}: {{{', '.join(a.name + ': …' for a in op.attributes[:2])}}}"
            hint = f"write {example}" if op.attributes else f"write - {op.name}"
            fact = f"{op.name} takes named attributes, not a bare {shape_of(value)}"
            self.report.add("value", fact, value.place, hint)

    def names(self, op: type[Op], value: YamlNode | None) -> tuple[str, ...]:
        """Names of the attributes that the user gave."""
        if isinstance(value, MapNode):
            return value.keys()
        return (op.main,) if op.main is not None and value and not is_empty(value) else ()

    def open_entry(self, op: type[Op], key: Scalar) -> Attribute | None:
        """A further key of an operator with an open mapping (``rearrange: {…, h: heads}``)."""
        is_open = any(attribute.kind.name == "named" for attribute in op.attributes)
        if is_open and IDENTIFIER.fullmatch(key.raw) and key.value not in NODE_KEYS:
            return Attribute(key.raw, Kind("named"), required=False)
        return None

    def unknown_attribute(self, op: type[Op], key: Scalar, item: YamlNode, flow: bool) -> None:
        """An attribute that the operator does not have, and what was probably meant."""
        names = [attribute.name for attribute in op.attributes]
        hint = did_you_mean(key.raw, names)
        if key.value in NODE_KEYS:
            hint = f"'{key.raw}' belongs to the node: align it with '{op.name}'"
        elif flow and is_empty(item) and hint is None:
            hint = "a comma inside { } starts a new key: quote the text"
        listed = ", ".join(map(str, op.attributes))
        notes = [f"{op.name} takes: {listed}" if listed else f"{op.name} takes no attributes"]
        fact = f"{op.name} has no attribute '{key.raw}'"
        self.report.add("unknown-attribute", fact, key.place, hint, notes)

    # ------------------------------------------------------------------ keys beside the operator

    def beside(
        self, word: Scalar, keys: dict[str, tuple[Scalar, YamlNode]], op: type[Op] | None
    ) -> dict[str, Any]:
        """The fields of `NodeSpec` that stand beside the operator."""
        if "with" in keys and word.value != "use":
            hint = f"attributes stand under '{word.raw}:'"
            self.report.add("unknown-key", "with: belongs to use:", keys["with"][0].place, hint)
        found: dict[str, Any] = {}
        for name, (key, value) in keys.items():
            read = self.report.attempt(value.place, getattr(self, f"read_{name}"), key, value)
            if read is not None:
                found[FIELDS.get(name, name)] = read
        return found

    def read_id(self, key: Scalar, value: YamlNode) -> Scalar:
        """``id``: a name that no structure uses."""
        good = isinstance(value, Scalar) and isinstance(value.value, str)
        if isinstance(value, Scalar) and good and IDENTIFIER.fullmatch(value.raw):
            if value.raw != "prev":
                return value
        raw = value.raw if isinstance(value, Scalar) else f"a {shape_of(value)}"
        hint = "letters, digits and _, not starting with a digit; 'prev' is taken"
        raise Mistake(f"'{raw}' cannot be an id", hint=hint, code="id")

    def read_in(self, key: Scalar, value: YamlNode) -> Wiring:
        """``in``: a reference, a list, or references by port."""
        if isinstance(value, MapNode):
            named = {str(k.value): (k, tuple(self.references(v))) for k, v in value}
            return Wiring(value.place, named=named)
        return Wiring(value.place, tuple(self.references(value)))

    def references(self, value: YamlNode) -> Iterator[Reference]:
        """One reference or a list of them."""
        for item in value if isinstance(value, ListNode) else (value,):
            yield self.reference(item)

    def reference(self, value: YamlNode) -> Reference:
        """``name`` or ``name.output``."""
        if isinstance(value, Scalar) and isinstance(value.value, str):
            found = REFERENCE.fullmatch(value.value)
            if found is not None:
                return Reference(found[1], found[2], value.place)
        raw = value.raw if isinstance(value, Scalar) else f"a {shape_of(value)}"
        error = Mistake(f"expected the id of a node, found '{raw}'", code="reference")
        error.place = value.place
        raise error

    def read_doc(self, key: Scalar, value: YamlNode) -> str:
        """``doc``: text."""
        return doc_text(value)

    def read_when(self, key: Scalar, value: YamlNode) -> Expression:
        """``when``: a condition."""
        return condition(value)

    def read_repeat(self, key: Scalar, value: YamlNode) -> Pending:
        """``repeat``: a whole number."""
        return number(value, "int")

    def read_share(self, key: Scalar, value: YamlNode) -> Scalar:
        """``share``: the id of an earlier node, or ``copies``."""
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return value
        raise Mistake("share: names an earlier node, or says copies", code="reference")

    def read_shape(self, key: Scalar, value: YamlNode) -> Pending:
        """``shape``: what the result must be."""
        return read_value(value, Kind("shape"))

    def read_weights(self, key: Scalar, value: YamlNode) -> dict[str, tuple[Scalar, Scalar]]:
        """``weights``: stored tensors by slot."""
        tied: dict[str, tuple[Scalar, Scalar]] = {}
        for slot, target in self.report.mapping(value, "weights") or ():
            if not isinstance(target, Scalar) or not isinstance(target.value, str):
                raise Mistake("a tied weight is named like embed.weight", code="value")
            tied[str(slot.value)] = (slot, target)
        return tied

    def read_with(self, key: Scalar, value: YamlNode) -> tuple[Argument, ...]:
        """``with``: arguments of a block."""
        return tuple(self.argument(k, v) for k, v in self.report.mapping(value, "with") or ())

    def argument(self, key: Scalar, value: YamlNode) -> Argument:
        """One argument; text that is no expression may still be a word or a block."""
        if not isinstance(value, Scalar):
            raise Mistake(f"the argument '{key.raw}' must be a number or a word", code="value")
        if value.broken:
            raise Reported
        if not isinstance(value.value, str):
            return Argument(key, value, None)
        try:
            return Argument(key, value, parse(value.value, value.place, quoted=not value.plain))
        except Mistake as error:
            return Argument(key, value, None, error)

    def read_init(self, key: Scalar, value: YamlNode) -> dict[str | None, Any]:
        """``init``: a rule for all weights of the node (None), or rules by slot."""
        if isinstance(value, MapNode) and all(isinstance(v, Scalar) for _, v in value):
            rules = plain(value)
            single = len(rules) == 1 and isinstance(next(iter(rules.values())), int | float)
            return {None: rules} if single else rules
        return {None: plain(value)} if isinstance(value, Scalar) else plain(value)


FIELDS = {"in": "wiring", "with": "arguments", "weights": "tied", "init": "initial"}
"""Keys whose field in `NodeSpec` has another name."""


def is_empty(node: YamlNode) -> bool:
    """Nothing was written after the colon."""
    return isinstance(node, Scalar) and node.value is None and not node.broken


def condition(value: YamlNode) -> Expression:
    """A condition: an expression, or true / false."""
    if not isinstance(value, Scalar):
        raise Mistake(f"expected a condition, found a {shape_of(value)}")
    if value.broken:
        raise Reported
    return parse(value.raw, value.place, quoted=not value.plain)


def doc_text(value: YamlNode) -> str:
    """Free text."""
    if not isinstance(value, Scalar):
        raise Mistake(f"expected text, found a {shape_of(value)}")
    return value.raw


def broken(spec: NodeSpec | None, tree: YamlNode) -> NodeSpec | None:
    """The node as one that has been reported; it keeps its id, so that users stay silent."""
    if spec is None:
        return None
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
        mentions=frozenset(words(tree)),
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
