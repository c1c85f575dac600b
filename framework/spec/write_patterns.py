"""Structure without names: stretches of a list that come again become groups.

One round takes the stretch that shortens the text most; then the shorter lists are searched
again, so that groups of groups are found, too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from framework.spec.write_forms import Forms
from framework.spec.write_parts import Group, Item, Leaf, Maker, every_group
from framework.spec.write_runs import fold_runs, follows
from framework.spec.write_suffixes import Repeat, repeats
from framework.spec.write_values import Number

ROUNDS = 60
CANDIDATES = 40
MOST_INPUTS, MOST_OUTPUTS, MOST_ARGS = 4, 2, 8
LEAST_GAIN, LEAST_SHARE = 2.0, 0.003
"""Lines that a block must save, and the share of all lines."""
SMALLEST = 3
"""Operators of a block; two of them say more than its name would."""
SHORTEST_LIST = 4


@dataclass(eq=False)
class Body:
    """The lists of all groups of one form; the first one stands for all."""

    lists: list[list[Item]]
    named: bool


@dataclass(frozen=True)
class Window:
    """A stretch of ``length`` items at several places: (body, index)."""

    length: int
    places: tuple[tuple[int, int], ...]
    gain: float


class Finder:
    """Searches lists for stretches that come again."""

    def __init__(self, maker: Maker, forms: Forms) -> None:
        self.maker = maker
        self.forms = forms
        self.bodies: list[Body] = []
        self.where: list[tuple[int, int] | None] = []
        self.live = self._live()
        self.least = max(LEAST_GAIN, LEAST_SHARE * len(maker.flow.nodes))

    def _live(self) -> list[int]:
        """For each position the number of values that are made before it and read from it on."""
        flow = self.maker.flow
        change = [0] * (len(flow.nodes) + 2)
        for value, last in flow.last_use.items():
            change[flow.place_of(value) + 1] += 1
            change[min(last, len(flow.nodes)) + 1] -= 1
        return list(accumulate(change))

    def run(self, items: list[Item]) -> None:
        """Group what comes again, in place, until nothing is gained."""
        for _ in range(ROUNDS):
            self.bodies = list(bodies_of(items))
            window = self.best()
            if window is None:
                break
            self.apply(window)

    def sequence(self) -> list[int]:
        """The tokens of all bodies, a number of its own behind each."""
        tokens: list[int] = []
        self.where = []
        for number, body in enumerate(self.bodies):
            listed = body.lists[0]
            if len(listed) >= SHORTEST_LIST:
                tokens += (self.token(item, body) for item in listed)
                self.where += ((number, index) for index in range(len(listed)))
            tokens.append(-1 - len(tokens))
            self.where.append(None)
        return tokens

    def token(self, item: Item, body: Body) -> int:
        """What an item is; a node that its scope gives a name is like no other."""
        if body.named and isinstance(item, Leaf) and item.label is not None:
            return -1 - len(self.maker.flow.nodes) * 4 - item.start
        return self.forms.token(item)

    def best(self) -> Window | None:
        """The stretch that shortens the text most; estimates first, the dear check on few."""
        found: list[Window] = []
        for repeat in repeats(self.sequence(), CANDIDATES):
            found += self.windows(repeat)
        found.sort(key=lambda window: -window.gain)
        best: Window | None = None
        for window in found:
            if window.gain < self.least or (best is not None and best.gain >= window.gain):
                break
            checked = self.checked(window)
            if checked is not None and (best is None or checked.gain > best.gain):
                best = checked
        return best

    def windows(self, repeat: Repeat) -> Iterator[Window]:
        """Parts of a stretch that begin and end where few values are in flight."""
        at = self.where[repeat.positions[0]]
        if at is None:
            return
        listed = self.bodies[at[0]].lists[0]
        gaps = zip(repeat.positions, repeat.positions[1:], strict=False)
        period = min((b - a for a, b in gaps), default=repeat.length)
        end = at[1] + repeat.length
        cuts = [self.cut(listed, index) for index in range(at[1], end + 1)]
        if period < repeat.length:
            starts = range(min(period, repeat.length - period + 1))
            for start in sorted(starts, key=lambda start: (cuts[start], start))[:3]:
                yield from self.window(repeat, start, period)
        middle = repeat.length // 2
        heads = sorted(range(middle + 1), key=lambda start: (cuts[start], start))[:3]
        tails = sorted(range(middle, repeat.length + 1), key=lambda end: (cuts[end], -end))[:3]
        for start in heads:
            for end in tails:
                if end - start > 1:
                    yield from self.window(repeat, start, end - start)

    def cut(self, listed: Sequence[Item], index: int) -> float:
        """How bad it is to cut a list before an item: values in flight, and what it tears."""
        if index == len(listed):
            return self.live[listed[-1].stop]
        item = listed[index]
        tears = index > 0 and isinstance(item, Leaf) and isinstance(listed[index - 1], Leaf)
        nodes = self.maker.flow.nodes
        if tears and nodes[item.start].op.category == "normalization":
            tears = nodes[item.start - 1].op.category in ("convolution", "linear")
        elif tears:
            tears = nodes[item.start].op.category == "activation"
        return self.live[item.start] + (0.5 if tears else 0.0)

    def window(self, repeat: Repeat, start: int, length: int) -> Iterator[Window]:
        """The window, if it fits often enough; its gain is an estimate from the first place."""
        places: list[tuple[int, int]] = []
        free = -1
        for position in repeat.positions:
            at = self.where[position + start]
            if position + start >= free and at is not None and self.partial(at[0], length):
                places.append(at)
                free = position + start + length
        if len(places) > 1 and self.large(places[0], length):
            inputs, outputs = self.borders(places[0], length)
            if 1 <= inputs <= MOST_INPUTS and 1 <= outputs <= MOST_OUTPUTS:
                uses = 1 + sum(a[0] != b[0] or a[1] + length != b[1] for a, b in pairwise(places))
                yield Window(
                    length, tuple(places), gain(len(places), length, inputs, outputs, uses, 0)
                )

    def partial(self, body: int, length: int) -> bool:
        """Is it less than a whole body?"""
        return body == 0 or length < len(self.bodies[body].lists[0])

    def large(self, place: tuple[int, int], length: int) -> bool:
        """Are there enough operators in it for a block?"""
        children = self.children(place, length)
        return children[-1].stop - children[0].start >= SMALLEST

    def borders(self, place: tuple[int, int], length: int) -> tuple[int, int]:
        """How many values a stretch reads, and how many are read of it."""
        children = self.children(place, length)
        inputs, outputs = self.maker.borders(children, children[0].start, children[-1].stop)
        return len(inputs), len(outputs)

    def children(self, place: tuple[int, int], length: int) -> list[Item]:
        """The items at a place."""
        body, index = place
        return self.bodies[body].lists[0][index : index + length]

    def checked(self, window: Window) -> Window | None:
        """The window at those places where it is the same in wires, too, or in all numbers."""
        alike: dict[Hashable, list[tuple[tuple[int, int], Group]]] = {}
        for place in window.places:
            group = self.maker.group(self.children(place, window.length))
            if self.maker.sound(group, MOST_INPUTS, MOST_OUTPUTS):
                key = self.forms.key(group)
                alike.setdefault(key, []).append((place, group))
                exact = (key, tuple(map(repr, self.maker.numbers(group))))
                alike.setdefault(exact, []).append((place, group))
        best: Window | None = None
        for entries in alike.values():
            if len(entries) > 1:
                worth = self.worth([group for _, group in entries])
                if worth >= self.least and (best is None or worth > best.gain):
                    best = Window(window.length, tuple(place for place, _ in entries), worth)
        return best

    def worth(self, groups: Sequence[Group]) -> float:
        """Lines that these groups save as uses of one block."""
        first = groups[0]
        for group in groups:
            group.form = -2  # equal, as their keys are
        uses = 1 + sum(not follows([a], b) for a, b in pairwise(groups))
        args = different_columns([list(self.maker.numbers(group)) for group in groups])
        if args > MOST_ARGS:
            return 0.0
        size = len(first.children)
        return gain(len(groups), size, len(first.inputs), len(first.outputs), uses, args)

    def apply(self, window: Window) -> None:
        """Make the groups, in every list that a body stands for; then fold rows of them."""
        by_body: dict[int, list[int]] = {}
        for body, index in window.places:
            by_body.setdefault(body, []).append(index)
        for number, indices in by_body.items():
            for listed in self.bodies[number].lists:
                listed[:] = fold_runs(self.grouped(listed, indices, window.length), self.forms)

    def grouped(self, listed: Sequence[Item], indices: Sequence[int], length: int) -> list[Item]:
        """The list with groups in place of the stretches that start at these indices."""
        out: list[Item] = []
        done = 0
        for index in indices:
            out += listed[done:index]
            group = self.maker.group(list(listed[index : index + length]))
            self.forms.of(group)
            out.append(group)
            done = index + length
        return out + list(listed[done:])


def gain(count: int, length: int, inputs: int, outputs: int, uses: int, args: int) -> float:
    """Lines saved by a block: all copies, less the block itself and a line for each use."""
    borders = inputs + outputs - 2
    block = length + 3 + borders + 0.4 * args
    return count * length - block - uses * (1.2 + 0.7 * borders + 0.25 * args)


def different_columns(rows: Sequence[Sequence[Number]]) -> int:
    """How many of the numbers differ between the rows, those that change together once."""
    if any(len(row) != len(rows[0]) for row in rows):
        return MOST_ARGS + 1
    columns = {tuple(map(repr, column)) for column in zip(*rows, strict=True)}
    return sum(any(entry != column[0] for entry in column) for column in columns)


def bodies_of(items: list[Item]) -> Iterator[Body]:
    """The top list, and the lists of all groups by form."""
    yield Body([items], False)
    forms: dict[int, Body] = {}
    for group in every_group(items):
        if group.form in forms and len(forms[group.form].lists[0]) == len(group.children):
            forms[group.form].lists.append(group.children)
        elif group.form not in forms:
            forms[group.form] = Body([group.children], group.named)
    yield from forms.values()
