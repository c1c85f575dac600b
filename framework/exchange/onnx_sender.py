"""Operators of ours as ONNX nodes: by their rules, or by what they decompose into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.exchange.onnx_nodes import (
    Made,
    Unavailable,
    attribute_protos,
    check_dtypes,
    result_types,
    schema_of,
    shape_by_elements,
)
from framework.exchange.onnx_sizes import SizeNodes
from framework.exchange.onnx_types import SizeTexts, fits
from framework.exchange.rules import WRITERS
from framework.exchange.rules.registry import Out, Refused, Sent
from framework.ir.dims import Dim, Size, Symbols
from framework.ir.op import Array, Op, find_op
from framework.ir.types import DTYPES, TensorType

Results = tuple[Sent | None, ...]
SIZES = "sizes"
"""The scope of nodes that compute sizes: they belong to all who use them."""


@dataclass(frozen=True)
class Gap:
    """Something that cannot be written: which operator of ours, in which node, and why."""

    op: str
    node: str
    fact: str
    hint: str | None = None


class Sender:
    """The ONNX nodes, constants and sizes made so far, and what could not be made."""

    def __init__(self, symbols: Symbols, opset: int) -> None:
        self.opset = opset
        self.texts = SizeTexts(symbols)
        self.nodes: list[Made] = []
        self.makers: dict[Sent, Made] = {}
        self.constants: dict[tuple[str, tuple[int, ...], bytes], Sent] = {}
        self.gaps: list[Gap] = []
        self.domains: set[str] = set()
        self.sizes = SizeNodes(self.size_node, self.ints, opset, symbols.atoms)

    # ------------------------------------------------------------------ nodes and constants

    def add(
        self,
        scope: str,
        op_type: str,
        inputs: Sequence[Sent | None],
        attributes: Mapping[str, Any],
        outputs: int = 1,
        domain: str = "",
    ) -> Made:
        """Append a node; its results have the types that ONNX infers."""
        schema = schema_of(op_type, domain, self.opset)
        protos = attribute_protos(op_type, schema, attributes)
        given = trimmed(inputs)
        check_dtypes(op_type, schema, given)
        node = Made(op_type, domain, given, (), protos, scope, len(self.nodes))
        types = result_types(node, schema, outputs, self.texts, self.opset)
        node.outputs = tuple(Sent(dtype, shape) for dtype, shape in types)
        by_elements = shape_by_elements(op_type, given)
        if by_elements is not None:
            node.outputs[0].known = by_elements
        self.domains.add(domain)
        self.nodes.append(node)
        self.makers.update(dict.fromkeys(node.outputs, node))
        return node

    def constant(self, array: Array) -> Sent:
        """A constant; equal ones are one."""
        stored = np.asarray(array)
        if str(stored.dtype) not in DTYPES:
            raise Refused(f"a constant of dtype {stored.dtype} cannot be written")
        key = (str(stored.dtype), stored.shape, stored.tobytes())
        if key not in self.constants:
            self.constants[key] = Sent(str(stored.dtype), stored.shape, array=stored)
        return self.constants[key]

    def ints(self, values: Sequence[int]) -> Sent:
        """Whole numbers as a tensor with one axis."""
        found = self.constant(np.asarray(list(values), np.int64))
        found.elements = tuple(values)
        return found

    def size_node(self, op_type: str, *inputs: Sent, **attributes: Any) -> Sent:
        """A node that helps to compute sizes, for whoever needs them."""
        return self.add(SIZES, op_type, inputs, attributes).outputs[0]

    # ------------------------------------------------------------------ operators

    def send(
        self,
        title: str,
        op: Op,
        values: Sequence[Any],
        types: Sequence[TensorType],
        wanted: Sequence[bool] = (),
    ) -> Results:
        """The results of an operator; what cannot be written is a `Gap`, and results are empty."""
        start = len(self.nodes)
        try:
            answer = self._answer(Writing(self, title, tuple(types), tuple(wanted)), op, values)
            found = self._checked(op, answer, types)
        except Mistake as mistake:
            self.gaps.append(Gap(op.name, title, mistake.fact, mistake.hint))
            return tuple(Sent(type_.dtype, type_.shape) for type_ in types)
        names = result_names(title, op, len(types))
        for name, sent, type_ in zip(names, found, types, strict=True):
            if sent is not None:
                self._claim(start, title, name, sent, type_)
        return found

    def _answer(self, w: Writing, op: Op, values: Sequence[Any]) -> Any:
        """What the rule says, else what the decomposition makes."""
        rule = WRITERS.get(op.name)
        whole = not hasattr(op, "decompose")
        if rule is not None:
            try:
                answer = rule(w, op, *values)
            except Unavailable:
                if whole:
                    raise
                answer = NotImplemented
            if answer is not NotImplemented:
                return answer
        if whole:
            words = "there is no rule for it" if rule is None else "ONNX has no form of it"
            raise Refused(f"{words} (opset {self.opset})")
        return op.decompose(Decomposing(self, w.scope), *values)  # type: ignore[attr-defined]

    def _checked(self, op: Op, answer: Any, types: Sequence[TensorType]) -> Results:
        """The answer as one result for each type; Mistake for a rule that says something else."""
        found = answer if isinstance(answer, tuple) else (answer,)
        if len(found) != len(types):
            raise Refused(f"its rule gives {len(found)} results, not {len(types)}")
        for sent, type_ in zip(found, types, strict=True):
            if sent is not None and (sent.dtype != type_.dtype or not fits(sent.known, type_)):
                is_ = sent.dtype if sent.known is None else str(sent.type)
                raise Refused(f"its rule makes {is_}, the operator {type_}")
        return found

    def _claim(self, start: int, title: str, name: str, sent: Sent, type_: TensorType) -> None:
        """Give a result made here its name and type; a value that was there keeps its own."""
        maker = self.makers.get(sent)
        if maker is None or maker.number < start:
            return
        if maker.scope != SIZES:
            sent.name = name
            maker.title = title
        sent.known = type_.shape
        self.sizes.offer(sent, axes=False)


class Writing:
    """`Out` for one operator: adds nodes under its name."""

    def __init__(
        self, sender: Sender, scope: str, types: tuple[TensorType, ...], wanted: tuple[bool, ...]
    ) -> None:
        self.sender = sender
        self.scope = scope
        self.types = types
        self.wanted = wanted

    @property
    def opset(self) -> int:
        """Version of ONNX's own operators."""
        return self.sender.opset

    def wants(self, output: int) -> bool:
        """Does anything use this result?"""
        return self.wanted[output] if output < len(self.wanted) else True

    def add(
        self,
        op_type: str,
        *inputs: Sent | None,
        outputs: int = 1,
        domain: str = "",
        shape: Sequence[Size] | None = None,
        dtype: str | None = None,
        **attributes: Any,
    ) -> Any:
        """Add a node; its result, or a tuple of them."""
        schema = schema_of(op_type, domain, self.opset)
        own = {} if schema is None else {"shape": shape, "dtype": dtype}
        given = attributes | {k: v for k, v in own.items() if v is not None and has(schema, k)}
        node = self.sender.add(self.scope, op_type, inputs, given, outputs, domain)
        first = node.outputs[0]
        first.known = first.known if shape is None else tuple(shape)
        first.dtype = first.dtype if dtype is None else dtype
        return first if outputs == 1 else node.outputs

    def call(self, op_name: str, *values: Any, **attributes: Any) -> Any:
        """One of our operators by its own rule."""
        return Decomposing(self.sender, self.scope).send(op_name, values, attributes)

    def ints(self, values: Sequence[int]) -> Sent:
        """A constant int64 tensor with one axis."""
        return self.sender.ints(values)

    def scalar(self, value: Size | float, dtype: str) -> Sent:
        """A number without axes: a constant, or a symbolic size."""
        if isinstance(value, Dim):
            return self.cast(self.size(value), dtype)
        with np.errstate(over="ignore"):  # what float16 cannot hold is infinite there
            return self.sender.constant(np.asarray(value).astype(dtype))

    def constant(self, array: Array) -> Sent:
        """A constant."""
        return self.sender.constant(array)

    def sizes(self, shape: Sequence[Size]) -> Sent:
        """Sizes as an int64 tensor with one axis."""
        return self.sender.sizes.shape(shape)

    def size(self, size: Size) -> Sent:
        """One size as an int64 tensor without axes."""
        if not isinstance(size, Dim):
            return self.scalar(size, "int64")
        return self.sender.size_node("Squeeze", self.sizes((size,)), self.ints([0]))

    def cast(self, value: Sent, dtype: str) -> Sent:
        """The value in another dtype, or itself."""
        if value.dtype == dtype:
            return value
        found: Sent = self.add("Cast", value, to=dtype)
        return found


