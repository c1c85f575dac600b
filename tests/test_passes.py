"""Every pass on every graph: sound, pure, idempotent, the same outputs; and what each one does."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand
from test_graphs import NAMES, sizes_of, small

from framework.errors import InputError
from framework.ir.graph import Value
from framework.ir.verify import verify
from framework.passes.pipeline import PIPELINE, after, optimize
from framework.passes.presentable import presentable
from framework.runtime.session import Session
from framework.runtime.weights import initial_weights

each_model = pytest.mark.parametrize("name", NAMES)
each_pass = pytest.mark.parametrize("apply", dict.fromkeys(PIPELINE), ids=lambda p: p.__name__)


def content(graph):
    """Everything that a graph says, to compare."""
    nodes = [(n.name, n.op, n.outputs, dict(n.parameters)) for n in graph]
    wires = {n.name: graph.wires_of(n.name) for n in graph}
    return nodes, wires, graph.outputs, graph.parameters


def outputs(graph, model, inputs, **options):
    """The outputs of a graph with the model's weights."""
    weights = {name: model.weights[name] for name in graph.parameters}
    return Session(graph, weights, **options).run(inputs).outputs


def close(found, expected):
    """Equal up to the rounding of another order of sums."""
    assert found.keys() == expected.keys()
    for name, array in found.items():
        scale = np.abs(expected[name]).max() + 1e-6
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=2e-5 * scale)


@each_pass
@each_model
def test_a_pass_keeps_outputs_and_types_and_changes_nothing_else(name, apply):
    model = small(name)
    before = content(model.ir)
    graph = apply(model.ir)
    verify(graph)
    assert content(model.ir) == before
    inputs = model.example_inputs(sizes_of(model, 0))
    close(outputs(graph, model, inputs), outputs(model.ir, model, inputs))


@each_pass
@each_model
def test_a_pass_applied_again_changes_nothing(name, apply):
    once = apply(optimize(small(name).ir))
    assert content(apply(once)) == content(once)


@each_model
def test_all_passes_and_fast_kernels_give_the_same_outputs(name):
    model = small(name)
    inputs = model.example_inputs(sizes_of(model, 0))
    plain = outputs(model.ir, model, inputs, fast=False)
    for precision in ("strict", "fast"):
        model.set_engine(precision=precision)
        found = model.session.run(inputs).outputs
        for key, array in found.items():
            scale = np.abs(plain[key]).max() + 1e-6
            np.testing.assert_allclose(array, plain[key], rtol=1e-3, atol=5e-4 * scale)


@each_model
def test_results_do_not_depend_on_what_ran_before(name):
    model = small(name)
    first = model.session.run(model.example_inputs(sizes_of(model, 0), seed=1)).outputs
    model.session.run(model.example_inputs(sizes_of(model, 0), seed=2))
    model.session.poisoned = True
    again = model.session.run(model.example_inputs(sizes_of(model, 0), seed=1)).outputs
    for key, array in again.items():
        np.testing.assert_array_equal(array, first[key])


@each_model
def test_any_node_can_be_kept_through_the_passes(name):
    model = small(name)
    inputs = model.example_inputs(sizes_of(model, 0))
    names = [node.name for node in model.ir if node.op.name != "input"][::7]
    plain = Session(model.ir, model.weights, fast=False).run(inputs, keep=names).kept
    close(model.session.run(inputs, keep=names).kept, plain)


def run(graph, weights, **inputs):
    """Outputs before and after the passes."""
    plain = Session(graph, weights, fast=False).run(inputs).outputs
    lean = optimize(graph)
    verify(lean)
    close(Session(lean, {n: weights[n] for n in lean.parameters}).run(inputs).outputs, plain)
    return [node.op.name for node in lean]


def weighted(graph, rng):
    """Random weights that are not what initialisers give, so that no bias is zero."""
    drawn = initial_weights(graph, 0)
    return {n: rng.uniform(0.5, 1.5, a.shape).astype(a.dtype) for n, a in drawn.items()}


