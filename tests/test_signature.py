"""Signatures, formulas, matching, attributes and types: what they accept, what they say."""

from __future__ import annotations

from typing import Literal

import pytest

import framework.ops  # noqa: F401  (declares the operators)
from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Axes, Pad, ShapeAttr, SizeAttr, Sizes, kind_of
from framework.ir.conditions import Condition
from framework.ir.dims import Symbols
from framework.ir.formula import Formula
from framework.ir.match import Match
from framework.ir.op import Cost, Op, find_op
from framework.ir.signature import Signature
from framework.ir.types import (
    TensorType,
    axis_index,
    broadcast,
    common_dtype,
    fixed_size,
)

CONV = "x: b c *size, weight~: out c/groups *kernel, bias~?: out -> y: b out *outsize"


@pytest.fixture
def sizes():
    table = Symbols()
    for name in "BTSH":
        table.declare(name)
    return table


def matched(signature, attributes=None, **shapes):
    """Bind the shapes of some ports."""
    found, ports = Match(attributes or {}), Signature.parse(signature)
    for name, shape in shapes.items():
        given = tuple(map(TensorType, shape)) if isinstance(shape, list) else TensorType(shape)
        found.bind(ports.port(name), given)
    return found


def message(call, *arguments, **keywords):
    """What the call complains about."""
    with pytest.raises((Mistake, ValueError, TypeError)) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


def failures(found):
    """The texts of all conditions that do not always hold."""
    return [str(condition.failure(condition.verdict())) for condition in found.conditions]


# ---------------------------------------------------------------------------- signature


def test_signature_names_its_ports():
    found = Signature.parse(CONV)
    assert [str(port) for port in found.inputs] == [
        "x: [b, c, *size]",
        "weight: [out, c/groups, *kernel]",
        "bias: [out]",
    ]
    assert [(p.parameter, p.optional) for p in found.inputs] == [
        (False, False),
        (True, False),
        (True, True),
    ]


def test_signature_separates_tensors_from_slots():
    found = Signature.parse(CONV)
    assert [port.name for port in found.tensors] == ["x"]
    assert [port.name for port in found.slots] == ["weight", "bias"]


def test_signature_without_inputs_has_a_dtype_from_an_attribute():
    (port,) = Signature.parse("-> y<@dtype>: *shape").outputs
    assert (port.name, port.dtype, port.star) == ("y", "@dtype", 0)


def test_variadic_port_answers_to_numbered_names():
    found = Signature.parse("xs+: *x, k: t -> y: t")
    assert [found.port(name).name for name in ("xs", "xs.12", "k")] == ["xs", "xs", "k"]
    assert (found.port("k.0"), found.port("z")) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: b", "signature 'x: b' has no ->"),
        ("x: *a *b -> y: b", "port 'x' has more than one *name"),
        ("x<real>: b -> y: b", "port 'x' has an unknown dtype 'real'"),
        ("2x: b -> y: b", "'2x: b' is not a port"),
        ("x: b/ -> y: b", "formula 'b/' is incomplete"),
    ],
)
def test_malformed_signature_says_why(text, expected):
    assert message(Signature.parse, text) == expected


# ---------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("a + 2*b", 16), ("(a+2)*b", 40), ("a - b - 1", 0), ("c/a/2", 1), ("2*(a+b)", 22)],
)
def test_formula_is_evaluated(text, expected):
    known = {"a": 6, "b": 5, "c": 12}
    assert Formula.parse(text).value(known, Match({}).divide) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "formula '' is incomplete"),
        ("(a", "formula '(a' is incomplete"),
        ("a)", "formula 'a)' closes a bracket that is not open"),
        ("a $ b", "formula 'a $ b' has an unexpected character at 1"),
        ("a b", "formula 'a b' is incomplete"),
        ("a +", "formula 'a +' is incomplete"),
        ("a b +", "formula 'a b +' is incomplete"),
        ("()", "formula '()' is incomplete"),
        ("+ a", "formula '+ a' is incomplete"),
    ],
)
def test_malformed_formula_says_why(text, expected):
    assert message(Formula.parse, text) == expected


