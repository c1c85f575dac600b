"""Which figure fits a slide: the most detailed one whose smallest text can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from framework.draw.diagram import Diagram, Unit
from framework.draw.figure import INSIDE, Content, FigureBuilder
from framework.draw.fold import Repeats
from framework.draw.layout import SLIDE, Options, lay_out_diagram, smallest_text
from framework.draw.scene import Scene
from framework.draw.style import Style
from framework.draw.words import sizes_text
from framework.errors import InputError
from framework.ir.graph import Graph

READABLE = 14.0
"""Least size of text on a slide, in points."""

LEGIBLE = 10.0
"""Below this a figure is refused unless forced."""

LARGE = 16.0
"""Text of this size needs not be larger: room is better spent otherwise."""

UGLY = 1.15
"""What wrapping into very unequal columns must gain in size of text."""

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


def choose(graph: Graph, content: Content, wish: Wish, style: Style) -> Choice:
    """The figure that fits best; raises `InputError` for one that nobody could read.

    Where the wish leaves nothing open there is one candidate.  Otherwise the first candidate,
    from detailed to coarse, whose smallest text has 14 points on a slide; if there is none,
    the one with the largest text.
    """
    best: Choice | None = None
    chosen = (content, Options())
    maker = Maker(graph, style, wish)
    for trial, options in candidates(graph, content, wish):
        if options.wrap > 1 and wish.wrap is None and maker.is_wide(trial, options.lean):
            continue
        found = maker.choice(trial, options)
        if found is None:
            continue
        # Columns of very different heights are ugly: only for much larger text.
        gain = UGLY if options.uneven and wish.wrap is None else 1.001
        if best is None or found.text > gain * best.text:
            best, chosen = found, (trial, options)
        if best.text >= READABLE:
            break
    if best is None:
        raise InputError(
            f"the figure would have more than {MOST_UNITS:,} boxes\n"
            "  hint: --level 0 closes blocks, repeat: folds copies, --focus shows one block"
        )
    if best.text < LEGIBLE and not wish.force:
        raise InputError(
            f"the smallest text would have {best.text:.1f} points on a slide\n"
            f"  hint: {advice(best)}; --force draws it all the same"
        )
    return maker.with_air(best, *chosen)


def candidates(graph: Graph, content: Content, wish: Wish) -> Iterator[tuple[Content, Options]]:
    """Ways to draw the graph that agree with the wish, from detailed to coarse."""
    leans = [wish.lean] if wish.lean is not None else [False, True]
    for uneven in [True] if wish.wrap is not None else [False, True]:
        for lean in leans:
            for trial, options in plain_candidates(graph, content, wish, lean):
                if not uneven or options.wrap > 1 or wish.wrap is not None:
                    yield trial, replace(options, uneven=uneven)


def plain_candidates(
    graph: Graph, content: Content, wish: Wish, lean: bool
) -> Iterator[tuple[Content, Options]]:
    """The candidates with or without the facts of operators."""
    small = len(graph) <= 60
    levels = [wish.level] if wish.level is not None else [1, 0] if small else [0]
    directions = [wish.direction] if wish.direction is not None else ["TB", "LR"]
    wraps = [wish.wrap] if wish.wrap is not None else [1, 2, 3, 4]
    for shown, most in wished_panels(wish):
        beside = shown is not None
        for level in [wish.level if wish.level is not None else 0] if beside else levels:
            trial = replace(content, level=level, panels=shown, most=most, focus=wish.focus)
            for direction in directions[:1] if beside else directions:
                for wrap in wraps if direction == "TB" else [1]:
                    yield trial, Options(direction, wish.shapes, wish.legend, wrap, lean=lean)


def wished_panels(wish: Wish) -> list[tuple[tuple[str, ...] | None, int]]:
    """Panels to try, and how many may be chosen unasked; None for the overview alone."""
    if wish.focus is not None or wish.with_panels is False:
        return [(None, 0)]
    if wish.panels is not None:
        return [(wish.panels, len(wish.panels))]
    if wish.with_panels:
        return [((), 2), ((), 1)]
    return [((), 2), ((), 1), (None, 0)] if wish.level is None else [(None, 0)]


class Maker:
    """Makes candidates for one graph; what they share is made once."""

    def __init__(self, graph: Graph, style: Style, wish: Wish) -> None:
        self.graph = graph
        self.style = style
        self.wish = wish
        self.repeats = Repeats.of(graph)
        self.wide: set[tuple[object, ...]] = set()
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
        if sum(len(panel.units) for panel in diagram.panels) > MOST_UNITS:
            return None
        lines = {unit.id: further_lines(unit, self.wish.show) for unit in diagram.units()}
        scene = lay_out_diagram(diagram, self.style, replace(options, lines=lines))
        if options.wrap == 1 and scene.width / scene.height > SLIDE[0] / SLIDE[1]:
            self.wide.add((*self.key(content), options.lean))
        return Choice(scene, diagram, smallest_text(scene), described(content, options, diagram))

    def is_wide(self, content: Content, lean: bool) -> bool:
        """Is the figure wider than a slide in one column already?"""
        return (*self.key(content), lean) in self.wide

    def key(self, content: Content) -> tuple[object, ...]:
        """What distinguishes the contents of candidates."""
        return (content.level, content.panels, content.most, content.focus)

    def with_air(self, best: Choice, content: Content, options: Options) -> Choice:
        """The same figure with more room between its ranks if its text stays as large."""
        if options.direction == "TB" and len(best.scene.boxes) <= MOST_AIRED:
            for air in AIR:
                found = self.choice(content, replace(options, air=air))
                if found is not None and found.text >= min(best.text, LARGE) - 0.01:
                    return found
        return best


def described(content: Content, options: Options, diagram: Diagram) -> str:
    """The choice as options of the command line."""
    words = [f"--level {content.level}"]
    if content.panels is not None:
        paths = [panel.id.removeprefix(INSIDE) for panel in diagram.panels[1:]]
        words.append(f"--panels {','.join(paths)}" if paths else "--no-panels")
    words.append(f"--direction {options.direction}")
    if options.wrap > 1:
        words.append(f"--wrap {options.wrap}")
    return " ".join([*words, "--lean"] if options.lean else words)


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


def advice(choice: Choice) -> str:
    """What to fold."""
    counts = {panel.title: len(panel.units) for panel in choice.diagram.panels}
    largest = max(counts, key=lambda title: counts[title])
    return (
        f"'{largest}' has {counts[largest]} boxes: fold it (--level 0), put parts in blocks, "
        "or show one block with --focus"
    )
