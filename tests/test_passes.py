"""Every pass on every graph: sound, pure, idempotent, the same outputs; and what each one does."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand
from test_graphs import NAMES, sizes_of, small

from framework.api.builder import Builder
from framework.errors import InputError
from framework.ir.graph import Value
from framework.ir.verify import verify
from framework.passes.pipeline import PIPELINE, after, optimize
from framework.passes.presentable import presentable
from framework.passes.scales import absorb_scales
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


def test_zeros_of_different_signs_are_not_shared(rng):
    hand = Hand()
    x = hand.input("x", 1)
    plus, minus = (hand.add(name, "constant", value=v) for name, v in (("a", 0.0), ("b", -0.0)))
    graph = hand.done(p=hand.add("p", "div", x, plus), q=hand.add("q", "div", x, minus))
    found = Session(graph, {}, rewrite=optimize).run({"x": np.ones(1, "float32")}).outputs
    assert (found["p"][0], found["q"][0]) == (np.inf, -np.inf)


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


@pytest.mark.parametrize("computed", ["conv", "batch_norm"])
def test_a_norm_stays_where_a_weight_is_computed(computed, rng):
    net = Builder()
    x = net.input("x", [2, 3, 4, 5])
    wires = {computed: {"bias": net.add("parameter", shape=[4])}}
    y = net.add("conv", x, out=4, kernel=1, **wires.get("conv", {}))
    net.output("y", net.add("batch_norm", y, **wires.get("batch_norm", {})))
    drawn = rng.standard_normal((2, 3, 4, 5)).astype("float32")
    assert "batch_norm" in run(net.graph, weighted(net.graph, rng), x=drawn)


def test_heads_with_additive_scores_are_opened(rng):
    hand = Hand()
    x, added = hand.input("x", 2, 5, 4), hand.input("added", 5, 5)
    heads = hand.add("h", "multi_head_attention", x, x, x, added, heads=2, score="additive")
    graph = hand.done(y=heads)
    inputs = {"x": (2, 5, 4), "added": (5, 5)}
    arrays = {n: rng.standard_normal(s).astype("float32") for n, s in inputs.items()}
    assert "multi_head_attention" not in run(graph, weighted(graph, rng), **arrays)


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


# ---------------------------------------------------------------------- pads


def left(graph, rng, **shapes):
    """Operators after the passes, those of weights apart; the outputs are what they were."""
    inputs = {}
    for name, node in graph.inputs.items():
        inputs[name] = drawn(rng, shapes.get(name, node.type.shape), node.type.dtype)
    run(graph, weighted(graph, rng), **inputs)
    return [node.op.name for node in presentable(optimize(graph))]


def drawn(rng, shape, dtype="float32"):
    """Random numbers of either sign."""
    array = rng.standard_normal(shape)
    return np.asarray(array * 9 if dtype.startswith("int") else array, dtype)


def drawn_inputs(graph, rng, shapes):
    """Random inputs; ``shapes`` are those of the symbolic ones."""
    types = {name: node.type for name, node in graph.inputs.items()}
    return {n: drawn(rng, shapes.get(n, t.shape), t.dtype) for n, t in types.items()}


def padded_window(shape, pad, window, op="conv", before=None, dtype="float32"):
    """x -> perhaps a function -> pad -> window."""
    hand = Hand(H={}, W={})
    y = hand.input("x", *shape, dtype=dtype)
    if before is not None:
        y = hand.add("f", before, y)
    y = hand.add("p", "pad", y, **pad)
    return hand.done(y=hand.add("c", op, y, **window))


def pads_of(graph):
    """The pads of the window."""
    return optimize(graph)["c"].op.pad


IMAGE = (2, 4, 7, 6)
CONV = {"out": 6, "kernel": 3}

PADDED_CONVS = {
    "symmetric": (IMAGE, ((1, 1), (1, 1)), CONV, ((1, 1), (1, 1))),
    "asymmetric": (IMAGE, ((0, 1), (2, 3)), {**CONV, "stride": 2}, ((0, 1), (2, 3))),
    "a signal": ((2, 4, 9), ((2, 0),), {**CONV, "dilation": 2}, ((2, 0),)),
    "a volume": ((1, 2, 3, 4, 5), ((1, 0), (0, 1), (2, 1)), CONV, ((1, 0), (0, 1), (2, 1))),
    "some axes": (IMAGE, ((1, 2),), CONV, ((0, 0), (1, 2))),
    "all axes": (IMAGE, ((0, 0), (0, 0), (1, 0), (0, 1)), CONV, ((1, 0), (0, 1))),
    "pads of its own": (IMAGE, ((1, 0), (0, 1)), {**CONV, "pad": (1, 2)}, ((2, 1), (2, 3))),
    "pairs of its own": (
        IMAGE, ((1, 0), (0, 1)), {**CONV, "pad": ((0, 1), (2, 0))}, ((1, 1), (2, 1)),
    ),
    "pads by its size": (
        IMAGE, ((1, 1), (1, 1)), {**CONV, "stride": 2, "pad": "same_upper"}, ((2, 2), (1, 2)),
    ),
    "groups": (IMAGE, ((1, 1), (1, 2)), {**CONV, "out": 8, "groups": 2}, ((1, 1), (1, 2))),
    "depthwise": (IMAGE, ((1, 1), (0, 2)), {**CONV, "out": 4, "groups": 4}, ((1, 1), (0, 2))),
    "pads above the kernel": (IMAGE, ((5, 4), (0, 6)), CONV, ((5, 4), (0, 6))),
    "one element": (IMAGE, ((1, 2), (2, 1)), {"out": 5, "kernel": 1}, ((1, 2), (2, 1))),
    "no bias": (IMAGE, ((1, 1), (1, 1)), {**CONV, "bias": False}, ((1, 1), (1, 1))),
    "sizes by name": ((2, 4, "H", "W"), ((1, 2), (0, 1)), CONV, ((1, 2), (0, 1))),
    "sizes by name, stride": (
        (2, 4, "H", "W"), ((1, 2), (0, 1)), {**CONV, "stride": 2, "pad": 1}, ((2, 3), (1, 2)),
    ),
    "sizes by name, same": (
        (2, 4, "H", "W"), ((1, 2), (0, 1)), {**CONV, "pad": "same_lower"}, ((2, 3), (1, 2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PADDED_CONVS)
def test_a_convolution_pads_by_itself(case, rng):
    shape, pads, window, expected = PADDED_CONVS[case]
    graph = padded_window(shape, {"pads": pads}, window)
    assert left(graph, rng, x=IMAGE if "H" in shape else shape) == ["input", "conv"]
    assert pads_of(graph) == expected


UNPADDED_CONVS = {
    "another value": (IMAGE, {"pads": ((1, 1), (1, 1)), "value": 1.0}, CONV),
    "mirrored": (IMAGE, {"pads": ((1, 1), (1, 1)), "mode": "reflect"}, CONV),
    "repeated": (IMAGE, {"pads": ((1, 1), (1, 1)), "mode": "edge"}, CONV),
    "channels": (IMAGE, {"pads": ((1, 1), (0, 0), (1, 1))}, CONV),
    "samples": (IMAGE, {"pads": ((0, 1), (0, 0), (0, 0), (1, 1))}, CONV),
    "pads by a size with a name": (
        (2, 4, "H", "W"), {"pads": ((1, 1),)}, {**CONV, "stride": 2, "pad": "same_upper"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNPADDED_CONVS)
def test_pads_that_a_convolution_would_not_make_stay(case, rng):
    graph = padded_window(*UNPADDED_CONVS[case])
    assert left(graph, rng, x=IMAGE) == ["input", "pad", "conv"]


def test_a_symbolic_pad_stays(rng):
    hand = Hand(H={})
    x = hand.input("x", 2, 4, "H")
    y = hand.add("p", "pad", x, pads=((hand.dims["H"], 0),))
    hand.done(y=hand.add("c", "conv", y, **CONV))
    assert left(hand.graph, rng, x=(2, 4, 5)) == ["input", "pad", "conv"]


def test_a_pad_that_something_else_needs_stays(rng):
    hand = Hand()
    x = hand.input("x", *IMAGE)
    y = hand.add("p", "pad", x, pads=((1, 1), (1, 1)))
    parts = {"a": hand.add("a", "conv", y, **CONV), "b": hand.add("b", "tanh", y)}
    hand.done(**parts)
    assert left(hand.graph, rng) == ["input", "pad", "conv", "tanh"]
    hand.done(a=parts["a"], p=y)
    assert left(hand.graph, rng) == ["input", "pad", "conv"]


def test_padded_weights_stay(rng):
    hand = Hand()
    x, w = hand.input("x", 2, 4, 3, 3), hand.input("w", 2, 4, 1, 1)
    w = hand.add("p", "pad", w, pads=((1, 1), (1, 1)))
    hand.done(y=hand.add("c", "conv", x, w, out=2, kernel=3, bias=False))
    assert left(hand.graph, rng) == ["input", "input", "pad", "conv"]


def test_pads_of_pads_and_a_norm_become_one_convolution(rng):
    hand = Hand()
    y = hand.input("x", *IMAGE)
    y = hand.add("q", "pad", y, pads=((0, 1), (2, 0)))
    y = hand.add("p", "pad", y, pads=((1, 0), (1, 1)))
    y = hand.add("c", "conv", y, **CONV)
    y = hand.add("n", "batch_norm", y)
    hand.done(y=hand.add("r", "relu", y))
    assert left(hand.graph, rng) == ["input", "fused_conv"]


BORDER = {"pads": ((1, 0), (1, 1))}
LEAST = {**BORDER, "value": -np.inf}
POOL = {"kernel": 3, "stride": 2}
PADDED_POOLS = {
    "zeros that count": ("avg_pool", None, BORDER, POOL),
    "besides its own": ("avg_pool", None, BORDER, {**POOL, "pad": 1}),
    "zeros that did count": ("avg_pool", None, BORDER, {**POOL, "count_include_pad": False}),
    "rounded up": ("avg_pool", None, {"pads": ((1, 0),)}, {**POOL, "ceil_mode": True}),
    "powers": ("lp_pool", None, BORDER, {**POOL, "p": 3.0}),
    "less than everything": ("max_pool", None, LEAST, POOL),
    "zeros after relu": ("max_pool", "relu", BORDER, POOL),
    "zeros after sigmoid": ("max_pool", "sigmoid", BORDER, {**POOL, "pad": (1, 0)}),
}
UNPADDED_POOLS = {
    "zeros that do not count": (
        "avg_pool", None, BORDER, {**POOL, "pad": 1, "count_include_pad": False},
    ),
    "another last window": (
        "avg_pool", None, {"pads": ((0, 2), (0, 2))}, {"kernel": 3, "stride": 3, "ceil_mode": True},
    ),
    "zeros that may win": ("max_pool", None, BORDER, POOL),
    "zeros after tanh": ("max_pool", "tanh", BORDER, POOL),
    "zeros between the taps": ("max_pool", "relu", BORDER, {"kernel": 2, "dilation": 7}),
    "pads above the window": ("avg_pool", None, {"pads": ((3, 3),)}, POOL),
    "ones": ("avg_pool", None, {**BORDER, "value": 1.0}, POOL),
}  # fmt: skip


@pytest.mark.parametrize("case", [*PADDED_POOLS, *UNPADDED_POOLS])
def test_a_pooling_pads_by_itself_where_that_is_the_same(case, rng):
    op, before, pad, window = (PADDED_POOLS | UNPADDED_POOLS)[case]
    names = left(padded_window((2, 4, 7, 8), pad, window, op, before), rng)
    assert ("pad" in names) == (case in UNPADDED_POOLS)


# ---------------------------------------------------------------------- factors


def chain(shape, *steps, **sizes):
    """x -> one operator after the other; a number or a shape stands for a factor."""
    hand = Hand(**sizes)
    y = hand.input("x", *shape)
    for number, step in enumerate(steps):
        name = f"n{number}"
        if isinstance(step, tuple):
            factor = hand.add(f"f{number}", "parameter", shape=step)
            y = hand.add(name, "mul", (factor, y) if number % 2 else (y, factor))
        elif isinstance(step, float):
            y = hand.add(name, "scale", y, by=step)
        else:
            attributes = dict(step)
            y = hand.add(name, attributes.pop("op"), y, **attributes)
    return hand.done(y=y)


LINEAR = {"op": "linear", "out": 5}
BARE_LINEAR = {**LINEAR, "bias": False}
FILTERS = {"op": "conv", "out": 6, "kernel": 3, "pad": 1}
BARE_FILTERS = {**FILTERS, "bias": False}
GROUPED = {**FILTERS, "groups": 2}
SHIFTED = {"op": "scale", "by": -0.5, "shift": 2.0}
ROWS = (3, 2, 4)

SCALED = {
    "after linear": (ROWS, LINEAR, 0.25),
    "after linear without bias": (ROWS, BARE_LINEAR, 0.25),
    "after linear, shifted": (ROWS, LINEAR, SHIFTED),
    "after linear without bias, shifted": (ROWS, BARE_LINEAR, SHIFTED),
    "after linear, by feature": (ROWS, LINEAR, (5,)),
    "after linear, by feature, bare": (ROWS, BARE_LINEAR, (1, 1, 5)),
    "after linear, by one weight": (ROWS, LINEAR, (1, 1)),
    "after linear, of a vector": ((4,), LINEAR, (5,)),
    "after conv": (IMAGE, FILTERS, 0.25),
    "after conv without bias": (IMAGE, BARE_FILTERS, -3.0),
    "after conv without bias, shifted": (IMAGE, BARE_FILTERS, SHIFTED),
    "after conv, by channel": (IMAGE, FILTERS, (6, 1, 1)),
    "after conv, by channel, in groups": (IMAGE, GROUPED, (1, 6, 1, 1)),
    "after conv, of a signal": ((2, 4, 9), FILTERS, (6, 1)),
    "before linear": (ROWS, 0.25, LINEAR),
    "before linear without bias": (ROWS, 0.25, BARE_LINEAR),
    "before linear, by feature": (ROWS, (4,), LINEAR),
    "before conv": (IMAGE, 0.25, FILTERS),
    "before conv, by channel": (IMAGE, (4, 1, 1), FILTERS),
    "before conv in groups": (IMAGE, 0.25, GROUPED),
    "before conv in groups, by one weight": (IMAGE, (1, 1, 1), GROUPED),
    "on both sides, twice": (IMAGE, 0.5, (4, 1, 1), FILTERS, 0.25, (6, 1, 1)),
    "between two": (IMAGE, FILTERS, 0.25, {**FILTERS, "out": 3}),
    "before a pad": (IMAGE, 0.5, {"op": "pad", "pads": ((0, 1),)}, BARE_FILTERS),
    "after a norm": ((2, 4, 7, 6), FILTERS, {"op": "batch_norm"}, (6, 1, 1)),
    "sizes by name": (("B", 4, "H", 6), 0.5, FILTERS, (6, 1, 1)),
}
UNSCALED = {
    "shifted before": (IMAGE, SHIFTED, FILTERS),
    "by position": (IMAGE, FILTERS, (7, 6)),
    "by row": (ROWS, LINEAR, (2, 1)),
    "by row before": (ROWS, (2, 4), LINEAR),
    "by channel in groups": (IMAGE, (4, 1, 1), GROUPED),
    "widened": (ROWS, LINEAR, (2, 1, 1, 1)),
    "widened before": ((3, 1), (4,), LINEAR),
    "no product": (ROWS, {"op": "tanh"}, 0.5),
    "nothing left": (ROWS, LINEAR, 0.0),
    "huge": (ROWS, LINEAR, 1e30),
}


@pytest.mark.parametrize("case", [*SCALED, *UNSCALED])
def test_a_factor_beside_a_product_becomes_part_of_its_weights(case, rng):
    shape, *steps = (SCALED | UNSCALED)[case]
    graph = chain(shape, *steps, B={}, H={})
    concrete = [{"B": 2, "H": 7}.get(size, size) for size in shape]
    names = left(graph, rng, x=concrete)
    assert bool({"scale", "mul", "pad"} & set(names)) == (case in UNSCALED)


@pytest.mark.parametrize("case", SCALED)
def test_factors_that_are_gone_leave_nothing_to_absorb(case):
    shape, *steps = SCALED[case]
    once = absorb_scales(chain(shape, *steps, B={}, H={}))
    assert absorb_scales(once) is once


def test_a_written_factor_is_absorbed_too(rng):
    hand = Hand()
    x = hand.input("x", *ROWS)
    y = hand.add("p", "linear", x, out=2)
    factor = hand.add("f", "constant", value=(0.5, -2.0))
    hand.done(y=hand.add("s", "mul", (factor, y)))
    assert left(hand.graph, rng) == ["input", "linear"]


def test_double_precision_is_scaled_in_double_precision(rng):
    hand = Hand()
    x = hand.input("x", *ROWS, dtype="float64")
    y = hand.add("p", "linear", hand.add("s", "scale", x, by=0.1), out=2, bias=False)
    graph = hand.done(y=hand.add("t", "scale", y, by=0.3, shift=0.7))
    assert left(graph, rng) == ["input", "linear"]
    inputs, weights = {"x": drawn(rng, ROWS, "float64")}, weighted(graph, rng)
    found, plain = (Session(g, weights).run(inputs).outputs["y"] for g in (optimize(graph), graph))
    np.testing.assert_allclose(found, plain, rtol=1e-13)


def test_factors_of_other_dtypes_stay(rng):
    hand = Hand()
    x = hand.input("x", 3, 4, dtype="float16")
    hand.done(y=hand.add("s", "scale", hand.add("p", "linear", x, out=2), by=0.5))
    names = [node.op.name for node in optimize(hand.graph)]
    assert names == ["input", "linear", "scale"]
    hand = Hand()
    x, z = (hand.input(name, 3, 3, dtype="int64") for name in "xz")
    factor = hand.add("f", "constant", value=(1, 2, 3), dtype="int64")
    y = hand.add("m", "mul", (hand.add("p", "matmul", x, z), factor))
    hand.done(y=y)
    assert left(hand.graph, rng) == ["input", "input", "constant", "matmul", "mul"]


def test_what_something_else_needs_is_not_scaled(rng):
    hand = Hand()
    x = hand.input("x", *ROWS)
    y = hand.add("p", "linear", x, out=5)
    parts = {"s": hand.add("s", "scale", y, by=0.5), "t": hand.add("t", "tanh", y)}
    hand.done(**parts)
    assert left(hand.graph, rng) == ["input", "linear", "scale", "tanh"]
    hand.done(s=parts["s"], p=y)
    assert left(hand.graph, rng) == ["input", "linear", "scale"]


def test_a_factor_that_something_else_needs_stays(rng):
    hand = Hand()
    x = hand.add("s", "scale", hand.input("x", *ROWS), by=0.5)
    parts = {"p": hand.add("p", "linear", x, out=5), "t": hand.add("t", "tanh", x)}
    hand.done(**parts)
    assert left(hand.graph, rng) == ["input", "scale", "linear", "tanh"]
    hand.done(p=parts["p"], s=x)
    assert left(hand.graph, rng) == ["input", "scale", "linear"]


def test_weights_that_something_else_reads_are_not_scaled(rng):
    hand = Hand()
    x = hand.input("x", *ROWS)
    y = hand.add("p", "linear", x, out=4, bias=False)
    y = hand.add("q", "linear", hand.add("s", "scale", y, by=0.5), out=4, bias=False, share="p")
    hand.done(y=y)
    assert left(hand.graph, rng) == ["input", "linear", "scale", "linear"]


def test_computed_weights_are_scaled_if_nothing_else_reads_them(rng):
    hand = Hand()
    x, w = hand.input("x", *ROWS), hand.add("w", "parameter", shape=(4, 4))
    w = hand.add("t", "tanh", w)
    y = hand.add("p", "linear", x, w, out=4, bias=False)
    y = hand.add("s", "scale", y, by=0.5)
    hand.done(y=y)
    assert left(hand.graph, rng) == ["input", "linear"]
    hand.done(y=hand.add("q", "linear", y, w, out=4, bias=False))
    assert left(hand.graph, rng) == ["input", "linear", "scale", "linear"]


def test_weights_that_an_input_decides_are_not_scaled(rng):
    hand = Hand()
    x, w = hand.input("x", *ROWS), hand.input("w", 5, 4)
    y = hand.add("p", "linear", x, w, out=5)
    hand.done(y=hand.add("s", "scale", y, by=0.5))
    assert left(hand.graph, rng) == ["input", "input", "linear", "scale"]


def test_weights_that_chance_decides_are_not_scaled():
    hand = Hand()
    x, w = hand.input("x", *ROWS), hand.add("w", "random_normal", shape=(5, 4))
    y = hand.add("p", "linear", x, w, out=5, bias=False)
    hand.done(y=hand.add("s", "scale", y, by=0.5))
    assert optimize(hand.graph)["s"].op.name == "scale"


def scaled_heads():
    """q, k and v of one input; q and k are scaled, k is shifted as well."""
    hand = Hand()
    x = hand.input("x", *ROWS)
    q, k, v = (hand.add(name, "linear", x, out=3, bias=False) for name in "qkv")
    s, t = hand.add("s", "scale", q, by=0.5), hand.add("t", "scale", k, by=2.0, shift=1.0)
    return hand.done(q=s, k=t, v=v)


def test_products_are_merged_after_they_were_scaled(rng):
    assert left(scaled_heads(), rng) == ["input", "linear", "split", "linear"]


KEPT = {
    "merged": (scaled_heads(), [("q",), (), ("k",), ("q", "k")]),
    "merged, nothing first": (scaled_heads(), [(), ("k",), ("q",)]),
    "on both sides": (chain(ROWS, 0.5, LINEAR, 0.25), [("n1",), (), ("n0",)]),
    "on both sides, nothing first": (chain(ROWS, 0.5, LINEAR, 0.25), [(), ("n1",), ("n0", "n1")]),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_one_run_keeps_does_not_change_the_weights_of_the_next(case, rng):
    graph, kept = KEPT[case]
    weights, inputs = weighted(graph, rng), {"x": drawn(rng, ROWS)}
    plain = Session(graph, weights, fast=False).run(inputs, keep=sorted(set(sum(kept, ()))))
    session = Session(graph, weights, rewrite=optimize)
    for keep in kept:
        found = session.run(inputs, keep=keep)
        close(found.outputs, plain.outputs)
        close(found.kept, {name: plain.kept[name] for name in keep})


def test_groups_of_one_size_with_other_members_have_other_weights(rng):
    hand = Hand()
    x = hand.input("x", 2, 5, 8)
    heads = {name: hand.add(name, "multi_head_attention", x, x, x, heads=2) for name in "abc"}
    graph = hand.done(**heads)
    weights, inputs = weighted(graph, rng), {"x": drawn(rng, (2, 5, 8))}
    plain = Session(graph, weights, fast=False).run(inputs).outputs
    session = Session(graph, weights, rewrite=optimize)
    for keep in ("c.weights", "b.weights"):
        close(session.run(inputs, keep=[keep]).outputs, plain)


@pytest.fixture
def rng():
    """Seeded."""
    return np.random.default_rng(0)
