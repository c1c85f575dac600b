"""One copy of a block taken apart (`Body`), and the class that equal copies share (`Klass`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from framework.exchange.torch_source.code import (
    REQUIRED,
    Code,
    Device,
    Extent,
    Make,
    Member,
    Number,
    Stored,
    Tensor,
)
from framework.ir.graph import Value
from framework.ir.types import TensorType

__all__ = ["LEADING", "Body", "Parameter", "Step", "plan_of", "plan_part", "tensors_in"]

LEADING = 2
"""So many arguments of a class are written without their names."""


@dataclass(frozen=True, slots=True)
class Step:
    """Results that one expression gives.

    ``loop`` is the value that is carried through equal modules, ``over`` their common path.
    """

    results: tuple[Value, ...]
    types: tuple[TensorType, ...]
    code: Code
    label: str | None = None
    doc: str | None = None
    loop: Value | None = None
    over: str | None = None
    times: int | None = None


@dataclass(slots=True)
class Body:
    """One copy: what it is given, the attributes it makes, its steps, what others use of it."""

    path: str
    block: str
    doc: str | None = None
    tensors: list[Value] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    makes: dict[str, Make] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    types: dict[Value, TensorType] = field(default_factory=dict)
    outputs: tuple[Value, ...] = ()

    def numbers(self) -> dict[Value, int]:
        """Every tensor with its number: inputs first, then results in order."""
        values = [*self.tensors, *(value for step in self.steps for value in step.results)]
        return {value: number for number, value in enumerate(values)}

    def values(self) -> list[Value]:
        """The tensors by number."""
        return [*self.tensors, *(value for step in self.steps for value in step.results)]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a class, with its value for each copy."""

    name: str
    values: tuple[Any, ...]
    default: Any = REQUIRED


def tensors_in(code: Code) -> list[Value]:
    """The tensors that code reads, in order, as often as it does."""
    return [part.value for part in code if isinstance(part, Tensor)]


def plan_of(body: Body) -> tuple[object, ...]:
    """What copies of one class have in common."""
    numbers = body.numbers()
    makes = tuple((rel, make.plan) for rel, make in body.makes.items())
    steps = tuple(
        (
            tuple(plan_part(part, body, numbers) for part in step.code),
            len(step.results),
            None if step.loop is None else numbers[step.loop],
            None if step.over is None else step.over[len(body.path) :],
            step.times,
        )
        for step in body.steps
    )
    return (len(body.tensors), len(body.weights), makes, steps)


def plan_part(part: object, body: Body, numbers: dict[Value, int]) -> object:
    """A piece of code without what may differ between copies."""
    if isinstance(part, Tensor):
        return ("tensor", numbers[part.value])
    if isinstance(part, Stored):
        if part.name in body.weights:
            return ("weight", body.weights.index(part.name))
        return ("stored", part.name[len(body.path) :])
    if isinstance(part, Number | Extent | Device):
        return type(part).__name__
    if isinstance(part, Member):
        return ("member", part.path[len(body.path) :])
    return part
