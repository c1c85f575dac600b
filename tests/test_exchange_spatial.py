"""Convolution, pooling and resampling in ONNX files: old versions, corners, there and back."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper
from onnxcases import by_onnxruntime, compare, exported, graph_of, one_node, run_onnx
from opcases import cases

from framework.errors import InputError
from framework.exchange.onnx_file import open_onnx
from framework.exchange.onnx_reader import read_onnx
from framework.ir.dims import Symbols
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.runtime.session import Session


def normal(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype("float32")


def single(*numbers):
    return np.array(numbers, "float32")


def whole(*numbers):
    return np.array(numbers, "int64")


X, GRID = normal(2, 3, 6, 7), normal(2, 4, 5, 2)
ROIS = single((0, 0, 4, 3), (1, 2, 6, 5))
HALVED, DOUBLED = single(1, 1, 0.5, 0.4), single(1, 1, 2, 1.5)
WEIGHT, TURNED = normal(6, 3, 3, 2), normal(3, 6, 3, 2)
EMPTY = single()
CROP = single(0, 0, 0.2, 0.4, 1, 1, 0.7, 1.2)

READ = {
    "upsample 7": ("Upsample", 7, [X], [], {"scales": [1.0, 1, 2, 3], "mode": "linear"}),
    "upsample 9": ("Upsample", 9, [X], [DOUBLED], {}),
    "resize 10": ("Resize", 10, [X], [DOUBLED], {}),
    "resize 10 shrinks": ("Resize", 10, [X], [HALVED], {"mode": "linear"}),
    "resize 11": ("Resize", 11, [X], [EMPTY, DOUBLED], {"mode": "cubic"}),
    "resize 11 to sizes": ("Resize", 11, [X], [EMPTY, EMPTY, whole(2, 3, 4, 9)], {}),
    "resize 13 crops": (
        "Resize", 13, [X], [CROP, EMPTY, whole(2, 3, 4, 9)],
        {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear",
         "extrapolation_value": 5.0}),
    "resize 18 of some axes": (
        "Resize", 18, [X], [EMPTY, single(0.5, 0.4)],
        {"axes": [-2, -1], "antialias": 1, "mode": "linear"}),
    "resize of nothing": ("Resize", 18, [X], [EMPTY, single(1, 1, 1, 1)], {}),
    "grid_sample 16": ("GridSample", 16, [X, GRID], [], {"mode": "bicubic"}),
    "grid_sample 20": ("GridSample", 20, [X, GRID], [], {"mode": "cubic"}),
    "roi_align 10": ("RoiAlign", 10, [X, ROIS], [whole(0, 1)], {"output_height": 2}),
    "roi_align 16": ("RoiAlign", 16, [X, ROIS], [whole(0, 1)], {"output_width": 3}),
    "max_roi_pool": (
        "MaxRoiPool", 16, [X, single((1, 0, 0, 4, 3), (0, 1, 2, 6, 5))], [],
        {"pooled_shape": [2, 3]}),
    "pool valid rounding up": (
        "MaxPool", 12, [X], [], {"kernel_shape": [2, 2], "strides": [3, 3], "auto_pad": "VALID"}),
    "conv with one pad": ("Conv", 11, [X], [WEIGHT], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    "transposed to a shape": (
        "ConvTranspose", 11, [X], [TURNED], {"strides": [2, 3], "output_shape": [12, 21]}),
    "transposed to a smaller shape": (
        "ConvTranspose", 11, [X], [TURNED],
        {"strides": [2, 3], "output_shape": [10, 17], "auto_pad": "SAME_UPPER"}),
    "transposed, same and extra": (
        "ConvTranspose", 11, [X], [TURNED],
        {"strides": [2, 2], "output_padding": [1, 1], "auto_pad": "SAME_LOWER"}),
    "lp_pool": ("LpPool", 18, [X], [], {"kernel_shape": [3, 2], "p": 3, "pads": [1, 0, 1, 1]}),
    "col2im": ("Col2Im", 18, [normal(2, 18, 16)], [whole(6, 5), whole(3, 2)],
               {"strides": [1, 1]}),
    "affine_grid": ("AffineGrid", 20, [normal(2, 2, 3)], [whole(2, 3, 4, 5)], {}),
}  # fmt: skip


def model(folder, op_type, opset, feeds, fixed, attributes):
    """A file with one node whose last inputs are stored, empty ones left out."""
    stored = {f"w{i}": array for i, array in enumerate(fixed)}
    names = [*feeds, *(name if array.size else "" for name, array in stored.items())]
    if op_type == "Resize" and opset < 13:  # these had no optional inputs
        names = [*feeds, *stored]
    node = helper.make_node(op_type, names, ["y"], **attributes)
    given = [helper.make_tensor_value_info(name, 1, array.shape) for name, array in feeds.items()]
    used = [numpy_helper.from_array(a, name) for name, a in stored.items() if name in names]
    result = [helper.make_tensor_value_info("y", 1, None)]
    graph = helper.make_graph([node], "one", given, result, used)
    opsets = [helper.make_opsetid("", opset)]
    path = folder / "model.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    )
    return path


def ours(path, feeds):
    """What our import of a file computes."""
    imported = read_onnx(open_onnx(path))
    given = {imported.inputs[name]: array for name, array in feeds.items()}
    outputs = Session(imported.graph, imported.weights).run(given).outputs
    return [outputs[name] for name in imported.outputs.values()]


@pytest.mark.parametrize("case", READ)
def test_versions_and_corners_are_read_as_onnxruntime_does(case, tmp_path):
    op_type, opset, inputs, fixed, attributes = READ[case]
    feeds = {f"x{i}": array for i, array in enumerate(inputs)}
    path = model(tmp_path, op_type, opset, feeds, fixed, attributes)
    compare(ours(path, feeds), by_onnxruntime(path, feeds), 1e-5, 1e-5)


FAMILY = (
    "conv", "conv_transpose", "deform_conv", "causal_conv", "max_pool", "max_pool_with_indices",
    "avg_pool", "lp_pool", "global_avg_pool", "global_max_pool", "global_lp_pool", "max_unpool",
    "adaptive_avg_pool", "adaptive_max_pool", "resize", "upsample", "grid_sample", "affine_grid",
    "roi_align", "max_roi_pool", "unfold", "fold", "frame",
)  # fmt: skip


@pytest.mark.parametrize(("op", "inputs"), cases(lambda op: op.name in FAMILY))
def test_what_is_written_is_read_again(op, inputs, tmp_path):
    graph, weights, feeds, expected = one_node(op, inputs)
    compare(ours(exported(graph, weights, tmp_path, 22), feeds), expected, 1e-5, 1e-5)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint16", "int8"])
def test_whole_numbers_are_pooled_exactly(dtype, tmp_path):
    x = np.array([[[-3, 7, 7, np.iinfo(dtype).max, np.iinfo(dtype).min]]]).astype(dtype)
    op = find_op("max_pool")(kernel=2, pad=1, ceil_mode=True)
    graph = graph_of(op, {"x": TensorType(x.shape, dtype)}, Symbols())
    path = exported(graph, {}, tmp_path)
    np.testing.assert_array_equal(run_onnx(path, {"in_x": x})[0], op.compute(x))


def test_bins_of_symbolic_sizes_are_refused(tmp_path):
    symbols = Symbols()
    kind = TensorType((2, 3, symbols.declare("H"), 7))
    graph = graph_of(find_op("adaptive_avg_pool")(output_size=3), {"x": kind}, symbols)
    with pytest.raises(InputError, match="adaptive_avg_pool of symbolic sizes"):
        exported(graph, {}, tmp_path)
