"""PyTorch source of operators and models: it runs, has our weight names, and agrees with us."""

from __future__ import annotations

import ast
import importlib.util
import zlib

import numpy as np
import pytest

import framework as fw
from framework.exchange.torch_rules import RULES
from framework.exchange.torch_writer import write_torch
from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.op import REGISTRY
from framework.ir.types import TensorType
from opcases import arrays_of, cases, flat, infer, results

torch = pytest.importorskip("torch")

WITHOUT: dict[str, str] = {}
"""Operators that have neither a rule nor a decomposition in PyTorch, each with the reason."""

RANDOM = [name for name, cls in REGISTRY.items() if cls.random]


def module_of(source, folder):
    """The model's class, the last one of a file with this source."""
    path = folder / f"model_{zlib.crc32(source.encode()):08x}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    last = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)][-1]
    return getattr(module, last)().eval()


def load(net, weights):
    """Copy weights under our names; every name must be known on both sides."""
    assert list(net.state_dict()) == sorted(net.state_dict(), key=list(net.state_dict()).index)
    net.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in weights.items()})
    return net


def run(net, arrays):
    """The results by name."""
    with torch.inference_mode():
        found = net(*(torch.from_numpy(np.array(array)) for array in arrays))
    return {name: tensor.numpy() for name, tensor in found.items()}


def agrees(ours, theirs, tolerance=1e-4):
    """Equal dtypes and shapes; agreement relative to the largest finite element."""
    assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(theirs, ours)
        return
    finite = np.abs(ours[np.isfinite(ours)], dtype=np.float64)
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance * scale)


# ---------------------------------------------------------------------- every operator


def one_node(op, inputs):
    """A graph of one node, and the names of its stored weights."""
    graph, found = Graph("one"), infer(op, inputs)
    wires = {}
    for port, given in zip(op.ports.tensors, inputs, strict=False):
        if isinstance(given, tuple):
            wires[port.name] = tuple(
                graph.add_input(f"{port.name}_{i}", TensorType(s.shape, s.dtype))
                for i, s in enumerate(given)
            )
        elif given is not None:
            wires[port.name] = graph.add_input(port.name, TensorType(given.shape, given.dtype))
    stored = {slot: f"node.{slot}" for slot in found.parameters}
    for slot, type_ in found.parameters.items():
        name, trainable = stored[slot], slot not in op.buffers
        graph.parameters[name] = Parameter(
            name, type_.shape, type_.dtype, trainable, op.initial[slot], op.fans(slot, type_.shape)
        )
    graph.add(Node("node", op, found.outputs, stored), wires)
    return graph


def check_operator(op, inputs, outputs, folder):
    """Export, import, load, run, compare these results."""
    graph, arrays = one_node(op, inputs), arrays_of(op, inputs)
    graph.outputs = {f"out{i}": Value("node", i) for i in outputs}
    count = len(op.ports.tensors)
    slots = zip(op.ports.slots, arrays[count:], strict=True)
    weights = {f"node.{slot.name}": array for slot, array in slots if array is not None}
    net = load(module_of(write_torch(graph, "one"), folder), weights)
    assert set(net.state_dict()) == set(weights)
    found = run(net, flat(arrays[:count]))
    expected = results(op.compute(*arrays))
    for i in outputs:
        agrees(np.asarray(expected[i]), found[f"out{i}"])


@pytest.mark.parametrize(("op", "inputs"), cases(lambda op: not op.random and op.name not in WITHOUT))
def test_an_operator_in_torch_agrees(op, inputs, tmp_path):
    check_operator(op, inputs, [0], tmp_path)


@pytest.mark.parametrize(
    ("op", "inputs"), cases(lambda op: not op.random and op.name not in WITHOUT)
)
def test_all_results_of_an_operator_in_torch_agree(op, inputs, tmp_path):
    count = len(infer(op, inputs).outputs)
    if count > 1:
        check_operator(op, inputs, range(count), tmp_path)


def test_operators_without_an_equivalent_are_listed():
    primitive = {name for name, cls in REGISTRY.items() if not hasattr(cls, "decompose")}
    assert primitive - set(RULES) == set(WITHOUT)


def test_every_rule_is_for_an_operator():
    assert set(RULES) - set(REGISTRY) == set()


# ---------------------------------------------------------------------- models

SIZES = {
    "efficientnet_lite0": [{"H": 64, "W": 64}, {"H": 65, "W": 98}],
    "gat": [{"N": 12}, {"N": 5}],
    "lenet_vgg": [{"B": 2}, {"B": 3}],
    "resnet18": [{"H": 64, "W": 64}, {"H": 65, "W": 97}],
    "transformer": [{"S": 7, "T": 5}, {"S": 4, "T": 9}],
    "unet": [{"H": 32, "W": 32}, {"H": 48, "W": 80}],
    "vit": [{"B": 1}, {"B": 2}],
}
SETTINGS = {"vit": {"depth": 3}, "transformer": {"depth": 2, "vocab": 50}, "unet": {"width": 8}}
