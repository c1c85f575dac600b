"""The tree while it grows: an explicit stack, so that nesting costs no recursion."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from framework.errors import Place, Problem
from framework.limits import PROBLEMS, YAML_DEPTH
from framework.source.nodes import ListNode, MapNode, Scalar, YamlNode
from framework.source.positions import Positions
from framework.source.scalars import NumberMistake, resolve, short

REUSE = "to reuse nodes write a block"
NO_SPACE = re.compile(r"([A-Za-z_]\w*):(\S.*)")


class Fatal(Exception):
    """Reading cannot go on; the problem has been recorded."""


@dataclass
class Open:
    """A list or mapping that has begun: what it holds so far."""

    start: int
    flow: bool
    mapping: bool
    items: list[YamlNode] = field(default_factory=list)
    entries: list[tuple[Scalar, YamlNode]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    key: YamlNode | None = None
    dropped: bool = False
    merging: bool = False


class Tree:
    """Puts finished nodes where they belong, checks keys, and collects what is wrong."""

    def __init__(self, positions: Positions, problems: list[Problem]) -> None:
        self.positions = positions
        self.problems = problems
        self.stack: list[Open] = []
        self.root: YamlNode | None = None

    def report(self, code: str, fact: str, place: Place, hint: str | None = None) -> None:
        """Record one problem; a file full of them is given up."""
        self.problems.append(Problem(code, fact, place, hint))
        if len(self.problems) > PROBLEMS:
            raise Fatal

    def result(self) -> YamlNode | None:
        """The finished tree; an empty file is a problem."""
        root = self.root
        if root is None or (isinstance(root, Scalar) and root.plain and root.raw == ""):
            place = self.positions.place(0)
            self.report("empty", "the file is empty", place, "a model starts with 'format: 1'")
            return None
        return root

    @property
    def awaits_key(self) -> bool:
        """Is the next node the key of a mapping?"""
        return bool(self.stack) and self.stack[-1].mapping and self.stack[-1].key is None

    @property
    def merges(self) -> bool:
        """Is the next node, or what holds it, the value of a merge key?"""
        return any(parent.merging for parent in self.stack)

    @property
    def bracket(self) -> int | None:
        """Index of the bracket that is open, if the innermost collection has one."""
        return self.stack[-1].start if self.stack and self.stack[-1].flow else None

    def open(self, start: int, *, flow: bool, mapping: bool) -> None:
        """Begin a list or mapping."""
        if len(self.stack) >= YAML_DEPTH:
            place = self.positions.place(start)
            fact = f"lists and mappings are nested deeper than {YAML_DEPTH} levels"
            self.report("depth", fact, place, "move the inner part to a block")
            raise Fatal
        self.stack.append(Open(start, flow, mapping))

    def close(self, end: int) -> None:
        """Finish the innermost list or mapping, whose text ends before ``end``."""
        done = self.stack.pop()
        one_line = done.flow and "\n" not in self.positions.text[done.start : end]
        place = self.positions.place(done.start, end if one_line else None)
        if done.mapping:
            self.add(MapNode(tuple(done.entries), place, done.flow))
        else:
            self.add(ListNode(tuple(done.items), place, done.flow))

    def add(self, node: YamlNode) -> None:
        """Put a finished node where it belongs."""
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = node
            parent.dropped = not self.is_good_key(node, parent)
        else:
            self.add_entry(parent, parent.key, node)
            parent.key, parent.dropped, parent.merging = None, False, False

    def is_good_key(self, key: YamlNode, parent: Open) -> bool:
        """Report a key that is no text, a merge key, or one that was given before."""
        if not isinstance(key, Scalar):
            self.report("key", "a key must be a word, not a list or mapping", key.place, "quote it")
            return False
        if key.broken:
            return False
        if key.plain and key.raw == "<<":
            parent.merging = True
            self.report("merge-key", "YAML merge keys (<<) are not used here", key.place, REUSE)
            return False
        if key.raw in parent.lines:
            hint = f"first on line {parent.lines[key.raw]}"
            self.report("duplicate-key", f"'{key.raw}' is given twice", key.place, hint)
            return False
        parent.lines[key.raw] = key.place.line
        self.check_text_key(key)
        return True

    def check_text_key(self, key: Scalar) -> None:
        """Report a plain key that YAML reads as a number, a truth value or nothing.

        The entry is kept as if the key were quoted, so that nothing is missed on its account.
        """
        if not key.plain or isinstance(meaning(key.raw), str):
            return
        if key.raw == "":
            self.report("key", "the key is empty", key.place, "write a word before the colon")
        else:
            raw = short(key.raw)
            self.report("key", f"the key {raw} is not text", key.place, f"quote it: '{raw}'")

    def add_entry(self, parent: Open, key: YamlNode, value: YamlNode) -> None:
        """Store a key with its value unless one of them was refused."""
        if parent.dropped or not isinstance(key, Scalar):
            return
        found = NO_SPACE.fullmatch(key.raw) if key.plain else None
        if found and isinstance(value, Scalar) and value.plain and value.raw == "":
            fact = f"there is no space after the colon in '{short(key.raw)}'"
            hint = short(f"write '{found.group(1)}: {found.group(2)}'")
            self.report("yaml", fact, key.place, hint)
            return
        parent.entries.append((key, value))


def meaning(raw: str) -> str | int | float | bool | None:
    """What a plain word would be as a value; odd numbers count as numbers."""
    try:
        return resolve(raw)
    except NumberMistake:
        return None
