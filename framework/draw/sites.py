"""Where connectors touch shapes.

A preset shape has a site in the middle of each side. Where the scene's arrows touch elsewhere,
the shape gets a geometry of its own with more sites, so that arrows are glued where they are
drawn and the shape still looks the same. ``idx`` of a site is its place in that list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from framework.draw.scene import Curve, Point, Shape

WAYS = {"top": (0, -1), "left": (-1, 0), "bottom": (0, 1), "right": (1, 0)}
"""Directions out of the sides, in the order of a rectangle's sites."""
SIDES = {way: side for side, way in WAYS.items()}
ANGLES = {"top": "3cd4", "left": "cd2", "bottom": "cd4", "right": "0"}
OVAL = {"top": 0, "left": 2, "bottom": 4, "right": 6}
SNAP = 1.5  # points from the middle of a side within which an arrow is moved there
LANE_SNAP = 5.0  # the same for a lane, which has room to straighten out

Share = tuple[str, float, float]
"""A side, and a place as shares of the width and the height."""


@dataclass(frozen=True)
class End:
    """Where a piece begins or ends: on a side of a shape, ``radius`` points from ``centre``.

    ``glue`` are the number of the shape that it is tied to and the site, None for no shape.
    """

    centre: Point
    side: str
    glue: tuple[int, int] | None = None
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

    def xml(self, tag: str) -> str:
        """What ties a connector to the site."""
        return f'<a:{tag} id="{self.glue[0]}" idx="{self.glue[1]}"/>' if self.glue else ""


class Sites:
    """The sites that arrows need; ``outer`` has the outline of every box and frame by id."""

    def __init__(
        self, outer: Mapping[str, Shape], numbers: Mapping[str, int], curves: tuple[Curve, ...]
    ) -> None:
        self.outer = outer
        self.numbers = numbers
        self.extra: dict[str, list[Share]] = {}
        for curve in curves:
            for begin in (True, False):
                self.add(curve, begin)

    def add(self, curve: Curve, begin: bool) -> None:
        """Note the place where a curve touches, unless it is the middle of a side."""
        id, side, drawn = touch(curve, begin)
        shape = self.outer.get(id)
        if shape is None or math.dist(middle(shape, side), drawn) <= snap(curve):
            return
        share = share_of(shape, side, drawn)
        known = self.extra.setdefault(id, [])
        if share not in known:
            known.append(share)

    def end(self, curve: Curve, begin: bool) -> End:
        """Where a curve begins or ends."""
        id, side, drawn = touch(curve, begin)
        shape = self.outer.get(id)
        if shape is None:
            return End(drawn, side)
        number, extra = self.numbers[id], self.extra.get(id, [])
        share = share_of(shape, side, drawn)
        if share in extra:
            place = (shape.x + share[1] * shape.width, shape.y + share[2] * shape.height)
            return End(place, side, (number, len(WAYS) + extra.index(share)))
        usual = OVAL[side] if shape.kind == "circle" and not extra else list(WAYS).index(side)
        return End(middle(shape, side), side, (number, usual))


def touch(curve: Curve, begin: bool) -> tuple[str, str, Point]:
    """The box and the side that a curve touches, and the place as drawn."""
    if begin:
        return curve.source, curve.source_side, curve.points[0]
    tip = curve.points[-1] if curve.tip is None else curve.tip
    return curve.target, curve.target_side, tip


def snap(curve: Curve) -> float:
    """How far an end of a curve may be moved to the middle of its side."""
    return LANE_SNAP if curve.source_side == curve.target_side else SNAP


def middle(shape: Shape, side: str) -> Point:
    """The middle of a side."""
    (x, y), (dx, dy) = shape.centre, WAYS[side]
    return x + dx * shape.width / 2, y + dy * shape.height / 2


def share_of(shape: Shape, side: str, place: Point) -> Share:
    """A place as shares of the shape's size; on its side, if that is straight."""
    width, height = max(shape.width, 1e-6), max(shape.height, 1e-6)
    across = min(1.0, max(0.0, (place[0] - shape.x) / width))
    down = min(1.0, max(0.0, (place[1] - shape.y) / height))
    if shape.kind != "circle":
        dx, dy = WAYS[side]
        across, down = (across if dx == 0 else (1 + dx) / 2, down if dy == 0 else (1 + dy) / 2)
    return side, round(across, 5), round(down, 5)


def geometry_with(shape: Shape, corner: float, extra: list[Share]) -> str:
    """A geometry that looks like the preset with corners of this radius, and has more sites.

    Sites are shares of width and height, so that they stay in place when the shape is resized.
    """
    usual = [(side, (1 + dx) / 2, (1 + dy) / 2) for side, (dx, dy) in WAYS.items()]
    guides, places = "", ""
    for i, (side, across, down) in enumerate([*usual, *extra]):
        guides += f'<a:gd name="x{i}" fmla="*/ w {round(across * 100_000)} 100000"/>'
        guides += f'<a:gd name="y{i}" fmla="*/ h {round(down * 100_000)} 100000"/>'
        places += f'<a:cxn ang="{ANGLES[side]}"><a:pos x="x{i}" y="y{i}"/></a:cxn>'
    return (
        f"<a:custGeom><a:avLst/><a:gdLst>{guides}</a:gdLst><a:ahLst/><a:cxnLst>{places}</a:cxnLst>"
        f'<a:rect l="0" t="0" r="r" b="b"/><a:pathLst>{outline(shape, corner)}</a:pathLst>'
        "</a:custGeom>"
    )


def outline(shape: Shape, corner: float) -> str:
    """The path of a rectangle with round corners, in 1/100 point; an oval is all corners."""
    width, height = round(100 * shape.width), round(100 * shape.height)
    wide, high = (round(100 * corner), round(100 * corner))
    if shape.kind == "circle":
        wide, high = width // 2, height // 2
    steps = "".join(corners(width, height, wide, high))
    return f'<a:path w="{width}" h="{height}">{steps}<a:close/></a:path>'


def corners(width: int, height: int, wide: int, high: int) -> Iterator[str]:
    """From the left side over the top: a corner, a side, and so on."""
    yield f'<a:moveTo><a:pt x="0" y="{high}"/></a:moveTo>'
    ends = [(width - wide, 0), (width, height - high), (wide, height), (0, high)]
    for i, (x, y) in enumerate(ends):
        angle = (10_800_000 + i * 5_400_000) % 21_600_000
        yield f'<a:arcTo wR="{wide}" hR="{high}" stAng="{angle}" swAng="5400000"/>'
        yield f'<a:lnTo><a:pt x="{x}" y="{y}"/></a:lnTo>'
