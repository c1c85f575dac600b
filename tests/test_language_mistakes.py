"""How mistakes are reported: all at once, in order of place, each once."""

import pytest
from language import plain_problems, problems

import framework as fw


def test_all_problems_of_a_file_come_at_once_in_order_of_place():
    text = """
    args: {width: 8, depth: }
    dims: {B: {exmaple: 2}}
    inputs: {x: [B, widht]}
    nodes:
      - linear: {out: width, bais: false}
      - rleu
      - linear: 4
        in: hiden
    outputs: {y: prev}
    """
    assert problems(text) == [
        "3:25 the argument 'depth' has no value",
        "4:12 dim 'B' has no key 'exmaple'",
        "5:17 unknown name 'widht'",
        "7:26 linear has no attribute 'bais'",
        "8:5 there is no operator 'rleu'",
        "10:9 nothing here is called 'hiden'",
    ]


def test_a_name_that_is_unknown_in_many_places_is_one_mistake():
    nodes = "nodes:\n  - linear: width\n  - linear: 2*width\n  - relu\n  - linear: width"
    with pytest.raises(fw.SpecError) as raised:
        fw.loads("format: 1\ninputs: {x: [2, 4]}\n" + nodes)
    (problem,) = raised.value.problems
    assert (problem.fact, problem.notes) == ("unknown name 'width'", ("also on lines 5 and 7",))


def test_a_reference_that_is_unknown_in_many_places_is_one_mistake():
    nodes = "nodes:\n  - {relu: , in: a}\n  - {tanh: , in: a}\n  - {add: , in: [prev, a]}"
    assert plain_problems(nodes) == ["5:18 nothing here is called 'a'"]


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ("[{rleu: , id: a}, {linear: 3, in: a}]", ["4:10 there is no operator 'rleu'"]),
        ("[{linear: , id: a}, {add: , in: [a, x]}]", ["4:10 linear needs 'out'"]),
        (
            "[{linear: 3, idd: a}, {relu: , in: a}]",
            ["4:21 'idd' is neither a node key nor an operator"],
        ),
        (
            "[{conv: {out: 1, kernel: 1}, id: a}, {relu: , in: a}]",
            ["4:10 conv: x has no spatial axes"],
        ),
        (
            "[{linear: 3, id: a, share: b}, {linear: 3, share: a}]",
            ["4:35 no earlier node is called 'b'"],
        ),
        ("[{linear: 3, id: a}, {relu: , in: b}]", ["4:42 nothing here is called 'b'"]),
        ("[{use: c, id: a}, {relu: , in: a}, {use: c}]", ["4:15 there is no block 'c'"]),
    ],
)
def test_consequences_of_a_mistake_are_not_reported(nodes, found):
    got = [p[: len(found[0])] for p in plain_problems(f"nodes: {nodes}")]
    assert got[:1] == found
    assert all("no block 'c'" in p for p in got[1:])


def test_a_broken_argument_does_not_make_its_users_wrong():
    text = "args: {w: {type: int, default: 2.5}}\nlet: {v: 2*w}\ninputs: {x: [2, v]}\n"
    assert problems(text + "nodes: [{linear: w}, relu]") == [
        "2:32 expected a whole number, found 2.5"
    ]


def test_a_broken_input_does_not_make_its_users_wrong():
    text = "inputs: {x: [2, 0 - 4], y: [2]}\nnodes: [{add: , in: [x, y]}, relu]"
    assert problems(text) == ["2:17 a size cannot be -4"]


def test_one_missing_declaration_is_one_mistake():
    text = (
        "dims: [H, W]\n"
        "inputs: {x: [1, 2, H, W]}\n"
        "nodes:\n"
        "  - {max_pool: 2, id: a}\n"
        "  - max_pool: 2\n"
    )
    text += (
        "  - upsample: {scale: 2}\n  - {sub: , in: [prev, a], id: b}\n  - upsample: {scale: 2}\n"
    )
    with pytest.raises(fw.SpecError) as raised:
        fw.loads("format: 1\n" + text + "  - sub:\n    in: [prev, x]\n")
    (problem,) = raised.value.problems
    assert problem.hint == "declare H and W as multiple_of: 4"


def test_a_mistake_in_a_block_names_the_blocks_around_it():
    text = (
        "blocks:\n"
        "  a: {inputs: {x: [N, D]}, nodes: [{use: b}]}\n"
        "  b: {inputs: {x: [N, D]}, nodes: [{conv: {out: 1, kernel: 1}}]}\n"
    )
    with pytest.raises(fw.SpecError) as raised:
        fw.loads("format: 1\ninputs: {x: [2, 4]}\n" + text + "nodes: [{use: a, id: top}]")
    (problem,) = raised.value.problems
    assert problem.notes == (
        "in block 'b' used as top.b on line 4",
        "in block 'a' used as top on line 6",
    )


def test_a_mistake_in_a_repeated_node_is_reported_once():
    found = plain_problems("nodes: [{sequence: [{conv: {out: 1, kernel: 1}}], repeat: 9}]")
    assert len(found) == 1


def test_results_that_nobody_uses_are_mistakes():
    nodes = "nodes:\n  - {linear: 4, id: a}\n  - {tanh: , in: x, id: b}\n  - {tanh: , in: x}\n"
    assert plain_problems(nodes + "  - {exp: , in: x}\noutputs: {y: prev}") == [
        "5:21 the result of 'a' is never used",
        "6:25 the result of 'b' is never used",
        "7:6 the result of this node is never used",
    ]


def test_unused_results_inside_blocks_are_found_once():
    text = (
        "blocks:\n"
        "  b: {inputs: {x: [N, D]}, nodes: [relu, {tanh: , in: x}]}\n"
        "nodes: [{use: b, repeat: 3}]"
    )
    assert plain_problems(text) == ["5:36 the result of this node is never used"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "[]",
        "{}",
        "format",
        "format: 1",
        "- a\n- b",
        "a: b",
        "format: 1\nnodes:",
        "~",
        "''",
    ],
)
def test_a_text_that_is_no_model_is_refused(text):
    with pytest.raises(fw.SpecError) as raised:
        fw.loads(text)
    assert all(problem.place is not None for problem in raised.value.problems)


def test_keys_of_other_sections_are_checked():
    text = "weights: {file: a, names: {a: [b]}, kind: c}\ndraw: {titel: 3}\n"
    assert plain_problems(text + "nodes: [relu]") == [
        "4:31 the name for 'a' must be text, not a list",
        "4:37 weights has no key 'kind'",
        "5:8 draw has no key 'titel'",
    ]


def test_a_key_that_is_no_text_is_one_mistake():
    assert plain_problems("nodes: [relu]\n3: a") == ["5:1 the key 3 is not text"]


def test_a_larger_minimum_replaces_the_smaller_one():
    nodes = "nodes: [{max_pool: 2}, {max_pool: 2}]"
    with pytest.raises(fw.SpecError) as raised:
        fw.loads("format: 1\ndims: [H]\ninputs: {x: [1, 2, H]}\n" + nodes)
    (problem,) = raised.value.problems
    assert problem.hint == "declare H with min: 4"
