"""PyTorch judges the variants of attention: heads, masks, windows, caches, positions."""

from __future__ import annotations

import numpy as np
import pytest

import framework.ops
from framework.ir.op import find_op

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAMILIES = framework.ops.__path__
INF = float("inf")


def compute(name, *arrays, **attributes):
    """One operator on arrays."""
    op = find_op(name)(**attributes)
    op.check()
    return op.compute(*arrays)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def tensors(*arrays):
    return [torch.from_numpy(np.array(a)) for a in arrays]


def same(found, expected):
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-9, atol=1e-9)


def qkv(heads=4, groups=4, queries=5, keys=7):
    """Queries, keys and values of different widths."""
    q, k = normal(2, heads, queries, 6), normal(2, groups, keys, 6, seed=1)
    return q, k, normal(2, groups, keys, 3, seed=2)


# ---------------------------------------------------------------------- heads


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("causal", [False, True])
def test_grouped_heads(groups, causal):
    arrays = qkv(6, groups)
    theirs = F.scaled_dot_product_attention(*tensors(*arrays), is_causal=causal, enable_gqa=True)
    same(compute("attention", *arrays, grouped=True, causal=causal)[0], theirs)


@pytest.mark.parametrize("groups", [1, 2])
def test_multi_head_attention_with_shared_heads(groups):
    x, maps = normal(2, 5, 8), [normal(o, 8, seed=o) for o in (8, 2 * groups, 2 * groups, 8)]
    q, k, v = (
        (tensors(x)[0] @ tensors(m)[0].T).unflatten(-1, (-1, 2)).transpose(1, 2) for m in maps[:3]
    )
    mixed = F.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2).flatten(2)
    weights = [given for m in maps for given in (m, None)]
    ours = compute(
        "multi_head_attention", x, x, x, *(None,) * 4, *weights, None,
        heads=4, kv_heads=groups, bias=False,
    )  # fmt: skip
    same(ours[0], mixed @ tensors(maps[3])[0].T)


# ---------------------------------------------------------------------- masks


@pytest.mark.parametrize(("left", "right"), [(0, 0), (2, 0), (1, 2), (None, 1), (3, None)])
def test_windows(left, right):
    arrays = qkv()
    gap = torch.arange(7) - torch.arange(5)[:, None]
    keep = (gap >= -(9 if left is None else left)) & (gap <= (9 if right is None else right))
    theirs = F.scaled_dot_product_attention(*tensors(*arrays), attn_mask=keep)
    same(compute("attention", *arrays, left_window=left, right_window=right)[0], theirs)


def test_key_padding():
    arrays, lengths = qkv(), np.array([3, 7])
    keep = torch.arange(7) < torch.from_numpy(lengths)[:, None, None, None]
    theirs = F.scaled_dot_product_attention(*tensors(*arrays), attn_mask=keep)
    same(compute("attention", *arrays, None, None, None, lengths)[0], theirs)


@pytest.mark.parametrize("soft", [0.5, 3.0])
def test_soft_cap(soft):
    q, k, v = arrays = qkv()
    a, b, c = tensors(q, k, v)
    scores = soft * torch.tanh(a @ b.mT / 6**0.5 / soft)
    seen = torch.ones(5, 7, dtype=torch.bool).tril()
    theirs = scores.masked_fill(~seen, -INF).softmax(-1) @ c
    same(compute("attention", *arrays, softcap=soft, causal=True)[0], theirs)


@pytest.mark.parametrize(("name", "judge"), [("relu", torch.relu), ("sigmoid", torch.sigmoid)])
def test_other_normalizers(name, judge):
    q, k, v = arrays = qkv()
    a, b, c = tensors(q, k, v)
    same(compute("attention", *arrays, normalizer=name)[0], judge(a @ b.mT / 6**0.5) @ c)


@pytest.mark.parametrize("window", [None, 2])
def test_steps_with_past_keys_are_one_causal_attention(window):
    q, k, v = arrays = qkv(queries=7)
    whole = compute("attention", *arrays, causal=True, left_window=window)[0]
    old = k[:, :, :4], v[:, :, :4]
    new = q[:, :, 4:], k[:, :, 4:], v[:, :, 4:]
    y, _, keys, values = compute("attention", *new, None, *old, causal=True, left_window=window)
    np.testing.assert_allclose(y, whole[:, :, 4:], rtol=1e-12)
    np.testing.assert_array_equal(keys, k)
    np.testing.assert_array_equal(values, v)


# ---------------------------------------------------------------------- additive scores


@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu"])
def test_additive_attention_over_the_neighbours_of_a_graph(activation):
    x, edges = normal(6, 4), normal(6, 6) > 0
    left, right, weight = normal(5, 4, seed=1), normal(5, 4, seed=2), normal(5, seed=3)
    a, b, c, d = tensors(x, left, right, weight)
    bend = {"tanh": torch.tanh, "relu": F.relu, "leaky_relu": lambda z: F.leaky_relu(z, 0.2)}
    scores = bend[activation]((a @ b.T)[:, None] + (a @ c.T)[None]) @ d
    theirs = scores.masked_fill(~tensors(edges)[0], -INF).softmax(-1).nan_to_num() @ a
    maps = (left, right, None, weight)
    ours = compute("additive_attention", x, x, x, edges, *maps, hidden=5, activation=activation)
    same(ours[0], theirs)


# ---------------------------------------------------------------------- positions


