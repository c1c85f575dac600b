"""Prepared convolutions and pools against their definitions in double precision."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework.ops
from framework.ir.kernel import How
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.numerics.geometry import Geometry
from framework.numerics.kernel_rows import KernelRows
from framework.numerics.team import Team
from framework.numerics.windows import Windows
from framework.ops.convolution import Conv, ConvTranspose
from framework.ops.fused import FusedConv
from framework.ops.pooling import AvgPool, MaxPool

FAMILIES = framework.ops.__path__
HOWS = [How("strict"), How("strict", Team(2)), How("fast"), How("fast", Team(2))]
ERROR = {"strict": 2e-6, "fast": 4e-5}
"""Measured, of the largest result before the activation: strict 9e-7, fast (F(4x4)) 1.1e-5."""
each_how = pytest.mark.parametrize("how", HOWS, ids=lambda h: f"{h.precision}-{h.team.threads}")


@pytest.fixture(autouse=True)
def quiet():
    """What a session sees to: NaN and inf are results like others.

    Which algorithm is chosen does not depend on the processor here.
    """
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework.ops.convolving.available", lambda: False)
        yield


def randoms(seed, *shapes):
    """Normal numbers."""
    rng = np.random.default_rng(seed)
    return [None if s is None else rng.standard_normal(s).astype("float32") for s in shapes]


def prepared(op, arrays, how):
    """The kernel for these arrays."""
    types = [None if x is None else TensorType(x.shape, x.dtype.name) for x in arrays]
    return op.prepare(types, how)


def run(kernel, arrays):
    """The result in memory that was poisoned; inputs must not change."""
    out = np.full(kernel.outputs[0].shape, np.nan, "float32")
    scratch = np.full(kernel.scratch, 255, np.uint8)  # NaN, whatever it is read as
    laid = [kernel.layouts[i](x) if i in kernel.layouts else x for i, x in enumerate(arrays)]
    before = [None if x is None else x.copy() for x in laid]
    kernel.run(laid, (out,), scratch)
    for x, old in zip(laid, before, strict=True):
        np.testing.assert_equal(x, old)
    return out


def exact(op, arrays):
    """The definition in double precision."""
    return op.compute(*(None if x is None else x.astype("float64") for x in arrays))


def check(op, arrays, how, scale=None):
    """Compare with the definition, relative to the largest result; returns the algorithm."""
    kernel, expected = prepared(op, arrays, how), exact(op, arrays)
    found = run(kernel, arrays)
    largest = max(np.abs(expected).max(), 1) if scale is None else scale
    assert np.abs(found - expected).max() <= ERROR[how.precision] * largest
    return kernel.algorithm


def convolution(op, size, channels, seed=0, batch=1):
    """x, weight and bias."""
    shape = (batch, channels, *size)
    kernel = op.kernel if isinstance(op.kernel, tuple) else (op.kernel,) * len(size)
    weight = (op.out, channels // op.groups, *kernel)
    x, weight, bias = randoms(seed, shape, weight, (op.out,) if op.bias else None)
    return x, weight / np.float32(np.sqrt(weight[0].size)), bias


def followed(head, size, channels, residual, name, batch=1):
    """A convolution with what follows it, its arrays, and the largest result before that."""
    x, weight, bias = convolution(head, size, channels, batch=batch)
    y = head.compute(x, weight, bias)
    addend = randoms(1, y.shape)[0] if residual else None
    op = FusedConv(head, residual, None if name is None else find_op(name)())
    return op, (x, addend, weight, bias), np.abs(y).max()


def views_of(x):
    """The same numbers, or others, in memory that is no run of rows."""
    yield np.ascontiguousarray(x.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1)
    yield np.repeat(x, 2, axis=1)[:, ::2]
    yield x[:, :, ::-1]


@st.composite
def convolutions(draw):
    """A convolution and the sizes of its input; more rows than a block in some."""
    groups, inner, filters = (draw(st.integers(1, n)) for n in (3, 5, 5))
    if draw(st.booleans()):  # depthwise
        groups, inner, filters = draw(st.sampled_from([1, 3, 20, 70])), 1, 1
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    low = st.tuples(st.integers(1, 2), st.integers(1, 2))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    pads = [st.just("same_upper"), st.just("same_lower"), st.tuples(sides, sides)]
    op = Conv(
        out=groups * filters, kernel=draw(pair), stride=draw(pair), dilation=draw(low),
        pad=draw(st.one_of(pads)), groups=groups, bias=draw(st.booleans()),
    )  # fmt: skip
    size = draw(st.tuples(st.integers(7, 40), st.integers(7, 40)))
    return op, size, groups * inner


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.sampled_from(HOWS), st.integers(1, 3))
def test_any_convolution_agrees_with_its_definition(case, how, batch):
    op, size, channels = case
    check(op, convolution(op, size, channels, batch=batch), how)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 60), st.integers(20, 150)), st.integers(1, 9), st.integers(1, 3),
    st.integers(1, 3), st.integers(0, 4), st.sampled_from(HOWS), st.integers(1, 2),
)  # fmt: skip
def test_depthwise_convolutions_of_wide_images_agree(
    size, kernel, stride, dilation, pad, how, batch
):
    span = dilation * (kernel - 1) + 1
    size = tuple(max(n, span - 2 * pad) for n in size)
    op = Conv(
        out=3, kernel=kernel, stride=stride, dilation=dilation, pad=min(pad, span - 1), groups=3
    )
    if min(size) + 2 * op.pad >= span:
        assert check(op, convolution(op, size, 3, batch=batch), how) == "banded matrices"


@each_how
def test_depthwise_convolutions_of_large_images_agree(how):
    op = Conv(out=40, kernel=3, stride=2, pad=1, groups=40)
    check(op, convolution(op, (300, 410), 40), how)


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(*[st.integers(1, 37)] * 2), st.tuples(*[st.integers(16, 70)] * 2),
    st.tuples(*[st.integers(0, 2)] * 2), st.sampled_from(HOWS),
)  # fmt: skip
def test_three_by_three_agrees_for_all_sizes(size, channels, pad, how):
    size = tuple(max(n, 3 - 2 * p) for n, p in zip(size, pad, strict=True))
    op = Conv(out=channels[1], kernel=3, pad=pad)
    name = "kernel rows" if channels[0] >= 32 else "unfolded windows"
    assert check(op, convolution(op, size, channels[0]), how) == name


@each_how
def test_winograd_of_an_image_in_many_blocks_agrees(how):
    op = Conv(out=32, kernel=3, pad=1)
    assert "winograd" in check(op, convolution(op, (131, 128), 64), how)


@each_how
@pytest.mark.parametrize(
    ("op", "size", "channels", "algorithm"),
    [
        (Conv(out=33, kernel=1), (70, 90), 17, "direct product"),
        (Conv(out=300, kernel=1, stride=2), (7, 9), 20, "direct product"),
        (Conv(out=16, kernel=7, stride=2, pad=3), (96, 90), 3, "unfolded windows"),
        (Conv(out=96, kernel=16, stride=16), (80, 113), 3, "direct product"),
        (Conv(out=20, kernel=(2, 3), stride=(4, 3)), (41, 37), 40, "direct product"),
        (Conv(out=24, kernel=3, stride=2, pad=1), (64, 64), 40, "kernel rows"),
        (Conv(out=520, kernel=5, pad=2, groups=520), (9, 7), 520, "banded matrices"),
        (Conv(out=40, kernel=3, pad=1, groups=40), (64, 64), 40, "banded matrices"),
        (Conv(out=12, kernel=3, pad=1, groups=4), (30, 31), 8, "unfolded windows"),
        (Conv(out=6, kernel=3, stride=2, pad=1), (50,), 5, "unfolded windows"),
    ],
)  # fmt: skip
def test_algorithm_is_chosen_by_size(how, op, size, channels, algorithm):
    assert check(op, convolution(op, size, channels), how) == algorithm


@each_how
@pytest.mark.parametrize("name", ["relu", "relu6", "silu", None])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_what_follows_is_done_tile_by_tile(how, name, kernel):
    head = Conv(out=18, kernel=kernel, pad=kernel // 2)
    x, weight, bias = convolution(head, (21, 30), 16)
    (addend,) = randoms(1, head.compute(x, weight, bias).shape)
    op = FusedConv(head, True, None if name is None else find_op(name)())
    check(op, (x, addend, weight, bias), how, scale=np.abs(head.compute(x, weight, bias)).max())


@each_how
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 16])
def test_inputs_may_be_views(how, kernel, groups):
    op = Conv(out=16, kernel=kernel, groups=groups)
    x, weight, bias = convolution(op, (20, 22), 16, batch=2)
    turned = np.ascontiguousarray(x.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1)
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    for view in (turned, wide, x[:, :, ::-1]):
        check(op, (view, weight, bias), how)


def test_strict_never_takes_tiles_of_four():
    op = Conv(out=64, kernel=3, pad=1)
    arrays = convolution(op, (80, 80), 64)
    assert prepared(op, arrays, How("strict")).algorithm == "winograd f2"
    assert prepared(op, arrays, How("fast")).algorithm == "winograd f4"


@each_how
def test_result_is_the_same_every_time(how):
    op = Conv(out=20, kernel=3, pad=1)
    arrays = convolution(op, (40, 40), 16)
    kernel = prepared(op, arrays, how)
    np.testing.assert_array_equal(run(kernel, arrays), run(kernel, arrays))


def test_other_dtypes_are_left_to_the_definition():
    op = Conv(out=4, kernel=3)
    arrays = [x.astype("float64") for x in convolution(op, (9, 9), 3)]
    assert prepared(op, arrays, How()) is None


@each_how
@pytest.mark.parametrize("kernel", [(2, 2), (1, 3), (4, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_transposed_convolution_side_by_side_agrees(how, kernel, bias):
    op = ConvTranspose(out=5, kernel=kernel, stride=kernel, bias=bias)
    x, weight, offset = randoms(0, (2, 7, 33, 40), (7, 5, *kernel), (5,) if bias else None)
    check(op, (x, weight, offset), how)
    check(op, (x[:, :, ::-1, ::2], weight, offset), how)


@pytest.mark.parametrize(
    "op",
    [
        ConvTranspose(out=3, kernel=3, stride=2),
        ConvTranspose(out=3, kernel=2, stride=2, pad=1),
        ConvTranspose(out=3, kernel=2, stride=2, output_pad=1),
        ConvTranspose(out=4, kernel=2, stride=2, groups=2),
    ],
)
def test_overlapping_or_cut_transposed_convolution_is_left_to_the_definition(op):
    x, weight = randoms(0, (1, 4, 5, 6), (4, op.out // op.groups, op.kernel, op.kernel))
    assert prepared(op, (x, weight, None), How()) is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([MaxPool, AvgPool]), st.lists(st.integers(9, 40), min_size=1, max_size=3),
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(1, 2), st.booleans(),
    st.sampled_from(HOWS),
)  # fmt: skip
def test_any_pool_agrees_with_its_definition(cls, size, kernel, stride, pad, apart, up, how):
    pad = min(pad, apart * (kernel - 1))
    op = cls(kernel=kernel, stride=stride, pad=pad, dilation=apart, ceil_mode=up)
    (x,) = randoms(0, (2, 3, *size))
    check(op, (x,), how)
    check(op, (x.swapaxes(0, 1),), how)


def test_average_without_pads_divides_by_what_is_there():
    op = AvgPool(kernel=3, stride=2, pad=1, count_include_pad=False)
    check(op, randoms(0, (2, 40, 31, 33)), How("strict", Team(2)))


@each_how
def test_maximum_of_nan_is_nan(how):
    x = np.full((1, 3, 8, 8), np.nan, "float32")
    assert np.isnan(run(prepared(MaxPool(kernel=2), (x,), how), (x,))).all()


@pytest.mark.parametrize(
    ("op", "channels", "size"),
    [
        (Conv(out=64, kernel=1), 64, 14),  # direct
        (Conv(out=64, kernel=3, pad=1), 64, 14),  # by rows of the kernel
        (Conv(out=16, kernel=3, pad=1), 16, 96),  # Winograd
        (Conv(out=8, kernel=3, groups=8), 8, 14),  # banded matrices
        (Conv(out=8, kernel=7), 3, 14),  # unfolded windows
        (ConvTranspose(out=8, kernel=2, stride=2), 8, 14),  # taps in place
        (MaxPool(kernel=3, stride=2), 8, 14),
    ],
)
@pytest.mark.parametrize("team", [Team(1), Team(2)], ids=lambda team: team.threads)
def test_an_enormous_batch_costs_nothing_before_it_runs(op, channels, size, team):
    x = TensorType((10**9, channels, size, size))
    types = [x, *op.infer({"x": x}).parameters.values()]
    tracemalloc.start()
    try:
        kernel = op.prepare(types, How(team=team))
        assert kernel.scratch < 10**8
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("size", "tasks"), [((1, 9000), 2), ((9000, 1), 2), ((2, 4000), 2)])
def test_threads_share_images_of_few_rows(size, tasks):
    shape = Geometry((1, 64, *size), (1, 64, *size), Windows((1, 1), (1, 1), (1, 1), ((0, 0),) * 2))
    plan = KernelRows(shape, Team(2))
    assert (plan.workers.threads, len(plan.tasks)) == (2, tasks)
