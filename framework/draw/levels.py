"""The figures behind an interactive page: the overview, its layers, and the inside of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from framework.draw.attention import is_attention
from framework.draw.details import details
from framework.draw.diagram import Diagram
from framework.draw.figure import Content, FigureBuilder
from framework.draw.layout import Options
from framework.draw.maker import Maker, Wish
from framework.draw.scene import Scene
from framework.draw.style import Style
from framework.ir.graph import Graph

MOST_UNITS = 400
"""Boxes of a level that a page may still carry."""

MOST_LEVELS = 40

Level = tuple[str, Scene]


def page_levels(graph: Graph, content: Content, style: Style, first: Scene) -> list[Level]:
    """Names and scenes; boxes that can be opened name the level that shows their inside."""
    levels: list[Level] = [("Slide", first)]
    opened: dict[str, str] = {}
    wanted = [("Blocks", replace(content, level=0, panels=None))]
    wanted += [("Layers", replace(content, level=1, panels=None))]
    wanted += [("Operators", replace(content, level=2, panels=None))]
    wanted += list(insides(graph, content))
    maker = Maker(graph, style, Wish(force=True))
    for name, trial in wanted[:MOST_LEVELS]:
        found = maker.choice(trial, Options())
        if found is None or size(found.diagram) > MOST_UNITS:
            continue
        levels.append((name, details(found.scene, found.diagram, graph, graph)))
        if trial.focus is not None:
            opened[trial.focus] = name
    return [(name, with_doors(scene, opened)) for name, scene in levels]


def insides(graph: Graph, content: Content) -> Iterator[tuple[str, Content]]:
    """A level for the inside of every block and attention, equal copies once."""
    builder = FigureBuilder(graph, content)
    seen: set[str] = set()
    paths = [*graph.scopes, *(node.name for node in graph if is_attention(node))]
    for path in paths:
        canonical = builder.repeats.canonical(path)
        if canonical in seen:
            continue
        seen.add(canonical)
        yield canonical, replace(content, level=0, panels=None, focus=canonical)


def size(diagram: Diagram) -> int:
    """Number of boxes."""
    return sum(len(panel.units) for panel in diagram.panels)


def with_doors(scene: Scene, opened: dict[str, str]) -> Scene:
    """The scene whose boxes know the level of their inside."""
    boxes = []
    for box in scene.boxes:
        level = opened.get(str(box.details.get("name", "")))
        more = {**box.details, "opens": level} if level is not None else box.details
        boxes.append(replace(box, details=more))
    return replace(scene, boxes=tuple(boxes))
