"""Fuse: a sum and a function right after a product are done while its result is in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import Op
from framework.ops.activation import Activation
from framework.ops.fused import Fused, FusedConv, FusedLinear
from framework.passes.rewrite import Rewriter, only_reader, readers

HEADS: dict[str, type[Fused]] = {"conv": FusedConv, "linear": FusedLinear}


@dataclass(frozen=True)
class Chain:
    """A product, and what is attached to it."""

    head: Node
    addend: Value | None = None
    activation: Op | None = None
    last: Node | None = None


def fuse(graph: Graph) -> Graph:
    """Attach to each convolution and linear map the add and the activation after it."""
    used = readers(graph)
    ends: dict[str, Chain] = {}
    absorbed: set[str] = set()
    for node in graph:
        if node.op.name in HEADS and node.name not in absorbed:
            chain = grown(graph, Chain(node), used, absorbed)
            if chain.last is not None:
                ends[chain.last.name] = chain
                absorbed.update(members(graph, chain))
    if not ends:
        return graph
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in ends:
            rewriter.replace(node, attach(rewriter, ends[node.name]))
        elif node.name not in absorbed:
            rewriter.keep(node)
    return rewriter.finish()


def grown(
    graph: Graph,
    chain: Chain,
    used: dict[Value, list[str]],
    absorbed: set[str],
) -> Chain:
    """The chain with everything that can be attached to it."""
    node = chain.head
    while (
        follower := only_reader(graph, node, used)
    ) is not None and follower.name not in absorbed:
        wires = graph.wires_of(follower.name)
        if follower.op.name == "add" and chain.addend is None and len(wires) == 2:
            other = next((v for v in wires.values() if v != Value(node.name)), None)
            if other is None or not addable(graph, follower, other):
                break
            chain = replace(chain, addend=other, last=follower)
        elif isinstance(follower.op, Activation) and len(wires) == 1:
            return replace(chain, activation=follower.op, last=follower)
        else:
            break
        node = follower
    return chain


def addable(graph: Graph, add: Node, other: Value) -> bool:
    """Do both operands have the type of the sum?  Repeated ones stay outside."""
    types = graph.types_at(add.name).values()
    return graph.type_of(other) == add.type and all(type_ == add.type for type_ in types)


def members(graph: Graph, chain: Chain) -> Iterator[str]:
    """The nodes of a chain."""
    node = chain.last
    while node is not None and node is not chain.head:
        yield node.name
        before = [v.node for v in graph.wires_of(node.name).values() if v != chain.addend]
        node = graph[before[0]]
    yield chain.head.name


def attach(rewriter: Rewriter, chain: Chain) -> Value:
    """The fused node, in the place of the last one."""
    head, last = chain.head, chain.last
    op = HEADS[head.op.name](head.op, chain.addend is not None, chain.activation)
    wires = rewriter.wires(head)
    if chain.addend is not None:
        wires["addend"] = rewriter.values[chain.addend]
    name = head.name if last is None else last.name
    return Value(rewriter.add(name, op, wires, head.parameters, like=last).name)
