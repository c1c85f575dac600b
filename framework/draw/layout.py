"""Diagram -> Scene: panels side by side, a title above, a legend below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from framework.draw.arms import find_arms
from framework.draw.boxtext import box_lines
from framework.draw.diagram import Diagram, Link
from framework.draw.labels import group_title
from framework.draw.legend import MARGIN, lay_out_legend
from framework.draw.measure import WIDEST
from framework.draw.metrics import shortened, text_width
from framework.draw.panellayout import PanelOptions, PanelPlacer
from framework.draw.placed import PanelLayout, Placed, Route
from framework.draw.scene import Box, Curve, Frame, Scene, Shape, Text
from framework.draw.style import Look, Style
from framework.draw.wrap import wrapped
from framework.draw.zoom import zoom

HEAD = 28.0
PANEL_GAP = 26.0
PANEL_PAD = 12.0
LONGEST = 480.0
"""Width of a figure's title and of its subtitle."""

SLIDE = (960.0, 540.0)
"""A slide of 13.33 × 7.5 inches in points."""


@dataclass(frozen=True)
class Options:
    """How a figure is drawn.

    ``wrap`` is the number of columns, which may be of very different heights if ``uneven``.
    """

    look: PanelOptions = field(default_factory=PanelOptions)
    legend: bool = True
    wrap: int = 1
    uneven: bool = True


def lay_out_panels(diagram: Diagram, style: Style, options: Options) -> list[PanelLayout]:
    """Every panel in one column; whether they are wrapped later makes no difference."""
    placers = [PanelPlacer(panel, style, options.look) for panel in diagram.panels]
    return [placer.place() for placer in placers]


def assembled(
    diagram: Diagram, style: Style, options: Options, layouts: Sequence[PanelLayout]
) -> Scene:
    """The whole figure of panels that are laid out; the overview is wrapped if so wished."""
    first, *others = layouts
    u = options.look.arms and find_arms(first.panel) is not None
    if options.wrap > 1 and options.look.direction == "TB" and not u:
        first = wrapped(first, options.wrap, style, options.uneven)
    return Assembly(diagram, style, options, [first, *others]).scene()


