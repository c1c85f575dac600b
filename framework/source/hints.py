"""What to say about a YAML syntax error: libyaml's fact, the place to look at, and a cure.

PyYAML has two parsers with different words for the same facts; the words used here are those of
libyaml, and `FACTS` translates the other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from framework.errors import Problem
from framework.source.positions import Positions

FACTS: tuple[tuple[str, str], ...] = (
    (r"expected ',' or '(.)', but got .*", r"did not find expected ',' or '\1'"),
    (r"mapping (keys|values) are not allowed here", r"mapping \1 are not allowed in this context"),
    (
        r"sequence entries are not allowed here",
        "block sequence entries are not allowed in this context",
    ),
    (r"found character .* that cannot start.*", "found character that cannot start any token"),
    (
        r"expected alphabetic or numeric .*",
        "did not find expected alphabetic or numeric character",
    ),
    (r"expected the node content.*", "did not find expected node content"),
    (r"expected '<document start>'.*", "did not find expected <document start>"),
    (r"found unknown escape character.*", "found unknown escape character"),
    (r"expected escape sequence of .*", "did not find expected hexdecimal number"),
    (
        r"expected (a comment or a line|chomping or) .*",
        "did not find expected comment or line break",
    ),
    (r"expected '>', but found .*", "did not find the expected '>'"),
    (r"found unexpected document .*", "found unexpected document indicator"),
    (r"found undefined tag handle.*", "found undefined tag handle"),
    (r"found incompatible YAML document.*", "found incompatible YAML document"),
)
ESCAPE = "write \\\\ for a backslash, or use single quotes"
BLOCK_END = {
    "while parsing a block mapping": "did not find expected key",
    "while parsing a block collection": "did not find expected '-' indicator",
}


@dataclass(frozen=True)
class Fault:
    """A syntax error: the parser's words, and the text around the place (indices into it)."""

    fact: str
    index: int
    context: str
    context_index: int
    positions: Positions
    bracket_index: int | None = None
    """Index of the innermost bracket that is open, if any."""

    @property
    def start(self) -> int:
        """Index of the first character of the line."""
        return self.positions.line_start(self.index)

    @property
    def line(self) -> str:
        """The whole line."""
        return self.positions.text[self.start : self.positions.line_end(self.index)]

    @property
    def before(self) -> str:
        """The line up to the place."""
        return self.positions.text[self.start : self.index]

    @property
    def rest(self) -> str:
        """The line from the place on."""
        return self.positions.text[self.index : self.positions.line_end(self.index)]

    @property
    def previous(self) -> str:
        """The last line above that says something, without its comment."""
        above = self.positions.text[: self.start].rstrip().rpartition("\n")[2]
        return re.sub(r"(^|\s)#.*", "", above).rstrip()

    @property
    def at_end(self) -> bool:
        """Does the text end here?"""
        return not self.positions.text[self.index :].strip()

    @property
    def context_line(self) -> int:
        """Number of the line where the enclosing construct starts."""
        return self.positions.place(self.context_index).line


def explain(fault: Fault) -> Problem:
    """The problem to report for a syntax error."""
    fault = relocate(replace(fault, fact=canonical(fault.fact, fault.context)))
    code = "tag" if "tag" in fault.fact or "a tag" in fault.context else "yaml"
    return Problem(code, fault.fact, fault.positions.place(fault.index), hint_for(fault))


def canonical(fact: str, context: str) -> str:
    """libyaml's words for a fact of either parser."""
    if fact.startswith("expected <block end>"):
        return BLOCK_END.get(context, fact)
    for pattern, words in FACTS:
        if re.fullmatch(pattern, fact):
            return re.sub(pattern, words, fact)
    return fact


def relocate(fault: Fault) -> Fault:
    """Point at what was opened and never closed, or at the key, instead of far behind it."""
    if fault.fact == "could not find expected ':'":
        return replace(fault, index=fault.context_index)
    if fault.context == "while scanning a quoted scalar" and "found unexpected" in fault.fact:
        return replace(fault, index=fault.context_index, fact="this quote is never closed")
    if fault.at_end and fault.bracket_index is not None:
        fact = f"this '{fault.positions.text[fault.bracket_index]}' is never closed"
        return replace(fault, index=fault.bracket_index, fact=fact)
    return fault


def hint_for(fault: Fault) -> str | None:
    """The first cure that fits."""
    if "${" in fault.positions.text[max(fault.index - 2, fault.start) : fault.index + 2]:
        return "write the expression without ${...}"
    if fault.rest.startswith("\t") or "tab character" in fault.fact:
        return "indent with spaces, not tabs"
    return next((cure(fault) for fact, cure in CURES.items() if fact in fault.fact), None)


def first_character(fault: Fault) -> str | None:
    """A value that starts with a character which YAML keeps for itself."""
    return f"quote text that starts with {fault.rest[:1]}"


