"""Shapes inside attention: Q, K, V, scores, weights and output, with the operator's letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from framework.ir.dims import Shape, format_shape
from framework.ir.op import Match, Op
from framework.report.lecture.equation import as_json


@dataclass(frozen=True)
class Part:
    """One tensor inside an operator: its name, its axes in letters, its shape, how it is made."""

    name: str
    letters: str
    shape: Shape
    made: str

    def __str__(self) -> str:
        return f"{self.name}: [{self.letters}] = {format_shape(self.shape)}  {self.made}"

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        shape = [as_json(size) for size in self.shape]
        return {"name": self.name, "axes": self.letters, "shape": shape, "made": self.made}


def attention_parts(op: Op, d: Match) -> list[Part]:
    """The tensors inside an attention operator; none for any other."""
    rule = RULES.get(op.name)
    return [] if rule is None else rule(op, d)


def many_heads(op: Op, d: Match) -> list[Part]:
    """With the projections before and after."""
    n, groups = d.heads, d.heads if d.kv_heads is None else d.kv_heads
    score = "Q Kᵀ · scale" if op.values["score"] == "dot" else "score · tanh(Q + K)"
    shared = "n" if groups == n else "n_kv"
    scores = (d.b, n, d.t, d.keys)
    return [
        Part("Q", "B, n, T, d", (d.b, n, d.t, d.head), "q Wq, split into heads"),
        Part("K", f"B, {shared}, S, d", (d.b, groups, d.keys, d.head), "k Wk, split into heads"),
        Part("V", f"B, {shared}, S, d", (d.b, groups, d.keys, d.head), "v Wv, split into heads"),
        Part("scores", "B, n, T, S", scores, score),
        Part("weights", "B, n, T, S", scores, f"{d.normalizer}(scores)"),
        Part("heads", "B, n, T, d", (d.b, n, d.t, d.head), "weights V"),
        Part("output", "B, T, O", (d.b, d.t, d.out), "heads side by side, times Wo"),
    ]


def one_head(op: Op, d: Match) -> list[Part]:
    """Queries, keys and values as they arrive."""
    scores = (*d.lead, d.t, d.keys)
    return [
        Part("Q", "..., T, d", (*d.lead, d.t, d.d), "q as given"),
        Part("K", "..., S, d", (*d.shared, d.keys, d.d), "k as given"),
        Part("V", "..., S, e", (*d.shared, d.keys, d.e), "v as given"),
        Part("scores", "..., T, S", scores, "Q Kᵀ · scale"),
        Part("weights", "..., T, S", scores, f"{d.normalizer}(scores)"),
        Part("output", "..., T, e", (*d.lead, d.t, d.e), "weights V"),
    ]


def additive(op: Op, d: Match) -> list[Part]:
    """Scores from a hidden layer instead of a product."""
    scores = (*d.lead, d.t, d.s)
    return [
        Part("Q", "..., T, h", (*d.lead, d.t, d.hidden), "q Wq"),
        Part("K", "..., S, h", (*d.shared, d.s, d.hidden), "k Wk"),
        Part("V", "..., S, e", (*d.shared, d.s, d.e), "v as given"),
        Part("scores", "..., T, S", scores, f"score · {d.activation}(Q + K)"),
        Part("weights", "..., T, S", scores, f"{d.normalizer}(scores)"),
        Part("output", "..., T, e", (*d.lead, d.t, d.e), "weights V"),
    ]


def linear(op: Op, d: Match) -> list[Part]:
    """A state instead of scores."""
    return [
        Part("Q", "..., T, d", (*d.lead, d.t, d.d), "q as given"),
        Part("K", "..., S, d", (*d.shared, d.s, d.d), "k as given"),
        Part("V", "..., S, e", (*d.shared, d.s, d.e), "v as given"),
        Part("state", "..., d, e", (*d.shared, d.d, d.e), "sum of k vᵀ"),
        Part("output", "..., T, e", (*d.lead, d.t, d.e), "Q times the state"),
    ]


RULES: dict[str, Callable[[Op, Match], list[Part]]] = {
    "multi_head_attention": many_heads,
    "attention": one_head,
    "additive_attention": additive,
    "linear_attention": linear,
}
"""For each attention operator: what is inside."""
