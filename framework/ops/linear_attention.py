"""Attention without a softmax: what was seen is one matrix, however long the sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.attention import shared_product
from framework.numerics.convolution import widened
from framework.numerics.recurrence import scan
from framework.ops.attending import require_heads

Feature = Literal["identity", "elu", "relu"]
"""What makes features of queries and keys; elu stands for elu(x) + 1."""

PORTS = ("state", "decay", "beta")


class LinearAttention(Op, name="linear_attention"):
    """Linear attention: each token adds key x value to a matrix, which queries are multiplied by.

    S[t] = S[t-1] + f(k[t]) (x) v[t], y[t] = scale * f(q[t])^T S[t]; scale = 1/sqrt(d) by default
    with ``decay`` g, S[t-1] is multiplied by exp(g[t]) before; with ``beta`` b, v[t] is replaced
    by b[t] * (v[t] - S^T f(k[t])), what is new about it (the delta rule)
    Source: Katharopoulos et al. 2020; Yang et al. 2024, equation 10 (gated delta rule); ONNX
    LinearAttention-27, whose update_rule follows from which inputs are given.

    q is [batch, heads, t, d]; with ``grouped`` several heads of q share a head of k, v and the
    state.  The second result is the state after the last token, [..., d, e]; ``state`` is the
    one before the first.  ``decay`` has a number for each element of k, or one for each token.
    ``causal: false`` lets every query read the last state.  ``normalize`` divides by f(q)^T (sum
    of f(k)) in place of the scale, so that weights sum to 1.
    """

    signature = (
        "q: *lead t d, k: *shared s d, v: *shared s e, state?: *shared d e, "
        "decay?: *shared s gate, beta?: *shared s 1 -> y: *lead t e, last: *shared d e"
    )
    category = "attention"

    scale: float | None = None
    causal: bool = True
    feature: Feature = "identity"
    normalize: bool = False
    grouped: bool = False

    def check(self) -> None:
        """A scale would be divided out again."""
        if self.normalize and self.scale is not None:
            raise Mistake(f"scale {self.scale} has no meaning with normalize")

    def derive(self, d: Match) -> dict[str, Any]:
        """Heads fit; a causal recurrence has a query for each key."""
        self.check()
        require_heads(d, d.lead, d.shared, self.grouped)
        if self.causal:
            d.require("==", d.t, d.s, "queries and keys of causal linear attention")
        if "decay" in d and d.gate != 1:
            d.require("==", d.gate, d.d, "last axis of decay and of k")
        given = [port for port in PORTS if port in d]
        if self.normalize and given:
            raise ShapeError(f"linear_attention with normalize takes no {' and no '.join(given)}")
        if not self.causal and ("decay" in d or "beta" in d):
            raise ShapeError("decay and beta need causal linear attention")
        return {}

    def compute(
        self,
        q: Array,
        k: Array,
        v: Array,
        state: Array | None = None,
        decay: Array | None = None,
        beta: Array | None = None,
    ) -> tuple[Array, Array]:
        """One token after another, or all at once where every query reads the last state."""
        features, keys, values = self._mapped(q), self._mapped(k), widened(v)
        shape = (*k.shape[:-2], k.shape[-1], v.shape[-1])
        start = np.zeros(shape, keys.dtype) if state is None else widened(state)
        if self.causal:
            gates = (None if x is None else widened(x) for x in (decay, beta))
            y, last = without_heads(scan, features, keys, values, start, *gates)
        else:
            last = start + keys.swapaxes(-1, -2) @ values
            y = shared_product(features, last)
        y = y / self._sums(features, keys) if self.normalize else y * self._factor(q.shape[-1])
        return y.astype(q.dtype, copy=False), last.astype(q.dtype, copy=False)

    def _factor(self, width: int) -> float:
        return float(width**-0.5 if self.scale is None else self.scale)

    def _mapped(self, x: Array) -> Array:
        """Features, positive ones but for the identity."""
        wide = widened(x)
        if self.feature == "relu":
            return np.maximum(wide, 0)
        if self.feature == "elu":
            return np.where(wide > 0, wide + 1, np.exp(np.minimum(wide, 0)))
        return wide

    def _sums(self, q: Array, k: Array) -> Array:
        """``f(q)^T`` times the sum of the keys that the query sees."""
        if not self.causal:
            return shared_product(q, k.sum(-2)[..., None])
        seen = k.cumsum(-2)
        repeats = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
        each = np.repeat(seen, repeats, -3) if repeats > 1 else seen
        return np.asarray((q * each).sum(-1, keepdims=True))

    def cost(self, d: Match) -> Cost:
        """Reading and writing the state; the delta rule reads it once more."""
        writes, reads = product(d.shared) * d.s, product(d.lead) * d.t
        cells = d.d * d.e
        once = writes * cells * (2 if "beta" in d else 1)
        gates = writes * cells * ("decay" in d) + 2 * writes * d.e * ("beta" in d)
        sums = (writes + reads) * d.d if self.normalize else 0
        mapped = (writes + reads) * d.d * (self.feature != "identity")
        return Cost(once + reads * cells, gates + sums + mapped + reads * d.e)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Every rule, with and without a state; shared heads; every key at once."""
        q, k, v = (2, 6, 5, 4), (2, 3, 5, 4), (2, 3, 5, 7)
        state, each, one = (2, 3, 4, 7), (2, 3, 5, 4), (2, 3, 5, 1)
        yield cls(), (5, 4), (5, 4), (5, 7)
        yield cls(scale=0.3, grouped=True), q, k, v, state
        yield cls(), k, k, v, None, each
        yield cls(grouped=True), q, k, v, None, None, one
        yield cls(grouped=True), q, k, v, state, one, one
        yield cls(causal=False, grouped=True), q, (2, 3, 8, 4), (2, 3, 8, 7), state
        yield cls(feature="elu", normalize=True, grouped=True), q, k, v
        yield cls(feature="relu", causal=False), (5, 4), (8, 4), (8, 7)
        yield cls(feature="elu", causal=False, normalize=True), k, (2, 3, 8, 4), (2, 3, 8, 7)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """States of one number: sums, a decay by half, the delta rule, a mean."""
        one = np.ones((3, 1))
        v = np.array([[1.0], [2.0], [6.0]])
        yield cls(), (one, one, v), ([[1], [3], [9]], [[9]])
        yield cls(scale=2.0), (one, one, v, np.array([[1.0]])), ([[4], [8], [20]], [[10]])
        half = np.full((3, 1), np.log(0.5))
        yield cls(), (one, one, v, None, half), ([[1], [2.5], [7.25]], [[7.25]])
        # delta: the state becomes v itself where beta is 1, and goes half the way where it is 0.5
        beta = np.array([[1.0], [0.5], [1.0]])
        yield cls(), (one, one, v, None, None, beta), ([[1], [1.5], [6]], [[6]])
        # half of 1 is 0.5; half the way from there to 2 is 1.25; half of that is forgotten for 6
        yield cls(), (one, one, v, None, half, beta), ([[1], [1.25], [6]], [[6]])
        yield cls(causal=False), (one, one, v), ([[9], [9], [9]], [[9]])
        mean = cls(feature="elu", normalize=True)
        zero = np.zeros((3, 1))
        yield mean, (zero, zero, v), ([[1], [1.5], [3]], [[9]])
        keys = np.array([[-1.0], [1.0], [2.0]])
        yield cls(feature="relu"), (one, keys, v), ([[0], [2], [14]], [[14]])


def without_heads(function: Any, *arrays: Any) -> Any:
    """Call with an axis of heads put in front where arrays have none."""
    if arrays[0].ndim > 2:
        return function(*arrays)
    found = function(*(None if x is None else x[None] for x in arrays))
    return tuple(x[0] for x in found)
