"""Writing linear attention: LinearAttention, or the same as products of whole sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.exchange.rules.attention_writing import ahead
from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.dims import Size, bounds
from framework.ops.linear_attention import LinearAttention

LONGEST = 2**16
"""Tokens of a sequence whose length is not known: its matrix of pairs would need 16 GiB."""

Gates = tuple[Sent | None, Sent | None, Sent | None]
"""State, decay and beta."""


@writes("linear_attention")
def write_linear_attention(
    w: Out,
    op: LinearAttention,
    q: Sent,
    k: Sent,
    v: Sent,
    state: Sent | None,
    decay: Sent | None,
    beta: Sent | None,
) -> Any:
    """The recurrence as one node from opset 27 on; before, as products of t by t matrices."""
    plain = op.causal and op.feature == "identity" and not op.normalize
    if w.opset >= 27 and q.rank == 4 and plain:
        return one_node(w, op, (q, k, v), (state, decay, beta))
    return Products(w, op, q, k, v).results(state, decay, beta)


def one_node(w: Out, op: LinearAttention, given: tuple[Sent, ...], gates: Gates) -> Any:
    """Heads packed: [b, t, h*d]."""
    q, k, v = given
    state, decay, beta = gates
    rule = {(0, 0): "linear", (1, 0): "gated", (0, 1): "delta", (1, 1): "gated_delta"}
    y, last = w.add(
        "LinearAttention", packed(w, q), packed(w, k), packed(w, v), state,
        decay and packed(w, decay), beta and packed(w, beta), outputs=2,
        q_num_heads=q.shape[1], kv_num_heads=k.shape[1], scale=op.scale,
        update_rule=rule[int(decay is not None), int(beta is not None)],
    )  # fmt: skip
    apart = w.types[0].shape
    split = (apart[0], apart[2], apart[1], apart[3])
    y = w.add("Reshape", y, w.sizes(split), shape=split)
    return w.add("Transpose", y, perm=[0, 2, 1, 3]), last


def packed(w: Out, x: Sent) -> Sent:
    """[b, h, t, d] as [b, t, h*d]."""
    batch, heads, length, width = x.shape
    turned = w.add("Transpose", x, perm=[0, 2, 1, 3])
    shape = (batch, length, heads * width)
    return w.add("Reshape", turned, w.sizes(shape), shape=shape)


class Products:
    """Linear attention without a recurrence, in float32 or float64.

    With the sum G[t] of all decays up to t, and pairs A[i, j] = sum over d of
    q[i] k[j] exp(G[i] - G[j]) for j <= i:
        y[i] = (q[i] exp(G[i]))^T S0 + sum over j of A[i, j] u[j], and u = v without beta.
    With beta each u[i] = beta[i] (v[i] - (k[i] exp(G[i]))^T S0 - sum over j < i of B[i, j] u[j]),
    B being A with k for q: (1 + N) u = r for N = beta B below the diagonal.  As N^T = 0, the
    inverse is (1 - N)(1 + N^2)(1 + N^4)...
    """

    def __init__(self, w: Out, op: LinearAttention, q: Sent, k: Sent, v: Sent) -> None:
        self.w, self.op = w, op
        self.dtype = "float64" if q.dtype == "float64" else "float32"
        self.q, self.k = self.mapped(q), self.mapped(k)
        self.v = w.cast(v, self.dtype)
        self.shared = (*k.shape[:-2],)
        self.rank = q.rank
        self.heads = q.shape
        self.keys: Size = k.shape[-2]
        if op.grouped:
            self.q = self.grouped(self.q, 1)
            self.k, self.v = self.grouped(self.k), self.grouped(self.v)

    def grouped(self, x: Sent, groups: int = 0) -> Sent:
        """An axis for the heads that share a head of k: of 1, or of their number."""
        if not groups:
            return self.w.add("Unsqueeze", x, self.w.ints([-3]))
        shape = (*self.shared, self.heads[-3] // self.shared[-1], *x.shape[-2:])
        return self.w.add("Reshape", x, self.w.sizes(shape), shape=shape)

    def lifted(self, x: Sent | None) -> Sent | None:
        """A state or gate with the same axes."""
        if x is None:
            return None
        wide = self.w.cast(x, self.dtype)
        return self.grouped(wide) if self.op.grouped else wide

    def number(self, value: float) -> Sent:
        """A constant."""
        return self.w.scalar(value, self.dtype)

    def mapped(self, x: Sent) -> Sent:
        """Features."""
        wide = self.w.cast(x, self.dtype)
        if self.op.feature == "relu":
            return self.w.add("Relu", wide)
        if self.op.feature == "elu":
            return self.w.add("Add", self.w.add("Elu", wide), self.number(1.0))
        return wide

    def turned(self, x: Sent) -> Sent:
        """The last two axes exchanged."""
        last = x.rank - 1
        return self.w.add("Transpose", x, perm=[*range(last - 1), last, last - 1])

    def results(self, state: Sent | None, decay: Sent | None, beta: Sent | None) -> Any:
        """y and the last state in their dtypes and shapes."""
        start, rates = self.lifted(state), self.lifted(beta)
        gates = Decays(self, self.lifted(decay))
        values = self.v if rates is None else self.solved(start, gates, rates)
        last = self.w.add("MatMul", self.turned(gates.last(self.k)), values)
        if start is not None:
            last = self.w.add("Add", gates.forgotten(start), last)
        y = self.read(start, gates, values, last)
        found = []
        for x, type_ in zip((y, last), self.w.types, strict=True):
            shaped = self.w.add("Reshape", x, self.w.sizes(type_.shape), shape=type_.shape)
            found.append(self.w.cast(shaped, type_.dtype))
        return tuple(found)

    def read(self, start: Sent | None, gates: Decays, values: Sent, last: Sent) -> Sent:
        """What queries find, scaled or divided by the sum of their weights."""
        weights = gates.pairs(self.q, self.k, 0) if self.op.causal else None
        y = self.w.add("MatMul", *((self.q, last) if weights is None else (weights, values)))
        if start is not None and weights is not None:
            y = self.w.add("Add", y, self.w.add("MatMul", gates.grown(self.q), start))
        if not self.op.normalize:
            return self.scaled(y)
        if weights is None:
            total = self.w.add("ReduceSum", self.k, self.w.ints([-2]), keepdims=1)
            weights = self.w.add("Mul", self.q, total)
        return self.w.add("Div", y, self.w.add("ReduceSum", weights, self.w.ints([-1]), keepdims=1))

    def scaled(self, y: Sent) -> Sent:
        """Times the scale, which may be a symbolic width to the power of -1/2."""
        width = self.q.shape[-1]
        if self.op.scale is not None:
            return self.w.add("Mul", y, self.number(self.op.scale))
        if isinstance(width, int):
            return self.w.add("Mul", y, self.number(width**-0.5))
        return self.w.add("Div", y, self.w.add("Sqrt", self.w.cast(self.w.size(width), self.dtype)))

    def solved(self, start: Sent | None, gates: Decays, beta: Sent) -> Sent:
        """The values that are really added."""
        rest = self.v
        if start is not None:
            known = self.w.add("MatMul", gates.grown(self.k), start)
            rest = self.w.add("Sub", rest, known)
        found = self.w.add("Mul", beta, rest)
        power = self.w.add("Mul", beta, gates.pairs(self.k, self.k, -1))
        steps = doublings(self.keys)
        for step in range(steps):
            change = self.w.add("MatMul", power, found)
            found = self.w.add("Sub" if step == 0 else "Add", found, change)
            if step + 1 < steps:
                power = self.w.add("MatMul", power, power)
        return found


class Decays:
    """What is left of a token some tokens later."""

    def __init__(self, products: Products, decay: Sent | None) -> None:
        self.p, self.w = products, products.w
        axis = self.w.scalar(-2, "int64")
        self.sums = None if decay is None else self.w.add("CumSum", decay, axis)

    def grown(self, x: Sent) -> Sent:
        """``x exp(G)``."""
        if self.sums is None:
            return x
        return self.w.add("Mul", x, self.w.add("Exp", self.sums))

    def total(self) -> Sent:
        """G of the last token, [..., 1, d]."""
        ends = (self.w.ints([-1]), self.w.ints([2**62]), self.w.ints([-2]))
        return self.w.add("Slice", self.sums, *ends)

    def last(self, k: Sent) -> Sent:
        """``k exp(G[last] - G)``."""
        if self.sums is None:
            return k
        rest = self.w.add("Sub", self.total(), self.sums)
        return self.w.add("Mul", k, self.w.add("Exp", rest))

    def forgotten(self, start: Sent) -> Sent:
        """What the last token sees of the first state."""
        if self.sums is None:
            return start
        return self.w.add("Mul", start, self.w.add("Exp", self.p.turned(self.total())))

    def pairs(self, q: Sent, k: Sent, furthest: int) -> Sent:
        """A[i, j] where j - i <= ``furthest``, 0 elsewhere."""
        near = self.near(furthest)
        if self.sums is None:
            scores = self.w.add("MatMul", q, self.p.turned(k))
            return self.w.add("Where", near, scores, self.p.number(0.0))
        rows = self.w.add("Unsqueeze", self.sums, self.w.ints([-2]))
        columns = self.w.add("Unsqueeze", self.sums, self.w.ints([-3]))
        gap = self.w.add("Sub", rows, columns)  # [..., i, j, d]
        seen = self.w.add("Unsqueeze", near, self.w.ints([-1]))
        gap = self.w.add("Where", seen, gap, self.p.number(float(-np.inf)))
        fit = self.w.add("Unsqueeze", q, self.w.ints([-2]))
        fit = self.w.add("Mul", fit, self.w.add("Unsqueeze", k, self.w.ints([-3])))
        terms = self.w.add("Mul", fit, self.w.add("Exp", gap))
        return self.w.add("ReduceSum", terms, self.w.ints([-1]), keepdims=0)

    def near(self, furthest: int) -> Sent:
        """bool [i, j]."""
        gap = ahead(self.w, self.p.keys, None, 0)
        return self.w.add("LessOrEqual", gap, self.w.scalar(furthest, "int64"), dtype="bool")


def doublings(keys: Size) -> int:
    """Squares until the power of a matrix below the diagonal is 0."""
    most = bounds(keys)[1]
    return math.ceil(math.log2(max(2, LONGEST if most is None else min(most, LONGEST))))
