"""A text as a tree in which every comment stands at its entry: what a formatter rewrites.

The parser's events know nothing of comments.  With all scalars blotted out, what is left of a
text is brackets, colons, commas, dashes and white space: there every # starts a comment.

    on a line of its own     belongs to the entry that follows, or, where it is indented deeper
                             than that one, to the end of the list or mapping before it
    behind something         belongs to the entry that it stands behind
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from framework.errors import Source
from framework.source.read import Mark, marks

COMMENT = re.compile(r"#[^\n]*")


@dataclass(eq=False, slots=True)
class Leaf:
    """A scalar as it is written, quotes included; ``style`` is its quote, ``|`` or ``>``."""

    raw: str
    style: str


@dataclass(eq=False, slots=True)
class Remark:
    """A comment on a line of its own; ``blank`` tells of an empty line above it."""

    text: str
    blank: bool = False


@dataclass(eq=False, slots=True)
class Entry:
    """A key with its value, or an item of a list (no key), with its comments.

    ``lead`` are the comments above it, ``trail`` those behind it; ``blank`` tells of an empty
    line above it.
    """

    key: Leaf | None
    parent: Branch
    value: Leaf | Branch | None = None
    lead: list[Remark] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    blank: bool = False
    column: int = 0


@dataclass(eq=False, slots=True)
class Branch:
    """A list or mapping; ``foot`` are the comments behind its last entry."""

    mapping: bool
    flow: bool
    owner: Entry | None = None
    entries: list[Entry] = field(default_factory=list)
    foot: list[Remark] = field(default_factory=list)
    key: Leaf | None = None

    @property
    def bare(self) -> bool:
        """Is there no comment in it?"""
        if self.foot:
            return False
        return all(
            not entry.lead
            and not entry.trail
            and (not isinstance(entry.value, Branch) or entry.value.bare)
            for entry in self.entries
        )

    def around(self) -> Iterator[Branch]:
        """Itself and what holds it, innermost first."""
        branch: Branch | None = self
        while branch is not None:
            yield branch
            branch = branch.owner.parent if branch.owner is not None else None


@dataclass(eq=False, slots=True)
class Token:
    """Something visible of the tree; ``entry`` is what it belongs to, None for the root's."""

    start: int
    end: int
    entry: Entry | None
    branch: Branch | None = None
    """The list or mapping whose bracket this is."""
    closing: bool = False


def read_notes(source: Source) -> Leaf | Branch | None:
    """The tree of a text that `read_yaml` accepts; a text is read with LF as its line end."""
    reader = Notes(source)
    for mark in marks(source):
        reader.take(mark)
    reader.settle()
    return reader.root


