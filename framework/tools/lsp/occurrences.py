"""Every name of a model with its declaration and its uses, in a text that is YAML.

A model with mistakes has them, too: only the tree of the text is read, and what does not look
like a part of a model is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from framework.errors import Place
from framework.source import ListNode, MapNode, Scalar, YamlNode
from framework.spec.document import ARG_TYPES
from framework.spec.read_beside import NODE_KEYS

WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
PART = re.compile(r"[^.]+")


@dataclass(frozen=True)
class Occurrence:
    """A name at a place.

    ``kind`` is "id" (nodes and inputs), "block" or "value" (arguments, names, sizes); ``scope``
    is the block that it belongs to, "" for the model; ``declares`` tells of its declaration.
    """

    kind: str
    scope: str
    name: str
    place: Place
    declares: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What all occurrences of one thing have in common."""
        return (self.kind, self.scope, self.name)


@dataclass
class Index:
    """All occurrences; ``words`` is where the operator of a node with an id stands."""

    found: list[Occurrence] = field(default_factory=list)
    words: dict[tuple[str, str], Place] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """The file that a block comes from, for those that are imported."""

    def at(self, line: int, column: int) -> Occurrence | None:
        """The name at a place, both counted from 1; also just behind it."""
        for one in self.found:
            begin = one.place.column
            if one.place.line == line and begin <= column <= begin + len(one.name):
                return one
        return None

    def all(self, one: Occurrence) -> list[Occurrence]:
        """All occurrences of the same thing, each place once."""
        return list({o.place: o for o in self.found if o.key == one.key}.values())

    def declaration(self, one: Occurrence) -> Occurrence | None:
        """Where it is declared."""
        return next((o for o in self.found if o.key == one.key and o.declares), None)


def index(tree: YamlNode | None) -> Index:
    """The names of a text."""
    walker = Walker()
    if isinstance(tree, MapNode):
        walker.top(tree)
    declared = {o.key for o in walker.index.found if o.declares}
    walker.index.found = [o for o in walker.index.found if o.key in declared]
    return walker.index


