"""The pattern language of `rearrange`: ``b t (h d) -> b h t d``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from framework.errors import Mistake

TOKEN = re.compile(r"\s*(\.\.\.|[A-Za-z_]\w*|1(?!\w)|[()])")

Group = tuple[str, ...]
"""Names that together make one axis; () is an axis of 1."""

DOTS = "..."
PACKED = "(...)"
"""Dots in brackets: all their axes together make one."""


@dataclass(frozen=True)
class Pattern:
    """Both sides of a pattern; a name without brackets is a group of its own."""

    left: tuple[Group, ...]
    right: tuple[Group, ...]

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> Pattern:
        """Read a pattern; raises `Mistake` for a malformed one.

        >>> Pattern.parse("b (h d) -> h b d").left
        (('b',), ('h', 'd'))
        """
        left, arrow, right = text.partition("->")
        if not arrow:
            raise Mistake(f"pattern '{text}' has no ->", hint="for example 'b t d -> t b d'")
        pattern = Pattern(tuple(groups(left)), tuple(groups(right)))
        if any(PACKED in group for group in pattern.left):
            raise Mistake(f"pattern '{text}' has '...' in brackets on the left")
        check_names(names(pattern.left), names(pattern.right), text)
        return pattern

    @property
    def names(self) -> tuple[str, ...]:
        """Names on the left, without the dots, in order."""
        return tuple(name for name in names(self.left) if name != DOTS)

    def expand(self, rank: int) -> tuple[tuple[Group, ...], tuple[Group, ...]] | None:
        """Both sides with a name for each axis of ``...``; None where ``rank`` does not fit.

        >>> Pattern.parse("... d -> d ...").expand(3)
        ((('...0',), ('...1',), ('d',)), (('d',), ('...0',), ('...1',)))
        """
        single = sum(group != (DOTS,) for group in self.left)
        count = rank - single
        if count < 0 or (count > 0 and single == len(self.left)):
            return None
        dots = tuple(f"{DOTS}{number}" for number in range(count))
        return tuple(spelled(self.left, dots)), tuple(spelled(self.right, dots))


def names(side: Sequence[Group]) -> tuple[str, ...]:
    """All names of one side, in order."""
    return tuple(DOTS if name == PACKED else name for group in side for name in group)


def spelled(side: Sequence[Group], dots: Group) -> Iterator[Group]:
    """One side with ``...`` replaced; outside brackets each of its axes is a group."""
    for group in side:
        if group == (DOTS,):
            yield from ((name,) for name in dots)
        else:
            yield tuple(n for name in group for n in (dots if name == PACKED else (name,)))


def groups(side: str) -> Iterator[Group]:
    """The groups on one side of the arrow."""
    inside: list[str] | None = None
    for token in tokens(side):
        if token == "(":
            if inside is not None:
                raise Mistake(f"pattern '{side.strip()}' has brackets in brackets")
            inside = []
        elif token == ")":
            if inside is None:
                raise Mistake(f"pattern '{side.strip()}' closes a bracket that is not open")
            yield tuple(inside)
            inside = None
        elif inside is None:
            yield () if token == "1" else (token,)
        elif token != "1":
            inside.append(PACKED if token == DOTS else token)
    if inside is not None:
        raise Mistake(f"pattern '{side.strip()}' does not close a bracket")


def tokens(side: str) -> Iterator[str]:
    """Names, 1, dots and brackets."""
    at, text = 0, side.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise Mistake(
                f"pattern '{side.strip()}' has '{text[at:].strip().split()[0]}' in it",
                hint="names, 1, ... and brackets may stand in a pattern",
            )
        yield found[1]
        at = found.end()


def check_names(left: Sequence[str], right: Sequence[str], text: str) -> None:
    """Each name stands once on either side."""
    for side, place in ((left, "left"), (right, "right")):
        for name in side:
            if side.count(name) > 1:
                raise Mistake(f"pattern '{text}' has {name} twice on the {place}")
    for name in left:
        if name not in right:
            raise Mistake(
                f"pattern '{text}' loses {name}: it stands on the left only",
                hint="use reduce to remove an axis",
            )
    for name in right:
        if name not in left:
            raise Mistake(
                f"pattern '{text}' invents {name}: it stands on the right only",
                hint="use expand to repeat",
            )
