"""`Builder`: make a model in Python, node by node, for people who generate models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import framework.ops  # noqa: F401  (declares the operators)
from framework.api.model import Model
from framework.errors import Mistake, ShapeError, did_you_mean
from framework.ir.attributes import Attribute
from framework.ir.dims import Size
from framework.ir.graph import Graph, Node, Parameter, Value, Wires
from framework.ir.op import Inference, Op, find_op
from framework.ir.types import TensorType


class Builder:
    """Builds the same graph that YAML would.

    >>> net = Builder("tiny")
    >>> batch = net.dim("B", example=4)
    >>> x = net.input("image", [batch, 1, 28, 28])
    >>> x = net.add("conv", x, out=8, kernel=3, pad=1)
    >>> x = net.add("relu", x)
    >>> x = net.add("flatten", x)
    >>> net.output("logits", net.add("linear", x, out=10))
    >>> net.model().outputs["logits"]
    TensorType(shape=(B, 10), dtype='float32')

    Mistakes raise `ShapeError` or `Mistake` at the line that makes them.
    """

    def __init__(self, name: str = "model", doc: str | None = None) -> None:
        self.graph = Graph(name, doc)
        self._scope: list[str] = []
        self._counts: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Builder {self.graph.name}: {len(self.graph)} nodes>"

    def dim(
        self,
        name: str,
        *,
        minimum: int = 1,
        maximum: int | None = None,
        multiple_of: int = 1,
        example: int | None = None,
    ) -> Size:
        """A symbolic size; ``example`` is used when nobody gives one."""
        size = self.graph.symbols.declare(
            name, minimum=minimum, maximum=maximum, multiple_of=multiple_of
        )
        least = -(-max(minimum, 1) // multiple_of) * multiple_of
        self.graph.examples[name] = least if example is None else example
        return size

    def input(
        self, name: str, shape: Sequence[Size], dtype: str = "float32", doc: str | None = None
    ) -> Value:
        """Declare an input."""
        return self.graph.add_input(name, TensorType(tuple(shape), dtype), doc=doc)

    def scope(self, name: str) -> Scoped:
        """A block for a ``with`` statement: nodes inside are called ``name.…``."""
        return Scoped(self, name)

    def add(
        self,
        operator: str,
        *inputs: Value,
        id: str | None = None,
        weights: dict[str, str] | None = None,
        doc: str | None = None,
        **rest: Any,
    ) -> Value:
        """Add an operator; returns its first result.

        Inputs go to the ports in order; a keyword that is a port's name connects that port,
        others are attributes.  ``weights`` ties slots to stored tensors: ``{"weight":
        "embed.weight"}``.  Further results are ``Value(node, 1)``, `outputs_of` lists them.
        """
        cls = find_op(operator)
        wires, values = self._sort(cls, inputs, rest)
        op = cls(**values)
        op.check()
        path = self._path(id if id is not None else operator, id is not None)
        inference = self._infer(op, wires, path)
        parameters = {
            slot: self._parameter(op, slot, path, type_, weights if weights is not None else {})
            for slot, type_ in inference.parameters.items()
        }
        self.graph.add(Node(path, op, inference.outputs, parameters, doc=doc), wires)
        return Value(path)

    def outputs_of(self, value: Value) -> list[Value]:
        """All results of the node that a value comes from."""
        return [Value(value.node, i) for i in range(len(self.graph[value.node].outputs))]

    def type_of(self, value: Value) -> TensorType:
        """Type of a value."""
        return self.graph.type_of(value)

    def output(self, name: str, value: Value) -> None:
        """Name a result of the model."""
        self.graph.outputs[name] = value

    def model(self, **keywords: Any) -> Model:
        """The finished model; keywords as in `Model`."""
        if not self.graph.outputs:
            raise Mistake(f"model '{self.graph.name}' has no outputs", hint="call output(name, x)")
        return Model(self.graph, **keywords)

    # ------------------------------------------------------------------ helpers

    def _sort(
        self, cls: type[Op], inputs: Sequence[Value], rest: dict[str, Any]
    ) -> tuple[dict[str, Value | tuple[Value, ...]], dict[str, Any]]:
        """Keywords into wires by port and attributes by name."""
        wires = in_order(cls, inputs)
        ports = {port.name for port in cls.ports.inputs}
        declared = {attribute.name: attribute for attribute in cls.attributes}
        values: dict[str, Any] = {}
        for name, value in rest.items():
            if name in ports and isinstance(value, Value):
                wires[name] = value
            elif name in declared:
                values[name] = frozen(value, declared[name])
            else:
                raise Mistake(
                    f"{cls.name} has no attribute or input '{name}'",
                    hint=did_you_mean(name, [*declared, *ports]),
                    code="unknown-attribute",
                )
        missing = [a.name for a in cls.attributes if a.required and a.name not in values]
        if missing:
            listed = " and ".join(map(repr, missing))
            raise Mistake(f"{cls.name} needs {listed}", code="missing-attribute")
        return wires, values

    def _infer(self, op: Op, wires: Wires, path: str) -> Inference:
        """Types; what is not certain for every size is an error here as in YAML."""
        inference = op.infer(self.graph.given_by(wires), self.graph.namer(path))
        for condition in inference.conditions:
            raise condition.failure(condition.verdict())
        return inference

    def _path(self, label: str, fixed: bool) -> str:
        """A free name in the current scope."""
        base = ".".join([*self._scope, label])
        if fixed:
            return base
        while True:
            self._counts[base] = count = self._counts.get(base, 0) + 1
            path = base if count == 1 else f"{base}_{count}"
            if path not in self.graph:
                return path

    def _parameter(
        self, op: Op, slot: str, path: str, type_: TensorType, tied: dict[str, str]
    ) -> str:
        """Name of the stored tensor at a slot: an own one, or the one it is tied to."""
        shape = tuple(int(str(size)) for size in type_.shape)
        name = tied.get(slot, f"{path}.{slot}")
        known = self.graph.parameters.get(name)
        if known is None and slot in tied:
            hint = did_you_mean(name, self.graph.parameters)
            raise Mistake(f"there is no weight '{name}'", hint=hint, code="unknown-weight")
        if known is None:
            self.graph.parameters[name] = Parameter(
                name, shape, type_.dtype, op.learns(slot), op.initial[slot],
                op.fans(slot, shape),
            )  # fmt: skip
        elif known.shape != shape:
            raise ShapeError(f"weight {name} is {list(known.shape)}, {path} needs {list(shape)}")
        return name


class Scoped:
    """A scope that is open inside a ``with`` statement."""

    def __init__(self, builder: Builder, name: str) -> None:
        self.builder = builder
        self.name = name

    def __enter__(self) -> Builder:
        self.builder._scope.append(self.name)
        return self.builder

    def __exit__(self, *exception: object) -> None:
        self.builder._scope.pop()


def in_order(cls: type[Op], inputs: Sequence[Value]) -> dict[str, Value | tuple[Value, ...]]:
    """Inputs without a name, by port."""
    tensors = cls.ports.tensors
    if tensors and tensors[0].variadic:
        return {tensors[0].name: tuple(inputs)}
    if len(inputs) > len(tensors):
        names = ", ".join(port.name for port in tensors)
        raise ShapeError(f"{cls.name} takes {len(tensors)} inputs ({names}), got {len(inputs)}")
    return {port.name: value for port, value in zip(tensors, inputs, strict=False)}


def frozen(value: Any, attribute: Attribute) -> Any:
    """Lists become tuples, as operators want them; an open mapping becomes pairs."""
    if attribute.kind.name == "named" and isinstance(value, dict):
        return tuple(value.items())
    if attribute.kind.name == "ints" and isinstance(value, int):
        return (value,)
    return tuples(value)


def tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return tuple(tuples(item) for item in value)
    return value
