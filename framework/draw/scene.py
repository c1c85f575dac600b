"""What a figure is once it is laid out: boxes, curves and text at fixed places.

Lengths are points (1/72 inch), x to the right, y down, (0, 0) the top left corner of the
figure.  Every painter draws exactly this and decides nothing; so all formats look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Point = tuple[float, float]
Side = Literal["top", "right", "bottom", "left"]


@dataclass(frozen=True)
class Text:
    """One line of text; (x, y) is the start, middle or end of its baseline."""

    x: float
    y: float
    string: str
    size: float
    colour: str
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "middle"


@dataclass(frozen=True)
class Shape:
    """A rectangle with rounded corners, a circle, or a pill; (x, y) is its top left corner.

    ``double`` draws a second outline 3 points outside: several copies stand behind the box.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str
    border: str
    kind: Literal["box", "circle", "pill"] = "box"
    stroke: float = 1.6
    radius: float = 9.0
    double: bool = False
    dashed: bool = False

    @property
    def centre(self) -> Point:
        """The middle of the shape."""
        return (self.x + self.width / 2, self.y + self.height / 2)


@dataclass(frozen=True)
class Box:
    """A node of the diagram: its shape, its lines of text, and a badge such as ×12.

    ``id`` is unique and never shown; ``title`` and ``description`` are for people who cannot
    see the figure; ``details`` are facts for the interactive page (operator, formula, attributes,
    shapes, parameters, place).
    """

    id: str
    shape: Shape
    lines: tuple[Text, ...]
    title: str
    category: str
    description: str = ""
    badge: tuple[Shape, Text] | None = None
    panel: str | None = None
    step: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """An arrow from box to box: cubic Bézier pieces ``start, (control, control, end)…``.

    ``points`` ends where the arrow head begins; ``tip`` is the point of the head, None for a
    line without head.  Kinds: flow; residual (a lane beside the column); skip (long, dashed);
    zoom (from a box to the panel that shows its inside, no head).
    ``source_side`` and ``target_side`` say where it leaves and enters its boxes.
    """

    source: str
    target: str
    points: tuple[Point, ...]
    tip: Point | None
    colour: str
    stroke: float
    kind: Literal["flow", "residual", "skip", "zoom"] = "flow"
    dashed: bool = False
    label: Text | None = None
    source_side: Side = "bottom"
    target_side: Side = "top"
    step: int = 0


@dataclass(frozen=True)
class Frame:
    """A titled group: a panel beside the overview, or a block drawn open; drawn behind boxes.

    ``parent`` is the frame around it, if it is nested.
    """

    id: str
    shape: Shape
    title: Text | None = None
    parent: str | None = None
    step: int = 0


@dataclass(frozen=True)
class Scene:
    """A whole figure.

    ``texts`` are its title and subtitle; ``legend`` pairs of a swatch and its word; ``doc`` is
    the alternative text, ``notes`` what a speaker says about it; ``steps`` the number of steps
    in which it can be built up (every part says at which ``step`` it appears, 0 is first).
    """

    width: float
    height: float
    background: str
    title: str
    frames: tuple[Frame, ...] = ()
    curves: tuple[Curve, ...] = ()
    boxes: tuple[Box, ...] = ()
    texts: tuple[Text, ...] = ()
    legend: tuple[tuple[Shape, Text], ...] = ()
    doc: str = ""
    notes: str = ""
    steps: int = 1

    def box(self, id: str) -> Box:
        """The box with this id."""
        return next(box for box in self.boxes if box.id == id)
