"""Affines: the weight and bias of a norm become part of the linear maps that read its result.

    (x f + s) W' + b = x (f W)' + (W s + b)

The new weights are nodes that read the stored ones; a plan computes them once, not every run.
"""

from __future__ import annotations

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.passes.rewrite import Rewriter
from framework.passes.scales import DTYPES
from framework.passes.weights import Weights

NORMS = ("layer_norm", "rms_norm")
"""Norms whose weight and bias differ along the last axes."""


def absorb_affines(graph: Graph) -> Graph:
    """Put the weight and bias of a norm into the linear maps after it, if nothing else reads it."""
    norms = [node for node in graph if is_affine(node)]
    if not norms:
        return graph
    weights = Weights(graph)
    found = {norm.name: maps for norm in norms if (maps := maps_after(weights, norm))}
    if not found:
        return graph
    before = {name: graph[norm] for norm, maps in found.items() for name in maps}
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in found:
            rewriter.replace(node, without_affine(rewriter, node))
        elif node.name in before:
            rewriter.replace(node, with_affine(rewriter, node, before[node.name]))
        else:
            rewriter.keep(node)
    return rewriter.finish()


def is_affine(node: Node) -> bool:
    """Is this a norm of the last axis with a weight?"""
    values = node.op.values
    alone = node.op.name in NORMS and values["affine"] and values["axes"] == 1
    return bool(alone and node.type.dtype in DTYPES)


def maps_after(weights: Weights, norm: Node) -> list[str]:
    """The linear maps that read a norm, if all its readers are such, with weights of their own."""
    value, names = Value(norm.name), weights.used.get(Value(norm.name), [])
    fixed = all(v.node not in weights.varying for v in weights.computed(norm).values())
    fits = all(name and takes(weights, weights.graph[name], value) for name in names)
    return names if fixed and fits else []


def takes(weights: Weights, node: Node, value: Value) -> bool:
    """Is this a linear map of a value, with weights of its own?"""
    if node.op.name != "linear" or value in weights.computed(node).values():
        return False
    return weights.owned(node)


def without_affine(rewriter: Rewriter, norm: Node) -> Value:
    """The norm without weight and bias."""
    op = type(norm.op)(**{**norm.op.values, "affine": False})
    wires = {"x": rewriter.wires(norm)["x"]}
    return Value(rewriter.add(norm.name, op, wires, like=norm).name)


def with_affine(rewriter: Rewriter, product: Node, norm: Node) -> Value:
    """The linear map of what the norm gives without its weight and bias."""
    wires = {"x": rewriter.wires(product)["x"]}
    weight, bias, factor, summand = (
        rewriter.slot(node, slot) for node in (product, norm) for slot in ("weight", "bias")
    )
    if weight is not None and factor is not None:
        wires["weight"] = computed(rewriter, f"{product.name}.weight", "mul", weight, factor)
    if weight is not None and summand is not None:
        moved = computed(rewriter, f"{product.name}.bias", "matmul", weight, summand)
        wires["bias"] = moved
        if bias is not None:
            wires["bias"] = computed(rewriter, f"{product.name}.bias", "add", moved, bias)
    elif bias is not None:
        wires["bias"] = bias
    op = type(product.op)(**{**product.op.values, "bias": "bias" in wires})
    return Value(rewriter.add(product.name, op, wires, like=product).name)


def computed(rewriter: Rewriter, name: str, operator: str, one: Value, two: Value) -> Value:
    """An operator of two weights."""
    op = find_op(operator)()
    wires = {"a": one, "b": two} if operator == "matmul" else {"xs": (one, two)}
    return Value(rewriter.add(f"{name}.{operator}", op, wires).name)
