"""The figure as SVG: live text that can be edited, or text as outlines.

Every box, curve and frame is a group with ``data-…`` attributes, for pages that make it
interactive.  There are no style sheets, markers or scripts: slide programs lose them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from framework.draw.metrics import Font, Run, clean, runs
from framework.draw.outlines import text_paths
from framework.draw.parts import dashes, head, line_end, outlines, radius, rounded
from framework.draw.scene import Box, Curve, Frame, Point, Scene, Shape, Text

__all__ = ["EMBOLDEN", "Faces", "View", "document", "live", "outlined", "paint"]

EMBOLDEN = 0.03  # stroke, in ems, that makes a bold letter of a regular one
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SPACES = re.compile("^ | $|  ")
SANS = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif"

Writer = Callable[[Text], str]


@dataclass(frozen=True)
class Faces:
    """The font families of live text; ``embolden`` where CJK has no bold face."""

    families: Mapping[Font, str]
    embolden: bool = False


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
        "symbols": "Helvetica, Arial, 'DejaVu Sans', 'Segoe UI Symbol', 'Apple Symbols', "
        "'Noto Sans Math', 'Noto Sans Symbols2', sans-serif",
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


def live(faces: Faces) -> Writer:
    """A writer of text that stays text, with a family for each run that needs another font."""

    def write(text: Text) -> str:
        string = clean(text.string)
        start = tag(
            "text",
            x=rounded(text.x),
            y=rounded(text.y),
            font_size=rounded(text.size),
            font_weight="bold" if text.bold else None,
            text_anchor=text.anchor if text.anchor != "start" else None,
            fill=text.colour,
            xml_space="preserve" if SPACES.search(string) else None,
        )
        return (
            start + "".join(span(run, text, faces) for run in runs(string, text.bold)) + "</text>"
        )

    return write


def span(run: Run, text: Text, faces: Faces) -> str:
    """A run of live text; the sans family is that of the whole figure."""
    if run.font == "sans":
        return escaped(run.string)
    heavy = text.bold and run.font == "cjk" and faces.embolden
    start = tag(
        "tspan",
        font_family=faces.families[run.font],
        stroke=text.colour if heavy else None,
        stroke_width=rounded(EMBOLDEN * text.size) if heavy else None,
    )
    return f"{start}{escaped(run.string)}</tspan>"


def outlined(text: Text) -> str:
    """A text as paths, which look the same wherever they are opened."""
    out = []
    for font, path in text_paths(text):
        heavy = text.bold and font == "cjk"
        out.append(
            tag(
                "path",
                d=path,
                fill=text.colour,
                stroke=text.colour if heavy else None,
                stroke_width=rounded(EMBOLDEN * text.size) if heavy else None,
                end="/",
            )
        )
    return "".join(out)


def tag(name: str, end: str = "", **attributes: object) -> str:
    """A start tag; attributes that are None are left out, ``data_id`` becomes ``data-id``."""
    known = ((key, value) for key, value in attributes.items() if value is not None)
    written = (f' {attribute(key)}="{escaped(str(value))}"' for key, value in known)
    return f"<{name}{''.join(written)}{end}>"


def attribute(key: str) -> str:
    """The name of an attribute from its Python name."""
    return "xml:space" if key == "xml_space" else key.rstrip("_").replace("_", "-")


def escaped(string: str) -> str:
    """Text that is only text in XML, within an attribute too."""
    safe = html.escape(FORBIDDEN.sub("\ufffd", string), quote=True)
    return safe.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def bezier(points: tuple[Point, ...]) -> str:
    """Path data of cubic pieces."""
    return f"M{pair(points[0])}C" + " ".join(map(pair, points[1:]))


def pair(point: Point) -> str:
    """Two coordinates."""
    return f"{rounded(point[0])},{rounded(point[1])}"


def dash(stroke: float) -> str:
    """The lengths of dash and gap."""
    return " ".join(map(rounded, dashes(stroke)))
