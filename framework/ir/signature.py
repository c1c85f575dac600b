"""The signature language of operators.

    x: b c *size, weight~: out c/groups *kernel, bias~?: out -> y: b out *outsize

Left of the arrow stand the input ports, right of it the outputs.  A bare name binds a
size, a repeated name must agree, a formula is checked, ``*name`` takes any number of
axes.  After the port's name: ``~`` a parameter slot, ``?`` optional, ``+`` one or more
tensors, ``<bool>`` a dtype or a group of dtypes (unmarked ports share one dtype).

At a port with ``+`` single names agree between its tensors as everywhere, while ``*name``
is a tuple of shapes, one for each tensor: ``xs+: *x -> y+: *y`` takes and gives tensors of
any shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from framework.ir.formula import Formula
from framework.ir.types import GROUPS

PORT = re.compile(r"([A-Za-z_][\w.]*)(~?)(\??)(\+?)(?:<([\w@]+)>)?\s*(?::\s*(.*))?$")


@dataclass(frozen=True)
class Axis:
    """One entry of a port's shape: a formula, or ``*name`` for any number of axes."""

    text: str
    formula: Formula
    many: bool = False

    @cached_property
    def name(self) -> str | None:
        """The name that this entry binds, if it is a bare one."""
        return self.formula.name


@dataclass(frozen=True)
class Port:
    """One input or output of an operator."""

    name: str
    axes: tuple[Axis, ...]
    parameter: bool = False
    optional: bool = False
    variadic: bool = False
    dtype: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: [{', '.join(axis.text for axis in self.axes)}]"

    @cached_property
    def star(self) -> int | None:
        """Index of the ``*name`` entry, if there is one."""
        return next((i for i, axis in enumerate(self.axes) if axis.many), None)


@dataclass(frozen=True)
class Signature:
    """Ports of an operator, read from its signature text."""

    text: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read a signature; raises ValueError for a malformed one."""
        left, arrow, right = text.partition("->")
        if not arrow:
            raise ValueError(f"signature {text!r} has no ->")
        return cls(text, tuple(ports(left)), tuple(ports(right)))

    @cached_property
    def tensors(self) -> tuple[Port, ...]:
        """Input ports that edges fill (no parameter slots)."""
        return tuple(port for port in self.inputs if not port.parameter)

    @cached_property
    def slots(self) -> tuple[Port, ...]:
        """Parameter slots: filled by stored weights unless an edge is connected."""
        return tuple(port for port in self.inputs if port.parameter)

    def port(self, name: str) -> Port | None:
        """The input port called ``name``; ``xs.2`` names the third tensor of port ``xs``."""
        for port in self.inputs:
            if port.name == name or (port.variadic and name.rpartition(".")[0] == port.name):
                return port
        return None


def ports(side: str) -> Iterator[Port]:
    """The ports on one side of the arrow."""
    for part in filter(None, (text.strip() for text in side.split(","))):
        found = PORT.match(part)
        if found is None:
            raise ValueError(f"{part!r} is not a port")
        name, parameter, optional, variadic, dtype, axes = found.groups()
        if dtype and not dtype.startswith("@") and dtype not in GROUPS:
            raise ValueError(f"port {name!r} has an unknown dtype {dtype!r}")
        entries = tuple(_axis(token) for token in (axes or "").split())
        if sum(axis.many for axis in entries) > 1:
            raise ValueError(f"port {name!r} has more than one *name")
        yield Port(name, entries, bool(parameter), bool(optional), bool(variadic), dtype)


def _axis(token: str) -> Axis:
    many = token.startswith("*")
    return Axis(token, Formula.parse(token.removeprefix("*")), many)
