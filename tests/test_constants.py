"""Constants of plans: made once, shared by plans, and held only where a run reads them."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand

from framework.ir.graph import Value
from framework.passes.pipeline import optimize
from framework.runtime import constants
from framework.runtime.session import Session
from framework.runtime.weights import initial_weights


@pytest.fixture
def made(monkeypatch):
    """Names of the nodes whose constants were computed."""
    names = []

    def counted(call, arguments):
        names.append(call.node.name)
        return run_call(call, arguments)

    run_call = constants.run_call
    monkeypatch.setattr(constants, "run_call", counted)
    return names


def chained(outputs=()):
    """x times a weight that passes through three functions."""
    hand = Hand(B={})
    x, w = hand.input("x", "B", 4), hand.add("w", "parameter", shape=(5, 4))
    for name in ("one", "two", "three"):
        w = hand.add(name, "scale", w, by=2.0)
    y = hand.add("y", "linear", x, w, out=5, bias=False)
    return hand.done(y=y, **{name: Value(name) for name in outputs})


def session_of(graph, **options):
    weights = initial_weights(graph, 0)
    return Session(graph, weights, **options), weights["w.value"]


def x_of(rows):
    return {"x": np.arange(rows * 4, dtype="float32").reshape(rows, 4)}


@pytest.mark.parametrize("fast", [False, True])
def test_a_constant_is_made_once_for_all_runs_and_sizes(made, fast):
    session, w = session_of(chained(), fast=fast)
    for rows in (2, 3, 2, 9):
        found = session.run(x_of(rows)).outputs["y"]
        np.testing.assert_allclose(found, x_of(rows)["x"] @ (8 * w).T, rtol=1e-5)
    assert made == ["one", "two", "three"]


def test_what_only_constants_are_made_of_is_not_held(made):
    session, w = session_of(chained())
    session.run(x_of(2))
    (held,) = session._constants.values()
    np.testing.assert_array_equal(held, (8 * w).T)


def test_a_constant_that_is_given_out_is_held(made):
    graph = chained(["two"])
    session, w = session_of(graph)
    for _ in range(2):
        found = session.run(x_of(2)).outputs
        np.testing.assert_array_equal(found["two"], 4 * w)
        found["two"][:] = 0
    assert made == ["one", "two", "three"]
    assert len(session._constants) == 2


def test_what_was_dropped_is_made_again_where_a_run_keeps_it(made):
    session, w = session_of(chained(), rewrite=optimize)
    session.run(x_of(2))
    kept = session.run(x_of(2), keep=["one"]).kept["one"]
    np.testing.assert_array_equal(kept, 2 * w)
    assert made.count("one") == 2
