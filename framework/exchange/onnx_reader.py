"""An ONNX model as a graph of ours: node by node through the reading rules.

Nothing is half imported: all operators that cannot be read are listed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framework.errors import InputError, Mistake
from framework.exchange.importing import Importer, identifier
from framework.exchange.onnx_control import FUNCTIONS, expanded_function, has_definition
from framework.exchange.onnx_file import OnnxFile
from framework.exchange.onnx_inputs import Declarations, Shapes
from framework.exchange.onnx_report import ImportFailure, Trouble, brief, report, spelled
from framework.exchange.onnx_scope import (
    Env,
    attribute,
    bound,
    label,
    legacy,
    used_names,
    with_kinds,
)
from framework.exchange.onnx_tensor import sparse_array, tensor_array
from framework.exchange.rules import READERS
from framework.exchange.rules.registry import Call, Result
from framework.exchange.rules.wires import NARROW, Refused, Unknown, Wire
from framework.ir.dims import Size, exact_quotient, symbols_of
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.ir.prune import prune
from framework.limits import ONNX_NODES, ONNX_OPENED

OLDEST = 1
MOST_INPUTS = 10_000
BYTES_OF_NODE = 1 << 14
"""A tensor of so many bytes counts as one node more each time that a loop reads it."""

Progress = Callable[[int, int, str], None]
FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a rule may raise on a malformed node; told as that node's problem."""


@dataclass(frozen=True)
class Imported:
    """The graph of a model, its weights, and our names of its inputs and outputs."""

    graph: Graph
    weights: dict[str, Array]
    inputs: dict[str, str]
    outputs: dict[str, str]


