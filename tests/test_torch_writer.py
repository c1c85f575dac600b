"""PyTorch source of operators and models: it runs, has our weight names, and agrees with us."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from opcases import Twin, arrays_of, cases, flat, infer, results, symbolic, types_of

import framework as fw
from framework.errors import Mistake
from framework.exchange.torch_rules import HELPERS, RULES
from framework.exchange.torch_writer import write_torch
from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.op import REGISTRY

torch = pytest.importorskip("torch")
sources = importlib.import_module("torch_sources")
agrees, check_model, load = sources.agrees, sources.check_model, sources.load
classes, module_of, run = sources.classes, sources.module_of, sources.run
GRAPHS = Path(__file__).parents[1] / "graphs"

WITHOUT = {
    "deform_conv": "torchvision has it, torch has not",
    "max_roi_pool": "torchvision has it, torch has not",
    "non_max_suppression": "torchvision has it, torch has not",
    "roi_align": "torchvision has it, torch has not",
}
"""Operators without an equivalent, each with the reason."""

PARTLY = {
    "round_to": "torch has bfloat16 and four kinds of float8 as dtypes, no narrower ones",
    "fold": "F.fold knows images, not volumes",
    "grid_sample": "F.grid_sample knows images and volumes, of one dtype with the grid",
}
"""Operators of which torch can say some examples and not others."""

SIZED = {
    "attention": "its decomposition needs the width of a head as a number",
    "dft": "the last axis must be a number, 1 or 2",
    "stft": "the last axis must be a number, 1 or 2",
}
"""Operators that need certain sizes as numbers, where the test makes symbols of all."""


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
            f"node.{slot}", kind.shape, kind.dtype, op.learns(slot), op.initial[slot], (1, 1)
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
        if op.name not in PARTLY | SIZED:
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
    source = exported(graph, op, inputs, outputs)
    if source is not None:
        check(source, op, inputs, outputs, tmp_path)


@pytest.mark.parametrize(("op", "inputs"), cases(lambda op: op.random))
def test_random_numbers_have_shape_and_dtype(op, inputs, tmp_path):
    graph = one_node(op, types_of(op, inputs), Graph("one"))
    net = module_of(exported(graph, op, inputs, [0]), tmp_path)
    count = len(op.ports.tensors)
    kinds = types_of(op, inputs).values()
    arrays = [np.abs(a) / 9 for a in flat(arrays_of(op, inputs)[:count])]
    found = run(net, [a.astype(k.dtype) for a, k in zip(arrays, kinds, strict=True)])
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
SETTINGS = {"vit": {"depth": 3}, "transformer": {"depth": 2, "vocab": 50}, "unet": {"width": 8}}
BUNDLED = sorted(path.stem for path in GRAPHS.glob("*.yaml"))


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_in_torch_agrees_at_two_sizes(name, tmp_path):
    model = fw.load(name, **SETTINGS.get(name, {}))
    check_model(model, SIZES.get(name, [{}]), tmp_path)


def test_what_torch_has_trained_comes_back(tmp_path):
    model = fw.load("unet", width=4)
    net = load(module_of(write_torch(model.ir, "unet"), tmp_path), model.weights).train()
    step = torch.optim.SGD(net.parameters(), 0.1)
    net(torch.ones(2, 3, 16, 16))["mask"].square().sum().backward()
    step.step()
    path = tmp_path / "trained.safetensors"
    importlib.import_module("safetensors.torch").save_file(net.state_dict(), path)
    model.load_weights(path)
    image = np.ones((1, 3, 32, 16), np.float32)
    agrees(model.run(image)["mask"], run(net.eval(), [image])["mask"])


def test_attention_spelled_out_agrees(tmp_path):
    model = fw.load("vit", depth=2, attention="spelled_out_attention")
    check_model(model, [{"B": 1}], tmp_path)


@pytest.fixture(scope="module", params=BUNDLED)
def source(request):
    """The source of each bundled model."""
    model = fw.load(request.param)
    return write_torch(model.ir, model.name)


def test_the_source_has_no_long_lines(source):
    assert [line for line in source.split("\n") if len(line) > 100] == []


def lint(source, folder):
    """The linter and the formatter find nothing."""
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    path = folder / "model.py"
    path.write_text(source, encoding="utf-8")
    rules = "--config", str(GRAPHS.parent / "pyproject.toml"), "--no-cache"
    for command in (["check", *rules], ["format", "--check", *rules]):
        done = subprocess.run([ruff, *command, str(path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_source_passes_the_linter(source, tmp_path):
    lint(source, tmp_path)


def test_all_helpers_pass_the_linter(tmp_path):
    head = '"""Helpers."""\n\nimport math\n\nimport torch\nimport torch.nn.functional as F\n'
    body = "\n\n\n".join(HELPERS.values())
    lint(f"{head}from torch import Tensor, nn\n\n\n{body}\n", tmp_path)


def test_the_source_imports_torch_only(source):
    tree = ast.parse(source)
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert {str(name).partition(".")[0] for name in names} <= {"torch", "math"}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_source_is_the_same_each_time(name):
    first, second = (write_torch(fw.load(name).ir, name) for _ in range(2))
    assert first == second


def test_vit_has_one_encoder_block_and_a_list_of_twelve():
    model = fw.load("vit")
    text = write_torch(model.ir, model.name)
    assert classes(text) == ["MultiHeadAttention", "FusedAttention", "EncoderBlock", "VitB16"]
    assert "self.encoder = nn.ModuleList(EncoderBlock() for _ in range(12))" in text
    assert "for block in self.encoder:" in text


def test_resnet_has_one_class_for_each_block():
    text = write_torch(fw.load("resnet18").ir, "resnet18")
    assert classes(text) == ["BatchNorm", "ConvBn", "BasicBlock", "Stage", "Resnet18"]
    assert "self.layer2 = Stage(64, 128)" in text
