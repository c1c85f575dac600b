"""Types of a whole graph, worked out again from its inputs: after a change, or for given sizes."""

from __future__ import annotations

from collections.abc import Mapping

from framework.errors import Mistake, ShapeError
from framework.ir.conditions import Condition
from framework.ir.dims import Size, Symbols
from framework.ir.graph import Graph, Input, Node, grouped
from framework.ir.op import Inference, Op
from framework.ir.verify import check_sizes


def retype(graph: Graph, sizes: Mapping[str, Size] | None = None) -> Graph:
    """A new graph with all types inferred from the inputs, symbols replaced by ``sizes``.

    The symbols that are left are those of the old graph.  Raises `ShapeError` with node, fact
    and sizes for what these sizes break.
    """
    given = {} if sizes is None else dict(sizes)
    check_sizes(graph.symbols, given)
    fresh = Graph(graph.name, graph.doc)
    fresh.symbols = without(graph.symbols, given)
    fresh.examples = {name: n for name, n in graph.examples.items() if name not in given}
    fresh.conditions = remaining(graph.conditions, given)
    fresh.parameters, fresh.scopes = dict(graph.parameters), dict(graph.scopes)
    for node in graph:
        copy_node(graph, node, fresh, given)
    fresh.outputs = dict(graph.outputs)
    return fresh


def without(symbols: Symbols, sizes: Mapping[str, Size]) -> Symbols:
    """The table without the names that have a size; atoms are shared, so arithmetic goes on."""
    left = Symbols()
    left.atoms, left.found = symbols.atoms, set(symbols.found)
    left.records = {name: r for name, r in symbols.records.items() if name not in sizes}
    left.sizes = {name: s for name, s in symbols.sizes.items() if name not in sizes}
    return left


def remaining(conditions: list[Condition], sizes: Mapping[str, Size]) -> list[Condition]:
    """The conditions that these sizes do not settle; ShapeError for one that they break."""
    for condition in conditions:
        if fact := condition.broken(sizes):
            raise ShapeError(f"{fact}{at_text(sizes)}", hint=condition.hint)
    there = [condition.at(sizes) for condition in conditions]
    return [condition for condition in there if not condition.verdict().always]


def copy_node(graph: Graph, node: Node, fresh: Graph, sizes: Mapping[str, Size]) -> None:
    """Add a node to the new graph, typed by what it reads there."""
    wires = grouped(node.op, graph.wires_of(node.name))
    op = node.op.at(sizes)
    added = Node(node.name, op, (), dict(node.parameters), node.place, node.doc)
    fresh.add(added, wires)
    added.outputs = inferred(fresh, node, op, sizes).outputs


def inferred(fresh: Graph, node: Node, op: Op, sizes: Mapping[str, Size]) -> Inference:
    """What the operator says about the types that the node reads; a fact gets node and sizes."""
    try:
        found = op.infer(fresh.given_to(node.name), fresh.namer(node.name))
        for condition in found.conditions:
            if fact := condition.broken({}):
                raise ShapeError(fact, hint=condition.hint)
    except Mistake as mistake:
        what = "input" if isinstance(op, Input) else op.name
        raise placed(mistake, f"{node.name} ({what})", node, sizes) from None
    return found


def placed(mistake: Mistake, where: str, node: Node, sizes: Mapping[str, Size]) -> ShapeError:
    """The fact with its node, the sizes and the place in the file."""
    fact = f"{where}: {mistake.fact}{at_text(sizes)}"
    error = ShapeError(fact, hint=mistake.hint, notes=mistake.notes, code=mistake.code)
    error.place = node.place
    return error


def at_text(sizes: Mapping[str, Size]) -> str:
    """`` at B = 8, H = 320``; empty without sizes."""
    return " at " + ", ".join(f"{name} = {size}" for name, size in sizes.items()) if sizes else ""
