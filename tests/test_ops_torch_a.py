"""Convolution, pooling, padding, normalisation, activations and resampling against PyTorch."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from framework.ir.op import find_op
from framework.ir.types import TensorType

importlib.import_module("framework.ops")  # declares the operators
torch = pytest.importorskip("torch")
F = torch.nn.functional

SHAPES = {1: (2, 6, 11), 2: (2, 6, 9, 10), 3: (2, 6, 5, 6, 7)}
CONVS = (F.conv1d, F.conv2d, F.conv3d)
TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVG_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
GLOBAL_AVG = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def run(name, *arrays, **attributes):
    """The result, once its shape and dtype agree with what inference says."""
    op = find_op(name)(**attributes)
    op.check()
    ports = zip(op.ports.inputs, arrays, strict=False)
    types = {p.name: TensorType(a.shape, str(a.dtype)) for p, a in ports if a is not None}
    inferred = op.infer(types)
    assert all(condition.verdict().always for condition in inferred.conditions)
    y = op.compute(*arrays)
    assert (y.shape, str(y.dtype)) == (inferred.outputs[0].shape, inferred.outputs[0].dtype)
    return y


def picker(data):
    return lambda low, high: data.draw(st.integers(low, high))


def agrees(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=tolerance, atol=tolerance)


def tensors(*arrays):
    return [None if a is None else torch.from_numpy(a) for a in arrays]


# ---------------------------------------------------------------------- convolution


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [(1, 1, 0, 1), (1, 2, 1, 1), (3, 1, 1, 1), (2, 3, 0, 1), (3, 2, 2, 2), (4, 1, 3, 1)],
)
def test_conv_agrees_with_torch(rank, groups, kernel, stride, pad, dilation):
    x, weight, bias = normal(*SHAPES[rank]), normal(12, 6 // groups, *[kernel] * rank), normal(12)
    ours = run("conv", x, weight, bias, out=12, kernel=kernel, stride=stride, pad=pad,
               dilation=dilation, groups=groups)  # fmt: skip
    agrees(ours, CONVS[rank - 1](*tensors(x, weight, bias), stride, pad, dilation, groups))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "output_pad", "dilation"),
    [(1, 1, 0, 0, 1), (2, 2, 0, 0, 1), (3, 2, 1, 1, 1), (2, 3, 0, 2, 2), (4, 1, 3, 0, 1)],
)
def test_conv_transpose_agrees_with_torch(rank, groups, kernel, stride, pad, output_pad, dilation):
    x, weight, bias = normal(*SHAPES[rank]), normal(6, 12 // groups, *[kernel] * rank), normal(12)
    ours = run("conv_transpose", x, weight, bias, out=12, kernel=kernel, stride=stride, pad=pad,
               output_pad=output_pad, dilation=dilation, groups=groups)  # fmt: skip
    theirs = TRANSPOSED[rank - 1](
        *tensors(x, weight, bias), stride, pad, output_pad, groups, dilation
    )
    agrees(ours, theirs)


@given(data=st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_conv_agrees_with_torch_for_any_attributes(data):
    pick = picker(data)
    kernel, stride, pad, dilation = [(pick(low, high), pick(low, high)) for low, high in
                                     ((1, 4), (1, 4), (0, 4), (1, 3))]  # fmt: skip
    groups, size = pick(1, 3), (pick(1, 12), pick(1, 12))
    sides = zip(size, pad, kernel, dilation, strict=True)
    assume(all(n + 2 * p > d * (k - 1) for n, p, k, d in sides))
    x, weight = normal(2, groups * pick(1, 3), *size), None
    weight = normal(groups * pick(1, 3), x.shape[1] // groups, *kernel)
    ours = run("conv", x, weight, out=len(weight), kernel=kernel, stride=stride, pad=pad,
               dilation=dilation, groups=groups, bias=False)  # fmt: skip
    agrees(ours, F.conv2d(*tensors(x, weight), None, stride, pad, dilation, groups))


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_conv_transpose_with_output_size_is_the_gradient_of_conv(data):
    pick = picker(data)
    kernel, stride, dilation, size = pick(1, 4), pick(1, 4), pick(1, 3), pick(1, 12)
    pad = data.draw(st.sampled_from([0, 1, ((2, 1),), "same_upper", "same_lower", "valid"]))
    wide = size + {0: 0, 1: 2, "valid": 0, ((2, 1),): 3}.get(pad, 99)
    assume(wide > dilation * (kernel - 1))
    x, weight = normal(2, 3, size), normal(4, 3, kernel)
    shared = {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation, "bias": False}
    y = run("conv", x, weight, out=4, **shared)
    back = run("conv_transpose", y, weight, out=3, output_size=(size,), **shared)
    np.testing.assert_allclose((back * x).sum(), (y * y).sum(), rtol=1e-10)


@pytest.mark.parametrize(("size", "stride"), [(7, 1), (7, 2), (8, 3), (5, 4)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_agrees_with_explicit_padding(size, stride, dilation):
    x, weight = normal(2, 3, size, size), normal(4, 3, 4, 4)
    total = max((-(-size // stride) - 1) * stride + dilation * 3 + 1 - size, 0)
    for word, before in (("same_upper", total // 2), ("same_lower", total - total // 2)):
        pads = (before, total - before) * 2
        theirs = F.conv2d(F.pad(torch.from_numpy(x), pads), torch.from_numpy(weight), None,
                          stride, 0, dilation)  # fmt: skip
        agrees(run("conv", x, weight, out=4, kernel=4, stride=stride, dilation=dilation,
                   pad=word, bias=False), theirs)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_conv_of_narrow_dtypes_agrees_with_torch_in_double(dtype):
    x, weight = normal(2, 64, 14, 14).astype(dtype), normal(32, 64, 3, 3).astype(dtype)
    ours = run("conv", x, weight, out=32, kernel=3, pad=1, bias=False)
    theirs = F.conv2d(torch.from_numpy(x).double(), torch.from_numpy(weight).double(), padding=1)
    agrees(ours / 24, theirs / 24, 5e-6 if dtype == "float32" else 2e-3)


def test_conv_reads_strided_and_read_only_arrays():
    x, weight = normal(9, 10, 2, 6).transpose(2, 3, 0, 1), normal(3, 3, 6, 4).transpose(3, 2, 0, 1)
    x.flags.writeable = False
    theirs = F.conv2d(torch.tensor(np.array(x)), torch.tensor(weight.copy()), padding=1)
    agrees(run("conv", x, weight, out=4, kernel=3, pad=1, bias=False), theirs)


# ---------------------------------------------------------------------- pooling


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [(2, None, 0, 1), (3, 2, 1, 1), (2, 2, 1, 1), (3, 1, 0, 2), (1, 2, 0, 1), (4, 3, 2, 1)],
)
def test_max_pool_agrees_with_torch(rank, ceil_mode, kernel, stride, pad, dilation):
    x = normal(*SHAPES[rank])
    ours = run("max_pool", x, kernel=kernel, stride=stride, pad=pad, dilation=dilation,
               ceil_mode=ceil_mode)  # fmt: skip
    agrees(ours, MAX_POOLS[rank - 1](*tensors(x), kernel, stride, pad, dilation, ceil_mode))


@given(data=st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_avg_pool_agrees_with_torch_for_any_attributes(data):
    pick = picker(data)
    rank, flags = pick(1, 3), [data.draw(st.booleans()) for _ in range(2)]
    kernel, stride = ([pick(1, 4) for _ in range(rank)] for _ in range(2))
    pad, size = [pick(0, k // 2) for k in kernel], [pick(1, 9) for _ in range(rank)]
    # torch's avg_pool3d refuses a kernel above the size even where the padded size holds it.
    room = [n + 2 * p * (rank < 3) for n, p in zip(size, pad, strict=True)]
    assume(all(n >= k for n, k in zip(room, kernel, strict=True)))
    x = normal(2, 3, *size)
    ours = run("avg_pool", x, kernel=tuple(kernel), stride=tuple(stride), pad=tuple(pad),
               ceil_mode=flags[0], count_include_pad=flags[1])  # fmt: skip
    agrees(ours, AVG_POOLS[rank - 1](*tensors(x), kernel, stride, pad, *flags))


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_max_pool_agrees_with_torch_for_any_attributes(data):
    pick = picker(data)
    kernel, stride, dilation = pick(1, 4), pick(1, 4), pick(1, 3)
    pad, size, ceil_mode = pick(0, kernel // 2), pick(1, 12), data.draw(st.booleans())
    assume(size + 2 * pad > dilation * (kernel - 1))
    x = normal(2, 3, size, size + 1)
    ours = run("max_pool", x, kernel=kernel, stride=stride, pad=pad, dilation=dilation,
               ceil_mode=ceil_mode)  # fmt: skip
    agrees(ours, F.max_pool2d(*tensors(x), kernel, stride, pad, dilation, ceil_mode))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_pools_agree_with_torch(rank):
    x = normal(*SHAPES[rank])
    theirs = GLOBAL_AVG[rank - 1](*tensors(x), 1)
    agrees(run("global_avg_pool", x, keepdims=True), theirs)
    agrees(run("global_avg_pool", x), theirs.flatten(1))
    agrees(run("global_max_pool", x), torch.from_numpy(x).flatten(2).max(-1).values)


# ---------------------------------------------------------------------- padding


@pytest.mark.parametrize(
    ("mode", "theirs"), [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")]
)
def test_padding_modes_agree_with_torch(mode, theirs):
    x = normal(2, 3, 5, 6)
    ours = run("pad", x, pads=((1, 3), (4, 2)), mode=mode)
    agrees(ours, F.pad(torch.from_numpy(x), (4, 2, 1, 3), theirs))


def test_constant_padding_agrees_with_torch_on_every_axis():
    x = normal(2, 3, 4)
    ours = run("pad", x, pads=((1, 0), (0, 2), (3, 4)), value=-2.5)
    agrees(ours, F.pad(torch.from_numpy(x), (3, 4, 0, 2, 1, 0), value=-2.5))


# ---------------------------------------------------------------------- normalisation


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_layer_norm_agrees_with_torch(axes):
    x = normal(2, 3, 4, 5) * 3 + 100
    weight, bias = normal(*x.shape[-axes:]), normal(*x.shape[-axes:], seed=1)
    theirs = F.layer_norm(torch.from_numpy(x), x.shape[-axes:], *tensors(weight, bias), 1e-3)
    agrees(run("layer_norm", x, weight, bias, axes=axes, eps=1e-3), theirs, 1e-10)


@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 5), (2, 6, 4, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_agrees_with_torch(shape, affine):
    x, mean, variance = normal(*shape), normal(6), normal(6, seed=1) ** 2
    weight, bias = (normal(6, seed=2), normal(6, seed=3)) if affine else (None, None)
    theirs = F.batch_norm(*tensors(x, mean, variance, weight, bias), eps=1e-3)
    agrees(run("batch_norm", x, weight, bias, mean, variance, eps=1e-3, affine=affine), theirs)


# ---------------------------------------------------------------------- activations

ACTIVATIONS = {
    "relu": ({}, F.relu),
    "relu6": ({}, F.relu6),
    "gelu": ({}, F.gelu),
    "gelu tanh": ({"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    "elu": ({"alpha": 1.5}, lambda x: F.elu(x, 1.5)),
    "leaky_relu": ({"slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    "sigmoid": ({}, torch.sigmoid),
    "tanh": ({}, torch.tanh),
    "silu": ({}, F.silu),
    "hard_swish": ({}, F.hardswish),
    "softmax": ({}, lambda x: F.softmax(x, -1)),
    "softmax 0": ({"axis": 0}, lambda x: F.softmax(x, 0)),
    "exp": ({}, torch.exp),
    "erf": ({}, torch.erf),
    "abs": ({}, torch.abs),
    "neg": ({}, torch.neg),
    "square": ({}, torch.square),
    "sqrt": ({}, torch.sqrt),
    "log": ({}, torch.log),
}


@pytest.mark.parametrize("case", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 2e-6)])
def test_activations_agree_with_torch(case, dtype, tolerance):
    attributes, theirs = ACTIVATIONS[case]
    x = (
        np.concatenate([np.linspace(-30, 30, 601), [-700, 1e-30, 700]])
        .astype(dtype)
        .reshape(4, 151)
    )
    ours = run(case.split()[0], x, **attributes)
    agrees(ours, theirs(torch.from_numpy(x)), tolerance)


def test_softmax_of_a_hidden_row_is_nan_as_in_torch():
    x = np.array([[-np.inf, -np.inf], [1.0, -np.inf], [np.inf, 0.0]])
    agrees(run("softmax", x), F.softmax(torch.from_numpy(x), -1))


# ---------------------------------------------------------------------- resampling


@pytest.mark.parametrize("scale", [2, 3, 0.5, 1.5, 2.5, 0.75])
@pytest.mark.parametrize(("centred", "mode"), [(False, "nearest"), (True, "nearest-exact")])
def test_nearest_by_a_scale_agrees_with_torch(scale, centred, mode):
    x = normal(2, 3, 8, 5)
    theirs = F.interpolate(torch.from_numpy(x), scale_factor=scale, mode=mode)
    agrees(run("upsample", x, scale=scale, centred=centred), theirs)


@pytest.mark.parametrize("scale", [2, 3, 0.5, 1.5, 2.3, 0.7])
@pytest.mark.parametrize("corners", [False, True])
def test_bilinear_by_a_scale_agrees_with_torch(scale, corners):
    x = normal(2, 3, 8, 5)
    theirs = F.interpolate(
        torch.from_numpy(x), scale_factor=scale, mode="bilinear", align_corners=corners
    )
    agrees(run("upsample", x, scale=scale, mode="bilinear", align_corners=corners), theirs)


@pytest.mark.parametrize(("rank", "mode"), [(1, "linear"), (2, "bilinear"), (3, "trilinear")])
@pytest.mark.parametrize("corners", [False, True])
def test_bilinear_to_a_size_agrees_with_torch(rank, mode, corners):
    x, size = normal(*SHAPES[rank]), (13, 4, 1)[:rank]
    theirs = F.interpolate(torch.from_numpy(x), size, mode=mode, align_corners=corners)
    ours = run("upsample", x, output_size=size, mode="bilinear", align_corners=corners)
    agrees(ours, theirs)
