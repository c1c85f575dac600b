"""What stands between the scores and the result of every attention operator, said once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import Shape, Size
from framework.ir.op import Array, Match
from framework.ir.types import TensorType, common_dtype
from framework.numerics.attention import Normalizer, band, normalized, shared_product
from framework.numerics.convolution import widened
from framework.ops.position import Align
from framework.ops.rules import fits

Empty = Literal["zeros", "nan"]
"""What a query gets that may see no key at all."""

Stage = Literal["weights", "scores", "capped", "masked"]
"""What an operator shows as its second result."""


@dataclass(frozen=True)
class Attending:
    """Cap, masks, normaliser, mean: the attributes that attention operators share.

    ``past`` is the number of keys before the first new one.  Query i stands at the position
    p = first + i among all keys, where first is ``past`` (top_left), or the number of keys (of
    valid keys, where ``lengths`` are given) less that of queries (bottom_right).
    """

    causal: bool = False
    align: Align = "top_left"
    left: int | None = None
    right: int | None = None
    softcap: float | None = None
    normalizer: Normalizer = "softmax"
    empty: Empty = "zeros"
    stage: Stage = "weights"

    @classmethod
    def of(cls, op: Any) -> Attending:
        """Those of an operator that has them all."""
        return cls(
            op.causal, op.align, op.left_window, op.right_window,
            op.softcap, op.normalizer, op.empty, op.stage,
        )  # fmt: skip

    def check(self, name: str) -> None:
        """A cap is positive, a window holds at least the query's own position."""
        if self.softcap is not None and not self.softcap > 0:
            raise Mistake(f"{name} with softcap {self.softcap}; expected a number above 0")
        for side, width in (("left", self.left), ("right", self.right)):
            if width is not None and width < 0:
                raise Mistake(f"{name} with {side}_window {width}; expected at least 0")

    @property
    def bound(self) -> int | None:
        """The furthest key to the right of a query that it may see."""
        return 0 if self.causal else self.right

    @property
    def banded(self) -> bool:
        """Does it depend on positions what a query sees?"""
        return self.left is not None or self.bound is not None

    def steps(self, d: Match) -> int:
        """Elementwise operations for each score: cap 3, each mask 1, softmax 5, others 4 or 1."""
        normalizer = {"softmax": 5, "sigmoid": 4, "relu": 1}[self.normalizer]
        cap = 0 if self.softcap is None else 3
        return normalizer + cap + ("keep" in d) + ("lengths" in d) + self.banded

    # ------------------------------------------------------------------ arrays

    def compute(
        self, scores: Array, v: Array, keep: Array | None, lengths: Array | None, past: int
    ) -> tuple[Array, Array]:
        """The mean of the values, and the stage to show."""
        capped = scores
        if self.softcap is not None:
            capped = np.tanh(scores / self.softcap) * scores.dtype.type(self.softcap)
        masked = self._masked(capped, keep, lengths, past)
        weights = normalized(masked, self.normalizer, self.empty == "zeros")
        shown = {"scores": scores, "capped": capped, "masked": masked, "weights": weights}
        return shared_product(weights, widened(v)), shown[self.stage]

    def _masked(self, scores: Array, keep: Array | None, lengths: Array | None, past: int) -> Array:
        low = scores.dtype.type(-np.inf)
        if keep is not None and keep.dtype != bool:
            scores = np.asarray(scores + keep)
        elif keep is not None:
            scores = np.where(keep, scores, low)
        queries, keys = scores.shape[-2:]
        first: Any = past if self.align == "top_left" else keys - queries
        if lengths is not None:
            lengths = lengths.reshape(*lengths.shape, *(1,) * (scores.ndim - 2 - lengths.ndim))
            scores = np.where(band(1, keys, lengths, right=-1), scores, low)
            first = first if self.align == "top_left" else lengths.astype(np.int64) - queries
        if self.banded:
            scores = np.where(band(queries, keys, first, self.left, self.bound), scores, low)
        return scores

    # ------------------------------------------------------------------ smaller operators

    def decompose(
        self, g: Any, scores: Any, v: Any, keep: Any, lengths: Any, past: Size
    ) -> tuple[Any, Any]:
        """The same in smaller operators."""
        shown = {"scores": scores}
        if self.softcap is not None:
            small = g.tanh(g.scale(scores, by=1 / self.softcap))
            scores = g.scale(small, by=self.softcap)
        shown["capped"] = scores
        scores = shown["masked"] = self._hidden(g, scores, keep, lengths, past)
        if self.normalizer == "softmax":
            weights = g.softmax(scores, axis=-1, masked=self.empty == "zeros")
        else:
            weights = getattr(g, self.normalizer)(scores)
        shown["weights"] = weights
        return split_product(g, weights, v), shown[self.stage]

    def _hidden(self, g: Any, scores: Any, keep: Any, lengths: Any, past: Size) -> Any:
        if keep is not None and g.dtype(keep) != "bool":
            scores = g.add(scores, keep)
        elif keep is not None:
            scores = g.mask_fill(scores, keep, value=-np.inf)
        rank, (queries, keys) = len(g.shape(scores)), g.shape(scores)[-2:]
        if lengths is not None:
            valid = widen_mask(g, g.band_mask(lengths, size=1, keys=keys, right=-1), rank)
            scores = g.mask_fill(scores, valid, value=-np.inf)
        if not self.banded:
            return scores
        sides = {"size": queries, "keys": keys, "left": self.left, "right": self.bound}
        if self.align == "top_left":
            seen = g.band_mask(offset=past, **sides)
        elif lengths is None:
            seen = g.band_mask(offset=keys - queries, **sides)
        else:
            seen = widen_mask(g, g.band_mask(lengths, offset=-queries, **sides), rank)
        return g.mask_fill(scores, seen, value=-np.inf)