class Assembly:
    """Puts laid-out panels together and gives every part its look."""

    def __init__(
        self, diagram: Diagram, style: Style, options: Options, layouts: Sequence[PanelLayout]
    ) -> None:
        self.diagram = diagram
        self.style = style
        self.options = options
        self.layouts = layouts
        self.boxes: dict[str, Box] = {}
        self.curves: list[Curve] = []
        self.frames: list[Frame] = []

    def scene(self) -> Scene:
        """All parts in one coordinate system."""
        x, top = MARGIN, MARGIN
        bottom = top
        for number, layout in enumerate(self.layouts):
            width, height = self.panel(layout, x, top, number)
            bottom = max(bottom, top + height)
            x += width + PANEL_GAP
        width = x - PANEL_GAP + MARGIN
        titles = figure_titles(self.diagram, self.style)
        width = max(width, *(t.x + text_width(t.string, t.size, t.bold) + MARGIN for t in titles))
        words = self.diagram.categories if self.options.legend else []
        legend, legend_height = lay_out_legend(words, self.style, width, bottom + 10)
        self.zooms()
        height = bottom + MARGIN + legend_height
        return Scene(
            width,
            height,
            self.style.background,
            self.diagram.title,
            tuple(self.frames),
            tuple(self.curves),
            tuple(self.boxes.values()),
            titles,
            legend,
            self.diagram.doc,
            self.diagram.notes,
            1 + max((box.step for box in self.boxes.values()), default=0),
        )

    # ------------------------------------------------------------------ panels

    def panel(self, layout: PanelLayout, x: float, y: float, number: int) -> tuple[float, float]:
        """Place one panel with its corner at (x, y); its width and height."""
        left, top, right, bottom = layout.extent(self.style)
        framed = number > 0
        pad = PANEL_PAD if framed else 0.0
        head = HEAD - 4 if framed else HEAD
        title = self.panel_title(layout)
        least = text_width(title, self.style.name_size, True) + 2 * pad if framed else 0.0
        if not framed and len(self.layouts) > 1:
            # The title stands above the overview; beside it the panels begin.
            least = (
                max(
                    t.x + text_width(t.string, t.size, t.bold)
                    for t in figure_titles(self.diagram, self.style)
                )
                - x
            )
        width = max(right - left + 2 * pad, least)
        height = bottom - top + 2 * pad + head
        spare = max(0.0, (least - (right - left + 2 * pad)) / 2) if framed else 0.0
        dx = x + pad - left + spare
        dy = y + pad + head - top
        if framed:
            self.panel_frame(layout, x, y, width, height)
        for group, (gx, gy, gw, gh) in layout.frames.items():
            self.group_frame(layout, group, gx + dx, gy + dy, gw, gh)
        for name, placed in layout.boxes.items():
            self.boxes[self.box_id(layout, name)] = self.box(layout, name, placed, dx, dy)
        for route in layout.routes:
            self.curves.append(self.curve(layout, route, dx, dy))
        return width, height

    def panel_title(self, layout: PanelLayout) -> str:
        """A panel's title, shortened if need be."""
        return shortened(layout.panel.title, self.style.name_size, WIDEST, True)

    def box_id(self, layout: PanelLayout, unit: str) -> str:
        """Unique over all panels."""
        return f"{layout.panel.id}/{unit}"

    def panel_frame(
        self, layout: PanelLayout, x: float, y: float, width: float, height: float
    ) -> None:
        """The frame of a panel that shows the inside of a box."""
        look = self.style.attention_frame if layout.panel.attention else self.style.frame
        words, size = self.panel_title(layout), self.style.name_size
        title = Text(x + 14, y + 22, words, size, self.style.text, True, "start")
        shape = framed(look, x, y, width, height)
        self.frames.append(Frame(layout.panel.id, shape, title))

    def group_frame(
        self, layout: PanelLayout, group: str, x: float, y: float, width: float, height: float
    ) -> None:
        """The frame of a block that is drawn open."""
        found = layout.panel.groups[group]
        look = self.style.attention_frame if found.attention else self.style.frame
        at_x, at_y = layout.titles[group]
        moved = (at_x + x - layout.frames[group][0], at_y + y - layout.frames[group][1])
        label = group_title(found, self.style)
        title = Text(*moved, label, self.style.name_size, self.style.text, True, "start")
        shape = replace(framed(look, x, y, width, height), double=found.count > 1)
        parent = found.parent if found.parent else None
        outer = layout.panel.id if layout is not self.layouts[0] else None
        self.frames.append(
            Frame(
                self.box_id(layout, group),
                shape,
                title,
                self.box_id(layout, parent) if parent else outer,
            )
        )

    def box(self, layout: PanelLayout, name: str, placed: Placed, dx: float, dy: float) -> Box:
        """One unit at its final place."""
        unit, group = placed.size.unit, placed.size.unit.group
        shape = shape_of(placed, self.style, dx, dy)
        panel = layout.panel.id if layout is not self.layouts[0] else None
        lines, badge = box_lines(placed.size, shape, self.style)
        return Box(
            self.box_id(layout, name),
            shape,
            lines,
            unit.title,
            unit.category,
            unit.doc,
            badge,
            self.box_id(layout, group) if group else panel,
            0,
            unit.details,
        )

    # ------------------------------------------------------------------ curves

    def curve(self, layout: PanelLayout, route: Route, dx: float, dy: float) -> Curve:
        """One arrow at its final place."""
        link = route.link
        colour, stroke = look_of(link, self.style)
        label = None
        if route.label:
            x, y = route.label_at
            size = self.style.shape_size
            label = Text(x + dx, y + dy, route.label, size, self.style.subtle, False, "start")
        return Curve(
            self.box_id(layout, link.source),
            self.box_id(layout, link.target),
            tuple((x + dx, y + dy) for x, y in route.points),
            (route.tip[0] + dx, route.tip[1] + dy),
            colour,
            stroke,
            link.kind,
            link.kind == "skip",
            label,
            *route.sides,
        )

    def zooms(self) -> None:
        """Dashed lines from a box to the panel that shows its inside."""
        frames = {frame.id: frame for frame in self.frames}
        for layout in self.layouts[1:]:
            origin = layout.panel.origin
            if origin is None or origin not in self.boxes:
                continue
            box, frame = self.boxes[origin], frames[layout.panel.id]
            obstacles = [b.shape for b in self.boxes.values() if b is not box]
            outer = [f for f in self.frames if f.parent is None and f.id != box.panel]
            obstacles += [f.shape for f in outer if f is not frame]
            labels = [curve.label for curve in self.curves if curve.label is not None]
            points = zoom(box.shape, frame.shape, obstacles, labels)
            if points is not None:
                colour, stroke = self.style.zoom, self.style.zoom_stroke
                ends = (origin, layout.panel.id)
                found = Curve(*ends, points, None, colour, stroke, "zoom", True)
                self.curves.append(replace(found, source_side="right", target_side="left"))


