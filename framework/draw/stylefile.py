"""A style file's text becomes values with places, or problems in the words of a model's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from framework.draw.colours import colour
from framework.errors import Place, Problem, Source, did_you_mean
from framework.ir.op import CATEGORIES
from framework.source import ListNode, MapNode, Scalar, YamlNode, read_yaml

Path = tuple[str, ...]

COLOURS = (
    "background", "text", "subtle", "line", "residual", "skip", "zoom", "badge", "badge_text",
)  # fmt: skip
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "colours": dict.fromkeys(COLOURS, "colour"),
    "sizes": dict.fromkeys(("title", "name", "shape", "corner"), "length"),
    "strokes": dict.fromkeys(("box", "flow", "residual", "skip", "zoom", "frame"), "length"),
}
LOOKS: Mapping[str, tuple[str, ...]] = {
    "frames": ("panel", "attention"),
    "categories": (*CATEGORIES, "input", "output", "add", "block"),
}
LOOK = {"fill": "colour", "border": "colour", "stroke": "length", "dashed": "flag"}
TOP = ("doc", "extends", *SECTIONS, *LOOKS)
ONE = {"frames": "frame", "categories": "category"}
HASH = "quote it: \"#C45500\"; without quotes '#' starts a comment"
LONGEST = 144.0


class Value(NamedTuple):
    """A colour, a length in points or a truth value, and where it is written."""

    value: str | float | bool
    place: Place


@dataclass(frozen=True)
class Values:
    """What a style says, by path: ``("categories", "linear", "fill")``."""

    found: Mapping[Path, Value]
    places: Mapping[Path, Place]
    """Where the sections and looks are, () being the file."""

    def colour(self, *path: str) -> str:
        """A colour or a text."""
        return str(self.found[path].value)

    def length(self, *path: str, default: float = 0.0) -> float:
        """A length in points."""
        return float(self.found[path].value) if path in self.found else default

    def flag(self, *path: str) -> bool:
        """A truth value, false where not given."""
        return path in self.found and bool(self.found[path].value)

    def over(self, base: Values) -> Values:
        """These values, and those of ``base`` where these are silent."""
        return Values({**base.found, **self.found}, {**base.places, **self.places})


class StyleReader:
    """Reads one file; ``extends`` is the style to fill up from, None for none."""

    def __init__(self, source: Source, styles: Iterable[str]) -> None:
        self.source = source
        self.styles = tuple(styles)
        self.problems: list[Problem] = []
        self.extends: str | None = None
        self.found: dict[Path, Value] = {}
        self.places: dict[Path, Place] = {}

    def read(self) -> Values:
        """Everything that the file says; problems are collected."""
        tree = read_yaml(self.source, self.problems)
        self.problems[:] = [own_words(problem) for problem in self.problems]
        if tree is not None and (top := self.mapping(tree, "a style")) is not None:
            self.places[()] = top.place
            self.keys(top, TOP, "a style")
            for key, value in top:
                self.section(str(key.value), value)
        return Values(self.found, self.places)

    def section(self, name: str, node: YamlNode) -> None:
        """One key of the file."""
        if name in SECTIONS:
            self.entries((name,), node, SECTIONS[name])
        elif name in LOOKS:
            self.looks(name, node)
        elif name == "doc":
            self.doc(node)
        elif name == "extends":
            self.base(node)

    def doc(self, node: YamlNode) -> None:
        """What the style is for: any text."""
        word = self.scalar(node, "doc")
        if word is not None:
            self.found["doc",] = Value(word.raw, word.place)

    def base(self, node: YamlNode) -> None:
        """The style that this one fills up from."""
        word = self.scalar(node, "extends")
        if word is None:
            return
        if word.raw not in self.styles:
            hint = did_you_mean(word.raw, self.styles) or f"styles: {', '.join(self.styles)}"
            self.add("style", f"there is no style '{word.raw}' to extend", word.place, hint)
            return
        self.extends = word.raw

    def looks(self, section: str, node: YamlNode) -> None:
        """The frames or the categories."""
        names = self.mapping(node, section)
        if names is None:
            return
        self.places[section,] = node.place
        self.keys(names, LOOKS[section], section)
        for key, value in names:
            if key.value in LOOKS[section]:
                self.places[section, str(key.value)] = key.place
                self.entries((section, str(key.value)), value, LOOK)

    def entries(self, path: Path, node: YamlNode, kinds: Mapping[str, str]) -> None:
        """A mapping from known keys to values of known kinds."""
        what = path[0] if len(path) == 1 else f"{ONE[path[0]]} '{path[1]}'"
        found = self.mapping(node, what)
        if found is None:
            return
        self.places.setdefault(path, node.place)
        self.keys(found, kinds, what)
        for key, value in found:
            if key.value in kinds:
                self.entry((*path, str(key.value)), value, kinds[str(key.value)])

    def entry(self, path: Path, node: YamlNode, kind: str) -> None:
        """One value, if it is of its kind; a refused one stands so that it is not missed."""
        self.found[path] = Value(0.0, node.place)
        word = self.scalar(node, path[-1])
        if word is None:
            return
        value = {"colour": self.as_colour, "length": self.as_length, "flag": self.as_flag}[kind](
            word, path[-1]
        )
        if value is not None:
            self.found[path] = Value(value, word.place)

    def as_colour(self, word: Scalar, name: str) -> str | None:
        """``#RRGGBB`` in quotes."""
        if word.plain and word.raw == "":
            self.add("colour", f"the colour of '{name}' is missing", word.place, HASH)
            return None
        found = colour(word.raw)
        if found is None:
            hint = 'write red, green and blue in hexadecimal: "#RRGGBB"'
            self.add("colour", f"'{word.raw}' is no colour", word.place, hint)
        return found

    def as_length(self, word: Scalar, name: str) -> float | None:
        """A number of points."""
        value = word.value
        if type(value) in (int, float) and 0 < float(str(value)) <= LONGEST:
            return float(str(value))
        hint = f"write a number of points above 0, at most {LONGEST:g}"
        self.add("length", f"'{name}' cannot be {word.raw or 'empty'}", word.place, hint)
        return None

    def as_flag(self, word: Scalar, name: str) -> bool | None:
        """True or false."""
        if isinstance(word.value, bool):
            return word.value
        fact = f"'{name}' cannot be {word.raw or 'empty'}"
        self.add("flag", fact, word.place, "write true or false")
        return None

    def scalar(self, node: YamlNode, what: str) -> Scalar | None:
        """``node`` if it is a single word; otherwise a problem."""
        if isinstance(node, Scalar):
            return None if node.broken else node
        kind = "list" if isinstance(node, ListNode) else "mapping"
        self.add("structure", f"'{what}' must be a single value, not a {kind}", node.place)
        return None

    def mapping(self, node: YamlNode, what: str) -> MapNode | None:
        """``node`` if it is a mapping; otherwise a problem."""
        if isinstance(node, MapNode):
            return node
        kind = "list" if isinstance(node, ListNode) else "single value"
        self.add("structure", f"{what} must be a mapping, not a {kind}", node.place)
        return None

    def keys(self, node: MapNode, allowed: Iterable[str], what: str) -> None:
        """Report keys that are not allowed here."""
        names = tuple(allowed)
        for key, _ in node:
            if key.value not in names:
                hint = did_you_mean(key.value, names) or f"keys: {', '.join(names)}"
                self.add("unknown-key", f"{what} has no key '{key.raw}'", key.place, hint)

    def add(self, code: str, fact: str, place: Place | None, hint: str | None = None) -> None:
        """Record a problem."""
        self.problems.append(Problem(code, fact, place, hint))


