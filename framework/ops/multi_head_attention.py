"""Attention in several heads, with the projections before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.cost import Product, cost_of
from framework.ir.dims import Size, total
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.numerics.attention import Normalizer, additive_scores
from framework.numerics.convolution import widened
from framework.ops.attending import Attending, Empty, Stage, past_keys, require_keys
from framework.ops.attention import RESULTS, Attention
from framework.ops.position import Align

PARTS = ("q", "k", "v", "out")


class MultiHeadAttention(Op, name="multi_head_attention"):
    """Attention in several subspaces at once: project, attend in each head, project back.

    head_i = attention(q Wq_i + bq_i, k Wk_i + bk_i, v Wv_i + bv_i), y = [head_1 ... head_n] Wo + bo
    Source: Vaswani et al. 2017, section 3.2.2; PyTorch nn.MultiheadAttention (kdim, vdim).

    ``width`` is the sum of the widths of all heads (default: that of q), ``out`` the width of
    the result (default: that of q).  Weights are [out, in]; head i has the rows from
    i*width/heads on.  The mask broadcasts to [batch, heads, queries, keys].

    With fewer ``kv_heads`` several heads share a head of k and v (grouped and multi-query
    attention, Ainslie et al. 2023).  ``score: additive`` compares by the sum over the head of
    score.weight * tanh(q + k) instead of a product (Bahdanau et al. 2015).  ``past_k`` and
    ``past_v`` are projected keys and values [batch, kv_heads, past, width/heads] of earlier
    calls.  What remains is as in `attention`.
    """

    signature = (
        "q: b t dq, k: b s dk, v: b s dv, keep?<mask>: *keep, past_k?: b group past head, "
        "past_v?: b group past head, lengths?<int>: b, "
        "q.weight~: width dq, q.bias~?: width, k.weight~: shared dk, k.bias~?: shared, "
        "v.weight~: shared dv, v.bias~?: shared, out.weight~: out width, out.bias~?: out, "
        "score.weight~?: heads head "
        "-> y: b t out, weights: b heads t keys, present+: *present"
    )
    category = "attention"
    main = "heads"
    initial = (
        {f"{part}.weight": "xavier_uniform" for part in PARTS}
        | {f"{part}.bias": "zeros" for part in PARTS}
        | {"score.weight": "xavier_uniform"}
    )

    heads: int
    bias: bool = True
    causal: bool = False
    width: int | None = None
    out: int | None = None
    align: Align = "top_left"
    empty: Empty = "zeros"
    kv_heads: int | None = None
    score: Literal["dot", "additive"] = "dot"
    scale: float | None = None
    left_window: int | None = None
    right_window: int | None = None
    softcap: float | None = None
    normalizer: Normalizer = "softmax"
    stage: Stage = "weights"

    def check(self) -> None:
        """There is a head, and heads share evenly; a scale belongs to a product."""
        for name, count in (("heads", self.heads), ("kv_heads", self.groups)):
            if count < 1:
                raise Mistake(f"multi_head_attention with {count} {name}; expected at least 1")
        if self.heads % self.groups:
            raise Mistake(
                f"multi_head_attention with {self.heads} heads and {self.groups} kv_heads; "
                f"{self.heads} must be divisible by {self.groups}"
            )
        if self.score == "additive" and self.scale is not None:
            raise Mistake(f"scale {self.scale} has no meaning with score additive")
        self.attending.check("multi_head_attention")

    @property
    def groups(self) -> int:
        """Number of heads of k and v."""
        return self.heads if self.kv_heads is None else self.kv_heads

    def has_slot(self, slot: str) -> bool:
        """All four biases, or none."""
        return self.score == "additive" if slot == "score.weight" else self.bias

    def derive(self, d: Match) -> dict[str, Any]:
        """The heads share the width equally; the mask broadcasts to the scores."""
        self.check()
        width: Size = d.dq if self.width is None else self.width
        d.require("divisible", width, self.heads, "width and heads")
        head, keys = width // self.heads, past_keys(d) + d.s
        if "past_k" in d:
            d.require("==", d.group, self.groups, "heads of past_k and kv_heads")
            d.require("==", d.head, head, "last axis of past_k and width of a head")
        require_keys(d, (d.b, self.heads, d.t, keys))
        whole = (d.b, self.groups, keys, head)
        return {
            "width": width, "out": d.dq if self.out is None else self.out, "head": head,
            "shared": head * self.groups, "keys": keys,
            "present": (whole, whole) if "past_k" in d else (),
        }  # fmt: skip

    def output_names(self, count: int) -> tuple[str, ...]:
        """y, weights, and what a next call takes as its past."""
        return RESULTS[:count]

    @property
    def attending(self) -> Attending:
        """Masks, cap, normaliser."""
        return Attending.of(self)

    @property
    def _dot(self) -> Attention:
        """Attention in each head, where the score is a product."""
        names = [name for name in Attention.fields if name in self.fields]
        return Attention(grouped=True, **{name: getattr(self, name) for name in names})

    def compute(
        self, q: Array, k: Array, v: Array, keep: Array | None, past_k: Array | None,
        past_v: Array | None, lengths: Array | None, *parameters: Array | None,
    ) -> tuple[Array, ...]:  # fmt: skip
        """Three projections, attention in each head, one more projection."""
        maps = pairs(parameters)
        counts = (self.heads, self.groups, self.groups)
        queries, keys, values = (
            split_heads(projected(x, *pair), count)
            for x, pair, count in zip((q, k, v), maps, counts, strict=False)
        )
        rest = (keep, past_k, past_v, lengths)
        if self.score == "dot":
            y, weights, *present = self._dot.compute(queries, keys, values, *rest)
        else:
            y, weights, *present = AdditiveHeads(self, parameters[-1]).compute(
                queries, keys, values, *rest
            )
        merged = y.swapaxes(1, 2).reshape(*q.shape[:2], self.heads * y.shape[-1])
        mixed = projected(merged, *maps[-1])
        return tuple(x.astype(q.dtype, copy=False) for x in (mixed, weights, *present))

    def decompose(
        self, g: Any, q: Any, k: Any, v: Any, keep: Any, past_k: Any, past_v: Any, lengths: Any,
        *parameters: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Linear maps, rearranged into heads, attention, rearranged back."""
        heads = []
        counts = (self.heads, self.groups, self.groups)
        for x, (weight, bias), count in zip((q, k, v), pairs(parameters), counts, strict=False):
            flat = opened_linear(g, x, weight, bias)
            split = (("h", count),)
            heads.append(g.rearrange(flat, pattern="b t (h d) -> b h t d", sizes=split))
        rest = (keep, past_k, past_v, lengths)
        if self.score == "dot":
            y, weights, *present = g.attention(*heads, *rest, **self._dot.values)
        else:
            first, second, third = heads
            added = AdditiveHeads(self, parameters[-1])
            opened = added.decompose(g, first, second, third, *rest)
            y, weights, *present = opened
        merged = g.rearrange(y, pattern="b h t d -> b t (h d)")
        return opened_linear(g, merged, *pairs(parameters)[-1]), weights, *present

    def cost(self, d: Match) -> Cost:
        """Four projections and the attention of all heads."""
        scores = d.b * self.heads * d.t * d.keys
        width = self.heads * d.head
        first = 1 if self.score == "dot" else 2 * d.head
        steps = scores * (first + self.attending.steps(d))
        heads = d.b * self.heads
        compared = Product(heads, d.t, d.head, d.keys)
        blended = Product(heads, d.t, d.keys, d.head)
        sizes = ((d.t, d.dq, width), (d.s, d.dk, d.shared), (d.s, d.dv, d.shared))
        maps = [Product(1, d.b * t, c, o) for t, c, o in (*sizes, (d.t, width, d.out))]
        biases = total(one.rows * one.columns for one in maps) if self.bias else 0
        if self.score == "dot":
            return cost_of((*maps, compared, blended), steps + biases)
        return cost_of((*maps, blended), steps + biases) + Cost(compared.macs)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Self-attention sizes, different widths, each mask, shared heads, caches."""
        yield cls(heads=2), (3, 5, 6), (3, 5, 6), (3, 5, 6)
        yield cls(heads=3, bias=False), (2, 4, 6), (2, 5, 7), (2, 5, 8), Sample((4, 5), "bool")
        yield cls(2, width=8, out=9), (3, 4, 6), (3, 5, 7), (3, 5, 11), Sample((3, 1, 1, 5), "bool")
        yield cls(heads=2, causal=True, empty="nan"), (3, 4, 6), (3, 5, 6), (3, 5, 6), (4, 5)
        last = cls(heads=2, causal=True, align="bottom_right")
        yield last, (3, 5, 6), (3, 4, 6), (3, 4, 6), (3, 2, 5, 4)
        q, k, v = (3, 4, 12), (3, 5, 7), (3, 5, 8)
        yield cls(heads=4, kv_heads=2, left_window=1, right_window=2, stage="masked"), q, k, v
        few = cls(heads=4, kv_heads=1, scale=0.5, softcap=3.0, causal=True)
        yield few, q, k, v, None, (3, 1, 6, 3), (3, 1, 6, 3)
        lengths = None, None, None, Sample((3,), "int64", high=6)
        yield cls(heads=2, score="additive", normalizer="relu"), q, k, v, *lengths
        both = cls(heads=6, kv_heads=2, score="additive", causal=True)
        yield both, q, k, v, Sample((4, 13), "bool"), (3, 2, 8, 2), (3, 2, 8, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Zero queries average the values; each head sees its own half of the width."""
        yield from head_goldens(cls)


