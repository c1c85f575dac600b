"""The plan says how much memory a run takes, before it runs; here it is measured."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_graphs import NAMES, small

import framework as fw
from framework.errors import RunError
from framework.runtime.arena import Block, lay_out, most_alive

blocks = st.lists(
    st.builds(
        lambda size, first, length: Block(size, first, first + length),
        st.integers(0, 2000), st.integers(0, 20), st.integers(0, 8),
    ), max_size=40,
)  # fmt: skip


@given(blocks)
def test_blocks_that_live_at_the_same_time_do_not_overlap(found):
    layout = lay_out(found)
    for i, a in enumerate(found):
        for j, b in enumerate(found[:i]):
            apart = a.last < b.first or b.last < a.first
            left, right = layout.places[i], layout.places[j]
            assert apart or left + a.size <= right or right + b.size <= left
    assert layout.size >= most_alive(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_comes_near_the_bound_of_all_plans(name):
    model = fw.load(name)
    plan = model.session.plan(model.ir.examples)
    assert plan.least_bytes <= plan.peak_bytes <= 1.15 * plan.least_bytes


@pytest.mark.parametrize("name", NAMES)
def test_a_run_takes_the_memory_that_the_plan_says(name):
    model = small(name)
    sizes = {**model.ir.examples}
    inputs = model.example_inputs(sizes)
    tracemalloc.start()
    try:
        model.session.run(inputs)  # lays out weights, and makes the arena
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = model.session.run(inputs)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    plan = model.session.plan(sizes)
    given = sum(array.nbytes for array in inputs.values())
    measured = peak + plan.arena_bytes + given
    assert result.peak_bytes == plan.peak_bytes
    assert measured <= 1.1 * plan.peak_bytes + 300_000  # besides: Python's own objects


def test_a_run_that_would_not_fit_is_refused_with_the_figure():
    model = fw.load("lenet_vgg")
    model.set_engine(memory_limit=10_000)
    fact = r"the run needs [\d.]+ MB for its arrays and 1\.9 MB for weights laid out, 10\.0 kB are"
    with pytest.raises(RunError, match=fact):
        model.run(seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_says_what_is_made_once_for_all_runs(name):
    model = small(name)
    session, sizes = model.session, {**model.ir.examples}
    made = session.plan(sizes).made
    session.run(model.example_inputs(sizes))
    held = {key: array.nbytes for key, array in session._constants.items()}
    assert made.keys() == held.keys()
    assert abs(sum(made.values()) - sum(held.values())) <= 0.3 * sum(held.values())


def test_what_was_made_before_does_not_count_again():
    model = fw.load("resnet18")
    plan = model.session.plan({"B": 1, "H": 32, "W": 32})
    model.set_engine(memory_limit=plan.peak_bytes + sum(plan.made.values()))
    model.run(sizes={"B": 1, "H": 32, "W": 32})
    model.session.memory_limit = plan.peak_bytes * 3
    model.run(sizes={"B": 1, "H": 33, "W": 32})


def test_a_run_that_would_not_fit_is_refused_before_its_inputs_are_made(monkeypatch):
    model = fw.load("lenet_vgg")
    model.set_engine(memory_limit=10_000)
    monkeypatch.setattr(model, "example_inputs", None)
    with pytest.raises(RunError, match="the run needs"):
        model.run(sizes={"B": 10**6})


def test_a_limit_that_is_large_enough_changes_nothing():
    model = fw.load("lenet_vgg")
    expected = model.run(seed=0)["logits"]
    model.set_engine(memory_limit=1 << 30)
    np.testing.assert_array_equal(model.run(seed=0)["logits"], expected)
