"""Which variable holds which tensor, and forward as lines of text.

The main stream is x; what runs beside it is y and z; what lives longer has the name that its
author gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framework.exchange.torch_rules.registry import HELPERS
from framework.exchange.torch_source.attributes import Paths
from framework.exchange.torch_source.code import Code, Member, Part, Stored, Tensor
from framework.exchange.torch_source.flow import Statement
from framework.exchange.torch_source.names import identifier, prose
from framework.ir.graph import Value

__all__ = ["Line", "Variables", "free"]

STREAM = ("x", "y", "z")
LOOPED = "block"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of forward, with what stands behind it; ``inner`` ones are indented."""

    text: str
    comment: str = ""
    inner: bool = False


class Variables:
    """Variables of one forward function; ``last`` says which statement needs a tensor last."""

    def __init__(self, given: Mapping[Value | str, str], paths: Paths, scope: str) -> None:
        self.names = {key: name for key, name in given.items() if isinstance(key, Value)}
        self.weights = {key: name for key, name in given.items() if isinstance(key, str)}
        self.last: dict[Value, int] = {}
        self.paths = paths
        self.scope = scope

    def lines(
        self, statements: Sequence[Statement], outputs: Sequence[Value], count: int
    ) -> list[Line]:
        """The lines of the first ``count`` statements; the others stand behind the return."""
        self.last = {value: i for i, s in enumerate(statements) for value in s.reads()}
        self.last.update((value, len(statements)) for value in outputs)
        out: list[Line] = []
        for index, statement in enumerate(statements[:count]):
            self.names = {v: n for v, n in self.names.items() if self.last.get(v, -1) >= index}
            busy = {n for v, n in self.names.items() if self.last.get(v, -1) > index}
            busy.update(self.weights.values(), HELPERS, [LOOPED])
            out += self.statement(statement, index, busy)
        return out

    def statement(self, statement: Statement, index: int, busy: set[str]) -> list[Line]:
        """One statement."""
        step = statement.step
        notes = [Line(f"# {prose(step.doc)}")] if step.doc else []
        if step.loop is not None:
            return notes + self.loop(statement, step.loop, busy)
        if statement.given is not None:
            return self.optional(statement, statement.given, busy)
        text = self.text(step.code)
        targets: list[str] = []
        for value in step.results:
            lasting = self.last.get(value, -1) - index
            targets.append(self.choose(statement, busy, lasting > 1) if lasting > 0 else "_")
            busy.add(targets[-1])
        self.names.update(zip(step.results, targets, strict=True))
        shapes = zip(statement.shapes, targets, strict=True)
        comment = ", ".join(shape for shape, target in shapes if target != "_")
        return [*notes, Line(f"{', '.join(targets)} = {text}", comment)]

    def choose(self, statement: Statement, busy: set[str], lasting: bool) -> str:
        """A name that is free."""
        label = statement.step.label
        if label is not None and lasting:
            return free(identifier(label), busy)
        wish = next((name for name in STREAM if name not in busy), None)
        return free(identifier(label or "part"), busy) if wish is None else wish

    def carry(self, statement: Statement, value: Value, busy: set[str]) -> tuple[str, list[Line]]:
        """A variable that holds the value and may be changed."""
        have = self.names[value]
        if have in STREAM and have not in busy:
            return have, []
        target = self.choose(statement, busy, lasting=False)
        return target, [Line(f"{target} = {have}")]

    def loop(self, statement: Statement, value: Value, busy: set[str]) -> list[Line]:
        """Modules one after the other, each on what the one before gave."""
        step, carried = statement.step, self.names[value]
        target, out = self.carry(statement, value, busy)
        self.names[value] = target
        inner = self.text(step.code)
        self.names[value] = carried
        self.names[step.results[0]] = target
        over = self.paths.text(step.over or "", self.scope)
        item, head = LOOPED, f"for {LOOPED} in {over}:"
        if step.times is not None:
            item, head = over, f"for _ in range({step.times}):"
        body = Line(f"{target} = {item}{inner}", ", ".join(statement.shapes), inner=True)
        return [*out, Line(head), body]

    def optional(self, statement: Statement, given: Value, busy: set[str]) -> list[Line]:
        """Statements under a condition; the last one writes what holds the given value."""
        target, out = self.carry(statement, given, busy)
        out.append(Line(f"if {statement.condition}:"))
        inner = statement.inner
        for number, one in enumerate(inner[:-1]):
            later = {
                self.names[v] for s in inner[number + 1 :] for v in s.reads() if v in self.names
            }
            made = one.step.results[0]
            name = next(n for n in (*STREAM, "part") if n not in busy | later or n == "part")
            text = self.text(one.code)
            self.names[made] = name
            out.append(Line(f"{name} = {text}", ", ".join(one.shapes), inner=True))
        text = self.text(inner[-1].code)
        out.append(Line(f"{target} = {text}", ", ".join(statement.shapes), inner=True))
        self.names[statement.step.results[0]] = target
        return out

    # ------------------------------------------------------------------ text

    def text(self, code: Code) -> str:
        """Code with variables."""
        return "".join(self.part(part) for part in code)

    def part(self, part: Part) -> str:
        """One part of code."""
        if isinstance(part, Tensor):
            return self.names[part.value]
        if isinstance(part, Stored):
            known = self.weights.get(part.name)
            return self.paths.text(part.name, self.scope) if known is None else known
        if isinstance(part, Member):
            return self.paths.text(part.path, self.scope)
        return str(part)


def free(wish: str, busy: Iterable[str]) -> str:
    """The wish, or with a number where it is taken."""
    name, number = wish, 1
    while name in busy:
        number += 1
        name = f"{wish}_{number}"
    return name
