"""Losses: how far predictions are from targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import InputError
from framework.ir.dims import Size, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.numerics.convolution import widened

Reduction = Literal["mean", "sum", "none"]


class ClassLoss(Op):
    """Family: losses for one right class at each position; classes are axis 1."""

    category = "reduction"
    reduction: Reduction
    ignore_index: int | None

    def derive(self, d: Match) -> dict[str, Any]:
        """One number, or one for each position."""
        return {"y": (d.b, *d.size) if self.reduction == "none" else ()}

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Targets are classes."""
        return {"targets": d.c}

    def chosen(self, scores: Array, targets: Array, weight: Array | None) -> tuple[Array, Array]:
        """The score of each target, and how much each position counts (0: ignored)."""
        ignored = np.zeros(targets.shape, bool)
        if self.ignore_index is not None:
            ignored = targets == self.ignore_index
        wide = np.where(ignored, 0, targets.astype(np.int64, copy=False))
        check_classes(wide, scores.shape[1])
        score = np.take_along_axis(scores, wide[:, None], 1)[:, 0]
        counts = np.ones(wide.shape, scores.dtype) if weight is None else weight[wide]
        return score, np.where(ignored, 0, counts).astype(scores.dtype, copy=False)

    def reduced(self, losses: Array, counts: Array, dtype: Any) -> Array:
        """Sums and means of weighted losses; a mean is divided by the sum of the weights."""
        y = losses
        if self.reduction != "none":
            y = losses.sum()
        if self.reduction == "mean":
            with np.errstate(invalid="ignore", divide="ignore"):  # everything ignored: NaN
                y = y / counts.sum()
        return np.asarray(y).astype(dtype, copy=False)


def check_classes(targets: Array, count: int) -> None:
    """Refuse targets that are no class; names the worst one."""
    if targets.size and not 0 <= targets.min() <= targets.max() < count:
        worst = targets.min() if targets.min() < 0 else targets.max()
        raise InputError(f"target {worst} is no class; there are {count}, from 0")


class NllLoss(ClassLoss, name="nll_loss"):
    """The negative log-likelihood of the right class, from logarithms of probabilities.

    loss[b, i] = -weight[t] * x[b, t, i] with t = targets[b, i]; 0 where t = ``ignore_index``
    y = the losses, their sum, or their sum divided by the sum of weight[t] of all that count
    Source: ONNX NegativeLogLikelihoodLoss-22; torch.nn.functional.nll_loss (ignores -100).
    """

    signature = "x: b c *size, targets<int>: b *size, weight?: c -> y: *y"

    reduction: Reduction = "mean"
    ignore_index: int | None = None

    def compute(self, x: Array, targets: Array, weight: Array | None = None) -> Array:
        """Pick, weigh, reduce."""
        wide = None if weight is None else widened(weight)
        score, counts = self.chosen(widened(x), targets, wide)
        # A weight of 0 times a logarithm of -inf: what does not count is 0, not NaN.
        losses = np.where(counts == 0, 0, -score) * counts
        return self.reduced(losses, counts, x.dtype)

    def cost(self, d: Match) -> Cost:
        """Two operations for each target: weigh and add."""
        return Cost(elementwise=2 * d.b * product(d.size))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Classes alone and in images, weights, each reduction, ignored ones."""
        yield cls(), (2, 5), Sample((2,), "int64", high=5)
        yield cls("sum"), (2, 5, 3), Sample((2, 3), "int32", high=5), (5,)
        yield cls("none", ignore_index=1), (2, 6, 4, 3), Sample((2, 4, 3), "int64", high=6), (6,)
        yield cls(ignore_index=0), (3, 4, 5), Sample((3, 5), "int64", high=4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A weighted mean is divided by the weights, not by the number of targets."""
        x, targets = np.array([[-1.0, -2.0], [-3.0, -4.0]]), np.array([0, 1])
        weight = np.array([1.0, 3.0])
        yield cls("none"), (x, targets, None), [1, 4]
        yield cls("mean"), (x, targets, weight), 13 / 4
        yield cls("sum"), (x, targets, weight), 13
        yield cls(ignore_index=1), (x, targets, None), 1
        yield cls("none", ignore_index=-100), (x, np.array([-100, 1]), None), [0, 4]
        yield cls(ignore_index=7), (x, np.array([7, 7]), None), np.nan


