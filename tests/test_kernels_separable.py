"""Prepared separable convolutions against their definition in double precision."""

from __future__ import annotations

import weakref
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework.ops
from framework.ir.kernel import How
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.numerics import panels, separable, separable_fill, separable_work
from framework.numerics.curves import ufunc
from framework.numerics.geometry import Geometry
from framework.numerics.separable import Separable
from framework.numerics.team import Team
from framework.numerics.windows import Windows
from framework.ops.convolution import Conv
from framework.ops.fused import FusedConv
from framework.ops.separable import BiasedFilters, FusedSeparable

FAMILIES = framework.ops.__path__
TEAMS = {threads: Team(threads) for threads in (1, 2, 3, 5)}
HOWS = [How(precision, TEAMS[n]) for precision in ("strict", "fast") for n in (1, 2, 3)]
ERROR = 2e-6
"""Of the largest result; measured up to 7e-7 in 1,500 random cases."""
CURVES = [
    None, "relu", "relu6", "silu", "gelu", "hard_swish", "leaky_relu", "hard_sigmoid", "sigmoid",
    "tanh", "mish", "elu",
]  # fmt: skip


@pytest.fixture(autouse=True)
def quiet():
    """What a session sees to: NaN and inf are results like others."""
    with np.errstate(all="ignore"):
        yield


def stage(head, activation=None, residual=False):
    """A convolution and what follows it."""
    return FusedConv(head, residual, None if activation is None else find_op(activation)())


def block(
    hidden, out, kernel=3, stride=1, pad=0, widens=True, biases=(True,) * 3, curves=(None,) * 3,
    residual=False, first=(1, 1, 0),
):  # fmt: skip
    """The operator; ``first`` are kernel, stride and pad of the convolution that widens."""
    wide, step, around = first
    widen = Conv(out=hidden, kernel=wide, stride=step, pad=around, bias=biases[0])
    depth = Conv(
        out=hidden, kernel=kernel, stride=stride, pad=pad, groups=hidden, bias=biases[1]
    )  # fmt: skip
    last = Conv(out=out, kernel=1, bias=biases[2])
    return FusedSeparable(
        stage(depth, curves[1]),
        stage(last, curves[2], residual),
        stage(widen, curves[0]) if widens else None,
    )


def arrays_for(op, shape, seed=0):
    """All arguments, random: results stay about as large as x."""
    rng = np.random.default_rng(seed)
    depth, last = op.depth.head, op.narrow.head
    kernel = tuple(axis.kernel for axis in depth.windows(2))
    first = (1, 1) if op.widen is None else [a.kernel for a in op.widen.head.windows(2)]
    taps = [(depth.out, shape[1], *first), (depth.out, 1, *kernel), (last.out, depth.out, 1, 1)]
    stages = [op.widen, op.depth, op.narrow]
    stored = []
    for one, weight in zip(stages, taps, strict=True):
        there = [one is not None, one is not None and one.head.bias]
        drawn = rng.standard_normal(weight) / np.sqrt(np.prod(weight[1:]))
        stored += [drawn if there[0] else None, rng.standard_normal(weight[0]) * there[1]]
        stored[-1] = stored[-1] if there[1] else None
    x, addend = rng.standard_normal(shape), None
    if op.widen is not None:
        stored[:2] = [BiasedFilters().compute(*stored[:2])]
    else:
        stored[:2] = [None]
    if op.narrow.residual:
        ports = ("x", "filters", "depth_weight", "depth_bias", "weight", "bias")
        given = dict(zip(ports, (x, *stored), strict=True))
        types = {p: TensorType(a.shape, "float32") for p, a in given.items() if a is not None}
        (output,) = op.infer(types).outputs
        addend = rng.standard_normal(output.shape)
    return [None if a is None else a.astype("float32") for a in (x, addend, *stored)]


def prepared(op, arrays, how):
    """The kernel for these arrays."""
    types = [None if x is None else TensorType(x.shape, x.dtype.name) for x in arrays]
    return op.prepare(types, how)


