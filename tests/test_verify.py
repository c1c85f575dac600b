"""`verify` finds what makes a graph unsound, and accepts what is sound; `retype` agrees with it."""

from __future__ import annotations

import pytest
from handmade import Hand, mlp

from framework.errors import ShapeError
from framework.ir.conditions import Condition
from framework.ir.graph import Node, Parameter, Value
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.ir.verify import verify
from framework.passes.infer import retype


def fact(graph):
    with pytest.raises(ShapeError) as caught:
        verify(graph)
    return caught.value.fact


def variadic():
    hand = Hand()
    x = hand.input("x", 2, 3)
    return hand.done(y=hand.add("sum", "add", (x, x, x)))


def test_a_sound_graph_is_accepted():
    verify(mlp())
    verify(variadic())


def test_a_cycle_is_refused():
    graph = variadic()
    graph.wires["sum"]["xs.1"] = Value("sum")
    assert fact(graph) == "sum: reads sum (port xs.1), which comes after it"


def test_a_missing_port_is_named():
    graph = mlp()
    del graph.wires["head"]["x"]
    assert fact(graph) == "head: input 'x' is missing; expected x: [*lead, c]"


def test_a_port_that_the_operator_does_not_have_is_named():
    graph = mlp()
    graph.wires["relu"]["mask"] = Value("x")
    assert fact(graph) == "relu: relu has no port mask here"


def test_a_gap_between_variadic_ports_is_named():
    graph = variadic()
    del graph.wires["sum"]["xs.1"]
    assert fact(graph) == "sum: add has no port xs.2 here"


def test_a_result_that_does_not_exist_is_named():
    graph = mlp()
    graph.outputs["more"] = Value("head", 1)
    assert fact(graph) == "output 'more' reads result 1 of head, which has 1"
    graph.outputs["more"] = Value("heat")
    assert fact(graph) == "output 'more' reads heat, which does not exist"


def test_a_stale_type_is_refused():
    graph = mlp()
    graph["relu"].outputs = (TensorType((7, 4)),)
    assert fact(graph) == "relu: stored as float32[7, 4], inferred as float32[B, 4]"


def test_a_parameter_that_does_not_exist_is_named():
    graph = mlp()
    del graph.parameters["head.bias"]
    assert fact(graph) == "head: the parameter head.bias does not exist"


def test_a_parameter_of_another_shape_is_refused():
    graph = mlp()
    graph.parameters["head.bias"] = Parameter("head.bias", (3,), "float32", True, "zeros", (1, 1))
    message = "head: the parameter head.bias is float32[3], bias must be float32[2]"
    assert fact(graph) == message


def test_a_slot_without_parameter_is_refused():
    graph = mlp()
    del graph["head"].parameters["bias"]
    message = "head: has parameters for ['weight'], needs them for ['bias', 'weight']"
    assert fact(graph) == message


def test_networkx_sees_the_same_graph():
    graph = variadic()
    assert list(graph.nx.nodes(data="node")) == [(node.name, node) for node in graph]
    ports = ["xs.0", "xs.1", "xs.2"]
    assert list(graph.nx.edges(keys=True, data="output")) == [("x", "sum", p, 0) for p in ports]
    graph.add(Node("last", find_op("relu")(), graph["sum"].outputs), {"x": Value("sum")})
    assert list(graph.nx.successors("sum")) == graph.users_of("sum") == ["last"]


def test_retyping_without_sizes_gives_the_same_types():
    graph = mlp()
    again = retype(graph)
    verify(again)
    assert [(n.name, n.outputs) for n in again] == [(n.name, n.outputs) for n in graph]


def test_retyping_with_sizes_gives_numbers_and_leaves_the_old_graph():
    graph = mlp()
    again = retype(graph, {"B": 8})
    verify(again)
    assert [str(node.type) for node in again] == [
        "float32[8, 3]", "float32[8, 4]", "float32[8, 4]", "float32[8, 2]"
    ]  # fmt: skip
    assert (list(again.symbols), list(graph.symbols)) == ([], ["B"])
    assert str(graph["x"].type) == "float32[B, 3]"


def image_sum():
    """H and its half doubled: equal for even H only."""
    hand = Hand(B={}, H={})
    x = hand.input("x", "B", 3, "H", "H")
    half = hand.add("half", "max_pool", x, kernel=2)
    double = hand.add("double", "upsample", half, scale=2)
    return hand.done(y=hand.add("sum", "add", (x, double)))


def test_sizes_that_break_a_condition_are_named_with_the_node():
    graph = image_sum()
    assert str(retype(graph, {"H": 6})["sum"].type) == "float32[B, 3, 6, 6]"
    graph.conditions.clear()
    with pytest.raises(ShapeError) as caught:
        retype(graph, {"B": 1, "H": 7})
    assert caught.value.fact == (
        "sum (add): xs.0 and xs.1: [1, 3, 7, 7] and [1, 3, 6, 6] do not broadcast: "
        "7 is not 6 at B = 1, H = 7"
    )


def test_sizes_that_break_a_requirement_are_refused():
    graph = mlp()
    graph.conditions.append(Condition("divisible", graph.symbols["B"] + 1, 4, "require"))
    with pytest.raises(ShapeError) as caught:
        retype(graph, {"B": 8})
    assert caught.value.fact == "require: B + 1 = 9 is not divisible by 4 at B = 8"
    assert retype(graph, {"B": 3}).conditions == []


def test_an_unknown_size_gets_the_nearest_name():
    hand = Hand(batch={})
    graph = hand.done(y=hand.input("x", "batch"))
    with pytest.raises(ShapeError) as caught:
        retype(graph, {"bath": 1})
    assert (caught.value.fact, caught.value.hint) == (
        "no size is called bath",
        "did you mean 'batch'?",
    )


def test_a_size_outside_of_its_declaration_is_refused():
    hand = Hand(H={"multiple_of": 16})
    graph = hand.done(y=hand.input("x", "H"))
    with pytest.raises(ShapeError) as caught:
        retype(graph, {"H": 100})
    assert caught.value.fact == "H = 100 is not a multiple of 16, as declared"


def test_ten_thousand_nodes_are_no_matter_of_recursion():
    hand = Hand(B={})
    x = hand.input("x", "B", 1)
    for number in range(10_000):
        x = hand.add(f"relu_{number}", "relu", x)
    graph = hand.done(y=x)
    verify(retype(graph, {"B": 2}))
    assert len(graph) == 10_001
