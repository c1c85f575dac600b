"""One stretch of memory for all intermediate results: who lies where, and when.

Each block lives from its first call to its last.  Blocks that never live at the same time may
lie at the same place.  Large blocks choose first, each the lowest gap that is free during its
life; this comes close to the bound that no layout can beat, the most bytes alive at a time.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

from framework.ir.kernel import ALIGNMENT


@dataclass(frozen=True, slots=True)
class Block:
    """So many bytes from call ``first`` to call ``last``, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Layout:
    """Where each block lies, and how much memory all of them take."""

    places: tuple[int, ...]
    size: int


def aligned(size: int) -> int:
    """Rounded up to whole cache lines."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lay_out(blocks: Sequence[Block]) -> Layout:
    """Places for all blocks, so that no two that live at the same time overlap."""
    order = sorted(range(len(blocks)), key=lambda i: (-blocks[i].size, blocks[i].first, i))
    places = [0] * len(blocks)
    placed = Placed(sum(block.last - block.first + 1 for block in blocks) // max(1, len(blocks)))
    for number in order:
        block = blocks[number]
        size = aligned(block.size)
        places[number] = placed.lowest(block, size)
        placed.add(block, places[number], size)
    ends = (place + aligned(b.size) for place, b in zip(places, blocks, strict=True))
    return Layout(tuple(places), max(ends, default=0))


class Placed:
    """The blocks that have a place, by stretches of time, so that few are looked at.

    A stretch is several mean lives long: a block touches few stretches, a stretch few blocks.
    """

    def __init__(self, mean_life: int) -> None:
        self.width = 4 * max(1, mean_life)
        self.stretches: dict[int, list[tuple[int, int, int, int]]] = {}

    def touched(self, block: Block) -> range:
        """The stretches of time that a block lives in."""
        return range(block.first // self.width, block.last // self.width + 1)

    def add(self, block: Block, place: int, size: int) -> None:
        """Remember a block's place."""
        for stretch in self.touched(block):
            entry = (place, size, block.first, block.last)
            insort(self.stretches.setdefault(stretch, []), entry)

    def lowest(self, block: Block, size: int) -> int:
        """The lowest place with this much room during the block's life."""
        stretches = [self.stretches.get(stretch, []) for stretch in self.touched(block)]
        near = stretches[0] if len(stretches) == 1 else sorted({e for s in stretches for e in s})
        place = 0
        for start, length, first, last in near:
            if last < block.first or block.last < first:
                continue
            if start - place >= size:
                break
            place = max(place, start + length)
        return place


def most_alive(blocks: Sequence[Block]) -> int:
    """The most bytes that are alive at a time: no layout can take less."""
    change: dict[int, int] = {}
    for block in blocks:
        change[block.first] = change.get(block.first, 0) + aligned(block.size)
        change[block.last + 1] = change.get(block.last + 1, 0) - aligned(block.size)
    alive = most = 0
    for call in sorted(change):
        alive += change[call]
        most = max(most, alive)
    return most