def run(kernel, arrays):
    """The result in memory that was poisoned; inputs must not change, what ran before not matter.

    The memory is bound once and used four times, at first and in between for NaN everywhere.
    """
    out = np.full(kernel.outputs[0].shape, np.nan, "float32")
    scratch = np.full(kernel.scratch, 255, np.uint8)  # NaN, whatever it is read as
    laid = [
        kernel.layouts[i](x) if i in kernel.layouts and x is not None else x
        for i, x in enumerate(arrays)
    ]
    before = [None if x is None else x.copy() for x in laid]
    bound = kernel.bound((out,), scratch)
    others = [None if x is None else np.full_like(x, np.nan) for x in laid]
    bound(*others)
    bound(*laid)
    first = out.copy()
    bound(*others)
    bound(*laid)
    np.testing.assert_array_equal(out, first)
    for x, old in zip(laid, before, strict=True):
        np.testing.assert_equal(x, old)
    return out


def exact(op, arrays):
    """The definition in double precision."""
    return op.compute(*(None if x is None else x.astype("float64") for x in arrays))


def check(op, arrays, how=HOWS[0]):
    """Compare with the definition, relative to the largest result; returns that error."""
    kernel, expected = prepared(op, arrays, how), exact(op, arrays)
    assert kernel.algorithm == "channels in turn"
    found = run(kernel, arrays)
    error = np.abs(found - expected).max() / max(np.abs(expected).max(), 1)
    assert error <= ERROR  # NaN as well
    return error


@st.composite
def windows(draw):
    """Kernel, stride and pad of the convolution that widens."""
    kernel, stride = (draw(st.tuples(*[st.integers(1, most)] * 2)) for most in (4, 3))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    return kernel, stride, draw(st.one_of(st.just("same_upper"), st.tuples(sides, sides)))


def seen(size, kernel, stride, pad):
    """Sizes of an image of which a convolution makes one of at least these."""
    if kernel == 1:
        return size
    pads = [0, 0] if isinstance(pad, str) else map(sum, pad)
    axes = zip(size, kernel, stride, pads, strict=True)
    return tuple(max(1, (n - 1) * step + k - p) for n, k, step, p in axes)


@st.composite
def cases(draw, longest=40, most=70):
    """An operator and the shape of its input."""
    kernel = draw(st.tuples(*[st.integers(1, 5)] * 2))
    stride = draw(st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * 2)))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    far = st.tuples(st.integers(0, 9), st.integers(0, 9))
    pads = [st.sampled_from(["same_upper", "same_lower"]), st.tuples(sides, sides)]
    pads += [st.tuples(far, far), st.just(((1, 2), (0, 3)))]
    pad = draw(st.one_of(pads))
    size = draw(st.tuples(*[st.integers(1, longest)] * 2))
    if not isinstance(pad, str):  # a whole window must fit
        size = tuple(max(n, k - sum(p)) for n, k, p in zip(size, kernel, pad, strict=True))
    hidden, inner, out = (draw(st.integers(1, most)) for _ in range(3))
    widens, first = draw(st.booleans()), draw(st.one_of(st.just((1, 1, 0)), windows()))
    if widens:
        size = seen(size, *first)
    op = block(
        hidden, out, kernel, stride, pad, widens, first=first,
        biases=draw(st.tuples(*[st.booleans()] * 3)),
        curves=draw(st.tuples(*[st.sampled_from(CURVES)] * 3)),
        residual=draw(st.booleans()),
    )  # fmt: skip
    return op, (draw(st.integers(1, 3)), inner if widens else hidden, *size)


@settings(max_examples=200, deadline=None)
@given(cases(), st.sampled_from(HOWS))
def test_any_block_agrees_with_its_definition(case, how):
    op, shape = case
    check(op, arrays_for(op, shape), how)


