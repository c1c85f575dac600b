"""Lines of at most a hundred columns, broken at brackets as a formatter does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

__all__ = ["WIDTH", "docstring", "wrapped"]

WIDTH = 100
INDENT = 4
CLAUSES = (" for ", " if ", " else ")
SIGNS = ((" + ", " - "), (" * ", " / ", " @ "))
STATEMENTS = ("return ",)


def wrapped(text: str, indent: int, comment: str = "") -> list[str]:
    """A statement, with its comment behind it, or above it where that is too long."""
    if text.startswith("#"):
        return [" " * indent + line for line in textwrap.wrap(text, WIDTH - indent)]
    note = f"# {comment}" if comment else ""
    line = " " * indent + text
    if len(line) <= WIDTH:
        whole = f"{line}  {note}" if note else line
        if len(whole) <= WIDTH:
            return [whole]
        return [" " * indent + note[: WIDTH - indent], line]
    above = [" " * indent + note[: WIDTH - indent]] if note else []
    return above + exploded(text, indent)


def exploded(text: str, indent: int, end: str = "") -> list[str]:
    """A text over several lines: the last outermost bracket is opened up."""
    line = " " * indent + text + end
    span = last_bracket(text)
    if len(line) <= WIDTH or span is None:
        return [line]
    if text.startswith(STATEMENTS) or " = " in text.partition("(")[0]:
        sign = "return " if text.startswith(STATEMENTS) else " = "
        target, sign, value = text.partition(sign)
        if len(clauses(value)) > 1:
            return exploded(f"{target}{sign}({value})", indent, end)
    head, body, tail = text[: span[0] + 1], text[span[0] + 1 : span[1]], text[span[1] :]
    return [" " * indent + head, *inside(body, indent + INDENT), " " * indent + tail + end]


def inside(body: str, indent: int) -> list[str]:
    """What stands between brackets: on one line, or one line for each part."""
    if indent + len(body) <= WIDTH:
        return [" " * indent + body]
    pieces = split(body)
    if len(pieces) > 1:
        return [line for piece in pieces for line in exploded(piece, indent, ",")]
    return [line for clause in clauses(body) for line in exploded(clause, indent)]


def clauses(text: str) -> list[str]:
    """The parts of a choice, a comprehension or a sum: each but the first begins with its word."""
    for words in (CLAUSES, *SIGNS):
        parts = list(parted(text, words))
        if len(parts) > 1:
            return parts
    return [text]


def parted(text: str, words: tuple[str, ...]) -> Iterator[str]:
    """The text cut before these words, where they stand in no bracket."""
    start, level = 0, 0
    for index, character in tokens(text):
        level += (character in "([{") - (character in ")]}")
        if level == 0 and text.startswith(words, index):
            yield text[start:index]
            start = index + 1
    yield text[start:]


def last_bracket(text: str) -> tuple[int, int] | None:
    """The last bracket that stands in no other, with something in it: where it opens and closes."""
    found, opened, level = None, 0, 0
    for index, character in tokens(text):
        if character in "([{":
            opened = index if level == 0 else opened
            level += 1
        elif character in ")]}":
            level -= 1
            if level == 0 and index > opened + 1:
                found = (opened, index)
    return found


def split(text: str) -> list[str]:
    """The parts between the outermost commas."""
    parts, start, level = [], 0, 0
    for index, character in tokens(text):
        level += (character in "([{") - (character in ")]}")
        if character == "," and level == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """The characters that stand in no quoted text."""
    quoted = escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            yield index, character


def docstring(lines: list[str], indent: int) -> list[str]:
    """A docstring; the texts must be safe already."""
    pad = " " * indent
    folded = [part for line in lines for part in fold(line, WIDTH - indent - 3)]
    if len(folded) == 1 and len(folded[0]) <= WIDTH - indent - 6:
        return [f'{pad}"""{folded[0]}"""']
    rest = [f"{pad}{line}".rstrip() for line in folded[1:]]
    return [f'{pad}"""{folded[0]}', *rest, f'{pad}"""']


def fold(line: str, width: int) -> list[str]:
    """A long line as several; an indented one stays as it is."""
    if len(line) <= width or line.startswith(" "):
        return [line]
    return textwrap.wrap(line, width)
