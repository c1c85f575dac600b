"""Select early: where one position of an axis is taken in the end, only that one is computed.

    f(x)[i] = f(x[i])      if f treats each position of the axis by itself

A classifier that reads its first token needs no other token after the last attention, and of
that attention one query.  Axes stay, with a size of one, so that operators keep their meaning.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from framework.ir.graph import Graph, Node, Value, grouped
from framework.ir.op import Op, find_op
from framework.ops.attending import Attending
from framework.ops.elementary import Elementwise
from framework.ops.patterns import Pattern
from framework.passes.affines import NORMS
from framework.passes.rewrite import Rewriter

PAIRWISE = ("add", "div", "mul", "sub")
"""Operators of each element of several tensors, repeated where they are smaller."""


@dataclass(frozen=True)
class Cut:
    """One position of an axis; a negative one counts from the back."""

    axis: int
    index: int

    @property
    def op(self) -> Op:
        """The slice that leaves this position, and the axis with a size of one."""
        stop = None if self.index == -1 else self.index + 1
        return find_op("slice")(axis=self.axis, start=self.index, stop=stop)


Cuts = dict[str, Cut]
"""Positions by the port that they are read at."""


def select_early(graph: Graph) -> Graph:
    """Take the one position of an axis that is needed before what treats each by itself."""
    if not any(node.op.name == "select" for node in graph):
        return graph
    found = narrowed(graph)
    if not found:
        return graph
    cutter = Cutter(graph, found)
    for node in graph:
        if node.name in found:
            cutter.narrow(node, found[node.name])
        elif node.op.name == "select" and graph.wires_of(node.name)["x"].node in found:
            cutter.first(node)
        else:
            cutter.rewriter.keep(node)
    return cutter.rewriter.finish()


# ---------------------------------------------------------------------- what is needed


def narrowed(graph: Graph) -> dict[str, Cuts]:
    """The nodes of which one position is needed, with the positions that it needs of its inputs."""
    needed: defaultdict[Value, set[Cut | None]] = defaultdict(set)
    for value in graph.outputs.values():
        needed[value].add(None)
    found: dict[str, Cuts] = {}
    for node in reversed(tuple(graph)):
        cut = only_cut(node, needed)
        cuts = {} if cut is None else cuts_by_port(graph, node, cut)
        if cuts:
            found[node.name] = cuts
        for port, value in graph.wires_of(node.name).items():
            needed[value].add(cuts.get(port, selected(node)))
    return found


def only_cut(node: Node, needed: dict[Value, set[Cut | None]]) -> Cut | None:
    """The one position that all readers of a node need; None where there is no such."""
    several = any(Value(node.name, i) in needed for i in range(1, len(node.outputs)))
    cuts = needed.get(Value(node.name), set())
    cut = next(iter(cuts)) if len(cuts) == 1 and not several else None
    if cut is None or node.op.random or node.type.shape[cut.axis] == 1:
        return None
    shape = cut.op.infer({"x": node.type}).outputs[0].shape
    return cut if shape[cut.axis] == 1 else None


def selected(node: Node) -> Cut | None:
    """What a select takes of its input; None for other nodes."""
    if node.op.name != "select" or not isinstance(node.op.values["index"], int):
        return None
    axis = node.op.values["axis"]
    return Cut(axis if axis >= 0 else node.type.rank + 1 + axis, node.op.values["index"])


# ---------------------------------------------------------------------- what allows it


def cuts_by_port(graph: Graph, node: Node, cut: Cut) -> Cuts:
    """What a node needs of its inputs for one position of its result; see `axes_by_port`."""
    axes = axes_by_port(graph, node, cut.axis)
    return {port: Cut(axis, cut.index) for port, axis in axes.items()}


def axes_by_port(graph: Graph, node: Node, axis: int) -> dict[str, int]:
    """The axis of each input whose positions are those of an axis of the result, one by one.

    Inputs that are not named are needed whole; nothing is named where positions are mixed.
    """
    op, rank = node.op, node.type.rank
    if op.name == "linear":
        return {"x": axis} if axis < rank - 1 else {}
    if op.name in NORMS:
        return {"x": axis} if axis < rank - op.values["axes"] else {}
    if isinstance(op, Elementwise) or op.name in ("dropout", "scale"):
        return {"x": axis}
    if op.name in PAIRWISE:
        return repeated(graph, node, axis)
    if op.name == "rearrange":
        return moved(node, axis)
    return {"q": axis} if op.name == "attention" and by_query(graph, node, axis) else {}


def repeated(graph: Graph, node: Node, axis: int) -> dict[str, int]:
    """The axis of each input that is not repeated along it."""
    found: dict[str, int] = {}
    for port, type_ in graph.types_at(node.name).items():
        own = axis - (node.type.rank - type_.rank)
        if own >= 0 and type_.shape[own] != 1:
            if type_.shape[own] != node.type.shape[axis]:
                return {}
            found[port] = own
    return found


def moved(node: Node, axis: int) -> dict[str, int]:
    """Where an axis that a pattern neither splits nor merges comes from."""
    pattern = Pattern.parse(node.op.values["pattern"])
    group = pattern.right[axis] if len(pattern.right) == node.type.rank else ()
    named = {name for name, _ in node.op.values["sizes"]}
    plain = len(group) == 1 and group in pattern.left and group[0] not in named
    dots = any("..." in name for side in (pattern.left, pattern.right) for g in side for name in g)
    return {"x": pattern.left.index(group)} if plain and not dots else {}


def by_query(graph: Graph, node: Node, axis: int) -> bool:
    """Does each query of an attention see the same keys, wherever it stands?"""
    alike = set(graph.wires_of(node.name)) == {"q", "k", "v"}
    return alike and axis == node.type.rank - 2 and not Attending.of(node.op).banded


# ---------------------------------------------------------------------- what is made of it


class Cutter:
    """Builds the graph in which the nodes of ``found`` have one position."""

    def __init__(self, graph: Graph, found: dict[str, Cuts]) -> None:
        self.found = found
        self.rewriter = Rewriter(graph)
        self._cut: dict[tuple[Value, Cut], Value] = {}

    def narrow(self, node: Node, cuts: Cuts) -> None:
        """The node of one position of its inputs."""
        wires = {
            port: self._at(value, cuts[port]) if port in cuts else self.rewriter.values[value]
            for port, value in self.rewriter.old.wires_of(node.name).items()
        }
        ports = grouped(node.op, wires)
        added = self.rewriter.add(node.name, node.op, ports, node.parameters, like=node)
        self.rewriter.replace(node, Value(added.name))

    def first(self, select: Node) -> None:
        """A select of an axis that has one position left."""
        op = type(select.op)(**{**select.op.values, "index": 0})
        added = self.rewriter.add(select.name, op, self.rewriter.wires(select), like=select)
        self.rewriter.replace(select, Value(added.name))

    def _at(self, value: Value, cut: Cut) -> Value:
        """One position of a value, which may have no other."""
        now = self.rewriter.values[value]
        if value.node in self.found:
            return now
        if (now, cut) not in self._cut:
            added = self.rewriter.add(f"{now.node}.cut", cut.op, {"x": now})
            self._cut[now, cut] = Value(added.name)
        return self._cut[now, cut]
