"""Attention in ONNX files: what onnxruntime's optimiser writes, and the way there and back."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnxruntime
from onnx import helper, numpy_helper
from onnxcases import compare, exported, one_node
from opcases import samples

from framework.exchange.onnx_file import open_onnx
from framework.exchange.onnx_reader import read_onnx
from framework.ir.op import find_op
from framework.runtime.session import Session


def normal(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype("float32")


def model(folder, op_type, inputs, outputs=1, domain="com.microsoft", **attributes):
    """A file with one node; arrays that are no inputs stand under ``fixed``."""
    fixed = attributes.pop("fixed", {})
    names = [name if array is not None else "" for name, array in {**inputs, **fixed}.items()]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, results, domain=domain, **attributes)
    given = [typed(name, array) for name, array in inputs.items() if array is not None]
    found = [helper.make_tensor_value_info(name, 1, None) for name in results]
    stored = [numpy_helper.from_array(array, name) for name, array in fixed.items()]
    graph = helper.make_graph([node], "one", given, found, stored)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "model.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    )
    return path


def typed(name, array):
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)


def both_agree(path, inputs):
    """onnxruntime and our import of the file compute the same."""
    feeds = {name: array for name, array in inputs.items() if array is not None}
    theirs = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = ours(path, feeds)
    compare(found, theirs.run(None, feeds), rtol=1e-5, atol=1e-5)


def ours(path, feeds):
    imported = read_onnx(open_onnx(path))
    given = {imported.inputs[name]: array for name, array in feeds.items()}
    outputs = Session(imported.graph, imported.weights).run(given).outputs
    return [outputs[name] for name in imported.outputs.values()]


def packed(**more):
    """Queries, keys and values with heads packed, then further inputs in order."""
    names = ("bias", "key_mask", "attention_bias", "past_key", "past_value")
    given = {"q": normal(2, 5, 12), "k": normal(2, 7, 12, seed=1), "v": normal(2, 7, 12, seed=2)}
    return given | {name: more.get(name) for name in names}


SEEN = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0]], "int32")
FUSED = {
    "plain": ({}, {}),
    "bias": ({"bias": normal(36)}, {}),
    "scale": ({}, {"scale": 0.3}),
    "mask": ({"key_mask": SEEN}, {}),
    "lengths": ({"key_mask": np.array([7, 3], "int32")}, {}),
    "bias of scores": ({"attention_bias": normal(1, 3, 5, 7)}, {}),
    "both": ({"attention_bias": normal(2, 3, 5, 7), "key_mask": SEEN}, {}),
}


@pytest.mark.parametrize("case", FUSED)
def test_fused_multi_head_attention_is_read(case, tmp_path):
    more, attributes = FUSED[case]
    inputs = packed(**more)
    both_agree(model(tmp_path, "MultiHeadAttention", inputs, num_heads=3, **attributes), inputs)


def test_fused_multi_head_attention_with_a_past_is_read(tmp_path):
    inputs = packed(past_key=normal(2, 3, 6, 4), past_value=normal(2, 3, 6, 4, seed=3))
    inputs = {name: x[:, :5] if name in "kv" else x for name, x in inputs.items()}
    both_agree(model(tmp_path, "MultiHeadAttention", inputs, outputs=3, num_heads=3), inputs)


@pytest.mark.parametrize("causal", [0, 1])
def test_attention_with_its_projections_is_read(causal, tmp_path):
    inputs = {"x": normal(2, 5, 8)}
    fixed = {"weight": normal(8, 36), "bias": normal(36)}
    attributes = {"num_heads": 3, "unidirectional": causal, "fixed": fixed}
    both_agree(model(tmp_path, "Attention", inputs, **attributes), inputs)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (2, 5, 24)])
def test_fused_rotary_embedding_is_read(shape, interleaved, tmp_path):
    inputs = {"x": normal(*shape), "positions": np.array([[0, 3, 1, 2, 8], [4] * 5])}
    angles = normal(9, 4)
    fixed = {"cos": np.cos(angles), "sin": np.sin(angles)}
    path = model(tmp_path, "RotaryEmbedding", inputs, interleaved=interleaved, fixed=fixed)
    both_agree(path, inputs)


# ---------------------------------------------------------------------- there and back

Q, K, V = (2, 6, 5, 4), (2, 3, 7, 4), (2, 3, 7, 8)
THERE = {
    "grouped": ({"grouped": True, "scale": 0.3, "softcap": 2.0}, (Q, K, V)),
    "causal": ({"causal": True, "stage": "masked"}, (K, K, V)),
    "window": ({"left_window": 2, "right_window": 1}, (K, K, V)),
    "past": ({"causal": True}, (K, K, V, None, (2, 3, 9, 4), (2, 3, 9, 8))),
    "short": ({}, ((5, 4), (7, 4), (7, 8))),
}


@pytest.mark.parametrize("case", THERE)
def test_attention_is_one_node_there_and_back(case, tmp_path):
    attributes, inputs = THERE[case]
    op = find_op("attention")(**attributes)
    graph, weights, feeds, expected = one_node(op, samples(inputs))
    path = exported(graph, weights, tmp_path, 25)
    nodes = [node.op_type for node in open_onnx(path).proto.graph.node]
    assert nodes.count("Attention") == 1
    compare(ours(path, feeds), expected, rtol=1e-5, atol=1e-5)


def test_rotary_is_one_node_there_and_back(tmp_path):
    op = find_op("rotary")(pairing="interleaved", width=6)
    inputs = samples(((2, 3, 5, 8), None, (2, 1, 5, 3), (2, 1, 5, 3)))
    graph, weights, feeds, expected = one_node(op, inputs)
    path = exported(graph, weights, tmp_path)
    assert "RotaryEmbedding" in [node.op_type for node in open_onnx(path).proto.graph.node]
    compare(ours(path, feeds), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("number", range(len(list(find_op("linear_attention").examples()))))
def test_linear_attention_there_and_back(number, tmp_path):
    op, *inputs = list(find_op("linear_attention").examples())[number]
    graph, weights, feeds, expected = one_node(op, samples(inputs))
    path = exported(graph, weights, tmp_path, 27)
    compare(ours(path, feeds), expected, rtol=1e-4, atol=1e-5)
