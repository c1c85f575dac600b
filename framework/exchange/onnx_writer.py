"""`write_onnx`: a typed graph and its weights as an ONNX file.

Sizes stay symbolic: an axis ``B`` has the dim_param ``B``.  Nodes, inputs, outputs and weights
keep their names; what one of our operators needs beside its last ONNX node is called
``name/Reshape``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto, checker, defs

from framework.errors import InputError, RunError
from framework.exchange.onnx_finish import (
    Parts,
    alive,
    checkable,
    constants_of,
    graph_proto,
    model_proto,
    name_all,
)
from framework.exchange.onnx_sender import Gap, Sender
from framework.exchange.onnx_store import (
    Stored,
    Write,
    data_path,
    inside,
    is_large,
    needs_outside,
    outside,
    placed,
    typed,
    write_data,
    write_model,
)
from framework.exchange.rules.registry import Sent
from framework.ir.graph import Graph, Node, Value, grouped
from framework.ir.op import Array

OLDEST = 13
"""The oldest opset that is written: the first where axes are inputs."""
USUAL = 23
"""The opset unless another is asked for: the first with attention and RMS norm as operators."""
SHOWN = 6
"""Nodes named for each operator that cannot be written."""


@dataclass(frozen=True)
class Written:
    """What was written: ``paths`` is the model's file and, where there is one, the data file."""

    paths: tuple[Path, ...]
    opset: int
    ir_version: int
    nodes: int
    initializers: int
    bytes: int


@dataclass(frozen=True)
class OnnxModel:
    """A model without its weights, and the arrays that belong into it by name."""

    proto: ModelProto
    arrays: dict[str, Array]


def write_onnx(
    graph: Graph,
    weights: Mapping[str, Array],
    path: Path,
    *,
    write: Write,
    opset: int | None = None,
    external: bool = False,
    version: str = "",
) -> Written:
    """Write a graph to an `.onnx` file, its weights beside it where they are large.

    ``write`` writes one file whole or not at all.  ``external`` puts weights into
    ``path.data`` even where they would fit.  Raises `InputError` with all operators that ONNX
    cannot express.
    """
    made = onnx_model(graph, weights, opset=opset, version=version)
    apart = external or needs_outside(made.arrays)
    large = {n: a for n, a in made.arrays.items() if apart and is_large(a)}
    stored = list(placed(large))
    check(made, path)
    fill(made, stored, data_path(path).name)
    paths = [path]
    if stored:  # first, so that no model ever refers to a file that is not there
        paths.append(data_path(path))
        write_data(paths[1], stored, write)
    write_model(path, made.proto, write)
    return summary(made, tuple(paths))


def summary(made: OnnxModel, paths: tuple[Path, ...]) -> Written:
    """What was written, in numbers."""
    proto = made.proto
    total = sum(path.stat().st_size for path in paths)
    opset = proto.opset_import[0].version
    return Written(
        paths, opset, proto.ir_version, len(proto.graph.node), len(made.arrays), total
    )  # fmt: skip


def onnx_model(
    graph: Graph, weights: Mapping[str, Array], *, opset: int | None = None, version: str = ""
) -> OnnxModel:
    """The ONNX model of a graph, its initializers still empty."""
    sender = Sender(graph.symbols, checked_opset(opset))
    sending = GraphSending(graph, weights, sender)
    for node in needed(graph):
        sending.node(node)
    if sender.gaps:
        raise unwritten(graph, sender.gaps, sender.opset)
    return assembled(graph, sender, sending.parts(), version)


def assembled(graph: Graph, sender: Sender, parts: Parts, version: str) -> OnnxModel:
    """The model of what was sent: what nothing needs is gone, names are final."""
    parts.with_identities(sender)
    nodes = alive(sender, parts.outputs.values())
    read = {given for node in nodes for given in node.inputs}
    parts.weights = {name: sent for name, sent in parts.weights.items() if sent in read}
    constants = constants_of(nodes, sender, set(parts.weights.values()))
    titles = name_all(nodes, parts, constants, sender)
    body = graph_proto(graph, nodes, titles, parts, sender)
    arrays = {s.name: s.array for s in (*parts.weights.values(), *constants) if s.array is not None}
    return OnnxModel(model_proto(graph, body, sender, version), arrays)


def checked_opset(opset: int | None) -> int:
    """The opset to write; InputError for one that cannot be written."""
    newest = defs.onnx_opset_version()
    if opset is None:
        return min(USUAL, newest)
    if not OLDEST <= opset <= newest:
        text = f"opset {opset} cannot be written: {OLDEST} to {newest} are possible"
        hint = f"leave it out for opset {min(USUAL, newest)}"
        raise InputError(f"{text}\n  hint: {hint}")
    return opset