def colon(fault: Fault) -> str | None:
    """A colon where none may be: most often the line above lacks one, or a value needs quotes."""
    above = fault.previous
    words = fault.before.split()
    if fault.line.lstrip().startswith("- ") and above.lstrip().startswith("- "):
        return f"align this - with the one above, in column {above.index('-') + 1}"
    if lacking := colon_above(fault):
        return lacking
    if found := re.fullmatch(r"\s*- (\w+): (\w+)", fault.before):
        node, attribute = found.groups()
        return f"write '- {node}: {{{attribute}{fault.rest}}}', or quote text that contains ': '"
    if len(words) == 1 and (found := re.match(r"\s*(?:- )?(\w+):\s+\S", above)):
        return f"align '{words[0]}' with '{found.group(1)}'"
    return "quote text that contains ': '"


def colon_above(fault: Fault) -> str | None:
    """The line above is a mere word, which cannot have keys below it."""
    found = re.fullmatch(r"\s*(-?)( ?)([A-Za-z_]\w*)", fault.previous)
    if found is None:
        return None
    dash, gap, word = found.groups()
    if dash and not gap:
        return f"put a space after the dash: '- {word}'"
    if dash:
        return f"a node with further keys needs a colon: '- {word}:'"
    return f"a key needs a colon: '{word}:'"


def dash(fault: Fault) -> str | None:
    """A line that is no item of the list that it stands in."""
    if re.match(r"-[^\s-]", fault.rest):
        return f"put a space after the dash: '- {fault.rest.split()[0][1:]}'"
    place = fault.positions.place(fault.context_index)
    deeper = fault.positions.place(fault.index).column > place.column
    if deeper and (lacking := colon_above(fault)):
        return lacking
    return f"the list from line {place.line} goes on with '- ' in column {place.column}"


def key(fault: Fault) -> str | None:
    """A line that is no key of the mapping that it stands in."""
    character = fault.rest[:1]
    if fault.before.rstrip().endswith(("'", '"')):
        return "a quote ends just before this: quote the whole text, or close an earlier quote"
    if character and character in "]}":
        return f"no bracket is open here: remove the '{character}'"
    if character == ":":
        return "write a key before the colon"
    if fault.before.strip():
        return "quote the whole text"
    return alignment(fault)


def alignment(fault: Fault) -> str:
    """The line is indented less than the first one of its list or mapping, which may lack a head.

    The first one is the uppermost line above that is not indented less than this one.
    """
    column, first = len(fault.before), None
    lines = fault.positions.text[: fault.start].split("\n")[:-1]
    for number in range(len(lines), 0, -1):
        text = lines[number - 1].lstrip(" ")
        if text and text[0] != "#":
            indent = len(lines[number - 1]) - len(text)
            if indent < column:
                break
            first = (number, indent)
    if first is None or first[1] == column:
        return "align this with a line above"
    number, indent = first
    return f"align this with line {number} (column {indent + 1}), or is a line missing above that?"


def bracket(fault: Fault) -> str | None:
    """A list or mapping in brackets that goes wrong."""
    opened = fault.positions.text[fault.context_index]
    if fault.context_line < fault.positions.place(fault.index).line:
        return f"is the '{opened}' on line {fault.context_line} closed?"
    return "separate items with commas, and quote text that contains ': ' or brackets"


def content(fault: Fault) -> str | None:
    """A comma, colon or bracket where a value should stand."""
    if fault.rest.startswith(","):
        return "remove this comma, or quote text that starts with ,"
    if fault.rest.startswith(":"):
        return "write a key before the colon"
    return f"no bracket is open for this '{fault.rest[:1]}': remove it, or quote the text"


def colon_missing(fault: Fault) -> str | None:
    """A key whose colon is missing, or has no space behind it."""
    if found := re.match(r"([A-Za-z_]\w*):(\S.*)", fault.rest):
        return f"put a space after the colon: '{found.group(1)}: {found.group(2)}'"
    word = re.match(r"[\w.-]+", fault.rest)
    return f"a key needs a colon: '{word.group()}:'" if word else "a key needs a colon"


def reference(fault: Fault) -> str | None:
    """A value that starts with * or &, which YAML takes for an alias or an anchor."""
    if fault.context.endswith("an alias"):
        return "in an expression put the number first: 4*w; quote text that starts with *"
    return "quote text that starts with &"


def always(hint: str) -> Callable[[Fault], str | None]:
    """A cure that does not depend on the text."""
    return lambda fault: hint


CURES: dict[str, Callable[[Fault], str | None]] = {
    "cannot start any token": first_character,
    "mapping values are not allowed": colon,
    "mapping keys are not allowed": always("quote text that starts with ?"),
    "sequence entries are not allowed": always("start the list on the next line"),
    "did not find expected '-' indicator": dash,
    "did not find expected key": key,
    "did not find expected ','": bracket,
    "did not find expected node content": content,
    "could not find expected ':'": colon_missing,
    "alphabetic or numeric character": reference,
    "this quote is never closed": always("end the text with the same quote"),
    "is never closed": always("close it, or quote the text"),
    "unknown escape character": always(ESCAPE),
    "hexdecimal number": always(ESCAPE),
    "comment or line break": always("the text starts on the line after | or >"),
    "invalid Unicode character": always("write the character itself"),
    "<document start>": always("start all top-level keys in the same column"),
    "found incompatible YAML document": always("remove the line that starts with %"),
    "unknown directive name": always("remove the line that starts with %"),
    "undefined tag handle": always("quote text that starts with !"),
    "expected '>'": always("quote text that starts with !"),
}
