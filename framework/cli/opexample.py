"""The first example of an operator, as a model file would spell it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from framework.ir.attributes import Attribute
from framework.ir.describe import spelled
from framework.ir.match import Given
from framework.ir.op import Op, Sample
from framework.ir.types import TensorType

PLAIN_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def example_text(cls: type[Op]) -> str:
    """Inputs as comments, the node, its result as a comment.

    # x: float32[2, 3]
    - linear: 5
    # y: float32[2, 5]
    """
    op, *samples = next(iter(cls.examples()))
    given = dict(connected(op, samples))
    inference = op.infer(given)
    results = zip(op.output_names(len(inference.outputs)), inference.outputs, strict=True)
    before = [f"# {name}: {type_}" for name, type_ in flat(given)]
    after = [f"# {name}: {type_}" for name, type_ in results]
    return "\n".join([*before, *node_lines(op, given), *after])


def connected(op: Op, samples: list[Any]) -> Iterator[tuple[str, Given]]:
    """The type at each port that the example connects."""
    for port, sample in zip(op.ports.tensors, samples, strict=False):
        if isinstance(sample, list):
            yield port.name, tuple(map(type_of, sample))
        elif sample is not None:
            yield port.name, type_of(sample)


def type_of(sample: tuple[int, ...] | Sample) -> TensorType:
    """A bare shape is float32."""
    if isinstance(sample, Sample):
        return TensorType(sample.shape, sample.dtype)
    return TensorType(sample)


def flat(given: Mapping[str, Given]) -> Iterator[tuple[str, TensorType]]:
    """Names and types of the inputs, those of a variadic port numbered."""
    for name, types in given.items():
        if isinstance(types, TensorType):
            yield name, types
        else:
            yield from ((f"{name}_{number}", type_) for number, type_ in enumerate(types))


def node_lines(op: Op, given: Mapping[str, Given]) -> list[str]:
    """The item of ``nodes:``; ``in:`` only where the previous result alone will not do."""
    attributes, wires = attributes_text(op), wires_text(op, given)
    if wires is None:
        return [f"- {op.name}{attributes}"]
    # with a second key the item is a mapping, and a bare word needs its colon
    return [f"- {op.name}{attributes if attributes else ':'}", f"  in: {wires}"]


def wires_text(op: Op, given: Mapping[str, Given]) -> str | None:
    """``[q, k, v]``, by port where one is left out; None for a single input."""
    names = [name for name, _ in flat(given)]
    ports = [port.name for port in op.ports.tensors]
    if list(given) != ports[: len(given)]:
        return f"{{{', '.join(f'{port}: {wire_text(port, given[port])}' for port in given)}}}"
    return f"[{', '.join(names)}]" if len(names) > 1 else None


def wire_text(port: str, types: Given) -> str:
    """What one port is connected to."""
    names = [name for name, _ in flat({port: types})]
    return port if isinstance(types, TensorType) else f"[{', '.join(names)}]"


def attributes_text(op: Op) -> str:
    """``: 128``, ``: {out: 4, kernel: 3}``, or nothing."""
    wanted = [a for a in op.attributes if a.required or op.values[a.name] != a.default]
    entries = [entry for a in wanted for entry in entries_of(a, op.values[a.name])]
    if [a.name for a in wanted] == [op.main] and wanted[0].kind.name != "named":
        return f": {value_text(op.values[wanted[0].name])}"
    return f": {{{', '.join(entries)}}}" if entries else ""


def entries_of(attribute: Attribute, value: Any) -> Iterator[str]:
    """``key: value``; an open mapping gives its own keys."""
    if attribute.kind.name == "named":
        yield from (f"{key}: {value_text(item)}" for key, item in value)
    else:
        yield f"{attribute.name}: {value_text(value)}"


def value_text(value: Any) -> str:
    """A value in YAML; text is quoted unless it is a plain word."""
    if isinstance(value, str):
        return value if PLAIN_WORD.fullmatch(value) else json.dumps(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return "null" if value is None else spelled(value)


MOST_NUMBERS = 24
"""Elements of an example in numbers; larger ones teach nothing."""


def numbers_text(cls: type[Op]) -> str | None:
    """The first small result that was checked by hand: arguments, node, results; or None.

    # x = [1, 10]
    # weight = [[1, 0], [2, 1], [0, 3]]
    - linear: 3
    # y = [1, 12, 31]
    """
    for op, arrays, expected in cls.goldens():
        results = expected if isinstance(expected, tuple) else (expected,)
        given = [
            (name, array)
            for port, array in zip(op.ports.inputs, arrays, strict=False)
            for name, array in named_arrays(port.name, array)
        ]
        if sum(np.size(array) for _, array in given) + sum(map(np.size, results)) > MOST_NUMBERS:
            continue
        names = op.output_names(len(results))
        lines = [f"# {name} = {array_text(array)}" for name, array in given]
        after = [f"# {n} = {array_text(r)}" for n, r in zip(names, results, strict=True)]
        return "\n".join([*lines, f"- {op.name}{attributes_text(op)}", *after])
    return None


def named_arrays(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """What is at a port; the arrays of a variadic one numbered, nothing where it is empty."""
    if isinstance(array, tuple):
        yield from ((f"{name}_{number}", single) for number, single in enumerate(array))
    elif array is not None:
        yield name, array


def array_text(array: Any) -> str:
    """Nested lists with at most four significant digits."""
    if np.ndim(array):
        return f"[{', '.join(map(array_text, array))}]"
    value = np.asarray(array).item()
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower()
