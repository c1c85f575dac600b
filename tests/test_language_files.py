"""The keys of a file: args, let, require, dims, inputs, outputs, and what goes wrong in them."""

import numpy as np
import pytest
from language import load, names, outputs, plain, plain_problems, problems, shape

import framework as fw

RELU = "nodes: [relu]\n"


def test_a_model_is_named_by_its_file_unless_it_has_a_name():
    named = load(f"name: tiny\ndoc: Almost nothing.\ninputs: {{x: [2]}}\n{RELU}")
    assert (named.name, named.doc) == ("tiny", "Almost nothing.")
    assert load(f"inputs: {{x: [2]}}\n{RELU}").name == "model"


@pytest.mark.parametrize("written", ["'1'", "2", "1.0", "true", "[1]"])
def test_another_format_is_refused(written):
    with pytest.raises(fw.SpecError, match="this tool reads format 1, the file says"):
        fw.loads(f"format: {written}\nnodes: [relu]")


def test_a_file_without_format_is_still_read():
    with pytest.raises(fw.SpecError) as raised:
        fw.loads("inputs: {x: [2]}\nnodes: [rleu]")
    assert [p.code for p in raised.value.problems] == ["format", "unknown-operator"]


def test_a_misspelt_top_key_counts_as_the_one_that_was_meant():
    found = problems("arg: {width: 8}\ninputs: {x: [2, width]}\nnodes: [{linear: width}]")
    assert found == ["2:1 the graph has no key 'arg'"]


def test_an_unknown_top_key_excuses_the_names_that_it_may_have_declared():
    found = problems("sizes: {width: 8}\ninputs: {x: [2, width]}\nnodes: [{linear: width}]")
    assert found == ["2:1 the graph has no key 'sizes'"]


# ---------------------------------------------------------------- inputs


def test_an_input_has_shape_dtype_and_doc():
    model = load("inputs: {t: {shape: [2, 3], dtype: int64, doc: words}}\nnodes: [identity]")
    node = model.ir["t"]
    assert (str(node.type.dtype), node.doc, shape(model, "t")) == ("int64", "words", "[2, 3]")


def test_an_input_is_float32_unless_it_says_otherwise():
    assert load(f"inputs: {{x: [2]}}\n{RELU}").inputs["x"].dtype == "float32"


def test_the_shape_of_an_input_may_be_computed():
    model = load("args: {n: 3}\ndims: [B]\ninputs: {x: [2*B, n**2, n // 2]}\nnodes: [relu]")
    assert shape(model, "x") == "[2*B, 9, 1]"


@pytest.mark.parametrize(
    ("size", "fact"),
    [
        ("-3", "a size cannot be -3"),
        ("1.5", "the result is 1.5, not a whole number"),
        ("true", "expected a size, found true"),
        ("[2]", "expected a number or an expression, found a list"),
        ("", "expected a number, found nothing"),
        ("B - 5", "axis 0 of x is a size: 0 may exceed B - 5"),
        ("C", "unknown name 'C'"),
    ],
)
def test_a_size_of_an_input_that_cannot_be(size, fact):
    text = f"dims: [B]\ninputs:\n  x:\n    - {size}\nnodes: [relu]"
    assert [p.partition(" ")[2] for p in problems(text)] == [fact]


def test_a_rank_that_is_open_is_for_blocks_only():
    assert problems(f"inputs: {{x: [...]}}\n{RELU}") == ["2:13 ... cannot stand here"]


def test_an_input_cannot_be_called_prev():
    fact = "2:10 'prev' means the previous node; give the input another name"
    assert problems(f"inputs: {{prev: [2]}}\n{RELU}") == [fact]


def test_an_input_without_a_shape_is_refused():
    assert problems(f"inputs: {{x: {{doc: a}}}}\n{RELU}") == ["2:13 input 'x' has no shape"]


# ---------------------------------------------------------------- outputs


def test_without_outputs_the_last_result_is_the_output():
    assert outputs(plain("nodes: [{linear: 3}, relu]")) == {"output": "[B, 3]"}


def test_outputs_are_named_in_their_order():
    text = "nodes: [{linear: 3, id: a}, {linear: 2}]\noutputs: {last: prev, first: a, x: x}"
    assert outputs(plain(text)) == {"last": "[B, 2]", "first": "[B, 3]", "x": "[B, 4]"}


def test_an_output_may_be_a_mapping():
    text = "nodes: [{linear: 3, id: a}]\noutputs: {a: {doc: same name}, b: {node: a}}"
    assert outputs(plain(text)) == {"a": "[B, 3]", "b": "[B, 3]"}


