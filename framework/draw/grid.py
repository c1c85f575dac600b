"""What is near a place: rectangles and points by the cells of a grid that they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from framework.draw.route import Rectangle
from framework.draw.scene import Point

CELL = 96.0

Item = TypeVar("Item")


def cells(area: Rectangle) -> Iterator[tuple[int, int]]:
    """The cells that an area touches."""
    left, top, right, bottom = (int(edge // CELL) for edge in area)
    for column in range(left, right + 1):
        for row in range(top, bottom + 1):
            yield column, row


class Grid(Generic[Item]):
    """Rectangles with something attached to each."""

    def __init__(self, items: Iterable[tuple[Rectangle, Item]] = ()) -> None:
        self.items: list[tuple[Rectangle, Item]] = []
        self.at: dict[tuple[int, int], list[int]] = {}
        for area, item in items:
            self.add(area, item)

    def add(self, area: Rectangle, item: Item) -> None:
        """Remember a rectangle."""
        for cell in cells(area):
            self.at.setdefault(cell, []).append(len(self.items))
        self.items.append((area, item))

    def meeting(self, area: Rectangle) -> Iterator[tuple[Rectangle, Item]]:
        """Those that overlap with an area, in the order in which they came."""
        left, top, right, bottom = area
        seen: set[int] = set()
        for cell in cells(area):
            seen.update(self.at.get(cell, ()))
        for number in sorted(seen):
            other = self.items[number][0]
            if left < other[2] and other[0] < right and top < other[3] and other[1] < bottom:
                yield self.items[number]

    def meets(self, area: Rectangle) -> bool:
        """Does any overlap with an area?"""
        return next(self.meeting(area), None) is not None


class Dots:
    """Points of curves."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self.at: dict[tuple[int, int], list[Point]] = {}
        for x, y in points:
            self.at.setdefault((int(x // CELL), int(y // CELL)), []).append((x, y))

    def inside(self, area: Rectangle) -> Iterator[Point]:
        """The points in an area."""
        left, top, right, bottom = area
        for cell in cells(area):
            for x, y in self.at.get(cell, ()):
                if left < x < right and top < y < bottom:
                    yield x, y

    def hit(self, area: Rectangle) -> bool:
        """Is there a point in an area?"""
        return next(self.inside(area), None) is not None
