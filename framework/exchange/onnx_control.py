"""Control flow and functions of ONNX: opened while importing, where that is possible.

`If` with a known condition is its branch; `Loop` and `Scan` with a known number of steps are
their steps one after another; an operator that ONNX defines by others is its definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from framework.exchange.rules.wires import Refused, Unknown, Wire
from framework.ir.dims import Dim

MOST_STEPS = 256

Opened = tuple[Wire | None, ...]


def open_if(
    reader: Any, node: Any, inputs: Sequence[Any], env: Any, opsets: Mapping[str, int]
) -> Opened:
    """The branch that the condition chooses."""
    condition = inputs[0]
    if condition.array is None:
        raise Unknown(0)
    wanted = "then_branch" if bool(condition.array.reshape(-1)[0]) else "else_branch"
    return branch(reader, graph_attribute(node, wanted), (), env, opsets)


def open_loop(
    reader: Any, node: Any, inputs: Sequence[Any], env: Any, opsets: Mapping[str, int]
) -> Opened:
    """Every step in turn; the condition must be known after each."""
    body = graph_attribute(node, "body")
    steps = known_number(inputs, 0, MOST_STEPS + 1)
    going = bool(known_number(inputs, 1, 1))
    carried = list(inputs[2:])
    rows: list[list[Wire]] = [[] for _ in range(len(node.output) - len(carried))]
    step = 0
    while going and step < steps:
        if step >= MOST_STEPS:
            raise Refused(f"a loop of more than {MOST_STEPS} steps is not opened")
        number = reader.importer.constant(np.asarray(step, "int64"))
        given = (number, reader.importer.constant(np.asarray(True)), *carried)
        results = branch(reader, body, given, env, opsets)
        if results[0] is None or results[0].array is None:
            raise Refused("whether the loop goes on is not known before the model runs")
        going = bool(results[0].array.reshape(-1)[0])
        carried = list(results[1 : 1 + len(carried)])
        for row, wire in zip(rows, results[1 + len(carried) :], strict=False):
            row.append(wire)  # type: ignore[arg-type]
        step += 1
    return (*carried, *(stacked(reader, row, 0) for row in rows))


def open_scan(
    reader: Any, node: Any, inputs: Sequence[Any], env: Any, opsets: Mapping[str, int]
) -> Opened:
    """One step for each slice of the scanned inputs."""
    if opsets.get("", 9) < 9:
        raise Refused("Scan of operator set 8 is not supported")
    body, count = graph_attribute(node, "body"), whole(node, "num_scan_inputs", 0)
    if not 0 <= count <= len(inputs):
        raise Refused(f"num_scan_inputs is {count}; there are {len(inputs)} inputs")
    states, scanned = list(inputs[: len(inputs) - count]), inputs[len(inputs) - count :]
    axes = wholes(node, "scan_input_axes", count)
    backwards = wholes(node, "scan_input_directions", count)
    steps = scanned[0].shape[axes[0]] if scanned else 0
    if isinstance(steps, Dim) or steps > MOST_STEPS:
        raise Refused(f"a scan over {steps} steps is not opened (at most {MOST_STEPS})")
    rows: list[list[Wire]] = [[] for _ in range(len(node.output) - len(states))]
    for step in range(steps):
        parts = [
            reader.importer.add(
                "select",
                (wire,),
                {"axis": axis, "index": steps - 1 - step if back else step},
                "",
            )[0]
            for wire, axis, back in zip(scanned, axes, backwards, strict=True)
        ]
        results = branch(reader, body, (*states, *parts), env, opsets)
        states = list(results[: len(states)])
        for row, wire in zip(rows, results[len(states) :], strict=False):
            row.append(wire)  # type: ignore[arg-type]
    out_axes = wholes(node, "scan_output_axes", len(rows))
    reverse = wholes(node, "scan_output_directions", len(rows))
    found = [
        stacked(reader, row[::-1] if back else row, axis)
        for row, axis, back in zip(rows, out_axes, reverse, strict=True)
    ]
    return (*states, *found)


FUNCTIONS: Mapping[str, Callable[..., Opened]] = {
    "If": open_if,
    "Loop": open_loop,
    "Scan": open_scan,
}
"""Operators with graphs inside."""


def branch(
    reader: Any, graph: Any, given: Sequence[Any], env: Any, opsets: Mapping[str, int]
) -> Opened:
    """The results of an inner graph, whose nodes see the names around it."""
    inner = env.inner()
    reader.initializers(graph, inner)
    inner.names.update(zip((item.name for item in graph.input), given, strict=False))
    before = len(reader.troubles)
    reader.run(graph.node, inner, opsets, [item.name for item in graph.output])
    if len(reader.troubles) > before:
        return (None,) * len(graph.output)
    return tuple(inner.find(item.name) for item in graph.output)


def stacked(reader: Any, row: Sequence[Wire], axis: int) -> Wire:
    """The results of all steps along a new axis."""
    if not row:
        raise Refused("a loop without steps collects nothing")
    parts = [reader.importer.add("unsqueeze", (w,), {"axes": (axis,)}, "")[0] for w in row]
    found: Wire = reader.importer.add("concat", tuple(parts), {"axis": axis}, "")[0]
    return found


def graph_attribute(node: Any, name: str) -> Any:
    """An inner graph."""
    for item in node.attribute:
        if item.name == name and item.HasField("g"):
            return item.g
    raise Refused(f"{name} is missing")


def known_number(inputs: Sequence[Any], index: int, default: int) -> int:
    """The number at an input, the default where nothing is connected."""
    wire = inputs[index] if index < len(inputs) else None
    if wire is None:
        return default
    if wire.array is None or wire.array.size != 1:
        raise Unknown(index)
    return int(wire.array.reshape(-1)[0])


def whole(node: Any, name: str, default: int) -> int:
    """A whole number among the attributes."""
    return next((int(item.i) for item in node.attribute if item.name == name), default)


def wholes(node: Any, name: str, count: int) -> list[int]:
    """Whole numbers among the attributes; zeros where they are left out."""
    found = next((list(item.ints) for item in node.attribute if item.name == name), [])
    if found and len(found) != count:
        raise Refused(f"{name} has {len(found)} entries; expected {count}")
    return found if found else [0] * count


def has_definition(op_type: str, domain: str, opset: int) -> bool:
    """Does ONNX define this operator by others?"""
    from onnx import defs

    try:
        schema: Any = defs.get_schema(op_type, opset, domain)
    except defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def expanded_function(
    node: Any, domain: str, opset: int, inputs: Sequence[Wire | None]
) -> Any | None:
    """The definition by other operators that ONNX gives of this one, if there is any."""
    from onnx import FunctionProto, TypeProto, defs, helper

    try:
        schema: Any = defs.get_schema(node.op_type, opset, domain)
    except defs.SchemaError:
        return None
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function:
        return None
    types = [
        TypeProto().SerializeToString()
        if wire is None
        else helper.make_tensor_type_proto(
            helper.np_dtype_to_tensor_dtype(np.dtype(wire.dtype)), None
        ).SerializeToString()
        for wire in inputs
    ]
    try:
        text = schema.get_context_dependent_function(node.SerializeToString(), types)
    except RuntimeError as error:
        raise Refused(f"it does not fit its definition: {error}") from None
    body = FunctionProto()
    body.ParseFromString(text)
    return body
