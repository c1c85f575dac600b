"""Small graphs written by hand, without the front end."""

from __future__ import annotations

import numpy as np

import framework.ops
from framework.ir.graph import Graph, Node, Parameter, Scope, Value
from framework.ir.op import find_op
from framework.ir.types import TensorType

FAMILIES = framework.ops.__path__  # importing the folder fills the registry


class Hand:
    """A graph under construction: ``hand.add("conv", "linear", x, out=3)`` gives a `Value`."""

    def __init__(self, name="model", **dims):
        self.graph = Graph(name)
        self.dims = {
            dim: self.graph.symbols.declare(dim, **options) for dim, options in dims.items()
        }

    def input(self, name, *shape, dtype="float32"):
        sizes = tuple(self.dims.get(size, size) for size in shape)
        return self.graph.add_input(name, TensorType(sizes, dtype))

    def add(self, name, op, *values, share=None, place=None, **attributes):
        made = find_op(op)(**attributes)
        wires = dict(zip((port.name for port in made.ports.inputs), values, strict=False))
        given = {
            port: tuple(map(self.graph.type_of, v)) if isinstance(v, tuple)
            else self.graph.type_of(v)
            for port, v in wires.items()
        }  # fmt: skip
        inferred = made.infer(given)
        owner = name if share is None else share
        parameters = {slot: f"{owner}.{slot}" for slot in inferred.parameters}
        for slot, type_ in inferred.parameters.items():
            self._store(made, slot, f"{owner}.{slot}", type_)
        node = Node(name, made, inferred.outputs, parameters, place)
        self.graph.add(node, wires)
        self.graph.conditions += inferred.conditions
        return Value(name)

    def _store(self, op, slot, name, type_):
        learned = op.learns(slot)
        fans = op.fans(slot, type_.shape)
        parameter = Parameter(name, type_.shape, type_.dtype, learned, op.initial[slot], fans)
        self.graph.parameters[name] = parameter

    def scope(self, path, block, copy=0, copies=1):
        self.graph.scopes[path] = Scope(path, block, copy, copies)

    def done(self, **outputs):
        self.graph.outputs = outputs
        return self.graph


def mlp():
    """x [B, 3] -> linear 4 -> relu -> linear 2."""
    hand = Hand("mlp", B={})
    x = hand.input("x", "B", 3)
    x = hand.add("first", "linear", x, out=4)
    x = hand.add("relu", "relu", x)
    x = hand.add("head", "linear", x, out=2)
    return hand.done(logits=x)


def ones(graph):
    """Weights that are all 1."""
    return {p.name: np.ones(p.shape, p.dtype) for p in graph.parameters.values()}
