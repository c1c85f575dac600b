"""Pooling to a size, places of maxima, unfolding, sampling on grids: against PyTorch."""

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
ADAPTIVE_AVG = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
ADAPTIVE_MAX = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
UNPOOLS = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)
KERNELS = [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)]
TORCH_MODES = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def run(name, *arrays, **attributes):
    """The results, once their types agree with what inference says."""
    op = find_op(name)(**attributes)
    op.check()
    ports = zip(op.ports.inputs, arrays, strict=False)
    types = {p.name: TensorType(a.shape, str(a.dtype)) for p, a in ports if a is not None}
    inferred = op.infer(types)
    assert all(condition.verdict().always for condition in inferred.conditions)
    found = op.compute(*arrays)
    several = found if isinstance(found, tuple) else (found,)
    assert [TensorType(y.shape, str(y.dtype)) for y in several] == list(inferred.outputs)
    return found


def agrees(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=tolerance, atol=tolerance)


def tensors(*arrays):
    return [torch.tensor(a) for a in arrays]


# ---------------------------------------------------------------------- pooling


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 13])
def test_adaptive_pools_agree_with_torch(rank, size):
    x = normal(*SHAPES[rank])
    agrees(run("adaptive_avg_pool", x, output_size=size), ADAPTIVE_AVG[rank - 1](*tensors(x), size))
    agrees(run("adaptive_max_pool", x, output_size=size), ADAPTIVE_MAX[rank - 1](*tensors(x), size))


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)), bins=st.tuples(*[st.integers(1, 9)] * 2)
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_adaptive_mean_agrees_with_torch_for_any_size(size, bins):
    x = normal(2, 3, *size)
    agrees(run("adaptive_avg_pool", x, output_size=bins), F.adaptive_avg_pool2d(*tensors(x), bins))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "pad"), KERNELS)
def test_places_of_maxima_agree_with_torch(rank, kernel, stride, pad):
    x = np.round(normal(*SHAPES[rank]) * 2)  # with many equal elements
    ours = run("max_pool_with_indices", x, kernel=kernel, stride=stride, pad=pad)
    theirs = MAX_POOLS[rank - 1](*tensors(x), kernel, stride, pad, return_indices=True)
    for found, expected in zip(ours, theirs, strict=True):
        agrees(found, expected)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(2, 2, 0), (3, 3, 1), (2, 3, 0)])
@pytest.mark.parametrize("given_size", [False, True])
def test_unpooling_agrees_with_torch(rank, kernel, stride, pad, given_size):
    x, window = normal(*SHAPES[rank]), {"kernel": kernel, "stride": stride, "pad": pad}
    size = x.shape[2:] if given_size else None
    if not given_size:  # only what the windows cover, or places would lie outside
        x = x[(..., *(slice(covered(n, kernel, stride, pad)) for n in x.shape[2:]))]
    y, places = run("max_pool_with_indices", x, **window)
    ours = run("max_unpool", y, places, output_size=size, **window)
    agrees(ours, UNPOOLS[rank - 1](*tensors(y, places), kernel, stride, pad, size))


def covered(size, kernel, stride, pad):
    return (size + 2 * pad - kernel) // stride * stride + kernel - 2 * pad


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_lp_pool_agrees_with_torch(p, ceil_mode):
    x = np.abs(normal(2, 3, 8, 10))
    ours = run("lp_pool", x, kernel=(2, 5), p=p, ceil_mode=ceil_mode)
    agrees(ours, F.lp_pool2d(*tensors(x), p, (2, 5), ceil_mode=ceil_mode))


# ---------------------------------------------------------------------- columns


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_unfold_and_fold_agree_with_torch_for_any_attributes(data):
    drawn = [[data.draw(st.integers(low, high)) for _ in "hw"] for low, high in
             ((1, 3), (1, 3), (0, 2), (1, 2), (1, 8))]  # fmt: skip
    kernel, stride, pad, dilation, size = map(tuple, drawn)
    sides = zip(size, pad, kernel, dilation, strict=True)
    assume(all(n + 2 * p > d * (k - 1) for n, p, k, d in sides))
    x, window = normal(2, 3, *size), {"kernel": kernel, "stride": stride, "pad": pad}
    columns = run("unfold", x, dilation=dilation, **window)
    agrees(columns, F.unfold(*tensors(x), kernel, dilation, pad, stride))
    image = run("fold", columns, output_size=size, dilation=dilation, **window)
    agrees(image, F.fold(*tensors(columns), size, kernel, dilation, pad, stride))


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
@pytest.mark.parametrize(("length", "step"), [(1, 1), (3, 1), (2, 3), (4, 2)])
def test_frames_agree_with_torch(axis, length, step):
    x = normal(5, 6, 7)
    agrees(
        run("frame", x, axis=axis, length=length, step=step),
        torch.from_numpy(x).unfold(axis, length, step),
    )