def widen_mask(g: Any, mask: Any, rank: int) -> Any:
    """[batch, t, s] as [batch, 1, t, s]: axes of one after those of the batch."""
    have = len(g.shape(mask))
    return g.unsqueeze(mask, axes=tuple(range(have - 2, rank - 2))) if have < rank else mask


def split_product(g: Any, a: Any, b: Any) -> Any:
    """`shared_product` in smaller operators."""
    left, right = g.shape(a), g.shape(b)
    if len(left) < 3 or left[-3] == right[-3]:
        return g.matmul(a, b)
    stacked = left[-3] // right[-3] * left[-2]
    rows = g.reshape(a, shape=(*right[:-2], stacked, left[-1]))
    return g.reshape(g.matmul(rows, b), shape=(*left[:-1], right[-1]))


# ---------------------------------------------------------------------- shape rules


def require_heads(d: Match, lead: Shape, shared: Shape, grouped: bool) -> None:
    """k has the leading axes of q; with ``grouped`` several heads of q may share one of k."""
    if len(lead) != len(shared):
        raise ShapeError(
            f"q has {len(lead)} axes before its last two, k has {len(shared)}",
            hint="expand the smaller one",
        )
    if grouped and not lead:
        raise ShapeError("grouped needs an axis of heads before the last two axes of q")
    for axis, (wide, narrow) in enumerate(zip(lead, shared, strict=True)):
        if grouped and axis == len(lead) - 1:
            d.require("divisible", wide, narrow, "heads of q and heads of k")
        else:
            hint = "grouped: true lets heads of q share those of k" if axis else None
            d.require("==", narrow, wide, f"k axis {axis} and q axis {axis}", hint)


def require_keys(d: Match, scores: Shape) -> None:
    """There is a key to look at; the mask has a fitting dtype and does not widen the scores."""
    d.require("<=", 1, scores[-1], "1 and the number of keys")
    if "lengths" in d:
        require_lengths(d, d.shapes["lengths"], scores[:-2])
    if "keep" not in d:
        return
    fits(d, d.keep, scores, "keep")
    mask, query = d.types["keep"], d.types["q"]
    if isinstance(mask, TensorType) and isinstance(query, TensorType):
        common_dtype([("q", query.dtype)] + [("keep", mask.dtype)] * (mask.dtype != "bool"))


def require_lengths(d: Match, lengths: Shape, lead: Shape) -> None:
    """One length for each of the first axes of q."""
    if len(lengths) > len(lead):
        raise ShapeError(f"lengths has {len(lengths)} axes, q has {len(lead)} before its last two")
    for axis, (size, wanted) in enumerate(zip(lengths, lead, strict=False)):
        d.require("==", size, wanted, f"axis {axis} of lengths and of q")


def past_keys(d: Match) -> Size:
    """Number of keys from earlier calls; past keys and past values come together."""
    if ("past_k" in d) != ("past_v" in d):
        given, other = ("past_k", "past_v") if "past_k" in d else ("past_v", "past_k")
        raise ShapeError(f"{given} is given without {other}")
    found: Size = d.past if "past_k" in d else 0
    return found
