"""From nodes to an ONNX model: what nothing needs goes, everything gets its final name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from framework.exchange.onnx_nodes import Made
from framework.exchange.onnx_sender import SIZES, Sender
from framework.exchange.rules.sending import Sent
from framework.ir.graph import Graph

PRODUCER = "framework"


@dataclass
class Names:
    """Names given so far; a second user of one gets ``_2``."""

    taken: set[str] = field(default_factory=set)
    last: dict[str, int] = field(default_factory=dict)

    def take(self, wish: str) -> str:
        """The name itself, or with a number where it is taken."""
        name, number = wish, self.last.get(wish, 1)
        while name in self.taken:
            number += 1
            name = f"{wish}_{number}"
        self.taken.add(name)
        self.last[wish] = number
        return name


@dataclass
class Parts:
    """The graph's ends as tensors, by the names that they must have."""

    inputs: dict[str, Sent]
    weights: dict[str, Sent]
    outputs: dict[str, Sent]

    def with_identities(self, sender: Sender) -> None:
        """Let each output be the result of a node of its own, as ONNX wants it."""
        used: set[Sent] = set()
        for name, sent in self.outputs.items():
            if sent not in sender.makers or sent in used:
                node = sender.add(name, "Identity", [sent], {})
                node.outputs[0].known = sent.known
                self.outputs[name] = node.outputs[0]
            used.add(self.outputs[name])


# ------------------------------------------------------------------ what is needed


def alive(sender: Sender, outputs: Iterable[Sent]) -> list[Made]:
    """The nodes that the outputs need, each after everything that it reads."""
    needed: set[Made] = set()
    todo = list(outputs)
    while todo:
        node = sender.makers.get(todo.pop())
        if node is not None and node not in needed:
            needed.add(node)
            todo += [given for given in node.inputs if given is not None]
    return sorted(needed, key=lambda node: node.number)


def constants_of(nodes: Iterable[Made], sender: Sender, weights: set[Sent]) -> list[Sent]:
    """The constants that the nodes read and that are no weights, in order of their making."""
    read = {given for node in nodes for given in node.inputs}
    return [sent for sent in sender.constants.values() if sent in read and sent not in weights]


# ------------------------------------------------------------------ names


def name_all(nodes: list[Made], parts: Parts, constants: list[Sent], sender: Sender) -> list[str]:
    """Give every tensor its final name; the names of the nodes come back, in order."""
    values, titles = Names(), Names()
    for group in (parts.inputs, parts.weights, parts.outputs):
        for name, sent in group.items():
            sent.name = values.take(name)
    fixed = {*parts.inputs.values(), *parts.weights.values(), *parts.outputs.values()}
    found: list[str] = []
    for node in nodes:
        found.append(titles.take(title_of(node, sender)))
        for number, sent in enumerate(node.outputs):
            if sent not in fixed:
                default = found[-1] if number == 0 else f"{found[-1]}.{number}"
                sent.name = values.take(sent.name if sent.name else default)
    for sent in constants:
        sent.name = values.take(constant_name(sent))
    return found


def title_of(node: Made, sender: Sender) -> str:
    """Our node's name for the one that makes its result, ``name/Reshape`` for those before it."""
    if node.title is not None:
        return node.title
    elements = node.outputs[0].elements
    if node.scope != SIZES or elements is None:
        return f"{node.scope}/{node.op_type}"
    texts = (str(e) if isinstance(e, int) else sender.texts.text(e) for e in elements)
    return f"{SIZES}/{','.join(texts)}"


def constant_name(sent: Sent) -> str:
    """``constant/int64[2]`` – what it is, as far as a name can tell."""
    shape = "" if sent.known is None else ",".join(map(str, sent.known))
    return f"constant/{sent.dtype}[{shape}]"


# ------------------------------------------------------------------ the model


def value_info(sent: Sent, sender: Sender, doc: str | None = None) -> ValueInfoProto:
    """Name and type of a tensor."""
    type_ = sender.texts.proto(sent.dtype, sent.known, strict=True)
    return helper.make_value_info(sent.name, type_, doc or "")


def node_protos(nodes: list[Made], titles: list[str]) -> list[NodeProto]:
    """The nodes as ONNX stores them."""
    return [node.proto(title) for node, title in zip(nodes, titles, strict=True)]


def graph_proto(
    graph: Graph, nodes: list[Made], titles: list[str], parts: Parts, sender: Sender
) -> GraphProto:
    """The graph without its initializers."""
    ends = {*parts.outputs.values()}
    between = [sent for node in nodes for sent in node.outputs if sent not in ends]
    docs = {name: node.doc for name, node in graph.inputs.items()}
    return helper.make_graph(
        node_protos(nodes, titles),
        graph.name,
        [value_info(sent, sender, docs[name]) for name, sent in parts.inputs.items()],
        [value_info(sent, sender) for sent in parts.outputs.values()],
        doc_string=graph.doc,
        value_info=[value_info(sent, sender) for sent in between],
    )


def model_proto(graph: Graph, body: GraphProto, sender: Sender, version: str) -> ModelProto:
    """The model: versions, who wrote it, what it is."""
    imports = [helper.make_opsetid("", sender.opset)]
    imports += [helper.make_opsetid(domain, 1) for domain in sorted(sender.domains - {""})]
    model = helper.make_model(
        body,
        opset_imports=imports,
        ir_version=helper.find_min_ir_version_for(imports[:1]),
        producer_name=PRODUCER,
        producer_version=version,
        doc_string=graph.doc or "",
    )
    helper.set_model_props(model, metadata(graph))
    return model


def metadata(graph: Graph) -> dict[str, str]:
    """The model's name, and what is declared of its sizes, as JSON."""
    found = {"name": graph.name}
    dims = {name: bounds(graph, name) for name in graph.examples if name in graph.symbols}
    return found | {"dims": json.dumps(dims)} if dims else found


def bounds(graph: Graph, name: str) -> Mapping[str, int]:
    """What a model file says of a size: example, min, max, multiple_of."""
    declared = graph.symbols.bounds_of(name)
    found = {"example": graph.examples[name], "min": declared.minimum}
    found |= {} if declared.maximum is None else {"max": declared.maximum}
    return found | ({"multiple_of": declared.multiple_of} if declared.multiple_of > 1 else {})


def checkable(model: ModelProto, stored: Iterable[tuple[str, TensorProto]]) -> ModelProto:
    """The model with large initializers as inputs: what ONNX's checker needs to see of them."""
    lean = ModelProto()
    lean.CopyFrom(model)
    for name, tensor in stored:
        info = helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
        lean.graph.input.append(info)
    return lean
