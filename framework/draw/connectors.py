"""Curves of a scene as PowerPoint connectors that stay glued to their boxes.

A connector runs from a site of one shape to a site of another, in one of PowerPoint's forms:

    straightConnector1    a line
    curvedConnector2      a quarter turn: leaves one way, arrives across it
    curvedConnector3      an S, half of it on either side of the middle

The adjustments of those forms and free forms are drawn otherwise or not at all by LibreOffice.
So a lane, and whatever else none of the three resembles, is led through stops: dots as wide as
the line, to which its pieces are glued, and by which a person can move the lane.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from framework.draw.drawingml import NAMESPACES as XML
from framework.draw.drawingml import Slide, line, named, shape_xml, xfrm
from framework.draw.metrics import clean
from framework.draw.scene import Curve, Point, Scene, Shape

SITES = {
    "box": {"top": 0, "left": 1, "bottom": 2, "right": 3},
    "pill": {"top": 0, "left": 1, "bottom": 2, "right": 3},
    "circle": {"top": 0, "left": 2, "bottom": 4, "right": 6},
}
WAYS = {"top": (0, -1), "right": (1, 0), "bottom": (0, 1), "left": (-1, 0)}
SIDES = {way: side for side, way in WAYS.items()}
STRAIGHT = 3.0  # points by which a line may miss the scene's curve
NEAR = 14.0  # points by which an S or a quarter turn may
GLUE = 1.0  # points from a frame's site within which a line is glued to it
TURN = 26.0  # points of a quarter turn; LibreOffice makes waves of those below 15
ROUNDING = 2  # EMU
HEADS = {"sm": 2, "med": 3, "lg": 5}


@dataclass(frozen=True)
class End:
    """Where a piece begins or ends: on a side of a shape, ``radius`` points from ``centre``.

    ``id`` is the number of the shape that it is glued to, 0 for none.
    """

    centre: Point
    side: str
    id: int = 0
    kind: str = "box"
    radius: float = 0.0

    @property
    def place(self) -> Point:
        """The place of the end itself."""
        (x, y), (dx, dy) = self.centre, WAYS[self.side]
        return x + self.radius * dx, y + self.radius * dy

    @property
    def upright(self) -> bool:
        """Does a line leave up or down?"""
        return WAYS[self.side][0] == 0

    def glue(self, tag: str) -> str:
        """The XML that ties a connector to the shape."""
        if not self.id:
            return ""
        return f'<a:{tag} id="{self.id}" idx="{SITES[self.kind][self.side]}"/>'

    def across(self) -> End:
        """Where the next piece leaves a stop: on its other side."""
        return replace(self, side=opposite(self.side))


class Connectors:
    """Makes connectors; ``outer`` has the outline of every box and frame by id."""

    def __init__(self, slide: Slide, scene: Scene, outer: Mapping[str, Shape]) -> None:
        self.slide = slide
        self.outer = outer
        self.titles = {box.id: box.title for box in scene.boxes}
        self.titles |= {frame.id: frame.title.string for frame in scene.frames if frame.title}

    def of(self, curve: Curve) -> Iterator[str]:
        """The shapes of a curve: one connector, or several with stops between them."""
        start, end = self.end(curve, True), self.end(curve, False)
        name = f"{self.title(curve.source)} → {self.title(curve.target)}"
        ends = [start]
        for place, side in stops(curve, start, end, self.slide.scale):
            stop = self.slide.new_id()
            yield self.stop(curve, place, stop, name)
            ends.append(End(place, side, stop, "circle", curve.stroke / 2))
        ends.append(end)
        for i, (one, other) in enumerate(pairwise(ends)):
            leaves = one if i == 0 else one.across()
            yield self.piece(curve, leaves, other, name, other is end)

    def title(self, id: str) -> str:
        """The title of a box or a frame."""
        return self.titles.get(id, id)

    def end(self, curve: Curve, begin: bool) -> End:
        """Where a curve begins or ends.

        The line to a panel ends where the scene says: the panel's site is the middle of a side.
        """
        id = curve.source if begin else curve.target
        side = curve.source_side if begin else curve.target_side
        drawn = curve.points[0] if begin else curve.tip or curve.points[-1]
        if id not in self.slide.ids:
            return End(drawn, side)
        place = site(self.outer[id], side)
        if curve.kind == "zoom" and math.dist(place, drawn) > GLUE:
            return End(drawn, side)
        return End(place, side, self.slide.ids[id], self.outer[id].kind)

    def stop(self, curve: Curve, place: Point, id: int, name: str) -> str:
        """A dot in the line."""
        x, y = place[0] - curve.stroke / 2, place[1] - curve.stroke / 2
        dot = Shape(x, y, curve.stroke, curve.stroke, curve.colour, "none", "circle", stroke=0)
        return shape_xml(self.slide, dot, named(self.slide, id, f"Stop of {name}"))

    def piece(self, curve: Curve, start: End, end: End, name: str, last: bool) -> str:
        """One connector; only the last one has the head and says what the curve is."""
        about = named(self.slide, 0, name, described(curve, name) if last else "")
        ink = line(
            self.slide, curve.colour, curve.stroke, curve.dashed, head(curve) if last else ""
        )
        glue = f"{start.glue('stCxn')}{end.glue('endCxn')}"
        return (
            f"<p:cxnSp {XML}><p:nvCxnSpPr>{about}"
            f"<p:cNvCxnSpPr>{glue}</p:cNvCxnSpPr><p:nvPr/></p:nvCxnSpPr>"
            f"<p:spPr>{self.form(curve, start, end)}{ink}</p:spPr></p:cxnSp>"
        )

    def form(self, curve: Curve, start: End, end: End) -> str:
        """Place and preset of a piece."""
        (x, y), (u, v) = self.slide.point(start.place), self.slide.point(end.place)
        aside = abs(u - x) if start.upright else abs(v - y)
        if aside <= ROUNDING or is_straight(curve) or curve.kind == "zoom":
            flips = flipped(u - x, v - y)
            place = xfrm(min(x, u), min(y, v), abs(u - x), abs(v - y), flips)
            return f"{place}{preset('straightConnector1')}"
        name = "curvedConnector2" if start.upright != end.upright else "curvedConnector3"
        return f"{turned((x, y), (u, v), start.upright)}{preset(name)}"


def site(shape: Shape, side: str) -> Point:
    """The place where connectors touch a side: its middle."""
    (x, y), (dx, dy) = shape.centre, WAYS[side]
    return x + dx * shape.width / 2, y + dy * shape.height / 2


def opposite(side: str) -> str:
    """The side across."""
    dx, dy = WAYS[side]
    return SIDES[-dx, -dy]


def preset(name: str) -> str:
    """A preset geometry."""
    return f'<a:prstGeom prst="{name}"><a:avLst/></a:prstGeom>'


def flipped(along: int, across: int) -> str:
    """Attributes that mirror a connector, which by itself runs right and down."""
    flips = ' flipH="1"' if along < 0 else ""
    return flips + (' flipV="1"' if across < 0 else "")


def turned(start: tuple[int, int], end: tuple[int, int], upright: bool) -> str:
    """The place of a connector that leaves sideways, or up or down if ``upright``.

    An upright one lies on its side and is turned by 90° about its middle: its own way along is
    down the slide, its own way across is to the left.
    """
    (x, y), (u, v) = start, end
    along, across = (v - y, x - u) if upright else (u - x, v - y)
    width, height = abs(along), abs(across)
    left, top = (x + u - width) // 2, (y + v - height) // 2
    turn = ' rot="5400000"' if upright else ""
    return xfrm(left, top, width, height, turn + flipped(along, across))


def stops(curve: Curve, start: End, end: End, scale: float) -> list[tuple[Point, str]]:
    """Places that a curve must be led through, and the side on which it comes in."""
    if curve.kind == "zoom" or is_straight(curve):
        return []
    if start.side == end.side:
        return lane_stops(curve, start, end, scale)
    form = [start.place, *form_points(start, end)]
    missed = max(sampled(curve), key=lambda point: nearest(point, form))
    if nearest(missed, form) < NEAR or start.upright != end.upright:
        return []
    return [(missed, opposite(start.side))]


def lane_stops(curve: Curve, start: End, end: End, scale: float) -> list[tuple[Point, str]]:
    """Where a lane begins and ends, or its middle if it is short."""
    axis = 1 if start.upright else 0
    sign = sum(WAYS[start.side])
    far = sign * max(sign * point[axis] for point in sampled(curve))
    first, last = start.place[1 - axis], end.place[1 - axis]
    way = 1 if last > first else -1
    turn = way * TURN / scale
    places = [first + turn, last - turn]
    if way * (places[1] - places[0]) < abs(turn):
        places = [(first + last) / 2]
    comes = SIDES[(-way, 0) if start.upright else (0, -way)]
    return [((place, far) if start.upright else (far, place), comes) for place in places]


def form_points(start: End, end: End) -> Iterator[Point]:
    """Points along the S or the quarter turn between two ends."""
    (x, y), (u, v) = start.place, end.place
    middle = ((x + u) / 2, (y + v) / 2)
    if start.upright and end.upright:
        curve = ((x, (y + middle[1]) / 2), ((x + middle[0]) / 2, middle[1]), middle)
        back = ((u, (v + middle[1]) / 2), ((u + middle[0]) / 2, middle[1]))
    elif not start.upright and not end.upright:
        curve = (((x + middle[0]) / 2, y), (middle[0], (y + middle[1]) / 2), middle)
        back = (((u + middle[0]) / 2, v), (middle[0], (v + middle[1]) / 2))
    else:
        corner = (x, v) if start.upright else (u, y)
        yield from along((start.place, halfway(start.place, corner), halfway(corner, end.place),
                          end.place))  # fmt: skip
        return
    yield from along((start.place, *curve))
    yield from along((middle, back[1], back[0], end.place))


def halfway(one: Point, other: Point) -> Point:
    """The point in the middle."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def nearest(place: Point, points: list[Point]) -> float:
    """Distance to the nearest of some points."""
    return min(math.dist(place, point) for point in points)


def is_straight(curve: Curve) -> bool:
    """Does the curve stay close to the line from its start to its end?"""
    (x, y), (u, v) = curve.points[0], curve.tip or curve.points[-1]
    length = math.hypot(u - x, v - y)
    if length == 0:
        return True
    off = (abs((u - x) * (q - y) - (v - y) * (p - x)) / length for p, q in sampled(curve))
    return max(off) < STRAIGHT


def sampled(curve: Curve) -> Iterator[Point]:
    """Points along the curve."""
    start = curve.points[0]
    for a, b, end in zip(*(iter(curve.points[1:]),) * 3, strict=True):
        yield from along((start, a, b, end))
        start = end


def along(piece: tuple[Point, Point, Point, Point]) -> Iterator[Point]:
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
