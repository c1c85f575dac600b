"""Softmax attention in blocks: queries and keys by ranges, nothing of the size t x s is kept.

A block of scores is a product, a scale, a cap, masks, an exponential and a product with the
values.  Softmax is invariant under a shift of a row.  While all scores lie within +-40 no
shift is needed: exponentials and their sums stay far from the ends of single precision, and a
maximum over a whole block costs a quarter of one of each row.  Larger scores are shifted by
the largest of their row so far, as in Milakov and Gimelshein 2018: what was summed before is
scaled when a larger one comes.

Scores come out of the product times `exponential.RATE`, for `exponential.power`, where no mask of
numbers is added to them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.exponential import RATE, power
from framework.numerics.sweep import carved, padded_bytes, share_out, shares
from framework.numerics.team import Team

Array = NDArray[Any]

SCORES = 1 << 17
"""Elements of a block of scores."""

TOGETHER = 1 << 18
"""Scores of heads that are taken together: calls of NumPy that are too short make threads wait for
each other's interpreter lock."""

KEYS = 512
"""Keys of a block, where there are more than fit into a block with all."""

SAFE = 40.0
"""Scores within these bounds need no shift."""


@dataclass(frozen=True)
class Rules:
    """What is done to scores: query i sees key j where -left <= j - i - first <= right."""

    scale: float
    softcap: float | None = None
    left: int | None = None
    right: int | None = None
    first: int = 0
    zeros: bool = True
    """A query that sees nothing gets zeros, not NaN."""

    def seen(self, queries: slice, keys: int) -> slice:
        """The keys that some query of a range may see."""
        low = 0 if self.left is None else queries.start + self.first - self.left
        high = keys if self.right is None else queries.stop + self.first + self.right
        low = min(max(low, 0), keys)
        return slice(low, min(max(high, low), keys))

    def cuts(self, queries: slice, keys: slice) -> bool:
        """Is there a pair in these ranges that must not see each other?"""
        ahead = keys.stop - 1 - queries.start - self.first
        behind = queries.stop - 1 + self.first - keys.start
        over = self.right is not None and ahead > self.right
        return over or (self.left is not None and behind > self.left)


