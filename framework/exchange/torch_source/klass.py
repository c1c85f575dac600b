"""The class that copies of a block share."""

from __future__ import annotations

from dataclasses import dataclass, field

from framework.exchange.torch_source.code import Argument, Extent, Make, Part, Stored, Tensor
from framework.exchange.torch_source.parts import LEADING, Body, Parameter, Step
from framework.exchange.torch_source.variants import Copy, Run
from framework.ir.dims import Shape, Size
from framework.ir.graph import Value

__all__ = ["Klass"]


@dataclass(slots=True)
class Klass:
    """A class and the copies that it stands for; the first of them is the template.

    In ``makes`` and ``steps``, numbers that differ between copies have become the names of
    `Parameter`s, and sizes have become code.  ``sizes`` are those that forward is given,
    ``remembered`` the parameters that forward reads, ``comments`` the shape of each tensor.
    Attributes in ``choices`` are an identity where their flag is false, those in ``guards`` are
    not made then; ``runs`` are optional steps of forward with their conditions.
    """

    name: str
    copies: list[Copy]
    parameters: list[Parameter] = field(default_factory=list)
    makes: dict[str, Make] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    remembered: list[str] = field(default_factory=list)
    sizes: list[tuple[str, tuple[Size, ...]]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    guards: dict[str, str] = field(default_factory=dict)
    runs: list[tuple[Run, str]] = field(default_factory=list)

    @property
    def template(self) -> Body:
        """The copy whose names are used."""
        return self.copies[0].body

    def number_of(self, body: Body) -> int:
        """Which copy this is."""
        return next(i for i, copy in enumerate(self.copies) if copy.body is body)

    def shapes(self, number: int) -> list[Shape]:
        """The shape of one tensor in all copies."""
        return [copy.body.types[copy.values[number]].shape for copy in self.copies]

    def seen(self) -> list[tuple[bool, ...]]:
        """For each tensor: in which copies is there something by its name?

        What an optional run leaves behind is there without the run, too.
        """
        every = (True,) * len(self.copies)
        out = [every] * len(self.template.tensors)
        inner = {i: run.there for run, _ in self.runs for i in range(run.start, run.stop - 1)}
        for index, step in enumerate(self.steps):
            out += [inner.get(index, every)] * len(step.results)
        return out

    def make(self, body: Body) -> Make:
        """How a copy is made."""
        number = self.number_of(body)
        given = (Argument(p.name, p.values[number], p.default) for p in self.parameters)
        return Make(self.name, tuple(given), positional=LEADING)

    def given(self, body: Body) -> list[Part]:
        """What the forward function of a copy is given, in order."""
        number = self.number_of(body)
        tensors: list[Part] = [Tensor(value) for value in body.tensors]
        weights: list[Part] = [Stored(name) for name in body.weights]
        return [*tensors, *weights, *(Extent(sizes[number], name) for name, sizes in self.sizes)]

    def results(self, body: Body) -> tuple[Value, ...]:
        """What the forward function of a copy gives."""
        values = self.copies[self.number_of(body)].values
        return tuple(values[number] for number in self.outputs)
