"""Warnings: what is legal and yet seldom meant, how it is allowed, and what the command does."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import framework as fw
from framework.api.bundled import bundled
from framework.cli import main
from framework.cli.watching import sources, stamp
from framework.spec.codes import entries

ROOT = Path(fw.__file__).parent.parent
TWICE = "format: 1\ninputs: {x: [2, 4]}\nnodes:\n  - linear: 8\n  - relu\n  - gelu\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own, with a model that gets a warning."""
    monkeypatch.chdir(tmp_path)
    Path("twice.yaml").write_text(TWICE, "utf-8")
    return tmp_path


def codes(nodes, inputs="x: [2, 3, 12, 12]"):
    """Codes of the warnings about these nodes."""
    text = f"format: 1\ninputs: {{{inputs}}}\nnodes: [{nodes}]\n"
    return [problem.code for problem in fw.loads(text).warnings()]


@pytest.mark.parametrize("name", bundled())
def test_the_bundled_models_get_no_warning(name):
    assert [str(problem) for problem in fw.load(name).warnings()] == []


def test_a_warning_has_place_hint_and_severity():
    (problem,) = fw.load("twice.yaml").warnings()
    assert str(problem) == (
        "twice.yaml:6:5: warning[two-activations]: gelu follows relu with nothing between them\n"
        "    6 |   - gelu\n"
        "      |     ^^^^ remove one of them, or put a layer between them"
    )


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ("softmax: 0", ["softmax-over-batch"]),
        ("softmax: -4", ["softmax-over-batch"]),
        ("softmax: 1", []),
        ("relu, dropout: 0.5, gelu", []),
        ("{relu: , id: a}, gelu, {add: , in: [a, prev]}", []),
        ("conv: {out: 4, kernel: 3}, batch_norm", ["bias-before-batch-norm"]),
        ("conv: {out: 4, kernel: 3}, relu, batch_norm", []),
        ("conv: {out: 4, kernel: 3, stride: 4}", ["stride-larger-than-kernel"]),
        ("conv: {out: 4, kernel: 3, stride: 4, dilation: 2}", []),
        ("conv: {out: 4, kernel: [3, 1], stride: [1, 2]}", ["stride-larger-than-kernel"]),
        ("max_pool: 2", []),
        ("conv_transpose: {out: 4, kernel: 2, stride: 3}", []),
    ],
)
def test_what_is_suspicious_in_a_chain(nodes, found):
    assert codes(nodes) == found


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("", ["attention-without-positions"]),
        ("linear: 8, ", ["attention-without-positions"]),
        ("positional: {kind: sinusoidal}, ", []),
        ("rotary, ", []),
        ("lstm: 8, ", []),
        ("{parameter: {shape: [1, 5, 8]}, id: p}, {add: , in: [x, p]}, ", []),
        ("{parameter: {shape: [1, 1, 8]}, id: p}, {add: , in: [x, p]}, ", [
            "attention-without-positions"
        ]),
    ],
)  # fmt: skip
def test_attention_wants_positions_before_it(before, found):
    assert codes(f"{before}multi_head_attention: 2", "x: [2, 5, 8]") == found


def test_learned_queries_know_their_places():
    read = "{parameter: [1, 7, 8]}, {expand: [2, 7, 8]}, {multi_head_attention: 2, in: [prev, x]}"
    assert codes(read, "x: [2, 5, 8]") == []
    assert codes(read.replace("7", "1"), "x: [2, 5, 8]") == ["attention-without-positions"]


def test_a_causal_mask_tells_positions():
    assert codes("multi_head_attention: {heads: 2, causal: true}", "x: [2, 5, 8]") == []


def test_what_only_the_last_copy_gives_is_lost():
    text = entries()["lost-in-repeat"].wrong
    (problem,) = fw.loads(text).warnings()
    assert problem.code == "lost-in-repeat"
    assert "of 3 copies of 'layer', only the last one's is read" in str(problem)
    for old, new in (("repeat: 3", "repeat: 1"), ("[layers.y, layers.sum]", "[layers.y, x]")):
        assert fw.loads(text.replace(old, new)).warnings() == []


