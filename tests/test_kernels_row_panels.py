"""Convolutions by panels of rows against their definition, wherever BLAS has the kernels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels_convolution import check, convolution, followed, prepared, views_of

from framework.ir.kernel import How
from framework.numerics import panels, row_panels
from framework.numerics.row_panels import part_width
from framework.numerics.team import Team
from framework.ops.convolution import Conv

NAME = "row panels"
TEAMS = [Team(threads) for threads in (1, 2, 3)]


@pytest.fixture(autouse=True)
def there():
    """As on a processor for which BLAS has kernels for small matrices."""
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework.ops.convolving.available", lambda: True)
        patch.setattr("framework.ops.convolving.suits_window_rows", lambda shape: False)
        yield


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.threads)
@pytest.mark.parametrize(
    ("op", "size", "channels"),
    [
        (Conv(out=64, kernel=3, pad=1), (112, 112), 64),
        (Conv(out=24, kernel=3, stride=2, pad=1), (96, 128), 40),
        (Conv(out=20, kernel=3, pad=1), (20, 56), 32),
        (Conv(out=40, kernel=5, pad=2), (30, 64), 33),
        (Conv(out=40, kernel=(1, 3), pad=((0, 0), (2, 0))), (30, 64), 33),
        (Conv(out=40, kernel=(4, 3), stride=(3, 1), pad=1), (31, 48), 50),
        (Conv(out=64, kernel=3, pad=1, groups=2), (25, 64), 70),
        (Conv(out=7, kernel=3, pad=1), (25, 64), 40),
        (Conv(out=33, kernel=(3, 3), dilation=(1, 2), pad=2), (25, 62), 40),
        (Conv(out=33, kernel=3, pad="same_upper", stride=2), (25, 127), 40),
    ],
)
def test_wide_images_agree(team, op, size, channels):
    for batch in (1, 3):
        arrays = convolution(op, size, channels, batch=batch)
        assert check(op, arrays, How(team=team)) == NAME


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*[st.integers(1, 24)] * 2), st.tuples(*[st.integers(1, 9)] * 2),
    st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(0, 5)] * 2), st.integers(1, 2), st.integers(1, 3),
    st.sampled_from([1, 2]), st.sampled_from([40, 400, 1 << 16]), st.sampled_from([600, 10**6]),
    st.sampled_from(TEAMS), st.sampled_from([1, 1 << 12, 1 << 22]),
)  # fmt: skip
def test_any_size_agrees(
    size, channels, kernel, stride, pad, dilation, batch, groups, largest, most, team, task,
):  # fmt: skip
    dilations = (1, dilation)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = tuple(max(n, s - 2 * p) for n, s, p in zip(size, spans, pad, strict=True))
    inner, out = (n * groups for n in channels)
    op = Conv(
        out=out, kernel=kernel, stride=stride, pad=pad, dilation=dilations, groups=groups
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"VECTOR": 1, "LARGEST": largest, "TASK_BYTES": task}.items():
            patch.setattr(row_panels, name, value)
        patch.setattr(panels, "MOST", most)
        patch.setattr("framework.ops.convolving.THIN", 0)
        patch.setattr("framework.ops.convolving.lie_apart", lambda windows: False)
        patch.setattr("framework.numerics.by_rows.worth_waking", lambda team, work: team)
        name = check(op, convolution(op, size, inner, batch=batch), How(team=team))
        fits = part_width(inner // groups * int(np.prod(kernel)), op_width(op, size)) > 0
        assert (name == NAME) == (fits and not inner == out == groups)


def op_width(op, size):
    """Columns of the result."""
    axis = op.windows(2)[1]
    return axis.count(size[1])


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", None])
@pytest.mark.parametrize("residual", [True, False])
def test_what_follows_is_done_row_by_row(name, residual):
    op, arrays, scale = followed(Conv(out=18, kernel=3, pad=1), (21, 64), 40, residual, name)
    for team in TEAMS:
        assert check(op, arrays, How(team=team), scale=scale) == NAME


def test_inputs_may_be_views():
    op = Conv(out=16, kernel=3, pad=1)
    x, weight, bias = convolution(op, (20, 64), 40, batch=2)
    for view in views_of(x):
        assert check(op, (view, weight, bias), How(team=TEAMS[1])) == NAME


def test_parts_divide_the_columns():
    for depth, columns in product((1, 27, 288, 576, 1152, 4608, 20000), range(1, 300)):
        width = part_width(depth, columns)
        if width:
            assert columns % width == 0
            assert width % row_panels.VECTOR == 0 or width >= row_panels.NARROWEST
            assert width * depth <= row_panels.LARGEST
    assert part_width(576, 56) == 56
    assert part_width(576, 256) == 64
    assert part_width(4608, 7) == 0


def test_where_others_are_better():
    chosen = {
        "winograd f2": (Conv(out=256, kernel=3, pad=1), 256, How()),
        "winograd f4": (Conv(out=64, kernel=3, pad=1), 64, How("fast")),
        NAME: (Conv(out=64, kernel=3, pad=1), 64, How()),
        "kernel rows": (Conv(out=64, kernel=3, stride=2, pad=1), 64, How(blas=2)),
        "unfolded windows": (Conv(out=64, kernel=3, stride=2, pad=1), 3, How(blas=2)),
    }
    for name, (op, channels, how) in chosen.items():
        assert prepared(op, convolution(op, (80, 80), channels), how).algorithm == name


def test_rows_of_the_kernel_must_be_neighbours():
    op = Conv(out=64, kernel=3, dilation=2)
    arrays = convolution(op, (80, 80), 64)
    assert prepared(op, arrays, How()).algorithm == "kernel rows"
