"""The passes over what works on each row by itself: affines of norms, and positions taken early."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand
from test_passes import chain, drawn, drawn_inputs, run, weighted

from framework.passes.affines import absorb_affines
from framework.passes.early import select_early
from framework.passes.pipeline import optimize
from framework.runtime.session import Session

ROWS = (3, 5, 4)


@pytest.fixture
def rng():
    """Seeded."""
    return np.random.default_rng(0)


def same(graph, rng, **shapes):
    """The graph after the passes, of which the outputs are what they were."""
    inputs = drawn_inputs(graph, rng, shapes)
    run(graph, weighted(graph, rng), **inputs)
    return optimize(graph)


# ---------------------------------------------------------------------- affines of norms

NORM, RMS, LINEAR = {"op": "layer_norm"}, {"op": "rms_norm"}, {"op": "linear", "out": 6}
BARE = {**LINEAR, "bias": False}
ABSORBED = {
    "layer norm": (NORM, LINEAR),
    "no bias of the map": (NORM, BARE),
    "no bias of the norm": ({**NORM, "bias": False}, LINEAR),
    "no bias at all": ({**NORM, "bias": False}, BARE),
    "rms norm": (RMS, LINEAR),
    "a factor as well": (NORM, LINEAR, {"op": "scale", "by": 0.5, "shift": 1.0}),
    "a function as well": (NORM, LINEAR, {"op": "gelu"}),
}
STAYING = {
    "two axes": ({**NORM, "axes": 2}, LINEAR),
    "another reader": (NORM, {"op": "tanh"}),
    "a function between": (NORM, {"op": "relu"}, LINEAR),
    "no affine": ({**NORM, "affine": False}, LINEAR),
}


@pytest.mark.parametrize("case", [*ABSORBED, *STAYING])
def test_an_affine_before_a_linear_map_becomes_part_of_its_weights(case, rng):
    graph = chain(ROWS, *(ABSORBED | STAYING)[case])
    lean = same(graph, rng)
    stays = case in STAYING and graph["n0"].op.affine
    assert lean["n0"].op.affine == stays
    once = absorb_affines(graph)
    assert (once is graph) == (case in STAYING)
    assert absorb_affines(once) is once


def test_all_linear_maps_of_a_norm_take_its_affine(rng):
    hand = Hand()
    x = hand.add("n", "layer_norm", hand.input("x", *ROWS))
    parts = {name: hand.add(name, "linear", x, out=3, bias=name != "r") for name in "pqr"}
    graph = hand.done(**parts)
    assert not absorb_affines(graph)["n"].op.affine
    assert not same(graph, rng)["n"].op.affine


def test_an_affine_that_something_else_needs_stays(rng):
    hand = Hand()
    x = hand.add("n", "layer_norm", hand.input("x", *ROWS))
    p, t = hand.add("p", "linear", x, out=3), hand.add("t", "tanh", x)
    assert same(hand.done(p=p, t=t), rng)["n"].op.affine
    assert same(hand.done(p=p, n=x), rng)["n"].op.affine
    assert not same(hand.done(p=p), rng)["n"].op.affine


def test_weights_that_another_map_reads_take_no_affine(rng):
    hand = Hand()
    x = hand.add("n", "layer_norm", hand.input("x", *ROWS))
    y = hand.add("p", "linear", x, out=4, bias=False)
    y = hand.add("q", "linear", hand.add("t", "tanh", y), out=4, bias=False, share="p")
    assert same(hand.done(y=y), rng)["n"].op.affine


def test_a_norm_as_a_weight_stays(rng):
    hand = Hand()
    x, w = hand.input("x", 6, 4), hand.add("n", "layer_norm", hand.input("w", 5, 4))
    graph = hand.done(y=hand.add("p", "linear", x, w, out=5, bias=False))
    assert same(graph, rng)["n"].op.affine


def test_affines_in_double_precision_are_absorbed_in_double_precision(rng):
    hand = Hand()
    x = hand.add("n", "layer_norm", hand.input("x", *ROWS, dtype="float64"))
    graph = hand.done(y=hand.add("p", "linear", x, out=6))
    inputs, weights = {"x": drawn(rng, ROWS, "float64")}, weighted(graph, rng)
    lean = optimize(graph)
    assert not lean["n"].op.affine
    found, plain = (Session(g, weights).run(inputs).outputs["y"] for g in (lean, graph))
    np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_a_kept_norm_is_what_it_was(rng):
    graph = chain(ROWS, NORM, LINEAR)
    weights, inputs = weighted(graph, rng), {"x": drawn(rng, ROWS)}
    session = Session(graph, weights, rewrite=optimize)
    plain = Session(graph, weights, fast=False).run(inputs, keep=["n0"])
    for keep in (["n0"], [], ["n0"]):
        found = session.run(inputs, keep=keep)
        np.testing.assert_allclose(found.outputs["y"], plain.outputs["y"], atol=1e-5)
        for name in keep:
            np.testing.assert_allclose(found.kept[name], plain.kept[name], atol=1e-5)


# ---------------------------------------------------------------------- positions taken early


def sizes_at(graph, name, axis):
    """The size of a node's result along an axis."""
    return graph[name].type.shape[axis]


