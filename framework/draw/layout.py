"""Diagram -> Scene: panels side by side, a title above, a legend below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from framework.draw.arms import find_arms
from framework.draw.diagram import Diagram, Link
from framework.draw.labels import group_title
from framework.draw.measure import BADGE_GAP, LINE_GAP, Measured, badge_width
from framework.draw.metrics import text_width
from framework.draw.panellayout import PanelOptions, PanelPlacer
from framework.draw.placed import PanelLayout, Placed, Route, grown_by, text_area
from framework.draw.route import Rectangle, crosses, line, polyline
from framework.draw.scene import Box, Curve, Frame, Point, Scene, Shape, Text
from framework.draw.style import Look, Style
from framework.draw.wrap import wrapped

MARGIN = 10.0
HEAD = 28.0
PANEL_GAP = 26.0
PANEL_PAD = 12.0
SWATCH = (18.0, 12.0)
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
    if options.wrap > 1 and options.look.direction == "TB" and find_arms(first.panel) is None:
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
        titles = self.titles()
        width = max(width, *(t.x + text_width(t.string, t.size, t.bold) + MARGIN for t in titles))
        legend, legend_height = self.legend(width, bottom + 10)
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

    def titles(self) -> tuple[Text, ...]:
        """Title and subtitle, top left."""
        y = MARGIN + self.style.title_size * 0.8
        title = self.diagram.title
        found = [Text(MARGIN, y, title, self.style.title_size, self.style.text, True, "start")]
        if self.diagram.subtitle:
            x = MARGIN + text_width(title, self.style.title_size, True) + 16
            size = self.style.shape_size
            found.append(Text(x, y, self.diagram.subtitle, size, self.style.subtle, False, "start"))
        return tuple(found)

    # ------------------------------------------------------------------ panels

    def panel(self, layout: PanelLayout, x: float, y: float, number: int) -> tuple[float, float]:
        """Place one panel with its corner at (x, y); its width and height."""
        left, top, right, bottom = layout.extent(self.style)
        framed = number > 0
        pad = PANEL_PAD if framed else 0.0
        head = HEAD - 4 if framed else HEAD
        title = layout.panel.title
        least = text_width(title, self.style.name_size, True) + 2 * pad if framed else 0.0
        if not framed and len(self.layouts) > 1:
            # The title stands above the overview; beside it the panels begin.
            least = max(t.x + text_width(t.string, t.size, t.bold) for t in self.titles()) - x
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

    def box_id(self, layout: PanelLayout, unit: str) -> str:
        """Unique over all panels."""
        return f"{layout.panel.id}/{unit}"

    def panel_frame(
        self, layout: PanelLayout, x: float, y: float, width: float, height: float
    ) -> None:
        """The frame of a panel that shows the inside of a box."""
        look = self.style.attention_frame if layout.panel.attention else self.style.frame
        title = Text(
            x + 14, y + 22, layout.panel.title, self.style.name_size, self.style.text, True, "start"
        )
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
        label = group_title(found)
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
        unit = placed.size.unit
        look = self.style.look(unit.category)
        circle = placed.size.is_circle
        shape = Shape(
            placed.left + dx,
            placed.top + dy,
            placed.size.width,
            placed.size.height,
            look.fill,
            look.border,
            "circle" if circle else "box",
            look.stroke,
            self.style.radius,
            unit.count > 1,
            look.dashed,
        )
        group = unit.group
        panel = layout.panel.id if layout is not self.layouts[0] else None
        lines, badge = self.lines(placed.size, shape)
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

    def lines(
        self, size: Measured, shape: Shape
    ) -> tuple[tuple[Text, ...], tuple[Shape, Text] | None]:
        """The lines of text in a box, centred, and its badge beside the first."""
        x, middle = shape.centre
        total = sum(line.size for line in size.lines) + LINE_GAP * (len(size.lines) - 1)
        y = middle - total / 2
        texts: list[Text] = []
        badge = None
        for number, line_ in enumerate(size.lines):
            colour = self.style.text if number == 0 else self.style.subtle
            at = x
            if number == 0 and size.badge is not None:
                wide = badge_width(size.badge, self.style) + BADGE_GAP
                at = x - wide / 2
                badge = self.badge(size.badge, at, line_.string, y + line_.size / 2)
            baseline = y + line_.size * 0.8
            texts.append(Text(at, baseline, line_.string, line_.size, colour, line_.bold))
            y += line_.size + LINE_GAP
        return tuple(texts), badge

    def badge(self, text: str, centre: float, title: str, middle: float) -> tuple[Shape, Text]:
        """The pill with the number of copies."""
        size = self.style.shape_size
        left = centre + text_width(title, self.style.name_size, True) / 2 + BADGE_GAP
        width, height = badge_width(text, self.style), size + 7
        fill = self.style.badge
        shape = Shape(left, middle - height / 2, width, height, fill, fill, "pill", 0.0)
        x, y = left + width / 2, middle + size * 0.36
        return shape, Text(x, y, text, size, self.style.badge_text, True)

    # ------------------------------------------------------------------ curves

    def curve(self, layout: PanelLayout, route: Route, dx: float, dy: float) -> Curve:
        """One arrow at its final place."""
        link = route.link
        colour, stroke = self.look_of(link)
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
            route.sides[0],  # type: ignore[arg-type]
            route.sides[1],  # type: ignore[arg-type]
        )

    def look_of(self, link: Link) -> tuple[str, float]:
        """Colour and stroke of a kind of arrow."""
        style = self.style
        if link.accent:
            return style.residual, style.residual_stroke
        return {
            "flow": (style.line, style.flow_stroke),
            "residual": (style.residual, style.residual_stroke),
            "skip": (style.skip, style.skip_stroke),
        }[link.kind]

    def zooms(self) -> None:
        """Dashed lines from a box to the panel that shows its inside."""
        frames = {frame.id: frame for frame in self.frames}
        for layout in self.layouts[1:]:
            origin = layout.panel.origin
            if origin is None or origin not in self.boxes:
                continue
            points = self.zoom(origin, frames[layout.panel.id].shape)
            if points is not None:
                colour, stroke = self.style.zoom, self.style.zoom_stroke
                ends = (origin, layout.panel.id)
                found = Curve(*ends, points, None, colour, stroke, "zoom", True)
                self.curves.append(replace(found, source_side="right", target_side="left"))

    def zoom(self, origin: str, frame: Shape) -> tuple[Point, ...] | None:
        """A way from a box to a frame on its right past all boxes and words, if there is one."""
        box = self.boxes[origin].shape
        start: Point = (box.x + box.width + (4 if box.double else 1), box.centre[1])
        blocked = [grown_by(area_of(b.shape), 3.0) for n, b in self.boxes.items() if n != origin]
        home = self.boxes[origin].panel
        others = [f for f in self.frames if f.shape is not frame and f.id != home]
        blocked += [grown_by(area_of(f.shape), 3.0) for f in others if f.parent is None]
        for text in (curve.label for curve in self.curves):
            if text is not None:
                blocked.append(text_area(text.string, (text.x, text.y), text.size))
        low, high = frame.y + 20, frame.y + frame.height - 12
        levels = [y for y in range(round(low), round(high), 4)]
        for y in sorted(levels, key=lambda y: abs(y - start[1])):
            if abs(y - start[1]) < 4 and not any_crossed([start, (frame.x, start[1])], blocked):
                return line(start, (frame.x, start[1]))
            for x in range(round(start[0]) + 8, round(frame.x) - 4, 8):
                corners = [start, (x, start[1]), (x, y), (frame.x, y)]
                if not any_crossed(corners, blocked):
                    return polyline(corners, 8.0)
        return None

    # ------------------------------------------------------------------ legend

    def legend(self, width: float, y: float) -> tuple[tuple[tuple[Shape, Text], ...], float]:
        """Swatches of the categories present, bottom left, and their height."""
        if not self.options.legend:
            return (), 0.0
        size = self.style.shape_size
        found: list[tuple[Shape, Text]] = []
        x = MARGIN
        seen: set[tuple[str, str]] = set()
        for category in self.diagram.categories:
            look = self.style.look(category)
            key = (look.fill, look.border)
            word = " / ".join(c for c in self.diagram.categories if same_look(self.style, c, look))
            step = SWATCH[0] + 6 + text_width(word, size) + 13
            if key in seen:
                continue
            seen.add(key)
            if x > MARGIN and x + step > width - MARGIN:
                x, y = MARGIN, y + size + 8
            swatch = Shape(x, y, *SWATCH, look.fill, look.border, "box", look.stroke, 3.0)
            found.append((swatch, self.legend_word(x, y, word)))
            x += step
        first = found[0][0].y if found else y
        return tuple(found), (y - first + size + 12) if found else 0.0

    def legend_word(self, x: float, y: float, word: str) -> Text:
        """The word beside a swatch."""
        size = self.style.shape_size
        baseline = y + SWATCH[1] - 1.5
        return Text(x + SWATCH[0] + 6, baseline, word, size, self.style.subtle, False, "start")


def same_look(style: Style, category: str, look: Look) -> bool:
    """Do boxes of this category look alike?"""
    other = style.look(category)
    return (other.fill, other.border) == (look.fill, look.border)


def area_of(shape: Shape) -> Rectangle:
    """Left, top, right, bottom of a shape."""
    return (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)


def any_crossed(corners: Sequence[Point], areas: Sequence[Rectangle]) -> bool:
    """Does a line with these corners meet any of the areas?"""
    return any(crosses(a, b, area) for a, b in pairwise(corners) for area in areas)


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
