"""Every model in graphs/: loads, infers, verifies, runs at two sizes, has a cost.

Nobody edits this file to add a model.
"""

import numpy as np
import pytest

import framework as fw
from framework.ir.dims import Dim, substitute
from framework.ir.verify import verify

SMALL = {
    "vit": {"size": 32, "width": 48, "depth": 2, "classes": 7},
    "resnet18": {"classes": 7},
    "unet": {"width": 4},
    "transformer": {"vocab": 50, "width": 32, "depth": 2, "heads": 4},
    "efficientnet_lite0": {},
}
"""Arguments that make a model small enough to run often; others run as they are."""

NAMES = sorted(fw.bundled())


def small(name: str) -> fw.Model:
    """The model, small, with random weights."""
    return fw.load(name, **SMALL.get(name, {}))


def sizes_of(model: fw.Model, shift: int) -> dict[str, int]:
    """Small legal sizes; another ``shift`` gives others where the bounds allow it."""
    sizes = {}
    for name in model.ir.examples:
        declared = model.ir.symbols.bounds_of(name)
        size = -(-max(declared.minimum, 2) // declared.multiple_of) + shift
        sizes[name] = size * declared.multiple_of
    return sizes


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_no_problems(name):
    assert fw.check(fw.bundled()[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_sound(name):
    verify(fw.load(name).ir)


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_the_inferred_shape_and_dtype(name, shift):
    model = small(name)
    sizes = sizes_of(model, shift)
    keep = [node.name for node in model.ir if node.name not in model.inputs]
    run = model.run(sizes=sizes, keep=keep, check_finite=name != "gat")
    for node in keep:
        type_ = model.ir[node].type.at(sizes)
        assert (node, run[node].shape, run[node].dtype) == (node, type_.shape, type_.dtype)


@pytest.mark.parametrize("name", NAMES)
def test_a_cost_with_symbols_agrees_with_the_cost_at_sizes(name):
    model = small(name)
    sizes = sizes_of(model, 1)
    symbolic, concrete = model.shapes(), model.shapes(**sizes)
    assert substitute(symbolic.macs, sizes) == concrete.macs
    assert not isinstance(concrete.macs, Dim)


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_give_the_same_numbers(name):
    model = small(name)
    sizes = sizes_of(model, 0)
    one, two = model.run(sizes=sizes), small(name).run(sizes=sizes)
    for output, array in one.items():
        np.testing.assert_array_equal(array, two[output])


@pytest.mark.parametrize("name", NAMES)
def test_saved_weights_are_loaded_again(name, tmp_path):
    model = small(name)
    model.save_weights(tmp_path / "w.safetensors")
    again = fw.load(name, weights=tmp_path / "w.safetensors", seed=5, **SMALL.get(name, {}))
    assert model.weights.keys() == again.weights.keys()
    for weight, array in model.weights.items():
        np.testing.assert_array_equal(array, again.weights[weight])


@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet18", 11_689_512), ("vit", 86_567_656), ("transformer", 60_524_544)],
)
def test_a_model_has_the_published_number_of_parameters(name, count):
    assert fw.load(name).parameters == count


def test_spelled_out_attention_has_the_same_parameters():
    assert fw.load("vit", attention="spelled_out_attention").parameters == 86_567_656


def test_resnet_features_are_symbolic():
    features = fw.load("resnet18").outputs["features"]
    assert str(features) == "float32[B, 512, ceil(H/32), ceil(W/32)]"
