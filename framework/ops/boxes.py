"""Boxes of object detection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import minimum
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.convolution import widened


class NonMaxSuppression(Op, name="non_max_suppression"):
    """The best boxes of each class, without those that overlap a better one too much.

    In order of falling score (of equal scores: by position), a box is chosen unless it has
    area(box and chosen) / area(box or chosen) > ``iou_threshold`` with one chosen before.
    y[n] = [batch, class, box]; at most ``most`` of each batch and class
    format corners: [y1, x1, y2, x2], any two opposite corners; centre: [x, y, width, height]
    Source: ONNX NonMaxSuppression-11; like ONNX Runtime and TensorFlow, a box whose score
    equals ``score_threshold`` is left out.
    """

    signature = "boxes: b count 4, scores: b classes count -> y<int64>: found 3"
    category = "reduction"
    main = "most"

    most: int
    iou_threshold: float = 0.0
    score_threshold: float | None = None
    format: Literal["corners", "centre"] = "corners"

    def check(self) -> None:
        """Thresholds that can be met."""
        if self.most < 0:
            raise Mistake(f"most is {self.most}; it must be 0 or more")
        if not 0 <= self.iou_threshold <= 1:
            raise Mistake(f"iou_threshold is {self.iou_threshold}; it must lie between 0 and 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """At most ``most`` boxes, and not more than there are, of each batch and class."""
        limit = d.b * d.classes * minimum(d.count, self.most)
        return {"found": d.unknown("found", 0, limit)}

    def compute(self, boxes: Array, scores: Array) -> Array:
        """Batch by batch, class by class."""
        found: list[tuple[int, int, int]] = []
        for batch, here in enumerate(corners(widened(boxes), self.format)):
            overlaps = overlap(here) > np.asarray(self.iou_threshold).astype(here.dtype)
            for label, score in enumerate(scores[batch]):
                found += ((batch, label, box) for box in self._chosen(overlaps, score))
        return np.array(found, np.int64).reshape(-1, 3)

    def _chosen(self, overlaps: Array, score: Array) -> list[int]:
        """Boxes of one class, best first."""
        chosen: list[int] = []
        order = np.argsort(-score, kind="stable")
        if self.score_threshold is not None:
            order = order[score[order] > np.asarray(self.score_threshold).astype(score.dtype)]
        for box in order.tolist():
            if len(chosen) == self.most:
                break
            if not overlaps[box, chosen].any():
                chosen.append(box)
        return chosen

    def cost(self, d: Match) -> Cost:
        """Fourteen operations for the overlap of each pair of boxes, one for each score."""
        return Cost(elementwise=d.b * d.count * (14 * d.count + d.classes))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both formats, several thresholds."""
        yield cls(most=3), (2, 7, 4), (2, 5, 7)
        yield cls(most=4, iou_threshold=0.5, score_threshold=0.25), (2, 6, 4), (2, 3, 6)
        yield cls(most=2, iou_threshold=0.3, format="centre"), (1, 5, 4), (1, 3, 5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The overlap of the first two is 1/3; equal to the threshold is not too much."""
        boxes = np.array([[[0.0, 0, 1, 2], [0, 3, 1, 1], [5, 5, 6, 6]]])
        scores = np.array([[[0.5, 0.9, 0.7]]])
        yield cls(most=3, iou_threshold=0.3), (boxes, scores), [[0, 0, 1], [0, 0, 2]]
        every = [[0, 0, 1], [0, 0, 2], [0, 0, 0]]
        yield cls(most=3, iou_threshold=1 / 3), (boxes, scores), every
        yield cls(most=1, iou_threshold=0.5), (boxes, scores), [[0, 0, 1]]
        above = [[0, 0, 1], [0, 0, 2]]
        yield cls(most=3, iou_threshold=0.5, score_threshold=0.5), (boxes, scores), above
        pair = np.array([[[1.0, 1, 2, 2], [2, 1, 2, 2]]])
        same = np.array([[[0.5, 0.5]]])
        yield cls(most=2, iou_threshold=0.3, format="centre"), (pair, same), [[0, 0, 0]]


def corners(boxes: Array, form: str) -> Array:
    """Boxes as [low, low, high, high]; which axis comes first does not matter."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if form == "centre":
        first, second = first - second / 2, first + second / 2
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], -1)


def overlap(boxes: Array) -> Array:
    """Intersection over union of every pair; 0 where a box has no area."""
    low, high = boxes[:, :2], boxes[:, 2:]
    area = (high - low).prod(-1)
    inside = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    common = inside.clip(min=0).prod(-1)
    either = area[:, None] + area - common
    return np.asarray(common / np.where(either > 0, either, 1))


__all__ = ["NonMaxSuppression", "corners", "overlap"]