def head_goldens(cls: type[MultiHeadAttention]) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
    """Averages, biases, shared heads, additive scores."""
    none = (None,) * 4
    q, v = np.zeros((1, 1, 2)), np.array([[[1.0, 10.0], [3.0, 30.0]]])
    one, twice = np.eye(2), np.array([[2.0, 0.0], [1.0, 1.0]])
    plain = (one, None, one, None, one, None, twice, None, None)
    even = [[[[0.5, 0.5]], [[0.5, 0.5]]]]
    yield cls(heads=2, bias=False), (q, v, v, *none, *plain), ([[[4, 22]]], even)
    # With the bias (log 3, 0) on q, head 0 prefers key 0 by 3 to 1; head 1 does not.
    k = np.array([[[1.0, 5.0], [0.0, 7.0]]])
    pull, zero = np.array([np.log(3.0), 0.0]), np.zeros(2)
    biased = (one, pull, one, zero, one, np.array([0.0, 1.0]), one, np.array([100.0, 0.0]))
    shares = [[[[0.75, 0.25]], [[0.5, 0.5]]]]
    yield cls(heads=2), (q, k, v, *none, *biased, None), ([[[101.5, 21]]], shares)
    # Both heads share the one head of v: its first column, 1 and 3.
    row = np.array([[1.0, 0.0]])
    shared = (one, None, row, None, row, None, one, None, None)
    yield cls(heads=2, kv_heads=1, bias=False), (q, v, v, *none, *shared), ([[[2, 2]]], even)
    # tanh of 0 and of a large number times log 3: weights 1 to 3 in head 0, even in head 1
    far = np.array([[[0.0, 0.0], [50.0, 50.0]]])
    added = (*plain[:6], one, None, np.array([[np.log(3.0)], [0.0]]))
    toward = [[[[0.25, 0.75]], [[0.5, 0.5]]]]
    own = cls(heads=2, bias=False, score="additive")
    yield own, (q, far, v, *none, *added), ([[[2.5, 20]]], toward)


