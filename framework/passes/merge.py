"""Merge: linear maps of one input become one product; its columns are split afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.passes.rewrite import Rewriter
from framework.passes.weights import Weights


def merge(graph: Graph) -> Graph:
    """One matrix product instead of several for query, key and value and their like."""
    maps = [n for n in graph if n.op.name == "linear" and n.type.dtype == "float32"]
    if len(maps) < 2:
        return graph
    weights = Weights(graph)
    several = alike(weights, maps)
    if not several:
        return graph
    members = [node for group in several.values() for node in group]
    names = {node.name for node in members}
    early = graph.needed_by(v for node in members for v in weights.computed(node).values())
    rewriter = Rewriter(graph)
    for node in sorted(graph, key=lambda node: node.name not in early):
        if node.name in several:
            merge_one(rewriter, several[node.name])
        elif node.name not in names:
            rewriter.keep(node)
    return rewriter.finish()


def alike(weights: Weights, maps: Sequence[Node]) -> dict[str, list[Node]]:
    """By the name of the first, maps of one input, all with a bias or all without."""
    groups: dict[tuple[Value, bool], list[Node]] = {}
    for node in maps:
        if is_free(weights, node):
            wires = weights.graph.wires_of(node.name)
            biased = "bias" in node.parameters or "bias" in wires
            groups.setdefault((wires["x"], biased), []).append(node)
    return {group[0].name: group for group in groups.values() if len(group) > 1}


def is_free(weights: Weights, node: Node) -> bool:
    """Are its weights stored, or computed for it alone?"""
    return all(map(weights.single, weights.computed(node).values()))


def merge_one(rewriter: Rewriter, group: Sequence[Node]) -> None:
    """One product for a group, at the place of its first member."""
    first = group[0]
    widths = tuple(node.op.values["out"] for node in group)
    wires = {"x": rewriter.wires(first)["x"]}
    for slot in ("weight", "bias"):
        parts = tuple(v for node in group if (v := rewriter.slot(node, slot)) is not None)
        if parts:
            name = f"{first.name}.{slot}.joined"
            joined = rewriter.add(name, find_op("concat")(axis=0), {"xs": parts})
            wires[slot] = Value(joined.name)
    op = find_op("linear")(out=sum(widths), bias="bias" in wires)
    product = rewriter.add(f"{first.name}.joined", op, wires, like=first)
    cut = find_op("split")(axis=-1, sizes=widths)
    pieces = rewriter.add(f"{first.name}.split", cut, {"x": Value(product.name)})
    for number, node in enumerate(group):
        rewriter.replace(node, Value(pieces.name, number))
