"""`write`: a graph as a model file that reads back to an equal graph.

What a graph does not hold is not written: arguments, ``let:``, ``from:``, ``draw:``.  The two
summands of an addition may change places where they end a ``residual``; nodes that no output
depends on are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.graph import Graph, Value
from framework.spec.expressions import RESERVED
from framework.spec.read_parts import IDENTIFIER, LETTERS
from framework.spec.write_blocks import Block, Blocks, Unexplained
from framework.spec.write_flow import Flow
from framework.spec.write_lines import entry, flow_list, flow_map, indented
from framework.spec.write_names import name_blocks
from framework.spec.write_nodes import NodeWriter
from framework.spec.write_parts import Maker
from framework.spec.write_paths import Paths
from framework.spec.write_series import bracketed
from framework.spec.write_tree import tree_of, unfolded
from framework.spec.write_values import expression, line, literal, scalar
from framework.spec.write_wiring import output_names

SCHEMA_LINE = "# yaml-language-server: $schema=graph-1.schema.json"


@dataclass(frozen=True)
class Written:
    """A model's text; ``names`` and ``nodes`` give the new names of stored tensors and nodes."""

    text: str
    names: dict[str, str]
    nodes: dict[str, str]


def write(
    graph: Graph,
    *,
    name: str | None = None,
    doc: str | None = None,
    weights_file: str | None = None,
    labels: Mapping[str, str] | None = None,
    fold: bool = True,
) -> Written:
    """The graph as YAML of format 1.

    ``weights_file`` is the file beside the model that holds its stored tensors, ``labels`` gives
    outputs their files of labels.  Without ``fold`` there are no blocks: one line for each node.
    Raises `Mistake` for what the language cannot say.
    """
    check_names(graph)
    flow = Flow(graph)
    blocks = blocks_of(flow, fold)
    name_blocks(blocks)
    paths = Paths(blocks)
    sections = [
        head(graph, name, doc),
        dims(graph),
        inputs(graph),
        block_sections(paths),
        node_section(paths),
        outputs(graph, paths, {} if labels is None else labels),
        [] if weights_file is None else [f"weights: {flow_map({'file': scalar(weights_file)})}"],
    ]
    text = "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"
    nodes = paths.nodes()
    return Written(text, paths.parameters(nodes), nodes)


def blocks_of(flow: Flow, fold: bool) -> Blocks:
    """The blocks of a flow; rows of copies that no expression explains are unfolded."""
    maker = Maker(flow)
    root = tree_of(flow, maker, fold)
    while True:
        try:
            return Blocks(maker, root)
        except Unexplained as problem:
            root.children = unfolded(root.children, set(problem.runs).__contains__)


def check_names(graph: Graph) -> None:
    """Inputs, outputs and sizes must have names that the language can spell."""
    named = (("an input", graph.inputs), ("an output", graph.outputs), ("a size", declared(graph)))
    for kind, names in named:
        for name in names:
            wrong = kind == "a size" and name in RESERVED
            if not IDENTIFIER.fullmatch(name) or name == "prev" or wrong:
                raise Mistake(f"'{name}' cannot name {kind}", hint=LETTERS, code="name")


# ------------------------------------------------------------------ what is declared


def head(graph: Graph, name: str | None, doc: str | None) -> list[str]:
    """Format, name and doc."""
    lines = [SCHEMA_LINE, "format: 1", f"name: {line(graph.name if name is None else name)}"]
    text = graph.doc if doc is None else doc
    return [*lines, f"doc: {line(text)}"] if text else lines


def declared(graph: Graph) -> list[str]:
    """The symbolic sizes that are declared, not found by the data."""
    return [name for name in graph.symbols if name not in graph.symbols.found]


