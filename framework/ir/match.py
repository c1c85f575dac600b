"""Match a signature against tensor types: bind names, check repeats, collect conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from framework.errors import ShapeError
from framework.ir.conditions import Condition, Relation
from framework.ir.dims import Shape, Size, Symbols, exact_quotient, format_shape
from framework.ir.signature import Axis, Port
from framework.ir.types import TensorType

Given = TensorType | tuple[TensorType, ...]
"""What is connected to a port: one tensor, or several at a variadic port."""

Bound = Any
"""A size, a tuple of sizes for ``*name``, or an attribute's value."""

Namer = Callable[[str, int, int | None], Size]
"""Makes a symbol for a size that only the data decide: (hint, least, most)."""


class Match:
    """The names that a signature bound for one node, and the conditions found on the way.

    Names read as attributes: ``d.c`` is a size, ``d.size`` the tuple of ``*size``,
    ``d.stride`` an attribute (one value for each axis of ``*size`` where it is of the
    kind "sizes").  ``d.shapes["x"]`` is the whole shape of a port.
    """

    def __init__(self, attributes: Mapping[str, Bound], namer: Namer | None = None) -> None:
        self._namer = namer
        self.names: dict[str, Bound] = dict(attributes)
        self.shapes: dict[str, Any] = {}
        self.types: dict[str, Given] = {}
        self.conditions: list[Condition] = []
        self._origin: dict[str, tuple[str, int | None]] = {}
        """Label and axis that each name was bound at; no axis for ``*name``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["names"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __contains__(self, port: str) -> bool:
        """Is something connected to this port?"""
        return port in self.shapes

    def require(
        self, relation: Relation, left: Size, right: Size, what: str, hint: str | None = None
    ) -> None:
        """Demand ``left relation right``; decided at once where that is possible."""
        if relation == "==" and left == right:
            return
        condition = Condition(relation, left, right, what, hint)
        if not condition.verdict().always:
            self.conditions.append(condition)

    def divide(self, left: Size, right: Size) -> Size:
        """``left / right``, which must be exact; otherwise that becomes a condition."""
        if right == 0:
            raise ShapeError(f"{left} cannot be divided by 0")
        exact = exact_quotient(left, right)
        if exact is not None:
            return exact
        self.require("divisible", left, right, "exact division")
        return left // right

    def unknown(self, hint: str, least: int = 0, most: Size | None = None) -> Size:
        """A size that only the data decide, such as the number of elements that are not zero.

        In a model it is a symbol of its own; ``most`` bounds it where it is a plain number.
        """
        namer = Symbols().bounded if self._namer is None else self._namer
        return namer(hint, least, most if isinstance(most, int) else None)

    def bind(self, port: Port, given: Given) -> None:
        """Match one port against what is connected to it."""
        if isinstance(given, tuple):
            self._bind_several(port, given)
            return
        self.shapes[port.name] = given.shape
        self.types[port.name] = given
        self._bind_shape(port, given.shape, port.name)

    def results(self, port: Port) -> tuple[Shape, ...]:
        """The shapes of an output port: one, or several at a variadic port."""
        if not port.variadic:
            return (self.result(port),)
        many = next(axis.name or "" for axis in port.axes if axis.many)
        each = self.names[many]
        return tuple(self.result(port, {**self.names, many: shape}) for shape in each)

    def result(self, port: Port, names: Mapping[str, Bound] | None = None) -> Shape:
        """The shape of an output or of a parameter slot, from the names bound so far."""
        known = self.names if names is None else names
        shape: list[Size] = []
        for axis in port.axes:
            if axis.many:
                shape += known[axis.name or ""]
            else:
                shape.append(axis.formula.value(known, self.divide))
        return tuple(shape)

    def _value(self, axis: Axis) -> Size:
        """The size that one signature entry stands for."""
        return axis.formula.value(self.names, self.divide)

    def _bind_several(self, port: Port, given: tuple[TensorType, ...]) -> None:
        """Match each tensor of a variadic port; its ``*name`` becomes a tuple of shapes."""
        self.shapes[port.name] = tuple(tensor.shape for tensor in given)
        self.types[port.name] = given
        many = next((axis.name or "" for axis in port.axes if axis.many), None)
        each: list[Shape] = []
        for number, tensor in enumerate(given):
            self._bind_shape(port, tensor.shape, f"{port.name}.{number}")
            if many is not None:
                each.append(self.names.pop(many))
        if many is not None:
            self.names[many] = tuple(each)

    def _bind_shape(self, port: Port, shape: Shape, label: str) -> None:
        for axis, position, have in pair(port, shape, label):
            if axis.name is not None and axis.name not in self.names:
                self.names[axis.name] = have
                self._origin[axis.name] = (label, None if axis.many else position)
            elif isinstance(have, tuple):
                self._check_many(axis, have, label)
            else:
                self._check(axis, self._value(axis), have, (label, position))

    def _check_many(self, axis: Axis, have: Shape, label: str) -> None:
        expected = self.names[axis.name or ""]
        if len(expected) != len(have):
            raise ShapeError(
                f"{label} has {format_shape(have)} where {format_shape(expected)} "
                f"({axis.text}) was expected"
            )
        for index, (want, size) in enumerate(zip(expected, have, strict=True)):
            self._check(axis, want, size, (label, index))

    def _check(self, axis: Axis, want: Size, have: Size, where: tuple[str, int]) -> None:
        if have == want:
            return
        origins = [
            f"{n} = {self.names[n]} from {place_text(*self._origin[n])}"
            for n in axis.formula.names
            if n in self._origin and not isinstance(self.names[n], tuple)
        ]
        basis = f" ({', '.join(origins)})" if origins else ""
        self.require("==", have, want, f"{place_text(*where)} must be {axis.text}{basis}")


def place_text(label: str, axis: int | None) -> str:
    """``x axis 2``; the label alone without an axis."""
    return label if axis is None else f"{label} axis {axis}"


def pair(port: Port, shape: Shape, label: str) -> list[tuple[Axis, int, Size | Shape]]:
    """Align signature entries with sizes; ``*name`` takes what the others leave."""
    star, count = port.star, len(port.axes)
    spare = len(shape) - count + (star is not None)
    if spare < 0 or (star is None and spare):
        least = "at least " if star is not None else ""
        wanted = count - (star is not None)
        raise ShapeError(
            f"{label} needs {least}{wanted} axes [{', '.join(a.text for a in port.axes)}], "
            f"got {format_shape(shape)}"
        )
    out: list[tuple[Axis, int, Size | Shape]] = []
    at = 0
    for index, axis in enumerate(port.axes):
        if index == star:
            out.append((axis, at, tuple(shape[at : at + spare])))
            at += spare
        else:
            out.append((axis, at, shape[at]))
            at += 1
    return out
