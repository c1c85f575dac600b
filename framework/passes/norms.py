"""Fold norms: a batch norm right after a product becomes part of its weights.

The new weights are nodes that read the stored ones; a plan computes them once, not every run.
"""

from __future__ import annotations

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.ops.fused import FoldedNorm
from framework.passes.rewrite import Rewriter, readers, with_groups
from framework.passes.weights import PRODUCTS


def fold_norms(graph: Graph) -> Graph:
    """Fold each batch norm into the convolution or linear map that alone feeds it."""
    used = readers(graph)
    folded = {
        norm.name: (product, norm)
        for norm in graph
        if norm.op.name == "batch_norm"
        if (product := product_before(graph, norm, used)) is not None
    }
    absorbed = {product.name for product, _ in folded.values()}
    return with_groups(graph, folded, absorbed, fold_one)


def product_before(graph: Graph, norm: Node, used: dict[Value, list[str]]) -> Node | None:
    """The product whose only reader is this norm, if all weights of both are stored."""
    value = graph.wires_of(norm.name)["x"]
    node = graph[value.node]
    channels_last = node.op.name == "linear" and node.type.rank != 2
    if node.op.name not in PRODUCTS or channels_last or len(used[value]) != 1:
        return None
    stored = all(set(graph.wires_of(n.name)) == {"x"} for n in (node, norm))
    return node if stored and node.type.dtype == "float32" else None


def fold_one(rewriter: Rewriter, pair: tuple[Node, Node]) -> Value:
    """A product with the norm after it in its weights."""
    product, norm = pair
    names = {
        "weight": product.parameters["weight"],
        "bias": product.parameters.get("bias"),
        "scale": norm.parameters.get("weight"),
        "shift": norm.parameters.get("bias"),
        "mean": norm.parameters["running_mean"],
        "variance": norm.parameters["running_var"],
    }
    stored = {port: rewriter.stored(name) for port, name in names.items() if name is not None}
    eps = norm.op.values["eps"]
    folded = rewriter.add(f"{norm.name}.folded", FoldedNorm(eps=eps), stored)
    op = find_op(product.op.name)(**{**product.op.values, "bias": True})
    wires = {**rewriter.wires(product), "weight": Value(folded.name), "bias": Value(folded.name, 1)}
    return Value(rewriter.add(norm.name, op, wires, like=norm).name)
