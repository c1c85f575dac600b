"""Which keys lie near a query: the mask of a band along the diagonal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Size, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import fixed_size
from framework.numerics.attention import band


class BandMask(Op, name="band_mask"):
    """A boolean mask that is true in a band along the diagonal: a sliding window, causal or not.

    y[..., i, j] = (-left <= j - p <= right), p = first[...] + offset + i; first = 0 by default
    Source: Beltagy et al. 2020, section 3.1; ONNX Attention-25 (left_window_size,
    right_window_size).

    Without ``left`` or ``right`` that side has no bound; ``right: 0`` is a causal mask.  The
    port ``first`` gives each sequence of a batch its own position of the first query.  With
    ``size: 1, right: -1`` and lengths as ``first`` the result is a key-padding mask.
    """

    signature = "first?<int>: *batch -> y<bool>: *batch t s"
    category = "position"
    main = "size"

    size: SizeAttr
    keys: SizeAttr | None = None
    left: int | None = None
    right: int | None = None
    offset: SizeAttr = 0

    def check(self) -> None:
        """A band that excludes its own two bounds holds nothing."""
        if self.left is not None and self.right is not None and -self.left > self.right:
            raise Mistake(
                f"band_mask from {-self.left} to {self.right} around the query holds no key"
            )

    def derive(self, d: Match) -> dict[str, Any]:
        """[..., queries, keys]."""
        keys = self.size if self.keys is None else self.keys
        for size in (self.size, keys):
            d.require("<=", 0, size, "size of the mask")
        return {"batch": d.batch if "first" in d else (), "t": self.size, "s": keys}

    def compute(self, first: Array | None = None) -> Array:
        """Compare distances."""
        keys: Size = self.size if self.keys is None else self.keys
        offset = fixed_size(self.offset, "offset")
        start = offset if first is None else first.astype(np.int64) + offset
        size, count = fixed_size(self.size, "size"), fixed_size(keys, "keys")
        return band(size, count, start, self.left, self.right)

    def cost(self, d: Match) -> Cost:
        """One comparison for each side of each element."""
        sides = (self.left is not None) + (self.right is not None)
        return Cost(elementwise=sides * product((*d.batch, d.t, d.s)))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One side, both, moved, a band for each sequence."""
        yield cls(size=4, right=0), None
        yield cls(size=3, keys=5, left=1, right=2), None
        yield cls(size=3, keys=7, left=2, offset=4), None
        yield cls(size=4, keys=5, right=0, offset=-2), Sample((3,), "int64", high=6)
        yield cls(size=1, keys=5, right=-1), Sample((2, 3), "int32", high=6)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A window, the same two positions further, lengths 1 and 3."""
        yield cls(size=3, left=1, right=0), (None,), [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
        moved = cls(size=2, keys=4, left=1, right=0, offset=2)
        yield moved, (None,), [[0, 1, 1, 0], [0, 0, 1, 1]]
        lengths = np.array([1, 3])
        yield cls(size=1, keys=3, right=-1), (lengths,), [[[1, 0, 0]], [[1, 1, 1]]]
        yield (
            cls(size=2, keys=3, right=0, offset=-2),
            (lengths,),
            [
                [[0, 0, 0], [1, 0, 0]],
                [[1, 1, 0], [1, 1, 1]],
            ],
        )
