"""What may stand at the cursor: the role of the place, and what is there already."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framework.ir.op import REGISTRY
from framework.tools.lsp.outline import TEXT, Line, Outline, Stack, logical, outline, scope_of

Role = tuple[str, str]
"""What a place is, and the operator or attribute it is about."""

INSIDE: dict[str, dict[str, str]] = {
    "top": {
        "args": "args", "let": "expression", "require": "expression", "dims": "dims",
        "inputs": "inputs", "outputs": "outputs", "blocks": "blocks", "nodes": "nodes",
        "weights": "stored", "draw": "draw", "import": "import",
    },
    "block": {
        "args": "args", "let": "expression", "require": "expression", "inputs": "inputs",
        "outputs": "outputs", "nodes": "nodes",
    },
    "node": {
        "residual": "residual", "sequence": "nodes", "in": "in", "with": "with", "use": "use",
        "share": "share", "weights": "tied", "init": "init", "shape": "expression",
        "when": "expression", "repeat": "expression", "id": "other", "doc": "other",
    },
    "residual": {"body": "nodes", "skip": "nodes", "of": "reference"},
    "args": {"": "arg"},
    "arg": {"type": "type", "default": "expression"},
    "dims": {"": "dim"},
    "dim": {"doc": "other", "": "expression"},
    "inputs": {"": "input"},
    "input": {"dtype": "dtype", "shape": "expression", "-": "expression"},
    "outputs": {"": "output"},
    "output": {"node": "reference"},
    "blocks": {"": "block"},
    "nodes": {"-": "node"},
    "in": {"": "in"},
    "with": {"": "expression"},
    "expression": {"": "expression"},
}  # fmt: skip


@dataclass(frozen=True)
class Context:
    """A place in a text.

    ``role`` is that of the list or mapping around it, ``key`` the key whose value is typed
    (None while a key, or an item of a list, is), ``given`` the keys that are there; ``word`` is
    what has been typed, from column ``start`` on; ``node`` is the text of the node around it.
    """

    role: Role
    key: str | None
    given: tuple[str, ...]
    word: str
    start: int
    scope: str
    first: bool
    node: str
    lines: Outline

    @property
    def value(self) -> Role:
        """The role of the value that is typed."""
        return self.role if self.key is None else inside(self.role, self.key)

    @property
    def op(self) -> str | None:
        """The operator of the node."""
        found = re.match(r"[\s{-]*([A-Za-z_]\w*)", self.node)
        return found[1] if found is not None and found[1] in REGISTRY else None

    @property
    def use(self) -> str | None:
        """The block that the node uses."""
        found = re.search(r"\buse:\s*([A-Za-z_]\w*)", self.node)
        return None if found is None else found[1]


def inside(role: Role, key: str) -> Role:
    """The role of what stands under a key."""
    name, about = role
    if name in ("attributes", "attribute"):
        op, _, attribute = about.partition(".")
        main = attribute if attribute else str(REGISTRY[op].main)
        return ("attribute", f"{op}.{main if key == '-' else key}")
    if name == "residual" and key == "-":
        return ("node", "")
    if name == "node" and key in REGISTRY:
        return ("attributes", key)
    table = INSIDE.get(name, {})
    return (table.get(key, table.get("", "other")), key)


def role_of(path: tuple[str, ...]) -> Role:
    """The role of what stands under all these keys."""
    role: Role = ("top", "")
    for key in path:
        role = inside(role, key)
    return role


def context(text: str, number: int, column: int) -> Context:
    """The context of a cursor; lines and columns count from 0, columns in characters."""
    lines = text.split("\n")
    before, prefix = lines[:number], lines[number][:column]
    joined = list(logical([*before, prefix + "\0"]))  # the mark keeps trailing white space
    marked = [i for i, line in enumerate(joined) if "\0" in line]
    if not marked:  # inside of a comment
        return Context(("other", ""), None, (), "", column, "", False, "", Outline())
    place = marked[-1]
    stack = Stack()
    for index, line in enumerate(joined[:place]):
        if line.strip():
            stack.step(index, line)
    here = stack.step(place, joined[place].removesuffix("\0"))
    whole = outline(text)
    brackets = Brackets(here)
    found = re.search(r"[A-Za-z_]\w*$", prefix)
    word = "" if found is None else found[0]
    return Context(
        role_of(brackets.path),
        brackets.key,
        brackets.given + (() if brackets.frames else siblings(whole, here, number)),
        word,
        len(prefix) - len(word),
        scope_of((*here.path, here.key or "")),
        here.first,
        node_text(whole, here, number),
        whole,
    )


class Brackets:
    """Where the end of a line stands in its brackets."""

    def __init__(self, line: Line) -> None:
        self.path = line.path
        self.key = line.key
        self.given: tuple[str, ...] = ()
        self.frames: list[tuple[tuple[str, ...], tuple[str, ...], bool, str]] = []
        self.mapping = False
        self.piece = ""
        for character in TEXT.sub(lambda found: "x" * len(found[0]), line.rest):
            self.take(character)
        if self.frames and self.mapping:
            name, colon, _ = self.piece.partition(":")
            self.key = name.strip() if colon else None

    def take(self, character: str) -> None:
        """One character."""
        if character in "[{":
            self.open(character == "{")
        elif character in "]}" and self.frames:
            self.path, self.given, self.mapping, self.piece = self.frames.pop()
        elif character == "," and self.frames:
            self.given += (self.piece.partition(":")[0].strip(),)
            self.piece = ""
        else:
            self.piece += character

    def open(self, mapping: bool) -> None:
        """A bracket opens: what stands before its colon is the key of what is inside."""
        self.frames.append((self.path, self.given, self.mapping, self.piece))
        name, colon, _ = self.piece.partition(":")
        if self.mapping and colon:
            self.path = (*self.path, name.strip())
        elif self.key is not None:
            self.path = (*self.path, self.key)
        if not mapping:
            self.path = (*self.path, "-")
        self.key, self.given, self.piece, self.mapping = None, (), "", mapping


def siblings(whole: Outline, here: Line, number: int) -> tuple[str, ...]:
    """The keys beside a line, in the same mapping."""
    found: list[str] = []
    for line in around(whole, here, number):
        if line.column == here.column and line.key is not None and line.number != number:
            found.append(line.key)
    return tuple(found)


def around(whole: Outline, here: Line, number: int) -> list[Line]:
    """The lines of the mapping that a line stands in."""
    above: list[Line] = []
    if not here.first:
        for line in reversed([line for line in whole.lines if line.number < number]):
            if line.column < here.column:
                break
            above.append(line)
            if line.first and line.column == here.column:
                break
    below: list[Line] = []
    for line in (line for line in whole.lines if line.number > number):
        if line.column < here.column or (line.first and line.column == here.column):
            break
        below.append(line)
    own = [line for line in whole.lines if line.number == number]
    return [*reversed(above), *own, *below]


def node_level(path: tuple[str, ...]) -> int:
    """How much of a path leads to the innermost node on it; 0 where there is none."""
    dashes = [place for place, key in enumerate(path) if key == "-"]
    nodes = [place + 1 for place in dashes if role_of(path[: place + 1])[0] == "node"]
    return nodes[-1] if nodes else 0


def node_text(whole: Outline, here: Line, number: int) -> str:
    """The text of the node that a line belongs to."""
    level = node_level(here.path)
    if level == 0:
        return ""
    above = [line for line in whole.lines if line.number <= number]
    start = len(above) - 1
    while start > 0 and not (above[start].first and len(above[start].path) == level):
        start -= 1
    path = here.path[:level]
    texts: list[str] = []
    for line in [*above[start:], *(line for line in whole.lines if line.number > number)]:
        if line.path[:level] != path or (texts and line.first and len(line.path) == level):
            break
        texts.append(f"{line.key}: {line.rest}" if line.key is not None else line.rest)
    return "\n".join(texts)