class AdditiveHeads:
    """Attention in each head by the sum of weight * tanh(q + k), weight [heads, head]."""

    def __init__(self, op: MultiHeadAttention, weight: Any) -> None:
        self.op, self.weight = op, weight
        self.shared = op.heads // op.groups

    def compute(
        self, q: Array, k: Array, v: Array, keep: Any, past_k: Any, past_v: Any, lengths: Any
    ) -> tuple[Array, ...]:
        """The same results as `Attention.compute`."""
        present: tuple[Array, ...] = ()
        if past_k is not None:
            k, v = np.concatenate((past_k, k), -2), np.concatenate((past_v, v), -2)
            present = (k, v)
        past = 0 if past_k is None else past_k.shape[-2]
        scores = additive_scores(q, np.repeat(k, self.shared, 1), self.weight, "tanh")
        return *self.op.attending.compute(scores, v, keep, lengths, past), *present

    def decompose(
        self, g: Any, q: Any, k: Any, v: Any, keep: Any, past_k: Any, past_v: Any, lengths: Any
    ) -> tuple[Any, ...]:
        """A broadcast sum, tanh, a product with a column for each head."""
        present: tuple[Any, ...] = ()
        if past_k is not None:
            k, v = g.concat(past_k, k, axis=-2), g.concat(past_v, v, axis=-2)
            present = (k, v)
        past = 0 if past_k is None else g.shape(past_k)[-2]
        split = (("r", self.shared),)
        queries = g.rearrange(q, pattern="b (g r) t d -> b g r t 1 d", sizes=split)
        keys = g.rearrange(k, pattern="b g s d -> b g 1 1 s d")
        column = g.rearrange(self.weight, pattern="(g r) d -> g r 1 d 1", sizes=split)
        scores = g.matmul(g.tanh(g.add(queries, keys)), column)
        scores = g.rearrange(scores, pattern="b g r t s 1 -> b (g r) t s")
        return *self.op.attending.decompose(g, scores, v, keep, lengths, past), *present


Pair = tuple[Any, Any]


def pairs(parameters: tuple[Any, ...]) -> list[Pair]:
    """(weight, bias) of q, k, v and out; biases are None where there are none."""
    return list(zip(parameters[0:8:2], parameters[1:8:2], strict=True))


def split_heads(x: Array, heads: int) -> Array:
    """[b, t, n*d] as [b, n, t, d]."""
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).swapaxes(1, 2)


def projected(x: Array, weight: Array, bias: Array | None) -> Array:
    """``x @ weight.T + bias``, in at least float32."""
    y = np.asarray(widened(x) @ widened(weight).T)
    return y if bias is None else np.asarray(y + bias)


def opened_linear(g: Any, x: Any, weight: Any, bias: Any) -> Any:
    """The same as an operator."""
    return g.linear(x, weight, bias, out=g.shape(weight)[0], bias=bias is not None)
