"""``framework draw``: the files it writes, what it prints, and what it refuses with which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from framework.cli import main
from framework.draw.formats import FORMATS

TINY = """\
format: 1
name: tiny
dims: {B: {example: 2, max: 8}}
inputs: {x: [B, 4]}
blocks:
  pair:
    inputs: {x: [N, C]}
    nodes: [{linear: C}, relu]
nodes:
  - {use: pair, id: body, repeat: 3}
  - {linear: 3, id: head}
outputs: {y: head}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own, with a small model."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def draw(capsys):
    """Draw in this process: (exit code, stdout, stderr)."""

    def run(*words):
        code = main(["draw", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def section(text):
    """The small model with a ``draw:`` section, which starts on line 13."""
    Path("drawn.yaml").write_text(f"{TINY}draw:\n  {text}\n")


def test_every_file_is_written_and_named_on_stdout(draw):
    files = [f"tiny{suffix}" for suffix in FORMATS]
    words = [word for file in files for word in ("-o", file)]
    code, out, err = draw("tiny.yaml", *words)
    assert (code, out.split()) == (0, files)
    assert err == "chosen: --level 0 --panels body.0 --direction TB\n"
    assert all(Path(file).stat().st_size > 100 for file in files)


def test_without_a_file_the_figure_is_an_svg_with_the_models_name(draw):
    assert draw("tiny.yaml")[:2] == (0, "tiny.svg\n")
    assert Path("tiny.svg").read_text().startswith("<svg ")


def test_what_is_printed_as_chosen_gives_the_same_file(draw):
    _, _, err = draw("vit", "-o", "one.svg")
    words = err.removeprefix("chosen: ").split()
    assert draw("vit", *words, "-o", "two.svg")[0] == 0
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], "B × 4"),
        (["--dims", "B=8"], "8 × 4"),
        (["--concrete"], "2 × 4"),
        (["--title", "My own"], "My own"),
        (["--show", "params"], "15 parameters"),
        (["--no-panels", "--level", "2"], "ReLU"),
        (["--focus", "body"], "Pair ×3"),
    ],
)
def test_the_figure_shows_what_was_asked_for(draw, words, shown):
    assert draw("tiny.yaml", *words, "-o", "a.svg")[0] == 0
    assert f"{shown}<" in Path("a.svg").read_text()


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (["--no-shapes"], "B × 3"),
        (["--no-legend"], ">linear<"),
        (["--no-panels"], 'data-id="inside:body.0"'),
    ],
)
def test_the_figure_leaves_out_what_is_not_wanted(draw, words, gone):
    draw("tiny.yaml", "-o", "all.svg")
    draw("tiny.yaml", *words, "-o", "less.svg")
    assert gone in Path("all.svg").read_text()
    assert gone not in Path("less.svg").read_text()


def test_outlines_hold_no_text(draw):
    assert draw("tiny.yaml", "--text", "outline", "-o", "a.svg")[0] == 0
    assert "<text" not in Path("a.svg").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vit", "--focus", "encodr"],
         "nothing to look into is called 'encodr'\n  hint: did you mean 'encoder.0'?"),
        (["tiny.yaml", "--panels", "nope"],
         "nothing to look into is called 'nope'\n  hint: blocks: body.0"),
        (["resnet18", "--focus", "conv_bn"], "'conv_bn' may mean several blocks\n  hint: layer1."),
        (["tiny.yaml", "--panels", "body", "--focus", "body"],
         "focus draws the inside of one block alone, panels stand beside the whole model"),
        (["tiny.yaml", "--style", "drak"], "there is no style 'drak'; did you mean 'dark'?"),
        (["tiny.yaml", "--style", "my.yaml"], "there is no file or folder 'my.yaml'"),
        (["tiny.yaml", "--wrap", "0"], "wrap is a whole number from 1 to 9, not 0"),
        (["tiny.yaml", "--level", "5"], "framework draw: argument --level: invalid choice: 5"),
        (["tiny.yaml", "--show", "flops"], "show takes params, macs and shape, not 'flops'"),
        (["tiny.yaml", "--dims", "B=9"], "--dims: B = 9 "),
        (["tiny.yaml", "--dims", "Q=2"], "--dims: the model has no dim 'Q'\n  hint: dims: B"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_met_is_refused(draw, words, message):
    code, out, err = draw(*words, "-o", "a.svg")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert not Path("a.svg").exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("a.jpeg", "figures are not written as '.jpeg'"),
        ("a.svgg", "figures are not written as '.svgg'\n  hint: did you mean '.svg'?"),
        ("a", "a figure's file needs a suffix that says its format\n  hint: .svg .png"),
        ("no/a.svg", "there is no folder 'no' for 'a.svg'"),
        ("tiny.yaml/a.svg", "there is no folder 'tiny.yaml' for 'a.svg'"),
    ],
)
def test_a_file_that_cannot_be_written_stops_all(draw, file, message):
    code, out, err = draw("tiny.yaml", "-o", "good.svg", "-o", file)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_a_system_that_refuses_is_quoted(draw, monkeypatch):
    def refuse(file, write):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("framework.api.draw.write_atomically", refuse)
    message = "error: 'a.svg' cannot be written: Permission denied\n"
    assert draw("tiny.yaml", "-o", "a.svg") == (1, "", message)