@pytest.mark.parametrize(("written", "kind"), [("a", "'a'"), ("[a]", "a list"), ("", "nothing")])
def test_outputs_are_a_mapping(written, kind):
    found = plain_problems(f"nodes: [{{relu: , id: a}}]\noutputs: {written}")
    assert [p.partition(" ")[2] for p in found] == [f"outputs must be a mapping, found {kind}"]


# ---------------------------------------------------------------- dims


def test_dims_may_be_a_list():
    model = load("dims: [B, T]\ninputs: {x: [B, T]}\nnodes: [relu]")
    assert model.ir.examples == {"B": 2, "T": 2}


def test_dims_have_bounds_and_examples():
    dims = "{B: , H: {doc: height, min: 32, max: 512, multiple_of: 16, example: 224}}"
    model = load(f"dims: {dims}\ninputs: {{x: [B, H]}}\n{RELU}")
    bounds = model.ir.symbols.bounds_of("H")
    assert (bounds.minimum, bounds.maximum, bounds.multiple_of) == (32, 512, 16)
    assert model.ir.examples == {"B": 2, "H": 224}


def test_a_missing_example_is_a_small_legal_size():
    dims = "{A: {min: 7}, H: {multiple_of: 16, min: 20}, W: {max: 1}, D: {min: 0}}"
    model = load(f"dims: {dims}\ninputs: {{x: [A, H, W, D]}}\n{RELU}")
    assert model.ir.examples == {"A": 7, "H": 32, "W": 1, "D": 2}


def test_bounds_may_speak_of_arguments():
    text = "args: {patch: 16}\ndims: {H: {multiple_of: patch}}\ninputs: {x: [H / patch]}\n"
    assert shape(load(text + RELU, patch=8), "x") == "[H/8]"


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ("{min: 4, max: 3}", "size H: nothing has min: 4, max: 3"),
        ("{multiple_of: 0}", "size H: multiple_of is 0, it must be at least 1"),
        ("{min: -2}", "size H: min is -2, a size is at least 0"),
        ("{max: 8, multiple_of: 16}", "size H: nothing has min: 1, max: 8 and multiple_of: 16"),
        ("{max: 8, example: 9}", "the example 9 of 'H' breaks max: 8"),
        ("{min: 2.5}", "expected a whole number, found 2.5"),
        ("{min: true}", "expected a number, found true"),
        ("{min: G}", "expected a fixed whole number, found G"),
        ("{minimum: 3}", "dim 'H' has no key 'minimum'"),
        ("3", "dim 'H' must be a mapping, found '3'"),
    ],
)
def test_bounds_that_cannot_be(options, fact):
    text = f"dims: {{G: , H: {options}}}\ninputs: {{x: [G, H]}}\n{RELU}"
    assert [p.partition(" ")[2] for p in problems(text)] == [fact]


@pytest.mark.parametrize(
    ("dims", "fact"),
    [
        ("[3]", "2:8 '3' cannot name a dim"),
        ("[inf]", "2:8 'inf' cannot name a dim"),
        ("[B, B]", "2:11 'B' is already a dim"),
        ("[[B]]", "2:8 a dim is a name, not a list"),
        ("B", "2:7 dims must be a mapping, found 'B'"),
    ],
)
def test_dims_that_are_no_names(dims, fact):
    assert problems(f"dims: {dims}\ninputs: {{x: [2]}}\n{RELU}") == [fact]


# ---------------------------------------------------------------- args and let


def test_a_default_may_use_earlier_arguments_and_let_may_use_all():
    text = (
        "args: {w: 3, hidden: 4*w}\nlet: {a: hidden + 1, b: 2*a}\ninputs: {x: [w, hidden, a, b]}\n"
    )
    assert shape(load(text + RELU), "x") == "[3, 12, 13, 26]"
    assert shape(load(text + RELU, w=5), "x") == "[5, 20, 21, 42]"


def test_arguments_have_types():
    args = "{n: 3, r: 0.5, f: true, t: {type: text, default: learned}, i: {type: real, default: 1}}"
    text = (
        f"args: {args}\n"
        f"inputs: {{x: [n, 8, 4]}}\n"
        f"nodes:\n"
        f"  - {{positional: {{kind: t, length: 8}}}}\n"
    )
    model = load(text + "  - {linear: {out: 2, bias: f}}\n  - dropout: r\n  - scale: i\n")
    assert list(model.ir.parameters) == ["positional.table", "linear.weight", "linear.bias"]
    assert [model.ir[n].op.values for n in ("dropout", "scale")] == [
        {"p": 0.5},
        {"by": 1.0, "shift": 0.0},
    ]