# ---------------------------------------------------------------------- sampling


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_sampling_of_images_agrees_with_torch(mode, outside, corners):
    x, grid = normal(2, 3, 4, 5), normal(2, 9, 8, 2) * 2
    ours = run("grid_sample", x, grid, mode=mode, padding_mode=outside, align_corners=corners)
    theirs = F.grid_sample(*tensors(x, grid), TORCH_MODES[mode], outside, corners)
    agrees(ours, theirs, 1e-10)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_sampling_of_volumes_agrees_with_torch(mode, outside, corners):
    x, grid = normal(2, 3, 4, 5, 6), normal(2, 3, 8, 7, 3) * 2
    ours = run("grid_sample", x, grid, mode=mode, padding_mode=outside, align_corners=corners)
    theirs = F.grid_sample(*tensors(x, grid), TORCH_MODES[mode], outside, corners)
    agrees(ours, theirs, 1e-10)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0")  # on purpose: a grid of one row
@pytest.mark.parametrize("size", [(4, 5), (3, 4, 5), (1, 7)])
@pytest.mark.parametrize("corners", [False, True])
def test_affine_grid_agrees_with_torch(size, corners):
    theta = normal(2, len(size), len(size) + 1)
    theirs = F.affine_grid(*tensors(theta), [2, 3, *size], corners)
    agrees(run("affine_grid", theta, output_size=size, align_corners=corners), theirs)


def test_sampling_nowhere_or_infinitely_far_away_gives_zero():
    grid = np.array([[[np.nan], [np.inf], [-np.inf], [1e300]]])
    y = run("grid_sample", np.ones((1, 1, 3)), grid)
    np.testing.assert_array_equal(y, np.zeros((1, 1, 4)))


# ---------------------------------------------------------------------- resizing


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(4, 3), (17, 5), (9, 20)])
def test_resizing_against_aliasing_agrees_with_torch(mode, size):
    x = normal(2, 3, 9, 10)
    ours = run("resize", x, sizes=size, axes=(2, 3), mode=mode.removeprefix("bi"), antialias=True,
               exclude_outside=True, cubic_coeff_a=-0.5)  # fmt: skip
    theirs = F.interpolate(torch.from_numpy(x), size, mode=mode, antialias=True)
    agrees(ours, theirs, 1e-6)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(4, 3), (17, 5), (1, 20)])
def test_cubic_resizing_agrees_with_torch(corners, size):
    x = normal(2, 3, 9, 10)
    rule = "align_corners" if corners else "half_pixel"
    ours = run("resize", x, sizes=size, axes=(2, 3), mode="cubic", coordinates=rule)
    theirs = F.interpolate(torch.from_numpy(x), size, mode="bicubic", align_corners=corners)
    agrees(ours, theirs, 1e-10)


# ---------------------------------------------------------------------- convolution


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "pad", "dilation"), [(3, 1, 1, 1), (2, 2, 1, 2)])
def test_a_deformed_convolution_without_offsets_is_a_convolution(
    groups, kernel, stride, pad, dilation
):
    x, weight = normal(2, 4, 7, 8), normal(6, 4 // groups, kernel, kernel)
    shared = {"out": 6, "kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation,
              "groups": groups, "bias": False}  # fmt: skip
    plain = run("conv", x, weight, **shared)
    offset = np.zeros((2, 2 * 2 * kernel**2, *plain.shape[2:]))
    deformed = run("deform_conv", x, offset, None, weight, offset_groups=2, **shared)
    np.testing.assert_allclose(deformed, plain, rtol=1e-10, atol=1e-10)


def test_a_deformed_convolution_reads_where_the_grid_says():
    x, grid = normal(2, 3, 5, 6), normal(2, 5, 6, 2)
    rows, columns = np.mgrid[:5, :6]
    u, v = grid[..., 0], grid[..., 1]
    offset = np.stack([((v + 1) * 5 - 1) / 2 - rows, ((u + 1) * 6 - 1) / 2 - columns], 1)
    weight = np.eye(3).reshape(3, 3, 1, 1)
    ours = run("deform_conv", x, offset, None, weight, out=3, kernel=1, bias=False)
    agrees(ours, F.grid_sample(*tensors(x, grid), align_corners=False), 1e-10)


@given(parts=st.lists(st.integers(1, 4), min_size=1, max_size=4), dilation=st.integers(1, 3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_causal_convolution_may_be_computed_piece_by_piece(parts, dilation):
    x, weight = normal(2, 4, sum(parts)), normal(6, 2, 3)
    options = {"out": 6, "kernel": 3, "groups": 2, "dilation": dilation, "bias": False}
    whole, end = run("causal_conv", x, None, weight, **options)
    state, pieces = None, []
    for part in np.split(x, np.cumsum(parts)[:-1], 2):
        y, state = run("causal_conv", part, state, weight, **options)
        pieces.append(y)
    np.testing.assert_allclose(np.concatenate(pieces, 2), whole, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(state, end)
