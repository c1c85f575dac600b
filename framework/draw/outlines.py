"""Text as the outlines of its glyphs, for places that have none of our fonts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from framework.draw.bidi import visual
from framework.draw.metrics import FONT_FILES, SHIFT, Font, Run, advances, clean, runs, text_width
from framework.draw.parts import rounded
from framework.draw.scene import Text

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

__all__ = ["text_paths"]


def text_paths(text: Text) -> list[tuple[Font, str]]:
    """The path data of every run of a text, with the font that it came from."""
    x = text.x - SHIFT[text.anchor] * text_width(text.string, text.size, text.bold)
    out = []
    for run in runs(visual(clean(text.string)), text.bold):
        places = [(width + kern) * text.size for width, kern in advances(run, text.bold)]
        out.append((run.font, run_path(run, text, x, places)))
        x += sum(places)
    return [(font, path) for font, path in out if path]


def run_path(run: Run, text: Text, x: float, places: list[float]) -> str:
    """The outlines of a run that starts at ``x``; in fonts y grows upwards."""
    from fontTools.pens.svgPathPen import SVGPathPen
    from fontTools.pens.transformPen import TransformPen

    font = opened(run.font, text.bold)
    names, glyphs = font.getBestCmap(), font.getGlyphSet()
    scale = text.size / font["head"].unitsPerEm
    pen = SVGPathPen(glyphs, ntos=rounded)
    for character, place in zip(run.string, places, strict=True):
        glyph = glyphs[names.get(ord(character), ".notdef")]
        glyph.draw(TransformPen(pen, (scale, 0, 0, -scale, x, text.y)))
        x += place
    return str(pen.getCommands())


@lru_cache(maxsize=8)
def opened(font: Font, bold: bool) -> TTFont:
    """A font file, opened once."""
    from fontTools.ttLib import TTFont

    return TTFont(FONT_FILES[font, bold], lazy=True)
