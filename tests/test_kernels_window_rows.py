"""Convolutions by windows as rows against their definition, wherever BLAS has the kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels_convolution import (
    check,
    convolution,
    exact,
    followed,
    prepared,
    views_of,
)

from framework.ir.kernel import How
from framework.ir.types import TensorType
from framework.numerics import panels, tiles, window_rows
from framework.numerics.team import Team
from framework.ops.convolution import Conv

NAME = "window rows"
TEAMS = [Team(threads) for threads in (1, 2, 3)]


@pytest.fixture(autouse=True)
def there():
    """As on a processor for which BLAS has kernels for small matrices."""
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework.ops.convolving.available", lambda: True)
        yield


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.threads)
@pytest.mark.parametrize(
    ("op", "size", "channels"),
    [
        (Conv(out=64, kernel=3, pad=1), (56, 56), 64),
        (Conv(out=64, kernel=3, stride=2, pad=1), (56, 57), 33),
        (Conv(out=32, kernel=3, pad=1), (64, 64), 60),  # planes that alias
        (Conv(out=32, kernel=3, pad=1), (32, 32), 60),
        (Conv(out=96, kernel=3, pad=1), (14, 14), 48),  # threads share the filters
        (Conv(out=32, kernel=3, pad=1), (7, 7), 600),  # a window is multiplied in two parts
        (Conv(out=64, kernel=3, pad=1), (20, 20), 1200),  # and in three
        (Conv(out=32, kernel=(5, 2), stride=(3, 1), pad=((2, 0), (0, 1))), (31, 48), 60),
        (Conv(out=32, kernel=3, dilation=(2, 3), pad=(2, 3)), (25, 62), 60),
        (Conv(out=32, kernel=3, pad="same_upper", stride=2), (25, 61), 60),
        (Conv(out=32, kernel=3, pad=5), (3, 4), 100),  # windows that see nothing
        (Conv(out=64, kernel=9, pad=4), (300,), 40),
        (Conv(out=64, kernel=3, bias=False), (30, 30), 40),
    ],
)
def test_middle_sized_images_agree(team, op, size, channels):
    for batch in (1, 3):
        arrays = convolution(op, size, channels, batch=batch)
        assert check(op, arrays, How(team=team)) == NAME


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*[st.integers(1, 20)] * 2), st.sampled_from([1, 7, 16, 20]), st.integers(1, 3),
    st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(1, 2)] * 2), st.tuples(*[st.integers(0, 5)] * 2), st.integers(1, 3),
    st.sampled_from([1, 256]), st.sampled_from([1, 20_000, 1 << 20]),
    st.sampled_from([1, 1 << 14, 1 << 21]), st.sampled_from([2000, 10**6]),
    st.sampled_from([1, 100]), st.sampled_from([16, 4096]), st.sampled_from(TEAMS),
)  # fmt: skip
def test_any_size_agrees(
    size, channels, filters, kernel, stride, dilation, pad, batch, fewest, tile, task, most, few,
    alias, team,
):  # fmt: skip
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(max(n, s - 2 * p) for n, s, p in zip(size, spans, pad, strict=True))
    op = Conv(out=32 * filters, kernel=kernel, stride=stride, pad=pad, dilation=dilation)
    values = {"FEWEST": fewest, "TILE_BYTES": tile, "TASK_BYTES": task, "FEW": 0}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (values | {"FEW_POSITIONS": few, "MOST": most}).items():
            patch.setattr(window_rows, name, value)
        patch.setattr(panels, "MOST", most)
        patch.setattr(tiles, "ALIAS", alias)
        patch.setattr("framework.ops.convolving.THIN", 0)
        patch.setattr("framework.ops.convolving.lie_apart", lambda windows: False)
        patch.setattr("framework.numerics.by_rows.worth_waking", lambda team, work: team)
        arrays = convolution(op, size, channels, batch=batch)
        assert check(op, arrays, How(team=team)) == NAME


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400), st.sampled_from([60, 90]), st.sampled_from([32, 96]), st.integers(9, 11),
    st.integers(1, 4), st.integers(1, 3), st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.integers(1, 3), st.sampled_from([1, 30]), st.sampled_from([1, 20_000, 1 << 20]),
    st.booleans(), st.sampled_from(TEAMS),
)  # fmt: skip
def test_any_signal_agrees(
    size, channels, out, kernel, stride, dilation, pad, batch, fewest, tile, residual, team
):
    size = max(size, dilation * (kernel - 1) + 1 - sum(pad))
    head = Conv(out=out, kernel=kernel, stride=stride, dilation=dilation, pad=(pad,))
    op, arrays, scale = followed(head, (size,), channels, residual, "relu", batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_rows, "FEWEST", fewest)
        patch.setattr(window_rows, "TILE_BYTES", tile)
        patch.setattr("framework.numerics.by_rows.worth_waking", lambda team, work: team)
        assert check(op, arrays, How(team=team), scale=scale) == NAME


def test_long_signals_are_taken_piece_by_piece():
    op = Conv(out=64, kernel=9, pad=4)
    x = TensorType((1, 64, 1 << 20), "float32")
    types = [x, *op.infer({"x": x}).parameters.values()]
    assert op.prepare(types, How(team=TEAMS[1])).scratch < 1 << 25


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", None])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("size", [(21, 24), (14, 14)])
def test_what_follows_is_done_as_well(name, residual, size):
    op, arrays, scale = followed(Conv(out=64, kernel=3, pad=1), size, 40, residual, name)
    for team in TEAMS:
        assert check(op, arrays, How(team=team), scale=scale) == NAME


def test_inputs_may_be_views():
    op = Conv(out=32, kernel=3, pad=1)
    x, weight, bias = convolution(op, (20, 32), 60, batch=2)
    for view in views_of(x):
        assert check(op, (view, weight, bias), How(team=TEAMS[1])) == NAME


@pytest.mark.parametrize("size", [(30, 30), (10, 10)])
def test_weights_and_inputs_may_change_between_runs_on_the_same_memory(size):
    op = Conv(out=64, kernel=3, pad=1)
    sets = [convolution(op, size, 40, seed=seed) for seed in range(3)]
    kernel = prepared(op, sets[0], How(team=TEAMS[1]))
    out = np.empty(kernel.outputs[0].shape, "float32")
    run = kernel.bound((out,), np.full(kernel.scratch, 255, np.uint8))
    laid = [kernel.layouts[1](weight) for _, weight, _ in sets]
    for first, second, third in ((0, 0, 0), (1, 0, 0), (1, 2, 0), (1, 2, 1), (0, 0, 2)):
        arrays = sets[first][0], sets[second][1], sets[third][2]
        run(arrays[0], laid[second], arrays[2])
        np.testing.assert_allclose(out, exact(op, arrays), rtol=1e-5, atol=1e-5)


def test_where_others_are_better():
    chosen = {
        NAME: (Conv(out=64, kernel=3, pad=1), 64, How()),
        "winograd f2": (Conv(out=256, kernel=3, pad=1), 256, How()),
        "winograd f4": (Conv(out=64, kernel=3, pad=1), 64, How("fast")),
        "kernel rows": (Conv(out=40, kernel=3, stride=2, pad=1), 64, How()),
        "row panels": (Conv(out=64, kernel=3, pad=1), 3, How()),
        "direct product": (Conv(out=64, kernel=1), 64, How()),
    }
    for name, (op, channels, how) in chosen.items():
        assert prepared(op, convolution(op, (80, 80), channels), how).algorithm == name
    op = Conv(out=64, kernel=3, pad=1)
    arrays = convolution(op, (30, 30), 64)
    assert prepared(op, arrays, How(blas=2)).algorithm == "kernel rows"