def test_formula_knows_its_names():
    assert Formula.parse("heads*width + heads").names == ("heads", "width")
    assert (Formula.parse("c").name, Formula.parse("c/2").name) == ("c", None)


# ---------------------------------------------------------------------------- matching


def test_names_bind_and_stars_take_the_rest(sizes):
    found = matched(CONV, x=(sizes["B"], 3, sizes["H"], 7))
    assert (found.b, found.c, found.size) == (sizes["B"], 3, (sizes["H"], 7))


def test_repeated_name_that_differs_tells_where_the_first_came_from():
    found = matched("x: *lead d, y: d -> z: d", x=(2, 4), y=(5,))
    assert failures(found) == ["y axis 0 must be d (d = 4 from x axis 1): 5 is never 4"]


def test_formula_is_checked_against_what_is_bound():
    found = matched(CONV, {"groups": 2, "out": 8}, x=(1, 6, 9), weight=(8, 4, 3))
    assert failures(found) == ["weight axis 1 must be c/groups (c = 6 from x axis 1): 4 is never 3"]


def test_inexact_division_becomes_a_condition():
    found = matched(CONV, {"groups": 4, "out": 8}, x=(1, 6, 9), weight=(8, 1, 3))
    assert failures(found) == ["exact division: 6 is never divisible by 4"]


def test_uncertain_equality_becomes_a_condition(sizes):
    found = matched("x: t, y: t -> z: t", x=(sizes["T"],), y=(sizes["S"],))
    assert failures(found) == ["y axis 0 must be t (t = T from x axis 0): S is not always T"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3,), "x needs at least 2 axes [b, c, *size], got [3]"),
        ((), "x needs at least 2 axes [b, c, *size], got []"),
    ],
)
def test_too_few_axes_are_counted(shape, expected):
    assert message(matched, CONV, x=shape) == expected


def test_too_many_axes_are_counted():
    assert message(matched, "x: b c -> y: b", x=(1, 2, 3)) == (
        "x needs 2 axes [b, c], got [1, 2, 3]"
    )


def test_two_stars_of_one_name_must_have_one_rank():
    found = message(matched, "q: *lead d, k: *lead d -> y: d", q=(2, 3, 4), k=(3, 4))
    assert found == "k has [3] where [2, 3] (*lead) was expected"


def test_star_of_a_variadic_port_is_a_shape_for_each_tensor():
    found = matched("xs+: b *x -> y: b", xs=[(2, 3), (2,), (2, 4, 5)])
    assert (found.b, found.x) == (2, ((3,), (), (4, 5)))
    assert found.shapes["xs"] == ((2, 3), (2,), (2, 4, 5))


def test_names_of_a_variadic_port_must_agree():
    found = matched("xs+: b *x -> y: b", xs=[(2, 3), (4,)])
    assert failures(found) == ["xs.1 axis 0 must be b (b = 2 from xs.0 axis 0): 4 is never 2"]


# ---------------------------------------------------------------------------- operators


class Halve(Op, name="halve", listed=False):
    """A test's operator.

    y = x
    """

    signature = "x: *lead c, weight~: half c, bias~?: half -> ys+: *shapes, n<int64>:"
    category = "shape"
    initial = {"weight": "zeros", "bias": "zeros"}

    bias: bool = False
    sizes: Sizes = 2

    def derive(self, d):
        """Half of the width, twice."""
        half = d.divide(d.c, 2)
        return {"half": half, "shapes": ((*d.lead, half),) * 2}


def test_operator_not_listed_is_not_in_the_registry():
    assert message(find_op, "halve") == "there is no operator 'halve'"


def test_inference_gives_parameters_and_numbered_outputs():
    found = Halve().infer({"x": TensorType((3, 8))})
    assert found.parameters == {"weight": TensorType((4, 8))}
    assert found.outputs == (TensorType((3, 4)),) * 2 + (TensorType((), "int64"),)


