"""The figure as PNG, with the vendored fonts and no others: the same pixels on every machine."""

from __future__ import annotations

from dataclasses import replace

from framework.draw.bidi import visual
from framework.draw.metrics import FONT_FILES, SHIFT, advances, clean, runs, text_width
from framework.draw.parts import fitted
from framework.draw.scene import Scene, Text
from framework.draw.svg import View, document
from framework.draw.svgtext import Faces, live
from framework.errors import InputError
from framework.limits import FIGURE_PIXELS

__all__ = ["paint"]

# One family each: the renderer drops text whose first family it has not loaded.
VENDORED = Faces(
    {"sans": "Liberation Sans", "symbols": "Diagram Symbols", "cjk": "Diagram Han"}, vendored=True
)


def paint(
    scene: Scene, *, width: int = 1920, height: int = 1080, scale: float | None = None
) -> bytes:
    """The figure in the middle of ``width`` × ``height`` pixels.

    With ``scale`` the picture has the figure's own proportions, ``scale`` pixels a point.
    """
    from resvg_py import svg_to_bytes

    if scale is not None:
        width, height = round(scene.width * scale), round(scene.height * scale)
    check(width, height)
    fit = fitted(scene, width, height)
    view = View(
        -fit.left / fit.scale,
        -fit.top / fit.scale,
        width / fit.scale,
        height / fit.scale,
        (str(width), str(height)),
    )
    drawing = document(scene, view, separately, VENDORED.families["sans"])
    files = sorted({str(path) for path in FONT_FILES.values()})
    return bytes(svg_to_bytes(svg_string=drawing, skip_system_fonts=True, font_files=files, dpi=96))


def separately(text: Text) -> str:
    """Each run as a text of its own, where it was measured.

    Inside one text the renderer gives a run to any font that has all its characters, so an
    arrow would come from the letters' font.  Lines with right-to-left letters stay whole: the
    renderer brings them in order.
    """
    string, write = clean(text.string), live(VENDORED)
    if visual(string) != string:
        return write(text)
    x, out = text.x - SHIFT[text.anchor] * text_width(string, text.size, text.bold), []
    for run in runs(string, text.bold):
        out.append(write(replace(text, x=x, anchor="start", string=run.string)))
        x += text.size * sum(map(sum, advances(run, text.bold)))
    return "".join(out)


def check(width: int, height: int) -> None:
    """Refuse a picture without pixels, and one that would fill the memory."""
    if min(width, height) < 1:
        raise InputError(f"a picture of {width} × {height} pixels has none; give at least 1 × 1")
    if width * height > FIGURE_PIXELS:
        raise InputError(
            f"a picture of {width} × {height} pixels is larger than {FIGURE_PIXELS} pixels; "
            "give a smaller size or scale, or write svg or pdf"
        )