def test_a_real_argument_has_true_division_and_roots():
    text = (
        "args: {d: 4, s: {type: real, default: 1 / sqrt(d)}}\ninputs: {x: [2]}\nnodes: [{scale: s}]"
    )
    assert load(text).ir["scale"].op.values["by"] == 0.5


@pytest.mark.parametrize(
    ("arg", "fact"),
    [
        ("a", "unknown name 'a'"),
        ("2*b", "unknown name 'b'"),
        ("[1]", "the default of 'a' must be a number or a word, not a list"),
        ("", "the argument 'a' has no value"),
        ("int", "the argument 'a' is required"),
        ("{type: float}", "'float' is no type of argument; types: int, real, bool, text, block"),
        ("{type: int, default: 2.5}", "expected a whole number, found 2.5"),
        ("{type: bool, default: 3}", "expected true or false, found 3"),
        ("{type: bool, default: no}", "expected true or false"),
        ("{type: block, default: c}", "there is no block 'c'"),
        ("{default: 1, min: 0}", "argument 'a' has no key 'min'"),
    ],
)
def test_an_argument_that_cannot_be(arg, fact):
    text = f"args: {{a: {arg}, b: 3}}\ninputs: {{x: [2]}}\n{RELU}"
    assert [p.partition(" ")[2] for p in problems(text)] == [fact]


@pytest.mark.parametrize("name", ["2a", "a-b", "if", "true", "inf"])
def test_a_name_that_expressions_could_not_say(name):
    found = problems(f"args: {{'{name}': 3}}\ninputs: {{x: [2]}}\n{RELU}")
    assert found == [f"2:8 '{name}' cannot name an argument"]


def test_a_name_stands_for_one_thing():
    text = f"args: {{a: 3, b: 4}}\ndims: [a]\nlet: {{b: a}}\ninputs: {{x: [2]}}\n{RELU}"
    assert problems(text) == ["3:8 'a' is already an argument", "4:7 'b' is already an argument"]


def test_let_uses_what_stands_above():
    found = problems(f"let: {{a: b, b: 3}}\ninputs: {{x: [2]}}\n{RELU}")
    assert found == ["2:10 unknown name 'b'"]


# ---------------------------------------------------------------- settings

SETTINGS = """
args:
  {n: 3, m: 2*n, r: 0.5, f: true, t: {type: text, default: learned}, b: {type: block, default: p}}
blocks:
  p: {inputs: {x: [..., D]}, nodes: [relu]}
  q: {inputs: {x: [..., D]}, nodes: [tanh]}
inputs: {x: [n, 8, m]}
nodes:
  - {positional: {kind: t, length: 8}}
  - {linear: {out: m, bias: f}}
  - dropout: r
  - use: b
"""


@pytest.mark.parametrize(
    ("settings", "end"),
    [
        ({}, ("[3, 8, 6]", "p.relu")),
        ({"n": 5}, ("[5, 8, 10]", "p.relu")),
        ({"n": "5"}, ("[5, 8, 10]", "p.relu")),
        ({"m": "3*n"}, ("[3, 8, 9]", "p.relu")),
        ({"m": 7, "b": "q"}, ("[3, 8, 7]", "q.tanh")),
    ],
)
def test_settings_change_arguments(settings, end):
    model = load(SETTINGS, **settings)
    assert (outputs(model)["output"], names(model)[-1]) == end


def test_settings_of_the_other_types():
    model = load(SETTINGS, f=False, r="1/4", t="sinusoidal")
    assert list(model.ir.parameters) == ["linear.weight"]
    assert model.ir["dropout"].op.values == {"p": 0.25}


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        ({"n": 2.5}, "1:9 expected a whole number, found 2.5"),
        ({"m": 2.5}, "1:9 expected a whole number, found 2.5"),
        ({"n": True}, "1:9 expected a number, found true"),
        ({"n": "big"}, "1:9 unknown name 'big'"),
        ({"n": "2 +"}, "1:12 the expression ends too early"),
        ({"f": "no"}, "1:9 expected true or false"),
        ({"f": 1}, "1:9 expected true or false, found 1"),
        ({"b": "r"}, "1:9 there is no block 'r'"),
        ({"k": 3}, "1:7 there is no argument 'k'"),
    ],
)
def test_settings_that_cannot_be(settings, fact):
    assert problems(SETTINGS, **settings) == [fact]


