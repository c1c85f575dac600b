"""PyTorch source of operators and models: it runs, has our weight names, and agrees with us."""

from __future__ import annotations

import ast
import importlib.util
import zlib

import numpy as np
import pytest

import framework as fw
from framework.errors import Mistake
from framework.exchange.torch_rules import RULES
from framework.exchange.torch_writer import write_torch
from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.op import REGISTRY
from framework.ir.types import TensorType
from opcases import Twin, arrays_of, cases, flat, infer, results, symbolic, types_of

torch = pytest.importorskip("torch")

WITHOUT = {
    "deform_conv": "torchvision has it, torch has not",
    "max_roi_pool": "torchvision has it, torch has not",
    "non_max_suppression": "torchvision has it, torch has not",
    "roi_align": "torchvision has it, torch has not",
}
"""Operators without an equivalent, each with the reason."""

PARTLY = {
    "fold": "F.fold knows images, not volumes",
    "grid_sample": "F.grid_sample knows images and volumes, of one dtype with the grid",
}
"""Operators of which torch can say some examples and not others."""


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
    """Copy weights under our names; the state has exactly these."""
    assert set(net.state_dict()) == set(weights)
    net.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in weights.items()})
    return net


def run(net, arrays):
    """The results by name."""
    with torch.inference_mode():
        found = net(*(torch.from_numpy(np.array(array)) for array in arrays))
    return {name: tensor.detach().numpy() for name, tensor in found.items()}


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


def one_node(op, types, graph):
    """A graph of one node with its stored weights; all its results are outputs."""
    found, wires = op.infer(types), {}
    for port, given in types.items():
        if isinstance(given, tuple):
            many = enumerate(given)
            wires[port] = tuple(graph.add_input(f"{port}_{i}", kind) for i, kind in many)
        else:
            wires[port] = graph.add_input(port, given)
    for slot, kind in found.parameters.items():
        graph.parameters[f"node.{slot}"] = Parameter(
            f"node.{slot}", kind.shape, kind.dtype, slot not in op.buffers, op.initial[slot], (1, 1)
        )
    stored = {slot: f"node.{slot}" for slot in found.parameters}
    graph.add(Node("node", op, found.outputs, stored), wires)
    return graph


def exported(graph, op, inputs, outputs):
    """The source of a graph of one node; None where torch has no words for this example."""
    graph.outputs = {f"out{i}": Value("node", i) for i in outputs}
    try:
        return write_torch(graph, "one")
    except Mistake:
        if op.name not in PARTLY:
            raise
    return None


def check(source, op, inputs, outputs, folder):
    """Import, load weights, run, compare these results."""
    arrays, count = arrays_of(op, inputs), len(op.ports.tensors)
    slots = zip(op.ports.slots, arrays[count:], strict=True)
    weights = {f"node.{slot.name}": array for slot, array in slots if array is not None}
    found = run(load(module_of(source, folder), weights), flat(arrays[:count]))
    expected = results(op.compute(*arrays))
    for i in outputs:
        agrees(np.asarray(expected[i]), found[f"out{i}"])


def definite(op):
    """Is there one right answer, and one in torch?"""
    return not op.random and op.name not in WITHOUT


@pytest.mark.parametrize(("op", "inputs"), cases(definite))
def test_an_operator_in_torch_agrees(op, inputs, tmp_path):
    graph = one_node(op, types_of(op, inputs), Graph("one"))
    source = exported(graph, op, inputs, [0])
    if source is not None:
        check(source, op, inputs, [0], tmp_path)


@pytest.mark.parametrize(("op", "inputs"), cases(definite))
def test_all_results_of_an_operator_agree_at_symbolic_sizes(op, inputs, tmp_path):
    twin = Twin(op, types_of(op, inputs), list(symbolic(op, inputs)[2]))
    graph = Graph("one")
    graph.symbols, graph.examples = twin.symbols, twin.values
    one_node(twin.op, twin.types, graph)
    outputs = range(len(infer(op, inputs).outputs))
    if op.name in SIZED and twin.values:
        return
    source = exported(graph, op, inputs, outputs)
    if source is not None:
        check(source, op, inputs, outputs, tmp_path)


SIZED = {
    "attention": "its decomposition needs the width of a head as a number",
    "dft": "the last axis must be a number, 1 or 2",
    "stft": "the last axis must be a number, 1 or 2",
}
"""Operators that need certain sizes as numbers, where an example makes symbols of all."""


@pytest.mark.parametrize(("op", "inputs"), cases(lambda op: op.random))
def test_random_numbers_have_shape_and_dtype(op, inputs, tmp_path):
    graph = one_node(op, types_of(op, inputs), Graph("one"))
    net = module_of(exported(graph, op, inputs, [0]), tmp_path)
    count = len(op.ports.tensors)
    arrays = [np.abs(a) / 9 for a in flat(arrays_of(op, inputs)[:count])]
    found = run(net, [a.astype(k.dtype) for a, k in zip(arrays, types_of(op, inputs).values())])
    want = graph["node"].outputs[0]
    assert (found["out0"].shape, str(found["out0"].dtype)) == (want.shape, want.dtype)


def test_operators_without_an_equivalent_are_listed():
    primitive = {name for name, cls in REGISTRY.items() if not hasattr(cls, "decompose")}
    assert primitive - set(RULES) == set(WITHOUT)


@pytest.mark.parametrize("name", PARTLY)
def test_an_operator_with_gaps_has_both_kinds_of_examples(name):
    found = set()
    for parameters in cases(lambda op: op.name == name):
        op, inputs = parameters.values
        graph = one_node(op, types_of(op, inputs), Graph("one"))
        found.add(exported(graph, op, inputs, [0]) is None)
    assert found == {True, False}


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
