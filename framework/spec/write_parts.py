"""What a text is made of: nodes, groups of consecutive nodes, and rows of equal groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from framework.ir.graph import Value
from framework.spec.write_flow import Flow
from framework.spec.write_values import Number, Parts, taken_apart


@dataclass(eq=False, slots=True)
class Leaf:
    """One node; ``label`` is its own name, if that says anything."""

    start: int
    label: str | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def stop(self) -> int:
        """Position behind it."""
        return self.start + 1


@dataclass(eq=False, slots=True)
class Group:
    """Consecutive items that may become one use of a block.

    ``block`` is the block's name where the graph knows it; ``named`` tells a scope of the
    graph from a pattern that was found.  ``inputs`` are read from outside, ``outputs`` are
    needed outside, both in the order of the text.  ``partner`` is where the earlier group
    begins whose stored tensors this one uses.
    """

    children: list[Item]
    label: str | None
    block: str | None
    named: bool
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    doc: str | None = None
    form: int = -1
    partner: int | None = None
    args: dict[str, Number] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """Position of its first node."""
        return self.children[0].start

    @property
    def stop(self) -> int:
        """Position behind its last node."""
        return self.children[-1].stop


@dataclass(eq=False, slots=True)
class Run:
    """Equal groups one after another, each reading the one before: ``repeat``.

    ``carried`` is the number of the input that gets the result of the copy before.
    """

    copies: list[Group]
    label: str | None
    carried: int
    shared: bool = False

    @property
    def start(self) -> int:
        """Position of its first node."""
        return self.copies[0].start

    @property
    def stop(self) -> int:
        """Position behind its last node."""
        return self.copies[-1].stop

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What the first copy reads."""
        return self.copies[0].inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What the last copy gives."""
        return self.copies[-1].outputs


Item = Leaf | Group | Run


class Maker:
    """Makes items of a flow; attributes of equal operators are taken apart once."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._parts: list[Parts] = []
        self._earliest = [
            min((owner for _, owner, _ in flow.borrowed(place)), default=place)
            for place in range(len(flow.nodes))
        ]
        known: dict[object, Parts] = {}
        for node in flow.nodes:
            if node.op not in known:
                known[node.op] = taken_apart(node.op)
            self._parts.append(known[node.op])

    def parts(self, place: int) -> Parts:
        """The attributes of a node."""
        return self._parts[place]

    def leaf(self, place: int, label: str | None) -> Leaf:
        """The item of one node."""
        node, last = self.flow.nodes[place], self.flow.last_use
        results = (Value(node.name, number) for number in range(len(node.outputs)))
        inputs = tuple(dict.fromkeys(self.flow.reads[node.name]))
        return Leaf(place, label, inputs, tuple(value for value in results if value in last))

    def group(
        self,
        children: list[Item],
        label: str | None = None,
        block: str | None = None,
        named: bool = False,
    ) -> Group:
        """Consecutive items as a group."""
        start, stop = children[0].start, children[-1].stop
        inputs, outputs = self.borders(children, start, stop)
        group = Group(children, label, block, named, inputs, outputs)
        if self.reaches(start, stop):
            group.partner = self.lender(start, stop)
        return group

    def sound(self, group: Group, most_inputs: int, most_outputs: int) -> bool:
        """Can the group be a block: few inputs and outputs, and stored tensors of its own?"""
        return (
            1 <= len(group.inputs) <= most_inputs
            and 1 <= len(group.outputs) <= most_outputs
            and (group.partner is not None or not self.reaches(group.start, group.stop))
        )

    def borders(
        self, children: Sequence[Item], start: int, stop: int
    ) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
        """What consecutive items read from outside, and what is needed of them outside."""
        place_of, last = self.flow.place_of, self.flow.last_use
        read = dict.fromkeys(value for child in children for value in child.inputs)
        inputs = tuple(value for value in read if place_of(value) < start)
        given = (value for child in children for value in child.outputs)
        return inputs, tuple(value for value in given if last[value] >= stop)

    def numbers(self, item: Item) -> Iterator[Number]:
        """The numbers in the attributes of all nodes of an item."""
        for place in range(item.start, item.stop):
            yield from self._parts[place].numbers

    def lender(self, start: int, stop: int) -> int | None:
        """Where the nodes begin whose stored tensors these use, slot by slot; None: nowhere."""
        base: int | None = None
        flow = self.flow
        for place in range(start, stop):
            for slot, owner, owner_slot in flow.borrowed(place):
                if owner >= start:
                    continue
                base = owner - (place - start) if base is None else base
                if owner != base + place - start or owner_slot != slot:
                    return None
        if base is None or base < 0 or base + stop - start > start:
            return None
        pairs = zip(range(start, stop), range(base, base + stop - start), strict=True)
        equal = all(flow.nodes[a].parameters == flow.nodes[b].parameters for a, b in pairs)
        return base if equal else None

    def reaches(self, start: int, stop: int) -> bool:
        """Does a node here use a stored tensor that belongs to an earlier node outside?"""
        return min(self._earliest[start:stop]) < start


def every_group(items: Iterable[Item]) -> Iterator[Group]:
    """All groups in a list, inner ones before outer ones."""
    for item in items:
        if isinstance(item, Leaf):
            continue
        groups = item.copies if isinstance(item, Run) else [item]
        for group in groups:
            yield from every_group(group.children)
            yield group
