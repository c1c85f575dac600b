"""PyTorch judges functions of each element, whole-number arithmetic, casts and quantization."""

from __future__ import annotations

import numpy as np
import pytest

import framework.ops
from framework.ir.op import find_op

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAMILIES = framework.ops.__path__

GRID = np.concatenate([np.linspace(-7, 7, 57), [-100.0, 100.0, -np.inf, np.inf, np.nan]])
INSIDE = np.linspace(-1.5, 1.5, 25)
WHOLE = np.arange(-9, 10)


def compute(name, *arrays, **attributes):
    """One operator on arrays."""
    op = find_op(name)(**attributes)
    op.check()
    return op.compute(*arrays)


def same(found, expected, **tolerance):
    expected = expected.numpy()
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, **tolerance or {"rtol": 1e-7, "atol": 1e-12})


FUNCTIONS = ["abs", "neg", "square", "reciprocal", "sqrt", "exp", "log", "expm1", "log1p",
             "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "ceil", "floor",
             "round", "trunc", "sigmoid"]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, dtype):
    x = GRID.astype(dtype)
    same(compute(name, x), getattr(torch, name)(torch.from_numpy(x)), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["asin", "acos", "atanh", "erf", "sign"])
def test_functions_near_zero(name):
    same(compute(name, INSIDE), getattr(torch, name)(torch.from_numpy(INSIDE)))


ACTIVATIONS = [
    ("relu", {}, F.relu),
    ("relu6", {}, F.relu6),
    ("leaky_relu", {"slope": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
    ("thresholded_relu", {"alpha": 2.0}, lambda x: F.threshold(x, 2.0, 0.0)),
    ("shrink", {"lambd": 1.5}, lambda x: F.hardshrink(x, 1.5)),
    ("shrink", {"lambd": 1.5, "bias": 1.5}, lambda x: F.softshrink(x, 1.5)),
    ("elu", {"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    ("selu", {}, F.selu),
    ("celu", {"alpha": 2.5}, lambda x: F.celu(x, 2.5)),
    ("hard_sigmoid", {}, F.hardsigmoid),
    ("softsign", {}, F.softsign),
    ("softplus", {"beta": 1.5}, lambda x: F.softplus(x, 1.5, threshold=100)),
    ("log_sigmoid", {}, F.logsigmoid),
    ("silu", {}, F.silu),
    ("swish", {"alpha": 1.7}, lambda x: x * torch.sigmoid(1.7 * x)),
    ("hard_swish", {}, F.hardswish),
    ("gelu", {}, F.gelu),
    ("gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("mish", {}, F.mish),
    ("glu", {"axis": 0}, lambda x: F.glu(x, 0)),
    ("log_softmax", {}, lambda x: F.log_softmax(x, 0)),
]


@pytest.mark.parametrize(("name", "attributes", "judge"), ACTIVATIONS)
def test_activations(name, attributes, judge):
    x = GRID[:56]
    same(compute(name, x, **attributes), judge(torch.from_numpy(x)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("axis", [1, -1])
def test_prelu_has_a_slope_for_each_channel(axis):
    x, slope = np.linspace(-3, 3, 24).reshape(2, 3, 4).swapaxes(1, axis), np.array([0.5, -1.0, 2.0])
    expected = F.prelu(torch.from_numpy(x).swapaxes(1, axis), torch.from_numpy(slope))
    same(compute("prelu", x, slope, axis=axis), expected.swapaxes(1, axis))


PAIRS = [
    ("equal", {}, torch.eq), ("not_equal", {}, torch.ne), ("greater", {}, torch.gt),
    ("greater_or_equal", {}, torch.ge), ("less", {}, torch.lt), ("less_or_equal", {}, torch.le),
    ("div", {"rounding": "floor"}, lambda a, b: torch.div(a, b, rounding_mode="floor")),
    ("div", {"rounding": "trunc"}, lambda a, b: torch.div(a, b, rounding_mode="trunc")),
    ("mod", {}, torch.remainder), ("mod", {"rounding": "trunc"}, torch.fmod),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64"])
@pytest.mark.parametrize(("name", "attributes", "judge"), PAIRS)
def test_pairs_of_numbers(name, attributes, judge, dtype):
    a, b = WHOLE.astype(dtype), WHOLE[WHOLE != 0].astype(dtype)[:, None]
    same(compute(name, a, b, **attributes), judge(torch.from_numpy(a), torch.from_numpy(b)))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits(name):
    a, b = WHOLE, WHOLE[:, None]
    same(compute(name, a, b), getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(b)))


@pytest.mark.parametrize("direction", ["left", "right"])
def test_shifts(direction):
    a, b = WHOLE, np.arange(9)[:, None]
    judge = torch.bitwise_left_shift if direction == "left" else torch.bitwise_right_shift
    expected = judge(torch.from_numpy(a), torch.from_numpy(b))
    same(compute("bit_shift", a, b, direction=direction), expected)


def test_powers_of_whole_numbers():
    a, b = WHOLE, np.arange(6)[:, None]
    same(compute("pow", a, b), torch.pow(torch.from_numpy(a), torch.from_numpy(b)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("x", [GRID[:57], WHOLE, WHOLE > 0], ids=lambda x: str(x.dtype))
def test_casts_within_the_range(x, dtype):
    x = np.abs(x)
    same(compute("cast", x, dtype=dtype), torch.from_numpy(x).to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32"])
@pytest.mark.parametrize(("low", "high"), [(-3, 4), (None, 2), (1, None), (5, -5)])
def test_clip(low, high, dtype):
    x = WHOLE.astype(dtype)
    limits = {k: v and float(v) for k, v in (("min", low), ("max", high))}
    same(compute("clip", x, **limits), torch.clamp(torch.from_numpy(x), low, high))


def test_quantize_for_each_channel_and_back():
    x = np.linspace(-300, 300, 60).astype("float32").reshape(4, 5, 3)
    scale, zero = np.array([0.5, 1, 2, 4, 8], "float32"), np.array([0, 3, -3, 7, 100], "int8")
    judge = torch.fake_quantize_per_channel_affine
    values = map(torch.from_numpy, (x, scale, zero.astype("int32")))
    found = compute("quantize", x, scale, zero, dtype="int8")
    same(compute("dequantize", found, scale, zero), judge(*values, 1, -128, 127))


def test_determinants():
    x = np.random.default_rng(0).standard_normal((2, 4, 4))
    same(compute("det", x), torch.det(torch.from_numpy(x)))
