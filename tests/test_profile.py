"""`profile`: the time and the work of every node."""

from __future__ import annotations

import json
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest

import framework as fw
from framework.cli import main
from framework.errors import RunError
from framework.tools import alone
from framework.tools.alone import MOST, Shape, one_round, timed_products
from framework.tools.profile import (
    Line,
    Profile,
    product_rate,
    profile,
    runs_within,
    shares,
    trace_events,
)
from framework.tools.work import works_of

MODEL = """\
format: 1
name: small
dims: {B: {example: 2}}
inputs: {x: [B, 3]}
blocks:
  stage:
    inputs: {x: [N, C]}
    nodes: [{linear: C}, tanh, {softmax: -1}]
nodes:
  - linear: 6
  - {use: stage, repeat: 2}
  - {linear: 4, id: head}
outputs: {scores: head}
"""
BY_DATA = """\
format: 1
inputs: {x: {shape: [5], dtype: int64}}
nodes: [{non_zero: {}, id: places}, {cast: float32, id: y}]
outputs: {y: y}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A small model."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(MODEL)
    return tmp_path


@pytest.fixture(scope="module")
def found():
    """A profile of two runs, without passes."""
    model = fw.loads(MODEL)
    model.set_engine(threads=1, optimize=False)
    return profile(model, {"B": 5}, 2)


def test_every_node_has_its_time_and_its_work(found):
    macs = {line.name: line.macs for line in found.nodes if line.operator == "linear"}
    assert macs == {
        "linear": 5 * 3 * 6,
        "stage.0.linear": 5 * 6 * 6,
        "stage.1.linear": 5 * 6 * 6,
        "head": 5 * 6 * 4,
    }
    assert all(line.seconds > 0 for line in found.nodes)


def test_bytes_are_those_of_inputs_weights_and_results(found):
    head = next(line for line in found.nodes if line.name == "head")
    assert head.bytes == 4 * (5 * 6 + 4 * 6 + 4 + 5 * 4)


def test_the_products_of_a_node_are_its_matrices():
    model = fw.load("vit", depth=1)
    plan, sizes = model.session.plan({"B": 2}), {"B": 2}
    arrays = {**model.session.weights, **model.example_inputs(sizes)}
    found = {p for work in works_of(plan, sizes, arrays).values() for p in work.products}
    assert {Shape(2, 196, 768, 768), Shape(1, 2, 768, 1000), Shape(24, 1, 64, 197)} <= found


def test_operators_are_sums_of_their_nodes(found):
    sums = {line.operator: line for line in found.operators}
    assert {name: line.calls for name, line in sums.items()} == {
        "linear": 4,
        "tanh": 2,
        "softmax": 2,
    }
    parts = [line.seconds for line in found.nodes if line.operator == "tanh"]
    assert sums["tanh"].seconds == pytest.approx(sum(parts))
    assert found.total.macs == 5 * (18 + 72 + 24)


def test_the_optimized_graph_has_the_same_products():
    model = fw.loads(MODEL)
    assert profile(model, {"B": 5}, 1).total.macs == 5 * (18 + 72 + 24)


def test_the_share_of_the_limit_is_the_time_of_the_products_over_the_time():
    line = Line("a", "linear", "", 2.0, 100, 0, 0, limit=0.5)
    assert (line.flops, line.limit_share) == (100.0, 0.25)
    assert line.plus(line).limit_share == 0.25


def test_a_node_without_products_has_no_rate():
    line = Line("a", "relu", "", 2.0, 0, 100, 0)
    assert (line.flops, line.limit_share) == (None, None)


def test_sizes_that_data_decide_count_as_nothing():
    model = fw.loads(BY_DATA)
    session = model.session
    inputs = {"x": np.array([1, 0, 1, 1, 0])}
    result = session.run(inputs)
    works = works_of(session.plan(result.sizes), result.sizes, inputs)
    assert works["y"].bytes == 0


def test_the_limit_is_measured_for_what_multiplies_matrices(found):
    measured = {line.operator: line.limit > 0 for line in found.nodes}
    assert measured == {"linear": True, "tanh": False, "softmax": False}
    assert found.total.limit == pytest.approx(sum(line.limit for line in found.nodes))


@pytest.mark.parametrize(("whole", "parts"), [(1, 5), (5, 5), (20, 5), (7, 3)])
def test_runs_are_shared_out_evenly(whole, parts):
    found = shares(whole, parts)
    assert (sum(found), len(found)) == (whole, min(whole, parts))
    assert max(found) - min(found) <= 1


def test_a_product_has_a_rate():
    assert 1e8 < product_rate("float32", 1) < 1e14


@pytest.mark.parametrize(("seconds", "runs"), [(0.0, 20), (0.5, 10), (60.0, 3)])
def test_slow_models_run_less_often(seconds, runs):
    assert runs_within(seconds) == runs


# ---------------------------------------------------------------------- products alone

SMALL, LONG, WIDE = Shape(2, 3, 4, 5), Shape(9, 5000, 64, 7000), Shape(1, 2, 1 << 25, 3)


def test_what_fits_is_measured_whole():
    assert SMALL.part == SMALL
    assert SMALL.operands == ((2, 3, 4), (2, 4, 5), (2, 3, 5))


@pytest.mark.parametrize("shape", [LONG, WIDE, Shape(1 << 26, 1, 1, 1)])
def test_of_large_products_a_part_is_measured(shape):
    part = shape.part
    assert 0 < part.macs < shape.macs
    assert max(map(prod, part.operands)) <= max(MOST, shape.inner)


def test_the_time_of_a_part_stands_for_all(monkeypatch):
    clock = iter([10.0, 10.5])
    monkeypatch.setattr(alone, "perf_counter", lambda: next(clock))
    (timed,) = timed_products({"a": [LONG]}, "float32")
    assert one_round([timed]) == {"a": pytest.approx(0.5 * LONG.macs / LONG.part.macs)}


def test_products_of_a_node_add_up_and_those_without_work_are_left_out():
    shapes = {"a": [SMALL, Shape(1, 0, 4, 4), SMALL], "b": [], "c": [Shape(1, 8, 2, 6)]}
    timed = timed_products(shapes, "float64")
    assert [one.name for one in timed] == ["a", "a", "c"]
    assert all(one.result.dtype == np.float64 for one in timed)
    assert one_round(timed).keys() == {"a", "c"}


def test_the_ring_of_weights_goes_round(monkeypatch):
    monkeypatch.setattr(alone, "RING", 50)
    timed = timed_products({str(n): [Shape(1, 2, 4, 5)] for n in range(5)}, "float32")
    starts = [one.right.ctypes.data - timed[0].right.ctypes.data for one in timed]
    assert starts == [0, 80, 0, 80, 0]


def test_nothing_to_multiply_takes_no_time():
    assert one_round(timed_products({"a": []}, "float32")) == {}


# ---------------------------------------------------------------------- traces


def test_a_trace_has_blocks_around_their_nodes():
    names = ("stem", "stage.0.linear", "stage.0.tanh", "stage.1.linear")
    lines = tuple(Line(name, "linear", "", 1e-6, 0, 0, 0) for name in names)
    found = Profile("small", {}, 1, 1, 4e-6, 1.0, lines)
    events = trace_events(found, fw.loads(MODEL).ir)["traceEvents"]
    spans = {e["name"]: (round(e["ts"]), round(e["dur"])) for e in events if e["ph"] == "X"}
    blocks = {"small": (0, 4), "stage.0": (1, 2), "stage.1": (3, 1)}
    nodes = {name: (start, 1) for start, name in enumerate(names)}
    assert spans == blocks | nodes


def test_a_trace_is_json_that_lasts_as_long_as_the_nodes(found):
    events = json.loads(json.dumps(trace_events(found, fw.loads(MODEL).ir)))["traceEvents"]
    whole = next(e for e in events if e["name"] == "model" or e["name"] == "small")
    assert whole["ph"] == "M" or whole["dur"] > 0
    spans = [e for e in events if e["ph"] == "X" and e["cat"] == "block"]
    assert spans[0]["dur"] == pytest.approx(1e6 * sum(line.seconds for line in found.nodes))


def test_a_trace_never_has_numbers_that_json_lacks(found):
    still = replace(found, nodes=tuple(replace(line, seconds=0.0) for line in found.nodes))
    json.dumps(trace_events(still, fw.loads(MODEL).ir), allow_nan=False)


# ---------------------------------------------------------------------- the command


def test_the_command_shows_operators_and_the_slowest_nodes(capsys):
    assert main(["profile", "small.yaml", "--runs", "2", "--nodes", "1", "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("small at B = 2, 1 thread, median of 2 runs\n")
    assert "more nodes: --nodes" in out
    assert err == ""


def test_without_nodes_there_are_only_operators(capsys):
    assert main(["profile", "small.yaml", "--runs", "1", "--nodes", "0", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("small at B = 2, 1 thread, one run\n")
    assert "slowest" not in out


def test_a_profile_that_would_not_fit_is_refused_before_inputs_are_made(monkeypatch):
    model = fw.loads(MODEL)
    model.set_engine(memory_limit=10_000)
    monkeypatch.setattr(model, "example_inputs", None)
    with pytest.raises(RunError, match="the run needs"):
        profile(model, {"B": 10**6})


def test_the_command_writes_data_and_a_trace(capsys):
    words = ["--runs", "1", "--json", "--trace", "trace.json", "--dims", "B=3"]
    assert main(["profile", "small.yaml", *words]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["sizes"], data["runs"]) == ({"B": 3}, 1)
    assert data["total"]["macs"] == 3 * (18 + 72 + 24)
    assert "traceEvents" in json.loads(Path("trace.json").read_text())


def test_a_trace_that_cannot_be_written_is_refused_at_once(capsys):
    assert main(["profile", "small.yaml", "--trace", "no/trace.json"]) == 2
    assert capsys.readouterr().err == "error: --trace: no/trace.json: there is no folder no\n"
