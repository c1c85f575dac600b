"""Scales: a factor right before or after a product becomes part of its weights.

    (x W' + b) f + s = x (f W)' + (f b + s)        (x f) W' + b = x (W f)' + b

A factor is a number, or a tensor of weights or constants that differs along the channels only.
The new weights are nodes that read the stored ones; a plan computes them once, not every run.
Zeros around an image stay zeros, so that the pads of a convolution do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import find_op
from framework.passes.rewrite import Rewriter, only_reader
from framework.passes.weights import PRODUCTS, Weights

LEAST, MOST = 1e-9, 1e9
"""Beyond, weights could vanish or overflow where the product did not."""

DTYPES = ("float32", "float64")
"""The digits of others are too few to be lost in weights."""


@dataclass(frozen=True)
class Factor:
    """``node`` is x times a number or a constant tensor, plus a number."""

    node: Node
    x: Value
    by: float | Value
    shift: float = 0.0


def absorb_scales(graph: Graph) -> Graph:
    """Put factors before and after convolutions and linear maps into their weights."""
    before = None
    while graph is not before:
        before = graph
        graph = without_factors_before(without_factors_after(graph))
    return graph


def without_factors_after(graph: Graph) -> Graph:
    """Each factor that alone reads a product is taken into it; the same graph if none does."""
    found = {f.node.name: (p, f) for f, p in beside(graph) if p.name == f.x.node}
    if not found:
        return graph
    products = {product.name for product, _ in found.values()}
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in found:
            rewriter.replace(node, with_scaled_outputs(rewriter, *found[node.name]))
        elif node.name not in products:
            rewriter.keep(node)
    return rewriter.finish()


def without_factors_before(graph: Graph) -> Graph:
    """Each factor that only a product reads is taken into it; the same graph if none is."""
    found = {p.name: f for f, p in beside(graph) if p.name != f.x.node}
    if not found:
        return graph
    factors = {factor.node.name: factor for factor in found.values()}
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in factors:
            rewriter.replace(node, rewriter.values[factors[node.name].x])
        elif node.name in found:
            rewriter.replace(node, with_scaled_inputs(rewriter, node, found[node.name]))
        else:
            rewriter.keep(node)
    return rewriter.finish()


# ---------------------------------------------------------------------- what is found


def beside(graph: Graph) -> Iterator[tuple[Factor, Node]]:
    """Factors, each with a product that may take it: the one before it, or else the one after."""
    scales = [n for n in graph if n.op.name in ("scale", "mul") and n.type.dtype in DTYPES]
    if not scales:
        return
    weights = Weights(graph)
    for factor in filter(None, (factor_of(weights, node) for node in scales)):
        product = product_before(weights, factor) or product_after(weights, factor)
        if product is not None:
            yield factor, product


def factor_of(weights: Weights, node: Node) -> Factor | None:
    """The factor that a node applies to what changes from run to run."""
    wires = list(weights.graph.wires_of(node.name).values())
    changing = [value for value in wires if value.node in weights.varying]
    if len(changing) != 1 or weights.graph.type_of(changing[0]) != node.type:
        return None
    if node.op.name == "mul" and len(wires) == 2:
        return Factor(node, changing[0], wires[1 - wires.index(changing[0])])
    if node.op.name == "scale" and LEAST <= abs(node.op.values["by"]) <= MOST:
        return Factor(node, changing[0], node.op.values["by"], node.op.values["shift"])
    return None


def product_before(weights: Weights, factor: Factor) -> Node | None:
    """The product whose result only the factor reads."""
    product = weights.graph[factor.x.node]
    if product.op.name not in PRODUCTS or len(weights.used[factor.x]) != 1:
        return None
    axis = channels_axis(product, factor)
    return product if is_along(weights.graph, factor, axis) and weights.owned(product) else None


def product_after(weights: Weights, factor: Factor) -> Node | None:
    """The product that alone reads the factor's result; a shift would reach into its pads."""
    product = only_reader(weights.graph, factor.node, weights.used)
    if product is None or product.op.name not in PRODUCTS or factor.shift:
        return None
    axis = None if grouped(product) else channels_axis(product, factor)
    read = weights.graph.wires_of(product.name)["x"] == Value(factor.node.name)
    fits = read and is_along(weights.graph, factor, axis)
    return product if fits and weights.owned(product) else None


def grouped(product: Node) -> bool:
    """Does an element of the weight stand for inputs of several channels?"""
    return bool(product.op.values.get("groups", 1) > 1)


def channels_axis(product: Node, factor: Factor) -> int:
    """The axis of the product's input and result that its weight has, too."""
    return 1 if product.op.name == "conv" else factor.node.type.rank - 1


def is_along(graph: Graph, factor: Factor, axis: int | None) -> bool:
    """Is a factor the same along all axes but this one?"""
    if not isinstance(factor.by, Value):
        return True
    shape = graph.type_of(factor.by).shape
    aligned = enumerate(shape, factor.node.type.rank - len(shape))
    return all(n == 1 or (i == axis and isinstance(n, int)) for i, n in aligned)


# ---------------------------------------------------------------------- what is made of it


def with_scaled_outputs(rewriter: Rewriter, product: Node, factor: Factor) -> Value:
    """The product that gives what the factor made of its result."""
    wires = rewriter.wires(product)
    for slot in ("weight", "bias"):
        if (value := rewriter.slot(product, slot)) is not None:
            shift = factor.shift if slot == "bias" else 0.0
            wires[slot] = times(rewriter, value, slot, factor, 0, shift)
    if factor.shift and "bias" not in wires:
        out, dtype = product.op.values["out"], factor.node.type.dtype
        bias = find_op("full")(shape=(out,), value=factor.shift, dtype=dtype)
        wires["bias"] = Value(rewriter.add(f"{factor.node.name}.shift", bias, {}).name)
    op = type(product.op)(**{**product.op.values, "bias": "bias" in wires})
    return Value(rewriter.add(factor.node.name, op, wires, like=factor.node).name)


def with_scaled_inputs(rewriter: Rewriter, product: Node, factor: Factor) -> Value:
    """The product that takes what the factor was applied to."""
    wires, parameters = rewriter.wires(product), dict(product.parameters)
    weight = rewriter.slot(product, "weight")
    if weight is not None:
        wires["weight"] = times(rewriter, weight, "weight", factor, 1)
    parameters.pop("weight", None)
    return Value(rewriter.add(product.name, product.op, wires, parameters, like=product).name)


def times(
    rewriter: Rewriter, value: Value, slot: str, factor: Factor, axis: int, shift: float = 0.0
) -> Value:
    """A weight times the factor, which lies along this axis of it."""
    name = f"{value.node}.{slot}.times.{factor.node.name}"
    if not isinstance(factor.by, Value):
        op = find_op("scale")(by=factor.by, shift=shift)
        return Value(rewriter.add(name, op, {"x": value}).name)
    rank = rewriter.new.type_of(value).rank
    shape = tuple(-1 if i == axis else 1 for i in range(rank))
    along = rewriter.add(
        f"{factor.node.name}.factor",
        find_op("reshape")(shape=shape),
        {"x": rewriter.values[factor.by]},
    )
    xs = (value, Value(along.name))
    return Value(rewriter.add(name, find_op("mul")(), {"xs": xs}).name)