SELECT = {"op": "select", "axis": 1, "index": 0}
TURNED = {"op": "rearrange", "pattern": "b t c -> t b c"}
EARLY = {
    "a linear map": (LINEAR, SELECT),
    "the last": (LINEAR, {**SELECT, "index": -1}),
    "in the middle": (LINEAR, {**SELECT, "index": 2}),
    "from the back": (LINEAR, {**SELECT, "axis": -2, "index": -4}),
    "a norm": (NORM, SELECT),
    "a norm without mean": (RMS, SELECT),
    "a function": ({"op": "gelu"}, SELECT),
    "a scale": ({"op": "scale", "by": 0.5}, SELECT),
    "a product with numbers": ((4,), SELECT),
    "a product with a column": ((5, 1), SELECT),
    "a product with a row of ones": ((3, 1, 4), SELECT),
    "turned": (TURNED, {**SELECT, "axis": 0}),
}
LATE = {
    "features of a linear map": (LINEAR, {**SELECT, "axis": 2}),
    "features of a norm": (NORM, {**SELECT, "axis": 2}),
    "a norm over both": ({**NORM, "axes": 2}, SELECT),
    "a softmax": ({"op": "softmax", "axis": 1}, SELECT),
    "merged axes": (
        {"op": "rearrange", "pattern": "b t c -> b (t c)"}, {**SELECT, "index": 7},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [*EARLY, *LATE])
def test_only_what_a_select_takes_is_computed(case, rng):
    steps = (EARLY | LATE)[case]
    graph = chain(ROWS, *steps)
    same(graph, rng)
    once = select_early(graph)
    axis = steps[-1]["axis"] % graph["n0"].type.rank
    assert (sizes_at(once, "n0", axis) == 1) == (case in EARLY)
    assert select_early(once) is once


def block(hand, x, **attention):
    """A block of a transformer."""
    n = hand.add("n", "layer_norm", x)
    q, k, v = (hand.add(name, "linear", n, out=4) for name in "qkv")
    y = hand.add("a", "attention", q, k, v, **attention)
    x = hand.add("s", "add", (x, hand.add("o", "linear", y, out=4)))
    y = hand.add("p", "linear", hand.add("m", "layer_norm", x), out=8)
    return hand.add("t", "add", (x, hand.add("r", "linear", hand.add("g", "gelu", y), out=4)))


@pytest.mark.parametrize("size", [5, "T"])
@pytest.mark.parametrize("index", [0, -1, 1])
def test_a_residual_and_an_attention_work_for_one_position(size, index, rng):
    hand = Hand(T={"minimum": 2})
    y = block(hand, hand.input("x", 3, size, 4))
    graph = hand.done(y=hand.add("z", "select", y, axis=1, index=index))
    lean = select_early(graph)
    assert all(sizes_at(lean, name, 1) == 1 for name in "tgpmsaoq")
    assert all(sizes_at(lean, name, 1) != 1 for name in "kvn")
    same(graph, rng, x=(3, 5, 4))


def test_a_position_that_may_not_be_there_is_not_taken_early(rng):
    hand = Hand(T={})
    y = hand.add("p", "linear", hand.input("x", 3, "T", 4), out=6)
    graph = hand.done(z=hand.add("z", "select", y, axis=1, index=1))
    assert select_early(graph) is graph


def test_a_causal_attention_needs_to_know_where_a_query_stands(rng):
    hand = Hand()
    y = block(hand, hand.input("x", *ROWS), causal=True)
    graph = hand.done(y=hand.add("z", "select", y, axis=1, index=2))
    lean = same(graph, rng)
    assert sizes_at(lean, "s", 1) == 1
    assert sizes_at(lean, "a", 1) == 5


def test_two_positions_are_not_taken_early(rng):
    hand = Hand()
    y = hand.add("p", "linear", hand.input("x", *ROWS), out=6)
    parts = [hand.add(f"z{i}", "select", y, axis=1, index=i) for i in range(2)]
    graph = hand.done(a=parts[0], b=parts[1])
    assert select_early(graph) is graph


def test_what_is_needed_whole_is_not_taken_early(rng):
    hand = Hand()
    y = hand.add("p", "linear", hand.input("x", *ROWS), out=6)
    z = hand.add("z", "select", y, axis=1, index=0)
    graph = hand.done(z=z, y=y)
    assert select_early(graph) is graph


def test_a_kept_node_is_computed_whole(rng):
    graph = chain(ROWS, LINEAR, {"op": "gelu"}, SELECT)
    weights, inputs = weighted(graph, rng), {"x": drawn(rng, ROWS)}
    session = Session(graph, weights, rewrite=optimize)
    plain = Session(graph, weights, fast=False).run(inputs, keep=["n0", "n1"])
    for keep in (["n1"], [], ["n0"]):
        found = session.run(inputs, keep=keep)
        np.testing.assert_allclose(found.outputs["y"], plain.outputs["y"], atol=1e-5)
        for name in keep:
            np.testing.assert_allclose(found.kept[name], plain.kept[name], atol=1e-5)
