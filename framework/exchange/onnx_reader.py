"""An ONNX model as a graph of ours: node by node through the reading rules.

Nothing is half imported: all operators that cannot be read are listed at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.errors import InputError, Mistake
from framework.exchange.importing import Importer, identifier
from framework.exchange.onnx_control import FUNCTIONS, expanded_function
from framework.exchange.onnx_file import MOST_AXES, OnnxFile, sparse_array, tensor_array
from framework.exchange.onnx_report import ImportFailure, Trouble, brief, report
from framework.exchange.rules import READERS
from framework.exchange.rules.registry import Call, Result
from framework.exchange.rules.wires import Refused, Unknown, Wire, dtype_of
from framework.ir.dims import Size
from framework.ir.graph import Graph, Node, Wires, grouped
from framework.ir.op import Array
from framework.ir.types import TensorType

OLDEST = 1
MOST_NODES = 200_000
MOST_DEPTH = 24
MOST_OPENED = 30_000  # nodes of loops and functions
MOST_INPUTS = 10_000
BYTES_OF_NODE = 1 << 14
"""A tensor of so many bytes counts as one node more each time that a loop reads it."""

Progress = Callable[[int, int, str], None]
Shapes = Mapping[str, Sequence[int | str]]
"""Sizes of inputs by name; words are symbols."""

FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a rule may raise on a malformed node; told as that node's problem."""


@dataclass(frozen=True)
class Imported:
    """The graph of a model, its weights, and our names of its inputs and outputs."""

    graph: Graph
    weights: dict[str, Array]
    inputs: dict[str, str]
    outputs: dict[str, str]


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
        raise Refused(f"nothing before it gives '{brief(name)}'", hint="the file is damaged or cyclic")

    def inner(self) -> Env:
        """An environment inside this one."""
        if self.depth >= MOST_DEPTH:
            raise Refused(f"graphs are nested more than {MOST_DEPTH} deep")
        return Env(outer=self, depth=self.depth + 1)


