"""What becomes of the axes of a tensor in reshapes, transpositions and selections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.ir.dims import Shape, Size, exact_quotient
from framework.ir.graph import Value
from framework.passes.recognise.work import Piece, Work

SHAPING = ("reshape", "flatten", "squeeze", "unsqueeze")
MOVING = (*SHAPING, "transpose")
NAMES = {2: "n d", 3: "b t d", 4: "b c h w", 5: "b c t h w"}
SPLITS = {"d": "hd", "h": "hp", "w": "wq", "c": "cr", "t": "ts", "b": "bm", "n": "nm"}
SPARE = "xyzuvklij"
LONGEST = 8


@dataclass(eq=False)
class Axis:
    """An axis with its size, and what it has been split into."""

    name: str
    size: Size
    parts: tuple[Axis, ...] = ()

    @property
    def leaves(self) -> tuple[Axis, ...]:
        """The axes that it consists of by now."""
        if not self.parts:
            return (self,)
        return tuple(leaf for part in self.parts for leaf in part.leaves)


Group = tuple[Axis, ...]


class Splitter:
    """Follows axes through reshapes; an axis is split where a reshape asks for it.

    ``picked`` has the axes of which one place was selected, with its number.
    """

    def __init__(self, axes: Sequence[Axis], room: int) -> None:
        self.axes = list(axes)
        self.names = {axis.name for axis in axes}
        self.room = room
        self.picked: dict[Axis, int] = {}

    def follow(self, steps: Sequence[Piece], groups: Sequence[Group]) -> list[Group] | None:
        """The groups of axes after these steps; None where they do not follow from the sizes."""
        found: list[Group] | None = list(groups)
        for step in steps:
            if found is not None:
                found = self.step(step, found)
        return found

    def step(self, piece: Piece, groups: list[Group]) -> list[Group] | None:
        """The groups after one node."""
        if piece.op.name == "transpose":
            return [groups[axis] for axis in order_of(piece, len(groups))]
        if piece.op.name == "select":
            return self.selected(piece, groups)
        return self.reshaped(groups, piece.outputs[0].shape)

    def selected(self, piece: Piece, groups: list[Group]) -> list[Group] | None:
        """The groups without the axis of which one place is taken."""
        axis, index = piece.op.values["axis"] % len(groups), piece.op.values["index"]
        leaves = [leaf for part in groups[axis] for leaf in part.leaves]
        if len(leaves) != 1 or not isinstance(leaves[0].size, int) or not isinstance(index, int):
            return None
        self.picked[leaves[0]] = index % leaves[0].size
        return [*groups[:axis], *groups[axis + 1 :]]

    def reshaped(self, groups: Sequence[Group], shape: Shape) -> list[Group] | None:
        """The groups after a reshape; None where they do not follow from the sizes."""
        flat = [leaf for group in groups for axis in group for leaf in axis.leaves]
        flat = [axis for axis in flat if axis.size != 1]
        out: list[Group] = []
        for size in shape:
            taken = self.taken(flat, size)
            if taken is None:
                return None
            out.append(taken)
        return None if flat else out

    def taken(self, flat: list[Axis], size: Size) -> Group | None:
        """The axes from the front whose product is a size; the last one is split if need be."""
        found: list[Axis] = []
        while size != 1:
            if not flat:
                return None
            axis = flat.pop(0)
            rest = quotient(size, axis.size)
            if rest is not None:
                found.append(axis)
                size = rest
                continue
            other = quotient(axis.size, size)
            if other is None or self.room < 1:
                return None
            axis.parts = self.divided(axis.name, size, other)
            found.append(axis.parts[0])
            flat.insert(0, axis.parts[1])
            size = 1
        return tuple(found)

    def divided(self, name: str, first: Size, second: Size) -> tuple[Axis, Axis]:
        """Two parts in place of an axis."""
        self.room -= 1
        self.names.discard(name)
        wish = SPLITS.get(name, "  ")
        return Axis(self.free(wish[0]), first), Axis(self.free(wish[1]), second)

    def free(self, wish: str) -> str:
        """A name that is not taken."""
        free = (n for n in (wish, *SPARE) if n.strip() and n not in self.names)
        name: str = next(free)
        self.names.add(name)
        return name


def axes_of(shape: Shape) -> list[Axis]:
    """An axis for each size, with the name that it usually has."""
    names = NAMES.get(len(shape), " ".join("abcdefgh"[: len(shape)])).split()
    return [Axis(name, size) for name, size in zip(names, shape, strict=False)]


def leaves_of(group: Group) -> Group:
    """The elementary axes of a group."""
    return tuple(leaf for axis in group for leaf in axis.leaves)


def order_of(piece: Piece, rank: int) -> Sequence[int]:
    """The order of the axes of a transposition; without one, all are reversed."""
    perm = piece.op.values["perm"]
    return tuple(reversed(range(rank))) if perm is None else tuple(axis % rank for axis in perm)


def quotient(a: Size, b: Size) -> Size | None:
    """``a/b``, if that is a whole number for every size."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b and a % b == 0 else None
    return 1 if a == b else exact_quotient(a, b)


def walked(work: Work, value: Value, operators: Sequence[str]) -> tuple[Value, list[Piece]]:
    """Back over nodes of these operators: where they start, and the nodes in order."""
    steps: list[Piece] = []
    while len(steps) < LONGEST:
        piece = work.maker(value, *operators)
        if piece is None:
            break
        steps.insert(0, piece)
        value = next(piece.reads)
    return value, steps
