"""`Importer`: builds our graph for the reading rules, folding constants on the way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake, did_you_mean
from framework.exchange.folding import Folding, contents_of
from framework.exchange.known import propagate, settled, shape_contents
from framework.exchange.rules.wires import Refused, Wire
from framework.ir.attributes import Attribute
from framework.ir.facts import Facts
from framework.ir.graph import Graph, Node, Parameter, Value, Wires
from framework.ir.match import Given
from framework.ir.op import Array, Inference, Op, find_op
from framework.ir.types import DTYPES, TensorType
from framework.ops.constant import nested

SMALL = 64
"""Constants of at most this many whole numbers, or one number, are written into the model."""

MOST_LISTED = 1 << 16
"""Entries of an attribute."""

LONGEST_NAME = 120

TURNED = " transposed"
"""Ends the name of a stored matrix whose axes have changed places."""

WORD = re.compile(r"[A-Za-z0-9_]+")


class Importer:
    """The graph built so far, and the weights in it."""

    def __init__(self, name: str) -> None:
        self.graph = Graph(name)
        self.weights: dict[str, Array] = {}
        self.facts = Facts(self.graph.symbols)
        self._folding = Folding()
        self._stored: dict[tuple[str, tuple[int, ...]], str] = {}
        self._constants: dict[int, tuple[Array, Value]] = {}
        self._counts: dict[str, int] = {}

    # ------------------------------------------------------------------ what rules call

    def constant(self, array: Array, name: str = "") -> Wire:
        """A constant; it becomes a node only where one is needed."""
        if array.dtype.name not in DTYPES:
            raise Refused(f"{array.dtype.name} is not supported")
        return Wire(TensorType(array.shape, array.dtype.name), array=array, name=name)

    def add(
        self, op_name: str, wires: Sequence[Wire | None], rest: Mapping[str, Any], hint: str
    ) -> tuple[Wire, ...]:
        """Add a node, or compute its results at once where everything is constant."""
        cls = find_op(op_name)
        ports, values = sorted_arguments(cls, wires, rest)
        op = cls(**values)
        op.check()
        given = {port: given_type(wired) for port, wired in ports.items()}
        if (folded := self._folding.results(op, ports, given)) is not None:
            return tuple(
                self.constant(read_only(array), seen_name(op, ports, array)) for array in folded
            )
        name = self._name(op, ports, hint)
        inference = op.infer(given, self.graph.namer(name))
        self._demand(inference)
        return self._append(op, name, ports, inference)

    # ------------------------------------------------------------------ constants

    def value_of(self, wire: Wire) -> Value:
        """Where a wire comes from; a constant becomes a node here."""
        if wire.value is not None:
            return wire.value
        array = wire.array
        if array is None:
            raise Refused("nothing is connected")
        if id(array) not in self._constants:
            self._constants[id(array)] = (array, self._constant_node(array, wire.name))
        return self._constants[id(array)][1]

    def _constant_node(self, array: Array, name: str) -> Value:
        small = array.size <= (1 if array.dtype.kind == "f" else SMALL)
        cls = find_op("constant" if small else "parameter")
        if small:
            op = cls(value=nested(array), dtype=array.dtype.name)
            node = self.free(identifier(name.partition(" ")[0]) if name else "constant")
            outputs = op.infer({}).outputs
            self.graph.add(Node(node, op, outputs), {})
            return Value(node)
        op = cls(shape=array.shape, dtype=array.dtype.name, trainable=bool(name))
        node = self.free(identifier(name.partition(" ")[0]) if name else "parameter")
        stored = self._store(f"{node}.value", array, name, op, "value")
        type_ = TensorType(array.shape, array.dtype.name)
        self.graph.add(Node(node, op, (type_,), {"value": stored}), {})
        return Value(node)

    def _store(self, name: str, array: Array, source: str, op: Op, slot: str) -> str:
        """Keep an array as a stored weight; the same initializer is stored once."""
        key = (source, array.shape)
        if source and key in self._stored:
            return self._stored[key]
        self.weights[name] = array
        trainable = op.learns(slot) and array.dtype.kind == "f"
        fans = op.fans(slot, array.shape)
        self.graph.parameters[name] = Parameter(
            name, array.shape, array.dtype.name, trainable, op.initial.get(slot, "zeros"), fans
        )
        if source:
            self._stored[key] = name
        return name

    # ------------------------------------------------------------------ nodes

    def _append(
        self, op: Op, name: str, ports: Mapping[str, Any], inference: Inference
    ) -> tuple[Wire, ...]:
        wires: dict[str, Value | tuple[Value, ...]] = {}
        parameters: dict[str, str] = {}
        slots = {slot.name for slot in op.ports.slots}
        for port, wired in ports.items():
            if isinstance(wired, tuple):
                wires[port] = tuple(map(self.value_of, wired))
            elif port in slots and wired.array is not None:
                array = np.ascontiguousarray(wired.array) if wired.rank else wired.array
                parameters[port] = self._store(f"{name}.{port}", array, wired.name, op, port)
            else:
                wires[port] = self.value_of(wired)
        if inference.parameters:
            missing = ", ".join(inference.parameters)
            raise Refused(f"{op.name}: no value is given for {missing}")
        self.graph.add(Node(name, op, inference.outputs, parameters), wires)
        known = self._known(op, ports, inference)
        return tuple(
            self._result(type_, Value(name, number), sizes)
            for number, (type_, sizes) in enumerate(zip(inference.outputs, known, strict=True))
        )

    def _result(self, type_: TensorType, value: Value, sizes: Array | None) -> Wire:
        """A result; whole numbers without a symbol in them are a constant."""
        if sizes is not None and settled(sizes):
            return self.constant(read_only(sizes.astype(type_.dtype)))
        return Wire(type_, value, sizes=sizes)

    def _known(
        self, op: Op, ports: Mapping[str, Any], inference: Inference
    ) -> Iterator[Array | None]:
        """Symbolic whole numbers in the results."""
        if len(inference.outputs) != 1:
            yield from (None for _ in inference.outputs)
        elif op.name == "shape_of":
            wire = next(iter(ports.values()))
            start, stop = op.values.get("start"), op.values.get("end")
            yield shape_contents(wire.shape[start:stop])
        elif op.name == "size_of":
            wire = next(iter(ports.values()))
            yield np.full((), math.prod(wire.shape), object)
        else:
            contents = [contents_of(ports.get(p.name), "contents") for p in op.ports.tensors]
            missing = any(p.name in ports and c is None for p, c in zip(
                op.ports.tensors, contents, strict=True))  # fmt: skip
            yield (
                None
                if missing or not contents
                else propagate(op, trimmed(contents), inference.outputs[0])
            )

    def _demand(self, inference: Inference) -> None:
        """What must hold: refused where it never does, required of the user where it may not."""
        for condition in inference.conditions:
            verdict = self.facts.verdict(condition)
            if verdict.never:
                raise condition.failure(verdict)
            if not verdict.always:
                self.facts.assume(condition)
                if self.graph.symbols.found.isdisjoint(condition.symbols):
                    self.graph.conditions.append(condition)

    # ------------------------------------------------------------------ names

    def _name(self, op: Op, ports: Mapping[str, Any], hint: str) -> str:
        """Where a weight lies says best what a node is called; then the ONNX node's name."""
        for slot in op.ports.slots:
            wire = ports.get(slot.name)
            name = wire.name.partition(" ")[0] if isinstance(wire, Wire) else ""
            scope, _, last = name.rpartition(".")
            if scope and last == slot.name.rpartition(".")[2]:
                return self.free(identifier(scope))
        scope = identifier(hint).rpartition(".")[0] if hint else ""
        return self.free(f"{scope}.{op.name}" if scope else op.name)

    def free(self, base: str) -> str:
        """The name, or with a number where it is taken."""
        while True:
            self._counts[base] = count = self._counts.get(base, 0) + 1
            name = base if count == 1 else f"{base}_{count}"
            if name not in self.graph:
                return name


