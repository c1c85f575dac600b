"""Attention: every query looks at every key it may see, and gets the mean of their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import Shape, Size, product, total
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, common_dtype, fixed_size
from framework.numerics.convolution import widened
from framework.numerics.softmax import softmax
from framework.ops.position import Align, visible
from framework.ops.rules import fits

Empty = Literal["zeros", "nan"]
"""What a query gets that may see no key at all."""


class Attention(Op, name="attention"):
    """Scaled dot-product attention: a mean of the values, weighted by how well keys fit queries.

    weights = softmax(q k^T * scale + mask), y = weights v
    y[..., t, e] = sum over s of weights[..., t, s] * v[..., s, e]; scale = 1/sqrt(d) by default
    Source: Vaswani et al. 2017, equation 1; ONNX Attention-23 (causal: top left).

    A boolean ``keep`` is true where a query may look; a floating-point one is added to the
    scores.  Both may be given with ``causal``; ``align`` says where its diagonal starts when
    there are more keys than queries.  A query that may look nowhere gets zeros, or NaN with
    ``empty: nan`` (as plain softmax and PyTorch before 2.5 have it).
    """

    signature = (
        "q: *lead t d, k: *lead s d, v: *lead s e, keep?<mask>: *keep "
        "-> y: *lead t e, weights: *lead t s"
    )
    category = "attention"

    causal: bool = False
    align: Align = "top_left"
    scale: float | None = None
    empty: Empty = "zeros"

    def derive(self, d: Match) -> dict[str, Any]:
        """There is a key; the mask broadcasts to the scores."""
        require_keys(d, (*d.lead, d.t, d.s))
        return {}

    def compute(
        self, q: Array, k: Array, v: Array, keep: Array | None = None
    ) -> tuple[Array, Array]:
        """Scores, mask, softmax, mean."""
        weights = softmax(self._scores(q, k, keep), -1, masked=self.empty == "zeros")
        y = weights @ widened(v)
        return y.astype(q.dtype, copy=False), weights.astype(q.dtype, copy=False)

    def _scores(self, q: Array, k: Array, keep: Array | None) -> Array:
        factor = q.shape[-1] ** -0.5 if self.scale is None else self.scale
        scores = np.asarray(widened(q) @ widened(k).swapaxes(-1, -2))
        scores *= factor
        if keep is not None and keep.dtype != bool:
            scores += keep
        elif keep is not None:
            scores = np.where(keep, scores, scores.dtype.type(-np.inf))
        if self.causal:
            seen = visible(scores.shape[-2], scores.shape[-1], self.align)
            scores = np.where(seen, scores, scores.dtype.type(-np.inf))
        return scores

    def decompose(self, g: Any, q: Any, k: Any, v: Any, keep: Any = None) -> tuple[Any, Any]:
        """Products, scale, masks, softmax."""
        width, rank = fixed_size(g.shape(q)[-1], "attention"), len(g.shape(k))
        perm = (*range(rank - 2), rank - 1, rank - 2)
        scores = g.matmul(q, g.transpose(k, perm=perm))
        scores = g.scale(scores, by=width**-0.5 if self.scale is None else self.scale)
        if keep is not None and g.dtype(keep) != "bool":
            scores = g.add(scores, keep)
        elif keep is not None:
            scores = g.mask_fill(scores, keep, value=-np.inf)
        if self.causal:
            size, keys = g.shape(scores)[-2:]
            seen = g.causal_mask(size=size, keys=keys, align=self.align)
            scores = g.mask_fill(scores, seen, value=-np.inf)
        weights = g.softmax(scores, axis=-1, masked=self.empty == "zeros")
        return g.matmul(weights, v), weights

    def cost(self, d: Match) -> Cost:
        """Two products; scale, softmax (5) and each mask (1) for each score."""
        scores = product(d.lead) * d.t * d.s
        return Cost(scores * (d.d + d.e), scores * (6 + ("keep" in d) + self.causal))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """No axes in front and several; each mask; more queries than keys and fewer."""
        q, k, v = (2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)
        yield cls(), (5, 4), (7, 4), (7, 6)
        yield cls(), q, k, v, Sample((5, 7), "bool")
        yield cls(), q, k, v, Sample((2, 1, 1, 7), "bool")
        yield cls(causal=True), q, k, v, Sample((3, 5, 1), "bool")
        yield cls(causal=True, align="bottom_right"), (2, 6, 4), (2, 3, 4), (2, 3, 5)
        yield cls(scale=0.3), q, k, v, (2, 3, 5, 7)
        yield cls(empty="nan", causal=True), (2, 5, 4), (2, 6, 4), (2, 6, 3), (5, 6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Equal scores average the visible values, so these can be checked by hand."""
        q, k, v = np.zeros((2, 1)), np.zeros((3, 1)), np.array([[1.0], [2.0], [6.0]])
        third, half = [1 / 3] * 3, [1 / 2, 1 / 2, 0]
        yield cls(), (q, k, v, None), ([[3], [3]], [third, third])
        yield cls(causal=True), (q, k, v, None), ([[1], [1.5]], [[1, 0, 0], half])
        low = cls(causal=True, align="bottom_right")
        yield low, (q, k, v, None), ([[1.5], [3]], [half, third])
        nothing = np.array([[True, True, False], [False, False, False]])
        yield cls(), (q, k, v, nothing), ([[1.5], [0]], [half, [0, 0, 0]])
        added = np.where(nothing, 0.0, -np.inf)
        yield cls(), (q, k, v, added), ([[1.5], [0]], [half, [0, 0, 0]])
        lost = [np.nan] * 3
        yield cls(empty="nan"), (q, k, v, nothing), ([[1.5], [np.nan]], [half, lost])
        yield cls(empty="nan"), (q, k, v, added), ([[1.5], [np.nan]], [half, lost])
        fewer = cls(causal=True, align="bottom_right")
        yield fewer, (k, q, v[:2], None), ([[0], [1], [1.5]], [[0, 0], [1, 0], [0.5, 0.5]])
        # exp(log 3) = 3 against exp(0) = 1, once the scale is applied
        q, k = np.array([[2.0]]), np.array([[np.log(3.0)], [0.0]])
        yield cls(scale=0.5), (q, k, v[1:], None), ([[3]], [[0.75, 0.25]])
        wide = np.array([[np.log(3.0), 0, 0, 0]]), np.array([[2.0, 0, 0, 0], [0, 0, 0, 0]])
        yield cls(), (*wide, v[1:], None), ([[3]], [[0.75, 0.25]])


