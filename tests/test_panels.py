"""Products in pieces against products at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.numerics import panels
from framework.numerics.panels import (
    height,
    in_panels,
    multiply_panels,
    paneled,
    width_for,
    worth_panels,
)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(1, 5), st.sampled_from([1, 16, 32]),
    st.integers(0, 70), st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_pieces_give_the_product(rows, inner, count, width, high, turned, beside):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((inner, rows)).T if turned else rng.standard_normal((rows, inner))
    weight = rng.standard_normal((inner, count * width))
    out = np.full((count * width + 3, rows), np.nan).T if turned else None
    out = np.full((rows, count * width + 3), np.nan) if out is None else out
    part = out[:, 2 : 2 + count * width] if beside else out[:, : count * width]
    multiply_panels(x, paneled(weight, width), part, high)
    np.testing.assert_allclose(part, x @ weight, rtol=1e-9, atol=1e-9)
    assert np.isnan(out).sum() == rows * 3  # nothing beside was written


def test_a_panel_holds_neighbouring_columns():
    weight = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(paneled(weight, 3)[1], weight[:, 3:])
    np.testing.assert_array_equal(paneled(weight, 0), weight[None])
    assert paneled(weight, 2).flags.c_contiguous
    assert in_panels(np.zeros((64, 5))).shape == (2, 5, 32)


@given(st.integers(1, 6000), st.sampled_from([16, 32, 48, 500]), st.integers(1, 3000))
def test_pieces_are_small_enough(inner, width, rows):
    found = height(inner, width, rows)
    assert found * inner * width <= panels.MOST
    assert found == rows or found % panels.STEP == 0
    assert found > 0 or panels.STEP * inner * width > panels.MOST


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000), st.sampled_from([0, 96]))
def test_panels_divide_the_columns(inner, columns, rows, grain):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "available", lambda: True)
        width = width_for(inner, columns * (grain or 1), rows, grain)
        assert width == 0 or columns * (grain or 1) % width == 0
        assert not worth_panels(inner, columns) or columns % panels.WIDTH == 0


def test_other_processors_get_whole_products(monkeypatch):
    monkeypatch.setattr(panels, "available", lambda: False)
    assert width_for(64, 64, 64) == 0
    assert not worth_panels(1024, 1024)
