"""Curves of a scene as PowerPoint connectors that stay glued to their boxes.

A connector runs from a site of one shape to a site of another. PowerPoint has presets for it;
the one that is nearest to the scene's curve is taken, and its corner is moved to where the
scene's is:

    straightConnector1    a line
    curvedConnector2      a quarter turn: leaves one way, arrives across it
    curvedConnector3      an S or a U: ``adj1`` says how far its middle lies along the way out,
                          in 1/100,000 of the width

Elbow connectors are not used: LibreOffice draws those with both ends on one side flat.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from framework.draw.drawingml import Slide, line, named, xfrm
from framework.draw.drawingml import NAMESPACES as XML
from framework.draw.metrics import clean
from framework.draw.scene import Curve, Point, Scene, Shape

SITES = {
    "box": {"top": 0, "left": 1, "bottom": 2, "right": 3},
    "pill": {"top": 0, "left": 1, "bottom": 2, "right": 3},
    "circle": {"top": 0, "left": 2, "bottom": 4, "right": 6},
}
WAYS = {"top": (0, -1), "right": (1, 0), "bottom": (0, 1), "left": (-1, 0)}
FLAT = 3.0  # points by which a line may miss the scene's curve
GLUE = 6.0  # points from a frame's site within which a line is glued to it
LEAST = 12_700  # a U between equal places still needs a width: the way out is a multiple of it
HEADS = {"sm": 2, "med": 3, "lg": 5}


def site(shape: Shape, side: str) -> Point:
    """The place where connectors touch a side: its middle."""
    (x, y), (dx, dy) = shape.centre, WAYS[side]
    return x + dx * shape.width / 2, y + dy * shape.height / 2


def connector(slide: Slide, scene: Scene, curve: Curve, outer: dict[str, Shape]) -> str:
    """The connector of a curve; ``outer`` has the outline of every box and frame by id."""
    start, begin_glue = end_of(slide, curve, outer, True)
    end, end_glue = end_of(slide, curve, outer, False)
    preset, place = shaped(slide, curve, start, end)
    name = f"{title(scene, curve.source)} → {title(scene, curve.target)}"
    ink = line(slide, curve.colour, curve.stroke, curve.dashed, head(curve))
    glue = f"{begin_glue}{end_glue}"
    return (
        f"<p:cxnSp {XML}><p:nvCxnSpPr>{named(slide, 0, name, describe(curve, name))}"
        f"<p:cNvCxnSpPr>{glue}</p:cNvCxnSpPr><p:nvPr/></p:nvCxnSpPr>"
        f"<p:spPr>{place}{preset}{ink}</p:spPr></p:cxnSp>"
    )


def end_of(slide: Slide, curve: Curve, outer: dict[str, Shape], begin: bool) -> tuple[Point, str]:
    """Where a connector begins or ends, and what it is glued to there.

    The line to a frame ends where the scene says: a frame's site is in the middle of its side.
    """
    id = curve.source if begin else curve.target
    side = curve.source_side if begin else curve.target_side
    drawn = curve.points[0] if begin else curve.tip or curve.points[-1]
    if id not in slide.ids:
        return drawn, ""
    place = site(outer[id], side)
    if curve.kind == "zoom" and math.dist(place, drawn) > GLUE:
        return drawn, ""
    number = SITES[outer[id].kind][side]
    kind = "stCxn" if begin else "endCxn"
    return place, f'<a:{kind} id="{slide.ids[id]}" idx="{number}"/>'


def shaped(slide: Slide, curve: Curve, start: Point, end: Point) -> tuple[str, str]:
    """The preset geometry and its place for a curve."""
    out, back = WAYS[curve.source_side], WAYS[curve.target_side]
    if is_straight(curve) or curve.kind == "zoom":
        return straight(slide, start, end)
    if out[0] * back[0] + out[1] * back[1] == 0:
        return quarter(slide, curve, start, end)
    return bow(slide, curve, start, end)


def is_straight(curve: Curve) -> bool:
    """Does the curve stay close to the line from its start to its end?"""
    (x, y), (u, v) = curve.points[0], curve.tip or curve.points[-1]
    length = math.hypot(u - x, v - y)
    if length == 0:
        return True
    off = (abs((u - x) * (q - y) - (v - y) * (p - x)) / length for p, q in sampled(curve))
    return max(off) < FLAT


def sampled(curve: Curve) -> Iterator[Point]:
    """Points along the curve, nine to a piece."""
    start = curve.points[0]
    for a, b, end in zip(*(iter(curve.points[1:]),) * 3, strict=True):
        for step in range(9):
            yield bezier((start, a, b, end), step / 8)
        start = end


def bezier(points: tuple[Point, Point, Point, Point], t: float) -> Point:
    """The point at ``t`` of a cubic Bézier piece."""
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x = sum(w * p[0] for w, p in zip(weights, points, strict=True))
    y = sum(w * p[1] for w, p in zip(weights, points, strict=True))
    return x, y


def preset(name: str, adjust: int | None = None) -> str:
    """A preset geometry, with its one adjustment."""
    guide = "" if adjust is None else f'<a:gd name="adj1" fmla="val {adjust}"/>'
    return f'<a:prstGeom prst="{name}"><a:avLst>{guide}</a:avLst></a:prstGeom>'


def straight(slide: Slide, start: Point, end: Point) -> tuple[str, str]:
    """A line."""
    (x, y), (u, v) = slide.point(start), slide.point(end)
    flips = flipped(u - x, v - y)
    place = xfrm(min(x, u), min(y, v), abs(u - x), abs(v - y), flips)
    return preset("straightConnector1"), place


def flipped(along: int, across: int) -> str:
    """Attributes that mirror a connector, which by itself runs right and down."""
    flips = ' flipH="1"' if along < 0 else ""
    return flips + (' flipV="1"' if across < 0 else "")


def quarter(slide: Slide, curve: Curve, start: Point, end: Point) -> tuple[str, str]:
    """A quarter turn, which by itself leaves to the right and arrives downwards."""
    upright = WAYS[curve.source_side][0] == 0
    return preset("curvedConnector2"), turned(slide, start, end, upright, 0)[0]


def turned(
    slide: Slide, start: Point, end: Point, upright: bool, least: int
) -> tuple[str, int, int]:
    """The place of a connector that leaves sideways, or up or down if ``upright``.

    An upright one lies on its side and is turned by 90° about its middle: its own way along is
    down the slide, its own way across is to the left. Also returns along and width, in EMU.
    """
    (x, y), (u, v) = slide.point(start), slide.point(end)
    along, across = (v - y, x - u) if upright else (u - x, v - y)
    width, height = max(abs(along), least), abs(across)
    left, top = (x + u - width) // 2, (y + v - height) // 2
    turn = ' rot="5400000"' if upright else ""
    return xfrm(left, top, width, height, turn + flipped(along, across)), along, width


def bow(slide: Slide, curve: Curve, start: Point, end: Point) -> tuple[str, str]:
    """An S or a U whose middle lies where the scene's curve is farthest out, or half-way."""
    upright = WAYS[curve.source_side][0] == 0
    same_side = curve.source_side == curve.target_side
    place, along, width = turned(slide, start, end, upright, LEAST if same_side else 0)
    if not same_side:
        return preset("curvedConnector3", 50_000), place
    axis = 1 if upright else 0
    sign = sum(WAYS[curve.source_side])
    reach = max(sign * (point[axis] - start[axis]) for point in sampled(curve))
    out = sign * slide.length(reach) * (-1 if along < 0 else 1)
    return preset("curvedConnector3", round(100_000 * out / width)), place


def head(curve: Curve) -> str:
    """The arrow head whose length, a multiple of the stroke, is nearest to the scene's."""
    if curve.tip is None:
        return ""
    length = math.dist(curve.points[-1], curve.tip)
    size = min(HEADS, key=lambda name: abs(HEADS[name] * curve.stroke - length))
    return f'<a:tailEnd type="triangle" w="{"med" if size == "lg" else size}" len="{size}"/>'


def describe(curve: Curve, name: str) -> str:
    """What a connector is, in words."""
    words = {"flow": "", "residual": "residual: ", "skip": "skip: ", "zoom": "shown larger: "}
    label = f", {clean(curve.label.string)}" if curve.label else ""
    return f"{words[curve.kind]}{name}{label}"


def title(scene: Scene, id: str) -> str:
    """The title of a box or a frame."""
    named = {box.id: box.title for box in scene.boxes}
    named |= {frame.id: frame.title.string for frame in scene.frames if frame.title}
    return named.get(id, id)
