"""Fuse: a sum and a function right after a product are done while its result is in the cache."""

from __future__ import annotations

from typing import NamedTuple

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import Op
from framework.ops.activation import Activation
from framework.ops.fused import Fused, FusedConv, FusedLinear
from framework.passes.rewrite import Rewriter, only_reader, readers, with_groups

HEADS: dict[str, type[Fused]] = {"conv": FusedConv, "linear": FusedLinear}


class Chain(NamedTuple):
    """A product, and what is attached to it; ``nodes`` are all of them, the product first."""

    nodes: list[Node]
    addend: Value | None
    activation: Op | None


def fuse(graph: Graph) -> Graph:
    """Attach to each convolution and linear map the add and the activation after it."""
    used = readers(graph)
    ends: dict[str, Chain] = {}
    absorbed: set[str] = set()
    for node in graph:
        if node.op.name in HEADS and node.name not in absorbed:
            chain = grown(graph, node, used, absorbed)
            if len(chain.nodes) > 1:
                ends[chain.nodes[-1].name] = chain
                absorbed.update(member.name for member in chain.nodes)
    return with_groups(graph, ends, absorbed, attach)


def grown(graph: Graph, head: Node, used: dict[Value, list[str]], absorbed: set[str]) -> Chain:
    """The product with everything that can be attached to it."""
    nodes, addend = [head], None
    while (follower := only_reader(graph, nodes[-1], used)) is not None:
        if follower.name in absorbed:
            break
        wires = graph.wires_of(follower.name)
        if follower.op.name == "add" and addend is None and len(wires) == 2:
            other = next((v for v in wires.values() if v.node != nodes[-1].name), None)
            if other is None or not addable(graph, follower, other):
                break
            addend = other
            nodes.append(follower)
        elif isinstance(follower.op, Activation) and len(wires) == 1:
            return Chain([*nodes, follower], addend, follower.op)
        else:
            break
    return Chain(nodes, addend, None)


def addable(graph: Graph, add: Node, other: Value) -> bool:
    """Do both operands have the type of the sum?  Repeated ones stay outside."""
    types = graph.types_at(add.name).values()
    return graph.type_of(other) == add.type and all(type_ == add.type for type_ in types)


def attach(rewriter: Rewriter, chain: Chain) -> Value:
    """The fused node, in the place of the last one."""
    head, last = chain.nodes[0], chain.nodes[-1]
    op = HEADS[head.op.name](head.op, chain.addend is not None, chain.activation)
    wires = rewriter.wires(head)
    if chain.addend is not None:
        wires["addend"] = rewriter.values[chain.addend]
    added = rewriter.add(last.name, op, wires, head.parameters, like=last, outputs=last.outputs)
    return Value(added.name)
