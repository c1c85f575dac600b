"""ONNX models with one normalisation or recurrent layer: read by us, run by others, compared.

ONNX's own cases have neither unusual activations nor ragged batches, nor scales that broadcast.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper, save, shape_inference
from onnx.reference import ReferenceEvaluator
from onnxcases import by_onnxruntime

from framework.errors import InputError
from framework.exchange.onnx_file import OnnxFile
from framework.exchange.onnx_reader import read_onnx
from framework.runtime.session import Session

T, B, C, H = 5, 3, 4, 6
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
each_type = pytest.mark.parametrize("op_type", GATES)


def normal(*shape, seed=0):
    rng = np.random.default_rng([*shape, seed])
    return rng.standard_normal(shape).astype(np.float32)


def model_of(op_type, inputs, outputs, stored=(), opset=22, **attributes):
    """A model with one node; inputs are (name, array), those in ``stored`` initializers."""
    names = [name if array is not None else "" for name, array in inputs]
    node = helper.make_node(op_type, names, outputs, **attributes)
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in inputs
        if a is not None and name not in stored
    ]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs if name]
    weights = [numpy_helper.from_array(a, name) for name, a in inputs if name in stored]
    graph = helper.make_graph([node], "one", values, results, weights)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return shape_inference.infer_shapes(found)


def ours(model, feeds):
    """What we compute, in the order of the model's outputs."""
    imported = read_onnx(OnnxFile(model), shapes={name: a.shape for name, a in feeds.items()})
    given = {imported.inputs[name]: array for name, array in feeds.items()}
    found = Session(imported.graph, imported.weights).run(given).outputs
    return [found[imported.outputs[item.name]] for item in model.graph.output]


