"""`fmt`: canonical text that means the same, keeps every comment and is a fixed point."""

import random
import re
from itertools import filterfalse
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework as fw
from framework.cli import main
from framework.errors import SpecError
from framework.source import load_source, read_yaml
from framework.tools.fmt import formatted, formatted_text

TESTS = Path(__file__).parent
GRAPHS = sorted((TESTS.parent / "graphs").glob("*.yaml"))
MISTAKES = sorted((TESTS / "mistakes").glob("*.yaml"))
README = (TESTS.parent / "README.md").read_text("utf-8")


def fmt(text: str) -> str:
    """The formatted text, which must be a fixed point."""
    found = formatted_text(dedent(text))
    assert formatted_text(found) == found
    return found


def check(before: str, after: str) -> None:
    """One text becomes another."""
    assert fmt(before) == dedent(after)


def facts(model: fw.Model) -> object:
    """All that a graph is."""
    graph = model.ir
    nodes = [(n.name, n.op, n.outputs, n.parameters, n.doc, graph.wires_of(n.name)) for n in graph]
    return (
        nodes,
        graph.outputs,
        graph.parameters,
        graph.examples,
        list(map(str, graph.conditions)),
    )


@pytest.mark.parametrize("path", GRAPHS, ids=lambda p: p.stem)
def test_the_bundled_graphs_are_canonical(path):
    source = load_source(path)
    assert formatted(source) == source.text


def spoilt(text: str, seed: int) -> str:
    """The text with other spacing: indentation, gaps, line ends in brackets, trailing space."""
    pick = random.Random(seed)
    step = pick.choice((2, 3, 4))
    lines = []
    for line in text.split("\n"):
        body = line.lstrip(" ")
        shift = " " * ((len(line) - len(body)) // 2 * step)
        line = shift + re.sub(r"^- ", "-" + " " * (step - 1), body)
        code, gap, comment = re.fullmatch(r"(.*?)((?: +(?=#))?)((?<= )#.*)?", line).groups()
        if "{" in code and '"' not in code:
            code = re.sub(r", +", lambda _: "," + " " * pick.randrange(3, 7), code)
            if not comment and pick.random() < 0.3:
                code = re.sub(r",", ",\n" + " " * 60, code, count=1)
        gap = " " * pick.randrange(1, 5) if gap else gap
        lines.append(code + gap + (comment or "") + " " * pick.randrange(3))
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(GRAPHS), st.integers(0, 10**6))
def test_spacing_does_not_matter(path, seed):
    text = path.read_text("utf-8")
    assert fmt(spoilt(text, seed)) == text


@pytest.mark.parametrize("path", GRAPHS, ids=lambda p: p.stem)
def test_a_formatted_graph_is_the_same_graph(path):
    text = formatted_text(spoilt(path.read_text("utf-8"), 3)).replace("labels: labels/", "doc: ")
    text = re.sub(r"doc: imagenet1k.txt, ", "", text)
    assert facts(fw.loads(text, name="m.yaml")) == facts(fw.load(path))


def codes(text: str) -> list[str]:
    """What kinds of mistakes a text has."""
    try:
        fw.loads(text)
    except SpecError as error:
        return sorted(problem.code for problem in error.problems)
    return []


def is_yaml(path: Path) -> bool:
    """Has the file no mistakes of YAML?"""
    problems = []
    read_yaml(load_source(path), problems)
    return not problems


@pytest.mark.parametrize("path", list(filter(is_yaml, MISTAKES)), ids=lambda p: p.stem)
def test_a_file_with_mistakes_of_the_language_is_formatted(path):
    text = path.read_text("utf-8")
    assert codes(fmt(text)) == codes(text) != []


@pytest.mark.parametrize("path", list(filterfalse(is_yaml, MISTAKES)), ids=lambda p: p.stem)
def test_a_file_that_is_no_yaml_is_refused(path):
    with pytest.raises(SpecError):
        formatted(load_source(path))


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_models_in_the_readme_can_be_formatted(text):
    fmt(text)


def test_keys_get_the_order_of_the_bundled_graphs():
    check(
        """
        nodes:
        - id: a
          in: x
          relu:
        inputs: {x: {dtype: int64, shape: [2]}}
        format: 1
        """,
        """\
        format: 1
        inputs: {x: {shape: [2], dtype: int64}}
        nodes:
          - relu:
            in: x
            id: a
        """,
    )


