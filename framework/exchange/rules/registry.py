"""The tables of rules, and what a reading rule sees of one ONNX node.

@reads("Conv")
def read_conv(n: Call) -> Result: ...

@writes("conv")
def write_conv(w: Out, op: Conv, x: Sent, weight: Sent, bias: Sent | None) -> Sent: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from framework.errors import Mistake
from framework.exchange.rules.sending import Out, Sent
from framework.exchange.rules.wires import Refused, Unknown, Wire, dtype_of
from framework.ir.dims import Dim, Size
from framework.ir.op import Array

__all__ = [
    "READERS",
    "WRITERS",
    "Call",
    "Out",
    "Reader",
    "Refused",
    "Result",
    "Sent",
    "Unknown",
    "Wire",
    "Writer",
    "reads",
    "writes",
]

Whole = int  # `Call` has a method of the name int
Result = Wire | tuple[Wire | None, ...]
Reader = Callable[["Call"], Result]
Writer = Callable[..., Any]

MOST_SIZES = 1 << 14
"""Entries of a tensor of sizes, axes or paddings."""

READERS: dict[str, Reader] = {}
"""Reading rule of each ONNX operator; those of other domains are called ``domain.Name``."""

WRITERS: dict[str, Writer] = {}
"""Writing rule of each of our operators."""


def reads(*op_types: str) -> Callable[[Reader], Reader]:
    """Declare the reading rule of these ONNX operators."""

    def declare(rule: Reader) -> Reader:
        for op_type in op_types:
            if op_type in READERS:
                raise TypeError(f"{op_type} is read by {READERS[op_type]} and by {rule}")
            READERS[op_type] = rule
        return rule

    return declare


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Declare the writing rule of these operators of ours."""

    def declare(rule: Writer) -> Writer:
        for name in names:
            if name in WRITERS:
                raise TypeError(f"{name} is written by {WRITERS[name]} and by {rule}")
            WRITERS[name] = rule
        return rule

    return declare


class Building(Protocol):
    """What a rule builds with: the reader, or a test."""

    def add(
        self, op_name: str, wires: Sequence[Wire | None], rest: Mapping[str, Any], hint: str
    ) -> tuple[Wire, ...]:
        """Add a node of ours and return its results."""

    def constant(self, array: Array) -> Wire:
        """A constant."""


@dataclass(frozen=True)
class Call:
    """One ONNX node as its reading rule sees it."""

    op_type: str
    opset: Whole
    inputs: tuple[Wire | None, ...]
    attributes: Mapping[str, Any]
    wanted: tuple[bool, ...]
    building: Building
    name: str = ""

    def __getitem__(self, index: Whole) -> Any:
        """Input ``index``: a `Wire`, or None where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def count(self) -> Whole:
        """Number of inputs."""
        return len(self.inputs)

    def wants(self, index: Whole) -> bool:
        """Does anything use output ``index``?"""
        return index < len(self.wanted) and self.wanted[index]

    # ------------------------------------------------------------------ attributes

    def has(self, name: str) -> bool:
        """Is the attribute written?"""
        return name in self.attributes

    def int(self, name: str, default: Any = None) -> Any:
        """A whole number."""
        return self._attribute(name, default, int, "a whole number")

    def ints(self, name: str, default: Any = None) -> Any:
        """A tuple of whole numbers."""
        return self._list(name, default, int, "a list of whole numbers")

    def real(self, name: str, default: Any = None) -> Any:
        """A number."""
        value = self._attribute(name, default, (float, int), "a number")
        return None if value is None else float(value)

    def reals(self, name: str, default: Any = None) -> Any:
        """A tuple of numbers."""
        return self._list(name, default, (float, int), "a list of numbers")

    def text(self, name: str, default: Any = None) -> Any:
        """A word."""
        return self._attribute(name, default, str, "text")

    def texts(self, name: str, default: Any = None) -> Any:
        """A tuple of words."""
        return self._list(name, default, str, "a list of words")

    def flag(self, name: str, default: bool = False) -> bool:
        """A whole number that means yes or no."""
        return bool(self.int(name, int(default)))

    def dtype(self, name: str, default: Any = None) -> Any:
        """Our name of the dtype whose code an attribute holds; 0 stands for none."""
        code = self.int(name, 0)
        return dtype_of(code) if code else default

    def array_attribute(self, name: str, default: Any = None) -> Any:
        """A tensor."""
        return self._attribute(name, default, np.ndarray, "a tensor")

    def _attribute(self, name: str, default: Any, kind: Any, what: str) -> Any:
        if name not in self.attributes:
            return default
        value = self.attributes[name]
        if not isinstance(value, kind):
            raise Refused(f"attribute {name} is not {what}")
        return value

    def _list(self, name: str, default: Any, kind: Any, what: str) -> Any:
        value = self._attribute(name, default, tuple, what)
        if name in self.attributes and not all(isinstance(item, kind) for item in value):
            raise Refused(f"attribute {name} is not {what}")
        return value

    # ------------------------------------------------------------------ contents of inputs

    def known(self, index: Whole, default: Any = None) -> Any:
        """The constant at input ``index``; the default where nothing is connected."""
        wire = self[index]
        if wire is None:
            return default
        if wire.array is None:
            raise Unknown(index)
        return wire.array

    def scalar(self, index: Whole, default: Any = None) -> Any:
        """The one number at input ``index``; the default where nothing is connected."""
        array = self.known(index)
        if array is None:
            return default
        if array.size != 1:
            raise Refused(f"input {index} has {array.size} elements; expected one")
        number = array.reshape(())[()]
        return float(str(number)) if array.dtype == np.float32 else number.item()

    def sizes(self, index: Whole, default: Any = None) -> Any:
        """The whole numbers at input ``index``, symbolic ones allowed, as a tuple."""
        wire = self[index]
        if wire is None:
            return default
        if wire.contents is None:
            raise Unknown(index)
        if wire.contents.size > MOST_SIZES:
            raise Refused(
                f"input {index} holds {wire.contents.size:,} sizes; at most {MOST_SIZES:,}"
            )
        return tuple(whole(item) for item in wire.contents.reshape(-1).tolist())

    # ------------------------------------------------------------------ building

    def add(self, op_name: str, *wires: Wire | None, **rest: Any) -> Wire:
        """Add a node of ours; returns its first result."""
        return self.add_all(op_name, *wires, **rest)[0]

    def add_all(self, op_name: str, *wires: Wire | None, **rest: Any) -> tuple[Wire, ...]:
        """Add a node of ours; returns all its results.

        Wires go to the tensor ports in order; a keyword is an attribute, or a port or slot
        where its value is a `Wire` (or None: not connected).
        """
        return self.building.add(op_name, wires, rest, self.name)

    def constant(self, array: Any) -> Wire:
        """A constant."""
        return self.building.constant(np.asarray(array))

    def cast(self, wire: Wire, dtype: str) -> Wire:
        """The wire with another kind of element, or itself."""
        return wire if wire.dtype == dtype else self.add("cast", wire, dtype=dtype)

    def fail(self, fact: str, hint: str | None = None) -> Mistake:
        """The error that this node cannot be imported."""
        return Refused(fact, hint=hint)


def whole(item: Any) -> Size:
    """A whole number out of a known tensor."""
    if isinstance(item, Dim):
        return item
    if int(item) != item:
        raise Refused(f"{item} is not a whole number")
    return int(item)
