"""Attention: every query looks at every key it may see, and gets the mean of their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.ir.cost import Product, cost_of
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, fixed_size
from framework.numerics.attention import Normalizer, shared_product
from framework.numerics.convolution import widened
from framework.ops.attending import (
    Attending,
    Empty,
    Stage,
    past_keys,
    require_heads,
    require_keys,
    split_product,
)
from framework.ops.position import Align

RESULTS = ("y", "weights", "present_k", "present_v")
"""Names of the results; the last two are there where past keys are given."""


class Attention(Op, name="attention"):
    """Scaled dot-product attention: a mean of the values, weighted by how well keys fit queries.

    weights = softmax(q k^T * scale + mask), y = weights v
    y[..., t, e] = sum over s of weights[..., t, s] * v[..., s, e]; scale = 1/sqrt(d) by default
    Source: Vaswani et al. 2017, equation 1; ONNX Attention-25 (causal: top left).

    A boolean ``keep`` is true where a query may look; a floating-point one is added to the
    scores.  Both may be given with ``causal``; ``align`` says where its diagonal starts when
    there are more keys than queries.  A query that may look nowhere gets zeros, or NaN with
    ``empty: nan`` (as plain softmax and PyTorch before 2.5 have it).

    ``left_window`` and ``right_window`` let a query see that many positions to either side
    (Beltagy et al. 2020).  ``softcap`` replaces scores by softcap * tanh(scores / softcap)
    before the masks (Gemma 2).  ``normalizer`` may be relu (weights = max(scores, 0)) or
    sigmoid, neither of which makes weights sum to 1.  ``grouped`` lets head h of H look at head
    h // (H/G) of the G heads of k and v: grouped and multi-query attention.

    ``past_k`` and ``past_v`` are keys and values of earlier calls, put before the new ones;
    present_k and present_v are then two more results.  With top_left query 0 stands at the
    first new key.  ``lengths`` has the number of valid keys of each sequence of the batch;
    with bottom_right the last query stands at the last valid key.  ``stage`` says what the
    second result shows: the weights, or the scores plain, capped, or masked.
    """

    signature = (
        "q: *lead t d, k: *shared s d, v: *shared s e, keep?<mask>: *keep, "
        "past_k?: *shared past d, past_v?: *shared past e, lengths?<int>: *lengths "
        "-> y: *lead t e, weights: *lead t keys, present+: *present"
    )
    category = "attention"

    causal: bool = False
    align: Align = "top_left"
    scale: float | None = None
    empty: Empty = "zeros"
    grouped: bool = False
    left_window: int | None = None
    right_window: int | None = None
    softcap: float | None = None
    normalizer: Normalizer = "softmax"
    stage: Stage = "weights"

    def check(self) -> None:
        """Cap and windows have a meaning."""
        self._attending.check("attention")

    def derive(self, d: Match) -> dict[str, Any]:
        """There is a key; heads fit; the mask broadcasts to the scores."""
        self.check()
        keys = past_keys(d) + d.s
        require_heads(d, d.lead, d.shared, self.grouped)
        require_keys(d, (*d.lead, d.t, keys))
        whole = ((*d.shared, keys, d.d), (*d.shared, keys, d.e))
        return {"keys": keys, "present": whole if "past_k" in d else ()}

    def output_names(self, count: int) -> tuple[str, ...]:
        """y, weights, and what a next call takes as its past."""
        return RESULTS[:count]

    @property
    def _attending(self) -> Attending:
        return Attending.of(self)

    def compute(
        self, q: Array, k: Array, v: Array, keep: Array | None = None,
        past_k: Array | None = None, past_v: Array | None = None, lengths: Array | None = None,
    ) -> tuple[Array, ...]:  # fmt: skip
        """Scores, cap, masks, normaliser, mean."""
        past = 0 if past_k is None else past_k.shape[-2]
        present: tuple[Array, ...] = ()
        if past_k is not None and past_v is not None:
            k, v = np.concatenate((past_k, k), -2), np.concatenate((past_v, v), -2)
            present = (k, v)
        factor = q.shape[-1] ** -0.5 if self.scale is None else self.scale
        scores = shared_product(widened(q), widened(k).swapaxes(-1, -2))
        scores *= factor
        y, shown = self._attending.compute(scores, v, keep, lengths, past)
        return y.astype(q.dtype, copy=False), shown.astype(q.dtype, copy=False), *present

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Blocks of queries and keys; the weights are made only where somebody wants them."""
        from framework.ops.attention_kernel import attention_kernel  # to check a model takes none

        return attention_kernel(self, self._attending, self.scale, types, how)

    def decompose(
        self, g: Any, q: Any, k: Any, v: Any, keep: Any = None,
        past_k: Any = None, past_v: Any = None, lengths: Any = None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Products, scale, cap, masks, normaliser."""
        present: tuple[Any, ...] = ()
        if past_k is not None:
            k, v = g.concat(past_k, k, axis=-2), g.concat(past_v, v, axis=-2)
            present = (k, v)
        width, rank = fixed_size(g.shape(q)[-1], "attention"), len(g.shape(k))
        turned = g.transpose(k, perm=(*range(rank - 2), rank - 1, rank - 2))
        scores = split_product(g, q, turned)
        scores = g.scale(scores, by=width**-0.5 if self.scale is None else self.scale)
        past = 0 if past_k is None else g.shape(past_k)[-2]
        return *self._attending.decompose(g, scores, v, keep, lengths, past), *present

    def cost(self, d: Match) -> Cost:
        """Two products; scale, softmax (5), cap (3) and each mask (1) for each score."""
        heads = product(d.lead)
        compared = Product(heads, d.t, d.d, d.keys)
        blended = Product(heads, d.t, d.keys, d.e)
        scores = heads * d.t * d.keys
        return cost_of((compared, blended), scores * (1 + self._attending.steps(d)))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """No axes in front and several; each mask; more queries than keys and fewer; caches."""
        q, k, v = (2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)
        yield cls(), (5, 4), (7, 4), (7, 6)
        yield cls(), q, k, v, Sample((5, 7), "bool")
        yield cls(), q, k, v, Sample((2, 1, 1, 7), "bool")
        yield cls(causal=True), q, k, v, Sample((3, 5, 1), "bool")
        yield cls(causal=True, align="bottom_right"), (2, 6, 4), (2, 3, 4), (2, 3, 5)
        yield cls(scale=0.3), q, k, v, (2, 3, 5, 7)
        yield cls(empty="nan", causal=True), (2, 5, 4), (2, 6, 4), (2, 6, 3), (5, 6)
        yield cls(normalizer="relu", left_window=1, right_window=2), q, k, v
        yield cls(normalizer="sigmoid", softcap=2.0, stage="capped"), q, k, v
        many, one = (2, 6, 5, 4), (2, 1, 7, 4)
        yield cls(grouped=True, stage="scores"), many, (2, 3, 7, 4), (2, 3, 7, 8)
        yield cls(grouped=True, causal=True), many, one, one, None, (2, 1, 9, 4), (2, 1, 9, 4)
        past = (2, 3, 8, 4), (2, 3, 8, 6)
        yield cls(left_window=3, causal=True, stage="masked"), q, k, v, (5, 15), *past
        lengths = Sample((2,), "int64", high=8)
        yield cls(), q, k, v, None, None, None, lengths
        low = cls(causal=True, align="bottom_right")
        yield low, q, k, v, Sample((5, 7), "bool"), None, None, lengths

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Equal scores average the visible values, so these can be checked by hand."""
        yield from mask_goldens(cls)
        yield from more_goldens(cls)


Golden = tuple[Op, tuple[Any, ...], Any]


def mask_goldens(cls: type[Attention]) -> Iterator[Golden]:
    """Masks, alignment, queries that see nothing, scale."""
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


def more_goldens(cls: type[Attention]) -> Iterator[Golden]:
    """Windows, other normalisers, cap, stages, shared heads, past keys, lengths."""
    q, k, v = np.zeros((3, 1)), np.zeros((3, 1)), np.array([[1.0], [2.0], [6.0]])
    half, last = [1 / 2, 1 / 2, 0], [0, 1 / 2, 1 / 2]
    near = cls(causal=True, left_window=1)
    yield near, (q, k, v), ([[1], [1.5], [4]], [[1, 0, 0], half, last])
    ahead = cls(left_window=0, right_window=1)
    yield ahead, (q, k, v), ([[1.5], [4], [6]], [half, last, [0, 0, 1]])
    # scores 2 and -1: rectified they weigh 2 and 0; the mask makes the first 0 as well
    x, two = np.array([[1.0]]), np.array([[2.0], [-1.0]])
    yield cls(normalizer="relu"), (x, two, v[1:]), ([[4]], [[2, 0]])
    unseen = np.array([[False, True]])
    yield cls(normalizer="relu"), (x, two, v[1:], unseen), ([[0]], [[0, 0]])
    even = np.array([[0.0], [np.log(3.0)]])
    yield cls(normalizer="sigmoid"), (x, even, v[1:]), ([[1 + 4.5]], [[0.5, 0.75]])
    # scores 100 and -100 are capped to 0.5 and -0.5: weights e : 1
    capped, e = cls(softcap=0.5, stage="capped"), np.e
    far = np.array([[100.0], [-100.0]])
    yield capped, (x, far, v[:2]), ([[(e + 2) / (e + 1)]], [[0.5, -0.5]])
    yield cls(stage="masked"), (x, even, v[1:], unseen), ([[6]], [[-np.inf, np.log(3.0)]])
    yield cls(stage="scores"), (x, even, v[1:], unseen), ([[6]], even.T)
    # four heads of one query, two heads of one key: 1, 1, 2, 2
    few = np.array([[[1.0]], [[2.0]]])
    yield cls(grouped=True), (np.zeros((4, 1, 1)), few, few), (
        [[[1]], [[1]], [[2]], [[2]]], [[[1]]] * 4
    )  # fmt: skip
    # two past keys: query 0 stands at key 2 and sees three keys, query 1 sees all four
    old, new = (q[:2], np.array([[4.0], [8.0]])), (k[:2], v[:2])
    merged = [[0]] * 4, [[4], [8], [1], [2]]
    third = [1 / 3, 1 / 3, 1 / 3, 0]
    yield cls(causal=True), (q[:2], *new, None, *old), (
        [[13 / 3], [15 / 4]], [third, [1 / 4] * 4], *merged
    )  # fmt: skip
    # lengths 2 and 0 of 3 keys; with bottom_right the last of two queries sees both
    pair = np.zeros((2, 2, 1)), np.zeros((2, 3, 1)), np.stack([v, v])
    count = (None, None, None, np.array([2, 0]))
    yield cls(), (*pair, *count), ([[[1.5]] * 2, [[0]] * 2], [[half] * 2, [[0, 0, 0]] * 2])
    low = cls(causal=True, align="bottom_right")
    yield low, (*pair, *count), ([[[1], [1.5]], [[0]] * 2], [[[1, 0, 0], half], [[0, 0, 0]] * 2])
