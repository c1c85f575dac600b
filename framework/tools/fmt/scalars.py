"""Scalars at a new indentation: quotes and words stay as they are written."""

from __future__ import annotations

import re

from framework.source.comments import Leaf

BETWEEN = re.compile(r"(?<=[^ \\]) (?=[^ ])")
HEADER = re.compile(r"([|>])([-+]?)(\d?)([-+]?)[ \t]*(#[^\n]*)?\n?")


def one_line(leaf: Leaf) -> str | None:
    """The scalar on one line, or None where its line ends mean something."""
    if "\n" not in leaf.raw:
        return leaf.raw
    lines = leaf.raw.split("\n")
    rest = [line.strip(" \t") for line in lines[1:]]
    escaped = any(line.rstrip(" \t").endswith("\\") for line in lines[:-1])
    if leaf.style in ("|", ">") or escaped or not all(rest):
        return None
    return " ".join([lines[0].rstrip(" \t"), *rest])


def broken(leaf: Leaf, first: int, indent: int, width: int) -> list[str]:
    """The lines of a scalar; ``first`` columns of the first line are taken.

    White space at the start of a further line, and a single line end, are one space to YAML.
    """
    text = one_line(leaf)
    if text is not None:
        return filled(BETWEEN.split(text), first, indent, width)
    head, *middle, last = leaf.raw.split("\n")
    rest = [(" " * indent + line.strip(" \t")).rstrip() for line in middle]
    return [head.rstrip(" \t"), *rest, " " * indent + last.strip(" \t")]


def filled(words: list[str], first: int, indent: int, width: int) -> list[str]:
    """Words on lines of at most ``width`` columns where that is possible."""
    lines, line, room = [], words[0], width - first
    for word in words[1:]:
        if len(line) + 1 + len(word) <= room:
            line += f" {word}"
        else:
            lines.append(line)
            line, room = " " * indent + word, width
    return [*lines, line]


def literal(leaf: Leaf, column: int, indent: int) -> list[str]:
    """A text after ``|`` or ``>`` with its lines moved; empty lines behind it only if they count.

    An indentation digit, needed where the text starts with spaces, counts from the parent's
    column, which is ``column`` in the text as it was and two less than ``indent`` from now on.
    """
    head = HEADER.match(leaf.raw)
    if head is None:
        return leaf.raw.split("\n")
    mark, before, digit, after, comment = head.groups()
    lines = leaf.raw[head.end() :].split("\n")
    shift = column + int(digit) if digit else margin(lines)
    lines = [line[shift:] for line in lines]
    lines.pop()  # behind the last line end there is nothing
    while lines and not lines[-1] and "+" not in (before, after):
        lines.pop()
    top = f"{mark}{'2' if digit else ''}{before}{after}"
    moved = (" " * indent + line if line else "" for line in lines)
    return [f"{top}  {comment}" if comment else top, *moved]


def margin(lines: list[str]) -> int:
    """Number of spaces that the first line with a text starts with."""
    first = next((line for line in lines if line.strip(" ")), "")
    return len(first) - len(first.lstrip(" "))