def require_keys(d: Match, scores: Shape) -> None:
    """There is a key to look at; the mask has a fitting dtype and does not widen the scores."""
    d.require("<=", 1, scores[-1], "1 and the number of keys")
    if "keep" not in d:
        return
    fits(d, d.keep, scores, "keep")
    mask, query = d.types["keep"], d.types["q"]
    if isinstance(mask, TensorType) and isinstance(query, TensorType):
        common_dtype([("q", query.dtype)] + [("keep", mask.dtype)] * (mask.dtype != "bool"))


class MultiHeadAttention(Op, name="multi_head_attention"):
    """Attention in several subspaces at once: project, attend in each head, project back.

    head_i = attention(q Wq_i + bq_i, k Wk_i + bk_i, v Wv_i + bv_i), y = [head_1 ... head_n] Wo + bo
    Source: Vaswani et al. 2017, section 3.2.2; PyTorch nn.MultiheadAttention (kdim, vdim).

    ``width`` is the sum of the widths of all heads (default: that of q), ``out`` the width of
    the result (default: that of q).  Weights are [out, in]; head i has the rows from
    i*width/heads on.  The mask broadcasts to [batch, heads, queries, keys].
    """

    signature = (
        "q: b t dq, k: b s dk, v: b s dv, keep?<mask>: *keep, "
        "q.weight~: width dq, q.bias~?: width, k.weight~: width dk, k.bias~?: width, "
        "v.weight~: width dv, v.bias~?: width, out.weight~: out width, out.bias~?: out "
        "-> y: b t out, weights: b heads t s"
    )
    category = "attention"
    main = "heads"
    initial = {f"{part}.weight": "xavier_uniform" for part in ("q", "k", "v", "out")} | {
        f"{part}.bias": "zeros" for part in ("q", "k", "v", "out")
    }

    heads: int
    bias: bool = True
    causal: bool = False
    width: int | None = None
    out: int | None = None
    align: Align = "top_left"
    empty: Empty = "zeros"

    def check(self) -> None:
        """There is a head."""
        if self.heads < 1:
            raise Mistake(f"multi_head_attention with {self.heads} heads; expected at least 1")

    def has_slot(self, slot: str) -> bool:
        """All four biases, or none."""
        return self.bias

    def derive(self, d: Match) -> dict[str, Any]:
        """The heads share the width equally; the mask broadcasts to the scores."""
        self.check()
        width: Size = d.dq if self.width is None else self.width
        d.require("divisible", width, self.heads, "width and heads")
        require_keys(d, (d.b, self.heads, d.t, d.s))
        return {"width": width, "out": d.dq if self.out is None else self.out}

    @property
    def _attention(self) -> Attention:
        return Attention(causal=self.causal, align=self.align, empty=self.empty)

    def compute(
        self, q: Array, k: Array, v: Array, keep: Array | None, *parameters: Array | None
    ) -> tuple[Array, Array]:
        """Three projections, attention in each head, one more projection."""
        maps = pairs(parameters)
        queries, keys, values = (
            self._heads(projected(x, *pair)) for x, pair in zip((q, k, v), maps, strict=False)
        )
        y, weights = self._attention.compute(queries, keys, values, keep)
        merged = y.swapaxes(1, 2).reshape(*q.shape[:2], self.heads * y.shape[-1])
        mixed = projected(merged, *maps[-1])
        return mixed.astype(q.dtype, copy=False), weights.astype(q.dtype, copy=False)

    def _heads(self, x: Array) -> Array:
        """[b, t, n*d] as [b, n, t, d]."""
        batch, length, width = x.shape
        return x.reshape(batch, length, self.heads, width // self.heads).swapaxes(1, 2)

    def decompose(
        self, g: Any, q: Any, k: Any, v: Any, keep: Any, *parameters: Any
    ) -> tuple[Any, Any]:
        """Linear maps, rearranged into heads, attention, rearranged back."""
        heads = []
        for x, (weight, bias) in zip((q, k, v), pairs(parameters), strict=False):
            flat = opened_linear(g, x, weight, bias)
            split = (("h", self.heads),)
            heads.append(g.rearrange(flat, pattern="b t (h d) -> b h t d", sizes=split))
        options = {"causal": self.causal, "align": self.align, "empty": self.empty}
        y, weights = g.attention(*heads, keep, **options)
        merged = g.rearrange(y, pattern="b h t d -> b t (h d)")
        return opened_linear(g, merged, *pairs(parameters)[-1]), weights

    def cost(self, d: Match) -> Cost:
        """Four projections and the attention of all heads."""
        scores = d.b * self.heads * d.t * d.s
        masks = ("keep" in d) + self.causal
        attention = Cost(2 * d.b * d.t * d.s * d.width, scores * (6 + masks))
        rows = ((d.t, d.dq, d.width), (d.s, d.dk, d.width), (d.s, d.dv, d.width))
        products = total(t * c * o for t, c, o in (*rows, (d.t, d.width, d.out)))
        biases = total(t * o for t, _, o in rows) + d.t * d.out if self.bias else 0
        return attention + Cost(d.b * products, d.b * biases)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Self-attention sizes, different widths, each mask."""
        yield cls(heads=2), (3, 5, 6), (3, 5, 6), (3, 5, 6)
        yield cls(heads=3, bias=False), (2, 4, 6), (2, 5, 7), (2, 5, 8), Sample((4, 5), "bool")
        yield cls(2, width=8, out=9), (3, 4, 6), (3, 5, 7), (3, 5, 11), Sample((3, 1, 1, 5), "bool")
        yield cls(heads=2, causal=True, empty="nan"), (3, 4, 6), (3, 5, 6), (3, 5, 6), (4, 5)
        last = cls(heads=2, causal=True, align="bottom_right")
        yield last, (3, 5, 6), (3, 4, 6), (3, 4, 6), (3, 2, 5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Zero queries average the values; each head sees its own half of the width."""
        q, v = np.zeros((1, 1, 2)), np.array([[[1.0, 10.0], [3.0, 30.0]]])
        one, twice = np.eye(2), np.array([[2.0, 0.0], [1.0, 1.0]])
        plain = (one, None, one, None, one, None, twice, None)
        even = [[[[0.5, 0.5]], [[0.5, 0.5]]]]
        yield cls(heads=2, bias=False), (q, v, v, None, *plain), ([[[4, 22]]], even)
        # With the bias (log 3, 0) on q, head 0 prefers key 0 by 3 to 1; head 1 does not.
        k = np.array([[[1.0, 5.0], [0.0, 7.0]]])
        pull, zero = np.array([np.log(3.0), 0.0]), np.zeros(2)
        biased = (one, pull, one, zero, one, np.array([0.0, 1.0]), one, np.array([100.0, 0.0]))
        shares = [[[[0.75, 0.25]], [[0.5, 0.5]]]]
        yield cls(heads=2), (q, k, v, None, *biased), ([[[101.5, 21]]], shares)


Pair = tuple[Any, Any]


def pairs(parameters: tuple[Any, ...]) -> list[Pair]:
    """(weight, bias) of q, k, v and out; biases are None where there are none."""
    return list(zip(parameters[0::2], parameters[1::2], strict=True))


def projected(x: Array, weight: Array, bias: Array | None) -> Array:
    """``x @ weight.T + bias``, in at least float32."""
    y = np.asarray(widened(x) @ widened(weight).T)
    return y if bias is None else np.asarray(y + bias)


def opened_linear(g: Any, x: Any, weight: Any, bias: Any) -> Any:
    """The same as an operator."""
    return g.linear(x, weight, bias, out=g.shape(weight)[0], bias=bias is not None)
