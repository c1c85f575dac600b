"""Names of nodes and weights; repeat, share, tied weights, initialisers."""

import pytest
from language import load, names, outputs, plain, plain_problems, problems, shape, weights, wires

import framework as fw

# ---------------------------------------------------------------- names


def test_the_second_node_of_a_name_gets_a_number():
    assert names(plain("nodes: [relu, {linear: 4}, relu, relu]")) == [
        "relu",
        "linear",
        "relu_2",
        "relu_3",
    ]


def test_a_name_that_is_an_id_or_an_input_is_not_given():
    nodes = "nodes: [relu, {tanh: , id: relu_2}, relu]"
    assert names(plain(nodes)) == ["relu", "relu_2", "relu_3"]
    assert names(load("inputs: {relu: [2]}\nnodes: [relu]")) == ["relu_2"]


def test_names_with_numbers_never_meet():
    text = (
        "blocks:\n"
        "  b: {inputs: {x: [N, D]}, nodes: [relu]}\n"
        "  b_2: {inputs: {x: [N, D]}, nodes: [relu]}\n"
    )
    model = plain(text + "nodes: [{use: b}, {use: b}, {use: b_2}]")
    assert names(model) == ["b.relu", "b_2.relu", "b_2_2.relu"]


def test_a_new_node_in_one_scope_renames_nothing_in_another():
    text = "blocks:\n  b: {inputs: {x: [N, D]}, nodes: [{linear: D}, {linear: D}]}\n"
    few, many = "nodes: [{use: b}, {linear: 4}]", "nodes: [{linear: 4}, {use: b}, {linear: 4}]"
    inner = [name for name in names(plain(text + few)) if name.startswith("b.")]
    assert inner == [name for name in names(plain(text + many)) if name.startswith("b.")]


def test_weights_are_named_after_their_node_and_port():
    text = "inputs: {x: [2, 5, 8]}\nnodes: [{multi_head_attention: {heads: 2, bias: false}, id: a}]"
    assert weights(load(text)) == dict.fromkeys(
        ["a.q.weight", "a.k.weight", "a.v.weight", "a.out.weight"], (8, 8)
    )


def test_residual_and_sequence_add_no_segment():
    model = plain("nodes: [{residual: [{sequence: [{linear: 4}]}, {linear: 4}]}]")
    assert names(model) == ["linear", "linear_2", "add"]


# ---------------------------------------------------------------- repeat


def test_copies_are_numbered_and_each_reads_the_one_before():
    model = plain("nodes: [{linear: 4, repeat: 3}, relu]")
    assert names(model) == ["linear.0", "linear.1", "linear.2", "relu"]
    assert [wires(model, n)["x"] for n in names(model)] == ["x", "linear.0", "linear.1", "linear.2"]


def test_the_id_of_a_repeated_node_means_its_last_copy():
    nodes = "nodes: [{sequence: [{linear: 4}, relu], repeat: 2, id: s}, {tanh: , in: s}]"
    model = plain(nodes)
    assert names(model) == ["s.0.linear", "s.0.relu", "s.1.linear", "s.1.relu", "tanh"]
    assert wires(model, "tanh") == {"x": "s.1.relu"}


def test_a_residual_may_be_repeated():
    model = plain("nodes: [{residual: [{linear: 4}], repeat: 2, id: r}]")
    assert wires(model, "r.1") == {"xs.0": "r.1.linear", "xs.1": "r.0"}


def test_the_number_of_the_copy_is_in_scope():
    text = "blocks:\n  b: {args: {out: int}, inputs: {x: [N, D]}, nodes: [{linear: out}]}\n"
    model = plain(text + "nodes: [{use: b, id: b, repeat: 3, with: {out: 2**i}}]")
    assert [shape(model, n) for n in names(model)] == ["[B, 1]", "[B, 2]", "[B, 4]"]


