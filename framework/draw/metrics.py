"""How wide text is, in the vendored fonts, without opening a font.

The widths come from fonts/widths.json.  All painters draw with the same fonts and the same
kerning, so what is measured here is what appears.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Literal

from framework.draw.bidi import visual

__all__ = [
    "EMBOLDEN",
    "FONT_FILES",
    "SHIFT",
    "Font",
    "Run",
    "advances",
    "ascent",
    "clean",
    "descent",
    "line_height",
    "runs",
    "shortened",
    "text_width",
]

Font = Literal["sans", "symbols", "cjk"]
FONTS: tuple[Font, ...] = ("sans", "symbols", "cjk")
FOLDER = Path(__file__).parent / "fonts"
FONT_FILES: dict[tuple[Font, bool], Path] = {
    ("sans", False): FOLDER / "LiberationSans-Regular.ttf",
    ("sans", True): FOLDER / "LiberationSans-Bold.ttf",
    ("symbols", False): FOLDER / "DiagramSymbols-Regular.ttf",
    ("symbols", True): FOLDER / "DiagramSymbols-Bold.ttf",
    ("cjk", False): FOLDER / "DiagramHan-Regular.ttf",
    ("cjk", True): FOLDER / "DiagramHan-Regular.ttf",
}
SHIFT = {"start": 0.0, "middle": 0.5, "end": 1.0}  # share of a text left of its anchor
EMBOLDEN = 0.03  # stroke, in ems, that makes a bold letter of a regular one: CJK has no bold
MISSING = -1
ARROWS = range(0x2190, 0x2200)  # those of the sans font are small and stand low
# Controls, line ends, and the marks that turn the direction of the text after them.
BLANK = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# Marks without a glyph: joiners, direction marks, variation selectors, tags.
UNSEEN = re.compile("[\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")
# What no file can hold: halves of pairs, and the last two code points of the plane.
BROKEN = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Run:
    """Neighbouring characters that are drawn with one font."""

    font: Font
    string: str


@dataclass(frozen=True)
class Table:
    """The widths of one font file in its own units.

    ``widths[i]`` holds from code point ``starts[i]`` to the next start.
    """

    unit: int
    ascent: int
    descent: int
    gap: int
    missing: int
    starts: tuple[int, ...]
    widths: tuple[int, ...]
    kerning: dict[str, int]

    def width(self, character: str) -> int:
        """The advance of a character, MISSING if the font has no glyph for it."""
        place = bisect_right(self.starts, ord(character)) - 1
        return self.widths[place] if place >= 0 else MISSING


def clean(string: str) -> str:
    """The text as it is drawn: one line, composed accents, nothing that a file cannot hold.

    >>> clean("two\\nlines")
    'two lines'
    """
    visible = UNSEEN.sub("", BLANK.sub(" ", string))
    return unicodedata.normalize("NFC", BROKEN.sub("\ufffd", visible))


def text_width(string: str, size: float, bold: bool = False) -> float:
    """The width in points of one line of text."""
    return ems(string, bold) * size


def ascent(size: float) -> float:
    """How far letters may rise above the baseline."""
    table = tables()["sans", False]
    return size * table.ascent / table.unit


def descent(size: float) -> float:
    """How far letters may hang below the baseline; a positive length."""
    table = tables()["sans", False]
    return size * table.descent / table.unit


def line_height(size: float) -> float:
    """The distance of two baselines."""
    table = tables()["sans", False]
    return ascent(size) + descent(size) + size * table.gap / table.unit


def runs(string: str, bold: bool = False) -> tuple[Run, ...]:
    """The text cut where the font must change; characters that no font has stay in "sans"."""
    chosen = ((font_of(character, bold), character) for character in clean(string))
    parts = groupby(chosen, key=lambda pair: pair[0])
    return tuple(Run(font, "".join(character for _, character in group)) for font, group in parts)


def advances(run: Run, bold: bool = False) -> tuple[tuple[float, float], ...]:
    """Of each character its width and the kerning after it, both in ems."""
    table = tables()[run.font, bold]
    kerning = [table.kerning.get(a + b, 0) / table.unit for a, b in pairwise(run.string)]
    widths = (table.width(character) for character in run.string)
    known = [table.missing if width == MISSING else width for width in widths]
    pairs = zip(known, [*kerning, 0.0], strict=True)
    return tuple((width / table.unit, kern) for width, kern in pairs)


def shortened(string: str, size: float, width: float, bold: bool = False) -> str:
    """The text if it fits into ``width`` points, else as much of its start as fits with …."""
    text = clean(string)
    if text_width(text, size, bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(cut(text, middle), size, bold) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return cut(text, low)


def cut(text: str, count: int) -> str:
    """The first characters and …; a mark is not parted from its letter."""
    while 0 < count < len(text) and unicodedata.combining(text[count]):
        count -= 1
    return text[:count].rstrip() + "…"


@lru_cache(maxsize=8192)
def ems(string: str, bold: bool) -> float:
    """The width of a text at size 1."""
    parts = runs(visual(clean(string)), bold)
    return sum(sum(pair) for run in parts for pair in advances(run, bold))


@lru_cache(maxsize=8192)
def font_of(character: str, bold: bool) -> Font:
    """The first font with a glyph for the character; for arrows the symbols come first."""
    order = FONTS[1:] if ord(character) in ARROWS else FONTS
    found = (font for font in order if tables()[font, bold].width(character) != MISSING)
    return next(found, "sans")


@lru_cache(maxsize=1)
def tables() -> dict[tuple[Font, bool], Table]:
    """The table of every font file; read once."""
    stored = json.loads((FOLDER / "widths.json").read_text(encoding="utf-8"))
    return {key: read(stored[path.stem]) for key, path in FONT_FILES.items()}


def read(stored: dict[str, object]) -> Table:
    """A table from its stored form, where starts are differences."""
    numbers = {name: value for name, value in stored.items() if isinstance(value, int)}
    steps, widths, kerning = stored["steps"], stored["widths"], stored["kerning"]
    if not (isinstance(steps, list) and isinstance(widths, list) and isinstance(kerning, dict)):
        raise ValueError(f"{FOLDER / 'widths.json'} is damaged")
    return Table(**numbers, starts=tuple(accumulate(steps)), widths=tuple(widths), kerning=kerning)
