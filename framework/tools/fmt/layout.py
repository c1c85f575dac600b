"""Lines of canonical YAML: block style for what is long, flow style for what is short.

A list or mapping stands on one line if it fits there and its author wrote it in brackets, or if
it is a short one of `roles` other than those that are always tall.  Comments end in one column.
"""

from __future__ import annotations

import re

from framework.source.comments import Branch, Entry, Leaf, Remark
from framework.tools.fmt.roles import FREE, TALL, ordered, role_inside
from framework.tools.fmt.scalars import broken, literal, one_line

WIDTH = 100
SHORT = 60
COLUMN = 37
"""Where comments behind something begin, if it is shorter."""
IN_BRACKETS = re.compile(r"[^,\[\]{}]+")
"""Plain text that means the same inside of brackets."""


def document(root: Branch) -> list[str]:
    """The lines of a whole file; the comments above its first key stay at the top."""
    order = ordered(root, "top")
    first = root.entries[0]
    if order[0] is not first:
        order[0].lead[:0], first.lead = first.lead, []
    return block(root, "top", 0)


# ---------------------------------------------------------------- lists and mappings, tall


def block(branch: Branch, role: str, indent: int) -> list[str]:
    """A list or mapping with one entry below the other."""
    lines: list[str] = []
    for entry in ordered(branch, role):
        lines += above(entry, role, indent, not lines)
    for remark in branch.foot:
        lines += noted(remark, indent, not lines)
    return lines


def above(entry: Entry, role: str, indent: int, first: bool) -> list[str]:
    """An entry with the comments and the empty line above it."""
    body = item(entry, role, indent)
    lines: list[str] = []
    for remark in entry.lead:
        lines += noted(remark, indent, first and not lines)
    if entry.blank and not (first and not lines):
        lines.append("")
    return lines + body


def noted(remark: Remark, indent: int, first: bool) -> list[str]:
    """A comment on a line of its own."""
    gap = [""] if remark.blank and not first else []
    return [*gap, " " * indent + remark.text]


def item(entry: Entry, role: str, indent: int) -> list[str]:
    """An entry itself; comments that find no place behind it go above it."""
    if len(entry.trail) > 1:
        lift(entry, entry.trail[:-1])
    inside = role_inside(role, entry)
    mark = "-" if entry.key is None else f"{one_line(entry.key)}:"
    head = " " * indent + mark
    text = flow(entry.value, inside, len(head) + 1)
    line = head if text is None else f"{head} {text}".rstrip(" ")
    if text is not None and len(line) <= WIDTH:
        return [commented(entry, line)]
    if isinstance(entry.value, Branch):
        return tall(entry, entry.value, head, inside, indent)
    return long(entry, head, indent)


def lift(entry: Entry, comments: list[str]) -> None:
    """Put comments from behind an entry above it."""
    entry.lead += [Remark(text) for text in comments]
    entry.trail = entry.trail[len(comments) :]


def commented(entry: Entry, line: str) -> str:
    """A line with the comment of its entry, which goes above it where there is no room."""
    if not entry.trail:
        return line
    gap = " " * max(COLUMN - len(line), 1 if len(line) < COLUMN else 2)
    whole = f"{line}{gap}{entry.trail[0]}"
    if len(whole) <= WIDTH or len(line) < COLUMN:
        return whole
    lift(entry, entry.trail)
    return line


def long(entry: Entry, head: str, indent: int) -> list[str]:
    """A text of several lines."""
    value = entry.value if isinstance(entry.value, Leaf) else Leaf("", "")
    if value.style in ("|", ">"):
        lines = literal(value, entry.column, indent + 2)
    else:
        lines = broken(value, len(head) + 1, indent + 2, WIDTH)
    lift(entry, entry.trail)
    return [f"{head} {lines[0]}", *lines[1:]]


def tall(entry: Entry, value: Branch, head: str, role: str, indent: int) -> list[str]:
    """A list or mapping below its key, or beside its dash."""
    lines = below(value, role, indent + 2)
    if entry.key is not None:
        return [commented(entry, head), *lines]
    lift(entry, entry.trail)
    first = next(iter(ordered(value, role)), None)
    if first is not None and first.lead:  # no comment can stand between a dash and its item
        entry.lead, first.lead = entry.lead + first.lead, []
        lines = below(value, role, indent + 2)
    return [f"{head} {lines[0].lstrip(' ')}", *lines[1:]]


def below(branch: Branch, role: str, indent: int) -> list[str]:
    """A list or mapping on lines of its own: in brackets if it fits there."""
    text = flow(branch, role, indent)
    if text is not None and branch.flow and indent + len(text) <= WIDTH:
        return [" " * indent + text]
    if text is not None and branch.flow and not branch.mapping:
        pieces = list_lines(branch, role, indent)
        if pieces:
            return pieces
    return block(branch, role, indent)


def list_lines(branch: Branch, role: str, indent: int) -> list[str]:
    """A long list in brackets, as many items on a line as fit; [] where one is too long."""
    texts = [flow(entry.value, role_inside(role, entry), 0) or "" for entry in branch.entries]
    lines, line = [], " " * indent + "["
    for number, text in enumerate(texts):
        piece = text + (", " if number + 1 < len(texts) else "]")
        if line.strip(" [") and len(line) + len(piece.rstrip()) > WIDTH:
            lines.append(line.rstrip())
            line = " " * (indent + 1)
        line += piece
    lines.append(line)
    return lines if max(map(len, lines)) <= WIDTH else []


# ---------------------------------------------------------------- on one line


def flow(value: Leaf | Branch | None, role: str, taken: int) -> str | None:
    """The value on one line behind ``taken`` columns, or None if it does not stand on one."""
    if not isinstance(value, Branch):
        return "" if value is None else one_line(value)
    if role in TALL or not value.bare or (role in FREE and not value.flow):
        return None
    text = in_brackets(value, role)
    if text is None or value.flow or not value.entries:
        return text
    return text if taken + len(text) <= SHORT else None


def in_brackets(branch: Branch, role: str) -> str | None:
    """A list or mapping in flow style."""
    pieces: list[str] = []
    for entry in ordered(branch, role):
        text = inner(entry.value, role_inside(role, entry), branch.flow)
        if text is None or (entry.key is not None and not safe(entry.key, branch.flow)):
            return None
        key = "" if entry.key is None else f"{one_line(entry.key)}: "
        pieces.append((key + text).rstrip(" ") if text else key.removesuffix(": "))
    text = ", ".join(pieces)
    return f"{{{text}}}" if branch.mapping else f"[{text}]"


def inner(value: Leaf | Branch | None, role: str, was_flow: bool) -> str | None:
    """A value inside of brackets."""
    if isinstance(value, Branch):
        return None if role in TALL else in_brackets(value, role)
    if value is None:
        return ""
    return one_line(value) if safe(value, was_flow) else None


def safe(leaf: Leaf, was_flow: bool) -> bool:
    """Does a scalar mean the same inside of brackets?"""
    text = None if leaf.style in ("|", ">") else one_line(leaf)
    if text is None or was_flow or leaf.style:
        return text is not None
    return IN_BRACKETS.fullmatch(text) is not None
