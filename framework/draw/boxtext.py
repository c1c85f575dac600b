"""The words in a box: its lines, centred, and the pill that counts its copies."""

from __future__ import annotations

from framework.draw.measure import BADGE_GAP, LINE_GAP, Measured, badge_width
from framework.draw.metrics import text_width
from framework.draw.scene import Shape, Text
from framework.draw.style import Style

Badge = tuple[Shape, Text]


def box_lines(size: Measured, shape: Shape, style: Style) -> tuple[tuple[Text, ...], Badge | None]:
    """The lines of text in a box, centred, and its badge beside the first."""
    x, middle = shape.centre
    total = sum(line.size for line in size.lines) + LINE_GAP * (len(size.lines) - 1)
    y = middle - total / 2
    texts: list[Text] = []
    badge = None
    for number, line in enumerate(size.lines):
        colour = style.text if number == 0 else style.subtle
        at = x
        if number == 0 and size.badge is not None:
            at = x - (badge_width(size.badge, style) + BADGE_GAP) / 2
            left = at + text_width(line.string, style.name_size, True) / 2 + BADGE_GAP
            badge = pill(size.badge, left, y + line.size / 2, style)
        texts.append(Text(at, y + line.size * 0.8, line.string, line.size, colour, line.bold))
        y += line.size + LINE_GAP
    return tuple(texts), badge


def pill(text: str, left: float, middle: float, style: Style) -> Badge:
    """The pill with the number of copies."""
    size, fill = style.shape_size, style.badge
    width, height = badge_width(text, style), size + 7
    shape = Shape(left, middle - height / 2, width, height, fill, fill, "pill", 0.0)
    words = Text(left + width / 2, middle + size * 0.36, text, size, style.badge_text, True)
    return shape, words