def figure_titles(diagram: Diagram, style: Style) -> tuple[Text, ...]:
    """Title and subtitle, top left."""
    y = MARGIN + style.title_size * 0.8
    title = shortened(diagram.title, style.title_size, LONGEST, True)
    found = [Text(MARGIN, y, title, style.title_size, style.text, True, "start")]
    if diagram.subtitle:
        x = MARGIN + text_width(title, style.title_size, True) + 16
        size = style.shape_size
        words = shortened(diagram.subtitle, size, LONGEST)
        found.append(Text(x, y, words, size, style.subtle, False, "start"))
    return tuple(found)


def look_of(link: Link, style: Style) -> tuple[str, float]:
    """Colour and stroke of a kind of arrow."""
    if link.accent:
        return style.residual, style.residual_stroke
    return {
        "flow": (style.line, style.flow_stroke),
        "residual": (style.residual, style.residual_stroke),
        "skip": (style.skip, style.skip_stroke),
    }[link.kind]


def shape_of(placed: Placed, style: Style, dx: float, dy: float) -> Shape:
    """The shape of a unit at its final place."""
    size, look = placed.size, style.look(placed.size.unit.category)
    kind: Literal["circle", "box"] = "circle" if size.is_circle else "box"
    at = (placed.left + dx, placed.top + dy)
    shape = Shape(*at, size.width, size.height, look.fill, look.border, kind, look.stroke)
    return replace(shape, radius=style.radius, double=size.unit.count > 1, dashed=look.dashed)


def framed(look: Look, x: float, y: float, width: float, height: float) -> Shape:
    """The rectangle of a frame."""
    return Shape(x, y, width, height, look.fill, look.border, "box", look.stroke, 10.0)


def fitted_scale(scene: Scene, slide: tuple[float, float] = SLIDE) -> float:
    """How much a scene is enlarged to fill a slide."""
    return min(slide[0] / scene.width, slide[1] / scene.height)


def smallest_text(scene: Scene) -> float:
    """Size of the smallest text on a slide, in points, after fitting."""
    sizes = [text.size for text in texts_of(scene)]
    return min(sizes, default=18.0) * fitted_scale(scene)


def texts_of(scene: Scene) -> list[Text]:
    """Every text of a scene."""
    found = [*scene.texts, *(text for _, text in scene.legend)]
    found += [text for box in scene.boxes for text in box.lines]
    found += [frame.title for frame in scene.frames if frame.title is not None]
    return found + [curve.label for curve in scene.curves if curve.label is not None]
