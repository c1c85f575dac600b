"""The JSON Schema for editors accepts what the language accepts, and knows every word of it."""

import json
from pathlib import Path

import jsonschema
import pytest

from framework.api.bundled import bundled
from framework.api.schema import NAME, schema, schema_text
from framework.cli import main
from framework.cli.opexample import example_text
from framework.errors import Source
from framework.ir.op import REGISTRY
from framework.source import load_source, read_yaml
from framework.spec.read import TOP_KEYS
from framework.spec.read_beside import NODE_KEYS
from framework.spec.read_nodes import STRUCTURE
from framework.spec.values import plain

GRAPHS = Path(__file__).parent.parent / "graphs"
MODELS = sorted(GRAPHS.rglob("*.yaml"))
SCHEMA = schema()
JUDGE = jsonschema.Draft7Validator(SCHEMA)
NODES = {**SCHEMA["definitions"]["nodes"], "definitions": SCHEMA["definitions"]}
NODE_JUDGE = jsonschema.Draft7Validator(NODES)


def read(text: str) -> object:
    """A YAML text as plain data."""
    tree = read_yaml(Source("text", text), [])
    assert tree is not None
    return plain(tree)


def accepts_node(text: str) -> bool:
    """Does the schema take this item of ``nodes``?"""
    return NODE_JUDGE.is_valid(read(text))


def model(node: str, head: str = "") -> object:
    """A whole file around one node."""
    return read(f"format: 1\n{head}inputs: {{x: [B, 3]}}\nnodes:\n  - {node}\n")


def test_it_is_a_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_file_beside_the_models_is_what_the_command_writes():
    assert (GRAPHS / NAME).read_text("utf-8") == schema_text(), (
        f"run python -m framework schema -o graphs/{NAME}"
    )


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_validates(path):
    assert list(JUDGE.iter_errors(plain(read_yaml(load_source(path), [])))) == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_first_line_of_a_model_names_the_schema(path):
    place = Path(*[".."] * len(path.relative_to(GRAPHS).parent.parts), NAME).as_posix()
    first = path.read_text("utf-8").split("\n")[0]
    assert first == f"# yaml-language-server: $schema={place}"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_example_of_every_operator_validates(name):
    assert accepts_node(example_text(REGISTRY[name]))


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_unknown_attribute_of_any_operator_does_not(name):
    is_open = any(attribute.kind.name == "named" for attribute in REGISTRY[name].attributes)
    assert accepts_node(f"- {name}: {{no such thing: 1}}") is False
    assert is_open or not accepts_node(f"- {name}: {{kernal: 1}}")


@pytest.mark.parametrize(
    "node",
    [
        "relu",
        "relu:",
        "linear: 4*width",
        "conv: {out: 8, kernel: [3, 5], pad: same_upper, bias: depth > 2}",
        "conv: {out: 8, kernel: 3, pad: [[0, 1], [1, 0]]}",
        "layer_norm: {eps: 1e-6}",
        'rearrange: {pattern: "b (h w) -> b h w", h: heads}',
        "{linear: 4, weights: {weight: embed.weight}, init: {weight: {normal: 0.02}}}",
        "{linear: 4, init: he_normal, when: not last, shape: [B, 4], in: {x: prev}}",
        "residual: [relu, {use: b, with: {n: 3}, repeat: depth}]",
        "residual: {of: x, body: [relu], skip: []}",
        "upsample: {scale: 2, mode: a_text_argument}",
    ],
)
def test_what_the_language_allows_validates(node):
    assert list(JUDGE.iter_errors(model(node))) == []


@pytest.mark.parametrize(
    "node",
    [
        "rellu",
        "cnov: {out: 8, kernel: 3}",
        "conv: {out: 8, kernal: 3}",
        "conv: {kernel: 3}",
        "conv: {out: 8, kernel: 3, bias: no}",
        "conv: {out: 8, kernel: {a: 3}}",
        "conv: {out: 8, kernel: 3, pad: [[0, 1, 2]]}",
        "linear:",
        "{relu: , gelu: }",
        "{id: a, doc: no operator}",
        "{relu: , id: prev}",
        "{relu: , idd: a}",
        "{relu: , with: {n: 3}}",
        "{use: b, init: ones}",
        "{linear: 4, init: he_norml}",
        "residual: {boddy: [relu]}",
    ],
)
def test_what_the_language_refuses_does_not(node):
    assert not JUDGE.is_valid(model(node))


@pytest.mark.parametrize(
    "head",
    ["inputz: {}\n", "draw: {tittle: a}\n", "draw: {level: 3}\n", "dims: {B: {mim: 1}}\n"],
)
def test_a_misspelt_key_of_a_section_does_not(head):
    assert not JUDGE.is_valid(model("relu", head))


def test_a_file_of_blocks_needs_no_nodes():
    text = "format: 1\nblocks: {b: {inputs: {x: [N]}, nodes: [relu]}}\n"
    assert JUDGE.is_valid(read(text))
    assert not JUDGE.is_valid(read("format: 1\n"))


def test_it_knows_every_key_and_every_operator():
    words = {*NODE_KEYS, *STRUCTURE, *REGISTRY}
    assert set(SCHEMA["properties"]) == set(TOP_KEYS)
    assert set(SCHEMA["definitions"]["mapping_node"]["properties"]) == words


def test_hover_shows_first_line_signature_formula_and_source():
    text = SCHEMA["definitions"]["op_linear"]["markdownDescription"]
    assert text.startswith(f"{REGISTRY['linear'].__doc__.splitlines()[0]}\n\n`x: ")
    assert "Source:" in text


def test_attributes_have_their_defaults_and_words():
    mode = SCHEMA["definitions"]["op_resize"]["anyOf"][0]["properties"]["mode"]
    assert mode["default"] in mode["anyOf"][0]["enum"]


def test_the_schema_is_taken_for_no_model():
    assert all(path.suffix == ".yaml" for path in bundled().values())


def test_the_command_prints_it_and_writes_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    assert main(["schema", "-o", "s.json"]) == 0
    assert json.loads(Path("s.json").read_text("utf-8")) == SCHEMA
