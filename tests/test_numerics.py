"""Array mathematics: blocks of work, the error function; what operators refuse."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from framework.errors import Mistake
from framework.ir.dims import Symbols
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.numerics import convolution, exponential
from framework.numerics.erf import erf
from framework.numerics.softmax import sigmoid, softmax
from framework.numerics.windows import Windows, blocks

importlib.import_module("framework.ops")  # declares the operators

WINDOWS = Windows((3, 3), (2, 1), (1, 2), ((1, 1), (2, 2)))


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_blocks_take_small_images_together_and_cut_large_ones_evenly():
    assert list(blocks(5, 2, 10, 45)) == [(slice(i, min(i + 2, 5)), slice(0, 2)) for i in (0, 2, 4)]
    assert list(blocks(1, 7, 10, 35)) == [(slice(0, 1), slice(r, min(r + 3, 7))) for r in (0, 3, 6)]
    assert list(blocks(1, 2, 10, 1)) == [(slice(0, 1), slice(r, r + 1)) for r in (0, 1)]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("limit", [1, 3000, 10**9])
def test_convolution_does_not_depend_on_its_blocks(monkeypatch, groups, limit):
    x, weight = normal(3, 4, 11, 9), normal(8, 4 // groups, 3, 3)
    expected = convolution.convolve(x, weight, WINDOWS, groups)
    monkeypatch.setattr(convolution, "COLUMN_BYTES", limit)
    monkeypatch.setattr(convolution, "DEPTHWISE_BYTES", limit)
    np.testing.assert_allclose(convolution.convolve(x, weight, WINDOWS, groups), expected, 1e-12)


@pytest.mark.parametrize("limit", [1, 3000])
def test_transposed_convolution_does_not_depend_on_its_blocks(monkeypatch, limit):
    x, weight = normal(3, 4, 6, 9), normal(4, 5, 3, 3)
    expected = convolution.convolve_transposed(x, weight, WINDOWS, (11, 9), 2)
    monkeypatch.setattr(convolution, "COLUMN_BYTES", limit)
    y = convolution.convolve_transposed(x, weight, WINDOWS, (11, 9), 2)
    np.testing.assert_allclose(y, expected, 1e-12)


def test_erf_is_exact_in_double_precision():
    x = np.concatenate([np.linspace(-7, 7, 20001), 10.0 ** np.arange(-300, 3), [np.inf, -np.inf]])
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in x], rtol=1e-15, atol=0)


def test_erf_is_exact_to_four_units_in_single_precision():
    x = np.linspace(-6, 6, 40001, dtype=np.float32)
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in x], rtol=5e-7, atol=0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_erf_passes_nan_on_and_keeps_the_dtype(dtype):
    y = erf(np.array([np.nan, np.inf, -np.inf, 0], dtype))
    np.testing.assert_array_equal(y, np.array([np.nan, 1, -1, 0], dtype), strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_power_of_a_rate_is_the_exponential(dtype):
    x = np.linspace(-40, 40, 10001, dtype=dtype)
    y = exponential.power(x * exponential.RATE)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, np.exp(x), 80 * np.finfo(dtype).eps)


def test_softmax_of_half_precision_sums_in_single():
    y = softmax(np.zeros(100_000, np.float16))
    np.testing.assert_allclose(y, np.full(100_000, 1e-5, np.float16))


def test_sigmoid_of_small_numbers_keeps_its_digits():
    np.testing.assert_allclose(sigmoid(np.array([-40.0, -700.0])), np.exp([-40.0, -700.0]), 1e-12)


REFUSED = [
    ("conv", {"out": 4, "kernel": 0}, "kernel is 0; it must be at least 1"),
    ("conv", {"out": 4, "kernel": 3, "stride": (1, 0)}, "stride is 0; it must be at least 1"),
    ("conv", {"out": 64, "kernel": 3, "groups": 3}, "groups 3 does not divide out 64"),
    ("conv", {"out": 4, "kernel": 3, "pad": -1}, "pad is -1; it must not be negative"),
    ("conv", {"out": 4, "kernel": 3, "pad": "same"},
     "pad is 'same'; it must be a number, pairs, or one of same_upper, same_lower, valid"),
    ("conv_transpose", {"out": 4, "kernel": 3, "output_pad": 1, "output_size": (9,)},
     "output_pad and output_size exclude each other"),
    ("pad", {"pads": ((1, -2),)}, "pads has -2; a pad must not be negative"),
    ("dropout", {"p": 1.0}, "p is 1.0; it must be at least 0 and below 1"),
    ("upsample", {}, "upsample needs either scale or output_size"),
    ("upsample", {"scale": 0.0}, "scale is 0.0; it must be a positive number"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attributes", "fact"), REFUSED)
def test_illegal_attributes_are_refused_with_their_values(name, attributes, fact):
    with pytest.raises(Mistake) as caught:
        find_op(name)(**attributes).check()
    assert caught.value.fact == fact


def conditions(name, shape, **attributes):
    """What the user would read about each condition on a symbolic image."""
    found = find_op(name)(**attributes).infer({"x": TensorType(shape)}).conditions
    return [condition.failure(condition.verdict()).fact for condition in found]


def test_a_window_that_may_not_fit_is_a_condition():
    height = Symbols().declare("H")
    assert conditions("conv", (1, 3, height), out=4, kernel=7) == [
        "window and padded size along axis 2: 7 may exceed H"
    ]


def test_a_mirror_needs_as_many_elements_as_it_shows():
    height = Symbols().declare("H")
    assert conditions("pad", (height,), pads=((3, 0),), mode="reflect") == [
        "pad and what a mirror has to show along axis 0: 3 may exceed H - 1"
    ]


def test_an_output_size_must_lead_back_to_the_size():
    found = conditions("conv_transpose", (1, 3, 5), out=4, kernel=2, stride=2, output_size=(12,))
    assert found == ["windows of output_size and size along axis 2: 6 is never 5"]


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("conv", {"out": 4, "kernel": 3, "stride": 2, "pad": 1}, "ceil(H/2)"),
        ("conv", {"out": 4, "kernel": 3, "dilation": 2, "pad": 2}, "H"),
        ("conv", {"out": 4, "kernel": 3, "stride": 2, "pad": "same_upper"}, "ceil(H/2)"),
        ("max_pool", {"kernel": 3, "stride": 2, "ceil_mode": True}, "H//2"),
        ("avg_pool", {"kernel": 1, "stride": 2, "ceil_mode": True}, "ceil(H/2)"),
        ("max_pool", {"kernel": 2, "pad": 1, "ceil_mode": True}, "H//2 + 1"),
        ("conv_transpose", {"out": 4, "kernel": 4, "stride": 2, "pad": 1}, "2*H"),
        ("upsample", {"scale": 1.1}, "11*H//10"),
    ],
)
def test_sizes_are_printed_simplified(name, attributes, expected):
    height = Symbols().declare("H", minimum=3)
    shape = find_op(name)(**attributes).infer({"x": TensorType((1, 3, height))}).outputs[0].shape
    assert str(shape[2]) == expected


def test_groups_must_divide_the_channels():
    with pytest.raises(Mistake) as caught:
        find_op("conv")(out=6, kernel=1, groups=3).infer({"x": TensorType((1, 64, 5))})
    assert caught.value.fact == "groups 3 does not divide 64, the channels of x"


def test_transposed_weights_have_their_fans_swapped():
    op = find_op("conv_transpose")(out=6, kernel=3, groups=2)
    assert op.fans("weight", (4, 3, 3, 3)) == (18, 27)


EMPTY = [
    ("conv", {"out": 6, "kernel": 3, "stride": 2}, (6, 4, 3, 3), (0, 6, 2, 3)),
    ("conv", {"out": 8, "kernel": 3, "groups": 4}, (8, 1, 3, 3), (0, 8, 4, 5)),
    ("conv", {"out": 6, "kernel": 1}, (6, 4, 1, 1), (0, 6, 6, 7)),
    ("conv_transpose", {"out": 5, "kernel": 2, "stride": 2}, (4, 5, 2, 2), (0, 5, 12, 14)),
    ("max_pool", {"kernel": 2}, None, (0, 4, 3, 3)),
    ("avg_pool", {"kernel": 2}, None, (0, 4, 3, 3)),
    ("global_avg_pool", {}, None, (0, 4)),
    ("layer_norm", {"affine": False}, None, (0, 4, 6, 7)),
    ("softmax", {}, None, (0, 4, 6, 7)),
    ("gelu", {}, None, (0, 4, 6, 7)),
    ("upsample", {"scale": 2, "mode": "bilinear"}, None, (0, 4, 12, 14)),
]


@pytest.mark.parametrize(("name", "attributes", "weight", "expected"), EMPTY)
def test_a_batch_of_nothing_gives_nothing(name, attributes, weight, expected):
    parameters = [] if weight is None else [np.ones(weight)]
    assert find_op(name)(**attributes).compute(np.ones((0, 4, 6, 7)), *parameters).shape == expected


def test_same_padding_of_an_empty_axis_is_empty():
    op = find_op("conv")(out=5, kernel=3, pad="same_upper")
    assert op.compute(np.ones((1, 4, 6, 0)), np.ones((5, 4, 3, 3))).shape == (1, 5, 6, 0)
