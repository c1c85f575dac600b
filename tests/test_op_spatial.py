"""Symbolic sizes of resampling, sampling and unfolding, and what these operators refuse."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from framework.errors import Mistake
from framework.ir.dims import Symbols, format_shape
from framework.ir.op import find_op
from framework.ir.types import TensorType

importlib.import_module("framework.ops")  # declares the operators

TABLE = Symbols()
B, C, H, W, N = (TABLE.declare(name) for name in "BCHWN")


def inferred(name, *shapes, **attributes):
    op = find_op(name)(**attributes)
    op.check()
    ports = zip(op.ports.tensors, shapes, strict=False)
    kinds = {"int": "int64"}
    return op.infer({p.name: TensorType(s, kinds.get(p.dtype, "float32")) for p, s in ports})


FOUND = [
    ("[B, C, 2*H, 3*W//2]", "resize", [(B, C, H, W)], {"scales": (2.0, 1.5), "axes": (2, 3)}),
    ("[B, 5]", "resize", [(B, H)], {"sizes": (5,), "axes": -1}),
    ("[N, C, 7, 5]", "max_roi_pool", [(B, C, H, W), (N, 4), (N,)], {"output_size": (7, 5)}),
    ("[B, C, 3, 3]", "adaptive_avg_pool", [(B, C, H, W)], {"output_size": 3}),
    ("[B, 4*C, H*W]", "unfold", [(B, C, H + 1, W + 1)], {"kernel": 2}),
    ("[B, H - 3, 4]", "frame", [(B, H)], {"length": 4}),
    ("[B, H, W, 2]", "affine_grid", [(B, 2, 3)], {"output_size": (H, W)}),
    ("[B, C, H, W]", "grid_sample", [(B, C, 4, 5), (B, H, W, 2)], {}),
    ("[B, C, 2*H]", "max_unpool", [(B, C, H), (B, C, H)], {"kernel": 2}),
]


@pytest.mark.parametrize(("expected", "name", "shapes", "attributes"), FOUND)
def test_symbolic_sizes_are_found(expected, name, shapes, attributes):
    assert format_shape(inferred(name, *shapes, **attributes).outputs[0].shape) == expected


REFUSED = [
    ("resize", {}, [(2, 3)], "either scales or sizes"),
    ("resize", {"scales": -1.0}, [(2, 3)], "positive"),
    ("resize", {"scales": 2.0, "antialias": True}, [(2, 3)], "no meaning with mode nearest"),
    ("resize", {"scales": 2.0, "roi": (0.0, 1.0)}, [(2, 3)], "belong together"),
    ("resize", {"scales": 2.0, "axes": (1, -1)}, [(2, 3)], "twice"),
    ("resize", {"scales": 2.0, "keep_aspect_ratio": "not_larger"}, [(2, 3)], "needs sizes"),
    ("grid_sample", {}, [(2, 3, 4, 5), (2, 6, 1)], "3 besides|1 besides"),
    ("roi_align", {"sampling_ratio": -1}, [(2, 3, 4, 5), (1, 4), (1,)], "must not be negative"),
    ("max_roi_pool", {"output_size": 0}, [(2, 3, 4, 5), (1, 4), (1,)], "at least 1"),
    ("lp_pool", {"kernel": 2, "p": 0.0}, [(2, 3, 4)], "positive"),
    ("adaptive_avg_pool", {"output_size": 2}, [(2, 3)], "no spatial axes"),
    ("deform_conv", {"out": 2, "kernel": 1, "offset_groups": 0}, [(1, 1, 2)] * 2, "at least"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attributes", "shapes", "words"), REFUSED)
def test_what_makes_no_sense_is_refused(name, attributes, shapes, words):
    with pytest.raises(Mistake, match=words):
        inferred(name, *shapes, **attributes)


def never(name, *shapes, **attributes):
    """Facts about what the shapes never fulfil."""
    conditions = inferred(name, *shapes, **attributes).conditions
    return [c.failure(c.verdict()).fact for c in conditions if c.verdict().never]


def test_columns_must_be_the_windows_of_the_image():
    facts = never("fold", (1, 4, 5), output_size=(3, 3), kernel=2)
    assert facts == ["x axis 2 and windows of output_size: 5 is never 4"]


def test_offsets_are_needed_for_every_tap():
    facts = never("deform_conv", (1, 3, 4, 4), (1, 9, 2, 2), out=2, kernel=3)
    assert facts == ["offset axis 1 and shifts of all taps: 9 is never 18"]


def test_a_grid_of_positions_has_a_number_for_each_axis():
    facts = never("grid_sample", (1, 3, 4, 4), (1, 2, 2, 3))
    assert facts == ["last axis of grid and spatial axes of x: 3 is never 2"]


def test_an_output_size_is_within_reach_of_the_windows():
    facts = never("conv_transpose", (1, 2, 4), out=2, kernel=3, stride=2, pad="same_upper",
                  output_size=(11,))  # fmt: skip
    assert facts == ["output_size and what its windows reach along axis 2: 11 exceeds 10"]


def test_resizing_to_nothing_gives_nothing():
    x = np.ones((2, 3), "float32")
    assert find_op("resize")(scales=0.2, axes=1, mode="linear").compute(x).shape == (2, 0)


def test_resizing_whole_numbers_rounds_and_keeps_their_range():
    x = np.array([0, 255, 255, 0], "uint8")
    y = find_op("resize")(scales=2.0, mode="cubic").compute(x)
    assert (y.dtype, y.tolist()) == (np.uint8, [0, 58, 197, 255, 255, 197, 58, 0])