@dataclass(frozen=True)
class Sizes:
    """Sizes of an attention: ``lead`` are the axes before the last two of q."""

    lead: tuple[int, ...]
    queries: int
    keys: int
    width: int
    values: int
    itemsize: int = 4
    whole: bool = False
    """The weights are a result: all keys are one block."""
    sharing: int = 1
    """Heads of queries that share one of keys and values."""

    @property
    def key_block(self) -> int:
        """Keys of a block."""
        return self.keys if self.whole or self.keys <= 2 * KEYS else KEYS

    @property
    def query_block(self) -> int:
        """Queries of a block."""
        return max(1, min(self.queries, SCORES // max(1, self.key_block)))

    @property
    def heads(self) -> int:
        """Heads taken together: those whose scores are one block."""
        if self.sharing > 1 or self.query_block < self.queries or self.key_block < self.keys:
            return 1
        return max(1, min(self.lead[-1], TOGETHER // max(1, self.queries * self.keys)))

    def memory(self) -> int:
        """Scratch bytes of one thread."""
        t, s = self.heads * self.query_block, self.key_block
        sizes = (0 if self.whole else t * s, t * self.width, t * self.values, t * self.values)
        return sum(padded_bytes(size * self.itemsize) for size in sizes) + padded_bytes(t * s)

    def tasks(self) -> list[tuple[tuple[int, ...], slice, slice]]:
        """Every index before the heads, with every range of heads and of queries."""
        return [
            (index, heads, queries)
            for index in np.ndindex(*self.lead[:-1])
            for heads in ranges(self.lead[-1], self.heads)
            for queries in ranges(self.queries, self.query_block)
        ]


def ranges(count: int, step: int) -> list[slice]:
    """The numbers below ``count``, up to ``step`` at a time."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


@dataclass
class Block:
    """The memory of one thread, as vectors."""

    scores: Array | None
    q: Array
    sum: Array
    more: Array
    hidden: Array

    @staticmethod
    def within(sizes: Sizes, memory: Array, dtype: Any) -> Block:
        """Carve the arrays out of scratch bytes."""
        t, s = sizes.heads * sizes.query_block, sizes.key_block
        at, scores = 0, None
        if not sizes.whole:
            scores, at = carved(memory, (t * s,), dtype)
        q, at = carved(memory, (t * sizes.width,), dtype, at)
        total, at = carved(memory, (t * sizes.values,), dtype, at)
        more, at = carved(memory, (t * sizes.values,), dtype, at)
        return Block(scores, q, total, more, carved(memory, (t * s,), bool, at)[0])


def shaped(memory: Array, *shape: int) -> Array:
    """The beginning of a vector as an array of this shape."""
    return memory[: math.prod(shape)].reshape(shape)


@dataclass(frozen=True)
class Given:
    """The arrays of some heads: [h, t, d], [h, s, d], [h, s, v] and what belongs to them."""

    q: Array
    k: Array
    v: Array
    keep: Array | None
    y: Array | None
    weights: Array | None

    @property
    def added(self) -> bool:
        """Is the mask one of numbers?"""
        return self.keep is not None and self.keep.dtype != bool

    @property
    def rate(self) -> float:
        """What scores are multiplied by for the sake of the exponential."""
        return 1.0 if self.added else RATE

    def exponential(self, s: Array) -> Array:
        """The exponential of scores, in place."""
        return np.asarray(np.exp(s, out=s) if self.added else power(s, out=s))


def attend(
    q: Array, k: Array, v: Array, keep: Array | None, y: Array | None, weights: Array | None,
    rules: Rules, sizes: Sizes, team: Team, scratch: Array,
) -> None:  # fmt: skip
    """Write the mean of the values, and the weights where they are wanted."""
    if q.ndim == 2:  # one head, without an axis for it
        q, k, v = q[None], k[None], v[None]
        y, weights = (None if array is None else array[None] for array in (y, weights))
    mask = None
    if keep is not None:
        mask = np.broadcast_to(keep, (*sizes.lead, sizes.queries, sizes.keys))
    tasks, each = sizes.tasks(), sizes.memory()

    def work(number: int, part: slice) -> None:
        memory = Block.within(sizes, scratch[number * each : (number + 1) * each], q.dtype)
        for index, heads, queries in tasks[part]:
            place: Any = (*index, heads)
            first = heads.start // sizes.sharing
            shared: Any = (*index, slice(first, first + heads.stop - heads.start))
            given = Given(
                q[place], k[shared], v[shared], None if mask is None else mask[place],
                None if y is None else y[place], None if weights is None else weights[place],
            )  # fmt: skip
            if sizes.whole:
                with_weights(given, queries, rules, memory)
            else:
                Running(given, queries, rules, memory).run(sizes.key_block)

    share_out(team, shares(len(tasks), threads(sizes, team)), work)


def threads(sizes: Sizes, team: Team) -> int:
    """How many of the team are worth waking."""
    work = math.prod(sizes.lead) * sizes.queries * sizes.keys * (sizes.width + sizes.values)
    return team.threads if work >= 2_000_000 else 1


def scaled(given: Given, queries: slice, rules: Rules, memory: Block) -> Array:
    """The queries times all factors of a score: fewer products than scaling the scores."""
    some = given.q[:, queries]
    q = shaped(memory.q, *some.shape)
    np.multiply(some, rules.scale * (1 / rules.softcap if rules.softcap else given.rate), out=q)
    return q


def scores_into(s: Array, q: Array, keys: slice, given: Given, softcap: float | None) -> None:
    """Products of queries and keys, capped."""
    np.matmul(q, given.k[:, keys].swapaxes(1, 2), out=s)
    if softcap is not None:
        np.tanh(s, out=s)
        s *= softcap * given.rate


def hide(s: Array, given: Given, queries: slice, keys: slice, rules: Rules, memory: Block) -> None:
    """Add a mask of numbers; -inf where a query may not look."""
    hidden = shaped(memory.hidden, *s.shape)
    if given.keep is not None and given.added:
        s += given.keep[:, queries, keys]
    elif given.keep is not None:
        np.logical_not(given.keep[:, queries, keys], out=hidden)
        np.copyto(s, -np.inf, where=hidden)
    if not rules.cuts(queries, keys):
        return
    at = np.arange(queries.start, queries.stop)[:, None] + rules.first
    places = np.arange(keys.start, keys.stop)
    if rules.right is not None:
        np.greater(places, at + rules.right, out=hidden)
        np.copyto(s, -np.inf, where=hidden)
    if rules.left is not None:
        np.less(places, at - rules.left, out=hidden)
        np.copyto(s, -np.inf, where=hidden)


def moderate(s: Array, given: Given, softcap: float | None) -> bool:
    """Do all scores lie within the safe bounds?  NaN does not."""
    if given.added:
        return False
    if softcap is not None and softcap <= SAFE:
        return not bool(np.isnan(s.max()))
    bound = SAFE * given.rate
    return bool(s.max() <= bound) and bool(s.min() >= -bound)


def with_weights(given: Given, queries: slice, rules: Rules, memory: Block) -> None:
    """All keys at once, in the memory of the weights."""
    if given.weights is None:
        return
    s = given.weights[:, queries]
    keys = slice(0, s.shape[2])
    scores_into(s, scaled(given, queries, rules, memory), keys, given, rules.softcap)
    safe = moderate(s, given, rules.softcap)
    hide(s, given, queries, keys, rules, memory)
    if not safe:
        s -= finite(s.max(2, keepdims=True))
    given.exponential(s)
    s /= divisors(sums(s), rules.zeros)
    if given.y is not None:
        np.matmul(s, given.v, out=given.y[:, queries])


def sums(s: Array) -> Array:
    """Sum of each row, kept as 1."""
    return np.asarray(np.matmul(s, np.ones((s.shape[2], 1), s.dtype)))


def finite(top: Array) -> Array:
    """0 for -inf: such a row stays what it is."""
    top[np.isneginf(top)] = 0
    return top


def divisors(total: Array, zeros: bool) -> Array:
    """1 instead of 0, where a query that sees nothing gets zeros."""
    if zeros:
        total[total == 0] = 1
    return total


class Running:
    """A range of queries that goes through the keys block by block.

    ``total`` and ``sum`` are sums of exp(score - shift) and of the same times the
    values; ``shift`` is None while it is 0.
    """

    def __init__(self, given: Given, queries: slice, rules: Rules, memory: Block) -> None:
        self.given = given
        self.queries = queries
        self.rules = rules
        self.memory = memory
        self.size = (len(given.q), queries.stop - queries.start)
        self.shift: Array | None = None
        self.total = np.zeros((*self.size, 1), memory.q.dtype)
        self.sum = shaped(memory.sum, *self.size, given.v.shape[2])
        self.more = shaped(memory.more, *self.sum.shape)
        self.started = False

    def run(self, key_block: int) -> None:
        """Write the result of these queries."""
        given = self.given
        if given.y is None:
            return
        q = scaled(given, self.queries, self.rules, self.memory)
        for keys in self._ranges(key_block):
            self._add(q, keys)
        y = given.y[:, self.queries]
        if not self.started:
            y[...] = 0 if self.rules.zeros else np.nan
            return
        np.divide(self.sum, divisors(self.total, self.rules.zeros), out=y)

    def _ranges(self, key_block: int) -> Iterator[slice]:
        seen = self.rules.seen(self.queries, self.given.k.shape[1])
        for start in range(seen.start, seen.stop, key_block):
            yield slice(start, min(start + key_block, seen.stop))

    def _add(self, q: Array, keys: slice) -> None:
        given, memory = self.given, self.memory
        if memory.scores is None:
            return
        s = shaped(memory.scores, *self.size, keys.stop - keys.start)
        scores_into(s, q, keys, given, self.rules.softcap)
        safe = self.shift is None and moderate(s, given, self.rules.softcap)
        hide(s, given, self.queries, keys, self.rules, memory)
        if not safe:
            self._move(s)
        given.exponential(s)
        self.total += sums(s)
        np.matmul(s, given.v[:, keys], out=self.more if self.started else self.sum)
        if self.started:
            self.sum += self.more
        self.started = True

    def _move(self, s: Array) -> None:
        """Subtract the largest score of each row so far; scale what was summed before."""
        top = s.max(2, keepdims=True)
        if self.started:
            before = np.zeros_like(top) if self.shift is None else self.shift
            before[self.total == 0] = -np.inf
            top = np.maximum(top, before)
            factor = self.given.exponential(before - finite(top))
            self.total *= factor
            self.sum *= factor
        self.shift = finite(top)
        s -= self.shift