class CrossEntropy(ClassLoss, name="cross_entropy"):
    """The cross-entropy between the softmax of scores and the right class.

    loss[b, i] = -weight[t] * ln softmax(x)[b, t, i] with t = targets[b, i], the softmax over
    axis 1; 0 where t = ``ignore_index``
    y = the losses, their sum, or their sum divided by the sum of weight[t] of all that count
    Source: ONNX SoftmaxCrossEntropyLoss-13; torch.nn.functional.cross_entropy (ignores -100).
    """

    signature = "x: b c *size, targets<int>: b *size, weight?: c -> y: *y"

    reduction: Reduction = "mean"
    ignore_index: int | None = None

    def compute(self, x: Array, targets: Array, weight: Array | None = None) -> Array:
        """The logarithm of softmax without overflow, then as `nll_loss`."""
        wide = widened(x)
        shifted = wide - wide.max(1, keepdims=True)
        with np.errstate(under="ignore"):
            scores = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        table = None if weight is None else widened(weight)
        score, counts = self.chosen(scores, targets, table)
        losses = np.where(counts == 0, 0, -score) * counts
        return self.reduced(losses, counts, x.dtype)

    def decompose(self, g: Any, x: Any, targets: Any, weight: Any = None) -> Any:
        """`nll_loss` of `log_softmax`."""
        scores = g.log_softmax(x, axis=1)
        loss = {"reduction": self.reduction, "ignore_index": self.ignore_index}
        return g.nll_loss(scores, targets, weight, **loss)

    def cost(self, d: Match) -> Cost:
        """Five operations for each score (as softmax), two for each target."""
        places = d.b * product(d.size)
        return Cost(elementwise=5 * places * d.c + 2 * places)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Classes alone and in images, weights, each reduction, ignored ones."""
        yield cls(), (2, 5), Sample((2,), "int64", high=5)
        yield cls("sum"), (2, 5, 3), Sample((2, 3), "int32", high=5), (5,)
        yield cls("none", ignore_index=1), (2, 6, 4, 3), Sample((2, 4, 3), "int64", high=6), (6,)
        yield cls(ignore_index=0), (3, 4, 5), Sample((3, 5), "int64", high=4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Equal scores of two classes are ln 2; large scores do not overflow."""
        x, targets = np.array([[5.0, 5.0], [1000.0, 0.0]]), np.array([0, 1])
        half = 0.6931471805599453
        yield cls("none"), (x, targets, None), [half, 1000]
        yield cls("mean"), (x, targets, np.array([3.0, 1.0])), (3 * half + 1000) / 4
        yield cls("sum", ignore_index=1), (x, targets, None), half


class MseLoss(Op, name="mse_loss"):
    """The squared difference between a prediction and its target.

    loss = (x - target)²; y = the losses, their sum or their mean
    Source: torch.nn.functional.mse_loss.
    """

    signature = "x: *x, target: *x -> y: *y"
    category = "reduction"

    reduction: Reduction = "mean"

    def derive(self, d: Match) -> dict[str, Any]:
        """One number, or one for each element."""
        if self.reduction == "mean":
            for axis, size in enumerate(d.x):
                d.require("<=", 1, size, f"mean over axis {axis} of x")
        return {"y": d.x if self.reduction == "none" else ()}

    def compute(self, x: Array, target: Array) -> Array:
        """NumPy's square, sum, mean."""
        with np.errstate(over="ignore"):
            squares = np.square(widened(x) - widened(target))
            functions: Any = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
            return np.asarray(functions[self.reduction](squares)).astype(x.dtype, copy=False)

    def decompose(self, g: Any, x: Any, target: Any) -> Any:
        """`sub`, `square`, `reduce`."""
        squares = g.square(g.sub(x, target))
        return squares if self.reduction == "none" else g.reduce(squares, op=self.reduction)

    def cost(self, d: Match) -> Cost:
        """Three operations for each element, two without a reduction."""
        return Cost(elementwise=product(d.x) * (2 if self.reduction == "none" else 3))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each reduction."""
        yield cls(), (2, 3), (2, 3)
        yield cls("sum"), (2, 3, 5), (2, 3, 5)
        yield cls("none"), (4,), (4,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Differences of 1 and 3."""
        x, target = np.array([1.0, 5.0]), np.array([2.0, 2.0])
        yield cls(), (x, target), 5
        yield cls("sum"), (x, target), 10
        yield cls("none"), (x, target), [1, 9]
