"""PyTorch judges attention, products, layout and reductions."""

from __future__ import annotations

import numpy as np
import pytest

import framework.ops
from framework.ir.op import find_op

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAMILIES = framework.ops.__path__

QKV = [((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)), ((5, 4), (5, 4), (5, 4)), ((2, 9, 8),) * 3]
MASKS = [None, "bool", "float"]


def compute(name, *arrays, **attributes):
    """One operator on arrays."""
    op = find_op(name)(**attributes)
    op.check()
    return op.compute(*arrays)


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def tensor(x):
    return None if x is None else torch.from_numpy(np.array(x))


def same(found, expected):
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-6, atol=1e-9)


def mask_of(kind, *shape):
    """A mask with at least one visible key in each row."""
    if kind is None:
        return None
    keep = normal(*shape) > 0
    keep[..., 0] = True
    return keep if kind == "bool" else np.where(keep, normal(*shape), -np.inf)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(("q", "k", "v"), QKV)
def test_attention(q, k, v, kind):
    arrays = normal(*q), normal(*k), normal(*v)
    mask = mask_of(kind, q[-2], k[-2])
    expected = F.scaled_dot_product_attention(*map(tensor, arrays), attn_mask=tensor(mask))
    same(compute("attention", *arrays, mask)[0], expected)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(("q", "k", "v"), QKV)
def test_causal_attention_is_aligned_at_the_top_left(q, k, v, scale):
    arrays = normal(*q), normal(*k), normal(*v)
    expected = F.scaled_dot_product_attention(*map(tensor, arrays), is_causal=True, scale=scale)
    same(compute("attention", *arrays, causal=True, scale=scale)[0], expected)


@pytest.mark.parametrize(("queries", "keys"), [(3, 5), (4, 4)])
def test_attention_aligned_at_the_bottom_right(queries, keys):
    bias = pytest.importorskip("torch.nn.attention.bias").causal_lower_right(queries, keys)
    arrays = normal(2, 3, queries, 4), normal(2, 3, keys, 4), normal(2, 3, keys, 4)
    expected = F.scaled_dot_product_attention(*map(tensor, arrays), attn_mask=bias)
    same(compute("attention", *arrays, causal=True, align="bottom_right")[0], expected)


MULTI = [
    {"heads": 2, "kdim": 6, "vdim": 6, "bias": True},
    {"heads": 3, "kdim": 5, "vdim": 7, "bias": True},
    {"heads": 2, "kdim": 5, "vdim": 7, "bias": False},
]


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("sizes", MULTI)
def test_multi_head_attention(sizes, kind):
    heads, bias = sizes["heads"], sizes["bias"]
    q, k, v = normal(2, 4, 6), normal(2, 5, sizes["kdim"]), normal(2, 5, sizes["vdim"])
    weights = normal(6, 6), normal(6, sizes["kdim"]), normal(6, sizes["vdim"]), normal(6, 6)
    biases = [normal(6) + i if bias else None for i in range(4)]
    mask = mask_of(kind, 4, 5)
    y, attention = judge(q, k, v, mask, heads, weights, biases)
    parameters = [p for pair in zip(weights, biases, strict=True) for p in pair]
    given = q, k, v, mask, None, None, None
    found = compute("multi_head_attention", *given, *parameters, None, heads=heads, bias=bias)
    same(found[0], y)
    same(found[1], attention)


def judge(q, k, v, mask, heads, weights, biases):
    """torch's function: time first, one joint bias, masks that are true where hidden."""
    hidden = ~mask if mask is not None and mask.dtype == bool else mask
    joint = None if biases[0] is None else tensor(np.concatenate(biases[:3]))
    wq, wk, wv, out = map(tensor, weights)
    y, attention = F.multi_head_attention_forward(
        *(tensor(x.swapaxes(0, 1)) for x in (q, k, v)), 6, heads, None, joint, None, None, False,
        0.0, out, tensor(biases[3]), attn_mask=tensor(hidden), average_attn_weights=False,
        use_separate_proj_weight=True, q_proj_weight=wq, k_proj_weight=wk, v_proj_weight=wv,
    )  # fmt: skip
    return y.swapaxes(0, 1), attention