def test_optional_slot_follows_its_attribute():
    assert list(Halve(bias=True).infer({"x": TensorType((8,))}).parameters) == ["weight", "bias"]


def test_connected_slot_is_checked_against_what_is_derived():
    found = Halve().infer({"x": TensorType((3, 8)), "weight": TensorType((5, 8))})
    assert failures(found) == ["weight axis 0 must be half: 5 is never 4"]


def test_weight_of_a_symbolic_size_is_refused(sizes):
    found = message(Halve().infer, {"x": TensorType((3, 2 * sizes["T"]))})
    assert found == ("halve's weight has the size T, which depends on T; it must be fixed")


def test_missing_input_is_named():
    assert message(Halve().infer, {}) == "input 'x' is missing; expected x: [*lead, c]"


def test_dtypes_that_differ_are_named():
    types = {"x": TensorType((8,)), "weight": TensorType((4, 8), "float64")}
    assert message(Halve().infer, types) == (
        "x is float32, weight is float64: they must have one dtype"
    )


def test_dtype_outside_the_group_is_refused():
    types = {"x": TensorType((8,), "int64")}
    assert message(Halve().infer, types) == "x is int64; it must be float"


def declare(**members):
    """Create an operator class."""
    base = {"__doc__": "A fact.", "__annotations__": {}, "signature": "x: *s -> y: *s"}
    return type("Sample", (Op,), base | {"category": "shape"} | members, name="s", listed=False)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"__doc__": None}, "operator 's' has no docstring"),
        ({"category": "blue"}, "operator 's' has the unknown category 'blue'"),
        ({"main": "size"}, "operator 's' has no attribute 'size' to be its main one"),
        ({"signature": "w~: a -> y: a"}, "operator 's' has no initialiser for 'w'"),
    ],
)
def test_incomplete_declaration_is_refused(members, expected):
    assert message(declare, **members) == expected


def test_annotation_of_no_known_kind_is_refused():
    cls = declare(__annotations__={"a": list})
    unknown = "attribute 'a' has the annotation <class 'list'>, which is no known kind"
    assert message(lambda: cls.attributes) == unknown


def test_an_operator_is_frozen_and_compares_by_its_values():
    conv = find_op("conv")
    one, two = conv(8, 3, stride=2), conv(out=8, kernel=3, stride=2)
    assert (one == two, hash(one) == hash(two), one == conv(8, 3)) == (True, True, False)
    assert "cannot change: 'out' is fixed" in message_of_change(one)
    assert message(conv, 8) == "conv needs 'kernel'"


def message_of_change(op):
    """What the operator says when somebody sets an attribute."""
    with pytest.raises(AttributeError) as caught:
        op.out = 9
    return str(caught.value)


def test_name_cannot_be_declared_twice():
    first = find_op("relu")
    members = {"__doc__": "A fact.", "signature": "x: *s -> y: *s", "category": "shape"}
    with pytest.raises(TypeError) as caught:
        type("Again", (Op,), members, name="relu")
    assert str(caught.value).startswith(f"operator 'relu' is declared by {first}")


def test_symbols_in_attributes_are_replaced(sizes):
    op = find_op("expand")(shape=(sizes["B"], 1, sizes["T"] + 1))
    assert op.at({"B": 2, "T": 4}) == find_op("expand")(shape=(2, 1, 5))


def test_costs_add_up():
    assert Cost(1, 2) + Cost(10, 20) == Cost(11, 22)


# ---------------------------------------------------------------------------- attributes


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, ("int", (), False)),
        (float | None, ("real", (), True)),
        (bool, ("bool", (), False)),
        (str, ("text", (), False)),
        (Literal["a", "b"], ("word", ("a", "b"), False)),
        (Sizes, ("sizes", (), False)),
        (Pad, ("pad", (), False)),
        (ShapeAttr, ("shape", (), False)),
        (SizeAttr | None, ("size", (), True)),
        (Axes | None, ("axes", (), True)),
    ],
)
def test_annotation_gives_the_kind(hint, expected):
    kind, optional = kind_of(hint, "a")
    assert (kind.name, kind.words, optional) == expected


