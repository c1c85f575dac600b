"""Repeated stretches of a sequence of numbers, by a suffix array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Repeat:
    """A stretch of ``length`` that stands at ``positions`` (in order) and nowhere else as far."""

    length: int
    positions: tuple[int, ...]


def suffix_array(sequence: Sequence[int]) -> NDArray[np.int64]:
    """Positions sorted by what follows them; by prefix doubling, n log n of them each time."""
    _, rank = np.unique(np.asarray(sequence, np.int64), return_inverse=True)
    n, step = len(rank), 1
    order = np.argsort(rank, kind="stable")
    while step < n and len(rank) and rank.max() < n - 1:
        second = np.zeros(n, np.int64)
        second[: n - step] = rank[step:] + 1
        key = rank.astype(np.int64) * (n + 1) + second
        order = np.argsort(key, kind="stable")
        sorted_key = key[order]
        rank = np.empty(n, np.int64)
        rank[order] = np.concatenate(([0], np.cumsum(sorted_key[1:] != sorted_key[:-1])))
        step *= 2
    return order.astype(np.int64)


def common_prefixes(sequence: Sequence[int], order: Sequence[int]) -> list[int]:
    """Length of what suffix number k of the order has in common with number k - 1 (Kasai)."""
    n = len(sequence)
    rank = [0] * n
    for number, position in enumerate(order):
        rank[position] = number
    out, length = [0] * n, 0
    for position in range(n):
        if rank[position] == 0:
            length = 0
            continue
        other = order[rank[position] - 1]
        while (
            max(position, other) + length < n
            and sequence[position + length] == sequence[other + length]
        ):
            length += 1
        out[rank[position]] = length
        length = max(length - 1, 0)
    return out


def intervals(common: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(length, first, last): suffixes of the order that share that many numbers, maximally."""
    stack: list[tuple[int, int]] = [(0, 0)]
    for number in range(1, len(common) + 1):
        length = common[number] if number < len(common) else -1
        first = number - 1
        while stack and stack[-1][0] > length:
            deep, first = stack.pop()
            if deep > 0:
                yield deep, first, number - 1
        if length >= 0 and (not stack or stack[-1][0] < length):
            stack.append((length, first))


def repeats(sequence: Sequence[int], most: int) -> list[Repeat]:
    """The ``most`` repeated stretches that cover most of the sequence."""
    if len(sequence) < 2:
        return []
    order = suffix_array(sequence)
    common = common_prefixes(sequence, order.tolist())
    found = []
    for length, first, last in intervals(common):
        if length > 1:
            inside = order[first : last + 1]
            span = int(inside.max() - inside.min())
            found.append((min((last - first) * length, span), length, first, last))
    found.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    return [
        Repeat(length, tuple(np.sort(order[first : last + 1]).tolist()))
        for _, length, first, last in found[:most]
    ]
