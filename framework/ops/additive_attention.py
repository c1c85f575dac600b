"""Attention whose scores come from a small network instead of a product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import product, total
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.numerics.attention import SLOPE, Bend, Normalizer, additive_scores
from framework.ops.attending import Attending, Empty, require_heads, require_keys
from framework.ops.multi_head_attention import opened_linear, projected
from framework.ops.position import Align


class AdditiveAttention(Op, name="additive_attention"):
    """Attention by additive scores: a layer of hidden units compares each query with each key.

    scores[t, s] = sum over h of score.weight[h] * tanh((Wq q[t] + Wk k[s] + bias)[h])
    y[..., t, e] = sum over s of softmax(scores)[..., t, s] * v[..., s, e]
    Source: Bahdanau et al. 2015, appendix A.1.2; with ``activation: leaky_relu`` (slope 0.2) and
    neighbours as ``keep``, the graph attention of Brody et al. 2022 (GATv2), equation 7.

    Wq is ``q.weight`` [hidden, width of q], Wk is ``k.weight`` [hidden, width of k].  ``keep``,
    ``causal``, ``align``, ``normalizer`` and ``empty`` are those of `attention`.
    """

    signature = (
        "q: *lead t dq, k: *shared s dk, v: *shared s e, keep?<mask>: *keep, "
        "q.weight~: hidden dq, k.weight~: hidden dk, bias~?: hidden, score.weight~: hidden "
        "-> y: *lead t e, weights: *lead t s"
    )
    category = "attention"
    main = "hidden"
    initial = {
        "q.weight": "xavier_uniform",
        "k.weight": "xavier_uniform",
        "bias": "zeros",
        "score.weight": {"normal": 0.02},
    }

    hidden: int
    bias: bool = False
    activation: Bend = "tanh"
    causal: bool = False
    align: Align = "top_left"
    normalizer: Normalizer = "softmax"
    empty: Empty = "zeros"

    def check(self) -> None:
        """There is a hidden unit."""
        if self.hidden < 1:
            raise Mistake(f"additive_attention with {self.hidden} hidden units; expected 1 or more")

    def derive(self, d: Match) -> dict[str, Any]:
        """There is a key; the mask broadcasts to the scores."""
        self.check()
        require_heads(d, d.lead, d.shared, grouped=False)
        require_keys(d, (*d.lead, d.t, d.s))
        return {}

    @property
    def _attending(self) -> Attending:
        return Attending(self.causal, self.align, normalizer=self.normalizer, empty=self.empty)

    def compute(
        self, q: Array, k: Array, v: Array, keep: Array | None, *parameters: Any
    ) -> tuple[Array, Array]:
        """Two projections, scores, masks, normaliser, mean."""
        left, right, bias, weight = parameters
        queries, keys = projected(q, left, bias), projected(k, right, None)
        scores = additive_scores(queries, keys, weight, self.activation)
        y, weights = self._attending.compute(scores, v, keep, None, 0)
        return y.astype(q.dtype, copy=False), weights.astype(q.dtype, copy=False)

    def decompose(
        self, g: Any, q: Any, k: Any, v: Any, keep: Any, *parameters: Any
    ) -> tuple[Any, Any]:
        """Linear maps, a broadcast sum, the activation, a product with a column."""
        left, right, bias, weight = parameters
        queries = g.unsqueeze(opened_linear(g, q, left, bias), axes=-2)
        keys = g.unsqueeze(opened_linear(g, k, right, None), axes=-3)
        rest = {"slope": SLOPE} if self.activation == "leaky_relu" else {}
        bent = getattr(g, self.activation)(g.add(queries, keys), **rest)
        scores = g.squeeze(g.matmul(bent, g.unsqueeze(weight, axes=-1)), axes=-1)
        return self._attending.decompose(g, scores, v, keep, None, 0)

    def cost(self, d: Match) -> Cost:
        """Projections and both products; sum and activation for each hidden unit and pair."""
        lead, pairs = product(d.lead), product(d.lead) * d.t * d.s
        maps = lead * self.hidden * total((d.t * d.dq, d.s * d.dk))
        biases = lead * d.t * self.hidden if self.bias else 0
        steps = pairs * (2 * self.hidden + self._attending.steps(d))
        return Cost(maps + pairs * (self.hidden + d.e), biases + steps)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Different widths, each activation and normaliser, masks."""
        q, k, v = (2, 3, 5, 4), (2, 3, 7, 6), (2, 3, 7, 8)
        yield cls(hidden=9), (5, 4), (7, 6), (7, 8)
        yield cls(hidden=9, activation="relu", bias=True), q, k, v, Sample((5, 7), "bool")
        yield cls(hidden=1, activation="leaky_relu", causal=True, empty="nan"), q, k, v
        yield cls(hidden=2, normalizer="relu", align="bottom_right", causal=True), q, k, v

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Scores tanh(0) = 0 and tanh(large) = 1, times log 3: weights 1 to 3."""
        q, k, v = np.array([[1.0]]), np.array([[-1.0], [50.0]]), np.array([[4.0], [8.0]])
        one, far = np.array([[1.0]]), np.array([np.log(3.0)])
        maps = (one, one, None, far)
        yield cls(hidden=1), (q, k, v, None, *maps), ([[7]], [[0.25, 0.75]])
        seen = np.array([[True, False]])
        yield cls(hidden=1), (q, k, v, seen, *maps), ([[4]], [[1, 0]])
        # rectified sums 1 + (-3) and 1 + 2, the first with the slope 0.2: -0.4 and 3
        near = np.array([[-3.0], [2.0]])
        bent = cls(hidden=1, activation="leaky_relu", normalizer="relu")
        yield bent, (q, near, v, None, one, one, None, np.array([1.0])), ([[24]], [[0, 3]])
        lifted = cls(hidden=1, activation="relu", normalizer="relu", bias=True)
        both = (one, one, np.array([3.0]), np.array([2.0]))
        yield lifted, (q, near, v, None, *both), ([[2 * 4 + 12 * 8]], [[2, 12]])
        first = cls(hidden=1, causal=True)
        yield first, (q, k, v, None, *maps), ([[4]], [[1, 0]])
