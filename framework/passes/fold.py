"""Fold: what depends on written constants alone is computed now."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.errors import FrameworkError
from framework.ir.graph import Graph, Node, Value
from framework.ir.op import REGISTRY, Op
from framework.ir.types import TensorType
from framework.ops.constant import nested
from framework.passes.rewrite import Rewriter

MOST = 4096
"""Elements of a constant that is written into the graph; larger ones are computed once a plan."""


def fold(graph: Graph) -> Graph:
    """Replace nodes that read nothing but constants by their value."""
    if not any(node.op.name == "constant" for node in graph):
        return graph
    rewriter = Rewriter(graph)
    for node in graph:
        value = folded(rewriter, node)
        if value is None:
            rewriter.keep(node)
        else:
            rewriter.replace(node, value)
    return rewriter.finish()


def folded(rewriter: Rewriter, node: Node) -> Value | None:
    """The constant that a node's only result is; None where there is none."""
    if not is_foldable(node):
        return None
    arguments = [constant_at(rewriter, wired) for wired in rewriter.wires(node).values()]
    if any(array is None for array in arguments):
        return None
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(node.op.compute(*arguments))
    except (FrameworkError, ValueError):  # whatever is wrong is told when the model runs
        return None
    op = REGISTRY["constant"](value=nested(array), dtype=array.dtype.name)
    return Value(rewriter.add(node.name, op, {}, like=node).name)


def is_foldable(node: Node) -> bool:
    """One small result, no chance, no weights, no symbol, and arguments in plain order."""
    op, (first, *others) = node.op, node.outputs
    if others or op.random or node.parameters or op.name in ("constant", "input"):
        return False
    return small(first) and not op.symbolic and in_order(op)


def in_order(op: Op) -> bool:
    """Do the connected ports come first, so that arguments need no gaps?"""
    return not any(port.optional or port.variadic for port in op.ports.inputs)


def small(type_: TensorType) -> bool:
    """Few enough elements?"""
    count = type_.count
    return isinstance(count, int) and count <= MOST


def constant_at(rewriter: Rewriter, wired: Any) -> Any:
    """The array of a constant node; None for anything else."""
    op = rewriter.new[wired.node].op if isinstance(wired, Value) else None
    return op.compute() if op is not None and op.name == "constant" else None