class Reader:
    """Reads one model; `read_onnx` is the way in."""

    def __init__(
        self,
        file: OnnxFile,
        progress: Progress | None = None,
        dims: Mapping[str, int] | None = None,
    ) -> None:
        self.file = file
        self.progress = progress
        self.opsets = checked_opsets(file.opsets)
        self.importer = Importer(model_name(file))
        self.graph = self.importer.graph
        self.declared = Declarations(self.graph, {} if dims is None else dims)
        self.troubles: list[Trouble] = []
        self.unknown: list[Wire] = []
        self.functions = {(f.domain, f.name): f for f in file.proto.functions}
        self.opened = 0
        self.calls: list[tuple[str, str]] = []

    # ------------------------------------------------------------------ the model

    def read(self, known: Mapping[str, Array], shapes: Shapes) -> Imported:
        """The whole model."""
        proto, env = self.file.proto.graph, Env()
        bounded(proto, self.file.name)
        constants = self.initializers(proto, env)
        inputs: dict[str, str] = {}
        for item in proto.input:
            if item.name in known:
                wire = self.importer.constant(known[item.name])
                env.names[item.name] = replace(wire, kind=input_kind(item))
            elif item.name not in constants:
                inputs[item.name] = self.input(item, env, shapes.get(item.name))
        self.declared.finish()
        self.run(proto.node, env, self.opsets, [item.name for item in proto.output])
        outputs = self.outputs(proto, env)
        if self.troubles:
            text = report(self.file.name, self.troubles)
            raise ImportFailure(text, sources(self.graph, self.unknown, inputs))
        graph = prune(self.graph)
        stored_names = {name: self.importer.weights[name] for name in graph.parameters}
        return Imported(graph, stored_names, inputs, outputs)

    def initializers(self, proto: Any, env: Env) -> set[str]:
        """Constants stored in a graph."""
        for tensor in proto.initializer:
            if env.outer is not None:
                self.spend(tensor.ByteSize() // BYTES_OF_NODE)
            array = self.attempt("initializer", tensor.name, tensor_array, tensor, self.file.folder)
            env.names[tensor.name] = stored(self.importer, array, tensor)
        for sparse in proto.sparse_initializer:
            name = sparse.values.name
            array = self.attempt("initializer", name, sparse_array, sparse, self.file.folder)
            env.names[name] = stored(self.importer, array, sparse.values)
        return set(env.names)

    def attempt(self, what: str, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """The function's result; None after a failure, which is noted."""
        try:
            return function(*values)
        except (Mistake, *FAILURES) as error:
            self.trouble(what, name, malformed(error))
        return None

    def trouble(self, what: str, name: str, mistake: Mistake) -> None:
        """Note what cannot be read."""
        self.troubles.append(Trouble(what, name, mistake))

    def input(self, item: Any, env: Env, shape: Sequence[int | str] | None) -> str:
        """Declare one input; returns our name for it."""
        name = self.importer.free(identifier(spelled(item.name)).replace(".", "_"))
        if item.name in env.names:
            self.trouble("input", item.name, Refused("two inputs have one name"))
        env.names[item.name] = None
        type_ = self.attempt("input", item.name, self.declared.type_of, item, name, shape)
        if type_ is not None:
            value = self.graph.add_input(name, type_, doc=None)
            env.names[item.name] = Wire(type_, value, kind=input_kind(item))
        return name

    def outputs(self, proto: Any, env: Env) -> dict[str, str]:
        """Name the results of the model."""
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for item in proto.output:
            wire = self.attempt("output", item.name, env.find, item.name)
            name = free_name(item.name, self.graph.outputs, counts)
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
            found = zip(node.output, self.node(node, env, opsets, used), strict=False)
            env.names.update((name, wire) for name, wire in found if name)
            if self.progress is not None and env.outer is None:
                self.progress(number + 1, len(nodes), node.op_type)

    def spend(self, nodes: int) -> None:
        """Count nodes of inner graphs, which may be read many times."""
        self.opened += nodes
        if self.opened > ONNX_OPENED:
            fact = f"its loops and functions are more than {ONNX_OPENED:,} nodes when opened"
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
                require(node, opsets, self.functions)
                return lost
            wanted = tuple(bool(n) and (used is None or n in used) for n in node.output)
            found = self.apply(node, inputs, wanted, env, opsets)
        except (Mistake, *FAILURES) as error:
            if isinstance(error, Unknown):
                self.unknown.append(inputs[error.index])  # type: ignore[arg-type]
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
        domain, key = called(node)
        opset = opsets.get(domain, opsets.get("", 1))
        if (function := self.functions.get((node.domain, node.op_type))) is not None:
            return self.call(function, node, inputs, env)
        if key in FUNCTIONS:
            return FUNCTIONS[key](self, node, inputs, env, opsets)
        attributes = {item.name: attribute(item, self.file.folder) for item in node.attribute}
        if key in READERS:
            place = label(node)
            call = Call(node.op_type, opset, inputs, attributes, wanted, self.importer, place)
            found = READERS[key](legacy(call))
            if found is not NotImplemented:
                results = found if isinstance(found, tuple) else (found,)
                return with_kinds(node, inputs, results)
        body = expanded_function(node, domain, opset, inputs)
        if body is None:
            raise Refused(f"{brief(key)} is not supported")
        return self.call(body, node, inputs, env)

    def call(
        self, function: Any, node: Any, inputs: Sequence[Wire | None], env: Env
    ) -> tuple[Wire | None, ...]:
        """Read the body of a function in place of the node that calls it."""
        inner, name = Env(depth=env.inner().depth), (function.domain, function.name)
        if name in self.calls:
            raise Refused(f"the function {brief(function.name)} calls itself")
        if len(inputs) > len(function.input):
            raise Refused(f"it has {len(inputs)} inputs; {len(function.input)} are declared")
        self.spend(function.ByteSize() // BYTES_OF_NODE)
        given = [*inputs, *[None] * (len(function.input) - len(inputs))]
        inner.names.update(zip(function.input, given, strict=True))
        opsets = {item.domain: item.version for item in function.opset_import}
        self.calls.append(name)
        try:
            body = opened(function, node, inner.names)
            self.run(body, inner, {**self.opsets, **opsets}, function.output)
        finally:
            self.calls.pop()
        return tuple(inner.names.get(name) for name in function.output)


def called(node: Any) -> tuple[str, str]:
    """The domain of a node's operator, empty for ONNX's own, and its name with the domain."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    return domain, f"{domain}.{node.op_type}" if domain else node.op_type


def opened(function: Any, node: Any, given: Mapping[str, Wire | None]) -> list[Any]:
    """The nodes of a function with the attributes of the node that calls it."""
    values = {item.name: item for item in function.attribute_proto}
    values |= {item.name: item for item in node.attribute}
    absent = {name for name in function.input if given[name] is None}
    return [bound(item, values, absent) for item in function.node]


def read_onnx(
    file: OnnxFile,
    *,
    known: Mapping[str, Array] | None = None,
    shapes: Shapes | None = None,
    dims: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Imported:
    """A typed graph with the model's weights; raises `InputError` with all that cannot be read.

    ``known`` inputs become constants; ``shapes`` replace the shapes that the file declares;
    ``dims`` fix symbolic sizes by their names.
    """
    known, fixed = {} if known is None else known, {} if dims is None else dict(dims)
    while True:
        found = Reader(file, progress, fixed).read(known, {} if shapes is None else shapes)
        forced = {} if shapes is not None else forced_sizes(found.graph)
        if not forced:
            return found
        fixed |= forced


def free_name(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """Our name for an output, with a number where it is taken; ``counts`` are those given."""
    free = base = identifier(spelled(name)).replace(".", "_")
    while free in taken:
        counts[base] = counts.get(base, 1) + 1
        free = f"{base}_{counts[base]}"
    return free


def bounded(proto: Any, name: str) -> None:
    """Refuse a graph of which everything would take very long."""
    for what, items, most in (
        ("nodes", proto.node, ONNX_NODES),
        ("inputs", proto.input, ONNX_NODES),
        ("outputs", proto.output, MOST_INPUTS),
    ):
        if len(items) > most:
            raise ImportFailure(f"{name} has {len(items):,} {what}; at most {most:,} can be read")


def sources(graph: Graph, unknown: Iterable[Wire], inputs: Mapping[str, str]) -> list[str]:
    """The inputs that unknown values depend on."""
    reached = graph.needed_by(wire.value for wire in unknown if wire.value is not None)
    return [name for name, ours in inputs.items() if ours in reached]


def stored(importer: Importer, array: Array | None, tensor: Any) -> Wire | None:
    """A stored tensor as a constant."""
    if array is None:
        return None
    name = spelled(tensor.name)
    table = name.startswith("constant/")  # our own writer's name for what is no weight
    wire = importer.constant(array, "" if table else name)
    return replace(wire, kind=NARROW.get(tensor.data_type, ""))


def require(node: Any, opsets: Mapping[str, int], functions: Container[tuple[str, str]]) -> None:
    """Refuse an operator that could not be read whatever its inputs."""
    domain, key = called(node)
    known = key in READERS or key in FUNCTIONS
    if known or (node.domain, node.op_type) in functions:
        return
    if not has_definition(node.op_type, domain, opsets.get(domain, opsets.get("", 1))):
        raise Refused(f"{brief(key)} is not supported")


def forced_sizes(graph: Graph) -> dict[str, int]:
    """Open sizes that can only be one number, such as the channels that a weight is for."""
    found: dict[str, int] = {}
    for condition in graph.conditions:
        if condition.relation == "==":
            for pair in ((condition.left, condition.right), (condition.right, condition.left)):
                found.update(solved(graph, *pair))
    return found


def solved(graph: Graph, left: Size, right: Size) -> Iterator[tuple[str, int]]:
    """The symbol that ``left == right`` gives a number: 16*b*n == 176*b says that n is 11."""
    for name in symbols_of(left):
        rest = exact_quotient(left, graph.symbols[name]) if name in graph.symbols else None
        number = None if rest is None or rest == 0 else exact_quotient(right, rest)
        if isinstance(number, int):
            yield name, number


def checked_opsets(opsets: dict[str, int]) -> dict[str, int]:
    """The operator sets of a model, the default one under the name ''."""
    from onnx.defs import onnx_opset_version

    found = {("" if name == "ai.onnx" else name): version for name, version in opsets.items()}
    found.setdefault("", OLDEST)
    if not OLDEST <= found[""] <= onnx_opset_version():
        newest = onnx_opset_version()
        hint = "\n  hint: pip install --upgrade onnx" if found[""] > newest else ""
        raise InputError(
            f"the model uses operator set {found['']}; {OLDEST} to {newest} can be read{hint}"
        )
    return found


def model_name(file: OnnxFile) -> str:
    """A name for the model, from its graph."""
    return identifier(str(file.proto.graph.name or "model")).replace(".", "_")


def input_kind(item: Any) -> str:
    """The narrow kind of element of an input; empty for a dtype of ours."""
    return NARROW.get(item.type.tensor_type.elem_type, "")


def malformed(error: Exception) -> Mistake:
    """The mistake; or that a rule met what no node of its kind has."""
    if isinstance(error, Mistake):
        return error
    return Refused(f"the node is malformed ({type(error).__name__}: {error})")


__all__ = ["ImportFailure", "Imported", "Shapes", "read_onnx"]
