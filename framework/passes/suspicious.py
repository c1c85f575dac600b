"""What is legal and yet seldom meant: warnings about a typed graph, each with a place and a cure.

A comment on the line of a node, or of a block around it, or on the line above, silences one:

    - conv: {out: 8, kernel: 1, stride: 2}    # framework: allow stride-larger-than-kernel
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from framework.errors import Place, Problem
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Node
from framework.ir.op import Op
from framework.ir.types import TensorType

ALLOW = re.compile(r"#\s*framework:\s*allow\s+([a-z-]+(?:\s*,\s*[a-z-]+)*)")

ATTENTION = ("additive_attention", "attention", "linear_attention", "multi_head_attention")
RECURRENT = ("causal_conv", "gru", "lstm", "rnn")
JOINING = ("add", "concat", "expand", "mul")
STORED = ("constant", "parameter")


class Finding(NamedTuple):
    """A bare fact about one node, and what to write instead."""

    fact: str
    hint: str


Rule = Callable[[Graph, Node], Finding | None]


def suspicious(graph: Graph) -> list[Problem]:
    """All warnings that nobody allowed, in order of place; equal ones of copies are one."""
    found: dict[tuple[str, object], Problem] = {}
    ordered = knows_order(graph)
    for node in graph:
        for code, rule in RULES.items():
            finding = rule(graph, node)
            if finding is not None and not allowed(graph, node, code):
                note(found, node, code, finding)
        if node.op.name in ATTENTION and not ordered[node.name]:
            if not allowed(graph, node, POSITIONS):
                note(found, node, POSITIONS, without_positions(node))
    return sorted(found.values(), key=lambda problem: problem.order)


def note(found: dict[tuple[str, object], Problem], node: Node, code: str, finding: Finding) -> None:
    """Remember a warning, once for each place."""
    key = (code, node.name if node.place is None else node.place)
    notes = () if node.place is not None else (f"at node {node.name}",)
    problem = Problem(code, finding.fact, node.place, finding.hint, notes, "warning")
    found.setdefault(key, problem)


# ---------------------------------------------------------------------------- what is allowed


def allowed(graph: Graph, node: Node, code: str) -> bool:
    """Does a comment at the node, or at a block around it, allow this?"""
    scopes = (graph.scopes[path].place for path in scopes_around(graph, node.name))
    places = [place for place in (node.place, *scopes) if place is not None]
    return any(code in allowed_at(place) for place in places)


def allowed_at(place: Place) -> set[str]:
    """Codes that a comment allows, on the line of a place or on the one above."""
    lines = (place.source.line(number) for number in (place.line - 1, place.line))
    found = (ALLOW.search(line) for line in lines)
    return {code.strip() for match in found if match is not None for code in match[1].split(",")}


# ---------------------------------------------------------------------------- rules


def softmax_over_batch(graph: Graph, node: Node) -> Finding | None:
    """Probabilities that sum to 1 over the samples of a batch."""
    rank, axis = len(node.type.shape), node.op.values.get("axis")
    if node.op.category != "softmax" or rank < 2 or not isinstance(axis, int) or axis % rank:
        return None
    fact = f"{node.op.name} runs over axis 0, which is that of the batch"
    return Finding(fact, "axis: -1 runs over the classes")


def two_activations(graph: Graph, node: Node) -> Finding | None:
    """An activation of an activation."""
    before = only_source(graph, node)
    if before is None or {node.op.category, before.op.category} != {"activation"}:
        return None
    fact = f"{node.op.name} follows {before.op.name} with nothing between them"
    return Finding(fact, "remove one of them, or put a layer between them")


def bias_before_batch_norm(graph: Graph, node: Node) -> Finding | None:
    """A bias that the mean of the next node takes away again."""
    users = graph.users_of(node.name)
    bias = node.op.values.get("bias")
    if bias is not True or node.op.category not in ("convolution", "linear") or len(users) != 1:
        return None
    if graph[users[0]].op.name != "batch_norm":
        return None
    return Finding("batch_norm takes the bias away again with the mean", "write bias: false")


def stride_larger_than_kernel(graph: Graph, node: Node) -> Finding | None:
    """Windows that leave elements out."""
    steps = list(windows(node.op))
    if not any(stride > span for span, stride in steps):
        return None
    span, stride = next(pair for pair in steps if pair[1] > pair[0])
    fact = f"stride {stride} is larger than the window, which covers {span}"
    return Finding(f"{fact}: elements between windows are never seen", f"write stride: {span}")


def lost_in_repeat(graph: Graph, node: Node) -> Finding | None:
    """What only the last of several copies gives to anybody."""
    if is_read(graph, node.name):
        return None
    for path in scopes_around(graph, node.name):
        scope = graph.scopes[path]
        last = f"{path.rpartition('.')[0]}.{scope.copies - 1}{node.name[len(path) :]}"
        if scope.copies > 1 and last in graph and is_read(graph, last):
            fact = f"of {scope.copies} copies of '{scope.block}', only the last one's is read"
            hint = "the next copy gets the first output alone: join this to it (concat, split)"
            return Finding(f"{fact}: what the others compute here is lost", hint)
    return None


def is_read(graph: Graph, name: str) -> bool:
    """Does another node read it, or is it an output?"""
    return bool(graph.users_of(name)) or any(v.node == name for v in graph.outputs.values())


def without_positions(node: Node) -> Finding:
    """Attention that cannot know in which order its tokens stand."""
    fact = f"nothing before {node.op.name} tells the positions of the tokens"
    return Finding(fact, "add positional, or rotary for queries and keys")


def only_source(graph: Graph, node: Node) -> Node | None:
    """The one node that this one reads, if nobody else reads that."""
    sources = {value.node for value in graph.wires_of(node.name).values()}
    if len(sources) != 1:
        return None
    (name,) = sources
    return graph[name] if len(graph.users_of(name)) == 1 else None


def windows(op: Op) -> Iterator[tuple[int, int]]:
    """What a window covers, and its stride, along each axis."""
    if op.category not in ("convolution", "pooling") or op.name == "conv_transpose":
        return
    values = op.values
    kernels, strides = each(values.get("kernel")), each(values.get("stride"))
    dilations, rank = each(values.get("dilation", 1)), max(len(kernels), len(strides))
    if kernels and strides:
        sides = (side * rank if len(side) == 1 else side for side in (kernels, strides, dilations))
        for kernel, stride, dilation in zip(*sides, strict=False):
            yield dilation * (kernel - 1) + 1, stride


def each(value: object) -> tuple[int, ...]:
    """A number, or one for each axis, as a tuple."""
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, int) else ()


RULES: Mapping[str, Rule] = {
    "softmax-over-batch": softmax_over_batch,
    "two-activations": two_activations,
    "bias-before-batch-norm": bias_before_batch_norm,
    "stride-larger-than-kernel": stride_larger_than_kernel,
    "lost-in-repeat": lost_in_repeat,
}
"""What one node and its neighbours tell, by code."""

POSITIONS = "attention-without-positions"
"""Needs all nodes before one."""

CODES = (*RULES, POSITIONS)


# ---------------------------------------------------------------------------- order of tokens


def knows_order(graph: Graph) -> dict[str, bool]:
    """For each node: would another order of the tokens change more than the order of results?"""
    known: dict[str, bool] = {}
    for node in graph:
        wires = graph.wires_of(node.name).values()
        known[node.name] = any(known[value.node] for value in wires) or tells_order(graph, node)
    return known


def tells_order(graph: Graph, node: Node) -> bool:
    """Does the operator treat a token by its place?

    Positions and recurrence do, windows that overlap do, a causal mask does, and so does a stored
    table of several rows that is added to the tokens, or that is the tokens (learned queries).
    """
    op = node.op
    if op.category == "position" and op.name != "mask_fill":
        return True
    if op.name in RECURRENT or op.values.get("causal") is True:
        return True
    if any(span > stride for span, stride in windows(op)):
        return True
    read = graph.wires_of(node.name).values()
    return op.name in JOINING and any(is_table(graph, value.node) for value in read)


def is_table(graph: Graph, name: str) -> bool:
    """A stored tensor with a row for each of several tokens."""
    node = graph[name]
    return node.op.name in STORED and has_rows(node.type)


def has_rows(type_: TensorType) -> bool:
    """Is there more than one token, along the last axis but one?"""
    return len(type_.shape) >= 2 and type_.shape[-2] != 1
