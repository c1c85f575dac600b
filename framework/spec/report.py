"""Collect problems while reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from framework.errors import Mistake, Place, Problem, nearest
from framework.source import MapNode, Scalar, YamlNode
from framework.spec.values import Reported, described

T = TypeVar("T")


class Report:
    """The problems of one load, and the ways in which they are found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.marks = 0
        """Grows with every mistake met, those included that have been reported before."""
        self._seen: set[tuple[str, Place | None]] = set()

    def problem(self, problem: Problem) -> None:
        """Record a problem; the same code at the same place again is not news."""
        self.marks += 1
        key = (problem.code, problem.place)
        if problem.place is None or key not in self._seen:
            self._seen.add(key)
            self.problems.append(problem)

    def add(
        self,
        code: str,
        fact: str,
        place: Place | None,
        hint: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Record a problem given by its parts."""
        self.problem(Problem(code, fact, place, hint, tuple(notes)))

    def mistake(self, error: Mistake, place: Place | None, notes: Iterable[str] = ()) -> None:
        """Record a bare fact at ``place``, or at its own place if it knows one."""
        self.problem(Problem.of(error, place, notes))

    def attempt(self, place: Place, function: Callable[..., T], *arguments: object) -> T | None:
        """The function's result; None where it raised a mistake, which is recorded."""
        try:
            return function(*arguments)
        except Reported:
            self.marks += 1
            return None
        except Mistake as error:
            self.mistake(error, place)
            return None

    def mapping(self, node: YamlNode | None, what: str, hint: str | None = None) -> MapNode | None:
        """``node`` if it is a mapping; otherwise a problem."""
        if node is None or isinstance(node, MapNode):
            return node
        if isinstance(node, Scalar) and node.broken:
            self.marks += 1
            return None
        fact = f"{what} must be a mapping, found {described(node)}"
        self.add("structure", fact, node.place, hint)
        return None

    def keys(self, node: MapNode, allowed: Sequence[str], what: str) -> MapNode:
        """Report keys that are not allowed here.

        Gives the mapping with the allowed ones. A misspelt key counts as the one that was meant:
        otherwise all that it declares would be missing elsewhere.
        """
        entries: list[tuple[Scalar, YamlNode]] = []
        for key, value in node:
            meant = key
            if key.value not in allowed:
                if ("key", key.place) in self._seen:
                    continue
                near = nearest(key.value, allowed)
                hint = f"did you mean '{near}'?" if near else f"keys: {', '.join(allowed)}"
                self.add("unknown-key", f"{what} has no key '{key.raw}'", key.place, hint)
                meant = replace(key, value=near)
            if meant.value is not None and (meant is key or meant.value not in node):
                entries.append((meant, value))
        return MapNode(tuple(entries), node.place, node.flow)


def misspelt_there(near: str | None, place: Place | None) -> list[str]:
    """A note where the nearest name is declared and never used: it may itself be the typo."""
    if near is None or place is None:
        return []
    if len(re.findall(rf"\b{re.escape(near)}\b", place.source.text)) != 1:
        return []
    return [f"'{near}' on line {place.line} is used nowhere: one of the two is misspelt"]