def needed(graph: Graph) -> Iterator[Node]:
    """The nodes that the outputs need, in order, and all inputs."""
    wanted = graph.needed_by(graph.outputs.values()) | set(graph.inputs)
    return (node for node in graph if node.name in wanted)


class GraphSending:
    """Sends a graph's nodes in order: each value of the graph is one tensor."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array], sender: Sender) -> None:
        self.graph = graph
        self.arrays = weights
        self.sender = sender
        self.inputs: dict[str, Sent] = {}
        self.weights: dict[str, Sent] = {}
        self.values: dict[Value, Sent] = {}
        self.used = used_values(graph)

    def node(self, node: Node) -> None:
        """Send one node, or declare an input."""
        if node.name in self.graph.inputs:
            given = Sent(node.type.dtype, node.type.shape, node.name)
            self.inputs[node.name] = self.values[Value(node.name)] = given
            self.sender.sizes.offer(given)
            return
        start = len(self.sender.nodes)
        wanted = [Value(node.name, i) in self.used for i in range(len(node.outputs))]
        found = self.sender.send(node.name, node.op, self._values(node), node.outputs, wanted)
        for number, (sent, type_) in enumerate(zip(found, node.outputs, strict=True)):
            value = Value(node.name, number)
            if sent is None and value in self.used:
                fact = f"its rule leaves out result {number}, {type_}, which is used"
                self.sender.gaps.append(Gap(node.op.name, node.name, fact))
            self.values[value] = Sent(type_.dtype, type_.shape) if sent is None else sent
        for made in self.sender.nodes[start:]:
            made.doc = node.doc if made.title == node.name else made.doc

    def _values(self, node: Node) -> list[Any]:
        """The arguments in the order of the signature."""
        wires = grouped(node.op, self.graph.wires_of(node.name))
        found: list[Any] = []
        for port in node.op.ports.inputs:
            value = wires.get(port.name)
            if isinstance(value, tuple):
                found.append(tuple(self.values[single] for single in value))
            elif value is not None:
                found.append(self.values[value])
            else:
                found.append(self._weight(node.parameters.get(port.name)))
        return found

    def _weight(self, name: str | None) -> Sent | None:
        if name is None:
            return None
        if name not in self.weights:
            parameter = self.graph.parameters[name]
            sent = Sent(parameter.dtype, parameter.shape, name, self.arrays[name])
            self.weights[name] = sent
        return self.weights[name]

    def parts(self) -> Parts:
        """Inputs, weights and outputs."""
        outputs = {name: self.values[value] for name, value in self.graph.outputs.items()}
        return Parts(self.inputs, self.weights, outputs)


def used_values(graph: Graph) -> set[Value]:
    """All results that a node or an output reads."""
    edges = graph.nx.edges(data=True)
    found = {Value(source, data["output"]) for source, _, data in edges}
    return found | set(graph.outputs.values())


# ------------------------------------------------------------------ contents and checks


def fill(made: OnnxModel, stored: list[Stored], location: str) -> None:
    """Put the weights into the model, or say where they stand."""
    places = {item.name: item for item in stored}
    tensors = made.proto.graph.initializer
    for name, array in made.arrays.items():
        place = places.get(name)
        tensors.append(inside(name, array) if place is None else outside(place, location))


def check(made: OnnxModel, path: Path) -> None:
    """Let ONNX's checker see the model, but not the contents of its weights."""
    large = [(n, typed(n, a)) for n, a in made.arrays.items() if is_large(a)]
    lean = checkable(made.proto, large)
    lean.graph.initializer.extend(
        inside(name, array) for name, array in made.arrays.items() if not is_large(array)
    )
    try:
        checker.check_model(lean, full_check=True)
    except (checker.ValidationError, RuntimeError, ValueError) as error:
        cause = str(error).strip().splitlines()[0]
        fact = f"{path}: a rule of this package made an ONNX model that is not valid: {cause}"
        raise RunError(f"{fact}\n  hint: please report it; another --opset may do") from None


def unwritten(graph: Graph, gaps: list[Gap], opset: int) -> InputError:
    """The error for everything that ONNX cannot express, one entry for each cause."""
    nodes: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        nodes.setdefault((gap.op, gap.fact), []).append(gap)
    lines = [f"{graph.name} cannot be written as ONNX with opset {opset}:"]
    for (op, fact), found in nodes.items():
        names = list(dict.fromkeys(gap.node for gap in found))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  {op}: {fact} (in {', '.join(names[:SHOWN])}{more})")
        hint = next((gap.hint for gap in found if gap.hint), None)
        lines += [f"    hint: {hint}"] if hint else []
    return InputError("\n".join(lines))