def test_interleaved_rotary_is_a_product_of_complex_numbers():
    x = normal(2, 3, 7, 6)
    speed = 10000.0 ** (-torch.arange(3, dtype=torch.float64) / 3)
    turns = torch.outer(torch.arange(7.0, dtype=torch.float64), speed)
    pairs = torch.view_as_complex(tensors(x)[0].unflatten(-1, (3, 2)).contiguous())
    theirs = torch.view_as_real(pairs * torch.polar(torch.ones_like(turns), turns)).flatten(-2)
    same(compute("rotary", x, pairing="interleaved"), theirs)


def test_rotary_in_halves_is_that_of_llama():
    x, positions = normal(2, 3, 5, 8), np.array([[4, 0, 2, 9, 1]])
    a, at = tensors(x, positions)
    speed = 1.0 / 500.0 ** (torch.arange(0, 8, 2, dtype=torch.float64) / 8)
    angles = torch.cat([at[..., None] * speed] * 2, -1)
    turned = torch.cat((-a[..., 4:], a[..., :4]), -1)
    theirs = a * angles.cos() + turned * angles.sin()
    same(compute("rotary", x, positions, base=500.0), theirs)


def test_scores_of_rotated_vectors_depend_on_distances_only():
    q, k = normal(1, 8), normal(1, 8, seed=1)
    near = [compute("rotary", x, offset=at) for x, at in ((q, 3), (k, 5))]
    far = [compute("rotary", x, offset=at) for x, at in ((q, 103), (k, 105))]
    np.testing.assert_allclose(near[0] @ near[1].T, far[0] @ far[1].T, rtol=1e-9)


def authors_buckets(ahead, both, buckets, most):
    """The buckets of T5, in float32 as its authors compute them."""
    found = 0
    if both:
        buckets //= 2
        found = (ahead > 0).long() * buckets
        ahead = ahead.abs()
    else:
        ahead = -torch.minimum(ahead, torch.zeros_like(ahead))
    near = buckets // 2
    share = torch.log(ahead.float() / near) / np.log(most / near)
    far = (near + (share * (buckets - near)).long()).clamp(max=buckets - 1)
    return found + torch.where(ahead < near, ahead, far)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("buckets", "most"), [(32, 128), (16, 100), (64, 512)])
def test_buckets_of_relative_bias(both, buckets, most):
    table = normal(buckets, 3)
    bias = {"buckets": buckets, "max_distance": most, "bidirectional": both}
    ours = compute("relative_bias", table, heads=3, size=5, keys=600, offset=300, **bias)
    ahead = torch.arange(600) - 300 - torch.arange(5)[:, None]
    rows = authors_buckets(ahead, both, buckets, most)
    same(ours, tensors(table)[0][rows].permute(2, 0, 1))


def test_window_bias_is_that_of_swin():
    table, (height, width) = normal(7 * 5, 2), (4, 3)
    places = torch.stack(
        torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ).flatten(1)
    gap = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0)
    rows = (gap[..., 0] + height - 1) * (2 * width - 1) + gap[..., 1] + width - 1
    theirs = tensors(table)[0][rows.flatten()].view(12, 12, 2).permute(2, 0, 1)
    same(compute("window_bias", table, heads=2, window=(4, 3)), theirs)


# ---------------------------------------------------------------------- linear attention


def test_linear_attention_is_attention_without_softmax():
    q, k, v = arrays = qkv(queries=7)
    a, b, c = tensors(q, k, v)
    same(compute("linear_attention", *arrays)[0], (a @ b.mT).tril() @ c / 6**0.5)
    same(compute("linear_attention", *arrays)[1], b.mT @ c)


@pytest.mark.parametrize("causal", [True, False])
def test_linear_attention_of_katharopoulos(causal):
    q, k, v = arrays = qkv(queries=7)
    a, b, c = (F.elu(x) + 1 if i < 2 else x for i, x in enumerate(tensors(q, k, v)))
    fits = (a @ b.mT).tril() if causal else a @ b.mT
    theirs = fits @ c / fits.sum(-1, keepdim=True)
    ours = compute("linear_attention", *arrays, causal=causal, feature="elu", normalize=True)
    same(ours[0], theirs)


def test_gated_delta_rule_step_by_step():
    q, k, v = arrays = qkv(6, 3, queries=5, keys=5)
    decay, beta = -np.abs(normal(2, 3, 5, 1)), np.abs(normal(2, 3, 5, 1, seed=5))
    a, b, c, g, r = tensors(q, k, v, decay, beta)
    state, rows = torch.zeros(2, 3, 6, 3, dtype=torch.float64), []
    for t in range(5):
        state = g[:, :, t].exp()[..., None] * state
        new = r[:, :, t] * (c[:, :, t] - torch.einsum("bhde,bhd->bhe", state, b[:, :, t]))
        state = state + torch.einsum("bhd,bhe->bhde", b[:, :, t], new)
        read = state.repeat_interleave(2, 1)
        rows.append(torch.einsum("bhd,bhde->bhe", a[:, :, t], read) / 6**0.5)
    y, last = compute("linear_attention", *arrays, None, decay, beta, grouped=True)
    same(y, torch.stack(rows, 2))
    same(last, state)


def test_linear_attention_goes_on_from_its_last_state():
    q, k, v = qkv(queries=7)
    whole, last = compute("linear_attention", q, k, v)
    start, state = compute("linear_attention", q[:, :, :4], k[:, :, :4], v[:, :, :4])
    rest, end = compute("linear_attention", q[:, :, 4:], k[:, :, 4:], v[:, :, 4:], state)
    np.testing.assert_allclose(np.concatenate((start, rest), 2), whole, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(end, last, rtol=1e-9)