def test_a_figure_that_nobody_could_read_is_refused_unless_forced(draw):
    words = ["resnet18", "--level", "2", "--no-panels", "-o", "a.svg"]
    code, out, err = draw(*words)
    assert (code, out) == (2, "")
    assert re.match(r"error: the smallest text would have \d\.\d points on a slide\n  hint: ", err)
    assert "has 64 boxes: fold it (--level 0)" in err
    assert draw(*words, "--force")[:2] == (0, "a.svg\n")


def test_small_text_is_warned_of(draw):
    code, out, err = draw("resnet18", "--level", "1", "--no-panels", "-o", "a.svg")
    assert (code, out) == (0, "a.svg\n")
    assert re.search(
        r"^warning: the smallest text has 1[0-3]\.\d points on a slide, 14 ", err, re.M
    )


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("levle: 1", "14:3", "error[unknown-key]: draw has no key 'levle'"),
        ("level: 3", "14:10", "error[value]: expected a whole number from 0 to 2"),
        ("wrap: 0", "14:9", "error[value]: expected a whole number from 1 to 9"),
        ("direction: up", "14:14", "error[value]: expected TB (top to bottom) or LR"),
        ("titles: [a]", "14:11", "error[value]: expected a mapping from names to texts"),
        ("title: [a]", "14:10", "error[value]: expected text"),
        ("shapes: 3", "14:11", "error[value]: expected true or false"),
        ("colours: {linear: blue}", "14:21", "error[value]: there is no category 'blue'"),
        ("panels: body", "14:11", "error[value]: expected a list of paths such as"),
        ("panels: [bdy]", "14:12", "error[unknown-reference]: nothing to look into is called"),
        ("focus: bdy", "14:10", "error[unknown-reference]: nothing to look into is called"),
        ("[]", "14:3", "error[structure]: draw must be a mapping, found a list"),
    ],
)
def test_a_mistake_in_the_draw_section_is_placed(draw, text, place, message):
    section(text)
    code, out, err = draw("drawn.yaml", "-o", "a.svg")
    assert (code, out) == (2, "")
    assert err.startswith(f"drawn.yaml:{place}: {message}")


def test_the_section_is_checked_with_the_rest_of_the_file(capsys):
    section("levle: 1")
    assert main(["check", "drawn.yaml"]) == 2
    out, err = capsys.readouterr()
    assert "draw has no key 'levle'" in out + err
    assert "did you mean 'level'?" in out + err


def test_what_the_user_says_wins_over_the_section(draw):
    section("{level: 2, title: Theirs}")
    draw("drawn.yaml", "-o", "theirs.svg")
    draw("drawn.yaml", "--level", "0", "--title", "Mine", "-o", "mine.svg")
    assert ">Theirs<" in Path("theirs.svg").read_text()
    assert ">ReLU<" in Path("theirs.svg").read_text()
    assert ">Theirs<" not in Path("mine.svg").read_text()
    assert ">ReLU<" not in Path("mine.svg").read_text()