def seen_name(op: Op, ports: Mapping[str, Any], found: Array) -> str:
    """What a weight that is seen otherwise is called: its name, a space, and how it is seen.

    A matrix that is transposed twice, or a part that is the whole, is the weight itself.
    """
    wire = ports.get("x")
    if not op.views or not isinstance(wire, Wire) or not wire.name or wire.array is None:
        return ""
    if op.name == "transpose" and op.values["perm"] == (1, 0):
        turned = wire.name.endswith(TURNED)
        return wire.name.removesuffix(TURNED) if turned else wire.name + TURNED
    same = found.shape == wire.array.shape and op.name in ("identity", "slice", "reshape")
    return wire.name if same else f"{wire.name} {op!r}"


def identifier(name: str) -> str:
    """A foreign name as a path of ours: ``/encoder/layers.3/MatMul`` is encoder.layers.3.MatMul."""
    parts = [part for part in re.split(r"[./:]+", name[-LONGEST_NAME:]) if part]
    words = ["_".join(WORD.findall(part)) or "_" for part in parts]
    if words and not (words[0][0].isalpha() or words[0][0] == "_"):
        words[0] = f"n{words[0]}"
    return ".".join(words) or "node"


def sorted_arguments(
    cls: type[Op], wires: Sequence[Wire | None], rest: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wires by port and attributes by name; a port that is None is not connected."""
    ports = in_order(cls, wires)
    declared = {attribute.name: attribute for attribute in cls.attributes}
    slots = {port.name for port in cls.ports.inputs}
    values: dict[str, Any] = {}
    for name, value in rest.items():
        if name not in slots and name not in declared:
            hint = did_you_mean(name, [*declared, *slots])
            raise Mistake(f"{cls.name} has no attribute or input '{name}'", hint=hint)
        if name in slots and (isinstance(value, Wire) or name not in declared):
            ports[name] = value
        else:
            values[name] = chosen(frozen(value, declared[name]), declared[name])
    connected = {port: wire for port, wire in ports.items() if wire is not None}
    return connected, with_flags(cls, values, connected)


def in_order(cls: type[Op], wires: Sequence[Wire | None]) -> dict[str, Any]:
    """Wires go to the tensor ports in order; at a variadic port all of them."""
    tensors = cls.ports.tensors
    if tensors and tensors[0].variadic:
        return {tensors[0].name: tuple(wire for wire in wires if wire is not None)}
    if len(wires) > len(tensors):
        raise Mistake(f"{cls.name} takes {len(tensors)} inputs, got {len(wires)}")
    return {port.name: wire for port, wire in zip(tensors, wires, strict=False)}


def with_flags(cls: type[Op], values: dict[str, Any], ports: Mapping[str, Any]) -> dict[str, Any]:
    """An optional slot that shares its name with a flag sets the flag."""
    for slot in cls.ports.slots:
        if slot.optional and slot.name in cls.fields:
            values[slot.name] = slot.name in ports
    return values


def frozen(value: Any, attribute: Attribute) -> Any:
    """Lists as tuples, NumPy numbers as Python's."""
    if isinstance(value, np.ndarray):
        if value.size > MOST_LISTED:
            raise Refused(f"'{attribute.name}' would have {value.size:,} entries")
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return tuple(frozen(item, attribute) for item in value)
    if attribute.kind.name == "bool" and isinstance(value, int):
        return bool(value)
    if attribute.kind.name in ("real", "reals") and isinstance(value, int):
        return value if isinstance(value, bool) else float(value)
    return value


def chosen(value: Any, attribute: Attribute) -> Any:
    """The value, if it is among the words that the attribute allows."""
    words = attribute.kind.words
    if attribute.kind.name == "word" and value is not None and value not in words:
        raise Refused(f"{attribute.name} is {str(value)[:40]!r}; expected {', '.join(words)}")
    return value


def given_type(wired: Wire | tuple[Wire, ...]) -> Given:
    """The type at a port, as `Op.infer` wants it."""
    return wired.type if isinstance(wired, Wire) else tuple(wire.type for wire in wired)


def trimmed(contents: list[Any]) -> list[Any]:
    """Without the absent arguments at the end."""
    while contents and contents[-1] is None:
        contents.pop()
    return contents


def read_only(array: Array) -> Array:
    """The array, protected: constants are shared."""
    if array.flags.writeable:
        array.setflags(write=False)
    return array


__all__ = ["Importer", "Wires", "identifier"]
