"""Depthwise convolutions joined with the pointwise ones around them: where, and where not."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand
from test_passes import chain, close, content, drawn, drawn_inputs, run, weighted

import framework as fw
from framework.ir.kernel import How
from framework.ir.verify import verify
from framework.numerics.team import Team
from framework.passes.pipeline import after, optimize
from framework.passes.presentable import presentable
from framework.passes.separable import join_separable
from framework.runtime.session import Session
from framework.runtime.weights import initial_weights
from framework.tools.work import works_of

JOINED = "fused_separable"
IMAGE = (2, 6, 9, 8)


def conv(out, kernel=1, **further):
    """A step of a chain."""
    return {"op": "conv", "out": out, "kernel": kernel, **further}


def depthwise(channels, kernel=3, **further):
    """A step of a chain, padded."""
    return conv(channels, kernel, groups=channels, **{"pad": 1, **further})


NORM, RELU6, SWISH = {"op": "batch_norm"}, {"op": "relu6"}, {"op": "hard_swish"}
BARE = {"bias": False}


@pytest.fixture
def rng():
    """Seeded."""
    return np.random.default_rng(0)


def left(graph, rng, **shapes):
    """Operators after the passes, those of weights apart; the outputs are what they were."""
    inputs = drawn_inputs(graph, rng, shapes)
    weights = weighted(graph, rng)  # of norms and biases; he_normal lets rectifiers see both signs
    weights |= {
        name: rng.standard_normal(array.shape).astype(array.dtype) / 4
        for name, array in initial_weights(graph, 0).items()
        if array.ndim > 1
    }
    run(graph, weights, **inputs)
    for threads in (2, 3):
        lean, how = optimize(graph), How(team=Team(threads))
        plain = Session(graph, weights, fast=False).run(inputs).outputs
        close(
            Session(lean, {n: weights[n] for n in lean.parameters}, how=how).run(inputs).outputs,
            plain,
        )
    return [node.op.name for node in presentable(optimize(graph))]


def parts(node):
    """Names of what a joined node does, one after the other."""
    return [part.name for part in node.op.components]


# ---------------------------------------------------------------------- where

WIDE, DEEP, FLAT = conv(12), depthwise(12), conv(5)
CHAINS = {
    "three": ((WIDE, DEEP, FLAT), ["conv"] * 3),
    "two": ((depthwise(6), FLAT), ["conv"] * 2),
    "norms and functions": (
        (conv(12, **BARE), NORM, RELU6, depthwise(12, **BARE), NORM, SWISH, conv(5, **BARE), NORM),
        ["conv", "relu6", "conv", "hard_swish", "conv"],
    ),
    "a function at the end": ((DEEP | {"out": 6, "groups": 6}, RELU6, FLAT, SWISH),
                              ["conv", "relu6", "conv", "hard_swish"]),
    "without biases": ((conv(12, **BARE), depthwise(12, **BARE), conv(5, **BARE)), ["conv"] * 3),
    "strides": ((WIDE, depthwise(12, stride=2), FLAT), ["conv"] * 3),
    "strides by axis": ((WIDE, depthwise(12, (3, 2), stride=(1, 3)), FLAT), ["conv"] * 3),
    "pads by size": ((WIDE, depthwise(12, stride=2, pad="same_upper"), FLAT), ["conv"] * 3),
    "asymmetric pads": ((WIDE, depthwise(12, pad=((1, 2), (0, 3))), FLAT), ["conv"] * 3),
    "kernel of one": ((WIDE, depthwise(12, 1, pad=0), FLAT), ["conv"] * 3),
    "pointwise, padded by words": (
        (conv(12, pad="same_upper"), DEEP, conv(5, pad="same_lower")), ["conv"] * 3,
    ),
    "a pad before": (
        (WIDE, {"op": "pad", "pads": ((1, 1), (1, 2))}, depthwise(12, pad=0), FLAT), ["conv"] * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHAINS)
def test_a_depthwise_convolution_is_joined_with_its_neighbours(case, rng):
    steps, components = CHAINS[case]
    graph = chain(IMAGE, *steps)
    assert left(graph, rng) == ["input", JOINED]
    (node,) = (node for node in optimize(graph) if node.op.name == JOINED)
    assert parts(node) == components
    assert node.name == [n.name for n in graph][-1]


def mobile(rng=None, stride=1, activation="relu6", channels=6, **options):
    """Residual blocks as in MobileNetV2."""
    hand = Hand(B={}, H={}, W={})
    x = hand.input("x", *options.get("shape", IMAGE))
    for block in "ab":
        y = hand.add(f"{block}1", "conv", x, out=12, kernel=1)
        y = hand.add(f"{block}2", activation, y)
        y = hand.add(f"{block}3", "conv", y, out=12, kernel=3, pad=1, groups=12)
        y = hand.add(f"{block}4", activation, y)
        y = hand.add(f"{block}5", "conv", y, out=channels, kernel=1)
        x = hand.add(f"{block}6", "add", (y, x))
    return hand.done(y=hand.add("end", "relu", x))


def test_what_is_added_goes_along(rng):
    graph = mobile()
    assert left(graph, rng) == ["input", JOINED, JOINED]
    lean = optimize(graph)
    assert parts(lean["a6"]) == ["conv", "relu6", "conv", "relu6", "conv", "add"]
    assert parts(lean["end"]) == [*parts(lean["a6"]), "relu"]
    assert {str(v.node) for v in lean.wires_of("end").values()} >= {"a6"}


def test_depthwise_and_pointwise_in_turn_are_pairs(rng):
    steps = [depthwise(6), RELU6, conv(8), RELU6, depthwise(8), RELU6, conv(4), RELU6]
    graph = chain(IMAGE, *steps, depthwise(4), conv(3))
    assert left(graph, rng) == ["input", JOINED, JOINED, JOINED]
    assert [n.op.widen for n in optimize(graph) if n.op.name == JOINED] == [None] * 3


@pytest.mark.parametrize(
    "kernels", [(1, 1, 1), (3, 1, 1), (1, 3, 1), (1, 1, 1, 1), (1, 1, 3, 1, 1)]
)
@pytest.mark.parametrize("last", [1, 4])
def test_each_convolution_of_one_channel_is_joined_once(kernels, last, rng):
    outs = [1] * (len(kernels) - 1) + [last]
    graph = chain((2, 1, 7, 6), *(conv(o, k) for o, k in zip(outs, kernels, strict=True)))
    names = left(graph, rng)
    assert JOINED in names
    found = [node for node in optimize(graph) if node.op.name in ("conv", JOINED)]
    assert sum(len(parts(node)) or 1 for node in found) == len(kernels)


def test_sizes_with_names_stay(rng):
    graph = mobile(shape=("B", 6, "H", "W"))
    lean = optimize(graph)
    assert lean["a6"].type == graph["a6"].type
    assert left(graph, rng, x=(3, 6, 5, 11)) == ["input", JOINED, JOINED]


def test_weights_may_be_shared(rng):
    hand = Hand()
    x = hand.input("x", *IMAGE)
    for block, share in (("a", None), ("b", "a")):
        x = hand.add(f"{block}1", "conv", x, out=12, kernel=1, share=share and f"{share}1")
        x = hand.add(
            f"{block}2", "conv", x, out=12, kernel=3, groups=12, share=share and f"{share}2"
        )
        x = hand.add(f"{block}3", "conv", x, out=6, kernel=1, share=share and f"{share}3")
    assert left(hand.done(y=x), rng) == ["input", JOINED, JOINED]


def test_weights_may_be_computed(rng):
    hand = Hand()
    x, w = hand.input("x", *IMAGE), hand.add("w", "parameter", shape=(6, 1, 3, 3))
    w = hand.add("t", "tanh", w)
    y = hand.add("d", "conv", x, w, out=6, kernel=3, groups=6, bias=False)
    graph = hand.done(y=hand.add("p", "conv", y, out=4, kernel=1))
    assert left(graph, rng) == ["input", JOINED]
    assert parts(optimize(graph)["p"]) == ["conv", "conv"]


@pytest.mark.parametrize("which", ["a", "b", "c", "abc"])
def test_filters_may_come_from_outside_and_differ_from_run_to_run(which, rng):
    hand, shapes = Hand(), {"a": (12, 6, 1, 1), "b": (12, 1, 3, 3), "c": (5, 12, 1, 1)}
    y = hand.input("x", *IMAGE)
    filters = {name: hand.input(f"w{name}", *shapes[name]) for name in which}
    for name, step in zip("abc", (WIDE, DEEP, FLAT), strict=True):
        given = [filters[name]] if name in filters else []
        y = hand.add(name, "conv", y, *given, **{k: v for k, v in step.items() if k != "op"})
    graph = hand.done(y=y)
    weights = weighted(graph, rng)
    plain = Session(graph, weights, fast=False)
    session = Session(graph, weights, rewrite=optimize)
    assert JOINED in [node.op.name for node in optimize(graph)]
    for _ in range(3):
        inputs = {name: drawn(rng, node.type.shape) for name, node in graph.inputs.items()}
        close(session.run(inputs).outputs, plain.run(inputs).outputs)


# ---------------------------------------------------------------------- where not

APART = {
    "dilation": (WIDE, depthwise(12, dilation=2, pad=2), FLAT),
    "dilation along an axis": (WIDE, depthwise(12, dilation=(1, 2)), FLAT),
    "two channels a filter": (WIDE, depthwise(12) | {"groups": 6}, FLAT),
    "two filters a channel": (conv(6), conv(12, 3, groups=6), FLAT),
    "a stride at the end": (depthwise(6), conv(5, stride=2)),
    "a larger kernel at the end": (depthwise(6), conv(5, 3)),
    "a larger kernel along an axis": (depthwise(6), conv(5, (1, 2))),
    "pads at the end": (depthwise(6), conv(5, pad=1)),
    "groups at the end": (depthwise(6), conv(4, groups=2)),
    "something between": (depthwise(6), {"op": "softmax", "axis": 1}, FLAT),
    "two pointwise ones": (conv(12), RELU6, FLAT),
    "nothing after it": (WIDE, DEEP),
}


@pytest.mark.parametrize("case", APART)
def test_other_convolutions_stay_apart(case, rng):
    graph = chain(IMAGE, *APART[case])
    assert JOINED not in left(graph, rng)
    fused = after(graph, "fuse")
    assert join_separable(fused) is fused


@pytest.mark.parametrize(
    "first", [conv(12, 3), conv(12, (4, 4), pad=2), conv(12, groups=2), conv(12, 2, dilation=2)]
)
def test_what_comes_before_stays_apart_if_its_windows_hold_much(first, rng):
    names = left(chain(IMAGE, first, DEEP, FLAT), rng)
    assert names == ["input", "conv", JOINED]


@pytest.mark.parametrize(
    "first",
    [conv(12, stride=2), conv(12, pad=1), conv(12, (1, 2), **BARE), conv(16, 2, pad=1, stride=2)],
)
def test_what_comes_before_is_joined_if_its_windows_hold_little(first, rng):
    shape = (2, 3, 9, 8) if first["out"] == 16 else (2, 5, 9, 8)
    deep = depthwise(first["out"])
    assert left(chain(shape, first, RELU6, deep, FLAT), rng) == ["input", JOINED]


@pytest.mark.parametrize("shape", [(2, 6, 9), (1, 6, 4, 5, 3)])
def test_signals_and_volumes_stay_apart(shape, rng):
    assert left(chain(shape, WIDE, DEEP, FLAT), rng) == ["input", *["conv"] * 3]


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_dtypes_stay_apart(dtype):
    hand = Hand()
    y = hand.input("x", *IMAGE, dtype=dtype)
    for name, step in zip("abc", (WIDE, DEEP, FLAT), strict=True):
        y = hand.add(name, "conv", y, **{k: v for k, v in step.items() if k != "op"})
    assert JOINED not in [node.op.name for node in optimize(hand.done(y=y))]


def three(hand):
    """x, and the results of the three convolutions."""
    x = hand.input("x", *IMAGE)
    a = hand.add("a", "conv", x, out=6, kernel=1)
    b = hand.add("b", "conv", a, out=6, kernel=3, pad=1, groups=6)
    return x, a, b, hand.add("c", "conv", b, out=6, kernel=1)


READ = {"a": ["input", "conv", "tanh", JOINED], "b": ["input", *["conv"] * 3, "tanh"]}


@pytest.mark.parametrize("which", "ab")
def test_what_something_else_reads_stays(which, rng):
    hand = Hand()
    found = dict(zip("xabc", three(hand), strict=True))
    graph = hand.done(y=found["c"], z=hand.add("t", "tanh", found[which]))
    assert sorted(left(graph, rng)) == sorted(READ[which])


@pytest.mark.parametrize("which", "ab")
def test_outputs_stay(which, rng):
    hand = Hand()
    found = dict(zip("xabc", three(hand), strict=True))
    graph = hand.done(y=found["c"], z=found[which])
    assert left(graph, rng) == [name for name in READ[which] if name != "tanh"]


@pytest.mark.parametrize("which", "ab")
def test_what_is_added_at_the_end_may_be_read_on_the_way(which, rng):
    hand = Hand()
    found = dict(zip("xabc", three(hand), strict=True))
    graph = hand.done(y=hand.add("s", "add", (found["c"], found[which])))
    names = left(graph, rng)
    assert names == (
        ["input", "conv", JOINED] if which == "a" else ["input", *["conv"] * 2, "fused_conv"]
    )


def test_nothing_is_added_on_the_way(rng):
    hand = Hand()
    x, z = hand.input("x", *IMAGE), hand.input("z", *IMAGE)
    y = hand.add("s", "add", (hand.add("a", "conv", x, out=6, kernel=1), z))
    y = hand.add("b", "conv", y, out=6, kernel=3, pad=1, groups=6)
    graph = hand.done(y=hand.add("c", "conv", y, out=4, kernel=1))
    assert left(graph, rng) == ["input", "input", "fused_conv", JOINED]
    hand = Hand()
    x, z = hand.input("x", *IMAGE), hand.input("z", *IMAGE)
    y = hand.add("b", "conv", x, out=6, kernel=3, pad=1, groups=6)
    y = hand.add("s", "add", (y, z))
    graph = hand.done(y=hand.add("c", "conv", y, out=4, kernel=1))
    assert left(graph, rng) == ["input", "input", "fused_conv", "conv"]


def test_filters_that_are_computed_from_an_image_are_no_image(rng):
    hand = Hand()
    x, w = hand.input("x", 2, 5, 4, 3), hand.input("w", 6, 5, 3, 3)
    w = hand.add("d", "conv", w, out=5, kernel=3, groups=5)  # [6, 5, 1, 1]
    graph = hand.done(y=hand.add("p", "conv", x, w, out=6, kernel=1, bias=False))
    assert left(graph, rng) == ["input", "input", "conv", "conv"]


def test_what_is_kept_stays(rng):
    graph = mobile()
    weights, inputs = weighted(graph, rng), {"x": drawn(rng, IMAGE)}
    names = [node.name for node in graph if node.op.name != "input"]
    plain = Session(graph, weights, fast=False).run(inputs, keep=names)
    session = Session(graph, weights, rewrite=optimize)
    for keep in (*([name] for name in names), names, []):
        found = session.run(inputs, keep=keep)
        close(found.outputs, plain.outputs)
        close(found.kept, {name: plain.kept[name] for name in keep})


# ---------------------------------------------------------------------- what it leaves


@pytest.mark.parametrize("named", [True, False])
def test_applied_again_it_changes_nothing(named):
    graph = optimize(mobile(shape=("B", 6, "H", "W") if named else IMAGE))
    assert join_separable(graph) is graph
    assert content(optimize(graph)) == content(graph)


def test_the_graph_it_gets_is_not_changed():
    graph = after(mobile(), "fuse")
    before = content(graph)
    found = join_separable(graph)
    verify(found)
    assert content(graph) == before
    assert JOINED in {node.op.name for node in found}


COSTS = {
    "residual": mobile(),
    "two": chain(IMAGE, depthwise(6, stride=2), RELU6, FLAT),
    "no bias": chain(IMAGE, conv(12, **BARE), SWISH, depthwise(12, **BARE), conv(5, **BARE), RELU6),
    "one function": chain(IMAGE, WIDE, depthwise(12, (2, 3), pad=((1, 2), (0, 3))), RELU6, FLAT),
}


@pytest.mark.parametrize("case", COSTS)
def test_the_work_is_that_of_what_was_joined(case):
    graph = COSTS[case]
    stages = [after(graph, "fuse"), join_separable(after(graph, "fuse"))]
    assert JOINED in {node.op.name for node in stages[1]}
    found = []
    for stage in (graph, *stages):
        weights = initial_weights(stage, 0)
        plan = Session(stage, weights).plan({})
        works = works_of(plan, {}, {**weights, "x": np.zeros(IMAGE, "float32")}).values()
        found.append([sum(w.macs for w in works), sum(w.elementwise for w in works)])
    assert found[0][0] == found[1][0] == found[2][0] > 0
    assert found[1] == found[2]


def test_the_work_is_known_for_sizes_with_names():
    graph = after(mobile(shape=("B", 6, "H", "W")), "fuse")
    costs = [
        sum(node.op.cost(node.op.match(found.given_to(node.name))).macs for node in found)
        for found in (graph, join_separable(graph))
    ]
    assert costs[0] == costs[1]


MODEL = """\
format: 1
dims: [B]
inputs: {x: [B, 6, 9, 8]}
nodes:
  - conv: {out: 12, kernel: 1}
  - relu6
  - conv: {out: 12, kernel: 3, pad: 1, groups: 12}
  - relu6
  - conv: {out: 6, kernel: 1}
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_runs_by_channels_in_turn(threads):
    model = fw.loads(MODEL)
    model.set_engine(threads=threads)
    inputs = model.example_inputs({"B": 2})
    found = model.run(**inputs)
    algorithms = {call.algorithm for call in model.session.plan({"B": 2}).calls}
    assert algorithms == {"channels in turn"}
    model.set_engine(optimize=False)
    close(dict(found), dict(model.run(**inputs)))