class Decomposing:
    """The ``g`` of `Op.decompose`: ``g.matmul(a, b)`` sends our matmul by its rule."""

    def __init__(self, sender: Sender, scope: str) -> None:
        self._sender = sender
        self._scope = scope

    def shape(self, value: Sent) -> tuple[Size, ...]:
        """Sizes along the axes."""
        return value.shape

    def dtype(self, value: Sent) -> str:
        """Kind of element."""
        return value.dtype

    def send(self, name: str, values: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """One operator; a variadic port takes all values that are left."""
        op = find_op(name)(**attributes)
        op.check()
        arguments = arranged(op, values)
        types = op.infer(types_of(op, arguments), self._name_size).outputs
        found = self._sender.send(f"{self._scope}/{name}", op, arguments, types)
        return found[0] if len(found) == 1 else found

    def _name_size(self, hint: str, least: int, most: int | None) -> Size:
        return self._sender.texts.symbols.fresh(hint, minimum=least, maximum=most)

    def __getattr__(self, name: str) -> Any:
        def apply(*values: Any, **attributes: Any) -> Any:
            return self.send(name, values, attributes)

        return apply


def arranged(op: Op, values: Sequence[Any]) -> list[Any]:
    """One argument for each port in the order of the signature; None where nothing is left."""
    rest = list(values)
    found: list[Any] = []
    after = len(op.ports.inputs)
    for port in op.ports.inputs:
        after -= 1
        if port.variadic and not (rest and isinstance(rest[0], tuple)):
            count = max(0, len(rest) - after)
            found.append(tuple(rest[:count]))
            del rest[:count]
        else:
            found.append(rest.pop(0) if rest else None)
    return found


def types_of(op: Op, arguments: Sequence[Any]) -> dict[str, Any]:
    """Types by port, as `Op.infer` wants them."""
    found: dict[str, Any] = {}
    for port, given in zip(op.ports.inputs, arguments, strict=True):
        if isinstance(given, tuple):
            found[port.name] = tuple(item.type for item in given)
        elif given is not None:
            found[port.name] = given.type
    return found


def result_names(title: str, op: Op, count: int) -> list[str]:
    """The node's name for its one or first result, and ``name.indices``, ``name.1`` for others."""
    if count == 1:
        return [title]
    variadic = op.ports.outputs[0].variadic
    names = [f"{title}.{name}" for name in op.output_names(count)]
    return names if variadic else [title, *names[1:]]


def trimmed(inputs: Sequence[Sent | None]) -> tuple[Sent | None, ...]:
    """The inputs without absent ones at the end."""
    found = list(inputs)
    while found and found[-1] is None:
        found.pop()
    return tuple(found)


def has(schema: Any, attribute: str) -> bool:
    """Does ONNX's operator have an attribute of this name?"""
    return attribute in schema.attributes


def check_out(writing: Writing) -> Out:
    """A `Writing` is an `Out`: mypy holds the two together here."""
    return writing
