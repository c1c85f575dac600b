"""One class for all copies of a block that have the same plan; what differs becomes arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from framework.exchange.torch_source.code import (
    MISSING,
    REQUIRED,
    Argument,
    Extent,
    Make,
    Member,
    Number,
    Part,
    Raw,
    Tensor,
    literal,
)
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import Names, identifier
from framework.exchange.torch_source.parts import LEADING, Parameter, Step
from framework.exchange.torch_source.variants import Copy, Run, members_of, runs_of

__all__ = ["merged", "typed"]


def merged(name: str, copies: Sequence[Copy]) -> Klass | None:
    """The class of copies; None where what they lack cannot be made optional."""
    leader = copies[0].body
    runs = runs_of(leader, list(copies))
    if runs is None:
        return None
    binder = Binder(copies)
    binder.find_complete()
    klass = Klass(name, list(copies))
    klass.makes = {rel: binder.make(rel) for rel in leader.makes}
    klass.steps = [binder.step(index) for index in range(len(leader.steps))]
    for run in runs:
        if not optional(klass, run, binder):
            return None
    if any(rel not in copy.body.makes for rel in leader.makes for copy in copies) and not runs:
        return None
    klass.parameters = with_defaults(binder.parameters)
    klass.remembered = binder.remembered
    klass.outputs = tuple(sorted({number for copy in copies for number in outputs_of(copy)}))
    return klass


def outputs_of(copy: Copy) -> set[int]:
    """The last tensor, by the leader's number, that stands for each output."""
    last = {value: number for number, value in enumerate(copy.values)}
    return {last[value] for value in copy.body.outputs}


def optional(klass: Klass, run: Run, binder: Binder) -> bool:
    """Make a run optional: one module may be an identity, anything else needs an ``if``."""
    leader = klass.template
    members = members_of(leader, run.start, run.stop)
    for rel in members:
        there = tuple(rel in copy.body.makes for copy in klass.copies)
        if there != run.there:
            return False
    step = leader.steps[run.start]
    names = sorted(members, key=list(leader.makes).index)
    what = names[0] if names else step.results[0].node.rpartition(".")[2]
    flag = binder.flag(run.there, f"with_{what}")
    single = run.stop == run.start + 1 and len(names) == 1
    if single and is_plain_call(step) and leader.makes[names[0]].kind == "module":
        klass.choices[names[0]] = flag
        return True
    klass.guards.update(dict.fromkeys(names, flag))
    klass.runs.append((run, binder.remember(Raw(flag))))
    return True


def is_plain_call(step: Step) -> bool:
    """Is it a module on one tensor?"""
    kinds = [type(part) for part in step.code]
    return kinds == [Member, str, Tensor, str]


