"""Separable: a depthwise convolution becomes one with the pointwise ones around it.

Between these every channel is on its own, so that some channels at a time can go all the way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import Op
from framework.ops.convolution import Conv
from framework.ops.fused import FusedConv
from framework.ops.separable import BiasedFilters, FusedSeparable
from framework.passes.rewrite import Rewriter, only_reader, readers, with_groups


class Block(NamedTuple):
    """The nodes of a separable convolution; what widens the channels may be missing."""

    widen: Node | None
    depth: Node
    narrow: Node

    @property
    def names(self) -> set[str]:
        """Of all nodes."""
        return {node.name for node in self if node is not None}


def join_separable(graph: Graph) -> Graph:
    """Make one of each depthwise convolution and the pointwise ones before and after it."""
    used = readers(graph)
    blocks: dict[str, Block] = {}
    joined: set[str] = set()
    for node in graph:
        free = node.name not in joined and is_depthwise(graph, node)
        block = around(graph, node, used, joined) if free else None
        if block is not None:
            blocks[block.narrow.name] = block
            joined |= block.names
    return with_groups(graph, blocks, joined, attach)


def around(
    graph: Graph, depth: Node, used: dict[Value, list[str]], joined: set[str]
) -> Block | None:
    """The block of a depthwise convolution that one pointwise one alone reads."""
    narrow = only_reader(graph, depth, used)
    if narrow is None or narrow.name in joined or not is_pointwise(narrow):
        return None
    if graph.wires_of(narrow.name)["x"] != Value(depth.name):
        return None
    widen: Node | None = graph[graph.wires_of(depth.name)["x"].node]
    if widen is not None and (widen.name in joined or not widens(graph, widen, used)):
        widen = None
    return Block(widen, depth, narrow)


def widens(graph: Graph, node: Node, used: dict[Value, list[str]]) -> bool:
    """Is this a pointwise convolution with one reader, to which nothing is added?

    Or one of windows that hold few numbers, as in the stem of a model.
    """
    added = isinstance(node.op, FusedConv) and node.op.residual
    if added or only_reader(graph, node, used) is None:
        return False
    return is_pointwise(node) or is_thin(graph, node)


def is_thin(graph: Graph, node: Node) -> bool:
    """Does a filter see so few numbers that copying all windows costs little?"""
    op = convolution(node)
    if op is None or op.groups != 1:
        return False
    channels = graph.type_of(graph.wires_of(node.name)["x"]).shape[1]
    kernel = math.prod(axis.kernel for axis in op.windows(2))
    return isinstance(channels, int) and channels * kernel < min(THIN, op.out)


THIN = 96
"""Numbers of a window from which a convolution stays apart, as it does with fewer filters: copying
all windows would no longer be little beside the product."""


def convolution(node: Node) -> Conv | None:
    """The convolution of a node, if it is one of float32 images without a dilation."""
    op = node.op.head if isinstance(node.op, FusedConv) else node.op
    if not isinstance(op, Conv) or node.type.rank != 4 or node.type.dtype != "float32":
        return None
    return op if all(axis.dilation == 1 for axis in op.windows(2)) else None


def is_pointwise(node: Node) -> bool:
    """Is each result computed from all channels of one position?"""
    op = convolution(node)
    if op is None or op.groups != 1:
        return False
    return all((a.kernel, a.stride) == (1, 1) and a.pad in NO_PADS for a in op.windows(2))


NO_PADS = ((0, 0), "same_upper", "same_lower")
"""Of a kernel of 1."""


def is_depthwise(graph: Graph, node: Node) -> bool:
    """Is each channel convolved with a filter of its own, and nothing added?"""
    op = convolution(node)
    if op is None or (isinstance(node.op, FusedConv) and node.op.residual):
        return False
    channels = graph.type_of(graph.wires_of(node.name)["x"]).shape[1]
    return bool(op.groups == op.out == channels)


def attach(rewriter: Rewriter, block: Block) -> Value:
    """The joined node, in the place of the last one."""
    first, last = block.widen or block.depth, block.narrow
    old = rewriter.old.wires_of
    wires = {"x": rewriter.values[old(first.name)["x"]]}
    stored: dict[str, str] = {}
    for prefix, node in (("depth_", block.depth), ("", last)):
        given = {port: v for port, v in old(node.name).items() if port != "x"}
        for port, value in given.items():
            wires[port if port == "addend" else prefix + port] = rewriter.values[value]
        stored |= {prefix + slot: name for slot, name in node.parameters.items()}
    widen = None
    if block.widen is not None:
        widen, wires["filters"] = staged(block.widen.op), filters(rewriter, block.widen)
    op = FusedSeparable(staged(block.depth.op), staged(last.op), widen)
    added = rewriter.add(last.name, op, wires, stored, like=last, outputs=last.outputs)
    return Value(added.name)


def filters(rewriter: Rewriter, node: Node) -> Value:
    """Weight and bias of a convolution as one weight."""
    slots = {slot: rewriter.slot(node, slot) for slot in ("weight", "bias")}
    wires = {slot: value for slot, value in slots.items() if value is not None}
    return Value(rewriter.add(f"{node.name}.filters", BiasedFilters(), wires).name)


def staged(op: Op) -> Op:
    """A convolution as one with nothing after it."""
    return op if isinstance(op, FusedConv) else FusedConv(op)