def test_when_is_decided_for_each_copy():
    model = plain("nodes: [{sequence: [{linear: 4}, {relu: , when: i > 0}], repeat: 2, id: s}]")
    assert names(model) == ["s.0.linear", "s.1.linear", "s.1.relu"]
    model = plain("nodes: [{linear: 4, repeat: 4, when: i % 2 == 1}, relu]")
    assert [(n, wires(model, n)["x"]) for n in names(model)] == [
        ("linear.1", "x"),
        ("linear.3", "linear.1"),
        ("relu", "linear.3"),
    ]


def test_the_other_inputs_are_the_same_for_all_copies():
    text = "blocks:\n  b: {inputs: {x: [N, D], y: [N, D]}, nodes: [{sub: , in: [x, y]}]}\n"
    model = plain(text + "nodes: [{tanh: , id: t}, {use: b, id: b, in: {y: x, x: t}, repeat: 2}]")
    assert [wires(model, n) for n in ("b.0.sub", "b.1.sub")] == [
        {"a": "t", "b": "x"},
        {"a": "b.0.sub", "b": "x"},
    ]


def test_no_copies_are_the_identity_of_the_first_declared_input():
    text = "blocks:\n  b: {inputs: {x: [N, D], y: [N, D]}, nodes: [{sub: , in: [x, y]}]}\n"
    nodes = "nodes: [{tanh: , id: t}, {use: b, in: {y: x, x: t}, repeat: 0, id: r}, {exp: , in: r}]"
    assert wires(plain(text + nodes), "exp") == {"x": "t"}


def test_i_is_known_in_repeated_nodes_only():
    nodes = "nodes: [{linear: 4 + i, repeat: 1}, {linear: i}]"
    assert plain_problems(nodes) == ["4:46 unknown name 'i'"]


# ---------------------------------------------------------------- share


def test_a_node_may_share_the_weights_of_an_earlier_one():
    model = plain("nodes: [{linear: 4, id: a}, {linear: 4, share: a}]")
    assert weights(model) == {"a.weight": (4, 4), "a.bias": (4,)}
    assert model.ir["linear"].parameters == {"weight": "a.weight", "bias": "a.bias"}


SHARED = "blocks:\n  b: {inputs: {x: [N, D]}, nodes: [{linear: {out: D, bias: false}}, relu]}\n"


def test_a_block_is_shared_copy_by_copy():
    text = SHARED + "nodes: [{use: b, id: e, repeat: 2}, {use: b, id: d, repeat: 2, share: e}]"
    model = plain(text)
    assert list(weights(model)) == ["e.0.linear.weight", "e.1.linear.weight"]
    assert model.ir["d.1.linear"].parameters == {"weight": "e.1.linear.weight"}


def test_copies_may_share_one_node():
    model = plain(SHARED + "nodes: [{use: b, id: e}, {use: b, repeat: 2, share: e}]")
    assert list(weights(model)) == ["e.linear.weight"]


def test_copies_may_be_tied_together():
    model = plain(SHARED + "nodes: [{use: b, id: e, repeat: 3, share: copies}]")
    assert list(weights(model)) == ["e.0.linear.weight"]
    assert len(names(model)) == 6


@pytest.mark.parametrize(
    ("nodes", "fact"),
    [
        ("{linear: 4, id: a}, {linear: 4, share: b}", "no earlier node is called 'b'"),
        ("{linear: 4, share: copies}", "share: copies needs repeat:"),
        ("{linear: 4, share: 3}", "share: names an earlier node, or says copies; found '3'"),
        ("{relu: , id: a}, {linear: 4, share: a}", "there is no weight a.weight to share"),
        (
            "{linear: 3, id: a}, {linear: 3, share: a}",
            "the shared weight a.weight is [3, 4], this node needs [3, 3]",
        ),
        (
            "{linear: 4, id: a, repeat: 2}, {linear: 4, repeat: 3, share: a}",
            "'a' has 2 copies, this node has 3",
        ),
        (
            "{linear: 4, id: a, repeat: 2}, {linear: 4, share: a}",
            "'a' has 2 copies, this node is not repeated",
        ),
        (
            "{sequence: [{linear: 4}, {linear: 4, when: i > 0}], repeat: 2, share: copies, id: s}",
            "there is no weight s.0.linear_2.weight to share",
        ),
        (
            "{linear: 4, id: a}, {linear: 4, share: a, init: zeros}",
            "init: has no effect: the weights are those of 'a'",
        ),
        ("{linear: 4, repeat: 0, share: b}", "no earlier node is called 'b'"),
    ],
)
def test_sharing_that_cannot_be(nodes, fact):
    assert [p.partition(" ")[2] for p in plain_problems(f"nodes: [{nodes}]")] == [fact]