SMALL = {
    "TILE": [1, 300, 3000, 1 << 19],
    "ROWS": [1, 2, 8],
    "NARROW": [1, 3, 16, 32],
    "FEW_POSITIONS": [0, 20, 1 << 20],
    "MORE": [1.2, 100.0],
    "FEW_HIDDEN": [0, 80],
    "RUN": [1, 40, 2048],
    "LANES": [1, 4],
    "WAKE": [0.0, 2e4, 1e6],
    "LEAST": [0.0],
}
"""Numbers of pieces, stretches and threads that only large images have otherwise."""


def home(name):
    """The module of a constant."""
    return separable_work if hasattr(separable_work, name) else separable


@settings(max_examples=300, deadline=None)
@given(
    cases(longest=16, most=40), st.sampled_from([How(team=team) for team in TEAMS.values()]),
    st.fixed_dictionaries({name: st.sampled_from(found) for name, found in SMALL.items()}),
    st.sampled_from([1, 64, 1 << 17]),
)  # fmt: skip
def test_any_block_in_many_pieces_agrees(case, how, constants, elements):
    op, shape = case
    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(home(name), name, value)
        patch.setattr(separable_fill, "BLOCK", elements)
        check(op, arrays_for(op, shape), how)


def piecemeal(patch):
    """Few rows and channels at a time, by all threads."""
    for name, value in {"TILE": 600, "ROWS": 2, "NARROW": 5, "LEAST": 0.0, "WAKE": 0.0}.items():
        patch.setattr(home(name), name, value)


@pytest.mark.parametrize("rows", range(1, 12))
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 1, 1), (3, 2, 1), (5, 1, 4), (2, 3, 2)])
@pytest.mark.parametrize("widens", [True, False])
def test_the_last_rows_may_be_any_number(rows, kernel, stride, pad, widens, monkeypatch):
    piecemeal(monkeypatch)
    op = block(8, 3, kernel, stride, pad, widens, curves=("relu6", "silu", None))
    check(op, arrays_for(op, (1, 8, rows, 6)), How(team=TEAMS[2]))


def test_the_last_rows_may_see_nothing_but_the_pad():
    op = block(32, 8, 3, 1, 1, curves=("relu6", "relu6", None))
    check(op, arrays_for(op, (1, 8, 113, 143)))


@pytest.mark.parametrize(
    "first", [(3, 2, 1), (3, 1, 1), (2, 2, 0), ((1, 5), (1, 3), ((0, 0), (4, 0)))]
)
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [(25, 19), (57, 60)])
@pytest.mark.parametrize("stride", [1, 2])
def test_windows_may_be_widened(first, threads, size, stride, monkeypatch):
    monkeypatch.setattr(separable_work, "LEAST", 0.0)
    op = block(32, 8, 3, stride, 1, curves=("relu6", "relu6", None), residual=True, first=first)
    check(op, arrays_for(op, (1, 3, *size)), How(team=TEAMS[threads]))


