"""A long column becomes several: cut between ranks, joined by arrows that go up again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from framework.draw.diagram import Link
from framework.draw.grid import Grid
from framework.draw.labels import place_titles
from framework.draw.placed import PanelLayout, Placed, Route
from framework.draw.route import polyline, trimmed
from framework.draw.scene import Point
from framework.draw.style import Style

COLUMN_GAP = 44.0
TURN = 13.0
"""Distance of the joining arrow from the boxes above and below it."""

UNEVEN = 0.3
"""A cut lies at most so far from where columns would be equal, in heights of a column."""

NARROW = 10.0
"""An arrow needs so much free width on both sides."""


@dataclass(frozen=True)
class Column:
    """A stretch of the old column and where it goes; edges are those after the move."""

    low: float
    high: float
    shift: Point
    left: float
    bottom: float


def wrapped(layout: PanelLayout, columns: int, style: Style, uneven: bool) -> PanelLayout:
    """The panel in up to ``columns`` columns; only of about equal height unless ``uneven``."""
    _, top, _, bottom = layout.extent(style)
    cuts = chosen_cuts(possible_cuts(layout), top, bottom, columns, uneven)
    if not cuts:
        return layout
    parts = list(stretches(layout, [top - 1, *cuts, bottom + 1], top, style))
    column_of = {name: column(cuts, box.y) for name, box in layout.boxes.items()}
    out = PanelLayout(layout.panel, layout.direction)
    for name, box in layout.boxes.items():
        dx, dy = parts[column_of[name]].shift
        out.boxes[name] = replace(box, x=box.x + dx, y=box.y + dy)
    for group, (gx, gy, width, height) in layout.frames.items():
        dx, dy = parts[column(cuts, gy + height / 2)].shift
        out.frames[group] = (gx + dx, gy + dy, width, height)
    for route in layout.routes:
        source, target = column_of[route.link.source], column_of[route.link.target]
        if source == target:
            out.routes.append(moved(route, *parts[source].shift))
        else:
            out.routes.append(turned(route, out, parts[source], parts[target].left, top))
    place_titles(out, style)
    return out


def stretches(
    layout: PanelLayout, edges: Sequence[float], top: float, style: Style
) -> list[Column]:
    """The columns from left to right."""
    found: list[Column] = []
    x = 0.0
    for low, high in pairwise(edges):
        left, first, right, last = part_of(layout, low, high).extent(style)
        found.append(Column(low, high, (x - left, top - first), x, last + top - first))
        x += right - left + COLUMN_GAP
    return found


def possible_cuts(layout: PanelLayout) -> list[float]:
    """Heights between two ranks that no box, frame or lane crosses, and one arrow alone."""
    spans = [(box.top, box.bottom) for box in layout.boxes.values()]
    spans += [(y, y + height) for _, y, _, height in layout.frames.values()]
    for route in layout.routes:
        if route.link.kind != "flow":
            ys = [y for _, y in route.points]
            spans.append((min(ys), max(ys)))
    spans.sort()
    cuts: list[float] = []
    reach = spans[0][1]
    for low, high in spans:
        if low > reach:
            cuts.append((low + reach) / 2)
        reach = max(reach, high)
    boxes = Grid(
        ((box.left - NARROW, box.y - 0.1, box.right + NARROW, box.y + 0.1), None)
        for box in layout.boxes.values()
    )
    alone = lone_arrows(layout, cuts)
    return [cut for cut in cuts if cut in alone and is_simple(layout, cut, alone[cut], boxes)]


def lone_arrows(layout: PanelLayout, cuts: Sequence[float]) -> dict[float, Link]:
    """The arrow across each cut that only one crosses."""
    crossing: dict[float, list[Link]] = {cut: [] for cut in cuts}
    for route in layout.routes:
        source, target = layout.boxes[route.link.source], layout.boxes[route.link.target]
        for cut in cuts[bisect_right(cuts, source.y) : bisect_left(cuts, target.y)]:
            crossing[cut].append(route.link)
    return {cut: links[0] for cut, links in crossing.items() if len(links) == 1}


def is_simple(layout: PanelLayout, cut: float, link: Link, boxes: Grid[None]) -> bool:
    """Can the arrow leave its column below, and enter the next from above?"""
    source, target = layout.boxes[link.source], layout.boxes[link.target]
    down = (source.x - 0.1, source.bottom, source.x + 0.1, cut)
    return not boxes.meets(down) and not boxes.meets(
        (target.x - 0.1, cut, target.x + 0.1, target.top)
    )


def chosen_cuts(
    cuts: Sequence[float], top: float, bottom: float, columns: int, uneven: bool
) -> list[float]:
    """The cuts nearest to equal heights; none if the columns would be too unequal."""
    height = (bottom - top) / columns
    found: list[float] = []
    for number in range(1, columns):
        wanted = top + number * height
        free = [cut for cut in cuts if not found or cut > found[-1]]
        nearest = min(free, key=lambda cut: abs(cut - wanted), default=None)
        if nearest is not None and (uneven or abs(nearest - wanted) <= UNEVEN * height):
            found.append(nearest)
        elif not uneven:
            return []
    return found


def column(cuts: Sequence[float], y: float) -> int:
    """Number of the column that holds a height."""
    return sum(y > cut for cut in cuts)


def part_of(layout: PanelLayout, low: float, high: float) -> PanelLayout:
    """What lies between two heights."""
    part = PanelLayout(layout.panel, layout.direction)
    part.boxes = {n: box for n, box in layout.boxes.items() if low < box.y <= high}
    part.frames = {g: f for g, f in layout.frames.items() if low < f[1] + f[3] / 2 <= high}
    part.routes = [
        r for r in layout.routes if r.link.source in part.boxes and r.link.target in part.boxes
    ]
    return part


def moved(route: Route, dx: float, dy: float) -> Route:
    """A route that stays in its column."""
    points = tuple((x + dx, y + dy) for x, y in route.points)
    tip = (route.tip[0] + dx, route.tip[1] + dy)
    at = (route.label_at[0] + dx, route.label_at[1] + dy)
    return replace(route, points=points, tip=tip, label_at=at)


def turned(route: Route, out: PanelLayout, part: Column, left: float, top: float) -> Route:
    """A route to another column: down, up between the columns, and into the box from above."""
    source: Placed = out.boxes[route.link.source]
    target: Placed = out.boxes[route.link.target]
    middle, low, high = left - COLUMN_GAP / 2, part.bottom + TURN, top - TURN
    corners = [
        (source.x, source.rectangle[3]), (source.x, low), (middle, low), (middle, high),
        (target.x, high), (target.x, target.rectangle[1]),
    ]  # fmt: skip
    base, tip = trimmed(polyline(corners, 9.0))
    return replace(route, points=base, tip=tip, label="")
