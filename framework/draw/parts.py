"""What every painter derives from a scene in the same way: heads, dashes, outlines, order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from framework.draw.scene import Box, Curve, Point, Scene, Shape, Text

__all__ = [
    "Fit",
    "dashes",
    "fitted",
    "head",
    "line_end",
    "outlines",
    "radius",
    "reading",
    "rounded",
]

BEHIND = 3.0  # points between a box and the second outline around it
SLIMNESS = 0.36  # half the width of an arrow head per length
OVERLAP = 0.3  # share of the head that the line runs into, so that no seam shows


@dataclass(frozen=True)
class Fit:
    """A scene on a page: scaled, then moved."""

    scale: float
    left: float
    top: float


def fitted(scene: Scene, width: float, height: float) -> Fit:
    """The scene as large as the page allows, in its middle."""
    scale = min(width / scene.width, height / scene.height)
    return Fit(scale, (width - scale * scene.width) / 2, (height - scale * scene.height) / 2)


def radius(shape: Shape) -> float:
    """The radius of the corners; half the height for a pill, which makes its ends round."""
    largest = min(shape.width, shape.height) / 2
    return min(shape.radius, largest) if shape.kind == "box" else largest


def outlines(shape: Shape) -> tuple[Shape, ...]:
    """The shape, and before it the second outline around it if it is double."""
    if not shape.double:
        return (shape,)
    outer = replace(
        shape,
        x=shape.x - BEHIND,
        y=shape.y - BEHIND,
        width=shape.width + 2 * BEHIND,
        height=shape.height + 2 * BEHIND,
        radius=radius(shape) + BEHIND,
        fill="none",
        double=False,
    )
    return (outer, replace(shape, double=False))


def dashes(stroke: float) -> tuple[float, float]:
    """Lengths of a dash and of the gap after it: thicker lines have longer ones."""
    return (4 * stroke, 2.8 * stroke)


def head(curve: Curve) -> tuple[Point, Point, Point] | None:
    """The corners of the arrow head: left of the line, the tip, right of the line."""
    if curve.tip is None or curve.tip == curve.points[-1]:
        return None
    (x, y), (tip_x, tip_y) = curve.points[-1], curve.tip
    length = math.hypot(tip_x - x, tip_y - y)
    half = max(SLIMNESS * length, 1.3 * curve.stroke) / length
    across = (-(tip_y - y) * half, (tip_x - x) * half)
    return ((x + across[0], y + across[1]), curve.tip, (x - across[0], y - across[1]))


def line_end(curve: Curve) -> Point | None:
    """A point inside the head that the line is drawn on to, None without a head."""
    if curve.tip is None or curve.tip == curve.points[-1]:
        return None
    (x, y), (tip_x, tip_y) = curve.points[-1], curve.tip
    return (x + OVERLAP * (tip_x - x), y + OVERLAP * (tip_y - y))


def reading(scene: Scene) -> Iterator[Text]:
    """Every text in the order in which a person reads it: title, overview, panels, legend."""
    yield from scene.texts
    known = {frame.id for frame in scene.frames}
    labels: dict[str, list[Text]] = {}
    for curve in scene.curves:
        labels.setdefault(curve.source, []).extend([curve.label] if curve.label else [])
    for box in scene.boxes:
        if box.panel not in known:
            yield from texts_of(box, labels)
    for frame in scene.frames:
        yield from [frame.title] if frame.title else []
        inside = (box for box in scene.boxes if box.panel == frame.id)
        yield from chain.from_iterable(texts_of(box, labels) for box in inside)
    yield from chain.from_iterable(labels.values())
    yield from (word for _, word in scene.legend)


def texts_of(box: Box, labels: dict[str, list[Text]]) -> Iterator[Text]:
    """The lines and the badge of a box, then the labels of the arrows that leave it."""
    yield from box.lines
    yield from [box.badge[1]] if box.badge else []
    yield from labels.pop(box.id, [])


def rounded(number: float) -> str:
    """A coordinate to a hundredth of a point, without zeros at its end.

    >>> rounded(12.5), rounded(-0.001)
    ('12.5', '0')
    """
    short = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short