def test_attributes_are_the_fields_in_order():
    found = find_op("positional").attributes
    assert [str(a) for a in found] == ["kind (required)", "length", "base", "resize"]
    assert [a.default for a in found] == [None, None, 10000.0, "none"]


@pytest.mark.parametrize(
    ("name", "main"), [("linear", "out"), ("concat", "axis"), ("split", None), ("relu", None)]
)
def test_single_attribute_is_the_main_one(name, main):
    assert find_op(name).main == main


# ---------------------------------------------------------------------------- types


def test_type_prints_dtype_and_shape(sizes):
    assert str(TensorType((sizes["B"], 3), "int64")) == "int64[B, 3]"
    assert TensorType((sizes["B"], 3)).at({"B": 2}) == TensorType((2, 3))
    assert TensorType((sizes["B"], 3)).count == 3 * sizes["B"]


def test_broadcast_aligns_from_the_right(sizes):
    assert broadcast([(2, 1, 4), (3, 1), ()], "x") == ((2, 3, 4), [])
    assert broadcast([(sizes["B"], 1), (1, sizes["T"])], "x") == ((sizes["B"], sizes["T"]), [])


def test_broadcast_of_two_symbols_is_not_unified(sizes):
    shape, (condition,) = broadcast([(sizes["T"],), (sizes["S"],)], "a and b")
    assert str(shape[0]) == "max(S, T)"
    assert str(condition.failure(condition.verdict())) == (
        "a and b: [T] and [S] do not broadcast: T is not always S"
    )


def test_broadcast_of_a_symbol_and_a_number_is_the_number(sizes):
    shape, (condition,) = broadcast([(sizes["T"],), (5,)], "a and b")
    assert (shape, str(condition)) == ((5,), "T == 5")


def test_axis_counts_from_either_end():
    assert [axis_index(axis, 3, "x") for axis in (0, 2, -1, -3)] == [0, 2, 2, 0]
    assert message(axis_index, 3, 3, "x") == "x: axis 3 does not exist in a tensor with 3 axes"


def test_fixed_size_is_an_int(sizes):
    assert fixed_size(4, "x") == 4
    assert message(fixed_size, sizes["B"] * sizes["T"], "x") == (
        "x has the size B*T, which depends on B and T; it must be fixed"
    )


def test_common_dtype_of_nothing_is_none():
    assert common_dtype([]) is None
    assert common_dtype([("a", "int8"), ("b", "int8")]) == "int8"


# ---------------------------------------------------------------------------- conditions


def test_condition_offers_the_multiple_that_would_settle_it(sizes):
    condition = Condition("==", 2 * (sizes["H"] // 2), sizes["H"], "axis 2")
    problem = condition.failure(condition.verdict())
    assert problem.fact == "axis 2: 2*(H//2) is not always H"
    assert problem.hint == "declare H as multiple_of: 2"
    assert problem.notes == ("true for H = 2, false for H = 1",)


def test_condition_offers_the_minimum_that_would_settle_it(sizes):
    condition = Condition("<=", 7, sizes["H"], "window and size")
    problem = condition.failure(condition.verdict())
    assert problem.fact == "window and size: 7 may exceed H"
    assert problem.hint == "declare H with min: 7"


def test_condition_is_said_as_a_formula(sizes):
    assert str(Condition("divisible", sizes["T"], 4, "x")) == "T % 4 == 0"
    assert str(Condition("<=", 1, sizes["T"], "x").at({"T": 3})) == "1 <= 3"


def test_conditions_that_always_hold_are_not_kept(sizes):
    found = Match({})
    found.require("<=", 1, sizes["T"], "x")
    found.require("divisible", 6 * sizes["T"], 3, "x")
    assert found.conditions == []


def test_division_by_zero_is_refused():
    assert message(Match({}).divide, 4, 0) == "4 cannot be divided by 0"


def test_mistake_and_shape_error_have_codes():
    assert (Mistake("a").code, ShapeError("b").code) == ("value", "shape")
