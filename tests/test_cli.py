"""The command line: what each command prints, where, and with which exit code."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import framework as fw
from framework.cli import main
from framework.cli.entry import COMMANDS
from framework.cli.opexample import connected, example_text, flat
from framework.cli.output import error_text, prepare_streams
from framework.cli.parsing import pairs
from framework.cli.runreport import folded, shortened, statistics
from framework.errors import InputError, Mistake, RunError
from framework.ir.op import REGISTRY

ROOT = Path(__file__).resolve().parent.parent

TINY = """\
format: 1
name: tiny
doc: Two layers.
args: {width: 6, kind: {type: block, default: plain}}
dims: {B: {example: 2, max: 8}}
inputs: {x: [B, 3]}
blocks:
  plain:
    inputs: {x: [N, C]}
    nodes: [{linear: C}, relu]
nodes:
  - linear: width
  - {use: kind, id: stack, repeat: 3}
  - {linear: 4, id: head}
outputs: {scores: {node: head, labels: labels.txt}}
"""
BROKEN = TINY.replace("width: 6", "width: 6.5").replace("relu]", "rulu]")
PAIR = """\
format: 1
inputs: {left: [2, 3], right: [2, 3]}
nodes:
  - {add: , in: [left, right]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own, with a few models."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)
    Path("broken.yaml").write_text(BROKEN)
    Path("pair.yaml").write_text(PAIR)
    Path("labels.txt").write_text("ant\nbee\ncat\ndog\n")
    return tmp_path


@pytest.fixture
def cli(capsys):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def run(*words):
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def process(*words, command="{python} -m framework {words}", **variables):
    """Run a command as a shell would."""
    line = command.format(python=sys.executable, words=" ".join(words))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(line, shell=True, capture_output=True, env=environment, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def on_terminal(*words):
    """Run a command with a pseudo-terminal as stdout; what a person would see, styles included."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-m", "framework", *words]
    running = subprocess.Popen(command, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    chunks = []  # read while it runs: a terminal holds a few thousand characters only
    try:
        while chunk := os.read(master, 65536):
            chunks.append(chunk)
    except OSError:  # Linux reports the closed other end like this
        pass
    os.close(master)
    running.wait()
    return b"".join(chunks).decode()


# ------------------------------------------------------------------ the outermost layer


def test_help_lists_every_command_and_ends_well(cli):
    code, out, err = cli("--help")
    assert (code, err) == (0, "")
    assert [name for name in COMMANDS if not re.search(rf"^    {name}\s", out, re.M)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(cli, command):
    code, out, err = cli(command, "--help")
    assert (code, err) == (0, "")
    assert re.search(rf"^examples?:\n  framework {command} ", out, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_in_the_help_parses(command):
    from framework.cli.entry import build_parser

    module = importlib.import_module(f"framework.cli.{command}")
    for line in re.findall(r"^  framework (.*?)(?:   .*| > .*)?$", module.EXAMPLES, re.M):
        parser, _ = build_parser(line.split())
        assert parser.parse_args(line.split()).command == command


def test_version_is_that_of_the_package(cli):
    assert cli("--version") == (0, f"framework {fw.__version__}\n", "")


def test_no_command_is_bad_usage(cli):
    code, out, err = cli()
    assert (code, out) == (2, "")
    assert err.startswith("usage: framework")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chekc"], "there is no command 'chekc'\n  hint: did you mean 'check'?"),
        (
            ["frobnicate"],
            "there is no command 'frobnicate'\n  hint: commands: " + ", ".join(COMMANDS),
        ),
        (["--frob"], "framework: there is no option '--frob'\n  hint: see framework --help"),
        (
            ["check", "tiny.yaml", "--dms", "B=1"],
            "framework check: there is no option '--dms'\n  hint: did you mean '--dims'?",
        ),
        (
            ["shapes", "tiny.yaml", "more"],
            "framework shapes: 'more' is one word too many; see framework shapes --help",
        ),
        (
            ["run"],
            "framework run: the following arguments are required: GRAPH\n"
            "  hint: see framework run --help",
        ),
        (
            ["run", "tiny.yaml", "--top", "x"],
            "framework run: argument --top: expected a whole number, found 'x'\n"
            "  hint: see framework run --help",
        ),
        (
            ["check", "tiny.yaml", "--dims", "B8"],
            "--dims: expected NAME=VALUE, found 'B8'\n  hint: for example --dims B=8,H=320",
        ),
        (
            ["check", "tiny.yaml", "--dims", "B=-1"],
            "--dims: expected a whole number for B, found '-1'\n  hint: for example --dims B=8",
        ),
        (
            ["shapes", "tiny.yaml", "--set", "depth"],
            "--set: expected NAME=VALUE, found 'depth'\n  hint: for example --set depth=6",
        ),
        (
            ["shapes", "tiny.yaml", "--set", "seed=3"],
            "--set: cannot set an argument called 'seed'\n  hint: write --seed",
        ),
        (
            ["shapes", "tiny.yaml", "--dims", "B=1,B=2"],
            "--dims: B is given twice, as 1 and as 2",
        ),
        (
            ["shapes", "tiny.yaml", "--dims", "b=1"],
            "--dims: the model has no dim 'b'\n  hint: dims: B",
        ),
    ],
)  # fmt: skip
def test_bad_usage_is_told_on_stderr(cli, words, message):
    assert cli(*words) == (2, "", f"error: {message}\n")


def test_a_size_out_of_bounds_is_refused(cli):
    code, out, err = cli("shapes", "tiny.yaml", "--dims", "B=9")
    assert (code, out) == (2, "")
    assert err.startswith("error: --dims: B = 9 ")


@pytest.mark.parametrize(("error", "code"), [(InputError("no"), 2), (RunError("no"), 1)])
def test_errors_decide_the_exit_code(cli, monkeypatch, error, code):
    def fail(words):
        raise error

    monkeypatch.setattr("framework.cli.entry.dispatch", fail)
    assert cli("check") == (code, "", "error: no\n")


def test_an_unexpected_error_is_one_line_and_a_hint(cli, monkeypatch):
    monkeypatch.setattr("framework.cli.entry.dispatch", lambda words: 1 // 0)
    code, out, err = cli("check")
    assert (code, out) == (1, "")
    assert err == (
        "error: unexpected error, a bug in framework: "
        "ZeroDivisionError: integer division or modulo by zero\n"
        "  hint: please report it, with what the same command prints under --debug\n"
    )


def test_debug_shows_the_traceback(cli, monkeypatch):
    monkeypatch.setattr("framework.cli.entry.dispatch", lambda words: 1 // 0)
    code, _, err = cli("check", "--debug")
    assert code == 1
    assert err.startswith("Traceback (most recent call last):")


def test_ctrl_c_is_130_and_silent(cli, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr("framework.cli.entry.dispatch", interrupted)
    assert cli("check") == (130, "", "")


def test_too_little_memory_is_no_bug(cli, monkeypatch):
    def fill(words):
        raise MemoryError("9 EiB")

    monkeypatch.setattr("framework.cli.entry.dispatch", fill)
    text = "error: not enough memory: 9 EiB\n  hint: smaller sizes, e.g. --dims\n"
    assert cli("run") == (1, "", text)


def test_a_bare_mistake_keeps_its_hint():
    text = error_text(Mistake("no such thing", hint="try another", code="other"))
    assert text == "error[other]: no such thing\n  hint: try another"


def test_characters_that_an_encoding_lacks_are_replaced(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    prepare_streams()
    print("a – b ─ ×12 → ü", flush=True)
    assert raw.getvalue() == b"a - b - x12 -> ?\n"


def test_lists_of_pairs_may_hold_expressions():
    found = pairs("--set", ["a=max(1,2), b=3", "c=x"], "a=1")
    assert found == {"a": "max(1,2)", "b": "3", "c": "x"}


# ------------------------------------------------------------------ check


def test_a_good_model_is_one_line(cli):
    types = "x float32[B, 3] -> scores float32[B, 4]"
    line = f"tiny.yaml: ok – 9 nodes, 178 parameters, {types}\n"
    assert cli("check", "tiny.yaml") == (0, line, "")


def test_settings_and_sizes_change_what_is_checked(cli):
    types = "x float32[5, 3] -> scores float32[5, 4]"
    line = f"tiny.yaml: ok – 9 nodes, 38 parameters, {types}\n"
    assert cli("check", "tiny.yaml", "--set", "width=2", "--dims", "B=5") == (0, line, "")


def test_all_problems_go_to_stdout(cli):
    code, out, err = cli("check", "broken.yaml")
    assert (code, err) == (2, "")
    problems = "\n".join(map(str, fw.check("broken.yaml")))
    assert out == f"{problems}\nbroken.yaml: 2 problems\n"


def test_several_files_are_all_checked(cli):
    code, out, _ = cli("check", "broken.yaml", "none.yaml", "tiny.yaml")
    assert code == 2
    heads = [line for line in out.splitlines() if re.match(r"\w+\.yaml: ", line)]
    assert heads[:2] == ["broken.yaml: 2 problems", "none.yaml: 1 problem"]
    assert heads[2].startswith("tiny.yaml: ok")


def test_check_as_json(cli):
    code, out, _ = cli("check", "tiny.yaml", "none.yaml", "--json")
    good, bad = json.loads(out)
    assert (code, good["ok"], good["outputs"]) == (2, True, {"scores": "float32[B, 4]"})
    assert bad["problems"][0]["fact"] == "there is no model 'none.yaml'"
    assert bad["problems"][0]["hint"].startswith("did you mean") or "bundled" in str(bad)


def test_a_model_as_json_has_places(cli):
    _, out, _ = cli("check", "broken.yaml", "--json")
    (report,) = json.loads(out)
    expected = [problem.as_dict() for problem in fw.check("broken.yaml")]
    assert report == {"file": "broken.yaml", "ok": False, "problems": expected}


# ------------------------------------------------------------------ shapes


TINY_SHAPES = """\
tiny at B = 2

Node                   Operator       Output  Parameters  MACs
---------------------------------------------------------------
x                      input          [2, 3]           0     0
linear                 linear 6       [2, 6]          24    36
stack ×3.linear        linear 6       [2, 6]         126   216
stack ×3.relu          relu           [2, 6]           0     0
head                   linear 4       [2, 4]          28    48

output scores: float32[2, 4]
total parameters: 178
total MACs: 300
total elementwise operations: 92
"""


def squeezed(text):
    """Without the padding of columns and the length of rules."""
    return [re.sub(r" {2,}|-{3,}", " ", line).strip() for line in text.splitlines()]


def test_shapes_fold_equal_copies_and_end_with_the_outputs(cli):
    code, out, err = cli("shapes", "tiny.yaml", "--dims", "B=2")
    assert (code, err) == (0, "")
    expected = squeezed(TINY_SHAPES)
    assert squeezed(out)[: len(expected)] == expected


def test_shapes_are_symbolic_without_sizes(cli):
    _, out, _ = cli("shapes", "tiny.yaml")
    assert "output scores: float32[B, 4]" in out.splitlines()
    totals = [line for line in out.splitlines() if line.startswith("total")]
    assert totals == [
        "total parameters: 178",
        "total MACs: 150*B",
        "total elementwise operations: 46*B",
    ]


def test_shapes_of_all_copies(cli):
    _, out, _ = cli("shapes", "tiny.yaml", "--all", "--format", "csv")
    names = [line.partition(",")[0] for line in out.splitlines()]
    copies = [f"stack.{i}.{op}" for i in range(3) for op in ("linear", "relu")]
    assert [name for name in names if name.startswith("stack")] == copies


def test_shapes_at_a_depth(cli):
    _, out, _ = cli("shapes", "tiny.yaml", "--depth", "0", "--format", "csv")
    assert [line.split(",")[:2] for line in out.splitlines()[3:4]] == [["stack ×3", "plain"]]


def test_shapes_as_json(cli):
    _, out, _ = cli("shapes", "tiny.yaml", "--format", "json")
    found = json.loads(out)
    assert found["outputs"] == {"scores": {"shape": ["B", 4], "dtype": "float32"}}
    assert found["total"]["parameters"] == 178


@pytest.mark.parametrize("form", ["csv", "markdown", "latex"])
def test_shapes_in_other_formats(cli, form):
    code, out, err = cli("shapes", "tiny.yaml", "--format", form)
    assert (code, err) == (0, "")
    assert "linear 6" in out


def test_an_unknown_format_is_bad_usage(cli):
    code, out, err = cli("shapes", "tiny.yaml", "--format", "xml")
    assert (code, out) == (2, "")
    assert "--format: invalid choice: 'xml'" in err


# ------------------------------------------------------------------ ops


@pytest.mark.parametrize("name", REGISTRY)
def test_the_example_of_an_operator_is_a_model(name):
    op, *samples = next(iter(REGISTRY[name].examples()))
    inputs = {
        n: {"shape": list(t.shape), "dtype": t.dtype} for n, t in flat(dict(connected(op, samples)))
    }
    lines = [line for line in example_text(REGISTRY[name]).splitlines() if line[0] != "#"]
    head = ["format: 1", f"inputs: {json.dumps(inputs)}", "nodes:", *lines]
    model = fw.loads("\n".join(head) + "\n")
    wanted = re.findall(r"# \S+: (\w+\[.*\])", example_text(REGISTRY[name]))[len(inputs) :]
    found = [str(type_) for type_ in list(model.ir)[-1].outputs]
    # a size that only the data decide is called after its node in a model
    assert [text.replace(f"{name}_", "") for text in found] == wanted


def test_all_operators_are_listed(cli):
    code, out, _ = cli("ops")
    listed = {word for line in out.splitlines() for word in line.split()[:2]}
    assert code == 0
    assert set(REGISTRY) <= listed


RELU = """\
relu – Negative elements become zero.

  x: *shape -> y: *shape

y = max(x, 0)
Source: ONNX Relu-14; Nair and Hinton 2010.

example
  # x: float32[2, 3, 4]
  - relu
  # y: float32[2, 3, 4]

in numbers
  # x = [-2, 0, 3, nan]
  - relu
  # y = [0, 0, 3, nan]
"""


def test_one_operator_is_explained(cli):
    assert cli("ops", "relu") == (0, RELU, "")


def test_attributes_have_kinds_and_defaults(cli):
    _, out, _ = cli("ops", "conv")
    assert re.search(
        r"^kernel +\(required\) +whole number, or one for each spatial axis$", out, re.M
    )
    assert re.search(r"^bias +true +true or false$", out, re.M)


def test_an_unknown_operator_gets_the_nearest_name(cli):
    text = "error[unknown-operator]: there is no operator 'cnov'\n  hint: did you mean 'conv'?\n"
    assert cli("ops", "cnov") == (2, "", text)


def test_operators_as_json(cli):
    _, out, _ = cli("ops", "--json")
    assert sorted(op["name"] for op in json.loads(out)) == sorted(REGISTRY)


def test_operators_as_markdown(cli):
    _, out, _ = cli("ops", "--markdown")
    assert sorted(re.findall(r"^## (\w+)$", out, re.M)) == sorted(REGISTRY)


# ------------------------------------------------------------------ run


def test_a_run_says_what_went_in_and_what_came_out(cli):
    code, out, err = cli("run", "tiny.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "tiny: Two layers.",
        "weights: seeded random (seed 0)",
        "input x: random float32[2, 3], seed 0",
    ]


def test_a_run_shows_stages_outputs_and_classes(cli):
    _, out, _ = cli("run", "tiny.yaml", "--keep", "linear")
    heads = [line.partition("  ")[0] for line in out.splitlines()]
    assert heads[8:11] == ["linear", "stack ×3", "head"]
    titles = ["time per stage", "outputs", "kept", "scores: best classes"]
    assert [line for line in out.splitlines() if line in titles] == titles


def test_a_run_as_json(cli):
    code, out, _ = cli("run", "tiny.yaml", "--dims", "B=3", "--seed", "7", "--json", "--top", "1")
    found, run = json.loads(out), fw.load("tiny.yaml", seed=7).run(sizes={"B": 3})
    scores = run["scores"]
    assert (code, found["sizes"], found["outputs"]["scores"]["shape"]) == (0, {"B": 3}, [3, 4])
    assert found["outputs"]["scores"]["max"] == float(scores.max())
    best = [item[0]["label"] for item in found["top"]["scores"]]
    assert best == [["ant", "bee", "cat", "dog"][i] for i in scores.argmax(-1)]


def test_outputs_and_kept_values_are_written(cli):
    code, out, _ = cli("run", "tiny.yaml", "--keep", "linear", "stack.0.relu", "--output", "o.npz")
    run = fw.load("tiny.yaml").run(keep=["linear", "stack.0.relu"])
    with np.load("o.npz") as file:
        found = {name: file[name] for name in file.files}
    assert (code, out.splitlines()[-1]) == (0, "written: o.npz")
    assert set(found) == {"scores", "linear", "stack.0.relu"}
    np.testing.assert_array_equal(found["stack.0.relu"], run["stack.0.relu"])


def test_an_input_needs_no_name_where_there_is_one(cli):
    np.save("x.npy", np.ones((5, 3), np.float32))
    for given in ("x.npy", "x=x.npy"):
        _, out, _ = cli("run", "tiny.yaml", "--input", given, "--json")
        found = json.loads(out)
        assert (found["inputs"], found["sizes"]) == ({"x": "x.npy"}, {"B": 5})


def test_several_files_make_a_batch(cli):
    np.save("x.npy", np.ones((2, 3), np.float32))
    _, out, _ = cli("run", "tiny.yaml", "--input", "x.npy", "x.npy", "--json")
    assert json.loads(out)["sizes"] == {"B": 4}


def test_an_npz_file_gives_each_input_its_array(cli):
    arrays = {"left": np.full((2, 3), 1, np.float32), "right": np.full((2, 3), 41, np.float32)}
    np.savez("both.npz", **arrays)
    code, out, _ = cli("run", "pair.yaml", "--input", "both.npz", "--json")
    assert (code, json.loads(out)["outputs"]["output"]["min"]) == (0, 42)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["pair.yaml", "--input", "a.npy"],
            "--input: expected NAME=FILE, found 'a.npy'\n  hint: inputs: left, right",
        ),
        (
            ["pair.yaml", "--input", "lefft=a.npy"],
            "--input: the model has no input 'lefft'\n  hint: did you mean 'left'?",
        ),
        (
            ["tiny.yaml", "--output", "out.txt"],
            "--output: expected a name that ends in .npz, found 'out.txt'",
        ),
        (["tiny.yaml", "--output", "no/o.npz"], "--output: no/o.npz: there is no folder no"),
        (
            ["tiny.yaml", "--input", "x.npy", "--dims", "B=2"],
            "--dims: B is for random inputs\n"
            "  hint: leave --dims out: the inputs that you give have their own sizes",
        ),
    ],
)  # fmt: skip
def test_bad_inputs_are_told_before_the_run(cli, words, message):
    assert cli("run", *words) == (2, "", f"error: {message}\n")


def test_a_bad_model_is_told_on_stderr(cli):
    problems = "\n".join(map(str, fw.check("broken.yaml")))
    assert cli("run", "broken.yaml") == (2, "", f"{problems}\n")


def test_infinities_are_found_on_demand(cli):
    np.save("x.npy", np.full((1, 3), np.inf, np.float32))
    code, out, err = cli("run", "tiny.yaml", "--input", "x.npy", "--check-finite")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_no_labels_no_classes_unless_they_are_asked_for(cli):
    _, plain, _ = cli("run", "pair.yaml")
    _, asked, _ = cli("run", "pair.yaml", "--top", "2")
    assert ("best classes" in plain, "output: best classes" in asked) == (False, True)


def test_weights_come_from_a_file(cli):
    model = fw.load("tiny.yaml", seed=5)
    model.save_weights("w.safetensors")
    _, out, _ = cli("run", "tiny.yaml", "--weights", "w.safetensors", "--json")
    found = json.loads(out)
    assert found["weights"] == "w.safetensors"
    assert found["outputs"]["scores"]["max"] == float(model.run(seed=0)["scores"].max())


def test_copies_in_a_row_are_one_stage():
    stages = [("a.0", 1.0), ("a.1", 2.0), ("relu", 1.0), ("a.2", 4.0), ("b.1", 1.0)]
    assert folded(stages) == [("a ×2", 3.0), ("relu", 1.0), ("a", 4.0), ("b", 1.0)]


def test_many_stages_are_cut_to_the_longest():
    rows = [(f"s{i}", float(i)) for i in range(50)]
    assert shortened(rows) == [*rows[10:], ("10 others", 45.0)]


def test_an_empty_result_has_no_statistics():
    assert statistics(np.zeros((0, 3))) == (None, None, None)


# ------------------------------------------------------------------ new, pull


NEXT = """\
my.yaml: a copy of lenet_vgg

next:
  framework check my.yaml      all mistakes at once
  framework shapes my.yaml     sizes, parameters, multiply-accumulates
  framework run my.yaml        on random input
"""


def test_new_writes_a_model_that_is_fine(cli):
    assert cli("new", "my.yaml") == (0, NEXT, "")
    assert Path("my.yaml").read_text().startswith("# A copy of lenet_vgg.  What next:\n")
    assert fw.check("my.yaml") == []


@pytest.mark.parametrize("name", sorted(fw.bundled()))
def test_a_copy_of_any_bundled_model_is_fine(cli, name):
    assert cli("new", "copy.yaml", "--from", name)[0] == 0
    assert fw.load("copy.yaml").parameters == fw.load(name).parameters


def test_new_replaces_nothing_unless_forced(cli):
    text = "error: tiny.yaml: is there already\n  hint: --force replaces it\n"
    assert cli("new", "tiny.yaml") == (2, "", text)
    assert Path("tiny.yaml").read_text() == TINY
    assert cli("new", "tiny.yaml", "--force")[0] == 0
    assert fw.load("tiny.yaml").name == "lenet_vgg"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.yaml", "--from", "vti"],
         "--from: there is no bundled model 'vti'\n  hint: did you mean 'vit'?"),
        (["no/a.yaml"], "no/a.yaml: there is no folder no"),
        (["."], ".: is a folder\n  hint: name a file in it"),
        ([], "framework new: name the file for the copy of lenet_vgg\n"
             "  hint: framework new my.yaml"),
    ],
)  # fmt: skip
def test_new_refuses_what_it_cannot_write(cli, words, message):
    assert cli("new", *words) == (2, "", f"error: {message}\n")


def test_new_lists_the_bundled_models(cli):
    _, out, _ = cli("new", "--list")
    assert [line.split()[0] for line in out.splitlines()[4:]] == sorted(fw.bundled())


def test_pull_prints_the_path(cli, monkeypatch):
    monkeypatch.setattr("framework.cli.pull.pull", lambda name, **_: Path("cache") / name)
    assert cli("pull", "vit") == (0, f"{Path('cache/vit')}\n", "")


def test_pull_of_a_model_without_weights_is_refused(cli):
    code, out, err = cli("pull", "tiny.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("error: tiny names no package with weights\n")


# ------------------------------------------------------------------ as a process


def test_the_module_runs_and_pipes_plain_text(cli):
    assert process("shapes", "tiny.yaml") == cli("shapes", "tiny.yaml")


def test_mistakes_are_plain_in_a_pipe():
    code, out, err = process("run", "broken.yaml")
    assert (code, out, "\x1b" in err) == (2, "", False)


def test_a_closed_pipe_is_silent():
    command = "{python} -m framework {words} | true; echo ${{PIPESTATUS[0]}}"
    _, out, err = process("ops", "--markdown", command=f"bash -c '{command}'")
    assert (out, err) == ("141\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_line():
    code, _, err = process("ops", command="{python} -m framework {words} > /dev/full")
    assert code == 1
    assert err == "error: cannot write the output: the system says: No space left on device\n"


def test_results_that_cannot_be_written_are_a_failed_run(cli, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("framework.runtime.npz.write_atomically", refuse)
    code, _, err = cli("run", "tiny.yaml", "--output", "out.npz")
    assert (code, err) == (1, "error: out.npz: the system says: No space left on device\n")


def test_a_poor_encoding_stops_nothing():
    code, out, err = process("check", "tiny.yaml", PYTHONIOENCODING="ascii")
    assert (code, out[:17], err) == (0, "tiny.yaml: ok - 9", "")


def test_check_imports_neither_libraries_nor_kernels_that_it_does_not_need():
    heavy = "'rich', 'PIL', 'networkx', 'concurrent.futures', 'framework.numerics.winograd'"
    code = "import sys; from framework.cli import main; main(['check', 'lenet_vgg'])"
    code += f"; print([name for name in ({heavy}) if name in sys.modules])"
    out = process(command='{python} -c "' + code + '"')[1]
    assert out.splitlines()[-1] == "[]"


def test_a_terminal_gets_colours_at_the_carets():
    text = on_terminal("check", "broken.yaml")
    assert re.search(r"\x1b\[1;31m +\| +\^+\x1b\[0m", text)


def test_a_terminal_gets_tables_of_its_width():
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", on_terminal("ops"))
    assert max(map(len, text.splitlines())) <= 80
