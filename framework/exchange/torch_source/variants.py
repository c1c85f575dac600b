"""Copies of a block that differ in a few optional steps, laid side by side.

A step that is missing in a copy must be the identity there: whoever reads its result reads one
of its inputs instead.  So a residual block with a projection and one without it are one class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.exchange.torch_source.code import Member, Part, Stored, Tensor
from framework.exchange.torch_source.parts import Body, Step, plan_part, tensors_in
from framework.exchange.torch_source.tree import inside
from framework.ir.graph import Value

__all__ = ["Copy", "Run", "alike", "laid_side_by_side", "members_of", "runs_of"]

MOST_ATTEMPTS = 2_000
MOST_STEPS = 200


@dataclass(slots=True)
class Copy:
    """A body beside the leader: its steps and tensors by the leader's numbers.

    ``instead`` has, for each step that it lacks, the leader's tensor that stands for the result.
    """

    body: Body
    steps: list[Step | None]
    values: list[Value]
    instead: dict[int, Value]


@dataclass(frozen=True, slots=True)
class Run:
    """Steps from ``start`` to before ``stop`` that some copies lack; ``there`` says which have it.

    ``given`` is what the result is where the run is missing.
    """

    start: int
    stop: int
    there: tuple[bool, ...]
    given: Value
    result: Value


def alike(body: Body) -> Copy:
    """A body beside itself."""
    return Copy(body, list(body.steps), body.values(), {})


class Aligner:
    """Searches which steps of the leader a body lacks."""

    def __init__(self, leader: Body, body: Body) -> None:
        self.leader = leader
        self.body = body
        self.attempts = 0

    def search(self) -> Copy | None:
        """The body beside the leader, or None where it is another thing altogether."""
        left, right = self.leader, self.body
        if len(left.tensors) != len(right.tensors) or len(left.weights) != len(right.weights):
            return None
        fewer = len(right.steps) < len(left.steps) <= MOST_STEPS
        if not fewer or not self.makes_fit():
            return None
        known = dict(zip(left.tensors, right.tensors, strict=True))
        return self.match(0, 0, known, {}, [])

    def makes_fit(self) -> bool:
        """Has the leader all that the body makes?"""
        there = self.leader.makes
        return all(rel in there and there[rel].plan == m.plan for rel, m in self.body.makes.items())

    def match(
        self,
        i: int,
        j: int,
        known: dict[Value, Value],
        instead: dict[int, Value],
        steps: list[Step | None],
    ) -> Copy | None:
        """Match the leader's steps from ``i`` on with the body's from ``j`` on."""
        self.attempts += 1
        if self.attempts > MOST_ATTEMPTS:
            return None
        if i == len(self.leader.steps):
            whole = j == len(self.body.steps)
            values = [known[value] for value in self.leader.values()] if whole else []
            return Copy(self.body, steps, values, instead) if whole else None
        step = self.leader.steps[i]
        if j < len(self.body.steps) and self.equal(step, self.body.steps[j], known):
            other = self.body.steps[j]
            results = dict(zip(step.results, other.results, strict=True))
            found = self.match(i + 1, j + 1, {**known, **results}, instead, [*steps, other])
            if found is not None:
                return found
        for value in self.skips(step):
            more = {**known, step.results[0]: known[value]}
            found = self.match(i + 1, j, more, {**instead, i: value}, [*steps, None])
            if found is not None:
                return found
        return None

    def skips(self, step: Step) -> list[Value]:
        """What could stand for the result of a step that is left out."""
        if len(step.results) != 1 or step.loop is not None:
            return []
        return list(dict.fromkeys(tensors_in(step.code)))

    def equal(self, left: Step, right: Step, known: dict[Value, Value]) -> bool:
        """Are two steps the same, given which tensors are the same?"""
        if len(left.code) != len(right.code) or len(left.results) != len(right.results):
            return False
        if (left.loop is None) != (right.loop is None) or left.times != right.times:
            return False
        pairs = zip(left.code, right.code, strict=True)
        return all(self.equal_parts(a, b, known) for a, b in pairs)

    def equal_parts(self, left: Part, right: Part, known: dict[Value, Value]) -> bool:
        if isinstance(left, Tensor):
            return isinstance(right, Tensor) and known.get(left.value) == right.value
        if isinstance(right, Tensor):
            return False
        return plan_part(left, self.leader, {}) == plan_part(right, self.body, {})


def laid_side_by_side(leader: Body, others: list[Body]) -> list[Copy]:
    """Those of the others that fit beside the leader."""
    found = (Aligner(leader, other).search() for other in others)
    return [copy for copy in found if copy is not None]


# ---------------------------------------------------------------------- runs of optional steps


def runs_of(leader: Body, copies: list[Copy]) -> list[Run] | None:
    """The optional runs, or None where copies disagree about what stands for a result."""
    out: list[Run] = []
    for start, stop, there in stretches(copies):
        pieces = [(start, stop)]
        if leaks(leader, start, stop):
            pieces = [(index, index + 1) for index in range(start, stop)]
        for first, last in pieces:
            given = {
                outer(leader, copy, first, last) for copy in copies if last - 1 in copy.instead
            }
            if len(given) != 1:
                return None
            result = leader.steps[last - 1].results[0]
            out.append(Run(first, last, there, given.pop(), result))
    return out


def stretches(copies: list[Copy]) -> Iterator[tuple[int, int, tuple[bool, ...]]]:
    """Neighbouring steps that the same copies lack."""
    count = len(copies[0].steps)
    columns = [tuple(copy.steps[i] is not None for copy in copies) for i in range(count)]
    start = 0
    for index in range(1, count + 1):
        if index == count or columns[index] != columns[start]:
            if not all(columns[start]):
                yield start, index, columns[start]
            start = index


def leaks(leader: Body, start: int, stop: int) -> bool:
    """Does anything but the run itself read what is made on the way?"""
    inner = {value for step in leader.steps[start : stop - 1] for value in step.results}
    outside = [*leader.steps[:start], *leader.steps[stop:]]
    return bool(inner & {value for step in outside for value in tensors_in(step.code)})


def outer(leader: Body, copy: Copy, start: int, stop: int) -> Value:
    """What stands for the result of a run: a tensor that is there without it."""
    value = copy.instead[stop - 1]
    made = {leader.steps[index].results[0]: index for index in range(start, stop)}
    while value in made:
        value = copy.instead[made[value]]
    return value


def members_of(body: Body, start: int, stop: int) -> set[str]:
    """The attributes that steps read."""
    found: set[str] = set()
    parts = (part for step in body.steps[start:stop] for part in step.code)
    for part in parts:
        if isinstance(part, Member | Stored):
            path = part.path if isinstance(part, Member) else part.name
            rel = inside(path, body.path) or path
            found.update(
                name for name in body.makes if name == rel or inside(rel, name) is not None
            )
    return found
