"""The legend: a swatch for each look present, with the categories that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framework.draw.metrics import text_width
from framework.draw.scene import Shape, Text
from framework.draw.style import Look, Style

MARGIN = 10.0
SWATCH = (18.0, 12.0)
WORD_GAP = 6.0
NEXT = 13.0

Legend = tuple[tuple[Shape, Text], ...]


def lay_out_legend(
    categories: Sequence[str], style: Style, width: float, y: float
) -> tuple[Legend, float]:
    """Swatches at the bottom left in as many rows as the width demands, and their height."""
    size = style.shape_size
    found: list[tuple[Shape, Text]] = []
    x, top = MARGIN, y
    for word, category in grouped(categories, style):
        look = style.look(category)
        step = SWATCH[0] + WORD_GAP + text_width(word, size) + NEXT
        if x > MARGIN and x + step > width - MARGIN:
            x, y = MARGIN, y + size + 8
        swatch = Shape(x, y, *SWATCH, look.fill, look.border, "box", look.stroke, 3.0)
        swatch = replace(swatch, dashed=look.dashed)
        at = (x + SWATCH[0] + WORD_GAP, y + SWATCH[1] - 1.5)
        found.append((swatch, Text(*at, word, size, style.subtle, False, "start")))
        x += step
    return tuple(found), (y - top + size + 12) if found else 0.0


def grouped(categories: Sequence[str], style: Style) -> list[tuple[str, str]]:
    """Categories that look alike as one word, with one of them."""
    alike: dict[Look, list[str]] = {}
    for category in categories:
        alike.setdefault(style.look(category), []).append(category)
    return [(" / ".join(names), names[0]) for names in alike.values()]