# ---------------------------------------------------------------- tied weights

EMBED = (
    "inputs: {t: {shape: [2, 5], dtype: int64}}\n"
    "nodes:\n"
    "  - {embedding: {count: 9, width: 4}, id: embed}\n"
)


def test_one_weight_may_be_tied():
    model = load(EMBED + "  - linear: {out: 9, bias: false}\n    weights: {weight: embed.weight}\n")
    assert weights(model) == {"embed.weight": (9, 4)}
    assert model.ir["linear"].parameters == {"weight": "embed.weight"}


def test_a_weight_inside_a_block_may_be_tied():
    text = (
        SHARED
        + "nodes:\n  - {use: b, id: e, repeat: 2}\n"
        + "  - {linear: {out: 4, bias: false}, weights: {weight: e.1.linear.weight}}\n"
    )
    assert list(weights(plain(text))) == ["e.0.linear.weight", "e.1.linear.weight"]


def test_a_block_cannot_tie_a_weight_of_its_user():
    text = (
        "blocks:\n  b: {inputs: {x: [N, D]}, nodes: [{linear: D, weights: {weight: e.weight}}]}\n"
    )
    found = plain_problems(text + "nodes: [{linear: 4, id: e}, {use: b}]")
    assert found == ["5:66 no earlier node has the weight 'e.weight'"]


@pytest.mark.parametrize(
    ("tied", "fact"),
    [
        ("{wieght: embed.weight}", "linear has no weight 'wieght'"),
        ("{weight: embed.table}", "no earlier node has the weight 'embed.table'"),
        ("{weight: embed}", "no earlier node has the weight 'embed'"),
        ("{weight: later.weight}", "no earlier node has the weight 'later.weight'"),
        ("{weight: 3}", "a tied weight is named like embed.weight, found '3'"),
        ("embed", "weights: is a mapping, found 'embed'"),
        (
            "{bias: embed.weight}",
            "the shared weight embed.weight is [9, 4], this node needs [9]",
        ),
    ],
)
def test_tied_weights_that_cannot_be(tied, fact):
    found = problems(EMBED + f"  - linear: 9\n    weights: {tied}\n")
    assert [p.partition(" ")[2] for p in found] == [fact]


# ---------------------------------------------------------------- initialisers


def rules(init: str) -> dict[str, object]:
    """The rules of a linear node's weights."""
    model = plain(f"nodes:\n  - linear: 4\n    init: {init}")
    return {name: p.initial for name, p in model.ir.parameters.items()}


@pytest.mark.parametrize(
    ("init", "weight", "bias"),
    [
        ("orthogonal", "orthogonal", "zeros"),
        ("{normal: 0.02}", {"normal": 0.02}, "zeros"),
        ("{weight: ones}", "ones", "zeros"),
        ("{weight: {uniform: 0.5}, bias: ones}", {"uniform": 0.5}, "ones"),
    ],
)
def test_init_replaces_the_rule_of_all_weights_or_of_one(init, weight, bias):
    assert rules(init) == {"linear.weight": weight, "linear.bias": bias}


def test_a_rule_for_a_whole_node_leaves_its_statistics_alone():
    model = load("inputs: {x: [2, 3, 4, 4]}\nnodes: [{batch_norm: , init: {normal: 1}}]")
    found = {name: p.initial for name, p in model.ir.parameters.items()}
    assert found == {
        "batch_norm.weight": "ones",
        "batch_norm.bias": "zeros",
        "batch_norm.running_mean": "zeros",
        "batch_norm.running_var": "ones",
    }


