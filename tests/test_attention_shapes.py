"""Shapes of attention and its positions: what is proved, what is demanded, what is refused."""

from __future__ import annotations

import pytest

import framework.ops
from framework.errors import Mistake
from framework.ir.dims import Symbols, format_shape
from framework.ir.op import find_op
from framework.ir.types import TensorType

FAMILIES = framework.ops.__path__
TABLE = Symbols()
B, T, S, P = (TABLE.declare(name) for name in "BTSP")


def inferred(name, *given, **attributes):
    """Inference on float32 shapes; ``(dtype, *sizes)`` for others; None is not connected."""
    op = find_op(name)(**attributes)
    op.check()
    types = {p.name: typed(g) for p, g in zip(op.ports.tensors, given, strict=False) if g}
    return op.infer(types)


def typed(shape):
    named = isinstance(shape[0], str)
    return TensorType(tuple(shape[1:]), shape[0]) if named else TensorType(shape)


Q, K, V = (B, 8, T, 16), (B, 2, S, 16), (B, 2, S, 24)
PAST = (B, 2, P, 16), (B, 2, P, 24)
PROVED = [
    (
        ["[B, 8, T, 24]", "[B, 8, T, S]"],
        "attention", [Q, K, V, None, None, None, ("int64", B)], {"grouped": True},
    ),
    (
        ["[B, 8, T, 24]", "[B, 8, T, P + S]", "[B, 2, P + S, 16]", "[B, 2, P + S, 24]"],
        "attention", [Q, K, V, ("bool", T, S + P), *PAST], {"grouped": True, "causal": True},
    ),
    (
        ["[B, T, 32]", "[B, 4, T, P + S]", "[B, 2, P + S, 8]", "[B, 2, P + S, 8]"],
        "multi_head_attention",
        [(B, T, 32), (B, S, 32), (B, S, 32), None, (B, 2, P, 8), (B, 2, P, 8)],
        {"heads": 4, "kv_heads": 2},
    ),
    (["[B, T, 24]", "[B, T, S]"], "additive_attention", [(B, T, 3), (B, S, 5), (B, S, 24)],
        {"hidden": 7}),
    (["[B, 8, T, 24]", "[B, 2, 16, 24]"], "linear_attention",
        [Q, (B, 2, T, 16), (B, 2, T, 24)], {"grouped": True}),
    (["[B, 8, T, 16]"], "rotary", [Q, ("int64", B, 1, T)], {}),
    (["[4, T, S]"], "alibi", [], {"heads": 4, "size": T, "keys": S}),
    (["[4, T, T]"], "relative_bias", [], {"heads": 4, "size": T}),
    (["[4, 49, 49]"], "window_bias", [], {"heads": 4, "window": (7, 7)}),
    (["[B, T, S]"], "band_mask", [("int64", B)], {"size": T, "keys": S, "right": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), PROVED)
def test_shapes_are_found_without_conditions(expected, name, inputs, attributes):
    found = inferred(name, *inputs, **attributes)
    assert ([format_shape(o.shape) for o in found.outputs], found.conditions) == (expected, ())


def test_shared_heads_make_smaller_weights():
    found = inferred("multi_head_attention", (B, T, 32), (B, S, 6), (B, S, 5), heads=4, kv_heads=1)
    shapes = {slot: type_.shape for slot, type_ in found.parameters.items() if "weight" in slot}
    assert shapes == {
        "q.weight": (32, 32),
        "k.weight": (8, 6),
        "v.weight": (8, 5),
        "out.weight": (32, 32),
    }


def test_additive_scores_have_a_weight_for_each_head():
    found = inferred("multi_head_attention", *[(B, T, 32)] * 3, heads=4, score="additive")
    assert found.parameters["score.weight"].shape == (4, 8)


CONDITIONS = [
    ("k axis 1 and q axis 1: 2 is never 8", "attention", [Q, K, V], {}),
    ("heads of q and heads of k: 8 is never divisible by 3",
        "attention", [Q, (B, 3, S, 16), (B, 3, S, 24)], {"grouped": True}),
    ("axis 0 of lengths and of q: S is not always B",
        "attention", [Q, K, V, None, None, None, ("int64", S)], {"grouped": True}),
    ("queries and keys of causal linear attention: T is not always S",
        "linear_attention", [Q, K, V], {"grouped": True}),
    ("width of rotary and last axis of x: 18 exceeds 16", "rotary", [Q], {"width": 18}),
    ("width of rotary: 15 is never divisible by 2", "rotary", [(B, T, 15)], {}),
    ("heads of past_k and kv_heads: 3 is never 4", "multi_head_attention",
        [*[(B, T, 32)] * 3, None, (B, 3, P, 8), (B, 3, P, 8)], {"heads": 4}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), CONDITIONS)
def test_condition_is_said(expected, name, inputs, attributes):
    found = inferred(name, *inputs, **attributes)
    assert [c.failure(c.verdict()).fact for c in found.conditions] == [expected]


SELF = [(B, T, 32)] * 3
REFUSALS = [
    ("past_k is given without past_v", "attention", [*SELF, None, (B, P, 32)], {}),
    ("q has 2 axes before its last two, k has 1", "attention", [Q, (B, S, 16), (B, S, 24)], {}),
    ("lengths has 2 axes, q has 1 before its last two",
        "attention", [*SELF, None, None, None, ("int64", B, T)], {}),
    ("attention with softcap 0.0; expected a number above 0",
        "attention", SELF, {"softcap": 0.0}),
    ("attention with left_window -1; expected at least 0",
        "attention", SELF, {"left_window": -1}),
    ("grouped needs an axis of heads before the last two axes of q",
        "attention", [(T, 8)] * 3, {"grouped": True}),
    ("multi_head_attention with 4 heads and 3 kv_heads; 4 must be divisible by 3",
        "multi_head_attention", SELF, {"heads": 4, "kv_heads": 3}),
    ("scale 0.5 has no meaning with score additive",
        "multi_head_attention", SELF, {"heads": 4, "score": "additive", "scale": 0.5}),
    ("rotary of width 3; expected an even number from 2 on", "rotary", SELF[:1], {"width": 3}),
    ("rotary needs both cos and sin, or neither", "rotary", [(B, T, 4), None, (T, 2)], {}),
    ("relative_bias with 6 buckets; expected a multiple of 4",
        "relative_bias", [], {"heads": 1, "size": T, "buckets": 6}),
    ("relative_bias with max_distance 8; it must exceed 8, the number of near buckets",
        "relative_bias", [], {"heads": 1, "size": T, "max_distance": 8}),
    ("band_mask from 1 to 0 around the query holds no key",
        "band_mask", [], {"size": T, "left": -1, "right": 0}),
    ("decay and beta need causal linear attention", "linear_attention",
        [*SELF, None, (B, T, 1)], {"causal": False}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), REFUSALS)
def test_what_no_size_can_cure_is_refused(expected, name, inputs, attributes):
    with pytest.raises(Mistake) as caught:
        inferred(name, *inputs, **attributes)
    assert caught.value.fact == expected
