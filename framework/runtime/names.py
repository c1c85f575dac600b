"""Foreign weight names to ours by patterns, and the check that names and shapes fit.

    "_blocks.{i}._bn0.{p}": "blocks.{i}.expand_norm.{p}"     {i} is one part or a piece of one
    "layer{i}.{p}": "stage.{i-1}.{p}"                        numbers may be shifted
    "module.{rest...}": "{rest...}"                          several parts, dots included
    "{rest...}.num_batches_tracked": null                    dropped

The first pattern that fits a name decides; a name that none fits keeps its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from framework.errors import Mistake, WeightError, did_you_mean, nearest

__all__ = ["Pattern", "Shaped", "map_names", "match_weights", "parse_patterns"]

MOST_HINTS = 20  # nearest names are slow to find; after so many, the pattern is clear
FIELD = re.compile(r"\{([^{}]*)\}")
CAPTURE = re.compile(r"([A-Za-z_]\w*)(\.\.\.)?", re.ASCII)
INSERT = re.compile(r"([A-Za-z_]\w*)(?:(\.\.\.)|\s*([+-])\s*(\d{1,9}))?", re.ASCII)


class Shaped(Protocol):
    """Anything with a shape; the check needs no elements."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes by axis."""


@dataclass(frozen=True)
class Pattern:
    """One line of the mapping: which names it fits, and what it makes of them."""

    source: str
    target: str  # empty: the name is dropped
    matcher: re.Pattern[str]

    def apply(self, name: str) -> str | None:
        """Our name for a foreign one, empty if it is dropped; None if the pattern does not fit."""
        found = self.matcher.fullmatch(name)
        if found is None:
            return None
        return FIELD.sub(lambda field: self.insert(field[1], found, name), self.target)

    def insert(self, field: str, found: re.Match[str], name: str) -> str:
        """What a field of the target stands for in this match."""
        capture, _, sign, shift = parse_field(INSERT, field, self.target)
        text = found[capture]
        if sign is None:
            return text
        if not text.isdecimal():
            raise WeightError(
                f"weights: {{{field}}} in '{self.target}' needs a number, but in {name!r} "
                f"{{{capture}}} is {text!r}\n  hint: write {{{capture}}}"
            )
        number = int(text) + int(sign + shift)
        if number < 0:
            raise WeightError(
                f"weights: {{{field}}} in '{self.target}' gives {number} for {name!r}"
                "\n  hint: shift by less"
            )
        return str(number)


def parse_patterns(patterns: Mapping[str, object]) -> tuple[Pattern, ...]:
    """The mapping of a model file as patterns, in its order; raises Mistake for a malformed one."""
    return tuple(parse_pattern(source, target) for source, target in patterns.items())


def parse_pattern(source: str, target: object) -> Pattern:
    """One pattern; every capture that the target inserts must stand in the source."""
    if target is not None and not isinstance(target, str):
        raise Mistake(
            f"'{source}' maps to {target!r}, which is no name",
            hint="write a name, or null to drop the weight",
        )
    matcher, captures = compile_source(source)
    fields = [parse_field(INSERT, text, target or "") for text in fields_of(target or "")]
    for capture, dots, *_ in fields:
        if capture not in captures:
            raise Mistake(
                f"'{target}' inserts {{{capture}}}, which '{source}' does not capture",
                hint=did_you_mean(capture, captures),
            )
        if bool(dots) != captures[capture]:
            raise Mistake(
                f"{{{capture}}} has '...' on only one side of '{source}': '{target}'",
                hint="write it in the same way on both sides",
            )
    return Pattern(source, target or "", matcher)


def compile_source(source: str) -> tuple[re.Pattern[str], dict[str, bool]]:
    """The matcher of a pattern, and its captures: whether each takes several parts."""
    captures: dict[str, bool] = {}
    if not source:
        raise Mistake("an empty pattern fits no name", hint="write a name or a pattern")
    if "}{" in source:
        raise Mistake(
            f"'{source}' has two captures side by side, so their border is unknown",
            hint="put a character between them",
        )
    pieces = [re.escape(text) for text in FIELD.split(source)]
    for index, text in enumerate(fields_of(source)):
        name, dots, *_ = parse_field(CAPTURE, text, source)
        word = r"[A-Za-z0-9_.]+" if dots else r"[A-Za-z0-9_]+"
        pieces[2 * index + 1] = f"(?P={name})" if name in captures else f"(?P<{name}>{word})"
        captures[name] = bool(dots)
    return re.compile("".join(pieces)), captures


