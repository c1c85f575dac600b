"""Weights: seeded starts, files and their names, the check that they fit; example inputs."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Hand, mlp, ones
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import InputError, WeightError
from framework.ir.graph import Parameter, Value
from framework.ir.types import TensorType
from framework.runtime.examples import example_inputs, index_limits, random_input
from framework.runtime.session import Session
from framework.runtime.weights import initial_weights, load_weights, save_weights


def problem(graph, path, names=None):
    with pytest.raises(WeightError) as caught:
        load_weights(graph, path, names)
    return str(caught.value).replace(f"{path}", "FILE")


def same(found, wanted):
    """The same names, dtypes and numbers."""
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


# ------------------------------------------------------------------ first values


def test_first_values_follow_the_rule_of_each_parameter():
    weights = initial_weights(mlp())
    assert {name: (a.shape, a.dtype.name) for name, a in weights.items()} == {
        "first.weight": ((4, 3), "float32"),
        "first.bias": ((4,), "float32"),
        "head.weight": ((2, 4), "float32"),
        "head.bias": ((2,), "float32"),
    }
    assert np.abs(weights["first.weight"]).max() <= np.sqrt(6 / 7)  # xavier_uniform, 3 + 4
    assert weights["first.bias"].tolist() == [0] * 4


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    same(initial_weights(mlp(), 3), initial_weights(mlp(), 3))
    first, second = initial_weights(mlp(), 3), initial_weights(mlp(), 4)
    assert not np.array_equal(first["head.weight"], second["head.weight"])


def test_a_new_parameter_changes_no_other():
    graph = mlp()
    graph.parameters = {"new": Parameter("new", (5,), "float32", True, "ones", (5, 5))} | dict(
        graph.parameters
    )
    same({n: a for n, a in initial_weights(graph).items() if n != "new"}, initial_weights(mlp()))


def test_a_rule_that_is_none_is_told_with_its_parameter():
    graph = mlp()
    graph.parameters["odd"] = Parameter("odd", (2,), "float32", True, "he_norml", (2, 2))
    with pytest.raises(WeightError) as caught:
        initial_weights(graph)
    assert str(caught.value) == (
        "init of 'odd': there is no initialiser 'he_norml'\n  hint: did you mean 'he_normal'?"
    )


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_weights_survive_a_file(tmp_path, ending):
    graph, path = mlp(), tmp_path / f"weights{ending}"
    save_weights(path, initial_weights(graph))
    same(load_weights(graph, path), initial_weights(graph))


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError) as caught:
        save_weights(tmp_path / "w.pth", {})
    assert str(caught.value) == (
        f"{tmp_path / 'w.pth'}: weights are written to .safetensors and .npz files, "
        "not to '.pth'\n  hint: name it w.safetensors"
    )


def test_foreign_names_are_mapped_and_counters_dropped(tmp_path):
    graph, path = mlp(), tmp_path / "w.npz"
    weights = initial_weights(graph)
    foreign = {f"net.{name}": array for name, array in weights.items()}
    save_weights(path, foreign | {"net.bn.num_batches_tracked": np.array(7)})
    patterns = {"{x...}.num_batches_tracked": None, "net.{rest...}": "{rest...}"}
    same(load_weights(graph, path, patterns), weights)


def test_narrower_and_wider_floats_become_those_of_the_model(tmp_path):
    graph, path = mlp(), tmp_path / "w.npz"
    weights = ones(graph)
    half = {"first.weight": weights["first.weight"].astype("float16")}
    save_weights(path, weights | half | {"head.bias": np.ones(2)})
    same(load_weights(graph, path), weights)


def test_all_mismatches_come_together(tmp_path):
    graph, path = mlp(), tmp_path / "w.npz"
    weights = ones(graph) | {"head.bias": np.ones(3, np.int64)}
    weights["first.wieght"] = weights.pop("first.weight")
    save_weights(path, weights)
    assert problem(graph, path) == (
        "FILE: weights do not fit: 3 mismatches among 4 of the model\n"
        "  missing     'first.weight'; the file has 'first.wieght'\n"
        "  unexpected  'first.wieght'; the model wants 'first.weight'\n"
        "  shape       'head.bias': the model wants [2], the file has [3]\n"
        "weight 'head.bias' is int64; the model says float32"
    )


def test_a_malformed_pattern_is_named(tmp_path):
    graph, path = mlp(), tmp_path / "w.npz"
    save_weights(path, ones(graph))
    assert problem(graph, path, {"a.{x": "b"}) == (
        "FILE: weights: names: 'a.{x' has a brace without its partner\n  hint: write {name}"
    )


# ------------------------------------------------------------------ example inputs


def test_floats_are_drawn_by_seed_and_name():
    type_ = TensorType((100, 50), "float64")
    x = random_input(type_, "x", 1)
    assert (x.shape, x.dtype) == ((100, 50), np.float64)
    assert abs(x.mean()) < 0.05
    assert abs(x.std() - 1) < 0.05
    np.testing.assert_array_equal(x, random_input(type_, "x", 1))
    assert not np.array_equal(x, random_input(type_, "y", 1))


@given(st.lists(st.integers(1, 5), max_size=3), st.integers(0, 99))
def test_each_row_of_a_mask_has_a_true(shape, seed):
    mask = random_input(TensorType(tuple(shape), "bool"), "mask", seed)
    assert (mask.shape, mask.dtype) == (tuple(shape), np.bool_)
    assert np.atleast_1d(mask).any(axis=-1).all()


@given(st.integers(1, 1000), st.sampled_from(["int8", "uint8", "int64"]))
def test_whole_numbers_stay_below_the_limit_and_the_dtype(high, dtype):
    ids = random_input(TensorType((50,), dtype), "ids", 0, high)
    assert ids.dtype == dtype
    assert 0 <= ids.min() <= ids.max() < high


def test_a_symbolic_size_must_be_given():
    with pytest.raises(InputError) as caught:
        random_input(mlp()["x"].type, "x")
    assert str(caught.value) == "input 'x' is float32[B, 3]\n  hint: give every size a number"


def indexed():
    """ids through a reshape into two tables, picks into an axis of 4, counts used as numbers."""
    hand = Hand("indexed", B={})
    ids = hand.input("ids", "B", 6, dtype="int64")
    picks = hand.input("picks", 3, dtype="int32")
    hand.input("counts", 2, dtype="int64")
    small = hand.add("small", "embedding", ids, count=7, width=4)
    flat = hand.add("flat", "flatten", ids, axis=0)
    large = hand.add("large", "embedding", flat, count=5, width=2)
    part = hand.add("part", "gather", small, picks, axis=2)
    return hand.done(part=part, large=large, counts=Value("counts"))


def test_indices_stay_below_the_smallest_table_that_they_reach():
    assert index_limits(indexed()) == {"ids": 5, "picks": 4}


def test_example_inputs_can_be_run():
    graph = indexed()
    inputs = example_inputs(graph, {"B": 40})
    assert (inputs["ids"].shape, inputs["ids"].max()) == ((40, 6), 4)
    assert Session(graph, initial_weights(graph)).run(inputs).outputs["part"].shape == (40, 6, 3)


def test_a_table_of_unknown_length_gives_the_least_one():
    hand = Hand(N={"minimum": 3})
    table = hand.input("table", "N", 2)
    picks = hand.input("picks", 3, dtype="int64")
    graph = hand.done(y=hand.add("rows", "gather", table, picks))
    assert index_limits(graph) == {"picks": 3}
    assert index_limits(graph, {"N": 8}) == {"picks": 8}
