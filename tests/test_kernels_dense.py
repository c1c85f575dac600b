"""Prepared kernels against the plain definitions: random sizes, strides, poison, in place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.ir.kernel import How
from framework.ir.op import REGISTRY, find_op
from framework.ir.types import TensorType
from framework.numerics.erf import erf
from framework.numerics.sweep import blocks, shares
from framework.numerics.team import Team
from framework.ops.activation import Activation
from framework.ops.fused import FusedLinear

TEAMS = {1: Team(1), 2: Team(2)}
ACTIVATIONS = [op for op in REGISTRY.values() if issubclass(op, Activation)]
size, teams = st.integers(1, 9), st.sampled_from([1, 2])
checks = settings(max_examples=25, deadline=None)


@pytest.fixture(autouse=True)
def quiet():
    """What a session sees to: NaN and inf are results like others."""
    with np.errstate(all="ignore"):
        yield


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def strided(x):
    """The same numbers with the axes in the opposite order in memory."""
    hole = np.nan if x.dtype.kind == "f" else 99
    wide = np.full((2, *x.shape[::-1]), hole, x.dtype)
    wide[1] = x.T
    return wide[1].T


def prepared(op, arrays, threads=1, wanted=None):
    flat = [x for given in arrays for x in (given if isinstance(given, tuple) else (given,))]
    types = [None if x is None else TensorType(x.shape, str(x.dtype)) for x in flat]
    return op.prepare(types, How(team=TEAMS[threads], wanted=wanted))


def run(kernel, arrays, wanted=None):
    """The results, in memory that was filled with NaN before, scratch too."""
    wanted = wanted if wanted is not None else (True,) * len(kernel.outputs)
    pairs = zip(kernel.outputs, wanted, strict=True)
    out = tuple(poisoned(type_) if want else None for type_, want in pairs)
    laid = [kernel.layouts.get(i, lambda x: x)(x) for i, x in enumerate(arrays)]
    kernel.run(laid, out, np.full(kernel.scratch, 255, np.uint8))
    return out if len(out) > 1 else out[0]


def poisoned(type_):
    count = math.prod(type_.shape) * np.dtype(type_.dtype).itemsize
    return np.full(count, 255, np.uint8).view(type_.dtype).reshape(type_.shape)


def agree(op, arrays, threads=1, rtol=1e-5, atol=1e-5):
    """The kernel gives what the definition gives, also for inputs with holes."""
    expected = op.compute(*arrays)
    holes = [strided(x) if isinstance(x, np.ndarray) else x for x in arrays]
    for given_arrays in (arrays, holes):
        y = run(prepared(op, arrays, threads), given_arrays)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol)


def in_place(op, arrays, position, threads=1):
    """The kernel may write where an argument lies."""
    kernel = prepared(op, arrays, threads)
    assert position in kernel.overwrites
    laid = [kernel.layouts.get(i, lambda x: x)(x) for i, x in enumerate(arrays)]
    laid[position] = laid[position].copy()
    scratch = np.full(kernel.scratch, 255, np.uint8)
    kernel.run(laid, (laid[position],), scratch)
    np.testing.assert_array_equal(laid[position], run(kernel, arrays))


# ---------------------------------------------------------------------- blocks and shares


@given(st.integers(0, 500), st.integers(1, 4), st.integers(1, 70))
def test_shares_cover_everything_once(count, parts, grain):
    found = [i for part in shares(count, parts, grain) for i in range(count)[part]]
    assert found == list(range(count))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 100))
def test_blocks_cover_a_matrix_once(rows, columns, block):
    hits = np.zeros((rows, columns), int)
    for place in blocks(rows, columns, block):
        assert hits[place].size <= block
        hits[place] += 1
    assert (hits == 1).all()


# ---------------------------------------------------------------------- products


@checks
@given(st.lists(size, max_size=3), st.integers(1, 70), st.integers(1, 600), st.booleans(), teams)
def test_linear_agrees_for_any_size(lead, inner, out, bias, threads):
    op = find_op("linear")(out=out, bias=bias)
    arrays = [normal(*lead, inner), normal(out, inner), normal(out) if bias else None]
    kernel = prepared(op, arrays, threads)
    for x in (arrays[0], strided(arrays[0])):
        y = run(kernel, [x, *arrays[1:]])
        np.testing.assert_allclose(y, op.compute(*arrays), rtol=1e-5, atol=1e-4)


@checks
@given(
    st.sampled_from([(5,), (2, 3), (197,), (2, 300)]), st.integers(1, 900), st.booleans(),
    st.sampled_from([None, "relu", "gelu", "silu", "softplus"]), teams,
)  # fmt: skip
def test_fused_linear_agrees_for_any_size(lead, out, added, name, threads):
    op = fused(out, added, name)
    arrays = fused_arrays(lead, 20, out, added)
    y = run(prepared(op, arrays, threads), arrays)
    np.testing.assert_allclose(y, op.compute(*arrays), rtol=1e-5, atol=1e-5)


def fused(out, added, name):
    activation = None if name is None else find_op(name)()
    return FusedLinear(find_op("linear")(out=out), added, activation)


def fused_arrays(lead, inner, out, added):
    addend = normal(*lead, out, seed=3) if added else None
    return [normal(*lead, inner), addend, normal(out, inner), normal(out)]


@pytest.mark.parametrize("name", [None, "gelu"])
@pytest.mark.parametrize("lead", [(1,), (197,), (600,)])
@pytest.mark.parametrize("threads", [1, 2])
def test_fused_linear_may_overwrite_what_it_adds(name, lead, threads):
    in_place(fused(800, True, name), fused_arrays(lead, 40, 800, True), 1, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_fused_linear_is_the_same_each_time(threads):
    arrays = fused_arrays((197,), 64, 1000, True)
    kernel = prepared(fused(1000, True, "gelu"), arrays, threads)
    np.testing.assert_array_equal(run(kernel, arrays), run(kernel, arrays))


@checks
@given(st.lists(size, max_size=2), size, size, size, st.booleans(), teams)
def test_matmul_agrees_for_any_size(lead, t, d, s, shared, threads):
    b = normal(d, s) if shared else normal(*lead, d, s)
    agree(find_op("matmul")(), [normal(*lead, t, d), b], threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_large_products_agree(threads):
    agree(find_op("matmul")(), [normal(3, 1, 90, 80), normal(5, 80, 100)], threads, atol=1e-4)


EQUATIONS = [
    "b h i d, b h j d -> b h i j",
    "b h i j, b h j d -> b i h d",
    "b h i d, b h j d -> j b h i",
    "b h i d, b k d -> i b k h",
    "b h i d, d -> b h i",
    "b i, b j -> b j i",
]


@checks
@given(st.sampled_from(EQUATIONS), st.lists(size, min_size=7, max_size=7), teams)
def test_einsum_agrees_for_any_size(equation, sizes, threads):
    known = dict(zip("bhijdk", sizes, strict=False))
    terms = equation.partition("->")[0].split(",")
    xs = tuple(normal(*(known[n] for n in term.split()), seed=len(term)) for term in terms)
    op = find_op("einsum")(equation=equation)
    for given_xs in (xs, tuple(map(strided, xs))):
        y = run(prepared(op, [xs], threads), [given_xs])
        np.testing.assert_allclose(y, op.compute(xs), rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------- attention


def qkv(lead, t, s, d, e, factor=1.0):
    """Views of one merged array, as projections give them."""
    merged = normal(max(t, s), *lead, 2 * d + e) * np.float32(factor)
    q, k, v = np.split(merged, [d, 2 * d], -1)
    turned = [np.moveaxis(x, 0, -2) for x in (q, k, v)]
    return turned[0][..., :t, :], turned[1][..., :s, :], turned[2][..., :s, :]


def doubled(array):
    """A tensor of single precision in double precision."""
    single = array is not None and array.dtype == np.float32
    return array.astype(np.float64) if single else array


def attends(op, arrays, threads, factor=1.0):
    """As exact as scores are, which differ by roundings that grow with them."""
    arrays = [*arrays, *[None] * (7 - len(arrays))]
    expected = op.compute(*map(doubled, arrays))
    for shown in (True, False):
        wanted = (True, shown, *(True,) * (len(expected) - 2))
        found = run(prepared(op, arrays, threads, wanted), arrays, wanted)
        for y, exact in zip(found, expected, strict=True):
            if y is not None:
                np.testing.assert_allclose(y, exact, rtol=2e-5, atol=2e-5 * factor**2)


@checks
@given(
    st.lists(size, max_size=2), st.integers(1, 40), st.integers(1, 40), size, size,
    st.sampled_from([{}, {"causal": True}, {"causal": True, "align": "bottom_right"},
                     {"left_window": 3}, {"left_window": 2, "right_window": 1}, {"softcap": 2.0},
                     {"scale": 0.3}]),
    st.sampled_from([1.0, 30.0]), teams,
)  # fmt: skip
def test_attention_agrees_for_any_size(lead, t, s, d, e, attributes, factor, threads):
    attends(find_op("attention")(**attributes), qkv(lead, t, s, d, e, factor), threads, factor)


@pytest.mark.parametrize("attributes", [{}, {"causal": True}, {"left_window": 100, "causal": True}])
@pytest.mark.parametrize("factor", [1.0, 4.0, 30.0])
@pytest.mark.parametrize("threads", [1, 2])
def test_attention_in_blocks_agrees(attributes, factor, threads):
    arrays = qkv((2,), 300, 1300, 16, 8, factor)
    attends(find_op("attention")(**attributes), arrays, threads, factor)


@pytest.mark.parametrize("empty", ["zeros", "nan"])
@pytest.mark.parametrize("keys", [5, 1300])
@pytest.mark.parametrize("number", [False, True])
def test_attention_with_masks_agrees(empty, keys, number):
    keep = np.random.default_rng(0).random((2, 1, 7, keys)) < 0.3
    keep[0, 0, 2] = False
    keep[..., :-1] &= np.arange(keys - 1) > keys // 2
    mask = np.where(keep, normal(2, 1, 7, keys), -np.inf).astype(np.float32) if number else keep
    attends(find_op("attention")(empty=empty), [*qkv((2, 3), 7, keys, 4, 6), mask], 2)


def test_attention_passes_nan_on():
    q, k, v = (x.copy() for x in qkv((2,), 3, 5, 4, 6))
    q[0, 1, 2] = np.nan
    attends(find_op("attention")(), [q, k, v], 1)


@checks
@given(size, st.integers(0, 3), st.integers(1, 3), st.integers(1, 4), st.booleans())
def test_attention_with_shared_heads_and_past_keys_agrees(t, past, groups, ratio, causal):
    q, (_, k, v) = normal(2, groups * ratio, t, 4), qkv((2, groups), t, t, 4, 6)
    old = [normal(2, groups, past, 4), normal(2, groups, past, 6)] if past else [None, None]
    attends(find_op("attention")(grouped=True, causal=causal), [q, k, v, None, *old], 2)


def test_long_attention_keeps_no_table_of_scores():
    types = [TensorType((1, 8, 16384, 64))] * 3 + [None] * 4
    how = How(team=TEAMS[2], wanted=(True, False))
    assert find_op("attention")().prepare(types, how).scratch < 8 << 20


# ---------------------------------------------------------------------- rows


@checks
@given(st.lists(size, min_size=1, max_size=3), st.integers(1, 400), st.booleans(), teams)
def test_softmax_agrees_along_any_axis(lead, length, masked, threads):
    x = normal(*lead, length)
    x[..., 0] = -np.inf
    for axis in range(x.ndim):
        agree(find_op("softmax")(axis=axis, masked=masked), [x], threads)
    agree(find_op("log_softmax")(axis=0), [normal(*lead, length)], threads)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_agrees_over_several_blocks(axis):
    agree(find_op("softmax")(axis=axis), [normal(30, 90, 110)], 2)
    in_place(find_op("softmax")(axis=axis), [normal(30, 90, 110)], 0, 2)


@checks
@given(st.lists(size, max_size=2), st.integers(1, 400), st.booleans(), teams)
def test_layer_and_rms_norm_agree(lead, length, affine, threads):
    x = normal(*lead, length) + 3
    weight, bias = (normal(length, seed=1), normal(length)) if affine else (None, None)
    agree(find_op("layer_norm")(affine=affine), [x, weight, bias], threads, atol=1e-4)
    agree(find_op("rms_norm")(affine=affine), [x, weight], threads)


@checks
@given(size, st.integers(1, 4), st.integers(1, 4), st.lists(size, max_size=2), teams)
def test_norms_of_channels_agree(batch, groups, width, positions, threads):
    channels = groups * width
    x = normal(batch, channels, *positions) * 2 + 1
    weight, bias, mean = (normal(channels, seed=i) for i in range(3))
    agree(find_op("group_norm")(groups=groups), [x, weight, bias], threads, atol=1e-4)
    stored = [weight, bias, mean, np.abs(bias) + 1]
    agree(find_op("batch_norm")(), [x, *stored], threads)


def test_norms_of_large_channels_agree():
    x, one, two = normal(2, 6, 200, 200), normal(6), normal(6, seed=1)
    agree(find_op("group_norm")(groups=3), [x, one, two], 2, atol=1e-4)
    agree(find_op("affine")(axis=1), [x, one, two], 2)
    in_place(find_op("affine")(axis=1), [x, one, two], 0, 2)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_norms_may_overwrite_their_input(name):
    more = [normal(768), normal(768)][: 2 if name == "layer_norm" else 1]
    in_place(find_op(name)(), [normal(400, 768), *more], 0, 2)


# ---------------------------------------------------------------------- element by element

SPECIAL = np.float32([0, -0.0, 1e-30, -1e-30, 1, -1, 5, -5, 20, -20, 90, -90, 1e10, -1e10])


@pytest.mark.parametrize("cls", ACTIVATIONS, ids=[cls.name for cls in ACTIVATIONS])
def test_activations_agree(cls):
    for op, *_ in cls.examples():
        agree(op, [np.concatenate([SPECIAL, normal(300000) * 4])], 2, atol=2e-6)
        in_place(op, [normal(700, 1000)], 0, 2)


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("cls", ACTIVATIONS, ids=[cls.name for cls in ACTIVATIONS])
def test_activations_of_small_tensors_agree(cls, shape):
    for op, *_ in cls.examples():
        agree(op, [normal(*shape)], atol=2e-6)


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "sigmoid", "mish", "clip", "leaky_relu"])
def test_activations_pass_nan_on(name):
    x = np.float32([np.nan, 1])
    y = run(prepared(find_op(name)(), [x]), [x])
    assert list(np.isnan(y)) == [True, False]


def test_erf_of_single_precision_is_exact_to_two_units():
    x = np.concatenate([np.linspace(-6, 6, 500001), np.geomspace(1e-30, 1, 1000)])
    x = x.astype(np.float32)
    exact = erf(x.astype(np.float64))
    assert np.abs(erf(x) - exact).max() < 2e-7
    assert (np.abs(erf(x) - exact) <= 4e-7 * np.abs(exact)).all()


@checks
@given(st.lists(size, max_size=3), st.lists(st.booleans(), min_size=6, max_size=6), teams)
def test_arithmetic_agrees_with_broadcasting(shape, ones, threads):
    a = normal(*(1 if one else n for n, one in zip(shape, ones, strict=False)))
    b = normal(*(1 if one else n for n, one in zip(shape, ones[3:], strict=False)), seed=1)
    for name in ("sub", "div"):
        agree(find_op(name)(), [a, b], threads)
    for name in ("add", "mul", "maximum", "minimum", "mean"):
        op, xs = find_op(name)(), (a, b, a)
        y = run(prepared(op, [xs], threads), [tuple(map(strided, xs))])
        np.testing.assert_allclose(y, op.compute(xs), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1100, 1000), (1, 1100000), (2, 3, 400, 500)])
def test_large_sums_are_shared(shape):
    a, b = normal(*shape), normal(*shape[1:], seed=1)
    agree(find_op("sub")(), [a, b], 2)
    in_place(find_op("sub")(), [a, b], 0, 2)


@pytest.mark.parametrize("attributes", [{"by": 0.3}, {"by": 2.0, "shift": -1.0}])
def test_scale_agrees_and_works_in_place(attributes):
    agree(find_op("scale")(**attributes), [normal(5, 7)])
    in_place(find_op("scale")(**attributes), [normal(5, 7)], 0)


@checks
@given(st.lists(size, min_size=1, max_size=3), st.floats(0.25, 3))
def test_gates_agree(shape, alpha):
    arrays = [normal(*shape), normal(*shape, seed=1)]
    agree(find_op("swiglu")(alpha=alpha), arrays)
    in_place(find_op("swiglu")(alpha=alpha), arrays, 1)
    agree(find_op("glu")(axis=0), [normal(2 * shape[0], *shape[1:])])


@pytest.mark.parametrize("name", ["sub", "swiglu", "gelu", "softmax", "rms_norm"])
def test_an_argument_may_be_overwritten_in_another_order(name):
    memory, op = normal(1000, 1000), find_op(name)()
    more = {"sub": [normal(1000, 1000)], "swiglu": [normal(1000, 1000)], "rms_norm": [normal(1000)]}
    arrays = [memory.T, *more.get(name, [])]
    expected, kernel = op.compute(*arrays), prepared(op, arrays, 2)
    kernel.run(arrays, (memory,), np.full(kernel.scratch, 255, np.uint8))
    np.testing.assert_allclose(memory, expected, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------- reductions and copies


@checks
@given(st.lists(size, min_size=1, max_size=4), st.booleans(), st.data())
def test_reductions_agree(shape, keepdims, data):
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    for name in ("sum", "mean", "max", "min", "prod"):
        op = find_op("reduce")(name, axes=tuple(sorted(axes)), keepdims=keepdims)
        agree(op, [normal(*shape)], atol=1e-4)


@checks
@given(st.lists(size, min_size=1, max_size=3), st.lists(size, max_size=2), st.data())
def test_gather_agrees_along_any_axis(shape, picks, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    limit = shape[axis]
    indices = np.random.default_rng(0).integers(-limit, limit, picks)
    agree(find_op("gather")(axis=axis), [normal(*shape), np.asarray(indices)])


@checks
@given(st.lists(size, max_size=2), size, size)
def test_embedding_agrees(shape, count, width):
    ids = np.asarray(np.random.default_rng(0).integers(0, count, shape))
    agree(find_op("embedding")(count=count, width=width), [ids, normal(count, width)])


@checks
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=3), st.floats(-2, 2))
def test_pad_agrees(pads, value):
    op = find_op("pad")(pads=tuple(pads), value=value)
    agree(op, [normal(2, 3, 5)])


@pytest.mark.parametrize("pattern", ["b h t d -> b t (h d)", "b h t d -> (t b) d h",
                                     "b h t d -> d (h b t)"])  # fmt: skip
def test_rearrange_that_must_copy_agrees(pattern):
    agree(find_op("rearrange")(pattern), [normal(2, 3, 5, 4)])


def test_rearrange_that_is_a_view_is_not_prepared():
    op = find_op("rearrange")("b t (h d) -> b h t d", (("h", 2),))
    assert prepared(op, [normal(2, 3, 8)]) is None


@checks
@given(st.lists(size, min_size=2, max_size=2), st.booleans())
def test_choices_agree(shape, wide):
    keep = normal(*(shape if wide else [1, shape[1]])) > 0
    agree(find_op("mask_fill")(value=-1.0), [normal(*shape), keep])
    agree(find_op("where")(), [keep, normal(*shape), normal(*shape, seed=1)])


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_positions_are_added_in_place(kind):
    op, x = find_op("positional")(kind=kind, length=9), normal(2, 7, 6)
    table = normal(1, 9, 6) if kind == "learned" else None
    agree(op, [x, table])
    in_place(op, [x, table], 0)


@checks
@given(st.integers(0, 2), st.lists(size, min_size=1, max_size=4))
def test_concat_agrees(axis, sizes):
    xs = tuple(normal(*(n if i == axis else 3 for i in range(3)), seed=n) for n in sizes)
    op = find_op("concat")(axis=axis)
    y = run(prepared(op, [xs]), [tuple(map(strided, xs))])
    np.testing.assert_array_equal(y, op.compute(xs))
