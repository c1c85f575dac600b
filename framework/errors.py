"""Exceptions, positions, and how a mistake is printed.

    FrameworkError                 anything this package raises on purpose
    ├── Mistake                    one bare fact, not yet placed in a file
    │   └── ShapeError             sizes or types that do not fit
    ├── SpecError                  all problems of a model file, in order of place   (exit 2)
    ├── InputError                 an array, file or option that does not fit        (exit 2)
    ├── WeightError                weights that do not fit, all mismatches at once   (exit 2)
    └── RunError                   a run that failed                                 (exit 1)

Inner code raises the bare fact; one outer place adds the node and the position.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

__all__ = [
    "FrameworkError",
    "InputError",
    "Mistake",
    "Place",
    "Problem",
    "RunError",
    "ShapeError",
    "Source",
    "SpecError",
    "WeightError",
    "did_you_mean",
    "nearest",
    "visible",
]

LONGEST_LINE = 200
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey: control characters, line ends of its own, changes of direction."""


class FrameworkError(Exception):
    """Base of every error that this package raises on purpose; `exit_code` is the command's."""

    exit_code = 2


class Mistake(FrameworkError):
    """A fact about a user's model that has no place yet.

    ``hint`` says what to write instead; ``notes`` say where the values came from.
    """

    code = "value"
    place: Place | None = None

    def __init__(
        self,
        fact: str,
        *,
        hint: str | None = None,
        notes: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint
        self.notes = tuple(notes)
        self.code = code or type(self).code


class ShapeError(Mistake):
    """Sizes, ranks or dtypes that do not fit an operator."""

    code = "shape"


class InputError(FrameworkError):
    """An input array, an input file or an option that does not fit the model."""


class WeightError(FrameworkError):
    """Weights that are damaged or do not fit the model; lists every mismatch."""


class RunError(FrameworkError):
    """A run that failed for a reason other than its inputs, such as a NaN under watch."""

    exit_code = 1


@dataclass(frozen=True)
class Source:
    """A text with the name it is reported under (usually the path as the user wrote it)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """Text of line ``number`` (from 1), without its end; empty past the end."""
        lines = self.text.split("\n")
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True)
class Place:
    """A stretch of one line: ``line`` and ``column`` count from 1, ``width`` in characters."""

    source: Source
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def part(self, offset: int, width: int = 1) -> Place:
        """The place ``offset`` characters further on the same line."""
        return replace(self, column=self.column + offset, width=max(1, width))


@dataclass(frozen=True)
class Problem:
    """One mistake of a user, with place, cause and cure."""

    code: str
    fact: str
    place: Place | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    severity: str = "error"

    @classmethod
    def of(cls, mistake: Mistake, place: Place | None, notes: Iterable[str] = ()) -> Problem:
        """Give a bare fact its place, unless it knows a better one, and the outer notes."""
        where = mistake.place or place
        return cls(mistake.code, mistake.fact, where, mistake.hint, (*mistake.notes, *notes))

    @property
    def order(self) -> tuple[str, int, int]:
        """Sort key: file, line, column; problems without a place come first."""
        if self.place is None:
            return ("", 0, 0)
        return (self.place.source.name, self.place.line, self.place.column)

    def __str__(self) -> str:
        head = f"{self.severity}[{self.code}]: {self.fact}"
        lines = [f"{self.place}: {head}" if self.place else head]
        if self.place is not None:
            lines += underline(self.place, self.hint)
        elif self.hint:
            lines.append(f"  hint: {self.hint}")
        return visible("\n".join([*lines, *(f"  note: {note}" for note in self.notes)]))

    def as_dict(self) -> dict[str, object]:
        """The same for editors and scripts; lines and columns count from 1."""
        out: dict[str, object] = {"severity": self.severity, "code": self.code, "fact": self.fact}
        if self.place is not None:
            out |= {
                "file": self.place.source.name,
                "line": self.place.line,
                "column": self.place.column,
                "end_line": self.place.line,
                "end_column": self.place.column + self.place.width,
            }
        return out | {"hint": self.hint, "notes": list(self.notes)}


class SpecError(FrameworkError):
    """A model file with mistakes: all of them, in order of place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems, key=lambda p: p.order))
        super().__init__("\n".join(map(str, self.problems)))


def underline(place: Place, hint: str | None) -> list[str]:
    """The source line and, under it, a caret for each character of the place, then the hint."""
    text, column = excerpt(place.source.line(place.line), place.column)
    before, marked = text[: column - 1], text[column - 1 :][: place.width]
    gap = "".join("\t" if c == "\t" else " " * columns(c) for c in before)
    carets = "^" * max(1, sum(map(columns, marked)))
    line = f"{place.line:5} | "
    return [line + text, f"{'':5} | {gap}{carets}{f' {hint}' if hint else ''}"]


def excerpt(text: str, column: int) -> tuple[str, int]:
    """The part of a line to show, and the column in it.

    Control characters are replaced: a terminal would obey them.
    """
    start = max(0, column - 61) if len(text) > LONGEST_LINE else 0
    return visible(text[start : start + LONGEST_LINE]), column - start


def visible(text: str) -> str:
    """The text without what a terminal would obey; lines and tabs stay."""
    return CONTROL.sub("\ufffd", text)


def columns(character: str) -> int:
    """Columns that a character takes on a terminal: 2 for CJK, 0 for combining marks."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def require(package: str, purpose: str, *, install: str = "") -> None:
    """Raise InputError if a package that is no dependency is missing, with how to get it.

    ``install`` is its name in the registry, where that differs.
    """
    if find_spec(package) is None:
        hint = f"pip install {install or package}"
        raise InputError(f"{purpose} needs the package {package}\n  hint: {hint}")


def nearest(word: object, options: Iterable[str]) -> str | None:
    """The option most like ``word``, or None when none is near.

    >>> nearest("maxpool", ["max_pool", "avg_pool"])
    'max_pool'
    """
    import difflib  # only for who made a mistake

    found = difflib.get_close_matches(str(word), sorted(set(options)), 1, 0.6)
    return found[0] if found else None


def did_you_mean(word: object, options: Iterable[str]) -> str | None:
    """A hint that names the nearest option, if one is near."""
    near = nearest(word, options)
    return f"did you mean '{near}'?" if near else None
