"""Biases of attention scores that depend on how far a key is from a query."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import Ints, SizeAttr
from framework.ir.dims import Size
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import fixed_size
from framework.ops.constant import Dtype


class Alibi(Op, name="alibi"):
    """A bias that falls with the distance between query and key, with a slope for each head.

    y[h, i, j] = -slope[h] * |j - i - offset|; slope[h] = 2^(-8 (h+1) / heads)
    Source: Press et al. 2022, section 3; it goes into `attention` as ``keep``.

    Where ``heads`` is no power of two, the slopes of the next smaller one come first, then every
    other slope of the next larger one, as in the authors' code.  ``offset`` is the number of keys
    before the first query.
    """

    signature = "-> y<@dtype>: heads t s"
    category = "position"
    main = "heads"

    heads: int
    size: SizeAttr
    keys: SizeAttr | None = None
    offset: SizeAttr = 0
    dtype: Dtype = "float32"

    def check(self) -> None:
        """There is a head, and numbers that are no integers."""
        if self.heads < 1:
            raise Mistake(f"alibi with {self.heads} heads; expected at least 1")
        if not self.dtype.startswith("float"):
            raise Mistake(f"alibi in {self.dtype}; expected float16, float32 or float64")

    def derive(self, d: Match) -> dict[str, Any]:
        """[heads, queries, keys]."""
        self.check()
        return grid(d, self.size, self.keys)

    def compute(self, *arrays: Array) -> Array:
        """Slopes times distances."""
        away = np.abs(distances(self.size, self.keys, self.offset))
        return np.asarray(-slopes(self.heads)[:, None, None] * away).astype(self.dtype)

    def cost(self, d: Match) -> Cost:
        """Nothing: a constant for each pair of lengths."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A power of two and another number of heads; more keys."""
        yield (cls(heads=4, size=5),)
        yield (cls(heads=3, size=4, keys=7, offset=2, dtype="float64"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Slopes 1/16 and 1/256; for three heads that of four heads, 1/4, follows them."""
        near = np.array([[0, 1], [1, 0]])
        yield cls(heads=2, size=2), (), -np.stack([near / 16, near / 256])
        one = [[[-2 / 16, -1 / 16, 0]], [[-2 / 256, -1 / 256, 0]], [[-2 / 4, -1 / 4, 0]]]
        yield cls(heads=3, size=1, keys=3, offset=2), (), one


class RelativeBias(Op, name="relative_bias"):
    """A learned bias for each head and each bucket of distances between query and key.

    y[h, i, j] = table[bucket(j - i - offset), h]
    Near keys have a bucket for each distance, far ones share buckets that grow by a constant
    factor up to ``max_distance``; all beyond it are in the last.  With ``bidirectional`` half of
    the buckets are for keys after the query, otherwise these are at distance 0.
    Source: Raffel et al. 2020, section 2.1, with the buckets of the authors' code.
    """

    signature = "table~: buckets heads -> y: heads t s"
    category = "position"
    main = "heads"
    initial = {"table": {"normal": 0.02}}

    heads: int
    size: SizeAttr
    keys: SizeAttr | None = None
    offset: SizeAttr = 0
    buckets: int = 32
    max_distance: int = 128
    bidirectional: bool = True

    def check(self) -> None:
        """There are near and far buckets."""
        if self.heads < 1:
            raise Mistake(f"relative_bias with {self.heads} heads; expected at least 1")
        sides = 2 if self.bidirectional else 1
        if self.buckets < 2 * sides or self.buckets % (2 * sides):
            raise Mistake(
                f"relative_bias with {self.buckets} buckets; expected a multiple of {2 * sides}"
            )
        if self.max_distance <= self.buckets // sides // 2:
            raise Mistake(
                f"relative_bias with max_distance {self.max_distance}; "
                f"it must exceed {self.buckets // sides // 2}, the number of near buckets"
            )

    def derive(self, d: Match) -> dict[str, Any]:
        """[heads, queries, keys]."""
        self.check()
        return grid(d, self.size, self.keys)

    def compute(self, table: Array) -> Array:
        """Look the bucket of each distance up."""
        found = self.bucket(distances(self.size, self.keys, self.offset))
        return np.ascontiguousarray(np.moveaxis(table[found], -1, 0))

    def bucket(self, ahead: Array) -> Array:
        """The bucket of a key that is ``ahead`` of its query (negative: behind it)."""
        side = self.buckets // 2 if self.bidirectional else self.buckets
        away = np.abs(ahead) if self.bidirectional else np.maximum(-ahead, 0)
        found = np.searchsorted(edges(side, self.max_distance), away, "right")
        return found + side * (ahead > 0) if self.bidirectional else found

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both directions and one; more keys; few buckets."""
        yield (cls(heads=3, size=5),)
        small = cls(2, size=4, keys=9, offset=5, buckets=8, max_distance=6, bidirectional=False)
        yield (small,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Buckets 0 and 1 for distances 0 and 1, 2 for 2 and 3, 3 from 4 on; 4 more for later."""
        table = np.arange(8.0)[:, None]
        row = cls(heads=1, size=1, keys=9, offset=4, buckets=8, max_distance=8)
        yield row, (table,), [[[3, 2, 2, 1, 0, 5, 6, 6, 7]]]
        back = cls(1, size=1, keys=7, offset=5, buckets=4, max_distance=8, bidirectional=False)
        yield back, (table[:4],), [[[3, 3, 2, 2, 1, 0, 0]]]


class WindowBias(Op, name="window_bias"):
    """A learned bias for each head and each offset between two places of a window of an image.

    y[h, p, q] = table[r, h]; r numbers the offsets place(p) - place(q) + window - 1 row by row
    Source: Liu et al. 2021 (Swin), equation 4: relative_position_bias_table, whose
    (2 wh - 1)(2 ww - 1) rows have this order.

    Places of a window are numbered row by row.  A window of one axis gives a bias for each
    distance in a sequence.
    """

    signature = "table~: offsets heads -> y: heads places places"
    category = "position"
    main = "heads"
    initial = {"table": {"truncated_normal": 0.02}}

    heads: int
    window: Ints

    def check(self) -> None:
        """There is a head and a place."""
        if self.heads < 1:
            raise Mistake(f"window_bias with {self.heads} heads; expected at least 1")
        if not self.window or min(self.window) < 1:
            raise Mistake(f"window_bias with window {list(self.window)}; expected sizes above 0")

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes of the table and of the result."""
        self.check()
        return {
            "offsets": math.prod(2 * size - 1 for size in self.window),
            "places": math.prod(self.window),
        }

    def compute(self, table: Array) -> Array:
        """Look each offset up."""
        return np.ascontiguousarray(np.moveaxis(table[self.rows()], -1, 0))

    def decompose(self, g: Any, table: Any) -> Any:
        """A gather with a constant, transposed."""
        rows = g.constant(value=tuple(map(tuple, self.rows().tolist())), dtype="int64")
        return g.transpose(g.gather(table, rows), perm=(2, 0, 1))

    def rows(self) -> Array:
        """Row of the table for each pair of places."""
        axes = np.meshgrid(*map(np.arange, self.window), indexing="ij")
        found = np.zeros((math.prod(self.window),) * 2, np.int64)
        for size, axis in zip(self.window, axes, strict=True):
            at = axis.reshape(-1)
            found = found * (2 * size - 1) + (at[:, None] - at + size - 1)
        return found

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A window of an image, and a sequence."""
        yield (cls(heads=3, window=(2, 4)),)
        yield (cls(heads=2, window=(5,)),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Offset 0 is in the middle of the table; one row down is 2*2-1 = 3 rows further."""
        yield cls(heads=1, window=(2,)), (np.arange(3.0)[:, None],), [[[1, 0], [2, 1]]]
        square = [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
        yield cls(heads=1, window=(2, 2)), (np.arange(9.0)[:, None],), [square]


# ---------------------------------------------------------------------- distances


def grid(d: Match, size: Size, keys: Size | None) -> dict[str, Any]:
    """Queries and keys; keys are as many as queries unless said otherwise."""
    keys = size if keys is None else keys
    for count in (size, keys):
        d.require("<=", 0, count, "size of the bias")
    return {"t": size, "s": keys}


def distances(size: Size, keys: Size | None, offset: Size) -> Array:
    """How far key j is ahead of query i, which stands at ``offset + i``."""
    queries = fixed_size(size, "size")
    count = queries if keys is None else fixed_size(keys, "keys")
    return np.arange(count) - (np.arange(queries)[:, None] + fixed_size(offset, "offset"))


def slopes(heads: int) -> Array:
    """One slope for each head of `Alibi`.

    >>> slopes(3).tolist()
    [0.0625, 0.00390625, 0.25]
    """
    power = 2 ** int(math.log2(heads))
    steps = 2.0 ** (-8 / power * np.arange(1, power + 1))
    more = 2.0 ** (-4 / power * np.arange(1, 2 * (heads - power), 2))
    return np.concatenate((steps, more))


def edges(buckets: int, most: int) -> Array:
    """The least distance of each bucket but the first, for one direction.

    Half of the buckets, n, are for the distances 0 to n - 1; far bucket n + k begins at
    n * (most / n)^(k / n'), n' = buckets - n: the least r with r^n' >= n^(n' - k) * most^k,
    which whole numbers tell exactly.

    >>> edges(4, 8).tolist()
    [1, 2, 4]
    """
    near = buckets // 2
    far = buckets - near
    found = list(range(1, near + 1))
    for step in range(1, far):
        least = near ** (far - step) * most**step
        rest = found[-1]
        while rest**far < least:
            rest += 1
        found.append(rest)
    return np.array(found)
