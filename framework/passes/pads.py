"""Pads: what a `pad` puts around an image, the convolution or pooling after it pads by itself.

The padded copy is then never made.  Sizes of the result may be symbolic; the pads are numbers.
"""

from __future__ import annotations

from typing import Any

from framework.errors import FrameworkError
from framework.ir.dims import bounds
from framework.ir.graph import Graph, Node, Value
from framework.ir.op import Op
from framework.ops.convolution import Conv
from framework.ops.padding import Pad
from framework.ops.pooling import AvgPool, MaxPool, WindowPool
from framework.passes.rewrite import Rewriter, only_reader, readers

NEVER_NEGATIVE = ("relu", "relu6", "sigmoid")
"""Functions whose results a zero can equal, but not exceed."""


def absorb_pads(graph: Graph) -> Graph:
    """Let a convolution or pooling pad by itself where a pad alone feeds it."""
    while (fewer := without_last_pads(graph)) is not graph:
        graph = fewer
    return graph


def without_last_pads(graph: Graph) -> Graph:
    """The graph without the pads right before a window; the same graph where there are none."""
    pads = [node for node in graph if node.op.name == "pad"]
    used = readers(graph) if pads else {}
    padding, gone = dict[str, Op](), set[str]()
    for pad in pads:
        reader = only_reader(graph, pad, used)
        op = None if reader is None else padded(graph, pad, reader)
        if reader is not None and op is not None:
            padding[reader.name] = op
            gone.add(pad.name)
    if not gone:
        return graph
    rewriter = Rewriter(graph)
    for node in graph:
        if node.name in gone:
            rewriter.replace(node, rewriter.values[graph.wires_of(node.name)["x"]])
        elif node.name in padding:
            wires, op = rewriter.wires(node), padding[node.name]
            added = rewriter.add(node.name, op, wires, node.parameters, like=node)
            rewriter.replace(node, Value(added.name))
        else:
            rewriter.keep(node)
    return rewriter.finish()


def padded(graph: Graph, pad: Node, reader: Node) -> Op | None:
    """The reader that pads by itself; None where that would be another function."""
    types = graph.given_to(reader.name)
    if graph.wires_of(reader.name).get("x") != Value(pad.name):
        return None
    op = with_pads(graph, pad, reader.op)
    if op is None:
        return None
    types["x"] = graph.types_at(pad.name)["x"]
    try:
        outputs = op.infer(types).outputs
    except FrameworkError:  # a pooling's pads must be smaller than its window
        return None
    return op if outputs == reader.outputs else None


def with_pads(graph: Graph, pad: Node, op: Op) -> Op | None:
    """A windowed operator with the pads besides its own, if it fills them with the same."""
    if not isinstance(pad.op, Pad) or not isinstance(op, Conv | WindowPool):
        return None
    size = pad.type.shape[2:]
    own = [axis.pads(n) for axis, n in zip(op.windows(len(size)), size, strict=True)]
    further = around(pad.op, pad.type.rank)
    if further is None or not same_filling(graph, pad, op) or not all(map(are_numbers, own)):
        return None
    changed: dict[str, Any] = {}
    if isinstance(op, AvgPool) and not op.count_include_pad:
        if any(map(any, own)):
            return None
        changed["count_include_pad"] = True
    both = zip(own, further, strict=True)
    changed["pad"] = tuple((a + before, b + after) for (a, b), (before, after) in both)
    return type(op)(**{**op.values, **changed})


def around(pad: Pad, rank: int) -> tuple[Any, ...] | None:
    """(before, after) for each spatial axis; None for symbolic pads and other axes."""
    pairs = ((0, 0),) * (rank - len(pad.pads)) + pad.pads
    spatial = all(map(are_numbers, pairs)) and not any(map(any, pairs[:2]))
    return pairs[2:] if spatial else None


def are_numbers(pair: tuple[object, object]) -> bool:
    """No symbols?"""
    return all(isinstance(pad, int) for pad in pair)


def same_filling(graph: Graph, pad: Node, op: Conv | WindowPool) -> bool:
    """Does a pad put there what the operator takes its own pads for?

    `max_pool` takes them for less than everything.  Zeros are that after a `relu`, if each
    window holds an element of x, too: dilated ones may fall between.
    """
    if not isinstance(pad.op, Pad) or pad.op.mode != "constant":
        return False
    if not isinstance(op, MaxPool):
        return pad.op.value == 0
    x = graph.wires_of(pad.name)["x"]
    if graph.type_of(x).dtype.startswith("float") and pad.op.value == -float("inf"):
        return True
    low = graph[x.node].op.name in NEVER_NEGATIVE and pad.op.value == 0
    dense = all(axis.dilation == 1 for axis in op.windows(pad.type.rank - 2))
    return low and dense and all((bounds(n)[0] or 0) > 0 for n in graph.type_of(x).shape[2:])