LARGE_BLOCKS = {
    "one image, more channels than at a time": ((1, 24, 40, 40), 144, 24, 3, 1, 1),
    "halved": ((1, 16, 64, 64), 96, 24, 3, 2, 1),
    "many channels, few positions": ((1, 160, 7, 7), 960, 160, 3, 1, 1),
    "one row": ((1, 2, 1, 5000), 20, 3, (1, 3), 1, (0, 1)),
    "wide rows, longer than a block": ((1, 2, 9, 5000), 32, 3, 3, 1, 1),
    "five by five": ((2, 40, 28, 28), 120, 40, 5, 2, 2),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", LARGE_BLOCKS)
def test_blocks_as_models_have_them_agree(case, threads):
    shape, hidden, out, kernel, stride, pad = LARGE_BLOCKS[case]
    residual = stride == 1 and shape[1] == out
    curves = ("relu6", "hard_swish", None)
    op = block(hidden, out, kernel, stride, pad, curves=curves, residual=residual)
    check(op, arrays_for(op, shape), How(team=TEAMS[threads]))


@pytest.mark.parametrize("widens", [True, False])
@pytest.mark.parametrize("pieces", [True, False])
def test_inputs_may_be_views(widens, pieces, monkeypatch):
    if pieces:
        piecemeal(monkeypatch)
    op = block(12, 5, 3, 2, 1, widens, residual=True)
    x, addend, *stored = arrays_for(op, (2, 12, 20, 22))
    turned = [
        np.ascontiguousarray(a.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1) for a in (x, addend)
    ]
    repeated = [np.repeat(a, 2, axis=1)[:, ::2] for a in (x, addend)]
    backwards = [a[:, :, ::-1] for a in (x, addend)]
    for views in (turned, repeated, backwards):
        check(op, (*views, *stored), How(team=TEAMS[3]))


def test_what_is_added_may_be_the_input():
    op = block(30, 6, 3, 1, 1, residual=True)
    x, _, *stored = arrays_for(op, (2, 6, 9, 11))
    check(op, (x, x, *stored))


@pytest.mark.parametrize("threads", TEAMS)
def test_the_order_of_threads_does_not_matter(threads):
    op = block(96, 16, 3, 1, 1, curves=("relu6",) * 3)
    arrays = arrays_for(op, (1, 16, 48, 48))
    kernel = prepared(op, arrays, How(team=TEAMS[threads]))
    first = run(kernel, arrays)
    for _ in range(5):
        np.testing.assert_array_equal(run(kernel, arrays), first)


@pytest.mark.parametrize("widens", [True, False])
def test_an_input_is_not_kept(widens):
    op = block(20, 7, 3, 1, 1, widens)
    x, *stored = arrays_for(op, (1, 20, 12, 12))
    kernel = prepared(op, [x, *stored], How())
    laid = [kernel.layouts.get(i, np.asarray)(a) if a is not None else None
            for i, a in enumerate([x, *stored])]  # fmt: skip
    out = np.empty(kernel.outputs[0].shape, "float32")
    bound = kernel.bound((out,), np.empty(kernel.scratch, np.uint8))
    bound(*laid)
    seen = weakref.ref(x)
    del x, laid
    assert seen() is None


def test_precision_changes_nothing():
    op = block(20, 7, 3, 1, 1)
    arrays = arrays_for(op, (1, 5, 12, 12))
    strict, fast = (run(prepared(op, arrays, How(name)), arrays) for name in ("strict", "fast"))
    np.testing.assert_array_equal(strict, fast)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pieces", [True, False])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (4, 2), ((3, 2), (2, 1)), (3, 3)])
def test_what_is_not_finite_stays_within_its_windows(value, pieces, kernel, stride, monkeypatch):
    if pieces:
        piecemeal(monkeypatch)
    op = block(9, 4, kernel, stride, 2)
    arrays = arrays_for(op, (1, 3, 13, 14))
    arrays[0][0, 1, 6, 7] = value
    found = run(prepared(op, arrays, How(team=TEAMS[2])), arrays)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(exact(op, arrays)))
    assert not np.isfinite(found).all()


def test_other_types_are_left_to_the_definition():
    op = block(8, 4)
    arrays = arrays_for(op, (1, 3, 9, 9))
    for dtype in ("float64", "float16"):
        cast = [None if a is None else a.astype(dtype) for a in arrays]
        assert prepared(op, cast, How()) is None
    assert prepared(op, [arrays[0][:0], *arrays[1:]], How()) is None


def test_signals_are_left_to_the_definition():
    depth, last = Conv(out=4, kernel=3, groups=4), Conv(out=2, kernel=1)
    op = FusedSeparable(stage(depth), stage(last))
    rng = np.random.default_rng(0)
    shapes = [(1, 4, 9), None, None, (4, 1, 3), (4,), (2, 4, 1), (2,)]
    arrays = [None if s is None else rng.standard_normal(s).astype("float32") for s in shapes]
    assert prepared(op, arrays, How()) is None
    assert op.compute(*arrays).shape == (1, 2, 7)


# ------------------------------------------------------------------ who does what


