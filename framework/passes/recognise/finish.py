"""The graph that comes of the work, with its names and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from framework.ir.graph import Graph, Node, Value
from framework.ir.op import Array
from framework.passes.recognise.work import Work, numbered


def final_names(work: Work) -> dict[str, str]:
    """Final names: those that new nodes wish for, where they are free by now."""
    taken = {piece.name for piece in work.pieces.values() if piece.wish is None}
    final: dict[str, str] = {}
    counts: dict[str, int] = {}
    for piece in sorted(work.pieces.values(), key=lambda piece: piece.place):
        name = piece.name if piece.wish is None else numbered(piece.wish, counts, taken)
        taken.add(name)
        final[piece.name] = name
    return final


def tensor_names(work: Work, final: Mapping[str, str]) -> dict[str, str]:
    """Final names of the stored tensors: new ones are called after the first to use them."""
    uses = [(piece, *use) for piece in work.ordered() for use in piece.parameters.items()]
    found = {name: name for _, _, name in uses if name in work.graph.parameters}
    taken, counts = set(found), dict[str, int]()
    for piece, slot, name in uses:
        if name not in found:
            found[name] = numbered(f"{final[piece.name]}.{slot}", counts, taken)
            taken.add(found[name])
    return found


def finished(work: Work) -> tuple[Graph, dict[str, Array]]:
    """The new graph with the weights that it uses."""
    graph = Graph(work.graph.name, work.graph.doc)
    graph.symbols, graph.examples = work.graph.symbols, dict(work.graph.examples)
    graph.conditions, graph.scopes = list(work.graph.conditions), dict(work.graph.scopes)
    final = final_names(work)
    tensors = tensor_names(work, final)
    for piece in work.ordered():
        node = piece.source
        stored = {slot: tensors[name] for slot, name in piece.parameters.items()}
        added = Node(final[piece.name], piece.op, piece.outputs, stored, node.place)
        added.doc = node.doc if piece.wish is None else None
        graph.add(added, {port: renamed(v, final) for port, v in piece.wires.items()})
    outputs = work.outputs.items()
    graph.outputs = {name: Value(final[v.node], v.output) for name, v in outputs}
    for old, new in tensors.items():
        graph.parameters[new] = replace(work.parameters[old], name=new)
    return graph, {new: work.weights[old] for old, new in tensors.items() if old in work.weights}


def renamed(
    wired: Value | tuple[Value, ...], final: Mapping[str, str]
) -> Value | tuple[Value, ...]:
    """What is connected to a port, under the final names."""
    if isinstance(wired, Value):
        return Value(final[wired.node], wired.output)
    return tuple(Value(final[value.node], value.output) for value in wired)
