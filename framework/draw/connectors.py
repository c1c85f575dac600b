"""Curves of a scene as PowerPoint connectors that stay glued to their boxes.

A connector runs from a site of one shape to a site of another, in one of PowerPoint's forms:

    straightConnector1    a line
    curvedConnector2      a quarter turn: leaves one way, arrives across it
    curvedConnector3      an S, half of it on either side of the middle

Their adjustments are ignored by LibreOffice, so a lane beside a column is led through stops:
dots as wide as the line, to which its pieces are glued, and by which a person can move it.
A curve that resembles none of this is a free form: it looks right and is not glued.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

from framework.draw.drawingml import NAMESPACES, Slide, line, named, shape_xml, xfrm
from framework.draw.metrics import clean
from framework.draw.scene import Curve, Point, Scene, Shape
from framework.draw.sites import OVAL, SIDES, WAYS, End, Sites

NEAR = 12.0  # points by which a connector may miss the scene's curve
PLAIN = 1.5  # points by which a line may miss it without another form being tried
TURN = 26.0  # points of a lane's quarter turn
LEAST = 16.0  # points of each turn of a curve, on the slide: LibreOffice makes waves of less
HEADS = {"sm": 2, "med": 3, "lg": 5}
STRAIGHT, QUARTER, BOTH = "straightConnector1", "curvedConnector2", "curvedConnector3"

Piece = tuple[Point, Point, Point, Point]


class Connectors:
    """Makes connectors; ``outer`` has the outline of every box and frame by id."""

    def __init__(self, slide: Slide, scene: Scene, outer: Mapping[str, Shape]) -> None:
        self.slide = slide
        self.sites = Sites(outer, slide.ids, scene.curves)
        self.titles = {box.id: box.title for box in scene.boxes}
        self.titles |= {frame.id: frame.title.string for frame in scene.frames if frame.title}

    def of(self, curve: Curve) -> Iterator[str]:
        """The shapes of a curve: a connector, several with stops between them, or a free form."""
        start, end = self.sites.end(curve, True), self.sites.end(curve, False)
        name = f"{self.title(curve.source)} → {self.title(curve.target)}"
        if start.side == end.side:
            places = lane_stops(curve, start, end, self.slide.scale)
            yield from self.lane(curve, start, end, places, name)
            return
        form, missed = best_form(curve, start, end, self.slide.scale)
        if missed <= NEAR or curve.kind == "zoom":
            yield self.piece(curve, start, end, name, form, last=True)
        else:
            yield self.free(curve, name)

    def title(self, id: str) -> str:
        """The title of a box or a frame."""
        return self.titles.get(id, id)

    def lane(
        self, curve: Curve, start: End, end: End, places: list[End], name: str
    ) -> Iterator[str]:
        """Connectors from stop to stop, or a free form where there is no room for stops."""
        if not places:
            yield self.free(curve, name)
            return
        leaves = start
        for stop in places:
            number = self.slide.new_id()
            yield self.stop(curve, stop.centre, number, name)
            comes = End(stop.centre, stop.side, (number, OVAL[stop.side]), curve.stroke / 2)
            form = QUARTER if leaves is start else STRAIGHT
            yield self.piece(curve, leaves, comes, name, form)
            away = opposite(stop.side)
            leaves = End(stop.centre, away, (number, OVAL[away]), curve.stroke / 2)
        yield self.piece(curve, leaves, end, name, QUARTER, last=True)

    def stop(self, curve: Curve, place: Point, id: int, name: str) -> str:
        """A dot in the line."""
        x, y = place[0] - curve.stroke / 2, place[1] - curve.stroke / 2
        dot = Shape(x, y, curve.stroke, curve.stroke, curve.colour, "none", "circle", stroke=0)
        return shape_xml(self.slide, dot, named(self.slide, id, f"Stop of {name}"))

    def piece(
        self, curve: Curve, start: End, end: End, name: str, form: str, last: bool = False
    ) -> str:
        """One connector; only the last one has the head and says what the curve is."""
        about = named(self.slide, 0, name, described(curve, name) if last else "")
        ink = line(
            self.slide, curve.colour, curve.stroke, curve.dashed, head(curve) if last else ""
        )
        preset = f'<a:prstGeom prst="{form}"><a:avLst/></a:prstGeom>'
        return (
            f"<p:cxnSp {NAMESPACES}><p:nvCxnSpPr>{about}"
            f"<p:cNvCxnSpPr>{start.xml('stCxn')}{end.xml('endCxn')}</p:cNvCxnSpPr><p:nvPr/>"
            f"</p:nvCxnSpPr><p:spPr>{self.placed(start, end, form)}{preset}{ink}</p:spPr></p:cxnSp>"
        )

    def placed(self, start: End, end: End, form: str) -> str:
        """Where a connector is: its box, its flips, and for a curve its turn.

        By itself a connector runs right and down. A curve that leaves up or down lies on its side
        and is turned by 90° about its middle: its own way along is down the slide, its own way
        across is to the left.
        """
        (x, y), (u, v) = self.slide.point(start.place), self.slide.point(end.place)
        upright = start.upright and form != STRAIGHT
        along, across = (v - y, x - u) if upright else (u - x, v - y)
        width, height = abs(along), abs(across)
        more = ' rot="5400000"' if upright else ""
        more += ' flipH="1"' if along < 0 else ""
        more += ' flipV="1"' if across < 0 else ""
        return xfrm((x + u - width) // 2, (y + v - height) // 2, width, height, more)

    def free(self, curve: Curve, name: str) -> str:
        """A free form that follows the scene's curve to the tip."""
        points = [*curve.points, *([] if curve.tip is None else [curve.tip])]
        places = [self.slide.point(point) for point in points]
        left, top = min(x for x, _ in places), min(y for _, y in places)
        width, height = max(x for x, _ in places) - left, max(y for _, y in places) - top
        spots = [f'<a:pt x="{x - left}" y="{y - top}"/>' for x, y in places]
        path = f"<a:moveTo>{spots[0]}</a:moveTo>"
        for i in range(1, len(curve.points), 3):
            path += f"<a:cubicBezTo>{''.join(spots[i : i + 3])}</a:cubicBezTo>"
        path += "" if curve.tip is None else f"<a:lnTo>{spots[-1]}</a:lnTo>"
        form = (
            "<a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/>"
            '<a:rect l="0" t="0" r="r" b="b"/><a:pathLst>'
            f'<a:path w="{width}" h="{height}" fill="none">{path}</a:path></a:pathLst></a:custGeom>'
        )
        ink = line(self.slide, curve.colour, curve.stroke, curve.dashed, head(curve))
        return (
            f"<p:sp {NAMESPACES}><p:nvSpPr>{named(self.slide, 0, name, described(curve, name))}"
            f"<p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>{xfrm(left, top, width, height)}{form}"
            f"<a:noFill/>{ink}</p:spPr></p:sp>"
        )