def plan_of(hidden, threads, size=(64, 64), batch=1, inner=16):
    """A plan for a 3 x 3 depthwise convolution."""
    shape = (batch, hidden, *size)
    windows = Windows((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    team = Team(threads)  # starts no thread before it works
    around = Windows((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))
    widen = Geometry((batch, inner, *size), shape, around)
    return Separable(Geometry(shape, shape, windows, hidden), widen, 8, team)


@pytest.mark.parametrize("wake", [0.0, separable_work.WAKE, 1e9])
@pytest.mark.parametrize("least", [0.0, separable_work.LEAST])
@pytest.mark.parametrize("size", [(64, 64), (20, 20)])
def test_each_channel_and_row_is_done_once(wake, least, size, monkeypatch):
    monkeypatch.setattr(separable_work, "WAKE", wake)
    monkeypatch.setattr(separable_work, "LEAST", least)
    for hidden, threads in product(range(1, 301), range(1, 17)):
        plan = plan_of(hidden, threads, size)
        channels = [n for s in plan.shares for n in range(s.channels.start, s.channels.stop)]
        rows = [n for s in plan.shares for n in range(s.rows.start, s.rows.stop)]
        alike = [channels[:hidden], rows] if plan.by_rows else [channels, rows[: size[0]]]
        assert alike == [list(range(hidden)), list(range(size[0]))]
        assert len(channels) * len(rows) == hidden * size[0] * len(plan.shares)
        assert min(min(map(separable_work.length, share)) for share in plan.shares) > 0
        assert plan.widest == separable_work.length(plan.shares[0].channels)
        assert plan.highest == separable_work.length(plan.shares[0].rows)
        assert len(plan.shares) == plan.workers <= threads


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 300), st.integers(1, 16), st.tuples(*[st.integers(1, 300)] * 2),
    st.integers(1, 5), st.sampled_from([10, 1000, 1 << 19]), st.sampled_from([1, 7, 32]),
)  # fmt: skip
def test_each_channel_is_in_one_piece(hidden, threads, size, batch, tile, narrow):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separable, "TILE", tile)
        patch.setattr(separable, "NARROW", narrow)
        plan = plan_of(hidden, threads, size, batch)
        assert [n for p in plan.taken for n in range(p.start, p.stop)] == list(range(hidden))
        assert all(0 < p.stop - p.start <= plan.most for p in plan.taken)
        assert 1 <= plan.rows <= plan.highest <= size[0]
        assert size[1] % plan.together == 0
        assert plan.scratch == plan.size * plan.workers


def test_small_work_and_many_images_are_not_shared():
    assert plan_of(64, 4, (3, 3)).by_image
    assert plan_of(64, 4, batch=4).by_image
    assert not plan_of(64, 4, batch=3).by_image
    assert len(plan_of(64, 4).shares) == len(plan_of(256, 4, (20, 20)).shares) == 4


def test_large_images_are_shared_by_rows_and_padded_first():
    large, small = plan_of(64, 2), plan_of(64, 2, (20, 20))
    assert (large.by_rows, small.by_rows) == (True, False)
    assert (large.way, small.way) == ("padded", "widened")
    assert replace(large, widen=None).way == "turned"
    ones = ufunc(lambda x, out: np.copyto(out, 1))
    assert replace(large, curves=(ones, None)).way == "widened"


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize("most", [100, 5000, panels.MOST])
@pytest.mark.parametrize("few", [0, 400, panels.FEW])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_panels_agree(available, most, few, threads, monkeypatch):
    monkeypatch.setattr(panels, "available", lambda: available)
    monkeypatch.setattr(panels, "MOST", most)
    monkeypatch.setattr(panels, "FEW", few)
    monkeypatch.setattr(separable_work, "LEAST", 0.0)
    for size, hidden, out in product([(30, 20), (9, 11)], [96, 25], [32, 48, 5]):
        op = block(hidden, out, 3, 1, 1, curves=("relu6", "silu", None))
        check(op, arrays_for(op, (1, 8, *size)), How(team=TEAMS[threads]))
