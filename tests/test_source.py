"""Strict YAML 1.2: what every scalar means, what is refused and how that is said."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import InputError, Problem, Source, SpecError
from framework.limits import FILE_BYTES, YAML_DEPTH, YAML_NODES
from framework.source import (
    ListNode,
    MapNode,
    Scalar,
    YamlNode,
    load_source,
    read,
    read_yaml,
)
from framework.source.load import decode

MODEL = """\
format: 1
name: small
args: {classes: 10, rate: 1e-5}    # two constants
dims: {B: {doc: 'a "batch"', example: 8}}
inputs:
  image: [B, 1, 28, 28]
nodes:
  - conv: {out: 4*classes, kernel: 3}
    id: first
  - relu
  - linear:
      out: classes
outputs: {logits: linear}
"""


def reading(text: str) -> tuple[YamlNode | None, list[Problem]]:
    problems: list[Problem] = []
    return read_yaml(Source("f.yaml", text), problems), problems


def tree(text: str) -> YamlNode:
    node, problems = reading(text)
    assert problems == []
    assert node is not None
    return node


def plain_data(node: YamlNode) -> object:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain_data(item) for item in node]
    return {key.value: plain_data(value) for key, value in node}


def value_of(text: str) -> object:
    return plain_data(tree(f"- {text}\n"))[0]


def messages(text: str) -> str:
    return str(SpecError(reading(text)[1]))


SCALARS = [
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("Yes", "Yes"),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("tRUE", "tRUE"),
    ("~", None),
    ("null", None),
    ("NULL", None),
    ("", None),
    ("nUll", "nUll"),
    ("None", "None"),
    ("0", 0),
    ("-0", 0),
    ("+7", 7),
    ("-17", -17),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("0x1F", 31),
    ("-0x1F", "-0x1F"),
    ("0o17", 15),
    ("0o18", "0o18"),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("1e-5", 1e-5),
    ("1E5", 1e5),
    ("1.", 1.0),
    (".5", 0.5),
    ("-.5", -0.5),
    ("+1.5e+3", 1500.0),
    ("0.0e9", 0.0),
    ("1.5.2", "1.5.2"),
    (".", "."),
    ("e5", "e5"),
    ("1e", "1e"),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("+.Inf", math.inf),
    ("inf", "inf"),
    ("-inf", "-inf"),
    ("12:30:45", "12:30:45"),
    ("2024-01-01", "2024-01-01"),
    ("4*width", "4*width"),
    ("a if b == 0 else c", "a if b == 0 else c"),
    ("'12'", "12"),
    ('"true"', "true"),
    ("''", ""),
    ('"a\\tb"', "a\tb"),
    ("'it''s'", "it's"),
    ("１２", "１２"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = value_of(text)
    assert (type(found), found) == (type(value), value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(value_of(".NaN"))


NUMBERS = [
    (
        "0128",
        "'0128' starts with 0: YAML readers disagree about it (octal, decimal or text)",
        "drop the zero or quote it",
    ),
    (
        "-00",
        "'-00' starts with 0: YAML readers disagree about it (octal, decimal or text)",
        "drop the zero or quote it",
    ),
    (
        "9223372036854775808",
        "the integer 9223372036854775808 has 19 digits and does not fit in 64 bits",
        "quote it if it is text",
    ),
    (
        "1" * 5000,
        f"the integer {'1' * 30}...{'1' * 7} has 5000 digits and does not fit in 64 bits",
        "quote it if it is text",
    ),
    (
        "1e999",
        "1e999 is too large for double precision (1.8e308)",
        "write .inf for infinity",
    ),
    ("-1e-999", "-1e-999 is too small for double precision (4.9e-324)", "write 0.0"),
]


@pytest.mark.parametrize(("text", "fact", "hint"), NUMBERS)
def test_a_number_that_readers_disagree_about_is_refused(text: str, fact: str, hint: str) -> None:
    node, (problem,) = reading(f"x: {text}\n")
    assert (problem.code, problem.fact, problem.hint) == ("number", fact, hint)
    assert isinstance(node, MapNode)
    value = node.get("x")
    assert isinstance(value, Scalar)
    assert (value.value, value.raw, value.broken) == (None, text, True)


def test_a_model_is_read_whole() -> None:
    assert plain_data(tree(MODEL)) == {
        "format": 1,
        "name": "small",
        "args": {"classes": 10, "rate": 1e-5},
        "dims": {"B": {"doc": 'a "batch"', "example": 8}},
        "inputs": {"image": ["B", 1, 28, 28]},
        "nodes": [
            {"conv": {"out": "4*classes", "kernel": 3}, "id": "first"},
            "relu",
            {"linear": {"out": "classes"}},
        ],
        "outputs": {"logits": "linear"},
    }


def marked(node: YamlNode | None) -> str:
    assert node is not None
    place = node.place
    return place.source.line(place.line)[place.column - 1 :][: place.width]


def test_places_cover_exactly_the_text_of_a_node() -> None:
    model = tree(MODEL)
    assert isinstance(model, MapNode)
    assert [marked(key) for key, _ in model] == list(model.keys())
    assert marked(model.get("args")) == "{classes: 10, rate: 1e-5}"
    assert marked(model.get("format")) == "1"
    assert marked(model.get("nodes")) == "-"


def test_the_place_of_quoted_text_includes_the_quotes() -> None:
    model = tree("a: {doc: 'a \"batch\"'}\n")
    assert isinstance(model, MapNode)
    inner = model.get("a")
    assert isinstance(inner, MapNode)
    assert marked(inner.get("doc")) == "'a \"batch\"'"


def test_places_count_lines_as_editors_do() -> None:
    node, problems = reading("\ufeff# naïve 😀\r\na:\r\n  b: 0777\r\n")
    assert [str(problem.place) for problem in problems] == ["f.yaml:3:6"]
    assert isinstance(node, MapNode)
    assert str(node.place) == "f.yaml:2:1"


def test_a_byte_order_mark_shifts_only_the_first_line() -> None:
    node = tree("\ufeffa: 1\n")
    assert isinstance(node, MapNode)
    assert str(node.place) == "f.yaml:1:2"
    assert marked(node.key("a")) == "a"


def test_a_mapping_answers_for_its_keys() -> None:
    node = tree("{a: 1, b: [x]}")
    assert isinstance(node, MapNode)
    assert node.get("c") is None
    assert node.key("c") is None
    assert ("a" in node, "c" in node, len(node)) == (True, False, 2)
    assert (node.flow, node.keys()) == (True, ("a", "b"))


def test_a_list_answers_for_its_items() -> None:
    node = tree("- 1\n- 2\n")
    assert isinstance(node, ListNode)
    assert (len(node), node.flow) == (2, False)
    assert [marked(item) for item in node] == ["1", "2"]


def test_multi_line_text_is_placed_at_its_first_line() -> None:
    node = tree("a: >-\n  1 +\n  2\nb: some\n  words\n")
    assert isinstance(node, MapNode)
    assert plain_data(node) == {"a": "1 + 2", "b": "some words"}
    assert (marked(node.get("a")), marked(node.get("b"))) == (">-", "some")


MESSAGES = {
    "duplicate key": (
        "name: a\nb: 1\nname: c\n",
        "f.yaml:3:1: error[duplicate-key]: 'name' is given twice\n"
        "    3 | name: c\n"
        "      | ^^^^ first on line 1",
    ),
    "alias": (
        "mlp: *width   # hm\n",
        "f.yaml:1:6: error[alias]: YAML aliases (*width) are not used here\n"
        "    1 | mlp: *width   # hm\n"
        "      |      ^^^^^^ in an expression put the number first: 4*w; "
        "to reuse nodes write a block",
    ),
    "anchor": (
        "a: &base\n  b: 1\n",
        "f.yaml:1:4: error[anchor]: YAML anchors (&base) are not used here\n"
        "    1 | a: &base\n"
        "      |    ^^^^^ to reuse nodes write a block",
    ),
    "merge key": (
        "a:\n  <<: *base\n  b: 1\n",
        "f.yaml:2:3: error[merge-key]: YAML merge keys (<<) are not used here\n"
        "    2 |   <<: *base\n"
        "      |   ^^ to reuse nodes write a block",
    ),
    "tag": (
        "a: !!python/object/apply:os.system [ls]\n",
        "f.yaml:1:4: error[tag]: YAML tags (!!python/object/apply:os.system) are not used here\n"
        "    1 | a: !!python/object/apply:os.system [ls]\n"
        "      |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ remove it, or quote text that starts with !",
    ),
    "tag handle": (
        "a: !e!x 1\n",
        "f.yaml:1:4: error[tag]: found undefined tag handle\n"
        "    1 | a: !e!x 1\n"
        "      |    ^ quote text that starts with !",
    ),
    "documents": (
        "a: 1\n---\nb: 2\n",
        "f.yaml:2:1: error[documents]: a second YAML document starts here\n"
        "    2 | ---\n"
        "      | ^^^ remove the line '---', or write a second file",
    ),
    "empty": (
        "# nothing\n",
        "f.yaml:1:1: error[empty]: the file is empty\n"
        "    1 | # nothing\n"
        "      | ^ a model starts with 'format: 1'",
    ),
    "empty document": (
        "---\n",
        "f.yaml:1:1: error[empty]: the file is empty\n"
        "    1 | ---\n"
        "      | ^ a model starts with 'format: 1'",
    ),
    "number as key": (
        "labels: {1: cat}\n",
        "f.yaml:1:10: error[key]: the key 1 is not text\n"
        "    1 | labels: {1: cat}\n"
        "      |          ^ quote it: '1'",
    ),
    "leading zero as key": (
        "{007: bond}\n",
        "f.yaml:1:2: error[key]: the key 007 is not text\n"
        "    1 | {007: bond}\n"
        "      |  ^^^ quote it: '007'",
    ),
    "list as key": (
        "? [a, b]\n: 1\n",
        "f.yaml:1:3: error[key]: a key must be a word, not a list or mapping\n"
        "    1 | ? [a, b]\n"
        "      |   ^^^^^^ quote it",
    ),
    "empty key": (
        "? # nothing\n: 1\n",
        "f.yaml:1:2: error[key]: the key is empty\n"
        "    1 | ? # nothing\n"
        "      |  ^ write a word before the colon",
    ),
    "no key in brackets": (
        "{: 1}\n",
        "f.yaml:1:2: error[yaml]: did not find expected node content\n"
        "    1 | {: 1}\n"
        "      |  ^ write a key before the colon",
    ),
    "no space after a colon in brackets": (
        "- conv: {out:3}\n",
        "f.yaml:1:10: error[yaml]: there is no space after the colon in 'out:3'\n"
        "    1 | - conv: {out:3}\n"
        "      |          ^^^^^ write 'out: 3'",
    ),
    "no space after a colon": (
        "format: 1\nname:foo\nb: 1\n",
        "f.yaml:2:1: error[yaml]: could not find expected ':'\n"
        "    2 | name:foo\n"
        "      | ^ put a space after the colon: 'name: foo'",
    ),
    "a key without a colon": (
        "a: 1\nbee\nc: 2\n",
        "f.yaml:2:1: error[yaml]: could not find expected ':'\n"
        "    2 | bee\n"
        "      | ^ a key needs a colon: 'bee:'",
    ),
    "missing colon after a node": (
        "nodes:\n  - layer_norm   # pre\n    id: n\n",
        "f.yaml:3:5: error[yaml]: did not find expected '-' indicator\n"
        "    3 |     id: n\n"
        "      |     ^ a node with further keys needs a colon: '- layer_norm:'",
    ),
    "missing colon before a further key": (
        "nodes:\n  - layer_norm\n    id: n\n",
        "f.yaml:3:7: error[yaml]: mapping values are not allowed in this context\n"
        "    3 |     id: n\n"
        "      |       ^ a node with further keys needs a colon: '- layer_norm:'",
    ),
    "missing colon after a key": (
        "dims\n  B: 3\n",
        "f.yaml:2:4: error[yaml]: mapping values are not allowed in this context\n"
        "    2 |   B: 3\n"
        "      |    ^ a key needs a colon: 'dims:'",
    ),
    "a key indented too far": (
        "- use: stage\n    id: x\n",
        "f.yaml:2:7: error[yaml]: mapping values are not allowed in this context\n"
        "    2 |     id: x\n"
        "      |       ^ align 'id' with 'use'",
    ),
    "two colons": (
        "- conv: out: 3\n",
        "f.yaml:1:12: error[yaml]: mapping values are not allowed in this context\n"
        "    1 | - conv: out: 3\n"
        "      |            ^ write '- conv: {out: 3}', or quote text that contains ': '",
    ),
    "a colon in text": (
        "doc: see: below\n",
        "f.yaml:1:9: error[yaml]: mapping values are not allowed in this context\n"
        "    1 | doc: see: below\n"
        "      |         ^ quote text that contains ': '",
    ),
    "shell habit": (
        "with: {heads: ${heads}, mlp: 3}\n",
        "f.yaml:1:16: error[yaml]: did not find expected ',' or '}'\n"
        "    1 | with: {heads: ${heads}, mlp: 3}\n"
        "      |                ^ write the expression without ${...}",
    ),
    "tab as indentation": (
        "nodes:\n\t- flatten\n",
        "f.yaml:2:1: error[yaml]: found character that cannot start any token\n"
        "    2 | \t- flatten\n"
        "      | ^ indent with spaces, not tabs",
    ),
    "tab before a value": (
        "a:\t1\n",
        "f.yaml:1:3: error[yaml]: a tab stands here\n"
        "    1 | a:\t1\n"
        "      |   ^ indent with spaces, not tabs",
    ),
    "tab in a word": (
        "a\tb: 1\n",
        "f.yaml:1:2: error[yaml]: a tab stands here\n"
        "    1 | a\tb: 1\n"
        "      |  ^ indent with spaces, not tabs",
    ),
    "unclosed quote": (
        "a: 1\nb: 'foo\nc: 2\n",
        "f.yaml:2:4: error[yaml]: this quote is never closed\n"
        "    2 | b: 'foo\n"
        "      |    ^ end the text with the same quote",
    ),
    "text after a quote": (
        "a: 'it's'\n",
        "f.yaml:1:8: error[yaml]: did not find expected key\n"
        "    1 | a: 'it's'\n"
        "      |        ^ a quote ends just before this: quote the whole text, "
        "or close an earlier quote",
    ),
    "unclosed bracket at the end": (
        "a: [1, 2\n",
        "f.yaml:1:4: error[yaml]: this '[' is never closed\n"
        "    1 | a: [1, 2\n"
        "      |    ^ close it, or quote the text",
    ),
    "unclosed bracket": (
        "a: {x: 1\nb: 3\n",
        "f.yaml:2:2: error[yaml]: did not find expected ',' or '}'\n"
        "    2 | b: 3\n"
        "      |  ^ is the '{' on line 1 closed?",
    ),
    "bracket that is not open": (
        "a: {b: 1}}\n",
        "f.yaml:1:10: error[yaml]: did not find expected key\n"
        "    1 | a: {b: 1}}\n"
        "      |          ^ no bracket is open here: remove the '}'",
    ),
    "bracket as value": (
        "a: ]\n",
        "f.yaml:1:4: error[yaml]: did not find expected node content\n"
        "    1 | a: ]\n"
        "      |    ^ no bracket is open for this ']': remove it, or quote the text",
    ),
    "two commas": (
        "a: [1,,2]\n",
        "f.yaml:1:7: error[yaml]: did not find expected node content\n"
        "    1 | a: [1,,2]\n"
        "      |       ^ remove this comma, or quote text that starts with ,",
    ),
    "colons in a list": (
        "a: [b: c: d]\n",
        "f.yaml:1:9: error[yaml]: did not find expected ',' or ']'\n"
        "    1 | a: [b: c: d]\n"
        "      |         ^ separate items with commas, and quote text that contains ': ' "
        "or brackets",
    ),
    "at sign": (
        "a: @home\n",
        "f.yaml:1:4: error[yaml]: found character that cannot start any token\n"
        "    1 | a: @home\n"
        "      |    ^ quote text that starts with @",
    ),
    "star": (
        "a: * 4\n",
        "f.yaml:1:5: error[yaml]: did not find expected alphabetic or numeric character\n"
        "    1 | a: * 4\n"
        "      |     ^ in an expression put the number first: 4*w; quote text that starts with *",
    ),
    "ampersand": (
        "a: & b\n",
        "f.yaml:1:5: error[yaml]: did not find expected alphabetic or numeric character\n"
        "    1 | a: & b\n"
        "      |     ^ quote text that starts with &",
    ),
    "list on the line of its key": (
        "nodes: - relu\n",
        "f.yaml:1:8: error[yaml]: block sequence entries are not allowed in this context\n"
        "    1 | nodes: - relu\n"
        "      |        ^ start the list on the next line",
    ),
    "dash without space": (
        "nodes:\n  - relu\n  -conv: 3\n",
        "f.yaml:3:3: error[yaml]: did not find expected '-' indicator\n"
        "    3 |   -conv: 3\n"
        "      |   ^ put a space after the dash: '- conv:'",
    ),
    "first dash without space": (
        "nodes:\n  -relu\n  - conv: 3\n",
        "f.yaml:3:9: error[yaml]: mapping values are not allowed in this context\n"
        "    3 |   - conv: 3\n"
        "      |         ^ put a space after the dash: '- relu'",
    ),
    "dash missing": (
        "nodes:\n  - relu\n  conv: 3\n",
        "f.yaml:3:3: error[yaml]: did not find expected '-' indicator\n"
        "    3 |   conv: 3\n"
        "      |   ^ the list from line 2 goes on with '- ' in column 3",
    ),
    "dash indented too far": (
        "nodes:\n  - relu\n   - conv: 3\n",
        "f.yaml:3:10: error[yaml]: mapping values are not allowed in this context\n"
        "    3 |    - conv: 3\n"
        "      |          ^ align this - with the one above, in column 3",
    ),
    "key indented too little": (
        "a:\n   b: 1\n  c: 2\n",
        "f.yaml:3:3: error[yaml]: did not find expected key\n"
        "    3 |   c: 2\n"
        "      |   ^ align this with line 2 (column 4), or is a line missing above that?",
    ),
    "colon without key": (
        ": x\n",
        "f.yaml:1:1: error[yaml]: did not find expected key\n"
        "    1 | : x\n"
        "      | ^ write a key before the colon",
    ),
    "first line indented": (
        "  a: 1\nb: 2\n",
        "f.yaml:2:1: error[yaml]: did not find expected <document start>\n"
        "    2 | b: 2\n"
        "      | ^ start all top-level keys in the same column",
    ),
    "question mark": (
        "a: ? b\n",
        "f.yaml:1:4: error[yaml]: mapping keys are not allowed in this context\n"
        "    1 | a: ? b\n"
        "      |    ^ quote text that starts with ?",
    ),
    "block text": (
        "a: | text\n",
        "f.yaml:1:6: error[yaml]: did not find expected comment or line break\n"
        "    1 | a: | text\n"
        "      |      ^ the text starts on the line after | or >",
    ),
    "directive": (
        "%YAML 3.0\n---\na: 1\n",
        "f.yaml:1:1: error[yaml]: found incompatible YAML document\n"
        "    1 | %YAML 3.0\n"
        "      | ^ remove the line that starts with %",
    ),
    "control character": (
        "a: b\x07\n",
        "f.yaml:1:5: error[yaml]: the character U+0007 (a control character) is not allowed\n"
        "    1 | a: b\ufffd\n"
        "      |     ^ remove it, or write it as an escape in double quotes",
    ),
    "a line end of YAML 1.1": (
        "a: x\u2028y\n",
        "f.yaml:1:5: error[yaml]: the character U+2028 (LINE SEPARATOR) is not allowed\n"
        "    1 | a: x\ufffdy\n"
        "      |     ^ remove it, or write it as an escape in double quotes",
    ),
    "lone carriage return": (
        "a: 1\rb: 2\n",
        "f.yaml:1:5: error[yaml]: a carriage return (U+000D) stands alone\n"
        "    1 | a: 1\ufffdb: 2\n"
        "      |     ^ save the file with LF or CRLF line ends",
    ),
}
ESCAPE = (
    'a: "\\q"\n',
    "f.yaml:1:5: error[yaml]: found unknown escape character\n"
    '    1 | a: "\\q"\n'
    "      |     ^ write \\\\ for a backslash, or use single quotes",
)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_mistake_is_explained(name: str) -> None:
    text, message = MESSAGES[name]
    assert messages(text) == message


# Facts that the parser written in Python finds elsewhere, or words differently for tabs.
OTHERWISE = {"tab before a value", "tab in a word"}


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - OTHERWISE))
def test_the_parser_written_in_python_gives_the_same_message(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "LOADER", yaml.SafeLoader)
    text, message = MESSAGES[name]
    assert messages(text) == message


@pytest.mark.skipif(read.LOADER is yaml.SafeLoader, reason="libyaml is not installed")
def test_an_unknown_escape_is_explained() -> None:
    text, message = ESCAPE
    assert messages(text) == message


def test_all_mistakes_that_leave_the_structure_clear_are_reported_in_one_reading() -> None:
    text = "a: &x !!str 1\nb: *x\nc: 010\nc: 2\nd: {<<: [*x], 3: 4}\ne: [\n"
    found = [(str(p.place), p.code) for p in SpecError(reading(text)[1]).problems]
    assert found == [
        ("f.yaml:1:4", "anchor"),
        ("f.yaml:1:7", "tag"),
        ("f.yaml:2:4", "alias"),
        ("f.yaml:3:4", "number"),
        ("f.yaml:4:1", "duplicate-key"),
        ("f.yaml:5:5", "merge-key"),
        ("f.yaml:5:15", "key"),
        ("f.yaml:6:4", "yaml"),
    ]


def test_the_tree_keeps_what_is_not_broken() -> None:
    node, problems = reading("a: &x\n  b: 1\nc: *x\na: 2\n1: 3\n")
    assert [problem.code for problem in problems] == ["anchor", "alias", "duplicate-key", "key"]
    assert node is not None
    assert plain_data(node) == {"a": {"b": 1}, "c": None, "1": 3}


def test_the_place_of_a_mapping_is_behind_its_anchor() -> None:
    node, _ = reading("&x\na: 1\n")
    assert node is not None
    assert str(node.place) == "f.yaml:2:1"


def test_keys_that_only_yaml_1_1_takes_for_truth_values_are_text() -> None:
    assert plain_data(tree("on: 1\nno: 2\n'1': 3\ny: 4\n")) == {"on": 1, "no": 2, "1": 3, "y": 4}


def test_quoted_merge_keys_are_text() -> None:
    assert plain_data(tree("'<<': 1\n")) == {"<<": 1}


def test_nesting_up_to_the_limit_is_read() -> None:
    node: YamlNode = tree("[" * YAML_DEPTH + "]" * YAML_DEPTH)
    levels = 0
    while isinstance(node, ListNode) and node.items:
        node, levels = node.items[0], levels + 1
    assert levels == YAML_DEPTH - 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deeper_nesting_is_refused_at_its_place(opening: str) -> None:
    node, (problem,) = reading(opening * 5000)
    assert node is None
    assert problem.code == "depth"
    assert problem.fact == "lists and mappings are nested deeper than 60 levels"


def test_the_number_of_nodes_is_limited() -> None:
    text = "- a\n" * YAML_NODES
    node, (problem,) = reading(text)
    assert node is None
    assert str(problem) == (
        "f.yaml:200000:3: error[size]: the file has more than 200,000 YAML nodes\n"
        "200000 | - a\n"
        "      |   ^ write repeated nodes as a block with repeat:"
    )


def test_a_text_over_the_limit_is_not_parsed() -> None:
    node, (problem,) = reading("x" * (FILE_BYTES + 1))
    assert node is None
    assert str(problem) == (
        "error[size]: the file has 4,000,001 characters, the limit is 4,000,000\n"
        "  hint: keep weights and tables in files of their own"
    )


def test_a_long_line_costs_no_more_than_many_lines() -> None:
    words = 50_000
    node = tree(f"[{', '.join(['word'] * words)}]")
    assert isinstance(node, ListNode)
    assert node.items[-1].place.column == 6 * words - 4


def test_a_message_shows_only_a_part_of_a_long_line() -> None:
    _, (problem,) = reading(f"[{'a, ' * 1000}010]\n")
    assert str(problem).split("\n")[1:] == [
        f"    1 | {'a, ' * 20}010]",
        f"      | {' ' * 60}^^^ drop the zero or quote it",
    ]


def test_a_file_full_of_mistakes_is_given_up_after_a_hundred() -> None:
    assert len(reading("a: 1\n" * 1000)[1]) == 101


def test_billion_laughs_cost_nothing() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    _, problems = reading("\n".join(lines))
    assert sorted({problem.code for problem in problems}) == ["alias", "anchor"]


@given(st.text(alphabet="ab01 \n\t:-,[]{}'\"#&*!|>%@`?<~.\\é", max_size=60))
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    node, problems = reading(text)
    assert node is not None or problems
    assert all(problem.place is not None and str(problem) for problem in problems)


@given(st.integers(0, len(MODEL)), st.integers(0, 5), st.text(max_size=3))
def test_any_edit_of_a_model_gives_a_tree_or_problems(start: int, cut: int, new: str) -> None:
    text = MODEL[:start] + new + MODEL[start + cut :]
    node, problems = reading(text)
    assert node is not None or problems
    assert all(str(problem) for problem in problems)


@given(st.binary(max_size=80))
def test_any_bytes_give_a_source_or_an_input_error(data: bytes) -> None:
    try:
        text = decode(data, "f.yaml")
    except InputError:
        return
    assert text.encode() == data
    node, problems = reading(text)
    assert node is not None or problems


TEXT = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), max_size=8
)
YAML_DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@given(YAML_DATA)
def test_what_json_writes_is_read_back(data: object) -> None:
    node, problems = reading(json.dumps([data], ensure_ascii=False))
    assert problems == []
    assert node is not None
    assert plain_data(node) == [data]


def test_a_file_is_named_as_the_user_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert load_source(path) == Source(str(path), "a: 1\r\n")
    assert load_source(str(path)).text == "a: 1\r\n"


def failure(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load_source(path)
    return str(caught.value)


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "resnet18.yaml").touch()
    path = tmp_path / "resnet81.yaml"
    near = tmp_path / "resnet18.yaml"
    assert failure(path) == f"there is no file or folder '{path}'; did you mean '{near}'?"
    assert failure(tmp_path / "zzz") == f"there is no file or folder '{tmp_path / 'zzz'}'"


def test_a_missing_folder_is_named_instead_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    wrong, right = tmp_path / "graph", tmp_path / "graphs"
    message = failure(wrong / "deep" / "m.yaml")
    assert message == f"there is no file or folder '{wrong}'; did you mean '{right}'?"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert failure(tmp_path) == f"'{tmp_path}' is a folder, not a file"


def test_a_file_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    path = tmp_path / "a" / "b"
    assert failure(path) == f"cannot read '{path}': Not a directory"


def test_a_name_with_a_nul_character_is_no_name() -> None:
    assert failure("a\0b") == "'a\\x00b' cannot be the name of a file"


BAD_BYTES = [
    (b"a: 1\nb: caf\xe9\n", "is not UTF-8: 0xe9 at byte 11 (line 2); save it as UTF-8"),
    (b"\xff\xfea\0", "is UTF-16, not UTF-8; save it as UTF-8"),
    (b"a\n\0", "holds a NUL character at byte 2 (line 2): it is not a text file"),
    (b"x" * (FILE_BYTES + 1), "is larger than the limit of 4,000,000 bytes"),
]


@pytest.mark.parametrize(("data", "reason"), BAD_BYTES, ids=["latin", "utf16", "nul", "large"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(data)
    assert failure(path) == f"'{path}' {reason}"


def test_an_endless_file_is_read_only_to_the_limit() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no endless file")
    assert failure(endless) == "'/dev/zero' is larger than the limit of 4,000,000 bytes"
