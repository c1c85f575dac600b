"""Curves that we route ourselves: lanes of residuals, level skips, zoom lines, arrow heads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from framework.draw.scene import Point

HEAD = 9.0
"""Length of an arrow head in points."""

CORNER = 12.0

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def trimmed(points: Sequence[Point], head: float = HEAD) -> tuple[tuple[Point, ...], Point]:
    """The curve up to the base of its arrow head, and the head's tip."""
    *front, before, end = points
    x, y = direction(points)
    base = (end[0] - head * x, end[1] - head * y)
    pulled = (before[0] - head * x * 0.6, before[1] - head * y * 0.6)
    return (*front, pulled, base), end


def direction(points: Sequence[Point]) -> Point:
    """Unit vector in which a curve arrives."""
    end = points[-1]
    for other in reversed(points[:-1]):
        length = math.hypot(end[0] - other[0], end[1] - other[1])
        if length > 0.5:
            return ((end[0] - other[0]) / length, (end[1] - other[1]) / length)
    return (0.0, 1.0)


def line(start: Point, end: Point) -> tuple[Point, ...]:
    """A straight line as one cubic piece."""
    third = ((2 * start[0] + end[0]) / 3, (2 * start[1] + end[1]) / 3)
    two = ((start[0] + 2 * end[0]) / 3, (start[1] + 2 * end[1]) / 3)
    return (start, third, two, end)


def bend(start: Point, end: Point, down: bool) -> tuple[Point, ...]:
    """A curve that leaves and arrives along the flow (``down``: the flow is vertical)."""
    if down:
        middle = (start[1] + end[1]) / 2
        return (start, (start[0], middle), (end[0], middle), end)
    middle = (start[0] + end[0]) / 2
    return (start, (middle, start[1]), (middle, end[1]), end)


def polyline(corners: Sequence[Point], radius: float = CORNER) -> tuple[Point, ...]:
    """Straight stretches joined by rounded corners."""
    points: list[Point] = [corners[0]]
    for i in range(1, len(corners) - 1):
        before, here, after = corners[i - 1], corners[i], corners[i + 1]
        cut = min(radius, distance(before, here) / 2, distance(here, after) / 2)
        enter, leave = toward(here, before, cut), toward(here, after, cut)
        points += line(points[-1], enter)[1:]
        # A quarter circle is nearly a cubic whose controls lie 45 % from the corner.
        points += [toward(here, before, cut * 0.45), toward(here, after, cut * 0.45), leave]
    points += line(points[-1], corners[-1])[1:]
    return tuple(points)


def distance(a: Point, b: Point) -> float:
    """Length of the line between two points."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def clear(start: Point, end: Point, boxes: Iterable[Rectangle], gap: float = 3.0) -> bool:
    """Does the straight line keep away from all boxes (left, top, right, bottom)?"""
    return not any(crosses(start, end, grown(box, gap)) for box in boxes)


def grown(box: Rectangle, gap: float) -> Rectangle:
    """The rectangle with a margin around it."""
    return (box[0] - gap, box[1] - gap, box[2] + gap, box[3] + gap)


def crosses(start: Point, end: Point, box: Rectangle) -> bool:
    """Does a line meet a rectangle?  (Liang and Barsky's clipping.)"""
    low, high = 0.0, 1.0
    dx, dy = end[0] - start[0], end[1] - start[1]
    for delta, near, far in (
        (dx, box[0] - start[0], box[2] - start[0]),
        (dy, box[1] - start[1], box[3] - start[1]),
    ):
        if abs(delta) < 1e-9:
            if near > 0 or far < 0:
                return False
            continue
        one, two = sorted((near / delta, far / delta))
        low, high = max(low, one), min(high, two)
    return low <= high


def toward(start: Point, end: Point, length: float) -> Point:
    """The point ``length`` away from ``start`` on the way to ``end``."""
    whole = distance(start, end)
    share = length / whole if whole else 0.0
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


def lanes(spans: Mapping[tuple[str, str], tuple[float, float]]) -> dict[tuple[str, str], int]:
    """A lane for each residual so that those which overlap along the flow do not meet.

    ``spans`` are where each one begins and ends; short ones get the inner lanes.
    """
    taken: list[tuple[int, float, float]] = []
    found: dict[tuple[str, str], int] = {}
    for key, (start, end) in sorted(spans.items(), key=lambda item: item[1][1] - item[1][0]):
        lane = 0
        while any(other == lane and start < e and s < end for other, s, e in taken):
            lane += 1
        taken.append((lane, start, end))
        found[key] = lane
    return found
