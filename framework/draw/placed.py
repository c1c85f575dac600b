"""A panel's parts at their places: boxes, curves, frames, in the panel's own coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from framework.draw.diagram import Link, Panel
from framework.draw.measure import Measured
from framework.draw.metrics import text_width
from framework.draw.route import Rectangle
from framework.draw.scene import Point, Side
from framework.draw.style import Style

CORNER_GAP = 14.0
RISE, FALL = 0.72, 0.21
"""Height of capitals above the baseline, and of brackets below it, in ems."""


@dataclass(frozen=True)
class Placed:
    """A measured unit at its centre."""

    size: Measured
    x: float
    y: float

    @property
    def left(self) -> float:
        """Left edge."""
        return self.x - self.size.width / 2

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.size.width / 2

    @property
    def top(self) -> float:
        """Upper edge."""
        return self.y - self.size.height / 2

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.y + self.size.height / 2

    @property
    def rectangle(self) -> Rectangle:
        """Left, top, right, bottom; the second outline of several copies included."""
        out = self.margin
        return (self.left - out, self.top - out, self.right + out, self.bottom + out)

    @property
    def margin(self) -> float:
        """How far the outermost outline lies outside: arrows end there."""
        return 3.0 if self.size.unit.count > 1 else 0.0

    @property
    def reach_x(self) -> float:
        """How far from its middle an arrow may meet the upper or lower edge."""
        return 0.0 if self.size.is_circle else self.size.width / 2 - CORNER_GAP

    @property
    def reach_y(self) -> float:
        """How far from its middle an arrow may meet the left or right edge."""
        return 0.0 if self.size.is_circle else max(0.0, self.size.height / 2 - CORNER_GAP)


@dataclass(frozen=True)
class Route:
    """A link with its curve; the label, if any, starts at its point."""

    link: Link
    points: tuple[Point, ...]
    tip: Point
    label: str = ""
    label_at: Point = (0.0, 0.0)
    sides: tuple[Side, Side] = ("bottom", "top")

    @property
    def line(self) -> tuple[Point, ...]:
        """The curve with its head: the last control points belong to the tip."""
        return (*self.points[:-1], self.tip)

    def trace(self) -> list[Point]:
        """Points along the curve, so close that no word fits between them, and the tip."""
        return [*traced(self.points), self.tip]

    def label_area(self, style: Style) -> Rectangle | None:
        """Where the label's ink is."""
        if not self.label:
            return None
        return text_area(self.label, self.label_at, style.shape_size)


@dataclass
class PanelLayout:
    """Everything of one panel at its place.

    ``frames`` are (x, y, width, height) by group, ``titles`` where their titles start.
    """

    panel: Panel
    direction: str
    boxes: dict[str, Placed] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    frames: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    titles: dict[str, Point] = field(default_factory=dict)

    def extent(self, style: Style) -> tuple[float, float, float, float]:
        """Smallest rectangle around all parts: left, top, right, bottom."""
        areas = [grown_by(box.rectangle, 1.0) for box in self.boxes.values()]
        areas += [(x - 4, y - 4, x + w + 4, y + h + 4) for x, y, w, h in self.frames.values()]
        areas += [found for r in self.routes if (found := r.label_area(style)) is not None]
        areas += [grown_by(around([(x, y, x, y) for x, y in r.points]), 1) for r in self.routes]
        return around(areas)


def around(areas: Sequence[Rectangle]) -> Rectangle:
    """The smallest rectangle that holds all."""
    return (
        min(area[0] for area in areas),
        min(area[1] for area in areas),
        max(area[2] for area in areas),
        max(area[3] for area in areas),
    )


def grown_by(area: Rectangle, gap: float) -> Rectangle:
    """The rectangle with a margin around it."""
    return (area[0] - gap, area[1] - gap, area[2] + gap, area[3] + gap)


def text_area(text: str, at: Point, size: float, bold: bool = False) -> Rectangle:
    """The ink of a line of text that starts at a point of its baseline."""
    x, y = at
    return (x, y - RISE * size, x + text_width(text, size, bold), y + FALL * size)


def overlap(a: Rectangle, b: Rectangle) -> bool:
    """Do two rectangles meet?"""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def sampled(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Points along a curve of cubic pieces."""
    out: list[Point] = []
    for i in range(0, len(points) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[i : i + 4]
        for step in range(steps + 1):
            t = step / steps
            u = 1 - t
            a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            out.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return out


def traced(points: Sequence[Point]) -> list[Point]:
    """Points along a curve, so close that no word fits between them."""
    out: list[Point] = []
    for i in range(0, len(points) - 3, 3):
        piece = points[i : i + 4]
        length = sum(math.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(piece))
        out += sampled(piece, max(4, round(length / 4)))
    return out


def hit(points: Iterable[Point], area: Rectangle) -> bool:
    """Does any of the points lie inside the rectangle?"""
    left, top, right, bottom = area
    return any(left < x < right and top < y < bottom for x, y in points)
