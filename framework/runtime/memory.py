"""Where the results of a plan lie: their lives, places in one arena, and what is dropped when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from framework.ir.types import TensorType
from framework.runtime.arena import Block, lay_out, most_alive
from framework.runtime.plan import NOTHING, Call, Source, Spot, flat_slots

SAME_ORDER = ("identity", "dropout", "reshape", "flatten", "squeeze", "unsqueeze")
"""Views that have the elements of their memory in the same order."""


class Slots(Protocol):
    """What is known of the slots of a plan."""

    types: list[TensorType | None]
    constants: set[int]
    """Those that are the same in every run."""
    unread: set[int]
    """Results that nobody reads."""


@dataclass(slots=True)
class Life:
    """One piece of memory: its bytes, when it is used, and whether the arena may hold it."""

    size: int
    first: int
    last: int
    arena: bool


class Memory:
    """Which result lies where: lives of all results, then places for those in the arena."""

    def __init__(
        self, slots: Slots, calls: list[Call], given_out: set[int], inputs: set[int]
    ) -> None:
        self.slots = slots
        self.calls = calls
        self.given_out = given_out
        self.lives: dict[int, Life] = {}
        self.owners: dict[int, tuple[int, ...]] = {}
        self.last_touch: dict[int, int] = {}
        """The last call that reads memory, by its owner."""
        self.turned: set[int] = set()
        self.last_use = last_uses(calls)
        for slot in inputs:
            self._begin(slot, -1, False)
        for number, call in enumerate(calls):
            self._live(number, call)
        for slot in (*given_out, *inputs):  # who calls holds the inputs all the while
            for owner in self.owners.get(slot, ()):
                self.lives[owner].last = len(calls)
        self._lay_out()

    # ------------------------------------------------------------------ lives

    def _begin(self, slot: int, call: int, arena: bool) -> None:
        size = bytes_of(self.slots.types[slot])
        self.lives[slot] = Life(size, call, call, arena)
        self._own(slot, (slot,))

    def _own(self, slot: int, owners: tuple[int, ...]) -> None:
        """A slot lies in the memory of these."""
        self.owners[slot] = owners
        last = len(self.calls) if slot in self.given_out else self.last_use.get(slot, -1)
        for owner in owners:
            self.last_touch[owner] = max(last, self.last_touch.get(owner, -1))

    def _live(self, number: int, call: Call) -> None:
        """The lives that a call begins and prolongs."""
        used = [o for s in flat_slots(call.inputs) for o in self.owners.get(s, ())]
        for owner in used:
            self.lives[owner].last = number
        if call.kernel is None and call.node.op.views:
            for slot in call.outputs:
                self._own(slot, tuple(dict.fromkeys(used)))
                if call.node.op.name not in SAME_ORDER:
                    self.turned.add(slot)  # a result in its memory would lie across it
                if not used:
                    self._begin(slot, number, False)
            return
        for slot in call.outputs:
            heir = self._heir(number, call, slot)
            if heir is not None:
                self._own(slot, (heir,))
            elif call.kernel is None or slot not in self.slots.unread:
                self._begin(slot, number, call.kernel is not None)

    def _heir(self, number: int, call: Call, slot: int) -> int | None:
        """The memory of an argument that dies here and that the result may overwrite."""
        if call.kernel is None or len(call.outputs) != 1 or slot in self.given_out:
            return None
        sources = list(flat_slots(call.inputs))
        for position in call.kernel.overwrites:
            source = sources[position]
            owners = () if source in self.turned else self.owners.get(source, ())
            if len(owners) == 1 and self._dies(owners[0], number, call.inputs):
                life = self.lives[owners[0]]
                if life.arena and life.size == bytes_of(self.slots.types[slot]):
                    return owners[0]
        return None

    def _dies(self, owner: int, number: int, inputs: Sequence[Source]) -> bool:
        """Does nobody read this memory after the call, and the call itself only once?"""
        reads = sum(owner in self.owners.get(slot, ()) for slot in flat_slots(inputs))
        return reads == 1 and self.last_touch[owner] <= number

    # ------------------------------------------------------------------ places

    def _lay_out(self) -> None:
        """Places for all; outputs lie in the arena only where they are most of it.

        Then each run has an arena of its own, which the outputs keep: they would otherwise be
        further memory beside an arena that is empty when they are made.
        """
        outputs = [s for s, life in self.lives.items() if life.arena and s in self.given_out]
        size = 2 * sum(self.lives[slot].size for slot in outputs)
        self.handover = False
        if size >= most_alive(self._blocks()) > 0:
            self._place()
            self.handover = size >= self.layout.size
        if not self.handover:
            for slot in outputs:
                self.lives[slot].arena = False
            self._place()

    def _place(self) -> None:
        blocks = self._blocks()
        self.layout = lay_out(blocks)
        inside = [slot for slot, life in self.lives.items() if life.arena]
        places = self.layout.places
        self.offsets = dict(zip(inside, places, strict=False))
        numbers = (block.first for block in blocks[len(inside) :])
        self.scratch = dict(zip(numbers, places[len(inside) :], strict=True))
        loose = [block_of(life) for life in self.lives.values() if not life.arena]
        self.peak = self.layout.size + most_alive(loose)
        self.least = most_alive([*blocks, *loose])

    def _blocks(self) -> list[Block]:
        """What the arena holds: results, then the scratch memory of each call that has some."""
        results = [block_of(life) for life in self.lives.values() if life.arena]
        scratches = [
            Block(call.kernel.scratch, number, number)
            for number, call in enumerate(self.calls)
            if call.kernel is not None and call.kernel.scratch
        ]
        return results + scratches

    def place(self) -> None:
        """Enter into the calls where their results lie, and what is dropped after each."""
        freed = self._freed()
        for number, call in enumerate(self.calls):
            size = 0 if call.kernel is None else call.kernel.scratch
            call.spots = tuple(self._spot(slot) for slot in call.outputs)
            call.fresh = frozenset(s for s in call.outputs if self._is_fresh(s))
            call.scratch = (self.scratch.get(number, 0), size)
            call.free = freed.get(number, ())

    def _is_fresh(self, slot: int) -> bool:
        """Is this result an array of its own, made for the run?"""
        return slot in self.given_out and slot not in self.offsets

    def _spot(self, slot: int) -> Spot | None:
        (owner, *_) = self.owners.get(slot) or (slot,)
        type_ = self.slots.types[slot]
        if owner not in self.offsets or type_ is None:
            return None
        shape = tuple(int(str(size)) for size in type_.shape)
        return Spot(self.offsets[owner], shape, type_.dtype)

    def _freed(self) -> dict[int, tuple[int, ...]]:
        """The slots that nobody reads after a call."""
        found: dict[int, list[int]] = {}
        for slot, number in self.last_use.items():
            if slot not in self.given_out and slot not in self.slots.constants:
                found.setdefault(number, []).append(slot)
        return {number: tuple(slots) for number, slots in found.items()}


def block_of(life: Life) -> Block:
    """The life as a block of memory."""
    return Block(life.size, max(life.first, 0), max(life.last, life.first, 0))


def last_uses(calls: Sequence[Call]) -> dict[int, int]:
    """The number of the call that touches each slot last."""
    found: dict[int, int] = {}
    for number, call in enumerate(calls):
        for slot in (*flat_slots(call.inputs), *call.outputs):
            if slot != NOTHING:
                found[slot] = number
    return found


def bytes_of(type_: TensorType | None) -> int:
    """Bytes of a tensor; 0 where only the data decide."""
    count = 0 if type_ is None else type_.count
    return count * np.dtype(type_.dtype).itemsize if isinstance(count, int) and type_ else 0
