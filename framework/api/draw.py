"""Figures of models: the file's own wishes, the user's, and what fits a slide."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from framework.draw.choose import READABLE, Choice, Wish, choose
from framework.draw.details import details, model_facts
from framework.draw.figure import Content, FigureBuilder
from framework.draw.formats import Painting, check_suffix, paint
from framework.draw.hints import Hints, read_hints
from framework.draw.levels import Level
from framework.draw.steps import with_steps
from framework.draw.style import load_style
from framework.errors import InputError, Problem, RunError, SpecError, did_you_mean
from framework.ir.graph import Graph
from framework.limits import FIGURE_NODES
from framework.passes.infer import retype
from framework.runtime.files import write_atomically
from framework.source import ListNode, MapNode, Scalar
from framework.spec.document import Document

WISHES = (
    "level", "panels", "direction", "wrap", "focus", "show", "shapes", "legend", "lean", "force",
)  # fmt: skip

"""Nodes of a graph that can still be drawn."""


def drawn(
    graph: Graph,
    document: Document | None,
    *,
    style: str | os.PathLike[str] = "default",
    sizes: Mapping[str, int] | None = None,
    title: str | None = None,
    wish: Wish | None = None,
) -> Choice:
    """The figure of a graph; with ``sizes`` its shapes are numbers.

    Raises `InputError` for a figure that nobody could read, `SpecError` for a bad style.
    """
    if len(graph) >= FIGURE_NODES:
        raise InputError(
            f"a graph of {len(graph):,} nodes cannot be drawn whole\n"
            "  hint: put repeated parts in blocks with repeat:, which fold, or use --focus"
        )
    shown = graph if sizes is None else retype(graph, sizes)
    hints = read_hints(document.draw if document is not None else None)
    asked = combined(wish if wish is not None else Wish(), hints)
    content = content_of(hints, title)
    check_paths(shown, content, asked, document)
    found = choose(shown, content, asked, load_style(os.fspath(style)))
    scene = details(found.scene, found.diagram, shown, graph)
    return replace(found, scene=with_steps(scene, found.diagram))


def check_paths(graph: Graph, content: Content, asked: Wish, document: Document | None) -> None:
    """Raise `SpecError` where the file's own ``draw:`` names a block that does not exist."""
    section = document.draw if document is not None else None
    if not isinstance(section, MapNode) or (asked.panels is None and asked.focus is None):
        return
    focus, panels = section.get("focus"), section.get("panels")
    named = [focus] if isinstance(focus, Scalar) else []
    listed = panels if isinstance(panels, ListNode) else ()
    named += [item for item in listed if isinstance(item, Scalar)]
    builder = FigureBuilder(graph, content)
    for node in named:
        if node.raw not in (asked.focus, *(asked.panels or ())):
            continue
        try:
            builder.find(node.raw)
        except InputError as error:
            fact, _, hint = str(error).partition("\n  hint: ")
            raise SpecError([Problem("unknown-reference", fact, node.place, hint)]) from error


def content_of(hints: Hints, title: str | None = None) -> Content:
    """Words and colours of a figure: the user's title, else what the file says."""
    return Content(
        title=title if title is not None else hints.title,
        subtitle=hints.subtitle,
        titles=hints.titles,
        colours=hints.colours,
    )


def combined(wish: Wish, hints: Hints) -> Wish:
    """The user's wish, and the file's where the user says nothing."""
    asked = wish.panels is not None or wish.with_panels is not None or wish.focus is not None
    asked = asked or wish.level is not None
    return replace(
        wish,
        level=hints.level if wish.level is None and not asked else wish.level,
        panels=hints.panels if wish.panels is None and not asked else wish.panels,
        direction=hints.direction if wish.direction is None else wish.direction,
        wrap=hints.wrap if wish.wrap is None and not asked else wish.wrap,
        focus=hints.focus if wish.focus is None and not asked else wish.focus,
        shapes=wish.shapes and hints.shapes is not False,
        lean=hints.lean if wish.lean is None else wish.lean,
    )


def check_target(path: str | os.PathLike[str]) -> Path:
    """The file to write; raises `InputError` where its format or its folder does not exist."""
    file = Path(path)
    check_suffix(file.suffix)
    if not file.parent.is_dir():
        raise InputError(f"there is no folder '{file.parent}' for '{file.name}'")
    return file


def write_figure(
    choice: Choice, path: str | os.PathLike[str], *, text: str = "live", build: bool = False,
    graph: Graph | None = None, levels: Sequence[Level] = (),
) -> Path:  # fmt: skip
    """Write a figure in the format of its suffix; the file appears whole or not at all."""
    file = check_target(path)
    painting = Painting(
        text="outline" if text == "outline" else "live",
        build=build,
        levels=tuple(levels),
        facts=model_facts(graph) if graph is not None else {},
    )
    content = paint(choice.scene, file.suffix, painting)

    def write(out: BinaryIO) -> None:
        out.write(content)

    try:
        write_atomically(file, write)
    except OSError as error:
        raise RunError(f"'{file}' cannot be written: {error.strerror}") from error
    return file


def remark(choice: Choice) -> str | None:
    """What to say about a figure whose text is small on a slide; None when it is fine."""
    if choice.text >= READABLE:
        return None
    largest = max(choice.diagram.panels, key=lambda panel: len(panel.units))
    return (
        f"the smallest text has {choice.text:.1f} points on a slide, {READABLE:.0f} are readable; "
        f"fold '{largest.title}' ({len(largest.units)} boxes) or show part of it with --focus"
    )


def check_number(name: str, value: object, low: int, high: int) -> None:
    """Raise `InputError` for a level or a number of columns that means nothing."""
    if value is not None and not (type(value) is int and low <= value <= high):
        raise InputError(f"{name} is a whole number from {low} to {high}, not {value!r}")


def wish_of(given: Mapping[str, Any]) -> Wish:
    """Keywords of `Model.draw` as a wish; raises `InputError` for values that mean nothing."""
    options = dict(given)
    strange = [name for name in options if name not in WISHES]
    if strange:
        hint = did_you_mean(strange[0], WISHES) or f"options: {', '.join(WISHES)}"
        raise InputError(f"draw has no option '{strange[0]}'\n  hint: {hint}")
    panels = options.pop("panels", None)
    direction = options.pop("direction", None)
    if direction == "auto":
        direction = None
    if direction not in (None, "TB", "LR"):
        raise InputError(f"direction is TB, LR or auto, not {direction!r}")
    show = tuple(options.pop("show", ()))
    unknown = [word for word in show if word not in ("params", "macs", "shape")]
    if unknown:
        raise InputError(f"show takes params, macs and shape, not {unknown[0]!r}")
    check_number("level", options.get("level"), 0, 2)
    check_number("wrap", options.get("wrap"), 1, 9)
    if panels and options.get("focus") is not None:
        raise InputError(
            "focus draws the inside of one block alone, panels stand beside the whole model\n"
            "  hint: give one of them"
        )
    listed = tuple(panels) if isinstance(panels, list | tuple) else None
    return Wish(
        panels=listed if listed else None,
        with_panels=None if panels is None else bool(panels),
        direction=direction,
        show=show,
        **options,
    )