class Reader:
    """Reads one model; `read_onnx` is the way in."""

    def __init__(self, file: OnnxFile, progress: Progress | None = None) -> None:
        self.file = file
        self.progress = progress
        self.opsets = checked_opsets(file.opsets)
        self.importer = Importer(model_name(file))
        self.graph = self.importer.graph
        self.troubles: list[Trouble] = []
        self.unknown: list[Wire] = []
        self.functions = {(f.domain, f.name): f for f in file.proto.functions}
        self.opened = 0
        self.calls: list[tuple[str, str]] = []

    # ------------------------------------------------------------------ the model

    def read(self, known: Mapping[str, Array], shapes: Shapes) -> Imported:
        """The whole model."""
        proto, env = self.file.proto.graph, Env()
        self.bounded(proto)
        stored = self.initializers(proto, env)
        inputs: dict[str, str] = {}
        for item in proto.input:
            if item.name in known:
                env.names[item.name] = self.importer.constant(known[item.name])
            elif item.name not in stored:
                inputs[item.name] = self.input(item, env, shapes.get(item.name))
        self.run(proto.node, env, self.opsets, [item.name for item in proto.output])
        outputs = self.outputs(proto, env)
        if self.troubles:
            text = report(self.file.name, self.troubles)
            raise ImportFailure(text, self.sources(inputs))
        graph = pruned(self.graph)
        stored_names = {name: self.importer.weights[name] for name in graph.parameters}
        return Imported(graph, stored_names, inputs, outputs)

    def bounded(self, proto: Any) -> None:
        """Refuse a graph of which everything would take very long."""
        for what, items, most in (
            ("nodes", proto.node, MOST_NODES),
            ("inputs", proto.input, MOST_NODES),
            ("outputs", proto.output, MOST_INPUTS),
        ):
            if len(items) > most:
                raise ImportFailure(
                    f"{self.file.name} has {len(items):,} {what}; at most {most:,} can be read"
                )

    def sources(self, inputs: Mapping[str, str]) -> list[str]:
        """The inputs that unknown values depend on."""
        reached = {wire.value.node for wire in self.unknown if wire.value is not None}
        for node in reversed(list(self.graph)):
            if node.name in reached:
                reached.update(value.node for value in self.graph.wires_of(node.name).values())
        return [name for name, ours in inputs.items() if ours in reached]

    def initializers(self, proto: Any, env: Env) -> set[str]:
        """Constants stored in a graph."""
        for tensor in proto.initializer:
            if env.outer is not None:
                self.spend(tensor.ByteSize() // BYTES_OF_NODE)
            array = self.attempt("initializer", tensor.name, tensor_array, tensor, self.file.folder)
            env.names[tensor.name] = (
                None if array is None else self.importer.constant(array, tensor.name)
            )
        for sparse in proto.sparse_initializer:
            name = sparse.values.name
            array = self.attempt("initializer", name, sparse_array, sparse, self.file.folder)
            env.names[name] = None if array is None else self.importer.constant(array, name)
        return set(env.names)

    def attempt(self, what: str, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """The function's result; None after a failure, which is noted."""
        try:
            return function(*values)
        except Mistake as mistake:
            self.trouble(what, name, mistake)
        except FAILURES as error:
            self.trouble(what, name, malformed(error))
        return None

    def trouble(self, what: str, name: str, mistake: Mistake) -> None:
        """Note what cannot be read."""
        self.troubles.append(Trouble(what, name, mistake))

    def input(self, item: Any, env: Env, shape: Sequence[int | str] | None) -> str:
        """Declare one input; returns our name for it."""
        name = self.importer.free(identifier(item.name).replace(".", "_"))
        if item.name in env.names:
            self.trouble("input", item.name, Refused("two inputs have one name"))
        env.names[item.name] = None
        type_ = self.attempt("input", item.name, self.input_type, item, name, shape)
        if type_ is not None:
            env.names[item.name] = Wire(type_, self.graph.add_input(name, type_, doc=None))
        return name

    def input_type(self, item: Any, name: str, shape: Sequence[int | str] | None) -> TensorType:
        """The type of an input; a size without number or name gets a symbol of its own."""
        if item.type.WhichOneof("value") != "tensor_type":
            kind = item.type.WhichOneof("value")
            raise Refused(f"{kind.replace('_type', 's') if kind else 'no type'} is not supported")
        tensor = item.type.tensor_type
        dtype = dtype_of(tensor.elem_type)
        if shape is not None:
            symbols = self.graph.symbols
            return TensorType(
                tuple(s if isinstance(s, int) else symbols.declare(s) for s in shape), dtype
            )
        if not tensor.HasField("shape"):
            raise Refused("it has no shape", hint="fix the number of axes before exporting")
        if len(tensor.shape.dim) > MOST_AXES:
            raise Refused(f"it has {len(tensor.shape.dim):,} axes; at most {MOST_AXES} work")
        sizes = [self.size(dim, f"{name}_{axis}") for axis, dim in enumerate(tensor.shape.dim)]
        self.examples(sizes)
        return TensorType(tuple(sizes), dtype)

    def size(self, dim: Any, fallback: str) -> Size:
        """One size of an input."""
        if dim.HasField("dim_value"):
            if not 0 <= dim.dim_value < 1 << 40:
                raise Refused(f"a size of {dim.dim_value} cannot be")
            return int(dim.dim_value)
        words = "_".join(re.findall(r"[A-Za-z0-9_]+", dim.dim_param)) or fallback
        word = words if words.isidentifier() else f"size_{words}"
        return self.graph.symbols.declare(word)

    def examples(self, sizes: Sequence[Size]) -> None:
        """Sizes for a run without any: one sample, images of 224, sequences of 16."""
        for axis, size in enumerate(sizes):
            usual = 1 if axis == 0 else 224 if len(sizes) == 4 else 16
            if not isinstance(size, int):
                self.graph.examples.setdefault(str(size), usual)

    def outputs(self, proto: Any, env: Env) -> dict[str, str]:
        """Name the results of the model."""
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for item in proto.output:
            wire = self.attempt("output", item.name, env.find, item.name)
            name = base = identifier(item.name).replace(".", "_")
            while name in self.graph.outputs:
                counts[base] = counts.get(base, 1) + 1
                name = f"{base}_{counts[base]}"
            if wire is not None:
                names[item.name] = name
                self.graph.outputs[name] = self.importer.value_of(wire)
        return names

    # ------------------------------------------------------------------ nodes

    def run(
        self, nodes: Sequence[Any], env: Env, opsets: Mapping[str, int], results: Iterable[str]
    ) -> None:
        """Read the nodes of a graph, one after another, for these results."""
        used = used_names(nodes, results)
        for number, node in enumerate(nodes):
            if env.depth:
                self.spend(1)
            results = self.node(node, env, opsets, used)
            for name, wire in zip(node.output, results, strict=False):
                if name:
                    env.names[name] = wire
            if self.progress is not None and env.outer is None:
                self.progress(number + 1, len(nodes), node.op_type)

    def spend(self, nodes: int) -> None:
        """Count nodes of inner graphs, which may be read many times."""
        self.opened += nodes
        if self.opened > MOST_OPENED:
            fact = f"its loops and functions are more than {MOST_OPENED:,} nodes when opened"
            raise ImportFailure(f"{self.file.name} cannot be imported: {fact}")

    def node(
        self, node: Any, env: Env, opsets: Mapping[str, int], used: set[str] | None
    ) -> Sequence[Wire | None]:
        """The results of one node; None for each after a failure."""
        lost: list[None] = [None] * len(node.output)
        try:
            inputs = tuple(env.find(name) if name else None for name in node.input)
            missing = any(w is None and n for w, n in zip(inputs, node.input, strict=True))
            if missing:  # a failure before this one, which is reported
                return lost
            wanted = tuple(bool(n) and (used is None or n in used) for n in node.output)
            found = self.apply(node, inputs, wanted, env, opsets)
        except Unknown as unknown:
            self.unknown.append(inputs[unknown.index])  # type: ignore[arg-type]
            self.trouble(node.op_type, label(node), unknown)
            return lost
        except Mistake as mistake:
            self.trouble(node.op_type, label(node), mistake)
            return lost
        except FAILURES as error:
            self.trouble(node.op_type, label(node), malformed(error))
            return lost
        results = found if isinstance(found, tuple) else (found,)
        return [*results, *lost[len(results) :]]

    def apply(
        self,
        node: Any,
        inputs: tuple[Wire | None, ...],
        wanted: tuple[bool, ...],
        env: Env,
        opsets: Mapping[str, int],
    ) -> Result:
        """Read a node by its rule, by the function that it calls, or by its definition."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        key = f"{domain}.{node.op_type}" if domain else node.op_type
        opset = opsets.get(domain, opsets.get("", 1))
        if (function := self.functions.get((node.domain, node.op_type))) is not None:
            return self.call(function, node, inputs, env)
        if key in FUNCTIONS:
            return FUNCTIONS[key](self, node, inputs, env, opsets)
        attributes = {item.name: self.attribute(item) for item in node.attribute}
        if key in READERS:
            call = Call(
                node.op_type, opset, inputs, attributes, wanted, self.importer, label(node)
            )  # fmt: skip
            found = READERS[key](legacy(call))
            if found is not NotImplemented:
                return found
        body = expanded_function(node, domain, opset, inputs)
        if body is None:
            raise Refused(f"{brief(key)} is not supported")
        return self.call(body, node, inputs, env)

    def attribute(self, item: Any) -> Any:
        """The value of an attribute as Python's; graphs stay as they are."""
        match item.type:
            case 1:
                return short(item.f)
            case 2:
                return int(item.i)
            case 3:
                return item.s.decode("utf-8", "replace")
            case 4:
                return tensor_array(item.t, self.file.folder)
            case 6:
                return tuple(map(short, item.floats))
            case 7:
                return tuple(map(int, item.ints))
            case 8:
                return tuple(text.decode("utf-8", "replace") for text in item.strings)
        return item

    def call(
        self, function: Any, node: Any, inputs: Sequence[Wire | None], env: Env
    ) -> tuple[Wire | None, ...]:
        """Read the body of a function in place of the node that calls it."""
        inner, called = Env(depth=env.inner().depth), (function.domain, function.name)
        if called in self.calls:
            raise Refused(f"the function {brief(function.name)} calls itself")
        if len(inputs) > len(function.input):
            raise Refused(f"it has {len(inputs)} inputs; {len(function.input)} are declared")
        self.spend(function.ByteSize() // BYTES_OF_NODE)
        given = [*inputs, *[None] * (len(function.input) - len(inputs))]
        absent = {name for name, wire in zip(function.input, given, strict=True) if wire is None}
        inner.names.update(zip(function.input, given, strict=True))
        values = {item.name: item for item in function.attribute_proto}
        values |= {item.name: item for item in node.attribute}
        body = [bound(item, values, absent) for item in function.node]
        opsets = {item.domain: item.version for item in function.opset_import}
        self.calls.append(called)
        try:
            self.run(body, inner, {**self.opsets, **opsets}, function.output)
        finally:
            self.calls.pop()
        return tuple(inner.names.get(name) for name in function.output)


def read_onnx(
    file: OnnxFile,
    *,
    known: Mapping[str, Array] | None = None,
    shapes: Shapes | None = None,
    progress: Progress | None = None,
) -> Imported:
    """A typed graph with the model's weights; raises `InputError` with all that cannot be read.

    ``known`` inputs become constants; ``shapes`` replace the shapes that the file declares.
    """
    reader = Reader(file, progress)
    return reader.read({} if known is None else known, {} if shapes is None else shapes)


def checked_opsets(opsets: dict[str, int]) -> dict[str, int]:
    """The operator sets of a model, the default one under the name ''."""
    from onnx.defs import onnx_opset_version

    found = {("" if name == "ai.onnx" else name): version for name, version in opsets.items()}
    found.setdefault("", OLDEST)
    if not OLDEST <= found[""] <= onnx_opset_version():
        raise InputError(
            f"the model uses operator set {found['']}; "
            f"{OLDEST} to {onnx_opset_version()} can be read"
        )
    return found


def model_name(file: OnnxFile) -> str:
    """A name for the model, from its graph."""
    return identifier(str(file.proto.graph.name or "model")).replace(".", "_")


def label(node: Any) -> str:
    """What a node is called in messages and names."""
    return node.name or (node.output[0] if node.output else node.op_type)


def malformed(error: Exception) -> Refused:
    """A rule met what no node of its kind has."""
    return Refused(f"the node is malformed ({type(error).__name__}: {error})")


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


def pruned(graph: Graph) -> Graph:
    """The graph without nodes whose results nobody uses; inputs stay."""
    names = {value.node for value in graph.outputs.values()}
    for node in reversed(list(graph)):
        if node.name in names:
            names.update(value.node for value in graph.wires_of(node.name).values())
    fresh = Graph(graph.name, graph.doc)
    fresh.symbols, fresh.examples = graph.symbols, dict(graph.examples)
    fresh.conditions = list(graph.conditions)
    for node in graph:
        if node.name in names or node.name in graph.inputs:
            copied(graph, node, fresh)
    fresh.outputs = dict(graph.outputs)
    return fresh


def copied(graph: Graph, node: Node, fresh: Graph) -> None:
    """Add a node and its parameters to another graph."""
    wires: Wires = grouped(node.op, graph.wires_of(node.name))
    fresh.add(node, wires)
    for name in node.parameters.values():
        fresh.parameters[name] = graph.parameters[name]


__all__ = ["ImportFailure", "Imported", "read_onnx"]
