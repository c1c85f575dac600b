"""From the index of a character to its place, and which characters a text may hold.

PyYAML counts lines in the way of YAML 1.1, where U+0085, U+2028 and U+2029 end a line too, and
editors do not. Only its character index is used; lines end at a line feed, as in ``Source``.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate

from framework.errors import Place, Problem, Source
from framework.limits import FILE_BYTES

# Controls, what YAML 1.1 takes for a line end, a byte order mark inside the text, halves of
# surrogate pairs: PyYAML's two parsers disagree about them, and nobody can see them. Nor what
# makes an editor show the characters in another order than they are read in.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
    "|(?<!^)\ufeff|\r(?!\n)"
)


class Positions:
    """Finds places in one source; ``shift`` characters at its start are not given to YAML."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.shift = 1 if self.text.startswith("\ufeff") else 0
        lengths = (len(line) + 1 for line in self.text.split("\n"))
        self.starts = [0, *accumulate(lengths)]

    @property
    def yaml_text(self) -> str:
        """What the YAML parser reads: the text without a byte order mark."""
        return self.text[self.shift :]

    def line_start(self, index: int) -> int:
        """Index of the first character of the line that holds ``index``."""
        return self.starts[bisect_right(self.starts, index) - 1]

    def line_end(self, index: int) -> int:
        """Index behind the last character of that line, white space at its end not counted."""
        end = self.starts[bisect_right(self.starts, index)] - 1
        return index + len(self.text[index:end].rstrip())

    def place(self, start: int, end: int | None = None) -> Place:
        """The place from ``start`` to ``end`` (exclusive), at most to the end of the line."""
        line = bisect_right(self.starts, start)
        width = 1 if end is None else end - start
        if start + width >= self.starts[line]:
            width = self.line_end(start) - start
        return Place(self.source, line, start - self.starts[line - 1] + 1, max(1, width))


def check_text(source: Source) -> Problem | None:
    """Refuse a text that is too long, or that holds characters which no editor shows."""
    if len(source.text) > FILE_BYTES:
        fact = f"the file has {len(source.text):,} characters, the limit is {FILE_BYTES:,}"
        return Problem("size", fact, hint="keep weights and tables in files of their own")
    found = FORBIDDEN.search(source.text)
    if found is None:
        return None
    place = Positions(source).place(found.start())
    if found.group() == "\r":
        hint = "save the file with LF or CRLF line ends"
        return Problem("yaml", "a carriage return (U+000D) stands alone", place, hint)
    name = unicodedata.name(found.group(), "a control character")
    fact = f"the character U+{ord(found.group()):04X} ({name}) is not allowed"
    return Problem("yaml", fact, place, "remove it, or write it as an escape in double quotes")