def fields_of(text: str) -> list[str]:
    """What stands between the braces of a pattern; a brace without its partner is refused."""
    if re.search(r"[{}]", FIELD.sub("", text)):
        raise Mistake(f"'{text}' has a brace without its partner", hint="write {name}")
    return FIELD.findall(text)


def parse_field(grammar: re.Pattern[str], field: str, pattern: str) -> tuple[str, ...]:
    """The groups of one field of a pattern."""
    found = grammar.fullmatch(field)
    if found is None:
        more = ", {name+1} or {name-1}" if grammar is INSERT else ""
        raise Mistake(
            f"{{{field}}} in '{pattern}' is not understood",
            hint=f"write {{name}}, {{name...}}{more}",
        )
    return found.groups()


def map_names(foreign: Iterable[str], patterns: Mapping[str, object]) -> dict[str, str]:
    """Our name for each foreign name that is kept, in the order given.

    Raises Mistake for a malformed pattern, and one WeightError that lists the patterns that fit
    no name and the names that would become one.
    """
    rules = parse_patterns(patterns)
    names = list(foreign)
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        rule, ours = first_fit(rules, name)
        used |= {rule.source} if rule else set()
        if ours:
            found[name] = ours
    unused = [unused_line(rule, rules, names) for rule in rules if rule.source not in used]
    if problems := unused + clashes(found):
        raise WeightError("\n".join(["weights: the names do not map:", *problems]))
    return found


def first_fit(rules: tuple[Pattern, ...], name: str) -> tuple[Pattern | None, str]:
    """The first pattern that fits, and our name; without one, the name itself."""
    for rule in rules:
        ours = rule.apply(name)
        if ours is not None:
            return rule, ours
    return None, name


def unused_line(rule: Pattern, rules: tuple[Pattern, ...], names: list[str]) -> str:
    """Why a pattern was not used: another one stands before it, or it fits nothing."""
    taken = next((name for name in names if rule.matcher.fullmatch(name)), None)
    if taken is not None:
        first = next(other for other in rules if other.matcher.fullmatch(taken))
        return f"  '{rule.source}' comes too late: '{first.source}' takes {taken!r} before it"
    near = nearest(rule.source, names)
    return f"  '{rule.source}' fits no name" + (f"; the nearest is {near!r}" if near else "")


def clashes(found: Mapping[str, str]) -> list[str]:
    """A line for each of our names that several foreign names would get."""
    sources: dict[str, list[str]] = defaultdict(list)
    for name, ours in found.items():
        sources[ours].append(name)
    return [
        f"  {' and '.join(map(repr, names))} would both become {ours!r}"
        if len(names) == 2
        else f"  {len(names)} names, {names[0]!r} among them, would all become {ours!r}"
        for ours, names in sources.items()
        if len(names) > 1
    ]


def match_weights(
    wanted: Mapping[str, tuple[int, ...]],
    found: Mapping[str, Shaped],
    optional: frozenset[str] = frozenset(),
) -> None:
    """Check that the weights found are those wanted, name by name and shape by shape.

    Names in ``optional`` may be missing. Raises one WeightError that lists every weight that is
    missing, unexpected or of another shape.
    """
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    needed = [name for name in missing if name not in optional]
    lines = hinted("missing   ", needed, unexpected, "the file has")
    lines += hinted("unexpected", unexpected, missing, "the model wants")
    lines += [
        f"  shape       {name!r}: the model wants {list(shape)}, "
        f"the file has {list(found[name].shape)}"
        for name, shape in wanted.items()
        if name in found and tuple(shape) != tuple(found[name].shape)
    ]
    if lines:
        head = f"weights do not fit: {count(lines)} among {len(wanted)} of the model"
        raise WeightError("\n".join([head, *lines]))


def hinted(what: str, names: list[str], others: list[str], who: str) -> list[str]:
    """A line for each name, the first ones with the nearest of the names that are left over."""
    lines = [f"  {what}  {name!r}" for name in names]
    for index, name in enumerate(names[:MOST_HINTS]):
        near = nearest(name, others)
        lines[index] += f"; {who} {near!r}" if near else ""
    return lines


def count(lines: list[str]) -> str:
    """The number of mismatches, in words."""
    return "1 mismatch" if len(lines) == 1 else f"{len(lines)} mismatches"