def test_constants_are_folded_into_one(rng):
    hand = Hand()
    x = hand.input("x", 3)
    a = hand.add("a", "constant", value=(1.0, 2.0, 3.0))
    hand.done(y=hand.add("y", "add", (x, hand.add("b", "neg", a))))
    names = run(hand.graph, {}, x=np.ones(3, "float32"))
    assert sorted(names) == ["add", "constant", "input"]


def test_equal_nodes_are_shared_but_random_ones_are_not(rng):
    hand = Hand()
    x = hand.input("x", 3)
    left, right = hand.add("a", "tanh", x), hand.add("b", "tanh", x)
    hand.done(y=hand.add("y", "mul", (left, right)))
    assert run(hand.graph, {}, x=np.ones(3, "float32")) == ["input", "tanh", "mul"]


def test_a_norm_activation_and_residual_become_part_of_the_convolution(rng):
    hand = Hand()
    x = hand.input("x", 2, 4, 6, 5)
    y = hand.add("c", "conv", x, out=4, kernel=3, pad=1, bias=False)
    y = hand.add("n", "batch_norm", y)
    y = hand.add("s", "add", (y, x))
    hand.done(y=hand.add("r", "relu", y))
    drawn = rng.standard_normal((2, 4, 6, 5)).astype("float32")
    names = run(hand.graph, weighted(hand.graph, rng), x=drawn)
    assert names.count("fused_conv") == 1
    assert not {"conv", "batch_norm", "add", "relu"} & set(names)


def test_products_of_one_input_are_merged(rng):
    hand = Hand()
    x = hand.input("x", 5, 4)
    parts = [hand.add(f"p{i}", "linear", x, out=3 + i) for i in range(3)]
    hand.done(**{f"y{i}": part for i, part in enumerate(parts)})
    drawn = rng.standard_normal((5, 4)).astype("float32")
    names = run(hand.graph, weighted(hand.graph, rng), x=drawn)
    assert names.count("linear") == 1


def test_a_result_that_is_an_output_is_not_absorbed(rng):
    hand = Hand()
    x = hand.input("x", 5, 4)
    y = hand.add("p", "linear", x, out=3)
    hand.done(before=y, after=hand.add("r", "relu", y))
    drawn = rng.standard_normal((5, 4)).astype("float32")
    assert "relu" in run(hand.graph, weighted(hand.graph, rng), x=drawn)


def test_a_sum_that_broadcasts_is_not_absorbed(rng):
    hand = Hand()
    x, z = hand.input("x", 5, 4), hand.input("z", 1, 3)
    y = hand.add("p", "linear", x, out=3)
    hand.done(y=hand.add("s", "add", (y, z)))
    given = {"x": rng.random((5, 4), "float32"), "z": rng.random((1, 3), "float32")}
    assert "add" in run(hand.graph, weighted(hand.graph, rng), **given)


def test_a_product_that_the_sum_repeats_is_not_fused(rng):
    hand = Hand()
    x, z = hand.input("x", 1, 4), hand.input("z", 5, 3)
    y = hand.add("p", "linear", x, out=3)
    hand.done(y=hand.add("s", "add", (y, z)))
    given = {"x": rng.random((1, 4), "float32"), "z": rng.random((5, 3), "float32")}
    assert "add" in run(hand.graph, weighted(hand.graph, rng), **given)


def test_what_nobody_needs_is_dropped_but_inputs_stay():
    hand = Hand()
    x = hand.input("x", 3)
    hand.input("unused", 2)
    hand.add("spare", "relu", x)
    hand.done(y=hand.add("y", "tanh", x))
    assert [node.name for node in optimize(hand.graph)] == ["x", "unused", "y"]


def test_after_stops_at_a_pass_and_names_the_nearest():
    graph = small("resnet18").ir
    assert "fused_conv" in {node.op.name for node in after(graph, "fuse")}
    with pytest.raises(InputError, match="there is no pass 'fusion'"):
        after(graph, "fusion")


def test_the_presentable_graph_has_no_computed_weights():
    graph = presentable(after(small("resnet18").ir, "fuse"))
    verify(graph)
    assert not {"folded_norm", "parameter"} & {node.op.name for node in graph}
    assert graph.outputs["logits"] == Value("fc")


@pytest.fixture
def rng():
    """Seeded."""
    return np.random.default_rng(0)
