"""The list of one block: which nodes form a ``residual``, and what each node reads as ``prev``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from framework.ir.graph import Value
from framework.spec.write_blocks import Block
from framework.spec.write_parts import Item, Leaf, Maker

Ref = tuple[int, int]
"""A value in a block: number of the child and of its output; (-1, n) is input n."""

LONGEST_BODY = 60
DEEPEST = 6


@dataclass(eq=False)
class Entry:
    """One item of a list: a child, or a residual that ends with the child (an addition)."""

    number: int
    body: list[Entry] = field(default_factory=list)
    skip: list[Entry] = field(default_factory=list)

    @property
    def result(self) -> Ref:
        """The plain result."""
        return (self.number, 0)

    @property
    def head(self) -> int:
        """The child that is written first."""
        return self.body[0].head if self.body else self.number

    @property
    def depth(self) -> int:
        """How deep residuals are nested in it."""
        return 1 + max((entry.depth for entry in self.body + self.skip), default=-1)


class Nest:
    """Finds the residuals of one block."""

    def __init__(self, block: Block, maker: Maker, start: Ref | None) -> None:
        self.block = block
        self.maker = maker
        self.start = start
        self.previous: dict[int, Ref | None] = {}
        self.reads = [self.reads_of(child) for child in block.group.children]
        self.entries = self.nested()
        self.follow(self.entries, start)

    def reads_of(self, child: Item) -> tuple[Ref, ...]:
        """Where the inputs of a child come from; outputs are counted as its text counts them."""
        return tuple(self.ref(value) for value in child.inputs)

    def ref(self, value: Value) -> Ref:
        """Where a value comes from; the number of an operator's output is its own."""
        child, output = self.block.ends[value]
        if child >= 0 and isinstance(self.block.group.children[child], Leaf):
            output = value.output
        return child, output

    def nested(self) -> list[Entry]:
        """The children in order, residuals made of those that belong to them."""
        out: list[Entry] = []
        places: dict[Ref, int] = {}
        for number, child in enumerate(self.block.group.children):
            entry = self.residual(number, child, out, places) or Entry(number)
            places[entry.result] = len(out)
            out.append(entry)
        return out

    def residual(
        self, number: int, child: Item, out: list[Entry], places: dict[Ref, int]
    ) -> Entry | None:
        """The residual that ends with this child; what belongs to it is taken out of ``out``."""
        branches = self.branches(child)
        if branches is None or not out or out[-1].result not in branches:
            return None
        one, two = branches
        other = two if out[-1].result == one else one
        found = self.identity(other, out, places) or self.parted(other, out, places)
        if found is None:
            return None
        begin, middle = found
        entry = Entry(number, out[begin:middle], out[middle:])
        if len(out) - begin > LONGEST_BODY or entry.depth > DEEPEST:
            return None
        del out[begin:]
        return entry

    def branches(self, child: Item) -> tuple[Ref, Ref] | None:
        """The two summands of an addition that broadcasts nothing."""
        if not isinstance(child, Leaf):
            return None
        flow = self.maker.flow
        node = flow.nodes[child.start]
        values = flow.wires[node.name].get("xs", ())
        if node.op.name != "add" or isinstance(values, Value) or len(values) != 2:
            return None
        if flow.type_of(values[0]) != flow.type_of(values[1]) or values[0] == values[1]:
            return None
        return self.ref(values[0]), self.ref(values[1])

    def identity(
        self, skip: Ref, out: list[Entry], places: dict[Ref, int]
    ) -> tuple[int, int] | None:
        """Begin and end of the body where the other summand is what the body reads."""
        begin = self.behind(skip, out, places)
        if begin is None or begin >= len(out) or skip not in self.reads[out[begin].head]:
            return None
        return begin, len(out)

    def parted(self, body: Ref, out: list[Entry], places: dict[Ref, int]) -> tuple[int, int] | None:
        """Begin of body and of skip where both branches are computed from one value."""
        middle = self.behind(body, out, places)
        if middle is None or middle < 1 or middle >= len(out) or body[0] < 0:
            return None
        for source in self.reads[out[middle].head]:
            begin = self.behind(source, out, places)
            if begin is not None and begin < middle and self.apart(out, begin, middle, source):
                return begin, middle
        return None

    def apart(self, out: list[Entry], begin: int, middle: int, source: Ref) -> bool:
        """Do the branches start with one value, and read nothing of each other?"""
        if source not in self.reads[out[begin].head]:
            return False
        first = {entry.number for entry in everything(out[begin:middle])}
        second = everything(out[middle:])
        return all(ref[0] not in first for entry in second for ref in self.reads[entry.number])

    def behind(self, ref: Ref, out: list[Entry], places: dict[Ref, int]) -> int | None:
        """Index of the entry behind the one that gives a value."""
        if ref == self.start:
            return 0
        place = places.get(ref)
        valid = place is not None and place < len(out) and out[place].result == ref
        return place + 1 if place is not None and valid else None

    def follow(self, entries: Sequence[Entry], previous: Ref | None) -> None:
        """Note for every child what it reads as ``prev``."""
        for entry in entries:
            self.previous[entry.number] = previous
            self.follow(entry.body, previous)
            self.follow(entry.skip, previous)
            previous = entry.result


def everything(entries: Sequence[Entry]) -> Iterator[Entry]:
    """All entries in the order of the text: a residual after its branches."""
    for entry in entries:
        yield from everything(entry.body)
        yield from everything(entry.skip)
        yield entry
