"""Symbolic shapes of operators, case by case, and what they say about shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import framework.ops
from framework.errors import InputError, Mistake
from framework.ir.dims import Symbols, format_shape
from framework.ir.op import find_op
from framework.ir.types import TensorType

FAMILIES = framework.ops.__path__
TABLE = Symbols()
B, T, S, H, W = (TABLE.declare(name) for name in "BTSHW")
EMPTY = TABLE.declare("E", minimum=0)
EVEN = TABLE.declare("N", multiple_of=8)


def inferred(name, *shapes, dtypes=(), **attributes):
    """Inference of one operator on float32 shapes; a list goes to a variadic port."""
    op = find_op(name)(**attributes)
    op.check()
    return op.infer(dict(zip([p.name for p in op.ports.tensors], given(shapes), strict=False)))


def given(shapes):
    for shape in shapes:
        many = isinstance(shape, list)
        yield tuple(map(TensorType, shape)) if many else typed(shape)


def typed(shape):
    """``(dtype, *sizes)`` or bare sizes."""
    if shape and isinstance(shape[0], str):
        return TensorType(tuple(shape[1:]), shape[0])
    return TensorType(shape)


def shapes(*arguments, **attributes):
    """Shapes of the results as text."""
    found = inferred(*arguments, **attributes)
    return [format_shape(output.shape) for output in found.outputs]


def problems(*arguments, **attributes):
    """Facts about conditions that do not always hold."""
    found = inferred(*arguments, **attributes)
    return [c.failure(c.verdict()).fact for c in found.conditions]


def refusal(*arguments, **attributes):
    with pytest.raises(Mistake) as caught:
        inferred(*arguments, **attributes)
    return caught.value.fact


PROVED = [
    ("[B, T, 12, 64]", "reshape", [(B, T, 768)], {"shape": (B, T, 12, 64)}),
    ("[B, T, 768]", "reshape", [(B, T, 12, 64)], {"shape": (B, -1, 768)}),
    ("[W, H]", "reshape", [(H * W,)], {"shape": (W, H)}),
    ("[8, N/8]", "reshape", [(EVEN,)], {"shape": (8, -1)}),
    ("[8, T//8]", "reshape", [(T - T % 8,)], {"shape": (8, -1)}),
    ("[E*T, 4]", "reshape", [(EMPTY, T, 4)], {"shape": (-1, 4)}),
    ("[E, 4*T]", "reshape", [(EMPTY, T, 4)], {"shape": (EMPTY, -1)}),
    ("[3*B, H*W]", "flatten", [(B, 3, H, W)], {"axis": 2}),
    ("[1, 3*B*H*W]", "flatten", [(B, 3, H, W)], {"axis": 0}),
    ("[B, 3]", "flatten", [(B, 3, 1, 1)], {}),
    ("[B, 8, T, S]", "matmul", [(B, 1, T, 64), (8, 64, S)], {}),
    ("[B, T]", "matmul", [(64,), (B, 64, T)], {}),
    ("[B, min(T, 5), 4]", "slice", [(B, T, 4)], {"axis": 1, "start": -5}),
    ("[B, min(T, 5), 4]", "slice", [(B, T, 4)], {"axis": 1, "stop": 5}),
    ("[B, T - 1, 4]", "slice", [(B, T, 4)], {"axis": 1, "start": 1}),
    ("[B, T - 1, 4]", "slice", [(B, T, 4)], {"axis": 1, "stop": -1}),
    ("[B, ceil(T/2), 4]", "slice", [(B, T, 4)], {"axis": 1, "step": 2}),
    ("[B, T, 4]", "slice", [(B, T, 4)], {"axis": 1, "step": -1}),
    ("[T, 4]", "slice", [(T + S, 4)], {"axis": 0, "stop": T}),
    ("[S, 4]", "slice", [(T + S, 4)], {"axis": 0, "start": T}),
    ("[B, T, 32]", "gather", [(100, 32), ("int64", B, T)], {}),
    ("[B, T, 32]", "embedding", [("int64", B, T)], {"count": 100, "width": 32}),
    ("[B, 3]", "reduce", [(B, 3, H, W)], {"op": "mean", "axes": (-1, -2)}),
    ("[B, 8, T, S]", "einsum", [[(B, 8, T, 64), (B, 8, S, 64)]], {"equation": "bhid,bhjd->bhij"}),
    ("[B, 8, T, 32]", "einsum", [[(B, 8, T, S), (B, 1, S, 32)]], {"equation": "...ij,...jk"}),
    ("[T]", "einsum", [[(T, T)]], {"equation": "ii->i"}),
    ("[T, T]", "causal_mask", [], {"size": T}),
    ("[T, S]", "causal_mask", [], {"size": T, "keys": S}),
    ("[B, S, T]", "add", [[(B, 1, T), (B, S, 1)]], {}),
    ("[E, S, T]", "add", [[(EMPTY, 1, T), (EMPTY, S, 1)]], {}),
    ("[B, 1, 7]", "expand", [(1, 1, 7)], {"shape": (B, 1, 7)}),
    ("[B, H*W, 5]", "rearrange", [(B, 5, H, W)], {"pattern": "b c h w -> b (h w) c"}),
    ("[3*T, 4]", "concat", [[(T, 4), (T, 4), (T, 4)]], {"axis": 0}),
    ("[B, 4]", "select", [(B, T, 4)], {"axis": 1, "index": -1}),
    ("[B, T, 6]", "positional", [(B, T, 6)], {"kind": "sinusoidal"}),
]


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), PROVED)
def test_shape_is_found_without_conditions(expected, name, inputs, attributes):
    found = inferred(name, *inputs, **attributes)
    assert ([format_shape(o.shape) for o in found.outputs], found.conditions) == ([expected], ())


def test_split_makes_the_last_part_smaller():
    assert shapes("split", (B, T, 4), axis=1, parts=2) == ["[B, ceil(T/2), 4]", "[B, T//2, 4]"]


def test_split_undoes_concat_exactly():
    assert shapes("split", (3 * T, 4), axis=0, parts=3) == ["[T, 4]"] * 3


def test_split_into_given_sizes_may_be_symbolic():
    assert shapes("split", (T + S, 4), axis=0, sizes=(T, S)) == ["[T, 4]", "[S, 4]"]


def test_attention_has_two_results():
    found = shapes("attention", (B, T, 8), (B, S, 8), (B, S, 5), ("bool", T, S))
    assert found == ["[B, T, 5]", "[B, T, S]"]


def test_multi_head_attention_has_weights_of_each_width():
    found = inferred(
        "multi_head_attention", (B, T, 8), (B, S, 6), (B, S, 5), ("bool", B, 1, 1, S), heads=2
    )
    assert [str(o) for o in found.outputs] == ["float32[B, T, 8]", "float32[B, 2, T, S]"]
    assert {k: v.shape for k, v in found.parameters.items() if "weight" in k} == {
        "q.weight": (8, 8),
        "k.weight": (8, 6),
        "v.weight": (8, 5),
        "out.weight": (8, 8),
    }


CONDITIONS = [
    (
        "[B, T, 100] as [B, -1, 64]: 100*T is not always divisible by 64",
        "reshape", [(B, T, 100)], {"shape": (B, -1, 64)},
    ),
    (
        "[B, T, 4] as [B, T, 3]: 4 is never 3",
        "reshape", [(B, T, 4)], {"shape": (B, T, 3)},
    ),
    (
        "a and b: [T] and [S] do not broadcast: T is not always S",
        "sub", [(T,), (S,)], {},
    ),
    (
        "axis 2 of xs.0 and xs.1: ceil(H/2) is not always H//2",
        "concat", [[(B, 3, (H + 1) // 2), (B, 3, H // 2)]], {"axis": 1},
    ),
    ("axis 1 of x, (h d): 9 is never divisible by 2",
        "rearrange", [(B, 9)], {"pattern": "b (h d) -> b h d", "sizes": (("h", 2),)}),
    ("axis 1 of x, c: T is not always 4",
        "rearrange", [(B, T)], {"pattern": "b c -> c b", "sizes": (("c", 4),)}),
    ("axis 0 of x, 1: B is not always 1", "rearrange", [(B, 2)], {"pattern": "1 c -> c"}),
    ("axis 1 of x, to be removed: 3 is never 1", "squeeze", [(B, 3)], {"axes": 1}),
    ("sequence length and table length: 197 exceeds 196",
        "positional", [(B, 197, 8)], {"kind": "learned", "length": 196}),
    ("sequence length and table length: T may exceed 196",
        "positional", [(B, T, 8)], {"kind": "learned", "length": 196}),
    ("index 3 into axis 1: positions needed and size: 4 exceeds 3",
        "select", [(B, 3)], {"axis": 1, "index": 3}),
    ("index -4 into axis 1: positions needed and size: 4 exceeds 3",
        "select", [(B, 3)], {"axis": 1, "index": -4}),
    ("axis d of xs.0 and xs.1: 64 is never 32",
        "einsum", [[(B, 64), (64, 32)]], {"equation": "b d, e d -> b e"}),
    ("axis i of xs.0 and xs.0: T is not always S", "einsum", [[(T, S)]], {"equation": "ii->i"}),
    ("keep [T, S + 1] does not broadcast to [B, T, S]: S + 1 is never S",
        "attention", [(B, T, 8), (B, S, 8), (B, S, 8), ("bool", T, S + 1)], {}),
    ("keep [T, T] does not broadcast to [B, 2, T, S + T]: T is never S + T",
        "multi_head_attention",
        [(B, T, 8), (B, S + T, 8), (B, S + T, 8), ("bool", T, T)], {"heads": 2}),
    ("width and heads: 768 is never divisible by 10",
        "multi_head_attention", [(B, T, 768)] * 3, {"heads": 10}),
    ("axis 0 of x and its pieces: 6 is never 5", "split", [(5,)], {"axis": 0, "sizes": (2, 4)}),
    ("axis 0 of x and its pieces: 6 exceeds 5", "split", [(5,)], {"axis": 0, "parts": 4}),
    ("x [2, T] does not broadcast to [3, T]: 2 is never 3",
        "expand", [(2, T)], {"shape": (3, T)}),
    ("max over axis 0 of x: 1 may exceed E", "reduce", [(EMPTY,)], {"op": "max"}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), CONDITIONS)
def test_condition_is_said(expected, name, inputs, attributes):
    assert problems(name, *inputs, **attributes) == [expected]


def test_reshape_offers_the_multiple_that_makes_it_exact():
    (condition,) = inferred("reshape", (B, T, 100), shape=(B, -1, 64)).conditions
    assert condition.failure(condition.verdict()).hint == "declare T as multiple_of: 16"


REFUSALS = [
    ("squeeze without axes: B or T may be 1, so the number of axes is not known",
        "squeeze", [(B, T, 1)], {}),
    ("axis 1 of x is 8 = h*d, but h and d are not known",
        "rearrange", [(B, 8)], {"pattern": "b (h d) -> b h d"}),
    ("x [B, 8] has 2 axes, 'b t d' does not", "rearrange", [(B, 8)], {"pattern": "b t d -> b d t"}),
    ("rearrange has no axis 'g' in 'b (h d) -> b h d'",
        "rearrange", [(B, 8)], {"pattern": "b (h d) -> b h d", "sizes": (("g", 2),)}),
    ("rearrange: the size of h is 0; expected at least 1",
        "rearrange", [(B, 8)], {"pattern": "b (h d) -> b h d", "sizes": (("h", 0),)}),
    ("pattern 'b c' has no ->", "rearrange", [(B, 8)], {"pattern": "b c"}),
    ("pattern 'b c -> b' loses c: it stands on the left only",
        "rearrange", [(B, 8)], {"pattern": "b c -> b"}),
    ("pattern 'b -> b c' invents c: it stands on the right only",
        "rearrange", [(B,)], {"pattern": "b -> b c"}),
    ("pattern 'b b -> b' has b twice on the left", "rearrange", [(B, B)], {"pattern": "b b -> b"}),
    ("pattern '(b (c))' has brackets in brackets",
        "rearrange", [(B,)], {"pattern": "(b (c)) -> b c"}),
    ("pattern 'b)' closes a bracket that is not open",
        "rearrange", [(B,)], {"pattern": "b) -> b"}),
    ("pattern '(b' does not close a bracket", "rearrange", [(B,)], {"pattern": "(b -> b"}),
    ("pattern 'b 2' has '2' in it", "rearrange", [(B, 2)], {"pattern": "b 2 -> b"}),
    ("pattern '(...) -> ...' has '...' in brackets on the left",
        "rearrange", [(B,)], {"pattern": "(...) -> ..."}),
    ("einsum 'ij->ik' has no k on the left", "einsum", [[(B, T)]], {"equation": "ij->ik"}),
    ("einsum 'i j -> i i' has i twice on the right",
        "einsum", [[(B, T)]], {"equation": "i j -> i i"}),
    ("einsum '...i->i' loses ...: it must stand on the right too",
        "einsum", [[(B, T)]], {"equation": "...i->i"}),
    ("einsum '...i...' has ... twice in one tensor", "einsum", [[(B,)]], {"equation": "...i..."}),
    ("einsum 'i;j' has 'i;j' in it", "einsum", [[(B, T)]], {"equation": "i;j"}),
    ("'ij,jk' is for 2 tensors, got 1", "einsum", [[(B, T)]], {"equation": "ij,jk"}),
    ("xs.0 [B, T] has 2 axes where the equation has 'i j k'",
        "einsum", [[(B, T)]], {"equation": "ijk->k"}),
    ("positional needs 'length' for a learned table",
        "positional", [(B, T, 8)], {"kind": "learned"}),
    ("multi_head_attention with 0 heads; expected at least 1",
        "multi_head_attention", [(B, T, 8)] * 3, {"heads": 0}),
    ("q is float32, keep is float64: they must have one dtype",
        "attention", [(T, 8), (S, 8), (S, 8), ("float64", T, S)], {}),
    ("keep is int64; it must be mask", "attention",
        [(T, 8), (S, 8), (S, 8), ("int64", T, S)], {}),
    ("keep [B, 1, T, S] has more axes than [T, S]", "attention",
        [(T, 8), (S, 8), (S, 8), ("bool", B, 1, T, S)], {}),
    ("parameter has the size T, which depends on T; it must be fixed",
        "parameter", [], {"shape": (1, T, 8)}),
    ("constant is ragged: item 0 has the shape [2], item 1 has [1]",
        "constant", [], {"value": ((1, 2), (3,))}),
    ("constant 300 is not a whole number from 0 to 255, as uint8 needs",
        "constant", [], {"value": (1, 300), "dtype": "uint8"}),
    ("constant 0.5 is not a whole number from -128 to 127, as int8 needs",
        "constant", [], {"value": 0.5, "dtype": "int8"}),
    ("constant holds 'a', which is no number", "constant", [], {"value": "a"}),
    ("split needs either 'parts' or 'sizes'", "split", [(5,)], {"axis": 0}),
    ("split into 0 parts; expected 1 to 4096", "split", [(5,)], {"axis": 0, "parts": 0}),
    ("slice with the step 0; expected another number", "slice", [(5,)], {"axis": 0, "step": 0}),
    ("start T - 5 is negative for some sizes and not for others",
        "slice", [(T,)], {"axis": 0, "start": T - 5}),
    ("reshape to [-1, -1]; only one size may be -1", "reshape", [(B, T)], {"shape": (-1, -1)}),
    ("reshape to [-2]; -2 is no size", "reshape", [(B, T)], {"shape": (-2,)}),
    ("[0, 3] as [0, -1, 0]: -1 is not determined beside a size of 0",
        "reshape", [(0, 3)], {"shape": (0, -1, 0)}),
    ("expand to [-1, 3]; -1 is no size", "expand", [(3,)], {"shape": (-1, 3)}),
    ("perm [0, 0] is not an order of axes", "transpose", [(B, T)], {"perm": (0, 0)}),
    ("perm [1, 0] is for 2 axes, x [B, T, 4] has 3", "transpose", [(B, T, 4)], {"perm": (1, 0)}),
    ("axes [0, -2] name one axis of 2 twice",
        "reduce", [(B, T)], {"op": "sum", "axes": (0, -2)}),
    ("x: axis 2 does not exist in a tensor with 2 axes",
        "reduce", [(B, T)], {"op": "sum", "axes": 2}),
    ("x is int64; a mean needs float", "reduce", [("int64", B)], {"op": "mean"}),
    ("xs.0 [B, T] has 2 axes, xs.1 [B] has 1", "concat", [[(B, T), (B,)]], {"axis": 0}),
    ("axis 3 does not exist in a tensor with 2 axes", "flatten", [(B, T)], {"axis": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "name", "inputs", "attributes"), REFUSALS)
def test_what_no_size_can_cure_is_refused(expected, name, inputs, attributes):
    assert refusal(name, *inputs, **attributes) == expected


INDICES = [
    ("id 7 is outside the embedding table: it has 5 rows, ids 0 to 4", [3, 7, 5]),
    ("id -3 is negative; ids of an embedding go from 0 to 4", [0, -3, -1]),
]


@pytest.mark.parametrize(("expected", "ids"), INDICES)
def test_embedding_refuses_ids_outside_its_table(expected, ids):
    with pytest.raises(InputError) as caught:
        find_op("embedding")(count=5, width=2).compute(np.array(ids), np.zeros((5, 2)))
    assert str(caught.value) == expected


@pytest.mark.parametrize("index", [3, -4])
def test_gather_refuses_indices_outside_the_axis(index):
    with pytest.raises(InputError) as caught:
        find_op("gather")(axis=1).compute(np.zeros((2, 3)), np.array([0, index]))
    assert str(caught.value) == f"index {index} is outside an axis of 3"


@pytest.mark.parametrize("name", ["embedding", "gather"])
def test_no_indices_give_an_empty_result(name):
    none = np.zeros((0,), "int64")
    if name == "embedding":
        found = find_op(name)(count=5, width=2).compute(none, np.zeros((5, 2)))
    else:
        found = find_op(name)().compute(np.zeros((5, 2)), none)
    assert found.shape == (0, 2)


def test_constant_may_hold_a_size():
    op = find_op("constant")(value=(T, 2), dtype="int64")
    op.check()
    assert op.at({"T": 9}).compute().tolist() == [9, 2]


def test_attention_over_an_empty_batch():
    q, k = np.zeros((0, 3, 4)), np.zeros((0, 5, 4))
    y, weights = find_op("attention")().compute(q, k, k)
    assert (y.shape, weights.shape) == ((0, 3, 4), (0, 3, 5))
