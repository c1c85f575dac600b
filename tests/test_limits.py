"""Limits: one table, printed by a command, and each of them enforced by its constant."""

import json
import re
import time
from pathlib import Path

import pytest
from language import found

import framework
from framework import limits
from framework.cli import main

ROOT = Path(framework.__file__).parent
CONSTANTS = {name: value for name, value in vars(limits).items() if type(value) is int}
HEAD = "format: 1\ndims: [B]\ninputs: {x: [B, 4]}\n"


def uses(name: str) -> list[str]:
    """The modules that name a constant."""
    files = [path for path in ROOT.rglob("*.py") if path.name != "limits.py"]
    return [p.name for p in files if re.search(rf"\b{name}\b", p.read_text(encoding="utf-8"))]


def test_every_limit_stands_in_the_table_once():
    rows = (ROOT / "limits.py").read_text(encoding="utf-8").split("LIMITS: Final")[1]
    named = re.findall(r", ([A-Z_]+)[,)]", rows)
    assert sorted(named) == sorted(CONSTANTS)
    assert [limit.most for limit in limits.LIMITS] == [CONSTANTS[name] for name in named]


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_limit_is_enforced_somewhere(name):
    assert uses(name) != []


def test_the_command_prints_every_limit(capsys):
    assert main(["limits"]) == 0
    text = capsys.readouterr().out
    assert [x.what for x in limits.LIMITS if x.what not in text or f"{x.most:,}" not in text] == []


def test_the_command_gives_the_limits_as_data(capsys):
    assert main(["limits", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [x._asdict() for x in limits.LIMITS]


REPEATED = "blocks: {b: {inputs: {x: [N, C]}, nodes: [{sequence: [relu], repeat: 1000}]}}\n"
TENFOLD = "blocks:\n" + "".join(
    f"  b{n}: {{inputs: {{x: [N, C]}}, nodes: [{', '.join([f'{{use: b{n + 1}}}'] * 10)}]}}\n"
    for n in range(30)
)
TOO_MANY = {
    "repeat within repeat": f"{REPEATED}nodes: [{{use: b, repeat: 1000}}]",
    "nested sequences": "nodes: [{sequence: [{sequence: [relu], repeat: 999}], repeat: 999}]",
    "copies that differ": (
        "nodes:\n  - sequence: [{sequence: [relu], repeat: 500 + i}]\n    repeat: 900\n"
    ),
    "a block that uses another ten times": (
        f"{TENFOLD}  b30: {{inputs: {{x: [N, C]}}, nodes: [relu]}}\nnodes: [{{use: b0}}]"
    ),
}


@pytest.mark.parametrize("text", TOO_MANY.values(), ids=TOO_MANY)
def test_a_model_of_too_many_nodes_is_refused_before_it_is_built(text):
    begin = time.perf_counter()
    (problem,) = found(HEAD + text)
    assert problem.endswith("the model unrolls to more than 250,000 nodes")
    assert time.perf_counter() - begin < 1


def test_a_repeat_of_a_billion_is_refused_at_once():
    begin = time.perf_counter()
    problems = found(f"{HEAD}nodes: [{{relu: , repeat: 1000000000}}]")
    assert problems == ["4:26 repeat must be from 0 to 100,000, not 1,000,000,000"]
    assert time.perf_counter() - begin < 0.5


def test_an_equation_of_a_megabyte_is_not_read():
    equation = "ij," * 400_000
    text = f"format: 1\ninputs: {{x: [2, 3]}}\nnodes: [{{einsum: '{equation}', in: [x, x]}}]\n"
    fact = "einsum: the equation has 1,200,000 characters; at most 1,000"
    assert [problem.partition(" ")[2] for problem in found(text)] == [fact]
