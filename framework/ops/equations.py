"""The equations of `einsum`: ``b h i d, b h j d -> b h i j`` and ``bhid,bhjd->bhij``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters

from framework.errors import Mistake
from framework.limits import EQUATION_LENGTH

NAME = re.compile(r"[A-Za-z_]\w*|\.\.\.")
LETTER = re.compile(r"[A-Za-z]|\.\.\.")

DOTS = "..."
Term = tuple[str, ...]
"""Names of the axes of one tensor, in order; "..." for any number of axes."""


@dataclass(frozen=True)
class Equation:
    """Axis names of each input and of the result."""

    inputs: tuple[Term, ...]
    output: Term

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> Equation:
        """Read an equation; raises `Mistake` for a malformed one.

        Names are separated by blanks as soon as one tensor has several of them so;
        otherwise each letter is an axis.  Without ``->`` the result has the names that
        stand once, in alphabetical order, after the dots.

        >>> Equation.parse("ij,jk").output
        ('i', 'k')
        """
        if len(text) > EQUATION_LENGTH:
            raise Mistake(f"the equation has {len(text):,} characters; at most {EQUATION_LENGTH:,}")
        left, arrow, right = text.partition("->")
        sides = [part.split() for part in [*left.split(","), right]]
        spaced = any(len(side) > 1 for side in sides)
        *inputs, output = (term("".join(s), LETTER, text) if not spaced else named(s, text)
                           for s in sides)  # fmt: skip
        equation = Equation(tuple(inputs), output if arrow else implicit(inputs))
        equation.check(text)
        return equation

    @property
    def names(self) -> Term:
        """All names without the dots, in order of appearance."""
        every = (name for term in self.inputs for name in term if name != DOTS)
        return tuple(dict.fromkeys(every))

    def check(self, text: str) -> None:
        """The result uses names of the inputs, each once; dots stand once in a tensor."""
        have = {name for term in self.inputs for name in term}
        for name in self.output:
            if name not in have:
                raise Mistake(f"einsum '{text}' has no {name} on the left")
            if self.output.count(name) > 1:
                raise Mistake(f"einsum '{text}' has {name} twice on the right")
        if any(term.count(DOTS) > 1 for term in self.inputs):
            raise Mistake(f"einsum '{text}' has ... twice in one tensor")
        if DOTS in have and DOTS not in self.output:
            raise Mistake(f"einsum '{text}' loses ...: it must stand on the right too")
        if len(self.names) > len(ascii_letters):
            raise Mistake(f"einsum has {len(self.names)} axes; at most {len(ascii_letters)}")

    def spelled(self) -> str:
        """The same in single letters, as NumPy wants it."""
        letter = dict(zip(self.names, ascii_letters, strict=False)) | {DOTS: DOTS}
        terms = ["".join(letter[name] for name in term) for term in (*self.inputs, self.output)]
        return f"{','.join(terms[:-1])}->{terms[-1]}"


def named(words: Sequence[str], text: str) -> Term:
    """Names separated by blanks; dots may stick to a name."""
    return tuple(name for word in words for name in term(word, NAME, text))


def term(word: str, pattern: re.Pattern[str], text: str) -> Term:
    """Cut a word into names."""
    found = pattern.findall(word)
    if "".join(found) != word:
        raise Mistake(
            f"einsum '{text}' has '{word}' in it",
            hint="names, commas, ... and -> may stand in an equation",
        )
    return tuple(found)


def implicit(inputs: Sequence[Term]) -> Term:
    """The result when there is no arrow: what stands once, sorted, after the dots."""
    count = Counter(name for term in inputs for name in term)
    dots = (DOTS,) if DOTS in count else ()
    return (*dots, *sorted(n for n, times in count.items() if times == 1 and n != DOTS))