def test_the_order_of_arguments_and_nodes_is_their_authors():
    check(
        "args: {b: 1, a: b}\nnodes: [relu, elu]\n",
        "args: {b: 1, a: b}\nnodes:\n  - relu\n  - elu\n",
    )


def test_comments_stay_at_their_nodes():
    check(
        """
        # head

        nodes:     # of the network
            # one
            - conv: {out: 8, # wide
                     kernel: 3}
            - id: last   # its name
              # why
              relu:
            # end of the list
        # before the outputs
        outputs: {y: last}   # done
        """,
        """\
        # head

        nodes:                               # of the network
          # one
          - conv:
              out: 8                         # wide
              kernel: 3
          # why
          - relu:
            id: last                         # its name
          # end of the list
        # before the outputs
        outputs: {y: last}                   # done
        """,
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_empty_lines_are_kept_once(count):
    gap = "\n" * count
    assert fmt(f"a: 1{gap}\n# c{gap}\nb: 2{gap}") == "a: 1\n\n# c\n\nb: 2\n"


def test_a_long_mapping_becomes_tall_and_a_short_one_flat():
    words = ", ".join(f"attribute_{i}: {i}" for i in range(8))
    tall = "".join(f"      attribute_{i}: {i}\n" for i in range(8))
    assert fmt(f"nodes:\n  - conv: {{{words}}}\n") == f"nodes:\n  - conv:\n{tall}"
    assert fmt("let:\n  a: 1\n  b: 2\n") == "let: {a: 1, b: 2}\n"


def test_text_that_would_mean_something_else_in_brackets_stays_outside():
    text = "outputs:\n  y: {node: a, doc: b}\n  z:\n    doc: a, b\n"
    assert fmt(text) == text


def test_a_long_list_is_filled():
    text = fmt(f"nodes:\n  - constant:\n      value: [{', '.join(map(str, range(60)))}]\n")
    assert [len(line) for line in text.splitlines()] == [6, 13, 12, 98, 100, 56]


def test_long_text_is_wrapped_and_read_back():
    text = "doc: " + " ".join(["word"] * 40) + "\n"
    found = fmt(text)
    assert max(map(len, found.splitlines())) <= 100
    assert " ".join(found.split()) == text.strip()


@pytest.mark.parametrize("style", ["|", ">-", "|+", "|2-", ">  # why"])
def test_texts_after_a_bar_keep_their_lines(style):
    head = style.split(" ")[0]
    text = f"name: a\ndoc: {style}\n  one\n    two  # no comment\n\n  three\nformat: 1\n"
    found = fmt(text)
    assert found.startswith(f"format: 1\nname: a\ndoc: {head}")
    assert found.endswith("\n  one\n    two  # no comment\n\n  three\n")


def test_quotes_and_line_ends_stay():
    text = "name: 'a # b'\r\ndoc: \"c\\n\"\r\n"
    assert formatted_text(text) == text


def test_a_byte_order_mark_is_dropped():
    assert formatted_text("\ufeffname: a\n") == "name: a\n"


# ---------------------------------------------------------------- the command


def test_the_command_writes_only_what_changes(tmp_path, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("name: a\n")
    bad.write_text("name:   a\n")
    assert main(["fmt", str(good), str(bad)]) == 0
    assert capsys.readouterr().out == f"{bad}: formatted\n"
    assert bad.read_text() == "name: a\n"


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_check_and_diff_write_nothing(tmp_path, capsys, option):
    file = tmp_path / "a.yaml"
    file.write_text("name:   a\n")
    assert main(["fmt", str(file), option]) == 1
    assert file.read_text() == "name:   a\n"
    expected = {"--check": f"{file}: would change\n", "--diff": "-name:   a\n+name: a\n"}
    assert capsys.readouterr().out.endswith(expected[option])


def test_a_file_that_is_no_yaml_is_left_as_it_is(tmp_path, capsys):
    file = tmp_path / "a.yaml"
    file.write_text("name: [a\n")
    assert main(["fmt", str(file)]) == 2
    assert file.read_text() == "name: [a\n"
    assert "a.yaml:1:7: error[yaml]: this '[' is never closed" in capsys.readouterr().err
