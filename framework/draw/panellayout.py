"""One panel laid out: boxes, frames, curves and labels in the panel's own coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from framework.draw.arms import Arms, find_arms
from framework.draw.diagram import Link, Panel
from framework.draw.dotlayout import LANE, LayoutDot, Spacing
from framework.draw.engine import Layout, lay_out
from framework.draw.measure import Measured, measured
from framework.draw.metrics import text_width
from framework.draw.route import Rectangle, bend, clear, lanes, line, polyline, trimmed
from framework.draw.scene import Point
from framework.draw.style import Style
from framework.draw.words import sizes_text

LABEL_GAP = 8.0
LANE_START = 16.0
LABELLED_RANKS = Spacing(24.0, 17.0)
PLAIN_RANKS = Spacing(24.0, 15.0)
U_RANKS = Spacing(60.0, 30.0)
CORNER_GAP = 14.0


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
        """Left, top, right, bottom."""
        return (self.left, self.top, self.right, self.bottom)

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
    """A link with its curve; the label, if any, starts or is centred at its point."""

    link: Link
    points: tuple[Point, ...]
    tip: Point
    label: str = ""
    label_at: Point = (0.0, 0.0)
    sides: tuple[str, str] = ("bottom", "top")


@dataclass
class PanelLayout:
    """Everything of one panel at its place; ``frames`` are (x, y, width, height) by group."""

    panel: Panel
    direction: str
    boxes: dict[str, Placed] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    frames: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)

    def extent(self, style: Style) -> tuple[float, float, float, float]:
        """Smallest rectangle around all parts: left, top, right, bottom."""
        xs: list[float] = []
        ys: list[float] = []
        for box in self.boxes.values():
            grow = 4.0 if box.size.unit.count > 1 else 1.0
            xs += [box.left - grow, box.right + grow]
            ys += [box.top - grow, box.bottom + grow]
        for x, y, width, height in self.frames.values():
            xs += [x, x + width]
            ys += [y, y + height]
        for route in self.routes:
            xs += [x for x, _ in route.points]
            ys += [y for _, y in route.points]
            if route.label:
                width = text_width(route.label, style.shape_size)
                xs.append(route.label_at[0] + width)
        return min(xs), min(ys), max(xs), max(ys)


class PanelPlacer:
    """Lays out one panel: the engine places the boxes, lanes and arms are ours."""

    def __init__(
        self, panel: Panel, style: Style, direction: str, lines: Mapping[str, tuple[str, ...]],
        shapes: bool, lean: bool = False,
    ) -> None:  # fmt: skip
        self.panel = panel
        self.style = style
        self.direction = direction
        self.arms = find_arms(panel) if direction == "TB" else None
        if self.arms is None:
            for link in panel.links:
                link.kind = "flow" if link.kind == "skip" else link.kind
        self.shapes = shapes and direction == "TB" and self.arms is None
        if shapes and not self.shapes:
            for unit in panel.units.values():
                unit.shows_type = unit.shows_type or unit.kind == "box"
        self.sizes = {
            name: measured(unit, style, lines.get(name, ()), lean)
            for name, unit in panel.units.items()
        }
        self.labels = {
            (link.source, link.target): text
            for link in panel.links
            if self.shapes and (text := label_of(panel, link))
        }
        self.taken: list[Rectangle] = []
        """Where labels stand already."""

    def place(self) -> PanelLayout:
        """The panel with everything at its place."""
        lane_of = self.lanes()
        dot = LayoutDot(
            self.panel, self.sizes, self.room(lane_of), self.direction, self.spacing()
        )
        if self.arms is not None:
            dot.level, dot.lifted = list(self.arms.level), set(self.arms.lifted)
        found = lay_out(dot.text())
        out = PanelLayout(self.panel, self.direction)
        for unit, name in dot.names.items():
            x, y = found.nodes[name]
            out.boxes[unit] = Placed(self.sizes[unit], x, y)
        out.frames = dict(found.clusters)
        flow = [link for link in self.panel.links if link.kind == "flow"]
        plain = [self.flow_route(link, out, found, dot) for link in flow]
        out.routes = [self.labelled(route, out, plain) for route in plain]
        for link in self.panel.links:
            if link.kind == "residual":
                route = self.lane_route(link, out, lane_of[link.source, link.target])
                out.routes.append(route)
            elif link.kind == "skip":
                ends = out.boxes[link.source], out.boxes[link.target]
                out.routes.append(self.skip_route(link, *ends))
        return out

    def spacing(self) -> Spacing:
        """Gaps: more where arrows carry labels."""
        if self.arms is not None:
            return U_RANKS
        if self.direction == "LR":
            return Spacing(24.0, 26.0)
        return LABELLED_RANKS if self.labels else PLAIN_RANKS

    def lanes(self) -> dict[tuple[str, str], int]:
        """A lane for each residual, by the order of the units."""
        order = {unit: float(i) for i, unit in enumerate(self.panel.units)}
        spans = {
            (link.source, link.target): (order[link.source], order[link.target])
            for link in self.panel.links
            if link.kind == "residual"
        }
        return lanes(spans)

    def room(self, lane_of: Mapping[tuple[str, str], int]) -> dict[str, float]:
        """Extra width on both sides of units: for lanes in their frame, and for labels."""
        room: dict[str, float] = {}
        most: dict[str | None, int] = {}
        for (source, _), lane in lane_of.items():
            group = self.panel.units[source].group
            most[group] = max(lane + 1, most.get(group, 0))
        for name, unit in self.panel.units.items():
            count = most.get(unit.group, 0)
            room[name] = LANE_START + LANE * (count - 1) + 10 if count else 0.0
        for (source, _), text in self.labels.items():
            label = text_width(text, self.style.shape_size) + LABEL_GAP
            spare = self.sizes[source].width / 2
            room[source] = max(room[source], label - spare)
        for group in self.panel.groups.values():
            width = text_width(group.title, self.style.name_size, True) + 30
            room[f"title:{group.id}"] = width + (30 if group.count > 1 else 0)
        return room

    # ------------------------------------------------------------------ curves

    def flow_route(
        self, link: Link, out: PanelLayout, found: Layout, dot: LayoutDot
    ) -> Route:
        """An arrow of the flow: straight where nothing stands in the way, else the engine's."""
        source, target = out.boxes[link.source], out.boxes[link.target]
        lifted = (link.source, link.target) in dot.lifted
        sides = ("top", "bottom") if lifted else ("bottom", "top")
        if self.direction == "LR":
            sides = ("right", "left")
        start, end = ends_of(source, target, sides)
        others = [box.rectangle for name, box in out.boxes.items()
                  if name not in (link.source, link.target)]  # fmt: skip
        across, along = abs(start[0] - end[0]), abs(start[1] - end[1])
        if self.direction == "LR":
            across, along = along, across
        area = (min(start[0], end[0]), min(start[1], end[1]),
                max(start[0], end[0]), max(start[1], end[1]))  # fmt: skip
        if across > 1.2 * along and not any(overlap(area, other) for other in others):
            points = bend(start, end, self.direction == "TB")
        elif across <= 1.2 * along and clear(start, end, others):
            points = line(start, end)
        else:
            names = (dot.names[link.source], dot.names[link.target])
            points = found.edges[names[::-1]][::-1] if lifted else found.edges[names]
        base, tip = trimmed(points)
        return Route(link, base, tip, sides=sides)

    def labelled(self, route: Route, out: PanelLayout, routes: Sequence[Route]) -> Route:
        """The route with its label: on the right, else on the left, else none."""
        link = route.link
        text = self.labels.get((link.source, link.target), "")
        if not text:
            return route
        others = [box.rectangle for box in out.boxes.values()] + self.taken
        lines = [point for other in routes if other is not route for point in sampled(other.points)]
        text, at = self.label(text, (*route.points[:-1], route.tip), others, lines)
        return replace(route, label=text, label_at=at)

    def label(
        self, text: str, points: Sequence[Point], others: Sequence[Rectangle],
        lines: Sequence[Point],
    ) -> tuple[str, Point]:  # fmt: skip
        """A text beside a curve and where it starts; empty where everything is taken."""
        size = self.style.shape_size
        width = text_width(text, size)
        (x1, y1), (x2, y2) = points[0], points[-1]
        x, y = ((x1 + x2) / 2, (y1 + y2) / 2) if len(points) == 4 else points[len(points) // 2]
        slope = min(abs(x2 - x1) / 2, 14)
        for left in (x + LABEL_GAP + slope, x - LABEL_GAP - width - slope):
            area = (left, y - size * 0.4, left + width, y + size * 0.4)
            met = any(area[0] < px < area[2] and area[1] < py < area[3] for px, py in lines)
            if not met and not any(overlap(area, other) for other in others):
                self.taken.append(area)
                return text, (left, y + size * 0.35 - 2)
        return "", (0.0, 0.0)

    def lane_route(self, link: Link, out: PanelLayout, lane: int) -> Route:
        """A residual: out to its lane, along, and back into the addition."""
        source, target = out.boxes[link.source], out.boxes[link.target]
        if self.direction == "LR":
            return self.lane_above(link, out, lane)
        edge = self.edge(link, out) + LANE_START + LANE * lane
        leave = source.y + (4 if source.size.is_circle else 0)
        arrive = target.y - 4
        corners = [(source.right, leave), (edge, leave), (edge, arrive), (target.right - 1, arrive)]
        base, tip = trimmed(polyline(corners))
        return Route(link, base, tip, sides=("right", "right"))

    def edge(self, link: Link, out: PanelLayout) -> float:
        """Right edge of all that stands beside the residuals of a frame, labels included."""
        frame = self.panel.units[link.source].group
        mates = [
            other for other in self.panel.links
            if other.kind == "residual" and self.panel.units[other.source].group == frame
        ]  # fmt: skip
        top = min(out.boxes[mate.source].top for mate in mates)
        bottom = max(out.boxes[mate.target].bottom for mate in mates)
        edges = [
            box.right for box in out.boxes.values()
            if top - 1 <= box.y <= bottom + 1 and self.related(box, link)
        ]  # fmt: skip
        size = self.style.shape_size
        edges += [
            route.label_at[0] + text_width(route.label, size) - LABEL_GAP for route in out.routes
            if route.label and top <= route.label_at[1] <= bottom
            and self.related(out.boxes[route.link.source], link)
        ]  # fmt: skip
        return max(edges)

    def lane_above(self, link: Link, out: PanelLayout, lane: int) -> Route:
        """The same for a figure from left to right: the lane runs above the boxes."""
        source, target = out.boxes[link.source], out.boxes[link.target]
        between = [
            box for box in out.boxes.values()
            if source.left - 1 <= box.x <= target.right + 1 and self.related(box, link)
        ]  # fmt: skip
        edge = min(box.top for box in between) - LANE_START - LANE * lane
        leave, arrive = source.x + (4 if source.size.is_circle else 0), target.x - 4
        corners = [(leave, source.top), (leave, edge), (arrive, edge), (arrive, target.top + 1)]
        base, tip = trimmed(polyline(corners))
        return Route(link, base, tip, sides=("top", "top"))

    def related(self, box: Placed, link: Link) -> bool:
        """Does a box stand in the way of a residual: in its frame, or in one inside it?"""
        frame = self.panel.units[link.source].group
        group = box.size.unit.group
        while group is not None and group != frame:
            group = self.panel.groups[group].parent
        return group == frame

    def skip_route(self, link: Link, source: Placed, target: Placed) -> Route:
        """A long skip: level where both ends stand side by side."""
        start, end = (source.right + 1, source.y), (target.left - 1, target.y)
        base, tip = trimmed(line(start, end))
        return Route(link, base, tip, sides=("right", "left"))


def ends_of(source: Placed, target: Placed, sides: tuple[str, str]) -> tuple[Point, Point]:
    """Where a straight arrow leaves and enters: as level with each other as the boxes allow."""
    if sides[0] == "right":
        start_y, end_y = aligned(source.y, target.y, source.reach_y, target.reach_y)
        return (source.right, start_y), (target.left, end_y)
    start_x, end_x = aligned(source.x, target.x, source.reach_x, target.reach_x)
    if sides[0] == "top":
        return (start_x, source.top), (end_x, target.bottom)
    return (start_x, source.bottom), (end_x, target.top)


def aligned(one: float, other: float, reach: float, far: float) -> tuple[float, float]:
    """Each end moves toward the other by at most its reach."""
    gap = other - one
    if abs(gap) <= far:
        return one, one
    if abs(gap) <= reach:
        return other, other
    sign = 1.0 if gap > 0 else -1.0
    return one + sign * reach, other - sign * far


def sampled(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Points along a curve of cubic pieces."""
    out: list[Point] = []
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        for step in range(steps + 1):
            t = step / steps
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x = sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True))
            y = sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True))
            out.append((x, y))
    return out


def overlap(a: Rectangle, b: Rectangle) -> bool:
    """Do two rectangles meet?"""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def label_of(panel: Panel, link: Link) -> str:
    """The shape beside an arrow, where it changes; inputs and ports show it themselves."""
    source = panel.units[link.source]
    if link.type is None or link.kind != "flow" or source.kind == "input":
        return ""
    arriving = [other.type.shape for other in panel.into(link.source) if other.type is not None]
    shape = link.type.shape
    if source.kind == "port" or shape in arriving or not shape:
        return ""
    return sizes_text(shape)


def arms_of(layouts: Iterable[PanelLayout]) -> list[Arms]:
    """The U shapes among the panels."""
    return [arms for layout in layouts if (arms := find_arms(layout.panel)) is not None]
