"""Nodes: attributes, the keys beside them, what they read, structure words."""

import pytest
from language import (
    load,
    names,
    outputs,
    plain,
    plain_problems,
    problems,
    shape,
    wires,
)

# ---------------------------------------------------------------- how a node is written

REDUCTIONS = "sum, mean, max, min, prod, l1, l2, sum_square, log_sum, log_sum_exp"


def test_a_node_is_a_word_or_a_mapping():
    model = plain("nodes: [relu, {relu: }, {linear: 3}, {linear: {out: 2}}]")
    assert names(model) == ["relu", "relu_2", "linear", "linear_2"]
    assert outputs(model) == {"output": "[B, 2]"}


def test_the_main_attribute_may_be_a_list_or_an_expression():
    text = "dims: [B]\ninputs: {x: [B, 2, 3]}\nnodes: [{transpose: [0, 2, 1]}, {linear: 2*4}]"
    assert outputs(load(text)) == {"output": "[B, 3, 8]"}


def test_an_attribute_may_be_one_number_for_all_axes_or_one_for_each():
    text = "inputs: {x: [1, 3, 9, 9]}\nnodes:\n  - conv: {out: 2, kernel: KERNEL, stride: [1, 2]}"
    assert outputs(load(text.replace("KERNEL", "3"))) == {"output": "[1, 2, 7, 4]"}
    assert outputs(load(text.replace("KERNEL", "[1, 5]"))) == {"output": "[1, 2, 9, 3]"}


def test_padding_is_a_number_a_word_or_pairs():
    text = "inputs: {x: [1, 1, 8, 8]}\nnodes:\n  - conv: {out: 1, kernel: 3, pad: PAD}"
    sizes = {"1": "[1, 1, 8, 8]", "[0, 1]": "[1, 1, 6, 8]", "same_upper": "[1, 1, 8, 8]"}
    sizes["[[0, 1], [2, 2]]"] = "[1, 1, 7, 10]"
    assert {pad: outputs(load(text.replace("PAD", pad)))["output"] for pad in sizes} == sizes


def test_an_open_mapping_takes_further_keys():
    nodes = 'nodes:\n  - rearrange: {pattern: "b (h d) -> b h d", h: 2}'
    assert outputs(plain(nodes)) == {"output": "[B, 2, 2]"}


def test_a_word_is_literal_unless_a_text_argument_has_that_name():
    nodes = "\nnodes:\n  - reduce: {op: how, axes: 1}"
    text = "args: {how: {type: text, default: max}}\ninputs: {x: [2, 4]}" + nodes
    found = [load(text, how=word).ir["reduce"].op.values["op"] for word in ("max", "sum")]
    assert found == ["max", "sum"]
    assert plain_problems(nodes) == [f"6:18 expected one of {REDUCTIONS}"]


@pytest.mark.parametrize(
    ("node", "fact"),
    [
        ("3", "a node is a word or a mapping, found '3'"),
        ("[relu]", "a node is a word or a mapping, found a list"),
        ("", "a node is a word or a mapping, found nothing"),
        ("{id: a}", "the node names no operator"),
        ("rleu", "there is no operator 'rleu'"),
        ("{linear: 3, conv: 3}", "one operator per node, found linear and conv"),
        ("{linear: 3, idd: a}", "'idd' is neither a node key nor an operator"),
        ("linear", "linear needs 'out'"),
        ("{linear: {bias: true}}", "linear needs 'out'"),
        ("{linear: {uot: 3}}", "linear has no attribute 'uot'"),
        ("{linear: {out: 3, id: a}}", "linear has no attribute 'id'"),
        ("{linear: }", "linear needs 'out'"),
        ("{linear: {out: }}", "expected a value (whole number), found nothing"),
        ("{linear: [3]}", "expected a number or an expression, found a list"),
        ("{linear: 2.5}", "expected a whole number, found 2.5"),
        ("{linear: B}", "expected a fixed whole number, found B"),
        ("{linear: {out: 3, bias: yes}}", "expected true or false"),
        ("{relu: 3}", "relu takes no attributes, found '3'"),
        ("{layer_norm: 3}", "layer_norm takes named attributes, found '3'"),
        ("{reshape: 3}", "expected a list such as [B, 3, H, W], found '3'"),
        ("{reshape: [..., 3]}", "... cannot stand here"),
        ("{reduce: {op: [sum]}}", f"expected one of {REDUCTIONS}, found a list"),
        ("{einsum: 3}", "expected text, found 3"),
    ],
)
def test_a_node_that_cannot_be(node, fact):
    found = plain_problems(f"nodes:\n  - {node}")
    assert [p.partition(" ")[2] for p in found] == [fact]


