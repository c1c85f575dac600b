"""Residuals: lanes beside the column that keep away from boxes, labels and each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from framework.draw.diagram import Link
from framework.draw.dotlayout import LANE
from framework.draw.grid import Grid
from framework.draw.labels import title_areas
from framework.draw.placed import PanelLayout, Placed, Route, grown_by, overlap
from framework.draw.route import Rectangle, polyline, trimmed
from framework.draw.scene import Point, Side
from framework.draw.style import Style

LANE_START = 16.0
FAR = 600.0
"""What is further to the side than this is not looked at."""

NEAR = 14.0
"""Lanes closer than this look like one."""

CROSSING = 40.0
"""A crossing costs as much as a lane so many points further out."""

OTHER_SIDE = 70.0


@dataclass(frozen=True)
class Lane:
    """A residual's way across and along the flow: out to ``u``, from ``leave`` to ``arrive``."""

    u: float
    leave: float
    arrive: float
    start: float
    end: float

    @property
    def corners(self) -> list[Point]:
        """The way as corners."""
        return [(self.start, self.leave), (self.u, self.leave),
                (self.u, self.arrive), (self.end, self.arrive)]  # fmt: skip

    def stretches(self) -> Iterator[Rectangle]:
        """The three straight stretches as thin rectangles."""
        for (u1, v1), (u2, v2) in zip(self.corners, self.corners[1:], strict=False):
            yield (min(u1, u2), min(v1, v2), max(u1, u2), max(v1, v2))


class LaneRouter:
    """Finds a lane for each residual of one panel.

    Coordinates are (u, v): v along the flow, u to the right of a column and up from a row, where
    lanes are preferred.
    """

    def __init__(self, out: PanelLayout, style: Style) -> None:
        self.out = out
        self.down = out.direction == "TB"
        self.boxes = {name: self.flipped(box.rectangle) for name, box in out.boxes.items()}
        self.units: Grid[str] = Grid((box, name) for name, box in self.boxes.items())
        areas = [area for route in out.routes if (area := route.label_area(style)) is not None]
        areas += title_areas(out, style)
        self.labels: Grid[None] = Grid((self.flipped(area), None) for area in areas)
        self.homes = {
            name: self.flipped((x, y, x + width, y + height))
            for name, (x, y, width, height) in out.frames.items()
        }
        self.frames: Grid[str] = Grid((area, name) for name, area in self.homes.items())
        pieces = (piece for route in out.routes for piece in self.stretches(route))
        self.lines: Grid[None] = Grid((piece, None) for piece in pieces)
        self.taken: list[Lane] = []

    def route(self, link: Link) -> Route:
        """The residual in the cheapest lane."""
        source, target = self.out.boxes[link.source], self.out.boxes[link.target]
        best = min(self.candidates(source, target, link), key=lambda found: found[0])[1]
        self.taken.append(best)
        base, tip = trimmed(polyline([self.point(*corner) for corner in best.corners]))
        side: Side = "right" if self.down else "top"
        if best.u < best.start:
            side = "left" if self.down else "bottom"
        return Route(link, base, tip, sides=(side, side))

    def candidates(
        self, source: Placed, target: Placed, link: Link
    ) -> Iterator[tuple[float, Lane]]:
        """Lanes with their costs; blocked ones are very dear."""
        one, other = self.boxes[link.source], self.boxes[link.target]
        leave = (one[1] + one[3]) / 2 + (4 if source.size.is_circle else 0)
        arrive = (other[1] + other[3]) / 2 - 4
        low, high = min(one[0], other[0]) - FAR, max(one[2], other[2]) + FAR
        beside = (low, leave - 9, high, arrive + 9)
        nearby = [box for box, _ in [*self.units.meeting(beside), *self.labels.meeting(beside)]]
        own = self.around(link)
        frames = [box for box, name in self.frames.meeting(beside) if name not in own]
        nearby += frames
        others = [lane.u for lane in self.taken if lane.leave < arrive and leave < lane.arrive]
        for side, dear in ((2, 0.0), (0, OTHER_SIDE)):
            sign = 1.0 if side == 2 else -1.0
            start, end = one[side], other[side] - sign
            nearest = max(sign * one[side], sign * other[side]) + LANE_START
            places = [sign * box[side] + LANE_START for box in nearby]
            places += [sign * u + LANE for u in others]
            for place in sorted({nearest, *(p for p in places if p > nearest)}):
                lane = Lane(sign * place, leave, arrive, start, end)
                cost = dear + place - nearest + self.trouble(lane, link, frames)
                yield cost, lane

    def around(self, link: Link) -> set[str]:
        """The frames that either end lies in; a lane goes round all others."""
        own: set[str] = set()
        for unit in (link.source, link.target):
            group = self.out.panel.units[unit].group
            while group is not None:
                own.add(group)
                group = self.out.panel.groups[group].parent
        return own

    def trouble(self, lane: Lane, link: Link, frames: Sequence[Rectangle]) -> float:
        """What a lane meets: boxes, labels, frames, lanes, arrows; and if it leaves its frame."""
        cost = 0.0
        stretches = list(lane.stretches())
        for stretch in stretches:
            met = {name for _, name in self.units.meeting(grown_by(stretch, 5.0))}
            cost += 10_000 * len(met - {link.source, link.target})
            cost += 3_000 * self.labels.meets(grown_by(stretch, 4.0))
            cost += CROSSING * sum(1 for _ in self.lines.meeting(stretch))
        for frame in frames:
            cost += 500 * any(overlap(grown_by(s, 3.0), frame) for s in stretches)
        home = self.homes.get(self.out.panel.units[link.target].group or "")
        if home is not None and not home[0] + 5 < lane.u < home[2] - 5:
            cost += 300
        for other in self.taken:
            beside = lane.leave < other.arrive and other.leave < lane.arrive
            cost += 3_000 * (beside and abs(lane.u - other.u) < NEAR)
        return cost

    def stretches(self, route: Route) -> list[Rectangle]:
        """A flow's curve as one thin rectangle for each piece."""
        found = []
        points = [self.turned(point) for point in route.line]
        for i in range(0, len(points) - 3, 3):
            us, vs = [u for u, _ in points[i : i + 4]], [v for _, v in points[i : i + 4]]
            found.append((min(us) - 0.1, min(vs) + 3, max(us) + 0.1, max(vs) - 3))
        return found

    def turned(self, point: Point) -> Point:
        """(x, y) -> (u, v)."""
        return point if self.down else (-point[1], point[0])

    def point(self, u: float, v: float) -> Point:
        """(u, v) -> (x, y)."""
        return (u, v) if self.down else (v, -u)

    def flipped(self, area: Rectangle) -> Rectangle:
        """A rectangle in (u, v)."""
        left, top, right, bottom = area
        return area if self.down else (-bottom, left, -top, right)


def by_length(links: Sequence[Link], boxes: dict[str, Placed]) -> list[Link]:
    """Short residuals first: they get the inner lanes."""

    def length(link: Link) -> float:
        one, other = boxes[link.source], boxes[link.target]
        return abs(one.y - other.y) + abs(one.x - other.x)

    return sorted(links, key=length)