class Walker:
    """Reads the tree of a text."""

    def __init__(self) -> None:
        self.index = Index()
        self.blocks: set[str] = set()
        self.uses: dict[tuple[str, str], str] = {}
        self.counts: dict[tuple[str, str], int] = {}

    def note(self, kind: str, scope: str, name: str, place: Place, declares: bool = False) -> None:
        """One occurrence."""
        self.index.found.append(Occurrence(kind, scope, name, place, declares))

    # ------------------------------------------------------------------ sections

    def top(self, tree: MapNode) -> None:
        """A whole file."""
        self.imported(tree.get("import"))
        own = entries(tree.get("blocks"))
        for key, _ in own:
            self.blocks.add(key.raw)
            self.note("block", "", key.raw, key.place, True)
        for key, block in own:
            if isinstance(block, MapNode):
                self.scope(key.raw, block)
        self.scope("", tree)
        weights = tree.get("weights")
        for _, value in entries(weights.get("names") if isinstance(weights, MapNode) else None):
            self.path(value)
        self.drawn(tree.get("draw"))

    def imported(self, tree: YamlNode | None) -> None:
        """Blocks of other files."""
        for file, wanted in entries(tree):
            for item in items(wanted):
                self.blocks.add(item.raw)
                self.index.imports[item.raw] = file.raw
                self.note("block", "", item.raw, item.place, True)

    def scope(self, scope: str, tree: MapNode) -> None:
        """A block, or the model itself."""
        for section in ("args", "dims", "let"):
            self.values(scope, section, tree.get(section))
        for key, value in entries(tree.get("inputs")):
            self.note("id", scope, key.raw, key.place, True)
            shape = value.get("shape") if isinstance(value, MapNode) else value
            if scope:
                for item in items(shape):
                    known = any(o.key == ("value", scope, item.raw) for o in self.index.found)
                    self.note("value", scope, item.raw, item.place, not known)
            self.expressions(scope, shape)
        self.expressions(scope, tree.get("require"))
        self.nodes(scope, tree.get("nodes"))
        for key, value in entries(tree.get("outputs")):
            node = value.get("node") if isinstance(value, MapNode) else value
            self.reference(scope, key if node is None else node)

    def values(self, scope: str, section: str, tree: YamlNode | None) -> None:
        """Arguments, sizes, names."""
        if isinstance(tree, ListNode):
            for item in items(tree):
                self.note("value", scope, item.raw, item.place, True)
        for key, value in entries(tree):
            self.note("value", scope, key.raw, key.place, True)
            default = value.get("default") if isinstance(value, MapNode) else value
            if isinstance(default, Scalar) and default.raw in self.blocks:
                self.note("block", "", default.raw, default.place)
            elif not (isinstance(default, Scalar) and default.raw in ARG_TYPES):
                self.expressions(scope, value if section == "dims" else default)

    def drawn(self, tree: YamlNode | None) -> None:
        """The ``draw:`` section names nodes by their paths."""
        for key, value in entries(tree):
            if key.raw in ("titles", "colours"):
                for name, _ in entries(value):
                    self.path(name)
            elif key.raw in ("panels", "focus"):
                for item in items(value):
                    self.path(item)

    # ------------------------------------------------------------------ nodes

    def nodes(self, scope: str, tree: YamlNode | None) -> None:
        """A list of nodes."""
        for item in tree if isinstance(tree, ListNode) else ():
            if isinstance(item, MapNode):
                self.node(scope, item)

    def node(self, scope: str, tree: MapNode) -> None:
        """One node."""
        used = tree.get("use")
        block = used.raw if isinstance(used, Scalar) else None
        own = tree.get("id")
        if isinstance(own, Scalar):
            self.note("id", scope, own.raw, own.place, True)
            head = next((key for key, _ in tree if key.raw not in NODE_KEYS), own)
            word = used if isinstance(used, Scalar) else head
            self.index.words[scope, own.raw] = word.place
        if block is not None:
            self.uses[scope, self.name(scope, block, own)] = block
        for key, value in tree:
            self.entry(scope, key, value, block)

    def name(self, scope: str, block: str, own: YamlNode | None) -> str:
        """What a use is called: its id, or the block's name with a number."""
        if isinstance(own, Scalar):
            return own.raw
        count = self.counts[scope, block] = self.counts.get((scope, block), 0) + 1
        return block if count == 1 else f"{block}_{count}"

    def entry(self, scope: str, key: Scalar, value: YamlNode, block: str | None) -> None:
        """One key of a node."""
        match key.raw:
            case "id" | "doc" | "init":
                return
            case "in" | "share":
                self.wiring(scope, value, block)
            case "weights":
                for _, target in entries(value):
                    self.path(target, scope)
            case "use":
                self.used(scope, value)
            case "with":
                self.arguments(scope, value, block)
            case "residual" | "sequence":
                self.structure(scope, value)
            case _:
                self.expressions(scope, value)

    def wiring(self, scope: str, tree: YamlNode, block: str | None) -> None:
        """References; the ports of a block are its inputs."""
        for port, value in entries(tree):
            if block is not None:
                self.note("id", block, port.raw, port.place)
            self.wiring(scope, value, None)
        for item in items(tree):
            self.reference(scope, item)

    def structure(self, scope: str, tree: YamlNode) -> None:
        """The lists inside of a residual or sequence."""
        self.nodes(scope, tree)
        for key, value in entries(tree):
            if key.raw == "of":
                self.reference(scope, value)
            else:
                self.nodes(scope, value)

    def used(self, scope: str, value: YamlNode) -> None:
        """The block of ``use:``, or the argument that holds it."""
        if isinstance(value, Scalar):
            known = any(o.key == ("value", scope, value.raw) for o in self.index.found)
            kind = "value" if known else "block"
            self.note(kind, scope if known else "", value.raw, value.place)

    def arguments(self, scope: str, tree: YamlNode, block: str | None) -> None:
        """``with:``: names of the block's arguments, values of this scope."""
        for key, value in entries(tree):
            if block is not None:
                self.note("value", block, key.raw, key.place)
            if isinstance(value, Scalar) and value.raw in self.blocks:
                self.note("block", "", value.raw, value.place)
            self.expressions(scope, value)

    # ------------------------------------------------------------------ leaves

    def reference(self, scope: str, value: YamlNode) -> None:
        """``name`` or ``name.output``."""
        if isinstance(value, Scalar) and one_line(value):
            name = value.raw.partition(".")[0]
            self.note("id", scope, name, value.place.part(quote(value), len(name)))

    def path(self, value: YamlNode, scope: str = "") -> None:
        """``encoder.0.attention.q``: ids from scope to scope, as far as they are ids."""
        if not isinstance(value, Scalar) or not one_line(value):
            return
        if value.raw in self.blocks:
            self.note("block", "", value.raw, value.place.part(quote(value), len(value.raw)))
        for found in PART.finditer(value.raw):
            name = found[0]
            if name.isdecimal() or name.startswith("{"):
                continue
            owner = self.owner(scope, name)
            place = value.place.part(found.start() + quote(value), len(name))
            if owner is not None:
                self.note("id", owner, name, place)
            scope = self.uses.get((scope if owner is None else owner, name), scope)

    def owner(self, scope: str, name: str) -> str | None:
        """The scope of an id on a path, of which parts may have been left out."""
        owners = [
            o.scope for o in self.index.found if o.kind == "id" and o.name == name and o.declares
        ]
        return scope if scope in owners else owners[0] if len(set(owners)) == 1 else None

    def expressions(self, scope: str, tree: YamlNode | None) -> None:
        """Names in expressions, in all scalars below; quoted text of an operator has none."""
        for leaf in leaves(tree):
            if leaf.plain and one_line(leaf):
                for found in WORD.finditer(leaf.raw):
                    place = leaf.place.part(found.start(), len(found[0]))
                    self.note("value", scope, found[0], place)


def entries(tree: YamlNode | None) -> tuple[tuple[Scalar, YamlNode], ...]:
    """The entries of a mapping; none of anything else."""
    return tree.entries if isinstance(tree, MapNode) else ()


def items(tree: YamlNode | None) -> Iterator[Scalar]:
    """A scalar, or the scalars in a list."""
    for item in tree if isinstance(tree, ListNode) else (tree,):
        if isinstance(item, Scalar):
            yield item


def leaves(tree: YamlNode | None) -> Iterator[Scalar]:
    """All scalars that are values."""
    if isinstance(tree, Scalar):
        yield tree
    for item in tree if isinstance(tree, ListNode) else ():
        yield from leaves(item)
    for _, value in entries(tree):
        yield from leaves(value)


def one_line(leaf: Scalar) -> bool:
    """Does the text stand in the file as it is?"""
    written = leaf.place.source.line(leaf.place.line)[leaf.place.column - 1 + quote(leaf) :]
    return written.startswith(leaf.raw) and leaf.raw != ""


def quote(leaf: Scalar) -> int:
    """Columns that a quote takes at the start."""
    return 0 if leaf.plain else 1
