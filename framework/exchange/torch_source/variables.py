"""Which variable holds which tensor, and forward as lines of text.

The main stream is x; what runs beside it is y and z; what lives longer has the name that its
author gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framework.exchange.torch_source.attributes import Paths
from framework.exchange.torch_source.code import Code, Member, Part, Stored, Tensor
from framework.exchange.torch_source.flow import Statement, reads
from framework.exchange.torch_source.names import identifier, prose
from framework.ir.graph import Value

__all__ = ["Line", "Variables"]

STREAM = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of forward, with what stands behind it; ``inner`` ones are indented."""

    text: str
    comment: str = ""
    inner: bool = False


class Variables:
    """Variables of one forward function."""

    def __init__(self, given: Mapping[Value | str, str], paths: Paths, scope: str) -> None:
        self.names = {key: name for key, name in given.items() if isinstance(key, Value)}
        self.weights = {key: name for key, name in given.items() if isinstance(key, str)}
        self.inputs = set(given.values())
        self.paths = paths
        self.scope = scope

    def lines(
        self, statements: Sequence[Statement], outputs: Sequence[Value], count: int
    ) -> list[Line]:
        """The lines of the first ``count`` statements; the others stand behind the return."""
        last = {value: i for i, s in enumerate(statements) for value in reads(s.step)}
        last.update((value, len(statements)) for value in outputs)
        out: list[Line] = []
        for index, statement in enumerate(statements[:count]):
            out += self.statement(statement, index, last)
        return out

    def statement(self, statement: Statement, index: int, last: Mapping[Value, int]) -> list[Line]:
        """One statement."""
        step = statement.step
        busy = {n for v, n in self.names.items() if last.get(v, -1) > index} | {"block"}
        busy.update(self.weights.values())
        notes = [Line(f"# {prose(step.doc)}")] if step.doc else []
        if step.loop is not None:
            return notes + self.loop(statement, busy)
        text = self.text(step.code)
        targets: list[str] = []
        for value in step.results:
            needed = last.get(value, -1) > index
            name = self.choose(statement, busy, last[value] > index + 1) if needed else "_"
            targets.append(name)
            busy.add(name)
        self.names.update(zip(step.results, targets, strict=True))
        comment = ", ".join(statement.shapes)
        return [*notes, Line(f"{', '.join(targets)} = {text}", comment)]

    def choose(self, statement: Statement, busy: set[str], lasting: bool) -> str:
        """A name that is free."""
        label = statement.step.label
        if label is not None and lasting:
            return free(identifier(label), busy)
        return next((name for name in STREAM if name not in busy), None) or free(
            identifier(label or "part"), busy
        )

    def loop(self, statement: Statement, busy: set[str]) -> list[Line]:
        """Modules one after the other, each on what the one before gave."""
        step = statement.step
        value, path = step.loop, step.over
        if value is None or path is None:
            return []
        carried = self.names[value]
        target = carried
        if carried in busy or carried not in STREAM:
            target = self.choose(statement, busy, lasting=False)
        out = [Line(f"{target} = {carried}")] if target != carried else []
        self.names[value] = target
        inner = self.text(step.code)
        self.names[value] = carried
        self.names[step.results[0]] = target
        over = self.paths.text(path, self.scope)
        item, head = "block", f"for block in {over}:"
        if step.times is not None:
            item, head = over, f"for _ in range({step.times}):"
        body = Line(f"{target} = {item}{inner}", ", ".join(statement.shapes), inner=True)
        return [*out, Line(head), body]

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
