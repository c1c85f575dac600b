"""The words of an expression, and how a mistake in it finds its place in the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from framework.errors import Mistake, Place
from framework.limits import EXPRESSION_DIGITS, EXPRESSION_LENGTH

SPACE = re.compile(r"[ \t\r\n]*")
TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>//|\*\*|==|!=|<=|>=|[-+*/%()<>,])"
)
WORD = re.compile(r"[A-Za-z_0-9]+")
INSTEAD = {
    "=": "write == to compare",
    "^": "write ** for a power",
    "!": "write not, or !=",
    "&": "write and",
    "|": "write or",
    "$": "write the expression without ${...}",
    "{": "write the expression without ${...}",
    "[": "an expression has no lists",
    "×": "write *",
    "·": "write *",
    "÷": "write /",
    "−": "write -",
    "–": "write -",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "∞": "write inf",
}


class ExpressionError(Mistake):
    """A mistake in an expression, with its exact place.

    Codes: ``expression``, ``unknown-name``, ``undecided`` (a comparison of sizes that holds for
    some only), ``inexact`` (a quotient that is no whole number).
    """

    code = "expression"
    place: Place
    word = ""
    """The name in question, where the mistake is about a name."""

    def __init__(
        self,
        fact: str,
        place: Place,
        *,
        hint: str | None = None,
        notes: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(fact, hint=hint, notes=notes, code=code)
        self.place = place


@dataclass(frozen=True)
class Written:
    """The text of an expression as it stands in a file."""

    text: str
    place: Place
    quoted: bool = False

    @property
    def after(self) -> str:
        """The character behind the text on its line; empty where folding moved the text."""
        line = self.place.source.line(self.place.line)
        end = self.place.column - 1 + self.quoted + len(self.text)
        return line[end : end + 1] if line[:end].endswith(self.text) else ""

    def at(self, offset: int, width: int = 1) -> Place:
        """Place of a part; the whole scalar where folding or escapes moved the characters."""
        start = self.place.column - 1 + self.quoted
        line = self.place.source.line(self.place.line)
        if line[start : start + len(self.text)] != self.text:
            return self.place
        return self.place.part(offset + self.quoted, width)

    def error(
        self,
        fact: str,
        offset: int,
        width: int = 1,
        *,
        hint: str | None = None,
        code: str | None = None,
    ) -> ExpressionError:
        """An error at a part of the text, to be raised."""
        return ExpressionError(fact, self.at(offset, width), hint=hint, code=code)

    def placed(self, mistake: Mistake, offset: int, width: int = 1) -> ExpressionError:
        """A bare fact with the place of a part."""
        return ExpressionError(
            mistake.fact,
            self.at(offset, width),
            hint=mistake.hint,
            notes=mistake.notes,
            code=mistake.code if mistake.code in ("undecided", "inexact") else None,
        )


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign; ``start`` is its offset in the text."""

    kind: Literal["number", "name", "sign", "end"]
    text: str
    start: int

    @property
    def width(self) -> int:
        """Characters to underline: a word whole, a sign at its start."""
        return len(self.text) if self.kind in ("number", "name") else 1


def tokenize(written: Written) -> list[Token]:
    """All tokens and an ``end``; raises ExpressionError for a character that starts none."""
    text = written.text
    if len(text) > EXPRESSION_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text)} characters, the limit is {EXPRESSION_LENGTH}",
            written.place,
            hint="split it with let:",
        )
    tokens = []
    start = skip_space(text, 0)
    while start < len(text):
        tokens.append(token_at(written, start))
        start = skip_space(text, start + len(tokens[-1].text))
    return [*tokens, Token("end", "", len(text.rstrip()))]


def skip_space(text: str, start: int) -> int:
    """Offset of the next character that is not white space."""
    found = SPACE.match(text, start)
    return found.end() if found else start


def token_at(written: Written, start: int) -> Token:
    """The token that starts here."""
    found = TOKEN.match(written.text, start)
    if found is None:
        raise unexpected_character(written, start)
    word = found.group()
    if found.lastgroup == "number":
        check_number(written, word, start)
        return Token("number", word, start)
    return Token("name" if found.lastgroup == "name" else "sign", word, start)


def unexpected_character(written: Written, start: int) -> ExpressionError:
    """A character that the language does not have, look-alikes of its own ones included."""
    character = written.text[start]
    hint = INSTEAD.get(character)
    if hint is None and not character.isascii():
        name = unicodedata.name(character, "without a name")
        hint = f"this is U+{ord(character):04X}, {name.lower()}"
    shown = repr(character) if character != "'" else '"\'"'
    return written.error(f"unexpected character {shown}", start, hint=hint)


def check_number(written: Written, word: str, start: int) -> None:
    """Refuse numbers that are too long, start with 0, or run into a word."""
    after = WORD.match(written.text, start + len(word))
    if after:
        whole, tail = word + after.group(), after.group()
        hint = f"write {word}*{tail}" if tail[0].isalpha() else "write the digits without _"
        raise written.error(f"'{whole}' is not a number", start, len(whole), hint=hint)
    if word.isdigit() and len(word) > EXPRESSION_DIGITS:
        raise written.error(
            f"the number has {len(word)} digits, the limit is {EXPRESSION_DIGITS}", start, len(word)
        )
    if word.isdigit() and word[0] == "0" and word.strip("0"):
        raise written.error(f"'{word}' starts with 0", start, len(word), hint="drop the zero")
    if not word.isdigit() and float(word) == float("inf"):
        raise written.error(f"{word} is too large", start, len(word), hint="write inf")