class Binder:
    """Arguments found so far."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        self.copies = copies
        self.leader = copies[0].body
        self.parameters: list[Parameter] = []
        self.remembered: list[str] = []
        self.complete: list[tuple[Any, ...]] = []
        attributes = (identifier(rel.split(".")[0]) for rel in self.leader.makes)
        self.names = Names((*attributes, "training", "forward"))

    def find_complete(self) -> None:
        """Look first at what every copy has, so that gaps can join it."""
        for rel in self.leader.makes:
            if all(rel in copy.body.makes for copy in self.copies):
                self.make(rel)
        for index in range(len(self.leader.steps)):
            if all(copy.steps[index] is not None for copy in self.copies):
                self.step(index)
        self.complete = [parameter.values for parameter in self.parameters]
        for number in range(len(self.leader.tensors)):
            self.complete += self.sizes_of(number)
        self.names.taken -= {parameter.name for parameter in self.parameters}
        self.parameters, self.remembered = [], []

    def sizes_of(self, number: int) -> list[tuple[Any, ...]]:
        """The axes of an input that are numbers in every copy."""
        shapes = [copy.body.types[copy.values[number]].shape for copy in self.copies]
        return [column for column in zip(*shapes, strict=False) if whole(column)]

    # ------------------------------------------------------------------ attributes

    def make(self, rel: str) -> Make:
        """How an attribute is made, in terms of the arguments."""
        makes = [copy.body.makes.get(rel) for copy in self.copies]
        first = self.leader.makes[rel]
        if first.kind == "list":
            return self.members(rel, [None if m is None else m.items for m in makes])
        return self.joined(rel, makes)

    def joined(self, rel: str, makes: Sequence[Make | None]) -> Make:
        """One constructor for all copies; where there is None, nobody minds."""
        first = next(make for make in makes if make is not None)
        arguments: list[Argument] = []
        for index, argument in enumerate(first.arguments):
            values = tuple(MISSING if m is None else m.arguments[index].value for m in makes)
            arguments.append(replace(argument, value=self.bound(values, argument.name, rel)))
        return replace(first, arguments=tuple(arguments))

    def members(self, rel: str, lists: Sequence[tuple[Make, ...] | None]) -> Make:
        """A list: its first member, and others that are equal in each copy; or one by one."""
        counts = tuple(MISSING if items is None else len(items) for items in lists)
        whole = self.leader.makes[rel]
        longest = max(lists, key=lambda items: len(items or ()))
        if not all(map(uniform, lists)):
            columns = [self.column(lists, number) for number in range(len(longest or ()))]
            return replace(whole, items=tuple(self.joined(rel, column) for column in columns))
        first = self.joined(rel, self.column(lists, 0))
        if len(longest or ()) == 1:
            return replace(whole, items=(first,))
        rest = self.joined(rel, self.column(lists, 1))
        count = self.bound(counts, "repeats", rel)
        return replace(whole, items=(first, rest), count=count)

    def column(self, lists: Sequence[tuple[Make, ...] | None], number: int) -> list[Make | None]:
        """One member of each list, None where it is shorter."""
        return [items[number] if items and number < len(items) else None for items in lists]

    # ------------------------------------------------------------------ steps

    def step(self, index: int) -> Step:
        """A step, in terms of the arguments."""
        steps = [copy.steps[index] for copy in self.copies]
        first = self.leader.steps[index]
        code: list[Part] = []
        for place, part in enumerate(first.code):
            code.append(self.part(part, [None if s is None else s.code[place] for s in steps]))
        same = len({step.label for step in steps if step is not None}) == 1
        return replace(first, code=tuple(code), label=first.label if same else None)

    def part(self, first: Part, parts: Sequence[Part | None]) -> Part:
        """A number as text; everything else as it is in the first copy."""
        if isinstance(first, Extent) and not settled(parts):
            return first
        if not isinstance(first, Number | Extent):
            return first
        values = tuple(value_of(part) for part in parts)
        value = self.bound(values, first.role, first.role)
        return literal(value) if not isinstance(value, Raw) else self.remember(value)

    def remember(self, value: Raw) -> str:
        """A value that forward reads: an argument is kept as an attribute."""
        if any(parameter.name == value.text for parameter in self.parameters):
            if value.text not in self.remembered:
                self.remembered.append(value.text)
            return f"self.{value.text}"
        return value.text

    # ------------------------------------------------------------------ arguments

    def bound(self, values: tuple[Any, ...], role: str, owner: str) -> Any:
        """The value where all copies agree, else the name of an argument."""
        known = {i: typed(value) for i, value in enumerate(values) if value is not MISSING}
        if len(set(known.values())) == 1:
            return values[next(iter(known))]
        for parameter in self.parameters:
            if all(typed(parameter.values[i]) == key for i, key in known.items()):
                return Raw(parameter.name)
        wish = identifier(role)
        if wish in self.names.taken:
            wish = identifier(f"{owner.split('.')[0]}_{role}")
        for column in self.complete:
            if all(typed(column[i]) == key for i, key in known.items()):
                return self.declare(wish, column)
        filler = values[next(iter(known))]
        return self.declare(wish, tuple(filler if v is MISSING else v for v in values))

    def declare(self, wish: str, values: tuple[Any, ...]) -> Raw:
        """A new argument."""
        name = self.names.new(wish)
        self.parameters.append(Parameter(name, values))
        return Raw(name)

    def flag(self, there: tuple[bool, ...], wish: str) -> str:
        """The argument that says whether a run is there."""
        for parameter in self.parameters:
            if parameter.values == there and parameter.name.startswith("with_"):
                return parameter.name
        return self.declare(identifier(wish), there).text


def value_of(part: Part | None) -> Any:
    """The number that a part stands for."""
    if isinstance(part, Extent):
        return part.size
    return part.value if isinstance(part, Number) else MISSING


def settled(parts: Sequence[Part | None]) -> bool:
    """Is a size a number in every copy?"""
    return all(isinstance(part.size, int) for part in parts if isinstance(part, Extent))


def whole(column: Sequence[Any]) -> bool:
    """Are all these sizes numbers?"""
    return all(isinstance(size, int) for size in column)


def uniform(items: tuple[Make, ...] | None) -> bool:
    """Are all members but the first equal, and all of one class?"""
    if items is None:
        return True
    return len(set(items[1:])) <= 1 and len({item.callee for item in items}) == 1


def typed(value: Any) -> tuple[str, Any]:
    """A value that is equal only to values of its own type: True is not 1."""
    return type(value).__name__, tuple(map(typed, value)) if isinstance(value, tuple) else value


def with_defaults(parameters: list[Parameter]) -> list[Parameter]:
    """The arguments; from the third on, one value that is usual becomes the default."""
    found = list(parameters[:LEADING])
    rest: list[Parameter] = []
    for parameter in parameters[LEADING:]:
        counts = Counter(map(typed, parameter.values))
        key, count = counts.most_common(1)[0]
        usual = next(value for value in parameter.values if typed(value) == key)
        common = 2 * count >= len(parameter.values)
        (rest if common else found).append(
            replace(parameter, default=usual if common else REQUIRED)
        )
    return found + rest
