"""Reading ONNX's shape operators: forms of old opsets, symbolic sizes, what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from framework.exchange.onnx_file import OnnxFile
from framework.exchange.onnx_reader import ImportFailure, read_onnx
from framework.runtime.session import Session

X = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
CODES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def model(nodes, opset, shape=X.shape, stored=(), outputs=("y",), dtype="float32"):
    """A model with the input x; ``stored`` are (name, array)."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored]
    inputs = [helper.make_tensor_value_info("x", CODES[dtype], shape)]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, results, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def imported(*arguments, **rest):
    return read_onnx(OnnxFile(model(*arguments, **rest)))


def run(found, x=X):
    result = Session(found.graph, found.weights).run({"x": x})
    return [result.outputs[name] for name in found.outputs.values()]


def operators(found):
    return [node.op.name for node in found.graph if node.op.name not in ("input", "constant")]


node = helper.make_node

OLD = [
    (1, node("Reshape", ["x"], ["y"], shape=[0, -1]), X.reshape(2, 12)),
    (1, node("Slice", ["x"], ["y"], starts=[1, -3], ends=[9, -1], axes=[1, 2]), X[:, 1:, 1:3]),
    (1, node("Slice", ["x"], ["y"], starts=[1], ends=[2]), X[1:2]),
    (11, node("Squeeze", ["x"], ["y"], axes=[0]), None),
    (11, node("Unsqueeze", ["x"], ["y"], axes=[0, 4]), X[None, ..., None]),
    (2, node("Pad", ["x"], ["y"], pads=[0, 0, 1, 0, 0, 2], value=7.0),
        np.pad(X, [(0, 0), (0, 0), (1, 2)], constant_values=7)),
    (2, node("Pad", ["x"], ["y"], pads=[0, -1, 1, 0, 0, -2], mode="edge"),
        np.pad(X[:, 1:, :2], [(0, 0), (0, 0), (1, 0)], "edge")),
    (1, node("Concat", ["x", "x"], ["y"]), np.concatenate([X, X], 1)),
    (11, node("ReduceSum", ["x"], ["y"], axes=[1], keepdims=0), X.sum(1)),
    (11, node("ReduceLogSumExp", ["x"], ["y"]), np.log(np.exp(X).sum()).reshape(1, 1, 1)),
    (9, node("TopK", ["x"], ["y", "at"], axis=1, k=2), X[:, :0:-1]),
    (1, node("Flatten", ["x"], ["y"], axis=2), X.reshape(6, 4)),
    (1, node("DepthToSpace", ["x"], ["y"], blocksize=1), None),
]  # fmt: skip


@pytest.mark.parametrize(("opset", "call", "expected"), OLD)
def test_old_forms_are_read(opset, call, expected):
    x = X
    if expected is None:  # an axis of one in front
        x, expected = X[None], X[None] if call.op_type == "DepthToSpace" else X
    found = imported([call], opset, shape=x.shape)
    np.testing.assert_allclose(run(found, x)[0], expected, rtol=1e-6)


SHAPED = [
    ("Tile", 5, [("n", np.array([3], "float32")), ("axis", np.array([1], "float32"))],
        np.tile(X, (1, 3, 1))),
    ("Expand", 8, [("s", np.array([5, 1, 1, 4]))], np.broadcast_to(X, (5, 2, 3, 4))),
    ("Slice", 10, [("a", np.array([-1])), ("b", np.array([-(2**63)])), ("c", np.array([2])),
                   ("d", np.array([-2]))], X[..., ::-2]),
    ("Pad", 18, [("p", np.array([1, 2])), ("v", np.float32(9)), ("a", np.array([-2]))],
        np.pad(X, [(0, 0), (1, 2), (0, 0)], constant_values=9)),
    ("CumSum", 14, [("a", np.array(-1))], X.cumsum(-1)),
    ("ReduceMax", 18, [("a", np.array([0, 2]))], X.max((0, 2), keepdims=True)),
    ("Gather", 13, [("i", np.array(-1))], X[-1]),
    ("Reshape", 14, [("s", np.array([4, 0, -1]))], X.reshape(4, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("op_type", "opset", "stored", "expected"), SHAPED)
def test_forms_with_stored_inputs_are_read(op_type, opset, stored, expected):
    call = node(op_type, ["x", *(name for name, _ in stored)], ["y"])
    found = imported([call], opset, stored=stored)
    np.testing.assert_allclose(run(found)[0], expected, rtol=1e-6)


def test_a_slice_of_everything_is_left_out():
    stored = [("a", np.array([0, 0])), ("b", np.array([2**63 - 1, 2**31 - 1]))]
    found = imported([node("Slice", ["x", "a", "b"], ["t"]), node("Relu", ["t"], ["y"])], 13,
                     stored=stored)  # fmt: skip
    assert operators(found) == ["relu"]


def test_heads_are_split_by_the_shape_of_the_input():
    calls = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["b"]),
        node("Gather", ["s", "one"], ["t"]),
        node("Unsqueeze", ["b", "axes"], ["b1"]),
        node("Unsqueeze", ["t", "axes"], ["t1"]),
        node("Concat", ["b1", "t1", "rest"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["y"]),
    ]
    stored = [("zero", np.array(0)), ("one", np.array(1)), ("axes", np.array([0])),
              ("rest", np.array([2, -1]))]  # fmt: skip
    found = imported(calls, 13, shape=("B", "T", 4), stored=stored)
    (value,) = found.graph.outputs.values()
    assert str(found.graph.type_of(value)) == "float32[B, T, 2, 2]"


def test_a_range_over_a_symbolic_size_is_known():
    calls = [
        node("Shape", ["x"], ["s"], start=1, end=2),
        node("Squeeze", ["s"], ["t"]),
        node("Range", ["zero", "t", "two"], ["y"]),
    ]
    stored = [("zero", np.array(0)), ("two", np.array(2))]
    found = imported(calls, 15, shape=("B", "T", 4), stored=stored)
    (value,) = found.graph.outputs.values()
    assert str(found.graph.type_of(value)) == "int64[ceil(T/2)]"
    assert run(found)[0].tolist() == [0, 2]


def test_an_initializer_with_ids_is_an_embedding():
    table = np.arange(10.0, dtype="float32").reshape(5, 2)
    call = node("Gather", ["tok.weight", "x"], ["y"])
    found = imported([call], 13, shape=(3,), stored=[("tok.weight", table)], dtype="int64")
    assert operators(found) == ["embedding"]
    assert run(found, np.array([4, 0, 1]))[0].tolist() == [[8, 9], [0, 1], [2, 3]]


def test_split_shares_unequally_from_opset_18_on():
    call = node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2)
    found = imported([call], 18, outputs=("y", "z"))
    assert [part.shape for part in run(found)] == [(2, 2, 4), (2, 1, 4)]


def test_an_extreme_of_what_may_be_empty_is_defined():
    call = node("ReduceMax", ["x", "a"], ["y"], keepdims=0)
    found = imported([call], 18, shape=(0, 3), stored=[("a", np.array([0]))])
    assert run(found, np.zeros((0, 3), "float32"))[0].tolist() == [-np.inf] * 3


def test_contents_that_the_input_decides_are_refused_with_the_input():
    call = node("Reshape", ["x", "x"], ["y"])
    with pytest.raises(ImportFailure, match="input 1 must be known") as caught:
        imported([call], 13, shape=(2,), dtype="int64")
    assert caught.value.sources == ("x",)
