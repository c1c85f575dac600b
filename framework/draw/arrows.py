"""Arrows of the flow: straight where nothing is in the way, else bent, else as the engine says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from framework.draw.diagram import Link
from framework.draw.dotlayout import LayoutDot
from framework.draw.engine import Layout
from framework.draw.grid import Grid
from framework.draw.placed import PanelLayout, Placed, Route, grown_by, hit
from framework.draw.route import Rectangle, bend, line, polyline, trimmed
from framework.draw.scene import Point, Side

Sides = tuple[Side, Side]
"""Where an arrow leaves and where it enters."""

STEEP = 1.2
"""Straight arrows go at most so far across for each point along."""

CLEARANCE = 3.0
DETOUR = 14.0


class FlowRouter:
    """Finds the curve of each arrow of one panel."""

    def __init__(self, out: PanelLayout, found: Layout, dot: LayoutDot) -> None:
        self.out = out
        self.found = found
        self.dot = dot
        self.down = out.direction == "TB"
        areas = ((grown_by(box.rectangle, CLEARANCE), name) for name, box in out.boxes.items())
        self.boxes: Grid[str] = Grid(areas)
        self.stumbled: set[str] = set()
        """Boxes that some arrow could not get round."""

    def avoid(self, areas: Iterable[Rectangle]) -> None:
        """Keep arrows clear of these, too."""
        for area in areas:
            self.boxes.add(grown_by(area, CLEARANCE), "")

    def route(self, link: Link) -> Route:
        """The first curve that meets no box."""
        pair = (link.source, link.target)
        if link.source in self.dot.aside:
            return self.aside(link)
        lifted = pair in self.dot.lifted
        sides: Sides = ("top", "bottom") if lifted else ("bottom", "top")
        if not self.down:
            sides = ("right", "left")
        best: tuple[set[str], Route] | None = None
        for points in self.candidates(link, sides, lifted):
            base, tip = trimmed(points)
            route = Route(link, base, tip, sides=sides)
            met = self.met(route.trace(), pair)
            if best is None or len(met) <= len(best[0]):
                best = (met, route)
            if not met:
                break
        if best is None:
            raise ValueError(f"no way from {link.source} to {link.target}")
        self.stumbled |= best[0]
        return best[1]

    def candidates(self, link: Link, sides: Sides, lifted: bool) -> Iterator[tuple[Point, ...]]:
        """Curves from the plainest to the last resort."""
        source, target = self.out.boxes[link.source], self.out.boxes[link.target]
        start, end = ends_of(source, target, sides)
        across, along = abs(start[0] - end[0]), abs(start[1] - end[1])
        if not self.down:
            across, along = along, across
        plain = [line(start, end), bend(start, end, self.down)]
        yield from plain if across <= STEEP * along else plain[1:]
        if not lifted:
            yield from self.detours(source, target)
        names = (self.dot.names[link.source], self.dot.names[link.target])
        edges = self.found.edges
        points = edges[names[::-1]][::-1] if lifted else edges[names]
        yield repaired(points, source, target, self.down)

    def detours(self, source: Placed, target: Placed) -> Iterator[tuple[Point, ...]]:
        """Ways round the boxes between: out, along a free lane beside them, and in again."""
        start, end = ends_of(source, target, ("bottom", "top") if self.down else ("right", "left"))
        (u1, v1), (u2, v2) = self.turned(start), self.turned(end)
        if v2 - v1 < 24:
            return
        out = min(DETOUR / 2, (v2 - v1) / 4)
        back = min(DETOUR, (v2 - v1) / 2)
        between = [self.turned_box(box) for box in self.out.boxes.values()]
        between = [box for box in between if box[1] < v2 and box[3] > v1]
        lanes = [box[0] - DETOUR for box in between] + [box[2] + DETOUR for box in between]
        for lane in sorted(lanes, key=lambda u: abs(u - u1) + abs(u - u2))[:6]:
            corners = [(u1, v1), (u1, v1 + out), (lane, v1 + out),
                       (lane, v2 - back), (u2, v2 - back), (u2, v2)]  # fmt: skip
            yield polyline([self.turned(corner) for corner in corners], 7.0)

    def turned(self, point: Point) -> Point:
        """Coordinates across and along the flow; the same function turns them back."""
        return point if self.down else (point[1], point[0])

    def turned_box(self, box: Placed) -> Rectangle:
        """A box in coordinates across and along the flow."""
        left, top, right, bottom = box.rectangle
        return (left, top, right, bottom) if self.down else (top, left, bottom, right)

    def met(self, points: Sequence[Point], ends: tuple[str, str]) -> set[str]:
        """The boxes that a curve comes too close to; of the two that it joins: enters."""
        found: set[str] = set()
        for x, y in points:
            for area, name in self.boxes.meeting((x - 0.01, y - 0.01, x + 0.01, y + 0.01)):
                if name not in ends or hit([(x, y)], grown_by(area, -1.5 - CLEARANCE)):
                    found.add(name)
        return found

    def aside(self, link: Link) -> Route:
        """A level arrow from a unit that stands beside the one that uses it."""
        source, target = self.out.boxes[link.source], self.out.boxes[link.target]
        start, end = ends_of(source, target, ("right", "left"))
        base, tip = trimmed(line(start, end))
        return Route(link, base, tip, sides=("right", "left"))


def ends_of(source: Placed, target: Placed, sides: Sides) -> tuple[Point, Point]:
    """Where a straight arrow leaves and enters: as level with each other as the boxes allow."""
    out, in_ = source.margin, target.margin
    if sides[0] == "right":
        start_y, end_y = aligned(source.y, target.y, source.reach_y, target.reach_y)
        return (source.right + out, start_y), (target.left - in_, end_y)
    start_x, end_x = aligned(source.x, target.x, source.reach_x, target.reach_x)
    if sides[0] == "top":
        return (start_x, source.top - out), (end_x, target.bottom + in_)
    return (start_x, source.bottom + out), (end_x, target.top - in_)


def aligned(one: float, other: float, reach: float, far: float) -> tuple[float, float]:
    """Each end moves toward the other by at most its reach."""
    gap = other - one
    if abs(gap) <= far:
        return one, one
    if abs(gap) <= reach:
        return other, other
    sign = 1.0 if gap > 0 else -1.0
    return one + sign * reach, other - sign * far


def repaired(
    points: Sequence[Point], source: Placed, target: Placed, down: bool
) -> tuple[Point, ...]:
    """The engine's curve, whose ends lie on nodes with room around them, led to the boxes."""
    front = to_box(points[0], points[1], source, down)
    back = to_box(points[-1], points[-2], target, down)
    return (*front, *points[2:-2], *back[::-1])


def to_box(end: Point, control: Point, box: Placed, down: bool) -> tuple[Point, ...]:
    """The end of a curve and its control point, moved to the box's outline or joined to it."""
    x, y = end
    left, top, right, bottom = box.rectangle
    if down and not top + 1 < y < bottom - 1:
        x = min(max(x, box.x - box.reach_x), box.x + box.reach_x)
        y = top if y <= top + 1 else bottom
    elif not down and not left + 1 < x < right - 1:
        y = min(max(y, box.y - box.reach_y), box.y + box.reach_y)
        x = left if x <= left + 1 else right
    else:
        # Beside the box, in its room: a level stretch joins them.
        side = (left if x < box.x else right, y) if down else (x, top if y < box.y else bottom)
        if box.size.is_circle:
            side = (side[0], box.y) if down else (box.x, side[1])
        return (*line(side, end), control)
    return ((x, y), (control[0] + x - end[0], control[1] + y - end[1]))