EQUATIONS = [
    ("bhid,bhjd->bhij", [(2, 3, 4, 6), (2, 3, 5, 6)]),
    ("b h i d, b h j d -> b h i j", [(2, 3, 4, 6), (2, 3, 5, 6)]),
    ("bhij,bhjd->bihd", [(2, 3, 4, 5), (2, 3, 5, 6)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 6)]),
    ("...ij,...jk", [(2, 3, 4), (2, 4, 6)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("iij->ji", [(3, 3, 4)]),
    ("ij,ij->", [(3, 4), (3, 4)]),
    ("ij,ik,il->jkl", [(2, 3), (2, 4), (2, 5)]),
    ("ij,k->kij", [(2, 3), (4,)]),
    ("ijk,jl->li", [(2, 3, 4), (3, 5)]),
    ("ba", [(2, 3)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation, shapes):
    arrays = tuple(normal(*shape) for shape in shapes)
    classic = equation.replace(" ", "")
    same(compute("einsum", arrays, equation=equation), torch.einsum(classic, *map(tensor, arrays)))


REDUCTIONS = [
    ("sum", torch.sum),
    ("mean", torch.mean),
    ("max", torch.amax),
    ("min", torch.amin),
]


@pytest.mark.parametrize(("op", "judge"), REDUCTIONS)
@pytest.mark.parametrize("axes", [0, -1, (0, 2), (1, -1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduce(op, judge, axes, keepdims):
    x = normal(2, 3, 4)
    expected = judge(tensor(x), dim=axes, keepdim=keepdims)
    same(compute("reduce", x, op=op, axes=axes, keepdims=keepdims), expected)


X = np.arange(120.0).reshape(2, 3, 4, 5)
LAYOUTS = [
    ("reshape", {"shape": (6, -1)}, lambda x: x.reshape(6, -1)),
    ("transpose", {"perm": (2, 0, 3, 1)}, lambda x: x.permute(2, 0, 3, 1)),
    ("flatten", {"axis": 1}, lambda x: x.flatten(1)),
    ("unsqueeze", {"axes": -2}, lambda x: x.unsqueeze(-2)),
    ("select", {"axis": 2, "index": -1}, lambda x: x.select(2, -1)),
    ("slice", {"axis": 3, "start": -4, "stop": -1, "step": 2}, lambda x: x[..., -4:-1:2]),
    ("slice", {"axis": 1, "step": -1}, lambda x: x.flip(1)),
    ("expand", {"shape": (7, 2, 3, 4, 5)}, lambda x: x.expand(7, -1, -1, -1, -1)),
    ("scale", {"by": 2.0, "shift": -1.0}, lambda x: x * 2 - 1),
    ("rearrange", {"pattern": "b c h w -> b (h w) c"}, lambda x: x.flatten(2).permute(0, 2, 1)),
    (
        "rearrange",
        {"pattern": "b c (h p) w -> b (c p) h w", "sizes": (("p", 2),)},
        lambda x: x.reshape(2, 3, 2, 2, 5).permute(0, 1, 3, 2, 4).reshape(2, 6, 2, 5),
    ),
]


@pytest.mark.parametrize(("name", "attributes", "judge"), LAYOUTS)
def test_layout(name, attributes, judge):
    same(compute(name, X, **attributes), judge(tensor(X)))


@pytest.mark.parametrize("factor", [2, 3])
def test_rearrange_as_pixel_shuffle(factor):
    x = normal(2, 3 * factor**2, 4, 5)
    sizes = (("p", factor), ("q", factor))
    found = compute("rearrange", x, pattern="b (c p q) h w -> b c (h p) (w q)", sizes=sizes)
    same(found, F.pixel_shuffle(tensor(x), factor))


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_split(parts):
    found = compute("split", X, axis=3, parts=parts)
    for piece, expected in zip(found, torch.chunk(tensor(X), parts, 3), strict=True):
        same(piece, expected)


def test_gather_along_an_inner_axis():
    picks = np.array([2, 0, 0])
    expected = torch.index_select(tensor(X), 1, tensor(picks))
    same(compute("gather", X, picks, axis=1), expected)


def test_embedding():
    table, ids = normal(7, 4), np.array([[3, 0], [6, 3]])
    expected = F.embedding(tensor(ids), tensor(table))
    same(compute("embedding", ids, table, count=7, width=4), expected)


def test_mask_fill_keeps_what_torch_would_fill():
    x, keep = normal(2, 3, 4), normal(3, 4) > 0
    expected = tensor(x).masked_fill(~tensor(keep), -np.inf)
    same(compute("mask_fill", x, keep, value=-np.inf), expected)


BINARY = [("add", torch.add), ("mul", torch.mul), ("maximum", torch.maximum)]
BINARY += [("minimum", torch.minimum), ("sub", torch.sub), ("div", torch.div), ("pow", torch.pow)]


@pytest.mark.parametrize(("name", "judge"), BINARY)
def test_arithmetic(name, judge):
    a, b = np.abs(normal(2, 1, 4)), normal(3, 1)
    arguments = (a, b) if "a" in [p.name for p in find_op(name).ports.inputs] else ((a, b),)
    same(compute(name, *arguments), judge(tensor(a), tensor(b)))


def test_concat():
    xs = (normal(2, 3, 4), normal(2, 1, 4))
    same(compute("concat", xs, axis=1), torch.cat(tuple(map(tensor, xs)), 1))