def opposite(side: str) -> str:
    """The side across."""
    dx, dy = WAYS[side]
    return SIDES[-dx, -dy]


def lane_stops(curve: Curve, start: End, end: End, scale: float) -> list[End]:
    """Where a lane begins and ends, or its middle if it is short; none without room."""
    axis = 1 if start.upright else 0
    sign = sum(WAYS[start.side])
    far = sign * max(sign * point[axis] for point in sampled(curve))
    first, last = start.place[1 - axis], end.place[1 - axis]
    way = 1 if last > first else -1
    out = min(sign * (far - end.place[axis]), sign * (far - start.place[axis]))
    if min(out, abs(last - first) / 2) * scale < LEAST:
        return []
    turn = way * TURN / scale
    places = [first + turn, last - turn]
    if way * (places[1] - places[0]) < abs(turn):
        places = [(first + last) / 2]
    comes = SIDES[(-way, 0) if start.upright else (0, -way)]
    return [End((place, far) if start.upright else (far, place), comes) for place in places]


def best_form(curve: Curve, start: End, end: End, scale: float) -> tuple[str, float]:
    """The form nearest to a curve, and by how much it misses it where it misses it most."""
    drawn = list(sampled(curve))
    forms = {STRAIGHT: list(along(line_piece(start.place, end.place)))}
    (x, y), (u, v), (dx, dy) = start.place, end.place, WAYS[start.side]
    ahead = ((u - x) * dx + (v - y) * dy) * scale
    aside = (abs((u - x) * dy) + abs((v - y) * dx)) * scale
    if start.upright == end.upright and ahead >= 2 * LEAST:
        forms[BOTH] = [point for piece in bend(start, end) for point in along(piece)]
    elif start.upright != end.upright and min(ahead, aside) >= LEAST:
        corner = (x, v) if start.upright else (u, y)
        turn = (start.place, between(start.place, corner), between(corner, end.place), end.place)
        forms[QUARTER] = list(along(turn))
    missed = {name: max(nearest(place, form) for place in drawn) for name, form in forms.items()}
    best = STRAIGHT if missed[STRAIGHT] < PLAIN else min(missed, key=missed.__getitem__)
    return best, missed[best]


