"""Merge: linear maps of one input become one product; its columns are split afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.passes.rewrite import Rewriter


def merge(graph: Graph) -> Graph:
    """One matrix product instead of several for query, key and value and their like."""
    groups: dict[tuple[Value, bool], list[Node]] = {}
    for node in graph:
        if node.op.name == "linear" and "weight" in node.parameters:
            wires = graph.wires_of(node.name)
            if set(wires) == {"x"} and graph.type_of(wires["x"]).dtype == "float32":
                groups.setdefault((wires["x"], bool(node.op.values["bias"])), []).append(node)
    several = {group[0].name: group for group in groups.values() if len(group) > 1}
    if not several:
        return graph
    members = {node.name for group in several.values() for node in group}
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in several:
            merge_one(rewriter, several[node.name])
        elif node.name not in members:
            rewriter.keep(node)
    return rewriter.finish()


def merge_one(rewriter: Rewriter, group: Sequence[Node]) -> None:
    """One product for a group, at the place of its first member."""
    first = group[0]
    widths = tuple(node.op.values["out"] for node in group)
    bias = bool(first.op.values["bias"])
    wires = rewriter.wires(first)
    for slot in ("weight", "bias")[: 1 + bias]:
        parts = tuple(rewriter.stored(node.parameters[slot]) for node in group)
        joined = rewriter.add(
            f"{first.name}.{slot}.joined", find_op("concat")(axis=0), {"xs": parts}
        )
        wires[slot] = Value(joined.name)
    op = find_op("linear")(out=sum(widths), bias=bias)
    product = rewriter.add(f"{first.name}.joined", op, wires, like=first)
    cut = find_op("split")(axis=-1, sizes=widths)
    pieces = rewriter.add(f"{first.name}.split", cut, {"x": Value(product.name)})
    for number, node in enumerate(group):
        rewriter.replace(node, Value(pieces.name, number))
