"""Conditions between sizes become problems: once each, with one cure for all that it cures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from framework.errors import Place, Problem
from framework.ir.conditions import Condition
from framework.ir.dims import Verdict
from framework.ir.facts import Facts
from framework.ir.graph import Value
from framework.spec.origins import Origins
from framework.spec.report import Report


@dataclass
class Undeclared:
    """A problem that a declaration cures; later ones may only sharpen the declaration."""

    fact: str
    place: Place
    notes: tuple[str, ...]
    hint: str | None
    multiples: dict[str, int] = field(default_factory=dict)
    minimums: dict[str, int] = field(default_factory=dict)

    def problem(self) -> Problem:
        """The problem, with the declarations that cure it."""
        parts = [declaration("as multiple_of", self.multiples)] if self.multiples else []
        parts += [declaration("with min", self.minimums)] if self.minimums else []
        hint = f"declare {' and '.join(parts)}" if parts else self.hint
        return Problem("shape", self.fact, self.place, hint, self.notes)

    def covers(self, other: Undeclared) -> bool:
        """Do both ask for the same kind of declaration, this one for all names of the other?"""
        multiples = other.multiples.keys() <= self.multiples.keys()
        return multiples and other.minimums.keys() <= self.minimums.keys()

    def sharpen(self, other: Undeclared) -> None:
        """Ask for what the other needs, too."""
        for name, multiple in other.multiples.items():
            self.multiples[name] = math.lcm(self.multiples[name], multiple)
        for name, minimum in other.minimums.items():
            self.minimums[name] = max(self.minimums[name], minimum)

    def follows_from(self, implied: Mapping[str, int]) -> bool:
        """Are minimums all that it asks for, and none above those ``implied``?"""
        if self.multiples or not self.minimums:
            return False
        return all(size <= implied.get(name, 0) for name, size in self.minimums.items())


def declaration(key: str, sizes: Mapping[str, int]) -> str:
    """``H and W as multiple_of: 16``; grouped by value."""
    groups: dict[int, list[str]] = {}
    for name, size in sorted(sizes.items()):
        groups.setdefault(size, []).append(name)
    return " and ".join(f"{' and '.join(names)} {key}: {size}" for size, names in groups.items())


class Demands:
    """What nodes demand of sizes; nothing that follows from a reported mistake is repeated."""

    def __init__(self, report: Report, facts: Facts, origins: Origins) -> None:
        self.report = report
        self.facts = facts
        self.origins = origins
        self._open: list[Undeclared] = []

    def check(
        self,
        conditions: Sequence[Condition],
        place: Place,
        prefix: str,
        notes: Sequence[str],
        values: Iterable[Value] = (),
    ) -> bool:
        """Report what does not hold; False when it can never hold.

        ``values`` are those whose sizes meet: the notes tell where they came from.
        """
        failing = [
            (condition, verdict)
            for condition in conditions
            if not (verdict := self.facts.verdict(condition)).always
        ]
        for condition, verdict in failing:
            if verdict.never:
                mistake = condition.failure(verdict)
                fact = prefix + mistake.fact
                came = self.origins.notes((condition.left, condition.right), values, place)
                said = (*mistake.notes, *came, *notes)
                self.report.add("shape", fact, place, mistake.hint, said)
                return False
        if failing:
            first, verdict = failing[0]
            came = []
            if verdict.multiple_of is None and not verdict.minimum:
                came = self.origins.notes((first.left, first.right), values, place)
            self._undecided(failing, place, prefix, (*came, *notes))
        return True

    def flush(self) -> None:
        """Report the problems that declarations would cure.

        A size that is a multiple of 16 is at least 16: such a minimum needs no message of its own.
        """
        implied: dict[str, int] = {}
        for entry in self._open:
            for name, multiple in entry.multiples.items():
                if self.facts.symbols.bounds_of(name).minimum > 0:
                    implied[name] = max(multiple, implied.get(name, 1))
        for entry in self._open:
            if not entry.follows_from(implied):
                self.report.problem(entry.problem())
        self._open = []

    def _undecided(
        self,
        failing: Sequence[tuple[Condition, Verdict]],
        place: Place,
        prefix: str,
        notes: Sequence[str],
    ) -> None:
        mistake = failing[0][0].failure(failing[0][1])
        entry = Undeclared(prefix + mistake.fact, place, (*mistake.notes, *notes), mistake.hint)
        for condition, verdict in failing:
            self._cure(condition, verdict, entry)
        for name, multiple in entry.multiples.items():
            self.facts.multiple(name, multiple)
        for name, minimum in entry.minimums.items():
            self.facts.at_least(name, minimum)
        earlier = self._earlier(entry)
        if earlier is None:
            self._open.append(entry)
        else:
            earlier.sharpen(entry)

    def _cure(self, condition: Condition, verdict: Verdict, entry: Undeclared) -> None:
        """Note the declaration that settles a condition, or take the condition for granted."""
        if verdict.multiple_of is not None:
            for name in condition.symbols:
                known = entry.multiples.get(name, 1)
                entry.multiples[name] = math.lcm(known, verdict.multiple_of)
        elif verdict.minimum:
            for name, size in verdict.minimum.items():
                entry.minimums[name] = max(size, entry.minimums.get(name, size))
        else:
            self.facts.assume(condition)

    def _earlier(self, entry: Undeclared) -> Undeclared | None:
        """A reported problem whose declaration only has to be sharpened."""
        if not entry.minimums and not entry.multiples:
            return None
        return next((earlier for earlier in self._open if earlier.covers(entry)), None)
