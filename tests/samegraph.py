"""When two graphs are the same model: operators, wires, sizes and weights, whatever the names."""

from __future__ import annotations

import numpy as np

import framework as fw
from framework.ir.graph import Graph, Value
from framework.spec.write_values import taken_apart


def end(value: Value, nodes: dict[str, str]) -> tuple[str, int]:
    """A value under the other graph's names."""
    return nodes[value.node], value.output


def wires(graph: Graph, name: str, nodes: dict[str, str]) -> dict[str, tuple[str, int]]:
    """The wires of a node; the two summands of an addition have no order."""
    found = {port: end(value, nodes) for port, value in graph.wires_of(name).items()}
    if graph[name].op.name == "add" and len(found) == 2:
        return dict(zip(found, sorted(found.values()), strict=True))
    return found


def described(graph: Graph, nodes: dict[str, str], names: dict[str, str]) -> dict[str, object]:
    """Every node under the other graph's names."""
    attributes = {node.name: taken_apart(node.op) for node in graph}
    return {
        nodes[node.name]: (
            node.op.name,
            attributes[node.name].trees,
            tuple(map(str, attributes[node.name].numbers)),
            wires(graph, node.name, nodes),
            tuple(map(str, node.outputs)),
            {slot: names[stored] for slot, stored in node.parameters.items()},
        )
        for node in graph
        if node.name in nodes
    }


def model(graph: Graph, nodes: dict[str, str], names: dict[str, str]) -> dict[str, object]:
    """All that a model is."""
    stored = {names[name]: p for name, p in graph.parameters.items() if name in names}
    return {
        "nodes": described(graph, nodes, names),
        "outputs": {name: end(value, nodes) for name, value in graph.outputs.items()},
        "sizes": {name: graph.symbols.bounds_of(name) for name in graph.symbols},
        "examples": graph.examples,
        "conditions": sorted(map(str, graph.conditions)),
        "weights": {n: (p.shape, p.dtype, p.trainable, p.initial) for n, p in stored.items()},
    }


def check_same(graph: Graph, written: object) -> fw.Model:
    """Read the text back; it must be the same model."""
    back = fw.loads(written.text)
    nodes, names = written.nodes, written.names
    there = {name: name for name in back.ir.parameters}
    same = model(back.ir, {node.name: node.name for node in back.ir}, there)
    assert model(graph, nodes, names) == same
    return back


def check_outputs(one: fw.Model, back: fw.Model, names: dict[str, str], **sizes: int) -> None:
    """With weights carried over, both give the same results."""
    back.set_weights({names[name]: array for name, array in one.weights.items() if name in names})
    inputs = one.example_inputs(sizes)
    first, second = one.run(**inputs).outputs, back.run(**inputs).outputs
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array)
