"""The figure as PDF: fonts embedded, text that can be selected, in the order of reading."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING
from unicodedata import normalize

from framework.draw.bidi import visual
from framework.draw.metrics import (
    EMBOLDEN,
    FONT_FILES,
    SHIFT,
    Font,
    Run,
    advances,
    clean,
    runs,
    text_width,
)
from framework.draw.parts import dashes, fitted, head, line_end, outlines, radius, reading
from framework.draw.scene import Curve, Point, Scene, Shape, Text

if TYPE_CHECKING:
    from reportlab.lib.colors import Color
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.pdfgen.textobject import PDFTextObject

__all__ = ["SLIDE", "paint"]

SLIDE = (960.0, 540.0)  # 13.333 × 7.5 inches, the 16:9 page of slide programs
FILL, FILL_AND_STROKE = 0, 2


def paint(scene: Scene, *, slide: bool = False, author: str = "") -> bytes:
    """The figure on a page of its own size, or in the middle of a 16:9 slide.

    Shapes come first and then all text, so that a reader and a search meet it in order.
    """
    from reportlab.pdfgen.canvas import Canvas

    page = SLIDE if slide else (scene.width, scene.height)
    file = BytesIO()
    canvas = Canvas(file, pagesize=page, invariant=1, pageCompression=1)
    describe(canvas, scene, author)
    if (colour := colour_of(scene.background)) is not None:
        canvas.setFillColor(colour)
        canvas.rect(0, 0, *page, stroke=0, fill=1)
    fit = fitted(scene, *page)
    canvas.translate(fit.left, page[1] - fit.top)
    canvas.scale(fit.scale, fit.scale)
    draw_shapes(canvas, scene)
    for text in reading(scene):
        draw_text(canvas, text)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def describe(canvas: Canvas, scene: Scene, author: str) -> None:
    """What the file says about itself; the title bar shows the title."""
    canvas.setTitle(clean(scene.title))
    canvas.setAuthor(clean(author))
    canvas.setSubject(clean(scene.doc))
    canvas.setCreator("framework")
    canvas.setViewerPreference("DisplayDocTitle", "true")


def draw_shapes(canvas: Canvas, scene: Scene) -> None:
    """Frames, curves, boxes with their badges, and the swatches of the legend."""
    for frame in scene.frames:
        draw_shape(canvas, frame.shape)
    for curve in scene.curves:
        draw_curve(canvas, curve)
    for box in scene.boxes:
        draw_shape(canvas, box.shape)
        if box.badge:
            draw_shape(canvas, box.badge[0])
    for swatch, _ in scene.legend:
        draw_shape(canvas, swatch)


def draw_shape(canvas: Canvas, shape: Shape) -> None:
    """One shape, with the second outline if it is double; on the page y grows upwards."""
    for one in outlines(shape):
        fill = colour_of(one.fill)
        if fill is not None:
            canvas.setFillColor(fill)
        stroke = pen(canvas, one.border, one.stroke, one.dashed)
        round_corners = radius(one)
        x, y, width, height = one.x, -one.y - one.height, one.width, one.height
        if one.kind == "circle":
            x, y = one.centre[0] - round_corners, -one.centre[1] - round_corners
            width = height = 2 * round_corners
        canvas.roundRect(
            x, y, width, height, round_corners, stroke=int(stroke), fill=int(fill is not None)
        )


def draw_curve(canvas: Canvas, curve: Curve) -> None:
    """A line and its arrow head."""
    pen(canvas, curve.colour, curve.stroke, curve.dashed)
    path = canvas.beginPath()
    path.moveTo(*up(curve.points[0]))
    for place in range(1, len(curve.points) - 2, 3):
        first, second, end = curve.points[place : place + 3]
        path.curveTo(*up(first), *up(second), *up(end))
    if (end_inside := line_end(curve)) is not None:
        path.lineTo(*up(end_inside))
    canvas.drawPath(path, stroke=1, fill=0)
    if (corners := head(curve)) is not None:
        canvas.setFillColor(colour_of(curve.colour))
        path = canvas.beginPath()
        path.moveTo(*up(corners[0]))
        for corner in corners[1:]:
            path.lineTo(*up(corner))
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)


def pen(canvas: Canvas, border: str, stroke: float, dashed: bool) -> bool:
    """Set colour, width and dashes of lines; whether there is a line at all."""
    colour = colour_of(border)
    if colour is None or stroke <= 0:
        return False
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(stroke)
    canvas.setDash(*([list(dashes(stroke))] if dashed else []))
    return True


def draw_text(canvas: Canvas, text: Text) -> None:
    """One line of text; where the glyphs say something else, what it says is stored too."""
    string = clean(text.string)
    seen = visual(in_one_plane(string))
    canvas.saveState()
    if seen != string:
        spoken = string.encode("utf-16-be").hex().upper()
        canvas.addLiteral(f"/Span <</ActualText <FEFF{spoken}>>> BDC")
    canvas.setLineWidth(EMBOLDEN * text.size)
    canvas.setDash()
    line = canvas.beginText()
    width = text_width(text.string, text.size, text.bold)
    line.setTextOrigin(text.x - SHIFT[text.anchor] * width, -text.y)
    line.setFillColor(colour_of(text.colour))
    for run in runs(seen, text.bold):
        draw_run(line, run, text)
    canvas.drawText(line)
    if seen != string:
        canvas.addLiteral("EMC")
    canvas.restoreState()


def in_one_plane(string: str) -> str:
    """The text without characters past U+FFFF, for which the PDF library writes broken tables.

    Letters such as 𝔼 become E; emoji become a character that no font has: an empty box.
    """
    plain = (normalize("NFKC", part) if ord(part) > 0xFFFF else part for part in string)
    return "".join(part if ord(part[0]) <= 0xFFFF else "\ue000" for part in plain)


def draw_run(line: PDFTextObject, run: Run, text: Text) -> None:
    """Characters of one font; the kerning after a character is its character space."""
    line.setFont(registered(run.font, text.bold), text.size)
    heavy = text.bold and run.font == "cjk"
    if heavy:
        line.setStrokeColor(colour_of(text.colour))
    line.setTextRenderMode(FILL_AND_STROKE if heavy else FILL)
    pairs = zip(run.string, advances(run, text.bold), strict=True)
    for kern, group in groupby(pairs, key=lambda pair: pair[1][1]):
        line.setCharSpace(kern * text.size)
        line.textOut("".join(character for character, _ in group))


def up(point: Point) -> Point:
    """The point on the page, where y grows upwards from the figure's top."""
    return (point[0], -point[1])


def colour_of(name: str) -> Color | None:
    """The colour of a name or a #rrggbb, None for none."""
    from reportlab.lib.colors import toColor

    return None if name in ("none", "transparent") else toColor(name)


@lru_cache(maxsize=8)
def registered(font: Font, bold: bool) -> str:
    """The name under which the PDF library knows one of our fonts."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    name = FONT_FILES[font, bold].stem
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, str(FONT_FILES[font, bold])))
    return name