def bend(start: End, end: End) -> tuple[Piece, Piece]:
    """The halves of an S."""
    (x, y), (u, v) = start.place, end.place
    p, q = (x + u) / 2, (y + v) / 2
    if start.upright:
        first, last = ((x, (y + q) / 2), ((x + p) / 2, q)), (((u + p) / 2, q), (u, (v + q) / 2))
    else:
        first, last = (((x + p) / 2, y), (p, (y + q) / 2)), ((p, (v + q) / 2), ((u + p) / 2, v))
    return (start.place, *first, (p, q)), ((p, q), *last, end.place)


def between(one: Point, other: Point) -> Point:
    """The point half-way."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def nearest(place: Point, points: list[Point]) -> float:
    """Distance to the nearest line between neighbouring points."""
    return min(off(place, one, other) for one, other in pairwise(points))


def off(place: Point, one: Point, other: Point) -> float:
    """Distance from a place to the line from one point to another."""
    (x, y), (u, v) = one, other
    square = (u - x) ** 2 + (v - y) ** 2
    share = 0.0
    if square > 0:
        share = ((place[0] - x) * (u - x) + (place[1] - y) * (v - y)) / square
        share = min(1.0, max(0.0, share))
    return math.dist(place, (x + share * (u - x), y + share * (v - y)))


def sampled(curve: Curve) -> Iterator[Point]:
    """Points along the curve."""
    start = curve.points[0]
    for a, b, end in zip(*(iter(curve.points[1:]),) * 3, strict=True):
        yield from along((start, a, b, end))
        start = end


def line_piece(start: Point, end: Point) -> Piece:
    """A line as a Bézier piece."""
    middle = between(start, end)
    return start, middle, middle, end


def along(piece: Piece) -> Iterator[Point]:
    """Nine points of a Bézier piece."""
    for step in range(9):
        t = step / 8
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x = sum(weight * p[0] for weight, p in zip(weights, piece, strict=True))
        y = sum(weight * p[1] for weight, p in zip(weights, piece, strict=True))
        yield x, y


def head(curve: Curve) -> str:
    """The arrow head whose length, a multiple of the stroke, is nearest to the scene's."""
    if curve.tip is None:
        return ""
    length = math.dist(curve.points[-1], curve.tip)
    size = min(HEADS, key=lambda name: abs(HEADS[name] * curve.stroke - length))
    return f'<a:tailEnd type="triangle" w="{"med" if size == "lg" else size}" len="{size}"/>'


def described(curve: Curve, name: str) -> str:
    """What a curve is, in words."""
    kinds = {"flow": "", "residual": "residual: ", "skip": "skip: ", "zoom": "shown larger: "}
    label = f", {clean(curve.label.string)}" if curve.label else ""
    return f"{kinds[curve.kind]}{name}{label}"
