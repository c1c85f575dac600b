"""Lines with the keys around them, read by indentation: half-typed text has an outline, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s:{}\[\],#&*!|>'"%@`-][^:{}\[\],#]*?)\s*:(?=\s|$)""")
COMMENT = re.compile(r"(^|\s)#.*")
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'')
WORD = re.compile(r"[A-Za-z_]\w*")
DASH = re.compile(r"-(?:\s+|$)")


@dataclass(frozen=True)
class Line:
    """One line: ``path`` are the keys around it, "-" for an item of a list.

    ``key`` is what stands before the colon, ``rest`` what follows (or all there is), without a
    comment; ``first`` tells of a dash before it; ``column`` is where the content begins.
    """

    number: int
    path: tuple[str, ...]
    column: int
    key: str | None
    rest: str
    first: bool

    @property
    def scope(self) -> str:
        """The block that the line belongs to; "" for the model itself."""
        return scope_of((*self.path, self.key or ""))

    @property
    def inner(self) -> tuple[str, ...]:
        """The keys around the line inside of its block."""
        return self.path[2:] if self.scope else self.path


@dataclass
class Outline:
    """All lines, those inside of brackets that are still open left out."""

    lines: list[Line] = field(default_factory=list)

    def of(self, scope: str) -> Iterator[Line]:
        """The lines of a block, or of the model itself."""
        return (line for line in self.lines if line.scope == scope)


class Stack:
    """The keys around a line, each with its column."""

    def __init__(self) -> None:
        self.keys: list[tuple[int, str]] = []

    def step(self, number: int, text: str) -> Line:
        """Take one line in and say where it stands."""
        column = len(text) - len(text.lstrip(" "))
        content, first = text[column:], False
        while dash := DASH.match(content):
            while self.keys and (self.keys[-1] == (column, "-") or self.keys[-1][0] > column):
                self.keys.pop()
            self.keys.append((column, "-"))
            content, column, first = content[dash.end() :], column + dash.end(), True
        while self.keys and self.keys[-1][0] >= column:
            self.keys.pop()
        path = tuple(key for _, key in self.keys)
        found = KEY.match(content)
        key = None if found is None else found[1].strip("\"'")
        if key is not None:
            self.keys.append((column, key))
        rest = content if found is None else content[found.end() :].lstrip()
        return Line(number, path, column, key, rest, first)


def scope_of(path: tuple[str, ...]) -> str:
    """The block that a path lies in; "" for the model itself.

    >>> scope_of(("blocks", "stage", "nodes", "-"))
    'stage'
    """
    return path[1] if len(path) > 1 and path[0] == "blocks" else ""


def outline(text: str) -> Outline:
    """The outline of a text."""
    stack, found = Stack(), Outline()
    for number, line in enumerate(logical(text.split("\n"))):
        if line.strip():
            found.lines.append(stack.step(number, line))
    return found


def logical(lines: Iterable[str]) -> Iterator[str]:
    """Lines without comments; one that goes on in brackets is joined, the further ones are empty.

    A bracket that nobody closed ends where an item or a key begins that is not deeper.
    """
    waiting: list[str] = []
    for raw in lines:
        line = bare(raw)
        if waiting and goes_on(waiting[0], line):
            waiting[0] = f"{waiting[0]} {line.strip()}"
            waiting.append("")
        else:
            yield from waiting
            waiting = [line]
    yield from waiting


def bare(line: str) -> str:
    """A line without its comment and its line end; quoted text keeps its length."""
    hidden = TEXT.sub(lambda found: "x" * len(found[0]), line)
    found = COMMENT.search(hidden)
    return (line if found is None else line[: found.start()]).rstrip()


def goes_on(before: str, line: str) -> bool:
    """Does a line go on with the brackets that are open in the one before?"""
    if depth(before) <= 0:
        return False
    start = len(before) - len(before.lstrip(" -"))
    return not line.strip() or len(line) - len(line.lstrip(" ")) > start or line.strip()[0] in "]}"


def depth(text: str) -> int:
    """How many brackets are open at the end of a text."""
    hidden = TEXT.sub("", text)
    return sum(hidden.count(c) for c in "[{") - sum(hidden.count(c) for c in "]}")


# ---------------------------------------------------------------- names


@dataclass
class Names:
    """What a scope declares."""

    ids: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    """Arguments, names and sizes, each with its declaration."""
    args: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)


def names_of(found: Outline, scope: str) -> Names:
    """The names that a scope declares, as far as its lines tell."""
    names = Names()
    for line in found.of(scope):
        if line.inner[:1] == ("nodes",) or (line.key == "nodes" and line.rest):
            names.ids += re.findall(r"\bid:\s*([A-Za-z_]\w*)", f"{line.key}: {line.rest}")
        for section in ("args", "let", "dims", "inputs"):
            for name, text in declared(line, section):
                add(names, section, name, text, bool(scope))
    return names


def add(names: Names, section: str, name: str, text: str, in_block: bool) -> None:
    """Note one declaration."""
    if section == "inputs":
        names.inputs.append(name)
        shape = re.search(r"\[([^\]]*)\]", text)
        if shape is not None and in_block:
            bound = (part.strip() for part in shape[1].split(","))
            names.values.update({n: f"{name}: [{shape[1]}]" for n in bound if WORD.fullmatch(n)})
        return
    if section == "args":
        names.args.append(name)
    names.values[name] = f"{name}: {text}" if text else name


def declared(line: Line, section: str) -> Iterator[tuple[str, str]]:
    """Names with their texts that a line declares in a section."""
    if line.inner == (section,) and line.key is not None:
        yield line.key, line.rest
    elif line.key == section and line.inner == ():
        yield from entries(line.rest)


def entries(text: str) -> Iterator[tuple[str, str]]:
    """The entries of ``{a: 1, b: [2]}``, or the items of ``[a, b]``."""
    for piece in pieces(text.strip().removeprefix("{").removeprefix("[")):
        name, _, value = piece.partition(":")
        if WORD.fullmatch(name.strip()):
            yield name.strip(), value.strip()


def pieces(text: str) -> Iterator[str]:
    """Parts of a text between the commas outside of brackets, up to the bracket that ends it."""
    level, start = 0, 0
    for place, character in enumerate(text):
        level += character in "[{"
        level -= character in "]}"
        if level < 0:
            yield text[start:place]
            return
        if character == "," and level == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def blocks_of(found: Outline) -> list[str]:
    """Names of the blocks, own and imported."""
    names = [line.key for line in found.lines if line.path == ("blocks",) and line.key is not None]
    for line in found.lines:
        if line.path[:1] == ("import",) or (line.key == "import" and not line.path):
            inside = re.findall(r"\[([^\]]*)\]", line.rest)
            names += [name for text in inside for name in WORD.findall(text)]
            if line.first and line.key is None:
                names += WORD.findall(line.rest)
    return names
