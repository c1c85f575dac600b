"""`Session.run`: results, sizes from inputs, messages for what does not fit, the NaN watch."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand, mlp, ones

from framework.errors import InputError, Place, RunError, ShapeError, Source, WeightError
from framework.ir.conditions import Condition
from framework.ir.find import find_value
from framework.ir.graph import Value
from framework.runtime.planner import make_plan
from framework.runtime.session import Session


def session(graph):
    return Session(graph, ones(graph))


def refusal(graph, **inputs):
    with pytest.raises(InputError) as caught:
        session(graph).run(inputs)
    return str(caught.value)


def single(op, *shape, dtype="float32", dims=None, **attributes):
    """A model of one operator, which is called ``node``."""
    hand = Hand(**({} if dims is None else dims))
    x = hand.input("x", *shape, dtype=dtype)
    return hand.done(y=hand.add("node", op, x, **attributes))


# ------------------------------------------------------------------ results


def test_a_model_gives_its_outputs_and_the_sizes_of_the_inputs():
    result = session(mlp()).run({"x": np.array([[1, 2, 3], [0, 0, -9]], np.float32)})
    np.testing.assert_array_equal(result.outputs["logits"], [[29, 29], [1, 1]])
    assert (list(result.outputs), result.sizes) == (["logits"], {"B": 2})


def test_kept_nodes_come_under_the_names_that_were_asked_for():
    x = np.array([[1, 2, 3], [0, 0, -9]], np.float32)
    kept = session(mlp()).run({"x": x}, keep=["first", "x"]).kept
    assert {name: array.tolist() for name, array in kept.items()} == {
        "first": [[7] * 4, [-8] * 4],
        "x": x.tolist(),
    }


def test_results_lie_apart():
    hand = Hand()
    x = hand.add("x", "relu", hand.input("input", 2, 3))
    flat = hand.add("flat", "flatten", x, axis=0)
    graph = hand.done(x=x, flat=flat, again=flat)
    result = session(graph).run({"input": np.ones((2, 3), np.float32)}, keep=["x", "flat"])
    arrays = [*result.outputs.values(), *result.kept.values()]
    for array in arrays:
        array += 1
    assert [array.tolist() for array in map(np.ravel, arrays)] == [[2] * 6] * 5


def test_a_product_over_nothing_is_its_bias():
    found = session(single("linear", 2, 0, out=3)).run({"x": np.ones((2, 0), np.float32)})
    np.testing.assert_array_equal(found.outputs["y"], np.ones((2, 3)))


def test_queries_of_no_width_need_a_scale():
    def attended(**attributes):
        hand = Hand()
        q = hand.input("q", 2, 5, 0)
        graph = hand.done(y=hand.add("node", "attention", q, q, q, **attributes))
        return session(graph).run({"q": np.ones((2, 5, 0), np.float32)}).outputs["y"]

    assert attended(scale=1.0).shape == (2, 5, 0)
    with pytest.raises(RunError, match="negative power"):
        attended()


def test_the_time_is_told_by_node_and_by_stage():
    result = session(mlp()).run({"x": np.ones((1, 3))})
    assert list(result.seconds_by_node) == ["first", "relu", "head"]
    assert list(result.seconds_by_stage) == ["first", "relu", "head"]
    assert 0 < sum(result.seconds_by_node.values()) < result.seconds


def stacked(copies=2):
    """Blocks ``encoder.i`` with one linear each, then a head."""
    hand = Hand("stack", B={})
    x = hand.input("x", "B", 3)
    for copy in range(copies):
        hand.scope(f"encoder.{copy}", "block", copy, copies)
        x = hand.add(f"encoder.{copy}.linear", "linear", x, out=3)
        x = hand.add(f"encoder.{copy}.relu", "relu", x)
    return hand.done(y=hand.add("head", "linear", x, out=2))


def test_a_stage_is_an_outermost_block_copy():
    result = session(stacked()).run({"x": np.ones((1, 3))})
    assert list(result.seconds_by_stage) == ["encoder.0", "encoder.1", "head"]
    nodes = result.seconds_by_node
    first = nodes["encoder.0.linear"] + nodes["encoder.0.relu"]
    assert result.seconds_by_stage["encoder.0"] == pytest.approx(first)


def test_progress_counts_the_nodes():
    seen = []
    session(mlp()).run({"x": np.ones((1, 3))}, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3, "first"), (2, 3, "relu"), (3, 3, "head")]


def test_results_are_not_views_of_inputs_or_weights():
    hand = Hand()
    hand.input("x", 2, 2)
    token = hand.add("token", "parameter", shape=(2, 2))
    graph = hand.done(x=Value("x"), row=hand.add("row", "select", Value("x"), axis=0, index=0),
                      token=token)  # fmt: skip
    x, weights = np.zeros((2, 2), np.float32), ones(graph)
    for array in Session(graph, weights).run({"x": x}).outputs.values():
        array[...] = 7
    assert (x.max(), weights["token.value"].max()) == (0, 1)


def test_nodes_that_are_alike_share_a_kernel_and_stored_tensors_need_no_call():
    hand = Hand()
    x, stored = hand.input("x", 4), hand.add("stored", "parameter", shape=(4,))
    first = hand.add("first", "tanh", hand.add("sum", "add", (x, stored)))
    graph = hand.done(y=hand.add("second", "tanh", first))
    plan = make_plan(graph)
    assert [call.node.name for call in (*plan.prologue, *plan.calls)] == ["sum", "first", "second"]
    assert plan.calls[1].kernel is plan.calls[2].kernel is not None


def test_a_result_that_repeats_one_number_can_be_written_to():
    graph = single("expand", 1, 3, shape=(4, 3))
    y = session(graph).run({"x": np.ones((1, 3))}).outputs["y"]
    y[0, 0] = 5
    assert y.tolist() == [[5, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_the_plain_path_gives_the_same():
    graph = graphlike(op="einsum", equation="ij,jk->ik")
    inputs = {"features": np.arange(6.0).reshape(2, 3), "adjacency": [[1.0, 2.0], [0.0, 3.0]]}
    plain = Session(graph, {}, fast=False).run(inputs).outputs["y"]
    assert plain.tolist() == [[6, 9, 12], [9, 12, 15]]
    np.testing.assert_array_equal(plain, Session(graph, {}).run(inputs).outputs["y"])


def test_an_operator_with_several_results_can_be_kept_by_output():
    hand = Hand()
    x = hand.input("x", 2, 5)
    hand.add("parts", "split", x, axis=1, sizes=(2, 3))
    graph = hand.done(y=Value("parts", 1))
    result = session(graph).run({"x": np.arange(10).reshape(2, 5) * 1.0}, keep=["parts.0"])
    assert result.outputs["y"].tolist() == [[2, 3, 4], [7, 8, 9]]
    assert result.kept["parts.0"].tolist() == [[0, 1], [5, 6]]


def test_floating_point_noise_stays_off_the_terminal():
    graph = single("exp", 2)
    assert session(graph).run({"x": np.array([1000.0, 0.0])}).outputs["y"].tolist() == [np.inf, 1]


# ------------------------------------------------------------------ plans


def test_a_plan_is_made_once_for_each_set_of_sizes():
    runner = session(mlp())
    first = runner.plan({"B": 2})
    assert runner.plan({"B": 2}) is first
    assert runner.plan({"B": 3}) is not first


def test_old_plans_make_room_for_new_ones():
    runner = session(mlp())
    first = runner.plan({"B": 1})
    for size in range(2, 40):
        runner.plan({"B": size})
    assert runner.plan({"B": 1}) is not first


def test_a_plan_holds_only_what_is_needed():
    hand = Hand()
    x = hand.input("x", 2)
    hand.add("spare", "relu", x)
    graph = hand.done(y=hand.add("used", "relu", x))
    assert [call.node.name for call in make_plan(graph).calls] == ["used"]
    plan = make_plan(graph, keep={"it": Value("spare")})
    assert [call.node.name for call in plan.calls] == ["spare", "used"]


def test_slots_are_freed_after_their_last_reader():
    plan = make_plan(mlp(), {"B": 5})
    assert [call.free for call in plan.calls] == [
        (plan.inputs["x"],), plan.calls[0].outputs, plan.calls[1].outputs
    ]  # fmt: skip
    assert plan.peak_bytes == 64 + 128 + 64  # x, two results in one place, y: whole cache lines


def test_a_kept_slot_is_not_freed():
    plan = make_plan(mlp(), {"B": 5}, {"first": Value("first")})
    assert [call.free for call in plan.calls] == [(plan.inputs["x"],), (), plan.calls[1].outputs]


def test_a_shared_weight_has_one_slot():
    hand = Hand()
    x = hand.input("x", 2, 3)
    x = hand.add("a", "linear", x, out=3, bias=False)
    graph = hand.done(y=hand.add("b", "linear", x, out=3, bias=False, share="a"))
    assert list(make_plan(graph).weights) == ["a.weight"]


def test_a_plan_needs_every_size():
    with pytest.raises(ShapeError) as caught:
        make_plan(mlp())
    message = "x: float32[B, 3] has no fixed size yet; a plan needs every size"
    assert caught.value.fact == message


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(WeightError) as caught:
        Session(single("linear", 2, 3, out=4), {"node.weight": np.ones((4, 2))})
    assert str(caught.value) == (
        "weights do not fit: 2 mismatches among 2 of the model\n"
        "  missing     'node.bias'\n"
        "  shape       'node.weight': the model wants [4, 3], the file has [4, 2]"
    )


# ------------------------------------------------------------------ inputs


def graphlike(op="matmul", **attributes):
    hand = Hand(N={})
    x = hand.input("features", "N", 3)
    values = (hand.input("adjacency", "N", "N"), x)
    values = (values,) if op == "einsum" else values
    return hand.done(y=hand.add("spread", op, *values, **attributes))


def test_two_sizes_for_one_symbol_are_refused_with_their_places():
    inputs = {"features": np.ones((30, 3)), "adjacency": np.ones((30, 31))}
    assert refusal(graphlike(), **inputs) == (
        "input 'adjacency' has shape [30, 31]; the model says [N, N]: "
        "N is 30 from axis 0 of 'features', but axis 1 is 31"
    )


def test_another_number_of_axes_is_refused():
    assert refusal(mlp(), x=np.ones(3)) == (
        "input 'x' has shape [3]; the model says [B, 3]: 2 axes, not 1"
    )


def test_an_input_that_is_wrong_causes_no_second_message():
    hand = Hand(N={}, M={})
    hand.dims["both"] = hand.dims["N"] + hand.dims["M"]
    hand.input("sizes", "N", "M")
    graph = hand.done(y=hand.input("joined", "both"))
    assert refusal(graph, sizes=np.ones(3), joined=np.ones(3)) == (
        "input 'sizes' has shape [3]; the model says [N, M]: 2 axes, not 1"
    )


def test_another_fixed_size_is_refused():
    assert refusal(mlp(), x=np.ones((2, 4))) == (
        "input 'x' has shape [2, 4]; the model says [B, 3]: axis 1 is 4, not 3"
    )


def test_missing_and_unknown_inputs_are_told_together():
    assert refusal(graphlike(), adjacancy=np.ones((2, 2)), zzz=1) == (
        "the model has no input 'adjacancy'\n  hint: did you mean 'adjacency'?\n"
        "the model has no input 'zzz'\n  hint: the inputs are features, adjacency\n"
        "input 'features' is missing; the model says float32[N, 3]\n"
        "input 'adjacency' is missing; the model says float32[N, N]"
    )


@pytest.mark.parametrize(
    ("options", "size", "reason"),
    [
        ({"multiple_of": 16}, 100, "H = 100 is not a multiple of 16"),
        ({"minimum": 8}, 7, "H = 7 is below 8, the declared minimum"),
        ({"maximum": 8}, 9, "H = 9 is above 8, the declared maximum"),
    ],
)
def test_sizes_must_be_within_their_declaration(options, size, reason):
    graph = single("relu", "H", 2, dims={"H": options})
    assert refusal(graph, x=np.ones((size, 2))) == (
        f"input 'x' has shape [{size}, 2]; the model says [H, 2]: {reason}"
    )


def shifted():
    """tokens [N], pairs [N + 1, 2*N]."""
    hand = Hand(N={})
    n = hand.dims["N"]
    hand.dims |= {"next": n + 1, "double": 2 * n}
    pairs = hand.input("pairs", "next", "double")
    return hand, pairs


def test_expressions_are_checked_against_bound_symbols():
    hand, pairs = shifted()
    hand.input("tokens", "N")
    graph = hand.done(y=pairs)
    assert refusal(graph, tokens=np.ones(4), pairs=np.ones((5, 9))) == (
        "input 'pairs' has shape [5, 9]; the model says [N + 1, 2*N]: "
        "axis 1 is 9, but 2*N is 8 with N = 4 from axis 0 of 'tokens'"
    )


def test_a_symbol_that_stands_only_in_expressions_is_solved_for():
    hand, pairs = shifted()
    graph = hand.done(y=pairs)
    assert session(graph).run({"pairs": np.ones((5, 8))}).sizes == {"N": 4}
    assert refusal(graph, pairs=np.ones((1, 8))) == (
        "input 'pairs' has shape [1, 8]; the model says [N + 1, 2*N]: "
        "axis 0 is 1, and N + 1 = 1 gives no N"
    )


def test_a_symbol_in_no_input_takes_its_example():
    hand = Hand(T={})
    graph = hand.done(y=hand.add("mask", "causal_mask", size=hand.dims["T"]))
    assert refusal(graph) == (
        "size T stands in no input\n  hint: declare T with an example, or use it in an input"
    )
    graph.examples["T"] = 2
    assert session(graph).run({}).outputs["y"].tolist() == [[True, False], [True, True]]


def test_requirements_are_checked_with_the_sizes():
    graph = mlp()
    graph.conditions.append(
        Condition("divisible", graph.symbols["B"], 4, "require B % 4 == 0", "fill up the batch")
    )
    assert refusal(graph, x=np.ones((6, 3))) == (
        "require B % 4 == 0: B = 6 is not divisible by 4\n  hint: fill up the batch"
    )
    assert session(graph).run({"x": np.ones((8, 3))}).sizes == {"B": 8}


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("float64", "float32"), ("float16", "float32"), ("int64", "int32"), ("uint8", "float32"),
        ("int32", "int64"), ("bool", "float32"),
    ],
)  # fmt: skip
def test_harmless_conversions_happen_by_themselves(have, want):
    graph = single("identity", 2, dtype=want)
    y = session(graph).run({"x": np.array([1, 0], have)}).outputs["y"]
    assert (y.dtype.name, y.tolist()) == (want, [1, 0])


@pytest.mark.parametrize(
    ("have", "want"), [("float32", "int64"), ("int64", "float32"), ("int64", "bool")]
)
def test_other_conversions_are_left_to_the_user(have, want):
    graph = single("identity", 2, dtype=want)
    assert refusal(graph, x=np.ones(2, have)) == (
        f"input 'x' is {have}; the model says {want}\n  hint: convert it with .astype('{want}')"
    )


def test_numbers_that_the_narrower_dtype_cannot_hold_are_refused():
    whole = single("identity", 2, dtype="int8")
    message = "input 'x' holds 300, which the model's int8 cannot hold"
    assert refusal(whole, x=np.array([300, 1])) == message
    message = "input 'x' holds 1e+300, which the model's float32 cannot hold"
    assert refusal(single("identity", 2), x=np.array([np.inf, 1e300])) == message


def test_whole_numbers_in_lists_may_stand_for_floats():
    y = session(single("relu", 2)).run({"x": [3, -1]}).outputs["y"]
    assert (y.dtype, y.tolist()) == (np.float32, [3, 0])


def test_ragged_lists_are_no_array():
    assert refusal(mlp(), x=[[1.0], [1.0, 2.0]]).startswith("input 'x' is no array: ")


# ------------------------------------------------------------------ names of nodes


def test_parts_of_a_path_may_be_left_out():
    graph = stacked()
    assert find_value(graph, "1.linear") == Value("encoder.1.linear")
    assert find_value(graph, "head") == Value("head")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear", "'linear' fits 2 nodes: encoder.0.linear, encoder.1.linear\n"
         "  hint: write more of the path"),
        ("encoder.1", "'encoder.1' is a block\n"
         "  hint: name a node in it, e.g. 'encoder.1.relu'"),
        ("encoder.1.linaer", "no node is called 'encoder.1.linaer'\n"
         "  hint: did you mean 'encoder.1.linear'?"),
        ("linaer", "no node is called 'linaer'\n  hint: did you mean 'encoder.1.linear'?"),
        ("qqq", "no node is called 'qqq'"),
        ("head.z", "node 'head' has no result 'z'\n  hint: it has head.y"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_or_several_is_refused(text, message):
    with pytest.raises(InputError) as caught:
        session(stacked()).run({"x": np.ones((1, 3))}, keep=[text])
    assert str(caught.value) == message


# ------------------------------------------------------------------ failures


def placed_exp():
    """x -> scale 2 -> exp, in line 9 of a file."""
    hand = Hand()
    x = hand.input("x", 2, 2)
    x = hand.add("twice", "mul", (x, hand.add("two", "constant", value=2.0)))
    place = Place(Source("m.yaml", ""), 9, 5)
    return hand.done(y=hand.add("growth", "exp", x, place=place))


def alarm(graph, **inputs):
    with pytest.raises(RunError) as caught:
        session(graph).run(inputs, check_finite=True)
    return str(caught.value)


def test_the_first_node_that_overflows_is_named():
    assert alarm(placed_exp(), x=np.array([[0.0, -1], [1000, 2]])) == (
        "node 'growth' (exp) at m.yaml:9:5 gave a result that "
        "holds 1 inf among 4 values, the first at [1, 0]\n"
        "  x: float32[2, 2] from -2 to 2000"
    )


def test_nan_among_the_inputs_is_named_before_the_run():
    assert alarm(placed_exp(), x=np.array([[0, np.nan], [-np.inf, 2]])) == (
        "input 'x' holds 1 NaN and 1 -inf among 4 values, the first at [0, 1] before the run"
    )


def test_infinity_that_came_in_is_no_alarm():
    result = session(placed_exp()).run({"x": np.array([[0, np.inf], [-np.inf, 0]])},
                                       check_finite=True)  # fmt: skip
    assert result.outputs["y"].tolist() == [[1, np.inf], [0, 1]]


def masked():
    hand = Hand()
    x = hand.input("x", 3)
    keep = hand.input("keep", 3, dtype="bool")
    scores = hand.add("mask", "mask_fill", x, keep, value=-np.inf)
    return hand.done(y=hand.add("minus", "sub", scores, scores))


def test_the_infinity_of_a_mask_is_no_alarm_but_the_nan_behind_it_is():
    keep = np.array([True, False, True])
    assert alarm(masked(), x=np.ones(3), keep=keep) == (
        "node 'minus' (sub) gave a result that holds 1 NaN among 3 values, the first at [1]\n"
        "  a: float32[3] from 1 to 1, holds 1 -inf among 3 values, the first at [1]\n"
        "  b: float32[3] from 1 to 1, holds 1 -inf among 3 values, the first at [1]"
    )
    assert session(masked()).run({"x": np.ones(3), "keep": keep}).outputs["y"][0] == 0


def test_infinity_among_the_inputs_is_mentioned_when_it_makes_nan():
    hand = Hand()
    x = hand.input("x", 2)
    graph = hand.done(y=hand.add("minus", "sub", x, x))
    assert alarm(graph, x=np.array([np.inf, 1])).endswith(
        "\n  note: input 'x' holds 1 inf among 2 values, the first at [0] before the run"
    )


def test_a_fact_from_a_kernel_gets_its_node():
    graph = single("embedding", 2, dtype="int64", count=5, width=3)
    assert refusal(graph, x=np.array([0, 7])) == (
        "node 'node' (embedding, count 5, width 3): "
        "id 7 is outside the embedding table: it has 5 rows, ids 0 to 4"
    )


def test_a_failure_in_a_kernel_is_told_with_its_arguments(monkeypatch):
    graph = mlp()

    def broken(self, x):
        raise ValueError("no way")

    monkeypatch.setattr(type(graph["relu"].op), "compute", broken)
    with pytest.raises(RunError) as caught:
        Session(graph, ones(graph), fast=False).run({"x": np.ones((2, 3))})
    message = "node 'relu' (relu) failed: ValueError: no way\n  x: float32[2, 4]"
    assert str(caught.value) == message
    assert isinstance(caught.value.__cause__, ValueError)
