"""Names in expressions: declared once, before they are used, and known where they are used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from framework.errors import Mistake, Place, Problem, did_you_mean, nearest
from framework.spec.document import ARG_TYPES, Arg, Block, InputSpec
from framework.spec.expressions import Expression
from framework.spec.report import Report, misspelt_there
from framework.spec.values import Pending, Word, unknown_word

MOST_LINES = 8


@dataclass
class Once:
    """Mistakes about a word, reported at its first place; the other lines become a note."""

    report: Report
    found: dict[str, tuple[Mistake, Place, list[int]]] = field(default_factory=dict)

    def add(self, word: str, error: Mistake, place: Place) -> None:
        """Note one more place."""
        _, first, lines = self.found.setdefault(word, (error, place, []))
        if place.line not in (first.line, *lines):
            lines.append(place.line)

    def flush(self) -> None:
        """Report all of them."""
        for error, place, lines in self.found.values():
            notes = (
                [f"also on line{'s' if len(lines) > 1 else ''} {listed(lines)}"] if lines else []
            )
            self.report.problem(Problem.of(error, place, notes))


def listed(lines: list[int]) -> str:
    """``3, 5 and 7``."""
    if len(lines) > MOST_LINES:
        return f"{', '.join(map(str, lines[:MOST_LINES]))} and others"
    start = ", ".join(map(str, lines[:-1]))
    return f"{start} and {lines[-1]}" if start else str(lines[-1])


class Names:
    """The names in scope of expressions, growing in the order of the file."""

    def __init__(self, block: Block, report: Report) -> None:
        self.block = block
        self.report = report
        self.known: set[str] = set(block.broken)
        self.words: set[str] = set()
        self.declared: dict[str, str] = {}
        self.unknown = Once(report)
        self.places: dict[str, Place] = {}
        declared = (block.args, block.dims, block.lets)
        self.later = {part.name for group in declared for part in group}
        self.blind = not block.lost.isdisjoint(("args", "dims", "let"))
        """Unknown names may be those that could not be read: say nothing about them."""

    def declarations(self, top: bool) -> None:
        """Arguments, dims, patterns, lets and requirements, each after what it may use."""
        for arg in self.block.args:
            if arg.expression is not None:
                self.check([arg.expression], word_hint(arg))
            self.declare(arg.name, "an argument", arg.place)
            self.words.add(arg.name)
        for dim in self.block.dims:
            self.declare(dim.name, "a dim", dim.place)
        for dim in self.block.dims:
            for value in dim.options.values():
                self.check_value(value)
        if top:
            self.lets()
        for spec in self.block.inputs:
            self.input_shape(spec, top)
        if not top:
            self.lets()
        self.check(self.block.require)

    def declare(self, name: str, what: str, place: Place) -> None:
        """A new name; nothing else may have it."""
        if name in self.declared:
            fact = f"'{name}' is already {self.declared[name]}"
            self.report.add("duplicate-name", fact, place, "use another name")
        self.declared.setdefault(name, what)
        self.places.setdefault(name, place)
        self.known.add(name)

    def lets(self) -> None:
        """Each name may use the ones before."""
        for let in self.block.lets:
            self.check([let.expression])
            self.declare(let.name, "a name (let:)", let.place)

    def input_shape(self, spec: InputSpec, top: bool) -> None:
        """At the top sizes must be known; in a block a bare name binds."""
        for axis in spec.shape.axes:
            if axis is None:
                continue
            if not top and axis.name is not None:
                self.known.add(axis.name)
                self.places.setdefault(axis.name, axis.place)
                self.declared.setdefault(axis.name, f"a size of the input '{spec.name}'")
            self.check([axis])

    def check(self, expressions: Iterable[Expression], hint: str | None = None) -> None:
        """Report names that are not in scope, each once."""
        for expression in expressions:
            for error in expression.unknown_names(self.known):
                if error.word in self.later:
                    error.hint = f"'{error.word}' comes later: a name may use those above it"
                elif hint is not None and not did_you_mean(error.word, self.known):
                    error.hint = hint
                near = nearest(error.word, self.known)
                error.notes = (*error.notes, *misspelt_there(near, self.places.get(near or "")))
                self.unknown.add(error.word, error, error.place)

    def check_value(self, value: Pending) -> None:
        """Report unknown names in a value, and words that are none of those wanted."""
        if isinstance(value, Word):
            if value.words and value.text not in value.words and value.text not in self.words:
                self.report.mistake(unknown_word(value.text, value.words, value.place), value.place)
        else:
            self.check(value.expressions)

    def finish(self) -> frozenset[str]:
        """Report what was unknown; these names are broken from now on."""
        if not self.blind:
            self.unknown.flush()
        return frozenset(self.unknown.found)


def word_hint(arg: Arg) -> str | None:
    """A default that is a mere word was perhaps meant as text, or as a type."""
    if arg.expression is None or arg.expression.name is None or arg.type is not None:
        return None
    return f"types: {', '.join(ARG_TYPES)}; for a word write {{type: text, default: ...}}"
