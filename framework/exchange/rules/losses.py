"""Losses, both ways."""

from __future__ import annotations

from framework.exchange.rules.registry import Call, Out, Result, Sent, Wire, reads, writes
from framework.ir.op import Op


@reads("NegativeLogLikelihoodLoss")
def read_nll(n: Call) -> Wire:
    """The same operator."""
    return n.add("nll_loss", *n.inputs, **loss(n))


def loss(n: Call) -> dict[str, object]:
    """What both losses say of targets and results."""
    return {"reduction": n.text("reduction", "mean"), "ignore_index": n.int("ignore_index")}


@reads("SoftmaxCrossEntropyLoss")
def read_cross_entropy(n: Call) -> Result:
    """The second result is the logarithm of the probabilities."""
    y = n.add("cross_entropy", *n.inputs, **loss(n))
    return (y, n.add("log_softmax", n[0], axis=1)) if n.wants(1) else y


@writes("nll_loss", "cross_entropy")
def write_loss(w: Out, op: Op, x: Sent, targets: Sent, weight: Sent | None) -> Sent:
    """The same operators."""
    names = {"nll_loss": "NegativeLogLikelihoodLoss", "cross_entropy": "SoftmaxCrossEntropyLoss"}
    whole = targets if targets.dtype in ("int32", "int64") else w.cast(targets, "int64")
    how, ignored = op.values["reduction"], op.values["ignore_index"]
    return w.add(names[op.name], x, whole, weight, reduction=how, ignore_index=ignored)
