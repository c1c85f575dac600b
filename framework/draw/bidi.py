"""Hebrew and Arabic in the order and the shapes in which they are seen, left to right.

For painters whose format places glyphs one after the other.  It is the part of the Unicode
bidirectional algorithm (UAX 9) that a label needs: a line that runs left to right, without
explicit marks of direction.  SVG viewers do the whole of it themselves.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby

__all__ = ["shaped", "visual"]

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
ARABIC = re.compile("[\u0600-\u06ff]")
LAM_ALEF = re.compile("\u0644[\u0622\u0623\u0625\u0627]")
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
OPENING, CLOSING = "([{", ")]}"
STRONG = {"L": "L", "R": "R", "AL": "R"}


def visual(string: str) -> str:
    """The characters from left to right as they stand on the page.

    >>> visual("x = \\u05d0\\u05d1")
    'x = \\u05d1\\u05d0'
    """
    if not RIGHT_TO_LEFT.search(string):
        return string
    return reordered(shaped(string))


def reordered(string: str) -> str:
    """Letters that run right to left reversed, numbers among them kept."""
    parts = clusters(string)
    level = levels([part[0] for part in parts])
    pairs = list(zip(level, parts, strict=True))
    pairs = reversed_at(2, pairs)
    pairs = reversed_at(1, pairs)
    return "".join(part.translate(MIRRORED) if level == 1 else part for level, part in pairs)


def clusters(string: str) -> list[str]:
    """Letters, each with the marks that belong to it."""
    parts: list[str] = []
    for character in string:
        if parts and unicodedata.bidirectional(character) == "NSM":
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def levels(characters: list[str]) -> list[int]:
    """0 for left to right, 1 for right to left, 2 for a number inside right to left."""
    kinds = [unicodedata.bidirectional(character) for character in characters]
    sides, before = [], "L"
    for kind in kinds:
        before = STRONG.get(kind, before)
        number = kind in ("EN", "AN")
        sides.append(before if kind in STRONG else "N" + before if number else "")
    bracketed(characters, sides)
    return [2 if side == "NR" else int(side == "R") for side in filled(sides)]


def bracketed(characters: list[str], sides: list[str]) -> None:
    """Give a pair of brackets in right-to-left text, around such text, that direction."""
    opened: list[int] = []
    for place, character in enumerate(characters):
        if character in OPENING:
            opened.append(place)
        elif character in CLOSING and opened:
            start = opened.pop()
            inside = {side[-1] for side in sides[start:place] if side}
            before = next((side[-1] for side in reversed(sides[:start]) if side), "L")
            sides[start] = sides[place] = "R" if inside == {"R"} and before == "R" else "L"


def filled(sides: list[str]) -> list[str]:
    """Spaces and signs run right to left only between two parts that do."""
    out: list[str] = []
    for place, side in enumerate(sides):
        after = next((other for other in sides[place:] if other), "L")
        before = out[-1] if out else "L"
        out.append(side or ("R" if before[-1] == after[-1] == "R" else "L"))
    return out


def reversed_at(least: int, pairs: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Every stretch of this level or a higher one turned round."""
    out: list[tuple[int, str]] = []
    for turned, group in groupby(pairs, key=lambda pair: pair[0] >= least):
        stretch = list(group)
        out += stretch[::-1] if turned else stretch
    return out


@lru_cache(maxsize=1)
def forms() -> dict[tuple[str, str], str]:
    """The letter that stands for an Arabic letter in a position, from Unicode's own table."""
    table, whole = {}, {}
    for code in range(0xFE70, 0xFEFD):
        kind, _, rest = unicodedata.decomposition(chr(code)).partition(" ")
        letters = "".join(chr(int(part, 16)) for part in rest.split())
        table[letters, kind.strip("<>")] = chr(code)
        if kind == "<isolated>" and len(letters) == 2:
            whole[letters] = chr(code)
    pairs = {(whole[a], kind): c for (a, kind), c in table.items() if a in whole}
    return table | pairs


def shaped(string: str) -> str:
    """Arabic letters in the form that joins their neighbours, lam and alef in one letter."""
    if not ARABIC.search(string):
        return string
    pairs = LAM_ALEF.sub(lambda found: forms()[found[0], "isolated"], string)
    parts = clusters(pairs)
    letters = [part[0] for part in parts]
    out = []
    for place, (letter, part) in enumerate(zip(letters, parts, strict=True)):
        before = place > 0 and joins(letters[place - 1], letter)
        after = place + 1 < len(letters) and joins(letter, letters[place + 1])
        out.append(forms().get((letter, position(before, after)), letter) + part[1:])
    return "".join(out)


def joins(left: str, right: str) -> bool:
    """Whether two Arabic letters, in reading order, are written as one stroke."""
    return (left, "initial") in forms() and (right, "final") in forms()


def position(before: bool, after: bool) -> str:
    """Unicode's word for a letter joined on these sides."""
    return {(0, 0): "isolated", (0, 1): "initial", (1, 0): "final", (1, 1): "medial"}[
        int(before), int(after)
    ]