@pytest.mark.parametrize(
    ("init", "fact"),
    [
        ("he_norm", "there is no initialiser 'he_norm'"),
        ("{normal: wide}", "init: linear has no weight 'normal'"),
        ("{normal: -1}", "the standard deviation of normal is not negative, as -1 is"),
        ("{zeros: 3}", "zeros takes no number"),
        ("normal", "normal needs the standard deviation"),
        ("{wieght: zeros}", "init: linear has no weight 'wieght'"),
        ("{weight: foo}", "there is no initialiser 'foo'"),
        ("[zeros]", "init: is a rule, found a list"),
        ("3", "init: is a rule, found '3'"),
        ("", "init: is a rule, found nothing"),
        ("{}", "init: is a rule, found a mapping"),
    ],
)
def test_an_initialiser_that_cannot_be(init, fact):
    found = plain_problems(f"nodes:\n  - linear: 4\n    init: {init}")
    assert fact in [p.partition(" ")[2] for p in found]


def test_a_node_without_weights_has_no_initialiser():
    found = plain_problems("nodes: [{relu: , init: zeros}]")
    assert found == ["4:24 init: relu has no weights"]


def test_initialisers_of_unused_blocks_are_checked():
    text = "blocks:\n  b: {inputs: {x: [N, D]}, nodes: [{linear: D, init: foo}]}\nnodes: [relu]"
    assert plain_problems(text) == ["5:54 there is no initialiser 'foo'"]


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("repeat", "fact"),
    [
        ("-1", "4:26 repeat must be from 0 to 100,000, not -1"),
        ("100001", "4:26 repeat must be from 0 to 100,000, not 100,001"),
        ("1.5", "4:26 expected a whole number, found 1.5"),
        ("B", "4:26 expected a fixed whole number, found B"),
        ("i", "4:26 unknown name 'i'"),
        ("", "4:26 expected a number, found nothing"),
    ],
)
def test_a_repeat_that_cannot_be(repeat, fact):
    assert plain_problems(f"nodes: [{{relu: , repeat: {repeat}}}]") == [fact]


def test_a_model_that_unrolls_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr("framework.spec.counting.GRAPH_NODES", 1000)
    inner = "{sequence: [{relu: , when: false}], repeat: 1000}"
    found = plain_problems(f"nodes: [{{sequence: [{inner}], repeat: 1000}}]")
    assert found == ["4:10 the model unrolls to more than 1,000 nodes"]


def test_nodes_that_depend_on_a_size_are_counted_while_they_are_built(monkeypatch):
    monkeypatch.setattr("framework.spec.elaborate.GRAPH_NODES", 3)
    block = "blocks: {b: {inputs: {x: [N, C]}, nodes: [{relu: , repeat: C}]}}"
    found = plain_problems(f"{block}\nnodes: [use: b]")
    assert found == ["4:44 the model unrolls to more than 3 nodes"]


def test_blocks_nest_to_a_depth():
    blocks = "".join(
        f"  b{n}: {{inputs: {{x: [N, D]}}, nodes: [{{use: b{n + 1}}}]}}\n" for n in range(40)
    )
    text = f"blocks:\n{blocks}  b40: {{inputs: {{x: [N, D]}}, nodes: [relu]}}\n"
    assert len(names(plain(text + "nodes: [{use: b1}]"))) == 1
    found = plain_problems(text + "nodes: [{use: b0}]")
    assert found[0].partition(" ")[2].startswith("blocks are nested deeper than 40 levels")


def test_formulas_of_sizes_are_limited():
    text = "dims: [a, b, c, d, e, f, g, h]\ninputs: {x: ['(a+b+c+d+e+f+g+h)**16']}\nnodes: [relu]"
    fact = "the formula of a size became too large: more than 400 terms"
    assert [p.partition(" ")[2] for p in problems(text)] == [fact]


def test_a_long_chain_is_built():
    assert len(plain("nodes: [{relu: , repeat: 3000}]").ir) == 3001
    assert isinstance(plain("nodes: [relu]"), fw.Model)
    assert outputs(plain("nodes: [{relu: , repeat: 10}]")) == {"output": "[B, 4]"}
