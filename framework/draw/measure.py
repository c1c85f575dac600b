"""How large a unit's box is, and where its lines of text stand in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from framework.draw.diagram import Unit
from framework.draw.metrics import shortened, text_width
from framework.draw.style import Style
from framework.draw.words import sizes_text

PADDING = 13.0
MARGIN = 5.0
NARROWEST = 60.0
WIDEST = 300.0
CIRCLE = 25.0
LINE_GAP = 3.0
BADGE_GAP = 8.0


@dataclass(frozen=True)
class Line:
    """One line of text in a box."""

    string: str
    size: float
    bold: bool


@dataclass(frozen=True)
class Measured:
    """A unit with its size in points; ``badge`` is the text of its pill, such as ×12."""

    unit: Unit
    width: float
    height: float
    lines: tuple[Line, ...] = field(default=())
    badge: str | None = None

    @property
    def is_circle(self) -> bool:
        """Is it drawn as a circle?"""
        return self.unit.kind in ("add", "port")


def measured(unit: Unit, style: Style, extra: tuple[str, ...] = (), lean: bool = False) -> Measured:
    """The size of a unit; ``extra`` lines stand below its name and facts.

    ``lean`` leaves out the facts of single operators.
    """
    if unit.kind in ("add", "port"):
        size = style.name_size + 2
        side = max(CIRCLE, text_width(unit.title, size) + 12)
        return Measured(unit, side, side, (Line(unit.title, size, False),))
    shape = (sizes_text(unit.type.shape),) if unit.shows_type and unit.type is not None else ()
    facts = "" if lean and len(unit.nodes) == 1 else unit.subtitle
    small = [text for text in (facts, *shape, *extra) if text]
    texts = [Line(shortened(unit.title, style.name_size, WIDEST, True), style.name_size, True)]
    texts += [Line(shortened(t, style.shape_size, WIDEST), style.shape_size, False) for t in small]
    badge = f"×{unit.count}" if unit.count > 1 else None
    widths = [text_width(line.string, line.size, line.bold) for line in texts]
    if badge is not None:
        widths[0] += BADGE_GAP + badge_width(badge, style)
    width = max(NARROWEST, max(widths) + 2 * PADDING)
    height = sum(line.size for line in texts) + LINE_GAP * (len(texts) - 1) + 2 * MARGIN
    return Measured(unit, round(width, 1), round(height, 1), tuple(texts), badge)


def badge_width(badge: str, style: Style) -> float:
    """Width of the pill around a badge."""
    return text_width(badge, style.shape_size, True) + 12