def test_copies_of_a_block_get_one_warning():
    text = TWICE.replace("nodes:", "blocks:\n  b:\n    inputs: {x: [N, C]}\n    nodes:").replace(
        "  - ", "      - "
    )
    model = fw.loads(f"{text}nodes: [{{use: b, repeat: 5}}]\n")
    assert [problem.code for problem in model.warnings()] == ["two-activations"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- gelu", "- gelu    # framework: allow two-activations"),
        ("- relu", "- relu    # framework: allow two-activations: as in the paper"),
        ("- gelu", "- gelu    # framework: allow softmax-over-batch, two-activations"),
    ],
)
def test_a_comment_on_the_line_or_above_allows_a_warning(old, new):
    assert fw.loads(TWICE.replace(old, new)).warnings() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- gelu", "- gelu    # framework: allow softmax-over-batch"),
        ("- linear: 8", "- linear: 8    # framework: allow two-activations"),
    ],
)
def test_another_code_or_a_line_further_up_does_not(old, new):
    assert len(fw.loads(TWICE.replace(old, new)).warnings()) == 1


def test_check_prints_warnings_and_exits_with_0(capsys):
    assert main(["check", "twice.yaml"]) == 0
    out = capsys.readouterr().out
    assert "warning[two-activations]" in out
    assert "twice.yaml: ok, 1 warning – 4 nodes" in out


def test_strict_makes_them_errors(capsys):
    assert main(["check", "twice.yaml", "--strict"]) == 2
    out = capsys.readouterr().out
    assert "error[two-activations]" in out
    assert out.endswith("twice.yaml: 1 problem\n")


def test_the_option_allows_a_warning(capsys):
    assert main(["check", "twice.yaml", "--strict", "--allow", "two-activations"]) == 0
    assert main(["check", "twice.yaml", "--allow", "two-activation"]) == 2
    assert "did you mean 'two-activations'?" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["twice.yaml", "no_such.yaml", "broken.yaml"])
def test_json_has_a_range_for_every_problem(file, capsys):
    Path("broken.yaml").write_text(TWICE.replace("relu", "rulu"), "utf-8")
    main(["check", file, "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    (problem,) = found["problems"]
    assert problem["file"] == file
    assert problem["end_line"] == problem["line"] >= 1
    assert problem["end_column"] > problem["column"] >= 1


def test_every_warning_is_explained_as_one():
    warned = {code for code, entry in entries().items() if entry.severity == "warning"}
    from framework.passes.suspicious import CODES

    assert warned == set(CODES)


# ---------------------------------------------------------------------------- watching


def test_all_imports_are_watched():
    block = "format: 1\n{}blocks: {{{}: {{inputs: {{x: [N]}}, nodes: [relu]}}}}\n"
    Path("b.yaml").write_text(block.format("", "b"), "utf-8")
    Path("a.yaml").write_text(block.format("import: {b.yaml: [b]}\n", "a"), "utf-8")
    text = "format: 1\nimport: {a.yaml: [a]}\ninputs: {x: [4]}\nnodes: [use: a]\n"
    Path("top.yaml").write_text(text, "utf-8")
    assert [path.name for path in sources(["top.yaml"])] == ["top.yaml", "a.yaml", "b.yaml"]


def test_a_file_that_is_not_there_is_watched_until_it_is(folder):
    assert [stamp(path) for path in sources(["later.yaml"])] == [None]


def read_until(process, pattern, seconds=20):
    """What the process prints, up to a line that fits."""
    text, end = "", time.monotonic() + seconds
    while not re.search(pattern, text) and time.monotonic() < end:
        if select.select([process.stdout], [], [], 0.2)[0]:
            text += os.read(process.stdout.fileno(), 65536).decode()
    return text


def hear_interrupts():
    """What a shell starts in the background is deaf to them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def watcher(folder):
    """`check --watch twice.yaml`; ended in any case."""
    command = [sys.executable, "-m", "framework", "check", "--watch", "twice.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, preexec_fn=hear_interrupts
    ) as process:
        yield process
        process.kill()


def test_watch_answers_at_every_save_and_stops_at_an_interrupt(watcher):
    assert "1 warning" in read_until(watcher, "twice.yaml: ok")
    Path("twice.yaml").write_text(TWICE.replace("gelu", "linear: 2.5"), "utf-8")
    assert "error[value]" in read_until(watcher, "1 problem")
    Path("twice.yaml").write_text(TWICE.replace("gelu", "linear: 3"), "utf-8")
    assert "ok – " in read_until(watcher, "twice.yaml: ok")
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(20) == 130
