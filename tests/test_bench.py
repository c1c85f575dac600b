"""`bench`: engines in processes of their own, in turns, with equal outputs."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from framework.cli import main
from framework.cli.bench import number, table
from framework.errors import InputError, RunError
from framework.report.tables import render
from framework.tools import bench as benches
from framework.tools.bench import Bench, Engine, Job, bench, difference, share
from framework.tools.bench_process import EngineProcess, last_error
from framework.tools.bench_worker import peak_memory

MODEL = """\
format: 1
name: small
dims: {B: {example: 2}}
inputs: {x: [B, 3]}
nodes:
  - linear: 6
  - relu
  - {linear: 4, id: head}
outputs: {scores: head}
"""
OTHERS = [name for name, needed in benches.PACKAGES.items() if all(map(find_spec, needed))]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A small model."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(MODEL)
    return tmp_path


# ---------------------------------------------------------------------- with engines


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two rounds with every engine that is installed."""
    file = tmp_path_factory.mktemp("bench") / "small.yaml"
    file.write_text(MODEL)
    return bench(Job(str(file), sizes={"B": 5}), OTHERS, 2)


def test_every_engine_has_its_turns(found):
    assert [engine.name for engine in found.engines] == ["framework", *OTHERS]
    assert [sorted(engine.turns) for engine in found.engines] == [[0, 1]] * len(found.engines)


def test_every_engine_computes_the_same(found):
    assert all(engine.difference < 1e-6 for engine in found.engines[1:])
    assert (found.differing, found.left_out) == ([], {})


def test_every_process_tells_its_memory(found):
    sizes = [engine.peak_bytes for engine in found.engines]
    assert all(10e6 < size < 4e9 for size in sizes)


def test_the_table_has_a_row_for_each_engine(found):
    text = render(table(found), "markdown")
    assert text.startswith("**small at B = 5, 1 thread**")
    assert [name for name in ("framework", *OTHERS) if f"\n| {name} |" in text] == [
        "framework",
        *OTHERS,
    ]


def test_the_command_prints_data(capsys):
    assert main(["bench", "small.yaml", "--dims", "B=3", "--rounds", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert (data["sizes"], [e["engine"] for e in data["engines"]]) == ({"B": 3}, ["framework"])
    assert err == ""


# ---------------------------------------------------------------------- engines that are missing


def test_an_engine_that_is_not_installed_is_named_with_its_cure(monkeypatch):
    missing = {"onnxruntime": ("onnx_of_nobody", "runtime_of_nobody")}
    monkeypatch.setattr(benches, "PACKAGES", missing)
    reasons = bench(Job("small.yaml"), ["onnxruntime"], 1).left_out
    cure = "pip install onnx_of_nobody runtime_of_nobody"
    text = f"onnx_of_nobody and runtime_of_nobody are not installed: {cure}"
    assert reasons == {"onnxruntime": text}


def test_an_engine_that_fails_is_left_out_with_its_reason(monkeypatch):
    prepare = benches.prepare
    monkeypatch.setattr(benches, "missing", lambda name: None)
    monkeypatch.setattr(benches, "prepare", lambda m, s, names, folder: prepare(m, s, [], folder))
    reason = bench(Job("small.yaml"), ["torch"], 1).left_out["torch"]
    assert reason.startswith("it failed: ")


def test_an_unknown_engine_is_refused():
    with pytest.raises(InputError, match="no engine 'tourch'\n  hint: did you mean 'torch'"):
        bench(Job("small.yaml"), ["tourch"], 1)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--threads", "0"], 2, "error: threads is 0; at least 1 is needed\n"),
        (["--weights", "no.npz"], 2, "error: no.npz: there is no such file\n  hint: "),
        (["--memory-limit", "1"], 1, "error: the run needs 0.3 kB for its arrays"),
    ],
)
def test_options_are_refused_as_by_run(words, code, message, capsys):
    assert main(["bench", "small.yaml", "--rounds", "1", *words]) == code
    assert capsys.readouterr().err.startswith(message)


def test_a_process_that_ends_tells_why():
    with EngineProcess("framework", 1) as process, pytest.raises(RunError, match="nothing is"):
        process.ask("run", times=1)


def test_the_last_error_is_its_first_line():
    text = 'Traceback (most recent call last):\n  File "x"\nValueError: no\n  hint: yes\n'
    assert last_error(f"noise\n{text}") == "ValueError: no"
    assert last_error("noise\nlast words\n") == "last words"


# ---------------------------------------------------------------------- figures


def test_ratios_are_of_turns_of_the_same_round():
    ours, other = Engine("a", "1", 0.0), Engine("b", "1", 0.0)
    ours.turns, other.turns = {0: 1.0, 1: 20.0, 2: 3.0}, {0: 2.0, 1: 40.0}
    assert other.ratio(ours).median == 0.5


@pytest.mark.parametrize(
    ("rounds", "speed", "expected"), [(20, 1.0, 20), (20, 0.2, 20), (20, 0.1, 10), (20, 0.01, 3)]
)
def test_a_slow_engine_gets_fewer_rounds(rounds, speed, expected):
    assert share(rounds, speed) == expected


def test_differences_are_relative_to_the_largest_element():
    one = {"y": np.array([1.0, -8.0, np.inf])}
    assert difference(one, {"y": np.array([1.5, -8.0, np.inf])}) == 0.5 / 8


@pytest.mark.parametrize(
    "other", [{}, {"y": np.ones(2)}, {"y": np.array([1.0, np.nan, 1.0])}, {"z": np.ones(3)}]
)
def test_other_names_shapes_and_nans_are_infinitely_different(other):
    assert difference({"y": np.ones(3)}, other) == math.inf


def test_engines_that_differ_are_told_and_make_the_command_fail(monkeypatch, capsys):
    ours, other = Engine("framework", "1", 0.0, {0: 1.0}), Engine("torch", "2", 0.0, {0: 2.0})
    other.difference = 0.5
    monkeypatch.setattr(benches, "bench", lambda *given: Bench("small", {}, 1, [ours, other], {}))
    assert main(["bench", "small.yaml", "--against", "torch"]) == 1
    assert capsys.readouterr().out.endswith("torch gives other outputs\n")


def test_the_memory_of_this_process_is_at_least_that_of_an_array_in_it():
    kept = np.ones(2_000_000)
    assert peak_memory() > kept.nbytes


def test_numbers_have_three_digits():
    assert [number(v) for v in (0.01234, 12.34, 1234.5)] == ["0.0123", "12.3", "1,234"]