class Notes:
    """Builds the tree from marks, then puts each comment where it belongs."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.starts = [0, *accumulate(len(line) + 1 for line in self.text.split("\n"))]
        self.root: Leaf | Branch | None = None
        self.stack: list[Branch] = []
        self.tokens: list[Token] = []
        self.firsts: dict[int, Entry] = {}
        self.hidden = list(self.text)

    # ------------------------------------------------------------------ the tree

    def take(self, mark: Mark) -> None:
        """One event."""
        if mark.kind == "scalar":
            self.scalar(mark)
        elif mark.kind == "end":
            branch = self.stack.pop()
            if branch.flow:
                self.tokens.append(Token(mark.start, mark.end, branch.owner, branch, closing=True))
        else:
            branch = Branch(mark.kind == "mapping", mark.flow)
            branch.owner = self.put(branch, mark)
            self.stack.append(branch)
            if mark.flow:
                self.tokens.append(Token(mark.start, mark.start + 1, branch.owner, branch))

    def scalar(self, mark: Mark) -> None:
        """A key or a value."""
        leaf = Leaf(self.text[mark.start : mark.end], mark.style)
        end = mark.start + len(leaf.raw.rstrip())
        blot = mark.end if keeps_lines(leaf) else end
        self.hidden[mark.start : blot] = "x" * (blot - mark.start)
        if self.stack and self.stack[-1].mapping and self.stack[-1].key is None:
            self.stack[-1].key = leaf
            entry = self.begin(Entry(leaf, self.stack[-1]), mark)
        else:
            found = self.put(leaf, mark)
            if found is None:
                return
            entry = found
        self.tokens.append(Token(mark.start, end, entry))

    def put(self, value: Leaf | Branch, mark: Mark) -> Entry | None:
        """Store a value under its key or in its list; the entry that it belongs to."""
        if not self.stack:
            self.root = value
            return None
        parent = self.stack[-1]
        if parent.mapping:
            parent.key, entry = None, parent.entries[-1]
        else:
            entry = self.begin(Entry(None, parent), mark)
        entry.value = value
        return entry

    def begin(self, entry: Entry, mark: Mark) -> Entry:
        """Note where an entry begins: at its key, or at its dash."""
        start = mark.start
        if entry.key is None and not entry.parent.flow:
            start = self.dash(mark.start)
        line = self.line(start)
        entry.column = start - self.starts[line]
        entry.blank = self.after_blank(line) and not self.before(start).strip()
        entry.parent.entries.append(entry)
        self.firsts.setdefault(mark.start, entry)
        return entry

    def dash(self, index: int) -> int:
        """Where the dash stands before an item of a list."""
        start = self.tokens[-1].end if self.tokens else 0
        gap = "".join(self.hidden[start:index])
        bare = COMMENT.sub(lambda found: " " * len(found[0]), gap)
        return start + max(0, bare.rfind("-"))

    # ------------------------------------------------------------------ places

    def line(self, index: int) -> int:
        """Number of the line, from 0."""
        return bisect_right(self.starts, index) - 1

    def before(self, index: int) -> str:
        """The line up to a place, scalars blotted out."""
        return "".join(self.hidden[self.starts[self.line(index)] : index])

    def after_blank(self, line: int) -> bool:
        """Is the line above empty, and not the start of the text?"""
        above = self.hidden[self.starts[line - 1] : self.starts[line]] if line else "x"
        return not "".join(above).strip() and bool(self.text[: self.starts[line]].strip())

    # ------------------------------------------------------------------ comments

    def settle(self) -> None:
        """Put each comment where it belongs."""
        starts = [token.start for token in self.tokens]
        for found in COMMENT.finditer("".join(self.hidden)):
            index = found.start()
            after = bisect_left(starts, index)
            last = self.tokens[after - 1] if after else None
            following = self.tokens[after] if after < len(self.tokens) else None
            text = self.text[index : found.end()].rstrip()
            if self.stands_behind(last, index):
                self.behind(last, text)
            else:
                line = self.line(index)
                own = not self.before(index).strip()
                remark = Remark(text, own and self.after_blank(line))
                self.above(remark, index - self.starts[line], last, following)

    def stands_behind(self, last: Token | None, index: int) -> bool:
        """Does a comment stand behind a token on its line, an opening bracket not counted?"""
        if last is None or last.entry is None or self.line(last.end) != self.line(index):
            return False
        return last.branch is None or last.closing

    def behind(self, last: Token | None, text: str) -> None:
        """A comment at the end of a line."""
        if last is not None and last.entry is not None:
            last.entry.trail.append(text)

    def above(
        self, remark: Remark, column: int, last: Token | None, following: Token | None
    ) -> None:
        """A comment on a line of its own."""
        if following is not None and following.closing and following.branch is not None:
            following.branch.foot.append(remark)
            return
        entry = None if following is None else self.firsts.get(following.start, following.entry)
        branch = self.holder(last, entry, column)
        if branch is not None:
            branch.foot.append(remark)
        elif entry is not None:
            entry.lead.append(remark)

    def holder(self, last: Token | None, entry: Entry | None, column: int) -> Branch | None:
        """The list or mapping that ends with a comment, or None if it belongs to what follows."""
        inner = self.inner(last)
        if entry is not None and (column <= entry.column or inner is None or inner.flow):
            return None
        kept = set(entry.parent.around()) if entry is not None else set()
        for branch in inner.around() if inner is not None else ():
            if branch in kept:
                return None
            if branch.entries[0].column <= column or branch is self.root:
                return branch
        return None

    def inner(self, last: Token | None) -> Branch | None:
        """The list or mapping that a token lies in."""
        if last is not None and last.entry is not None:
            return last.entry.parent
        return self.root if isinstance(self.root, Branch) else None


def keeps_lines(leaf: Leaf) -> bool:
    """Do empty lines at its end belong to a text (``|+``)?"""
    return leaf.style in ("|", ">") and "+" in leaf.raw[:3]
