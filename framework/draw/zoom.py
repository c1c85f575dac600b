"""The dashed line from a box to the panel that shows its inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from framework.draw.grid import Grid
from framework.draw.placed import grown_by, text_area
from framework.draw.route import Rectangle, line, polyline
from framework.draw.scene import Point, Shape, Text

FROM_TOP, FROM_BOTTOM = 20.0, 12.0
"""How near the corners of a frame the line may end."""


def zoom(
    box: Shape, frame: Shape, obstacles: Iterable[Shape], labels: Iterable[Text]
) -> tuple[Point, ...] | None:
    """A way to a frame on the right past all boxes and words, if there is one."""
    start: Point = (box.x + box.width + (4 if box.double else 1), box.centre[1])
    grid: Grid[None] = Grid((grown_by(area_of(shape), 3.0), None) for shape in obstacles)
    for label in labels:
        grid.add(grown_by(text_area(label.string, (label.x, label.y), label.size), 1.0), None)
    low, high = frame.y + FROM_TOP, frame.y + frame.height - FROM_BOTTOM
    if low <= start[1] <= high and not any_met([start, (frame.x, start[1])], grid):
        return line(start, (frame.x, start[1]))
    for y in sorted(range(round(low), round(high), 4), key=lambda y: abs(y - start[1])):
        for x in range(round(start[0]) + 8, round(frame.x) - 4, 8):
            corners = [start, (x, start[1]), (x, y), (frame.x, y)]
            if not any_met(corners, grid):
                return polyline(corners, 8.0)
    return None


def area_of(shape: Shape) -> Rectangle:
    """Left, top, right, bottom of a shape."""
    return (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)


def any_met(corners: Sequence[Point], areas: Grid[None]) -> bool:
    """Does a line of upright and level stretches meet any of the areas?"""
    return any(
        areas.meets((min(x, u) - 0.1, min(y, v) - 0.1, max(x, u) + 0.1, max(y, v) + 0.1))
        for (x, y), (u, v) in pairwise(corners)
    )