def test_a_setting_that_is_wrong_is_shown_as_it_was_given():
    with pytest.raises(fw.SpecError) as raised:
        load(SETTINGS, nn=3)
    assert str(raised.value) == (
        "command line:1:7: error[unknown-argument]: there is no argument 'nn'\n"
        "    1 | --set nn=3\n"
        "      |       ^^ did you mean 'n'?"
    )


# ---------------------------------------------------------------- require


def test_a_requirement_over_constants_must_hold():
    text = "args: {w: 8, h: 3}\nrequire: [w % h == 0]\ninputs: {x: [w]}\nnodes: [relu]"
    with pytest.raises(fw.SpecError) as raised:
        load(text)
    assert str(raised.value) == (
        "m.yaml:3:11: error[require]: not satisfied: w % h == 0\n"
        "    3 | require: [w % h == 0]\n"
        "      |           ^^^^^^^^^^ with w = 8, h = 3\n"
        "  note: w is on line 2, h is on line 2"
    )
    assert names(load(text, h=4)) == ["relu"]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("H == W", ["H == W"]),
        ("H <= W", ["H <= W"]),
        ("H >= W", ["W <= H"]),
        ("H < W", ["H + 1 <= W"]),
        ("H > W", ["W + 1 <= H"]),
        ("H % 4 == 0", ["H % 4 == 0"]),
        ("H % 4 == 0 and W >= 7", ["H % 4 == 0", "7 <= W"]),
        ("H >= 1", []),
    ],
)
def test_a_requirement_over_dims_is_kept_for_the_run(condition, kept):
    model = load(f"dims: [H, W]\nrequire: [{condition}]\ninputs: {{x: [H, W]}}\n{RELU}")
    assert list(map(str, model.ir.conditions)) == kept


def test_what_is_required_is_taken_for_granted_by_the_nodes():
    text = "dims: [N, M]\n{}inputs: {a: [N], b: [M]}\nnodes:\n  - add:\n    in: [a, b]"
    assert len(problems(text.replace("{}", ""))) == 1
    assert problems(text.replace("{}", "require: [N == M]\n")) == []


@pytest.mark.parametrize(
    ("condition", "examples"),
    [
        ("H % 4 == 0", {"H": 4, "W": 2}),
        ("H >= 100", {"H": 100, "W": 2}),
        ("W > H", {"H": 2, "W": 3}),
        ("H == 2*W", {"H": 4, "W": 2}),
    ],
)
def test_examples_that_nobody_gave_meet_the_requirements(condition, examples):
    model = load(f"dims: [H, W]\nrequire: [{condition}]\ninputs: {{x: [H, W]}}\n{RELU}")
    assert model.ir.examples == examples


def test_examples_that_break_a_requirement_are_refused():
    text = f"dims: {{H: {{example: 6}}}}\nrequire: [H % 4 == 0]\ninputs: {{x: [H]}}\n{RELU}"
    fact = "the example sizes do not fit: required: H % 4 == 0: H = 6 is not divisible by 4"
    assert problems(text) == [f"3:11 {fact}"]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("[H >= 10, H <= 5]", "3:20 H <= 5 contradicts the requirements before it"),
        ("[H <= 3, H % 4 == 0]", "3:19 H % 4 == 0 contradicts the requirements before it"),
        ("[H == 3, H == 4]", "3:19 H == 4 contradicts the requirements before it"),
        ("[H < 1]", "3:11 not satisfied: H < 1"),
        ("[H == 3 or H == 4]", "3:13 cannot be decided for every size: H == 3"),
        ("[H != 3]", "3:13 cannot be decided for every size: H != 3"),
        ("[H]", "3:11 a requirement must be true or false, found H"),
        ("[H % 0 == 0]", "3:13 division by zero"),
        ("[[H]]", "3:11 expected an expression, found a list"),
    ],
)
def test_requirements_that_cannot_be(conditions, found):
    assert problems(f"dims: [H]\nrequire: {conditions}\ninputs: {{x: [H]}}\n{RELU}") == [found]


def test_a_requirement_over_dims_is_checked_when_the_sizes_are_known():
    model = load(f"dims: [H]\nrequire: [H % 4 == 0]\ninputs: {{x: [H]}}\n{RELU}")
    assert model.run(np.zeros(8, np.float32))["output"].shape == (8,)
    with pytest.raises(fw.InputError, match=r"H % 4 == 0: H = 6 is not divisible by 4"):
        model.run(np.zeros(6, np.float32))
