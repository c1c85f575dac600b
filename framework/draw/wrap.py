"""A long column becomes several: cut between ranks, joined by arrows that go up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framework.draw.panellayout import PanelLayout, Placed, Route
from framework.draw.route import polyline, trimmed
from framework.draw.scene import Point
from framework.draw.style import Style

COLUMN_GAP = 44.0
TURN = 13.0
"""Distance of the joining arrow from the boxes above and below it."""


def wrapped(layout: PanelLayout, columns: int, style: Style) -> PanelLayout:
    """The panel in up to ``columns`` columns of about equal height."""
    left, top, right, bottom = layout.extent(style)
    cuts = chosen_cuts(possible_cuts(layout), top, bottom, columns)
    if not cuts:
        return layout
    edges = [top - 1, *cuts, bottom + 1]
    shifts: list[Point] = []
    lefts: list[float] = []
    x = 0.0
    for low, high in zip(edges, edges[1:], strict=False):
        narrow, first, wide = column_extent(layout, low, high, style)
        shifts.append((x - narrow, top - first))
        lefts.append(x)
        x += wide - narrow + COLUMN_GAP
    out = PanelLayout(layout.panel, layout.direction)
    column_of = {name: column(edges, box.y) for name, box in layout.boxes.items()}
    for name, box in layout.boxes.items():
        dx, dy = shifts[column_of[name]]
        out.boxes[name] = replace(box, x=box.x + dx, y=box.y + dy)
    for group, (gx, gy, width, height) in layout.frames.items():
        dx, dy = shifts[column(edges, gy + height / 2)]
        out.frames[group] = (gx + dx, gy + dy, width, height)
    lowest = max(box.bottom for box in out.boxes.values())
    lowest = max([lowest, *(y + h for _, y, _, h in out.frames.values())])
    for route in layout.routes:
        source, target = column_of[route.link.source], column_of[route.link.target]
        if source == target:
            out.routes.append(moved(route, *shifts[source]))
        else:
            gap = lefts[target] - COLUMN_GAP / 2
            out.routes.append(turned(route, out, gap, (lowest, top)))
    return out


def possible_cuts(layout: PanelLayout) -> list[float]:
    """Heights between two ranks that no box, frame or lane crosses."""
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
    return cuts


def chosen_cuts(cuts: Sequence[float], top: float, bottom: float, columns: int) -> list[float]:
    """The cuts nearest to equal heights, each once."""
    height = (bottom - top) / columns
    found: list[float] = []
    for number in range(1, columns):
        wanted = top + number * height
        free = [cut for cut in cuts if cut not in found and (not found or cut > found[-1])]
        if free:
            found.append(min(free, key=lambda cut: abs(cut - wanted)))
    return sorted(found)


def column(edges: Sequence[float], y: float) -> int:
    """Number of the column that holds a height."""
    inner = edges[1:-1]
    return sum(y > edge for edge in inner)


def column_extent(
    layout: PanelLayout, low: float, high: float, style: Style
) -> tuple[float, float, float]:
    """Left edge, upper edge and right edge of what lies between two heights."""
    part = PanelLayout(layout.panel, layout.direction)
    part.boxes = {n: box for n, box in layout.boxes.items() if low < box.y <= high}
    part.frames = {g: f for g, f in layout.frames.items() if low < f[1] + f[3] / 2 <= high}
    part.routes = [
        r for r in layout.routes if r.link.source in part.boxes and r.link.target in part.boxes
    ]
    left, top, right, _ = part.extent(style)
    return left, top, right


def moved(route: Route, dx: float, dy: float) -> Route:
    """A route that stays in its column."""
    points = tuple((x + dx, y + dy) for x, y in route.points)
    tip = (route.tip[0] + dx, route.tip[1] + dy)
    at = (route.label_at[0] + dx, route.label_at[1] + dy)
    return replace(route, points=points, tip=tip, label_at=at)


def turned(route: Route, out: PanelLayout, middle: float, ends: tuple[float, float]) -> Route:
    """A route to another column: down, up between the columns, and into the box from above."""
    source: Placed = out.boxes[route.link.source]
    target: Placed = out.boxes[route.link.target]
    low, high = ends[0] + TURN, ends[1] - TURN
    corners = [
        (source.x, source.bottom), (source.x, low), (middle, low), (middle, high),
        (target.x, high), (target.x, target.top),
    ]  # fmt: skip
    base, tip = trimmed(polyline(corners, 9.0))
    return replace(route, points=base, tip=tip, label="")