# ---------------------------------------------------------------- id, doc, shape, when


def test_id_and_doc_are_kept():
    model = plain("nodes: [{linear: 3, id: head, doc: the last one}]")
    assert (names(model), model.ir["head"].doc) == (["head"], "the last one")


@pytest.mark.parametrize("name", ["prev", "copies", "2a", "a.b", "'a b'", "[a]"])
def test_an_id_that_cannot_be(name):
    (found,) = plain_problems(f"nodes: [{{relu: , id: {name}}}]")
    assert found.endswith("cannot be an id")


def test_an_id_is_given_once():
    nodes = "nodes:\n  - {relu: , id: a}\n  - {relu: , id: a}\n  - {relu: , id: x}"
    assert plain_problems(nodes) == ["6:18 'a' is already taken", "7:18 'x' is already taken"]


def test_shape_is_a_checked_comment():
    assert names(plain("nodes: [{linear: 3, shape: [B, 4 - 1]}]")) == ["linear"]
    found = plain_problems("nodes: [{linear: 3, shape: [B, 4]}]")
    assert found == ["4:28 the result is [B, 3]: 3 is never 4"]


def test_a_shape_of_another_rank_is_refused():
    found = plain_problems("nodes: [{linear: 3, shape: [B]}]")
    assert found == ["4:28 the result is [B, 3], not [B]"]


def test_when_removes_a_node_that_is_then_the_identity():
    text = "args: {deep: true}\ninputs: {x: [2, 4]}\nnodes: [{linear: 4}, {linear: 4, when: deep}]"
    assert names(load(text)) == ["linear", "linear_2"]
    assert names(load(text, deep=False)) == ["linear"]


def test_a_removed_node_gives_its_first_declared_input():
    nodes = (
        "nodes: [{tanh: , id: t}, {sub: , in: {b: x, a: t}, when: false, id: s}, {relu: , in: s}]"
    )
    assert wires(plain(nodes), "relu") == {"x": "t"}


def test_when_may_speak_of_sizes_that_are_fixed_for_all_inputs():
    text = (
        "dims: {H: {min: 8}}\n"
        "inputs: {x: [H]}\n"
        "nodes: [{relu: , when: H >= 4}, {tanh: , when: H < 8}]"
    )
    assert names(load(text)) == ["relu"]


@pytest.mark.parametrize(
    ("when", "fact"),
    [
        ("B > 1", "cannot be decided for every size: B > 1"),
        ("3", "a condition must be true or false, found 3"),
        ("[true]", "expected an expression, found a list"),
        ("C == 3", "unknown name 'C'"),
    ],
)
def test_a_when_that_cannot_be(when, fact):
    found = plain_problems(f"nodes: [{{relu: , when: {when}}}]")
    assert [p.partition(" ")[2] for p in found] == [fact]


# ---------------------------------------------------------------- what a node reads


def test_a_node_reads_the_previous_one():
    model = plain("nodes: [{tanh: }, relu]")
    assert (wires(model, "tanh"), wires(model, "relu")) == ({"x": "x"}, {"x": "tanh"})


def test_in_is_a_reference_a_list_or_a_mapping_by_port():
    nodes = (
        "nodes: [{tanh: , id: t}, {relu: , in: x, id: r}, {sub: , in: [t, r], id: a}, "
        "{sub: , in: {b: t, a: prev}}]"
    )
    model = plain(nodes)
    assert wires(model, "r") == {"x": "x"}
    assert wires(model, "a") == {"a": "t", "b": "r"}
    assert wires(model, "sub") == {"a": "a", "b": "t"}


