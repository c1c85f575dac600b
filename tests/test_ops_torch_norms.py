"""PyTorch judges normalisations, Fourier transforms and windows."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.errors import Mistake
from framework.ir.op import find_op
from framework.ir.types import TensorType

importlib.import_module("framework.ops")  # declares the operators
torch = pytest.importorskip("torch")
F = torch.nn.functional

SHAPES = {1: (3, 6, 11), 2: (3, 6, 5, 7), 3: (3, 6, 4, 5, 2)}
each_rank = pytest.mark.parametrize("rank", [1, 2, 3])


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


def agrees(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=tolerance, atol=tolerance)


def tensors(*arrays):
    return [None if a is None else torch.from_numpy(a) for a in arrays]


# ---------------------------------------------------------------------- normalisation


@each_rank
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm_agrees_with_torch(rank, groups, affine):
    x = normal(*SHAPES[rank]) * 3 + 5
    weight, bias = (normal(6, seed=1), normal(6, seed=2)) if affine else (None, None)
    ours = run("group_norm", x, weight, bias, groups=groups, eps=1e-3, affine=affine)
    agrees(ours, F.group_norm(torch.from_numpy(x), groups, *tensors(weight, bias), 1e-3))


@each_rank
@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm_agrees_with_torch(rank, affine):
    x = normal(*SHAPES[rank]) * 3 + 5
    weight, bias = (normal(6, seed=1), normal(6, seed=2)) if affine else (None, None)
    ours = run("instance_norm", x, weight, bias, affine=affine)
    given = dict(zip(("weight", "bias"), tensors(weight, bias), strict=True))
    agrees(ours, F.instance_norm(torch.from_numpy(x), **given))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_rms_norm_agrees_with_torch(axes, eps):
    x, weight = normal(3, 4, 5), normal(*(3, 4, 5)[3 - axes :], seed=1)
    ours = run("rms_norm", x, weight, axes=axes, eps=eps)
    agrees(ours, F.rms_norm(*tensors(x), weight.shape, torch.from_numpy(weight), eps))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.sampled_from([0.5, 0.75, 1.0]))
def test_local_response_norm_agrees_with_torch(size, channels, beta):
    x = normal(2, channels, 3, 4, seed=size)
    ours = run("local_response_norm", x, size=size, alpha=0.3, beta=beta, k=1.5)
    agrees(ours, F.local_response_norm(*tensors(x), size, 0.3, beta, 1.5))


@pytest.mark.parametrize("p", [1.0, 2.0, 2.5, np.inf])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("eps", [1e-12, 2.0])
def test_lp_norm_agrees_with_torch(p, axis, eps):
    x = normal(3, 4, 5)
    x[:, 1] = 0
    agrees(run("lp_norm", x, p=p, axis=axis, eps=eps), F.normalize(*tensors(x), p, axis, eps))


@pytest.mark.parametrize("name", ["group_norm", "instance_norm", "mean_variance_norm"])
def test_a_large_mean_does_not_spoil_the_variance(name):
    x = normal(2, 3, 8, 8).astype(np.float32)
    options = {"groups": 1} if name == "group_norm" else {}
    options |= {} if name == "mean_variance_norm" else {"affine": False}
    near, far = run(name, x, **options), run(name, x + np.float32(1000), **options)
    np.testing.assert_allclose(far, near, atol=1e-3)


def test_affine_is_a_product_and_a_sum_along_its_axis():
    x, weight, bias = normal(2, 3, 4), normal(3, seed=1), normal(3, seed=2)
    ours = run("affine", x, weight, bias, axis=1)
    agrees(ours, torch.from_numpy(x * weight[:, None] + bias[:, None]))


# ---------------------------------------------------------------------- signals


def parts(z):
    """A complex tensor with real and imaginary part on a last axis."""
    return torch.view_as_real(torch.as_tensor(z))


@pytest.mark.parametrize("length", [None, 1, 6, 7, 12])
@pytest.mark.parametrize("inverse", [False, True])
def test_complex_dft_agrees_with_torch(length, inverse):
    x = normal(3, 7, 5, 2)
    transform = torch.fft.ifft if inverse else torch.fft.fft
    theirs = transform(torch.view_as_complex(torch.from_numpy(x)), length, 1)
    agrees(run("dft", x, axis=1, length=length, inverse=inverse), parts(theirs))


@pytest.mark.parametrize("length", [None, 1, 6, 7, 12])
@pytest.mark.parametrize("axis", [0, 1, -2])
def test_half_of_a_real_dft_agrees_with_torch(length, axis):
    x = normal(3, 7, 5, 1)
    theirs = torch.fft.rfft(torch.from_numpy(x[..., 0]), length, axis if axis >= 0 else axis + 1)
    agrees(run("dft", x, axis=axis, length=length, onesided=True), parts(theirs))


@pytest.mark.parametrize("length", [None, 2, 7, 8, 12])
def test_the_inverse_of_half_a_dft_agrees_with_torch(length):
    x = normal(3, 5, 2)
    theirs = torch.fft.irfft(torch.view_as_complex(torch.from_numpy(x)), length, -1)
    agrees(run("dft", x, length=length, onesided=True, inverse=True)[..., 0], theirs)


@pytest.mark.parametrize("step", [1, 3, 16])
@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_stft_agrees_with_torch(step, onesided, weighted):
    x, window = normal(2, 41, 1), np.hanning(16) if weighted else np.ones(16)
    options = {"center": False, "onesided": onesided, "return_complex": True}
    theirs = torch.stft(*tensors(x[..., 0]), 16, step, window=torch.from_numpy(window), **options)
    given = (window, None) if weighted else (None, 16)
    ours = run("stft", x, given[0], frame_step=step, frame_length=given[1], onesided=onesided)
    agrees(ours, parts(theirs.transpose(1, 2)))


@pytest.mark.parametrize("word", ["hann", "hamming", "blackman"])
@pytest.mark.parametrize(
    ("size", "periodic"), [(1, False), *((n, p) for n in (2, 3, 8, 9) for p in (True, False))]
)
def test_windows_agree_with_torch(word, size, periodic):
    theirs = getattr(torch, f"{word}_window")(size, periodic, dtype=torch.float64)
    agrees(run(f"{word}_window", size=size, periodic=periodic, dtype="float64"), theirs)


def test_mel_bands_overlap_by_half():
    bank = run("mel_weight_matrix", num_mel_bins=10, dft_length=1024, sample_rate=16000)
    first, last = bank.argmax(0)[[0, -1]]
    np.testing.assert_allclose(bank[first : last + 1].sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("edges", [(-1.0, 4000.0), (300.0, 300.0), (0.0, 9000.0)])
def test_mel_bands_lie_between_0_and_half_the_sample_rate(edges):
    op = find_op("mel_weight_matrix")(4, 64, 16000, *edges)
    with pytest.raises(Mistake, match="they must lie between 0 and 8000"):
        op.check()


# ---------------------------------------------------------------------- tables of positions


def stretched(table, size, mode, antialias=False):
    """PyTorch's interpolation of a table [1, *rows, d]."""
    first = torch.from_numpy(np.moveaxis(table, -1, 1).copy())
    options = {"antialias": True} if antialias else {}
    return F.interpolate(first, size, mode=mode, align_corners=False, **options).movedim(1, -1)


@pytest.mark.parametrize("size", [(3, 4), (7, 5), (6, 9), (10, 2)])
@pytest.mark.parametrize(("mode", "theirs"), [("linear", "bilinear"), ("cubic", "bicubic")])
@pytest.mark.parametrize("antialias", [True, False])
def test_a_stretched_grid_of_positions_agrees_with_torch(size, mode, theirs, antialias):
    table, x = normal(1, 6, 5, 3), normal(2, *size, 3, seed=1)
    given = {"rows": 6, "columns": 5, "resize": mode, "antialias": antialias}
    ours = run("positional_2d", x, table, kind="learned", **given) - x
    agrees(ours[:1], stretched(table, size, theirs, antialias), 1e-6)


@pytest.mark.parametrize("length", [1, 4, 5, 11])
def test_stretched_positions_agree_with_torch(length):
    table, x = normal(1, 5, 3), normal(2, length, 3, seed=1)
    ours = run("positional", x, table, kind="learned", length=5, resize="linear") - x
    agrees(ours[:1], stretched(table, length, "linear"))
