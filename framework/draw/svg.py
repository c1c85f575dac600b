"""The figure as SVG: live text that can be edited, or text as outlines.

Every box, curve and frame is a group with ``data-…`` attributes, for pages that make it
interactive.  There are no style sheets, markers or scripts: slide programs lose them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from framework.draw.markup import escaped, tag
from framework.draw.parts import dashes, head, line_end, outlines, radius, rounded
from framework.draw.scene import Box, Curve, Frame, Point, Scene, Shape
from framework.draw.svgtext import Faces, Writer, live, outlined

__all__ = ["View", "document", "paint"]

SANS = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif"


@dataclass(frozen=True)
class View:
    """The part of the plane that the picture shows, in points, and its size as written."""

    left: float
    top: float
    width: float
    height: float
    size: tuple[str, str]


WEB = Faces(
    {
        "sans": SANS,
        "symbols": "'DejaVu Sans', 'Segoe UI Symbol', 'Apple Symbols', 'Noto Sans Math', "
        "'Noto Sans Symbols2', Helvetica, Arial, sans-serif",
        "cjk": "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'Hiragino Sans', "
        "'Malgun Gothic', 'Droid Sans Fallback', sans-serif",
    }
)


def paint(scene: Scene, *, text: Literal["live", "outline"] = "live") -> str:
    """The figure as an SVG document, one point of the scene being one point on paper."""
    size = (f"{rounded(scene.width)}pt", f"{rounded(scene.height)}pt")
    view = View(0, 0, scene.width, scene.height, size)
    return document(scene, view, live(WEB) if text == "live" else outlined, SANS)


def document(scene: Scene, view: View, write: Writer, family: str) -> str:
    """The whole document; ``write`` turns a text into markup."""
    described = "figure-title figure-description" if scene.doc else "figure-title"
    corner = (view.left, view.top, view.width, view.height)
    root = tag(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=view.size[0],
        height=view.size[1],
        viewBox=" ".join(map(rounded, corner)),
        role="img",
        aria_labelledby=described,
        data_steps=scene.steps,
        font_family=family,
    )
    parts = [root, f'<title id="figure-title">{escaped(scene.title)}</title>']
    if scene.doc:
        parts.append(f'<desc id="figure-description">{escaped(scene.doc)}</desc>')
    x, y, width, height = map(rounded, corner)
    parts.append(tag("rect", x=x, y=y, width=width, height=height, fill=scene.background, end="/"))
    parts += group("frames", (frame(one, write) for one in scene.frames))
    parts += group("curves", (curve(one, write) for one in scene.curves))
    parts += group("boxes", (box(one, write) for one in scene.boxes))
    parts += group("texts", map(write, scene.texts))
    parts += group("legend", (shape(swatch) + write(word) for swatch, word in scene.legend))
    return "\n".join([*parts, "</svg>\n"])


def group(name: str, parts: Iterable[str]) -> list[str]:
    """A layer of the figure; nothing if it is empty."""
    lines = list(parts)
    return [tag("g", class_=name), *lines, "</g>"] if lines else []


def frame(one: Frame, write: Writer) -> str:
    """A panel with its title."""
    start = tag(
        "g", class_="frame", data_id=one.id, data_parent=one.parent or None, data_step=one.step
    )
    return start + shape(one.shape) + (write(one.title) if one.title else "") + "</g>"


def box(one: Box, write: Writer) -> str:
    """A box with what a pointer shows, its lines and its badge."""
    parts = [
        tag(
            "g",
            class_="box",
            data_id=one.id,
            data_category=one.category,
            data_panel=one.panel,
            data_step=one.step,
        )
    ]
    parts.append(f"<title>{escaped(one.title)}</title>")
    if one.description:
        parts.append(f"<desc>{escaped(one.description)}</desc>")
    parts.append(shape(one.shape))
    parts += map(write, one.lines)
    if one.badge:
        parts += [shape(one.badge[0]), write(one.badge[1])]
    return "".join(parts) + "</g>"


def curve(one: Curve, write: Writer) -> str:
    """A line, its arrow head as a filled path, and its label."""
    end = line_end(one)
    parts = [
        tag(
            "g",
            class_=f"curve {one.kind}",
            data_source=one.source,
            data_target=one.target,
            data_step=one.step,
        ),
        tag(
            "path",
            d=bezier(one.points) + (f"L{pair(end)}" if end else ""),
            fill="none",
            stroke=one.colour,
            stroke_width=rounded(one.stroke),
            stroke_dasharray=dash(one.stroke) if one.dashed else None,
            end="/",
        ),
    ]
    corners = head(one)
    if corners:
        path = "M" + "L".join(map(pair, corners)) + "Z"
        parts.append(tag("path", d=path, fill=one.colour, end="/"))
    return "".join(parts) + (write(one.label) if one.label else "") + "</g>"


def shape(one: Shape) -> str:
    """A rectangle or a circle, with a second outline before it if it is double."""
    return "".join(map(outline, outlines(one)))


def outline(one: Shape) -> str:
    """One closed outline."""
    paint = {
        "fill": one.fill,
        "stroke": one.border if one.stroke > 0 else None,
        "stroke_width": rounded(one.stroke) if one.stroke > 0 else None,
        "stroke_dasharray": dash(one.stroke) if one.dashed else None,
    }
    if one.kind == "circle":
        x, y = map(rounded, one.centre)
        return tag("circle", cx=x, cy=y, r=rounded(radius(one)), **paint, end="/")
    place = dict(zip("xy", map(rounded, (one.x, one.y)), strict=True))
    size = {"width": rounded(one.width), "height": rounded(one.height)}
    return tag("rect", **place, **size, rx=rounded(radius(one)), **paint, end="/")


def bezier(points: tuple[Point, ...]) -> str:
    """Path data of cubic pieces."""
    return f"M{pair(points[0])}C" + " ".join(map(pair, points[1:]))


def pair(point: Point) -> str:
    """Two coordinates."""
    return f"{rounded(point[0])},{rounded(point[1])}"


def dash(stroke: float) -> str:
    """The lengths of dash and gap."""
    return " ".join(map(rounded, dashes(stroke)))
