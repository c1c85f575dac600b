"""Steps as statements: what is used once goes into the line that uses it, the rest gets a name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from framework.exchange.torch_source.code import Code, Member, Part, Stored, Tensor
from framework.exchange.torch_source.parts import Step, tensors_in
from framework.exchange.torch_source.variants import Run
from framework.ir.graph import Value

__all__ = ["Flow", "Statement"]

LONGEST = 64
DEEPEST = 4
EXCHANGEABLE = (" + ", " * ")


@dataclass(frozen=True, slots=True)
class Statement:
    """A step with all that was put into it; ``shapes`` describe its results.

    With a ``condition`` it stands for the statements in ``inner``; without them the result is
    ``given``.
    """

    step: Step
    shapes: tuple[str, ...]
    condition: str | None = None
    inner: tuple[Statement, ...] = ()
    given: Value | None = None

    @property
    def code(self) -> Code:
        """Its expression."""
        return self.step.code

    @property
    def plain(self) -> bool:
        """Is it one expression, neither a loop nor a condition?"""
        return self.step.loop is None and self.condition is None

    def reads(self) -> list[Value]:
        """The tensors that it needs."""
        if self.condition is None:
            looped = [] if self.step.loop is None else [self.step.loop]
            listed = tensors_in(self.code)
            return listed + [value for value in looped if value not in listed]
        own = {value for statement in self.inner for value in statement.step.results}
        found = [v for s in self.inner for v in s.reads() if v not in own]
        return found if self.given is None else [*found, self.given]


class Flow:
    """The statements of a forward function, without what nobody uses."""

    def __init__(self, shape_of: Callable[[Value], str], given: Sequence[Value]) -> None:
        self.shape_of = shape_of
        self.ages = {value: -1 for value in given}

    def statements(
        self,
        steps: Sequence[Step],
        outputs: Sequence[Value],
        runs: Sequence[tuple[Run, str]] = (),
    ) -> list[Statement]:
        """What forward says, line by line."""
        steps = with_names(steps)
        starts = {run.start: (run, condition) for run, condition in runs}
        listed: list[Statement] = []
        index = 0
        while index < len(steps):
            if index in starts:
                run, condition = starts[index]
                listed.append(self.optional(steps[index : run.stop], run, condition))
                index = run.stop
            else:
                listed.append(self.single(steps[index], index))
                index += 1
        return folded(alive(listed, outputs), outputs)

    def single(self, step: Step, index: int) -> Statement:
        """One step; of two that may change places, what was there first stands first."""
        self.ages.update(dict.fromkeys(step.results, index))
        match step.code:
            case (Tensor() as left, str() as sign, Tensor() as right) if sign in EXCHANGEABLE:
                if self.ages.get(left.value, 0) > self.ages.get(right.value, 0):
                    step = replace(step, code=(right, sign, left))
        return Statement(step, tuple(self.shape_of(value) for value in step.results))

    def optional(self, steps: Sequence[Step], run: Run, condition: str) -> Statement:
        """Steps under a condition."""
        inner = Flow(self.shape_of, list(self.ages)).statements(steps, [run.result])
        last = inner[-1]
        self.ages[run.result] = len(self.ages)
        step = replace(last.step, results=(run.result,), code=())
        return Statement(step, last.shapes, condition, tuple(inner), run.given)


def with_names(steps: Sequence[Step]) -> list[Step]:
    """Stored tensors, and what is another tensor by a new name, written wherever they are used."""
    known: dict[Value, Part] = {}
    out: list[Step] = []
    for step in steps:
        if step.loop is not None:  # what is carried must be a variable
            out.append(step)
            continue
        code = tuple(
            known.get(part.value, part) if isinstance(part, Tensor) else part for part in step.code
        )
        if len(code) == 1 and not isinstance(code[0], str):
            known[step.results[0]] = code[0]
        out.append(replace(step, code=code))
    return out


def alive(listed: Sequence[Statement], outputs: Sequence[Value]) -> list[Statement]:
    """The statements that the outputs need."""
    wanted = set(outputs)
    found: list[Statement] = []
    for statement in reversed(listed):
        if wanted.intersection(statement.step.results):
            found.append(statement)
            wanted.update(statement.reads())
    return found[::-1]


def folded(listed: Sequence[Statement], outputs: Sequence[Value]) -> list[Statement]:
    """Statements inside those that are the only ones to need them."""
    uses = Counter(value for statement in listed for value in statement.reads())
    uses.update(outputs)
    out: list[Statement] = []
    for each in listed:
        statement = each
        while out and fits_into(out[-1], statement, uses):
            statement = joined(out.pop(), statement)
        out.append(statement)
    return out


def fits_into(first: Statement, second: Statement, uses: Counter[Value]) -> bool:
    """May the first be written inside the second?  Only where that is still easy to read."""
    results = first.step.results
    if not (first.plain and second.plain) or first.step.doc is not None:
        return False
    if len(results) != 1 or uses[results[0]] != 1 or results[0] not in tensors_in(second.code):
        return False
    text = sketch(joined(first, second).code)
    light = len(first.code) == 1 and not isinstance(first.code[0], str)
    same = first.shapes == second.shapes or light
    return same and len(text) <= LONGEST and depth(text) <= DEEPEST


def joined(first: Statement, second: Statement) -> Statement:
    """The second with the first inside it."""
    code: list[Part] = []
    for index, part in enumerate(second.code):
        if part != Tensor(first.step.results[0]):
            code.append(part)
            continue
        before = sketch(second.code[:index])
        after = sketch(second.code[index + 1 :])
        bare = atomic(first.code) or delimited(before, after)
        code += first.code if bare else ("(", *first.code, ")")
    return replace(second, step=replace(second.step, code=tuple(code)))


def delimited(before: str, after: str) -> bool:
    """Is a place in brackets or between commas, so that nothing binds to what stands there?"""
    if not before and not after:
        return True
    return before.endswith(("(", ", ", "[", "=")) and after.startswith((")", ",", "]"))


def atomic(code: Code) -> bool:
    """Is it a name, a call or the like, to which anything may be appended?"""
    tree = ast.parse(sketch(code), mode="eval").body
    return isinstance(tree, ast.Call | ast.Attribute | ast.Name | ast.Subscript)


def sketch(code: Code) -> str:
    """The code with short names in the place of tensors."""
    return "".join(sketched(part) for part in code)


def sketched(part: Part) -> str:
    """One part."""
    if isinstance(part, Tensor):
        return "x"
    if isinstance(part, Stored | Member):
        name = part.name if isinstance(part, Stored) else part.path
        return f"self.{'_' * len(name.rpartition('.')[2])}"
    return str(part)


def depth(text: str) -> int:
    """How many brackets are open at most."""
    level = deepest = 0
    for character in text:
        level += (character in "([") - (character in ")]")
        deepest = max(deepest, level)
    return deepest
