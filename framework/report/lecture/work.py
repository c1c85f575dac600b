"""Multiply-accumulates as products of named sizes, for the operators that a lecture counts.

Every sum equals `Op.cost`; a test compares them over all examples of all operators.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from framework.ir.dims import Size, product
from framework.ir.op import Match, Op
from framework.report.lecture.equation import Equation, product_equation, sum_equation
from framework.report.lecture.windows import axis_letters

Factors = list[tuple[str, Size]]
Terms = Iterator[tuple[str, Factors]]


def work_equations(op: Op, d: Match) -> list[Equation]:
    """The multiply-accumulates, last their sum; empty for operators not in `RULES`."""
    rule = RULES.get(op.name)
    if rule is None:
        return []
    terms = [product_equation(name, factors) for name, factors in rule(op, d)]
    if len(terms) == 1:
        return terms
    return [*terms, sum_equation("MACs", terms, op.cost(d).macs)]


def reason(op: Op) -> str:
    """How the operator counts its work, in its own words."""
    text = inspect.getdoc(type(op).cost)
    return " ".join(text.split("\n\n")[0].split()) if text else ""


def convolution(op: Op, d: Match) -> Terms:
    """Every filter at every place: B·O·H2·W2·(C/G)·F·F."""
    letters = axis_letters(len(d.size))
    yield (
        "MACs",
        [
            ("B", d.b),
            ("O", d.out),
            *((f"{letter}2", size) for letter, size in zip(letters, d.outsize, strict=True)),
            ("C/G" if d.groups != 1 else "C", d.divide(d.c, d.groups)),
            *(("F" if len(set(d.kernel)) == 1 else f"F{n}", k) for n, k in kernel_sides(d)),
        ],
    )


def transposed(op: Op, d: Match) -> Terms:
    """Every element spreads over a window of every filter of its group."""
    letters = axis_letters(len(d.size))
    yield (
        "MACs",
        [
            ("B", d.b),
            ("C", d.c),
            *((f"{letter}1", size) for letter, size in zip(letters, d.size, strict=True)),
            ("O/G" if d.groups != 1 else "O", d.divide(d.out, d.groups)),
            *(("F" if len(set(d.kernel)) == 1 else f"F{n}", k) for n, k in kernel_sides(d)),
        ],
    )


def kernel_sides(d: Match) -> Iterator[tuple[str, int]]:
    """The kernel along each axis, with the axis's letter."""
    return zip(axis_letters(len(d.kernel)), d.kernel, strict=True)


def causal(op: Op, d: Match) -> Terms:
    """The same along one axis that keeps its length."""
    group = ("C/G" if d.groups != 1 else "C", d.divide(d.c, d.groups))
    yield "MACs", [("B", d.b), ("O", d.out), ("T", d.t), group, ("F", d.kernel)]


def linear(op: Op, d: Match) -> Terms:
    """Every position meets every weight."""
    yield "MACs", [("N", product(d.lead)), ("C", d.c), ("O", d.out)]


def matmul(op: Op, d: Match) -> Terms:
    """Every result sums over the inner axis."""
    yield "MACs", [("results", product(d.y)), ("inner", d.inner)]


def attention(op: Op, d: Match) -> Terms:
    """Every query meets every key, and every key's value."""
    pairs: Factors = [("N", product(d.lead)), ("T", d.t), ("S", d.keys)]
    yield "scores", [*pairs, ("d", d.d)]
    yield "mean of V", [*pairs, ("e", d.e)]


def heads(op: Op, d: Match) -> Terms:
    """Projections before and after, attention in every head between them."""
    batch, n = ("B", d.b), ("n", d.heads)
    yield "Q", [batch, ("T", d.t), ("Dq", d.dq), ("width", d.heads * d.head)]
    yield "K", [batch, ("S", d.s), ("Dk", d.dk), ("n_kv·d", d.shared)]
    yield "V", [batch, ("S", d.s), ("Dv", d.dv), ("n_kv·d", d.shared)]
    pairs: Factors = [batch, n, ("T", d.t), ("S", d.keys), ("d", d.head)]
    yield "scores", pairs
    yield "mean of V", pairs
    yield "output", [batch, ("T", d.t), ("width", d.heads * d.head), ("O", d.out)]


def recurrent(op: Op, d: Match) -> Terms:
    """Two products at every time: with the input, and with the state."""
    gates: Any = op
    steps: Factors = [("T·B", d.first * d.second), ("directions", d.directions)]
    units: Factors = [("gates", gates.gates), ("K", d.hidden_size)]
    yield "input", [*steps, *units, ("C", d.c)]
    yield "state", [*steps, *units, ("K", d.hidden_size)]


RULES: dict[str, Callable[[Op, Match], Terms]] = {
    "conv": convolution,
    "deform_conv": convolution,
    "conv_transpose": transposed,
    "causal_conv": causal,
    "linear": linear,
    "matmul": matmul,
    "attention": attention,
    "multi_head_attention": heads,
    "rnn": recurrent,
    "gru": recurrent,
    "lstm": recurrent,
}
"""For each operator: the products whose sum its multiply-accumulates are."""
