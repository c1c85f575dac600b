"""Candidates for a figure of one graph: diagram, layout, scene; what they share is made once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from framework.draw.arms import find_arms
from framework.draw.diagram import Diagram, Unit
from framework.draw.figure import INSIDE, Content, FigureBuilder
from framework.draw.fold import Repeats
from framework.draw.layout import SLIDE, Options, assembled, lay_out_panels, smallest_text
from framework.draw.placed import PanelLayout
from framework.draw.scene import Scene
from framework.draw.style import Style
from framework.draw.words import sizes_text
from framework.ir.graph import Graph

LARGE = 16.0
"""Text of this size needs not be larger: room is better spent otherwise."""

AIR = (14.0, 9.0, 5.0)
"""What ranks may stand further apart where the slide has room, the best first."""

MOST_AIRED = 100
"""Boxes of a figure that is laid out again for the sake of air."""

MOST_UNITS = 4000
"""More boxes than a figure can show; folding is the way out."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for; None leaves the choice to us."""

    level: int | None = None
    panels: tuple[str, ...] | None = None
    with_panels: bool | None = None
    direction: str | None = None
    wrap: int | None = None
    focus: str | None = None
    show: tuple[str, ...] = ()
    shapes: bool = True
    legend: bool = True
    lean: bool | None = None
    force: bool = False


@dataclass(frozen=True)
class Choice:
    """A figure, how it was made, and the size of its smallest text on a slide."""

    scene: Scene
    diagram: Diagram
    text: float
    words: str


class Maker:
    """Makes candidates for one graph; what they share is made once."""

    def __init__(self, graph: Graph, style: Style, wish: Wish) -> None:
        self.graph = graph
        self.style = style
        self.wish = wish
        self.repeats = Repeats.of(graph)
        self.choices: dict[tuple[object, ...], Choice] = {}
        self.layouts: dict[tuple[object, ...], list[PanelLayout]] = {}
        self.diagrams: dict[tuple[object, ...], Diagram] = {}

    def diagram(self, content: Content) -> Diagram:
        """What a candidate shows."""
        key = self.key(content)
        if key not in self.diagrams:
            self.diagrams[key] = FigureBuilder(self.graph, content, self.repeats).build()
        return self.diagrams[key]

    def choice(self, content: Content, options: Options) -> Choice | None:
        """One candidate; None where it has nothing to show beside the overview, or too much."""
        diagram = self.diagram(content)
        if content.panels == () and len(diagram.panels) == 1 and not self.wish.with_panels:
            return None
        if self.size(content) > MOST_UNITS:
            return None
        key = (self.look_key(content, options), options.wrap, options.wrap > 1 and options.uneven)
        if key not in self.choices:
            scene = assembled(diagram, self.style, options, self.panels(content, options))
            words = described(content, options, diagram)
            self.choices[key] = Choice(scene, diagram, smallest_text(scene), words)
        return self.choices[key]

    def look_key(self, content: Content, options: Options) -> tuple[object, ...]:
        """What distinguishes the layouts of candidates before they are wrapped."""
        look = options.look
        return (*self.key(content), look.direction, look.shapes, look.lean, look.arms, look.air)

    def panels(self, content: Content, options: Options) -> list[PanelLayout]:
        """The panels of a candidate, laid out in one column."""
        key = self.look_key(content, options)
        if key not in self.layouts:
            diagram = self.diagram(content)
            lines = {unit.id: further_lines(unit, self.wish.show) for unit in diagram.units()}
            options = replace(options, look=replace(options.look, lines=lines))
            self.layouts[key] = lay_out_panels(diagram, self.style, options)
        return self.layouts[key]

    def is_wide(self, content: Content, options: Options) -> bool:
        """Is the figure wider than a slide in one column already?"""
        found = self.choice(content, replace(options, wrap=1))
        slide = SLIDE[0] / SLIDE[1]
        return found is not None and found.scene.width / found.scene.height > slide

    def has_arms(self, content: Content) -> bool:
        """Is the overview drawn as the U of a U-Net?"""
        return find_arms(self.diagram(content).panels[0]) is not None

    def size(self, content: Content) -> int:
        """Number of boxes of a candidate."""
        return sum(len(panel.units) for panel in self.diagram(content).panels)

    def key(self, content: Content) -> tuple[object, ...]:
        """What distinguishes the contents of candidates."""
        return (content.level, content.panels, content.most, content.focus)

    def with_air(self, best: Choice, content: Content, options: Options) -> Choice:
        """The same figure with more room between its ranks if its text stays as large."""
        look = options.look
        if look.direction == "TB" and len(best.scene.boxes) <= MOST_AIRED:
            for air in AIR:
                airy = replace(options, look=replace(look, air=air))
                found = self.choice(content, airy)
                if found is not None and found.text >= min(best.text, LARGE) - 0.01:
                    return found
        return best


def described(content: Content, options: Options, diagram: Diagram) -> str:
    """The choice as options of the command line."""
    words = [f"--level {content.level}"]
    if content.panels is not None:
        paths = [panel.id.removeprefix(INSIDE) for panel in diagram.panels[1:]]
        words.append(f"--panels {','.join(paths)}" if paths else "--no-panels")
    words.append(f"--direction {options.look.direction}")
    if options.wrap > 1:
        words.append(f"--wrap {options.wrap}")
    return " ".join([*words, "--lean"] if options.look.lean else words)


def further_lines(unit: Unit, show: tuple[str, ...]) -> tuple[str, ...]:
    """Lines that the user asked for in every box."""
    found = []
    if "params" in show and unit.parameters:
        found.append(f"{unit.parameters:,} parameters")
    if "macs" in show and unit.macs not in ("", "0"):
        found.append(f"{unit.macs} MACs")
    if "shape" in show and unit.type is not None and not unit.shows_type:
        found.append(sizes_text(unit.type.shape))
    return tuple(found)