def dims(graph: Graph) -> list[str]:
    """``dims:`` and ``require:``."""
    broken = {n for c in graph.conditions if c.broken(graph.examples) for n in c.symbols}
    entries = {name: dim(graph, name, broken) for name in declared(graph)}
    lines: list[str] = []
    if entries:
        whole = f"dims: {flow_map(entries)}"
        lines = [whole]
        if len(entries) > 1:
            lines = ["dims:", *indented([f"{key}: {text}" for key, text in entries.items()])]
    known = set(entries)
    conditions = (c for c in graph.conditions if known.issuperset(c.symbols))
    texts = list(dict.fromkeys(quoted_condition(condition) for condition in conditions))
    if len(texts) == 1:
        return [*lines, f"require: {flow_list(texts)}"]
    return [*lines, "require:", *indented([f"- {text}" for text in texts])] if texts else lines


def dim(graph: Graph, name: str, broken: Collection[str]) -> str:
    """The options of a size; an example that breaks a condition is left to the reader."""
    record = graph.symbols.bounds_of(name)
    options: dict[str, str] = {}
    if record.multiple_of != 1:
        options["multiple_of"] = str(record.multiple_of)
    if record.minimum not in (1, record.multiple_of) or (record.minimum == 1 < record.multiple_of):
        options["min"] = str(record.minimum)
    if record.maximum is not None:
        options["max"] = str(record.maximum)
    if name in graph.examples and name not in broken:
        options["example"] = str(graph.examples[name])
    return flow_map(options)


def quoted_condition(condition: Condition) -> str:
    """A condition as ``require:`` reads it."""
    left, right = literal(condition.left), literal(condition.right)
    if condition.relation == "divisible":
        return expression(f"{bracketed(left)} % {bracketed(right)} == 0")
    return expression(f"{left} {condition.relation} {right}")


def inputs(graph: Graph) -> list[str]:
    """``inputs:``."""
    lines = ["inputs:"]
    for name, node in graph.inputs.items():
        shape = flow_list([expression(literal(size)) for size in node.type.shape])
        if node.type.dtype == "float32" and not node.doc:
            lines += indented(entry(name, shape))
            continue
        options = {"shape": shape}
        if node.type.dtype != "float32":
            options["dtype"] = node.type.dtype
        if node.doc:
            options["doc"] = scalar(node.doc)
        lines += indented(entry(name, flow_map(options)))
    return lines


def outputs(graph: Graph, paths: Paths, labels: Mapping[str, str]) -> list[str]:
    """``outputs:``."""
    found: dict[str, str] = {}
    for name, value in graph.outputs.items():
        reference = value.node if value.node in graph.inputs else top_reference(paths, value)
        if name in labels:
            reference = flow_map({"node": reference, "labels": scalar(labels[name])})
        found[name] = reference
    return entry("outputs", flow_map(found))


def top_reference(paths: Paths, value: Value) -> str:
    """A value as the top level refers to it."""
    wiring = paths.wirings[paths.blocks.top]
    return wiring.ref_text(wiring.nest.ref(value))


# ------------------------------------------------------------------ nodes and blocks


def node_section(paths: Paths) -> list[str]:
    """``nodes:`` of the top level."""
    lines = NodeWriter(paths, paths.blocks.top).lines()
    return ["nodes:", *indented(lines)] if lines else ["nodes: []"]


def block_sections(paths: Paths) -> list[str]:
    """``blocks:``, each with what it declares and its nodes."""
    lines: list[str] = []
    for block in paths.blocks.by_form.values():
        lines += [""] if lines else []
        lines += indented(block_lines(paths, block))
    return ["blocks:", *lines] if lines else []


def block_lines(paths: Paths, block: Block) -> list[str]:
    """One block."""
    lines: list[str] = []
    docs = {group.doc for group in block.members}
    doc = docs.pop() if len(docs) == 1 else None
    if doc:
        lines.append(f"doc: {line(doc)}")
    if block.args:
        lines += entry("args", flow_map(block.args))
    ports = dict(zip(block.ports, block.patterns, strict=True))
    lines += entry("inputs", flow_map(ports))
    lines += ["nodes:", *indented(NodeWriter(paths, block).lines())]
    wiring = paths.wirings[block]
    refs = wiring.output_refs()
    if refs:
        texts = dict(zip(output_names(block), map(wiring.ref_text, refs), strict=True))
        lines += entry("outputs", flow_map(texts))
    return [f"{block.name}:", *indented(lines)]