def own_words(problem: Problem) -> Problem:
    """The same problem; an empty style is told what styles, not models, start with."""
    if problem.code != "empty":
        return problem
    return replace(problem, hint="a style starts with e.g. 'extends: default'")


def missing(values: Values) -> list[Problem]:
    """One problem for everything that a style must say and does not."""
    extend = "write it, or start with 'extends: default'"
    problems = []
    for section, kinds in SECTIONS.items():
        place = values.places.get((section,), values.places.get(()))
        for key in kinds:
            if (section, key) not in values.found:
                fact = f"the style has no {section}: {key}"
                problems.append(Problem("missing-key", fact, place, extend))
    for section, names in LOOKS.items():
        for name in names:
            problems += missing_look(values, section, name, extend)
    return problems


def missing_look(values: Values, section: str, name: str, hint: str) -> list[Problem]:
    """A look that is not there at all, or parts of it that are not."""
    place = values.places.get((section, name))
    if place is None:
        where = values.places.get((section,), values.places.get(()))
        return [Problem("missing-key", f"the {ONE[section]} '{name}' is missing", where, hint)]
    absent = [part for part in ("fill", "border") if (section, name, part) not in values.found]
    start = f"the {ONE[section]} '{name}' has no"
    return [Problem("missing-key", f"{start} {part}", place, hint) for part in absent]
