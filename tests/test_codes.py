"""Every code that the framework reports is explained, with a wrong and a right example."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import framework as fw
from framework.cli import main
from framework.draw.style import load_style
from framework.errors import SpecError
from framework.passes.suspicious import CODES
from framework.spec.codes import entries

ROOT = Path(fw.__file__).parent
MISTAKES = Path(__file__).parent / "mistakes"
ENTRIES = entries()
FORM = re.compile(r"[a-z]+(-[a-z]+)*")
REPORTERS = ("add", "report", "Problem", "placed", "bare_problem")
FAMILIES = ("spec", "source", "draw", "ir", "ops", "api", "cli", "runtime")
"""Packages in which a call of these names with a text first reports a problem."""


def texts(tree):
    """The texts that an expression may be: itself, or the branches of a choice."""
    if isinstance(tree, ast.IfExp):
        return texts(tree.body) | texts(tree.orelse)
    return {tree.value} if isinstance(tree, ast.Constant) and isinstance(tree.value, str) else set()


def called(call):
    """The last name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def codes_of(call):
    """Codes that a call reports or raises: code=..., or the first of a reporter's arguments."""
    found = set()
    for keyword in call.keywords:
        if keyword.arg == "code":
            found |= texts(keyword.value)
    if called(call) in REPORTERS and len(call.args) >= 2:
        first = call.args[3] if called(call) == "placed" and len(call.args) > 3 else call.args[0]
        found |= texts(first)
    return found


def codes_in(path):
    """All codes that a module can report."""
    found = set()
    family = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and (family in FAMILIES or called(node) not in REPORTERS):
            found |= codes_of(node)
        elif isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == [
            "code"
        ]:
            found |= texts(node.value)
    return {code for code in found if FORM.fullmatch(code)}


def reported():
    """Codes of all modules, and those of the golden messages."""
    goldens = "\n".join(path.read_text("utf-8") for path in MISTAKES.glob("*.txt"))
    found = set(re.findall(r"(?:error|warning)\[([\w-]+)\]", goldens))
    return found.union(CODES, *(codes_in(path) for path in ROOT.rglob("*.py")))


def problems(text, entry, folder, capsys):
    """Codes that an example gets; a text that is fine gets none."""
    for name, content in entry.files.items():
        (folder / name).write_text(content, "utf-8")
    if entry.kind == "command":
        code = main(shlex.split(text)[1:])
        printed = "".join(capsys.readouterr())
        said = [entry.code] if entry.says is not None and entry.says in printed else []
        return {*re.findall(r"error\[([\w-]+)\]", printed), *said, *(["failed"] if code else [])}
    path = folder / "example.yaml"
    path.write_text(text, "utf-8")
    if entry.kind == "style":
        try:
            return {problem.code for problem in load_style(path).warnings}
        except SpecError as error:
            return {problem.code for problem in error.problems}
    if entry.severity == "warning":
        return {problem.code for problem in fw.load(path).warnings()}
    return {problem.code for problem in fw.check(path)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Examples run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_code_that_can_be_reported_is_explained():
    assert reported() - set(ENTRIES) == set()


def test_every_code_that_is_explained_can_be_reported():
    assert set(ENTRIES) - reported() == set()


@pytest.mark.parametrize("code", ENTRIES)
def test_the_wrong_example_gets_its_code(code, folder, capsys):
    entry = ENTRIES[code]
    assert code in problems(entry.wrong, entry, folder, capsys)


@pytest.mark.parametrize("code", ENTRIES)
def test_the_right_example_is_fine(code, folder, capsys):
    entry = ENTRIES[code]
    assert problems(entry.right, entry, folder, capsys) == set()


@pytest.mark.parametrize("code", ENTRIES)
def test_a_code_is_words_with_hyphens(code):
    assert FORM.fullmatch(code)


def test_the_command_explains_a_code(capsys):
    assert main(["explain", "unknown-attribute"]) == 0
    assert capsys.readouterr().out == f"{ENTRIES['unknown-attribute'].text}\n"


def test_the_command_explains_a_code_as_json(capsys):
    assert main(["explain", "two-activations", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["severity"] == "warning"


def test_the_command_lists_all_codes(capsys):
    assert main(["explain"]) == 0
    listed = capsys.readouterr().out
    assert all(code in listed for code in ENTRIES)


def test_a_misspelt_code_gets_the_nearest(capsys):
    assert main(["explain", "unknown-atribute"]) == 2
    assert "did you mean 'unknown-attribute'?" in capsys.readouterr().err


def test_a_model_without_a_node_asks_for_one(capsys):
    assert main(["explain", "vit"]) == 2
    assert "framework explain vit NODE" in capsys.readouterr().err