def test_with_several_inputs_the_first_node_says_in():
    text = "inputs: {a: [2], b: [2]}\nnodes: [relu, {add: , in: [prev, b]}]"
    assert problems(text) == ["3:9 there is no previous node to take the input from"]
    assert wires(load(text.replace("[relu", "[{relu: , in: a}")), "add") == {
        "xs.0": "relu",
        "xs.1": "b",
    }


def test_an_operator_without_inputs_ignores_the_previous_node():
    nodes = "nodes: [{relu: , id: r}, {parameter: [4], id: p}, {add: , in: [r, p]}]"
    model = plain(nodes)
    assert (wires(model, "p"), shape(model, "add")) == ({}, "[B, 4]")


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        ("x", {"q": "x", "k": "x", "v": "x"}),
        ("{q: x}", {"q": "x", "k": "x", "v": "x"}),
        ("[x, m]", {"q": "x", "k": "m", "v": "m"}),
        ("{q: x, v: m}", {"q": "x", "k": "x", "v": "m"}),
        ("{q: x, k: m, keep: see}", {"q": "x", "k": "m", "v": "m", "keep": "see"}),
    ],
)
def test_keys_default_to_queries_and_values_to_keys(given, ports):
    text = "inputs: {x: [2, 5, 8], m: [2, 5, 8], see: {shape: [5, 5], dtype: bool}}\nnodes:\n"
    model = load(text + f"  - {{attention: , in: {given}}}\n")
    assert wires(model, "attention") == ports


def test_an_output_of_a_node_is_referred_to_by_its_name():
    text = (
        "inputs: {x: [2, 5, 8]}\n"
        "nodes: [{multi_head_attention: 2, id: a}]\n"
        "outputs: {y: a, w: a.weights}"
    )
    assert outputs(load(text)) == {"y": "[2, 5, 8]", "w": "[2, 2, 5, 5]"}


def test_outputs_that_have_no_names_have_numbers():
    nodes = "nodes: [{split: {axis: 1, parts: 2}, id: p}, {sub: , in: [p.1, p.0]}]"
    values = plain(nodes).ir.wires_of("sub")
    assert {port: (v.node, v.output) for port, v in values.items()} == {
        "a": ("p", 1),
        "b": ("p", 0),
    }


@pytest.mark.parametrize(
    ("node", "fact"),
    [
        ("{relu: , in: y}", "nothing here is called 'y'"),
        ("{relu: , in: later}", "'later' comes later, on line 6"),
        ("{relu: , in: tanh}", "nothing here is called 'tanh'"),
        ("{relu: , in: x.weights}", "'x' has no output 'weights'"),
        ("{relu: , in: a.b.c}", "expected the id of a node, found 'a.b.c'"),
        ("{relu: , in: 3}", "expected the id of a node, found '3'"),
        ("{relu: , in: }", "expected the id of a node, found nothing"),
        ("{relu: , in: []}", "relu needs the input 'x'"),
        ("{relu: , in: [x, x]}", "relu takes 1 input, 2 given"),
        ("{relu: , in: {y: x}}", "relu has no input 'y'"),
        ("{relu: , in: {x: [x, x]}}", "the input 'x' takes one value, 2 given"),
        ("{parameter: [4], in: x}", "parameter takes 0 inputs, 1 given"),
        ("{sub: , in: x}", "sub needs the input 'b'"),
        ("{sub: , in: {}}", "sub needs the inputs 'a' and 'b'"),
        ("sub", "sub takes a, b: write in:"),
        ("{attention: , in: {k: x}}", "attention needs the input 'q'"),
    ],
)
def test_a_reference_that_cannot_be(node, fact):
    found = plain_problems(
        f"nodes:\n  - {node}\n  - {{tanh: , id: later, in: x}}\noutputs: {{y: later}}"
    )
    assert [p.partition(" ")[2] for p in found if "never used" not in p] == [fact]


