"""Steps as statements: what is used once goes into the line that uses it, the rest gets a name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from framework.exchange.torch_source.code import Code, Member, Part, Stored, Tensor
from framework.exchange.torch_source.parts import Step, tensors_in
from framework.ir.graph import Value

__all__ = ["Statement", "statements"]

LONGEST = 64
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """A step with all that was put into it; ``shape`` describes its results."""

    step: Step
    shapes: tuple[str, ...]
    again: bool = False

    @property
    def code(self) -> Code:
        """Its expression."""
        return self.step.code


def statements(
    steps: Sequence[Step],
    outputs: Sequence[Value],
    shape_of: Callable[[Value], str],
) -> list[Statement]:
    """What forward says, line by line, without what nobody uses."""
    live = alive(steps, outputs)
    uses = Counter(value for step in live for value in reads(step))
    uses.update(outputs)
    out: list[Statement] = []
    for step in live:
        statement = Statement(step, tuple(shape_of(value) for value in step.results))
        while out and fits_into(out[-1], statement, uses):
            statement = joined(out.pop(), statement)
        out.append(statement)
    return out


def reads(step: Step) -> list[Value]:
    """The tensors that a step needs."""
    looped = [step.loop] if step.loop is not None else []
    return tensors_in(step.code) + [v for v in looped if v not in tensors_in(step.code)]


def alive(steps: Sequence[Step], outputs: Sequence[Value]) -> list[Step]:
    """The steps that the outputs need."""
    wanted = set(outputs)
    found: list[Step] = []
    for step in reversed(steps):
        if wanted.intersection(step.results):
            found.append(step)
            wanted.update(reads(step))
    return found[::-1]


def fits_into(first: Statement, second: Statement, uses: Counter[Value]) -> bool:
    """May the first be written inside the second?  Only where that is still easy to read."""
    results = first.step.results
    if len(results) != 1 or uses[results[0]] != 1 or results[0] not in tensors_in(second.code):
        return False
    if first.step.loop is not None or second.step.loop is not None or first.step.doc is not None:
        return False
    both = joined(first, second)
    text = sketch(both.code)
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
