"""Words beside arrows, and titles of frames: where nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from framework.draw.diagram import Group, Link, Panel
from framework.draw.grid import Dots, Grid
from framework.draw.measure import WIDEST
from framework.draw.metrics import shortened, text_width
from framework.draw.placed import (
    FALL,
    RISE,
    PanelLayout,
    Route,
    grown_by,
    sampled,
    text_area,
)
from framework.draw.route import Rectangle
from framework.draw.scene import Point
from framework.draw.style import Style
from framework.draw.words import sizes_text

LABEL_GAP = 8.0
TITLE_INDENT = 12.0
TITLE_BASE = 20.0
PLACES = (8, 6, 10, 4, 12)
"""Where along a piece of a curve, in sixteenths, a label may stand."""


def wanted_labels(panel: Panel) -> dict[tuple[str, str], str]:
    """The shape beside the arrows where it changes; once for each source and shape."""
    found: dict[tuple[str, str], str] = {}
    said: set[tuple[str, str]] = set()
    for link in panel.links:
        text = label_of(panel, link)
        if text and (link.source, text) not in said:
            said.add((link.source, text))
            found[link.source, link.target] = text
    return found


def label_of(panel: Panel, link: Link) -> str:
    """The shape beside an arrow, where it changes; inputs and ports show it themselves."""
    source = panel.units[link.source]
    if link.type is None or link.kind != "flow" or source.kind == "input" or source.shows_type:
        return ""
    arriving = [other.type.shape for other in panel.into(link.source) if other.type is not None]
    shape = link.type.shape
    if source.kind == "port" or shape in arriving or not shape:
        return ""
    return sizes_text(shape)


class Labeller:
    """Places the labels of one panel, one after the other."""

    def __init__(
        self, out: PanelLayout, style: Style, labels: Mapping[tuple[str, str], str]
    ) -> None:
        self.style = style
        self.labels = labels
        self.taken: Grid[None] = Grid((box.rectangle, None) for box in out.boxes.values())
        for area in title_areas(out, style):
            self.taken.add(area, None)
        frames = [(x, y, x + width, y + height) for x, y, width, height in out.frames.values()]
        self.frames: Grid[None] = Grid((frame, None) for frame in frames)
        self.curves = Dots(point for route in out.routes for point in route.trace())

    def labelled(self, route: Route) -> Route:
        """The route with its label: on the right, else on the left, else none."""
        text = self.labels.get((route.link.source, route.link.target), "")
        for strict in (True, False) if text else ():
            for at in self.places(text, route):
                area = text_area(text, at, self.style.shape_size)
                if self.is_free(area) and not (strict and self.is_on_border(area)):
                    self.taken.add(area, None)
                    return replace(route, label=text, label_at=at)
        return route

    def is_on_border(self, area: Rectangle) -> bool:
        """Does the border of a frame run through the area?"""
        room = grown_by(area, 2.0)
        for (left, top, right, bottom), _ in self.frames.meeting(room):
            if not (left < room[0] and top < room[1] and room[2] < right and room[3] < bottom):
                return True
        return False

    def is_free(self, area: Rectangle) -> bool:
        """Does the area meet nothing?"""
        return not self.taken.meets(grown_by(area, 1.0)) and not self.curves.hit(
            grown_by(area, 2.0)
        )

    def places(self, text: str, route: Route) -> Iterator[Point]:
        """Starts of the text's baseline, the best first."""
        size = self.style.shape_size
        width = text_width(text, size)
        pieces = (len(route.line) - 1) // 3
        middle = pieces // 2
        order = sorted(range(pieces), key=lambda i: abs(i - middle))
        for piece in order:
            way = sampled(route.line[3 * piece : 3 * piece + 4], 16)
            for right in (True, False):
                for step in PLACES:
                    x, y = way[step]
                    yield beside(way, (x, y), size, width, right)


def beside(way: Sequence[Point], at: Point, size: float, width: float, right: bool) -> Point:
    """Start of a text beside a curve, level with one of its points."""
    base = at[1] + (RISE - FALL) / 2 * size
    top, bottom = base - RISE * size, base + FALL * size
    level = [x for x, y in way if top - 1 <= y <= bottom + 1]
    if right:
        return (max(level, default=at[0]) + LABEL_GAP, base)
    return (min(level, default=at[0]) - LABEL_GAP - width, base)


# ---------------------------------------------------------------------- titles of frames


def group_title(group: Group, style: Style) -> str:
    """A frame's title with the number of its copies."""
    title = shortened(group.title, style.name_size, WIDEST, True)
    return title if group.count == 1 else f"{title}  ×{group.count}"


def title_areas(out: PanelLayout, style: Style) -> list[Rectangle]:
    """Where the titles of frames stand."""
    return [
        text_area(group_title(out.panel.groups[name], style), at, style.name_size, True)
        for name, at in out.titles.items()
    ]


def place_titles(out: PanelLayout, style: Style) -> list[str]:
    """Put each frame's title where no arrow crosses it; the frames where that is nowhere."""
    crossed: list[str] = []
    curves = Dots(point for route in out.routes for point in route.trace())
    areas = (route.label_area(style) for route in out.routes)
    labels: Grid[None] = Grid((area, None) for area in areas if area is not None)
    for name, frame in out.frames.items():
        title = group_title(out.panel.groups[name], style)
        starts = list(title_starts(title, frame, style, curves))
        free = [
            at for at in starts
            if is_free(text_area(title, at, style.name_size, True), labels, curves)
        ]  # fmt: skip
        out.titles[name] = (free or starts)[0]
        if not free:
            crossed.append(name)
    return crossed


def is_free(area: Rectangle, labels: Grid[None], curves: Dots) -> bool:
    """Does a title meet no label and no arrow?"""
    room = grown_by(area, 2.0)
    return not labels.meets(room) and not curves.hit(room)


def title_starts(
    title: str, frame: tuple[float, float, float, float], style: Style, curves: Dots
) -> Iterator[Point]:
    """Where a title may start: at the left, right of an arrow that crosses, at the right."""
    x, y, width, _ = frame
    base = y + TITLE_BASE
    last = x + width - TITLE_INDENT - text_width(title, style.name_size, True)
    first = x + TITLE_INDENT
    yield (first, base)
    crossing = sorted({px for px, _ in curves.inside((x, y, x + width, base + 4))})
    yield from ((px + 8, base) for px in crossing if first < px + 8 <= last)
    if last > first:
        yield (last, base)
