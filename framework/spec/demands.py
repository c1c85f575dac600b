"""Conditions between sizes become problems: once each, with one cure for all that it cures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from framework.errors import Place, Problem
from framework.ir.conditions import Condition
from framework.ir.dims import Verdict
from framework.ir.facts import Facts
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


def declaration(key: str, sizes: Mapping[str, int]) -> str:
    """``H and W as multiple_of: 16``; grouped by value."""
    groups: dict[int, list[str]] = {}
    for name, size in sorted(sizes.items()):
        groups.setdefault(size, []).append(name)
    return " and ".join(f"{' and '.join(names)} {key}: {size}" for size, names in groups.items())


class Demands:
    """What nodes demand of sizes; nothing that follows from a reported mistake is repeated."""

    def __init__(self, report: Report, facts: Facts) -> None:
        self.report = report
        self.facts = facts
        self._open: list[Undeclared] = []

    def check(
        self, conditions: Sequence[Condition], place: Place, prefix: str, notes: Sequence[str]
    ) -> bool:
        """Report what does not hold; False when it can never hold."""
        failing = [
            (condition, verdict)
            for condition in conditions
            if not (verdict := self.facts.verdict(condition)).always
        ]
        for condition, verdict in failing:
            if verdict.never:
                mistake = condition.failure(verdict)
                fact = prefix + mistake.fact
                self.report.add("shape", fact, place, mistake.hint, (*mistake.notes, *notes))
                return False
        if failing:
            self._undecided(failing, place, prefix, notes)
        return True

    def flush(self) -> None:
        """Report the problems that declarations would cure."""
        for entry in self._open:
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
            for name, multiple in entry.multiples.items():
                earlier.multiples[name] = math.lcm(earlier.multiples[name], multiple)

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
        if entry.minimums or not entry.multiples:
            return None
        wanted = entry.multiples.keys()
        return next((e for e in self._open if wanted <= e.multiples.keys()), None)