def agree(found, expected, tolerance=2e-5):
    for y, exact in zip(found, expected, strict=True):
        assert (y.shape, y.dtype) == (exact.shape, exact.dtype)
        np.testing.assert_allclose(y, exact, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------- recurrent layers


def layer(op_type, direction="forward", parts=("B",), **attributes):
    """A model of a recurrent layer and its inputs; ``parts``: optional inputs that are there."""
    count, rows = 2 if direction == "bidirectional" else 1, GATES[op_type] * H
    arrays = {
        "X": normal(T, B, C), "W": normal(count, rows, C) / 2, "R": normal(count, rows, H) / 2,
        "B": normal(count, 2 * rows), "L": np.array([5, 2, 3], np.int32),
        "H": normal(count, B, H), "K": normal(count, B, H, seed=1), "P": normal(count, 3 * H),
    }  # fmt: skip
    order = "XWRBLHKP" if op_type == "LSTM" else "XWRBLH"
    inputs = [(name, arrays[name] if name in "XWR" or name in parts else None) for name in order]
    outputs = ["Y", "YH", "YC"][: 3 if op_type == "LSTM" else 2]
    options = {"hidden_size": H, "direction": direction, **attributes}
    stored = [name for name in "WRBP" if name in order and dict(inputs)[name] is not None]
    feeds = {name: a for name, a in inputs if a is not None and name not in stored}
    return model_of(op_type, inputs, outputs, stored, **options), feeds


@pytest.fixture
def check(tmp_path):
    """Asserts that our results of a layer are onnxruntime's."""

    def compare(*arguments, **attributes):
        model, feeds = layer(*arguments, **attributes)
        save(model, tmp_path / "model.onnx")
        agree(ours(model, feeds), by_onnxruntime(tmp_path / "model.onnx", feeds))

    return compare


PARTS = ["".join(parts) for n in range(4) for parts in itertools.combinations("BLH", n)]


@each_type
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("parts", PARTS)
def test_a_recurrent_layer_is_read_as_onnxruntime_runs_it(check, op_type, direction, parts):
    check(op_type, direction, parts)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("parts", ["P", "BLHKP", "HK"])
def test_peepholes_and_cells_are_read_as_onnxruntime_runs_them(check, direction, parts):
    check("LSTM", direction, parts)


def test_coupled_gates_are_read_as_onnxruntime_runs_them(check):
    check("LSTM", "forward", "BH", input_forget=1)


@pytest.mark.parametrize("flag", [0, 1])
def test_both_places_of_the_reset_are_read_as_onnxruntime_runs_them(check, flag):
    check("GRU", "bidirectional", "BLH", linear_before_reset=flag)


@each_type
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_clipped_sums_are_read_as_onnxruntime_runs_them(check, op_type, direction):
    check(op_type, direction, "BH", clip=0.3)


ACTIVATIONS = {
    "RNN": (["Affine"], ["Relu"], [0.5], [0.1]),
    "GRU": (["HardSigmoid", "ScaledTanh"], ["Sigmoid", "LeakyRelu"], [0.3, 0.7, 0.2], [0.4, 1.2]),
    "LSTM": (
        ["HardSigmoid", "Softsign", "Relu"], ["Sigmoid", "Tanh", "Elu"], [0.3, 0.9], [0.4],
    ),
}  # fmt: skip


@each_type
def test_other_activations_are_read_as_onnxruntime_runs_them(check, op_type):
    words, _, alpha, beta = ACTIVATIONS[op_type]
    numbers = {"activation_alpha": alpha[:2], "activation_beta": beta}
    check(op_type, "forward", "BH", activations=words, **numbers)


@each_type
def test_directions_with_activations_of_their_own_are_read_as_onnxruntime_runs_them(check, op_type):
    there, back, alpha, beta = ACTIVATIONS[op_type]
    numbers = {"activation_alpha": alpha, "activation_beta": beta}
    check(op_type, "bidirectional", "BLH", activations=there + back, **numbers)


@each_type
def test_unknown_activations_are_refused(op_type):
    model, feeds = layer(op_type, activations=["Sine"] * 3)
    with pytest.raises(InputError, match="the activations"):
        ours(model, feeds)


# ---------------------------------------------------------------------- normalisations


def judged(op_type, arrays, outputs=("y",), opset=23, **attributes):
    """Our results are those of ONNX's own evaluator, in the dtypes that ONNX infers."""
    inputs = [(f"x{i}", array) for i, array in enumerate(arrays)]
    model = model_of(op_type, inputs, list(outputs), opset=opset, **attributes)
    feeds = {name: array for name, array in inputs if array is not None}
    kinds = [item.type.tensor_type.elem_type for item in model.graph.output]
    expected = [
        y.astype(helper.tensor_dtype_to_np_dtype(kind))
        for y, kind in zip(ReferenceEvaluator(model).run(None, feeds), kinds, strict=True)
    ]
    tolerance = 2e-3 if arrays[0].dtype == np.float16 else 2e-5
    agree(ours(model, feeds), expected, tolerance)


@pytest.mark.parametrize("scale", [(5,), (1,), (4, 5), (4, 1), (3, 1, 1)])
def test_scales_of_a_layer_norm_may_broadcast(scale):
    judged("LayerNormalization", [normal(2, 3, 4, 5), normal(*scale), normal(5)], axis=2)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_moments_of_a_layer_norm_are_float32(dtype):
    given = [normal(2, 3, 5).astype(dtype), normal(5).astype(dtype)]
    judged("LayerNormalization", given, ("y", "mean", "deviation"))


@pytest.mark.parametrize("scale", [(5,), (4, 5), (3, 1, 1)])
def test_scales_of_an_rms_norm_may_broadcast(scale):
    judged("RMSNormalization", [normal(2, 3, 4, 5), normal(*scale)], axis=-2)


@pytest.mark.parametrize("training", [0, 1])
def test_statistics_of_a_batch_norm_may_be_wider_than_its_input(training):
    half, wide = [normal(4, 3, 5), normal(3), normal(3, seed=1)], [normal(3), abs(normal(3)) + 1]
    outputs = ("y", "mean", "variance") if training else ("y",)
    arrays = [*(array.astype(np.float16) for array in half), *wide]
    judged("BatchNormalization", arrays, outputs, training_mode=training, momentum=0.75)


def test_scales_of_old_group_norms_belong_to_groups():
    x, scale, bias = normal(2, 6, 4), normal(3), normal(3, seed=1)
    rows = x.reshape(2, 3, 8)
    rows = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 1e-5)
    expected = (rows * scale[:, None] + bias[:, None]).reshape(2, 6, 4)
    inputs = [("x", x), ("scale", scale), ("bias", bias)]
    model = model_of("GroupNormalization", inputs, ["y"], opset=18, num_groups=3)
    agree(ours(model, dict(inputs)), [expected])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_a_response_norm_of_even_size_reaches_further_on(size):
    judged("LRN", [normal(7, 7, 2, 3)], size=size, alpha=0.5, beta=0.6, bias=1.5)
