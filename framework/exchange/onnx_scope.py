"""Names while an ONNX graph is read, and its nodes as rules want them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from framework.exchange.onnx_report import brief
from framework.exchange.onnx_tensor import tensor_array
from framework.exchange.rules.registry import Call
from framework.exchange.rules.wires import NARROW, Refused, Wire
from framework.limits import ONNX_DEPTH, ONNX_TEXT
from framework.numerics.narrow import wider

LONGEST_LABEL = 4096

CONVERSIONS = ("Cast", "CastLike", "QuantizeLinear", "DequantizeLinear")
"""Operators whose rules say which narrow kind the result has."""


@dataclass
class Env:
    """Names in force: those of this graph, then those of the graph around it."""

    names: dict[str, Wire | None] = field(default_factory=dict)
    outer: Env | None = None
    depth: int = 0

    def find(self, name: str) -> Wire | None:
        """The wire called so; raises `Refused` where there is none, `Lost` where it failed."""
        scope: Env | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        raise Refused(
            f"nothing before it gives '{brief(name)}'", hint="the file is damaged or cyclic"
        )

    def inner(self) -> Env:
        """An environment inside this one."""
        if self.depth >= ONNX_DEPTH:
            raise Refused(f"graphs are nested more than {ONNX_DEPTH} deep")
        return Env(outer=self, depth=self.depth + 1)


def attribute(item: Any, folder: Path | None) -> Any:
    """The value of an attribute as Python's; graphs stay as they are."""
    if len(item.s) > ONNX_TEXT:
        raise Refused(
            f"the attribute {brief(item.name)} has {len(item.s):,} bytes; at most {ONNX_TEXT:,}"
        )
    match item.type:
        case 1:
            return short(item.f)
        case 2:
            return int(item.i)
        case 3:
            return item.s.decode("utf-8", "replace")
        case 4:
            return tensor_array(item.t, folder)
        case 6:
            return tuple(map(short, item.floats))
        case 7:
            return tuple(map(int, item.ints))
        case 8:
            return tuple(text.decode("utf-8", "replace") for text in item.strings)
    return item


def label(node: Any) -> str:
    """What a node is called in messages and names."""
    return brief(node.name or (node.output[0] if node.output else node.op_type), LONGEST_LABEL)


def used_names(nodes: Iterable[Any], results: Iterable[str]) -> set[str] | None:
    """Names that nodes read, and the results; None where inner graphs may read any."""
    names = set(results)
    for node in nodes:
        names.update(node.input)
        if any(item.type in (5, 10) for item in node.attribute):
            return None
    return names


def bound(item: Any, values: Mapping[str, Any], absent: set[str]) -> Any:
    """A node of a function's body with the caller's attributes; absent inputs are left out."""
    from onnx import NodeProto

    node = NodeProto()
    node.CopyFrom(item)
    kept = [attribute for attribute in item.attribute if not attribute.ref_attr_name]
    for attribute in item.attribute:
        if attribute.ref_attr_name in values:
            value = type(attribute)()
            value.CopyFrom(values[attribute.ref_attr_name])
            value.name = attribute.name
            kept.append(value)
    del node.attribute[:]
    node.attribute.extend(kept)
    for index, name in enumerate(item.input):
        if name in absent:
            node.input[index] = ""
    return node


def short(number: float) -> float:
    """The number with the fewest digits that is this one in float32, as a person wrote it."""
    return float(str(np.float32(number)))


def legacy(call: Call) -> Call:
    """Operator sets before 7 said where the second operand's axes go: insert axes after them."""
    if call.opset >= 7 or not call.attributes.get("broadcast") or call.count != 2:
        return call
    left, right = call.inputs
    if left is None or right is None or "axis" not in call.attributes:
        return call
    after = left.rank - call.attributes["axis"] % max(left.rank, 1) - right.rank
    if after <= 0:
        return call
    shape = (*right.shape, *(1,) * after)
    wire = call.building.add("reshape", (right,), {"shape": shape}, call.name)[0]
    rest = {k: v for k, v in call.attributes.items() if k not in ("axis", "broadcast")}
    return Call(call.op_type, call.opset, (left, wire), rest, call.wanted, call.building, call.name)


def with_kinds(
    node: Any, inputs: Sequence[Wire | None], results: Iterable[Wire | None]
) -> tuple[Wire | None, ...]:
    """The results with their narrow kinds: that of all inputs of the dtype, or as attributes say.

    An operator that computes keeps the kind as well, though its results are not rounded.
    """
    if node.op_type in CONVERSIONS:
        return tuple(results)
    given = [wire for wire in inputs if wire is not None]
    said = said_kind(node)
    found: list[Wire | None] = []
    for wire in results:
        kinds = {w.kind for w in given if wire is not None and w.dtype == wire.dtype}
        kind = next(iter(kinds)) if len(kinds) == 1 else ""
        if wire is not None and not kinds and said and wire.dtype == wider(said):
            kind = said
        found.append(replace(wire, kind=kind) if wire is not None and wire.kind != kind else wire)
    return tuple(found)


def said_kind(node: Any) -> str:
    """The narrow kind that a node's attributes name: of its tensor, or as ``dtype``."""
    for item in node.attribute:
        if item.name in ("value", "sparse_value"):
            return NARROW.get(item.t.data_type, "")
        if item.name == "dtype":
            return NARROW.get(item.i, "")
    return ""