# ---------------------------------------------------------------- residual and sequence


def test_a_residual_adds_its_start_to_its_body():
    model = plain("nodes: [tanh, {residual: [{linear: 8}, {linear: 4}]}]")
    assert names(model) == ["tanh", "linear", "linear_2", "add"]
    assert wires(model, "add") == {"xs.0": "linear_2", "xs.1": "tanh"}


def test_a_residual_may_say_where_it_starts_and_what_it_skips():
    nodes = (
        "nodes: [tanh, {residual: {of: x, body: [{linear: 3}], skip: [{linear: 3}]}, "
        "id: r}]\n"
        "outputs: {y: r}"
    )
    assert problems("inputs: {x: [2, 4]}\n" + nodes) == [
        "3:9 the result of this node is never used"
    ]
    model = plain(nodes.replace("[tanh, ", "["))
    assert names(model) == ["linear", "linear_2", "r"]
    assert [wires(model, n) for n in ("linear", "linear_2")] == [{"x": "x"}, {"x": "x"}]


def test_an_empty_skip_is_the_identity():
    assert names(plain("nodes: [{residual: {body: [relu], skip: []}}]")) == ["relu", "add"]


def test_body_and_skip_must_agree_exactly():
    found = plain_problems("nodes: [{residual: [{linear: 1}]}]")
    assert found == ["4:10 residual: the body gives [B, 1], the skip [B, 4]: 1 is never 4"]


def test_a_sequence_is_its_nodes_and_opens_no_scope_for_ids():
    nodes = "nodes: [{sequence: [{tanh: , id: t}, relu], id: s}, {sub: , in: [s, t]}]"
    model = plain(nodes)
    assert (names(model), wires(model, "sub")) == (["t", "relu", "sub"], {"a": "relu", "b": "t"})


def test_a_sequence_may_be_a_branch():
    nodes = "nodes: [{tanh: , id: t}, {sequence: [relu, sigmoid], in: x}, {mul: , in: [t, prev]}]"
    model = plain(nodes)
    assert (wires(model, "relu"), wires(model, "mul")) == (
        {"x": "x"},
        {"xs.0": "t", "xs.1": "sigmoid"},
    )


def test_a_sequence_may_be_removed_as_a_whole():
    assert names(plain("nodes: [tanh, {sequence: [relu, {linear: 9}], when: false}]")) == ["tanh"]


@pytest.mark.parametrize(
    ("node", "fact"),
    [
        ("{residual: }", "the body of residual must be a list of nodes, found nothing"),
        ("residual", "residual needs a body"),
        ("{residual: []}", "residual needs a body"),
        ("{residual: {skip: []}}", "residual needs a body"),
        ("{residual: {body: relu}}", "the body of residual must be a list of nodes, found 'relu'"),
        ("{residual: {of: [x], body: [relu]}}", "expected the id of a node, found a list"),
        ("{residual: {body: [relu], boddy: []}}", "residual has no key 'boddy'"),
        ("{residual: [relu], in: [x, x]}", "residual starts with one value"),
        (
            "{residual: {of: x, body: [relu]}, in: x}",
            "both of: and in: say what the residual starts with",
        ),
        ("sequence", "sequence needs a list of nodes"),
        ("{sequence: {a: relu}}", "sequence must be a list of nodes, found a mapping"),
        ("{sequence: [relu], in: {x: x}}", "sequence starts with one value"),
        ("{sequence: [relu], init: zeros}", "init: belongs to an operator, not to sequence:"),
        ("{sequence: [relu], with: {a: 1}}", "with: belongs to use:"),
        ("use", "use: needs the name of a block"),
        ("{use: 3}", "use: needs the name of a block"),
        ("{use: relu}", "there is no block 'relu'"),
    ],
)
def test_a_structure_that_cannot_be(node, fact):
    found = plain_problems(f"nodes:\n  - {node}")
    assert [p.partition(" ")[2] for p in found] == [fact]
