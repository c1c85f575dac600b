"""Which figure fits a slide: the most detailed one whose smallest text can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from framework.draw.diagram import Diagram, Unit
from framework.draw.figure import Content, FigureBuilder
from framework.draw.layout import Options, lay_out_diagram, smallest_text
from framework.draw.scene import Scene
from framework.draw.style import Style
from framework.draw.words import sizes_text
from framework.errors import InputError
from framework.ir.graph import Graph

READABLE = 14.0
"""Least size of text on a slide, in points."""

LEGIBLE = 10.0
"""Below this a figure is refused unless forced."""

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
    for trial, options, words in candidates(graph, content, wish):
        found = made(graph, trial, options, style, wish, words)
        if found is None:
            continue
        if best is None or found.text > best.text + 0.01:
            best = found
        if found.text >= READABLE:
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
    return best


def candidates(
    graph: Graph, content: Content, wish: Wish
) -> Iterator[tuple[Content, Options, str]]:
    """Ways to draw the graph that agree with the wish, from detailed to coarse."""
    for lean in [wish.lean] if wish.lean is not None else [False, True]:
        yield from plain_candidates(graph, content, wish, lean)


def plain_candidates(
    graph: Graph, content: Content, wish: Wish, lean: bool
) -> Iterator[tuple[Content, Options, str]]:
    """The candidates with or without the facts of operators."""
    small = len(graph) <= 60
    levels = [wish.level] if wish.level is not None else [1, 0] if small else [0]
    panels: list[tuple[str, ...] | None] = [None]
    if wish.focus is None and wish.with_panels is not False:
        if wish.panels is not None:
            panels = [wish.panels]
        elif wish.with_panels or wish.level is None:
            panels = [()] if wish.with_panels else [(), None]
    directions = [wish.direction] if wish.direction is not None else ["TB", "LR"]
    wraps = [wish.wrap] if wish.wrap is not None else [1, 2, 3, 4]
    for shown in panels:
        for level in levels if shown is None else [wish.level if wish.level is not None else 0]:
            for direction in directions if shown is None else [wish.direction or "TB"]:
                for wrap in wraps if direction == "TB" else [1]:
                    trial = replace(content, level=level, panels=shown, focus=wish.focus)
                    options = Options(direction, wish.shapes, wish.legend, wrap, lean)
                    words = described(level, shown, direction, wrap)
                    yield trial, options, f"{words} --lean" if lean else words


def described(level: int, panels: tuple[str, ...] | None, direction: str, wrap: int) -> str:
    """The choice as options of the command line."""
    words = [f"--level {level}"]
    if panels is not None:
        words.append(f"--panels {','.join(panels)}".rstrip())
    words.append(f"--direction {direction}")
    if wrap > 1:
        words.append(f"--wrap {wrap}")
    return " ".join(words)


def made(
    graph: Graph, content: Content, options: Options, style: Style, wish: Wish, words: str
) -> Choice | None:
    """One candidate; None where it has nothing to show beside the overview, or too much."""
    diagram = FigureBuilder(graph, content).build()
    if content.panels == () and len(diagram.panels) == 1 and not wish.with_panels:
        return None
    if sum(len(panel.units) for panel in diagram.panels) > MOST_UNITS:
        return None
    lines = {unit.id: further_lines(unit, wish.show) for unit in diagram.units()}
    scene = lay_out_diagram(diagram, style, replace(options, lines=lines))
    return Choice(scene, diagram, smallest_text(scene), words)


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
