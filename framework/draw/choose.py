"""Which figure fits a slide: the most detailed one whose smallest text can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from framework.draw.figure import Content
from framework.draw.layout import Options
from framework.draw.maker import MOST_UNITS, Choice, Maker, Wish
from framework.draw.panellayout import PanelOptions
from framework.draw.style import Style
from framework.errors import InputError
from framework.ir.graph import Graph

__all__ = ["LEGIBLE", "READABLE", "Choice", "Wish", "choose"]

READABLE = 14.0
"""Least size of text on a slide, in points."""

LEGIBLE = 10.0
"""Below this a figure is refused unless forced."""

UGLY = 1.15
"""What wrapping into very unequal columns must gain in size of text."""

MANY = 120
"""Boxes beyond which no slide is readable, however they are laid out: one way is tried."""


def choose(graph: Graph, content: Content, wish: Wish, style: Style) -> Choice:
    """The figure that fits best; raises `InputError` for one that nobody could read.

    Where the wish leaves nothing open there is one candidate.  Otherwise the first candidate,
    from detailed to coarse, whose smallest text has 14 points on a slide; if there is none,
    the one with the largest text.
    """
    maker = Maker(graph, style, wish)
    found = largest(maker, content, wish)
    if found is None:
        raise InputError(
            f"the figure would have more than {MOST_UNITS:,} boxes\n"
            "  hint: --level 0 closes blocks, repeat: folds copies, --focus shows one block"
        )
    best, trial, options = found
    if best.text < LEGIBLE and not wish.force:
        raise InputError(
            f"the smallest text would have {best.text:.1f} points on a slide\n"
            f"  hint: {advice(best, trial)}; --force draws it all the same"
        )
    return maker.with_air(best, trial, options)


def largest(maker: Maker, content: Content, wish: Wish) -> tuple[Choice, Content, Options] | None:
    """The first candidate that is readable, else that with the largest text."""
    best: tuple[Choice, Content, Options] | None = None
    for trial, options in candidates(maker.graph, content, wish):
        legible = best is not None and best[0].text >= LEGIBLE
        if not options.look.arms and (legible or not maker.has_arms(trial)):
            continue
        if is_hopeless(maker, trial, options, wish, None if best is None else best[2]):
            continue
        found = maker.choice(trial, options)
        if found is None:
            continue
        # Columns of very different heights are ugly: only for much larger text.
        gain = UGLY if options.uneven and wish.wrap is None else 1.001
        if best is None or found.text > gain * best[0].text:
            best = (found, trial, options)
        if best[0].text >= READABLE:
            break
    return best


def is_hopeless(
    maker: Maker, trial: Content, options: Options, wish: Wish, best: Options | None
) -> bool:
    """Is a candidate not worth its layout: columns of a wide figure, another try of a huge one?"""
    if options.wrap > 1 and wish.wrap is None and maker.is_wide(trial, options):
        return True
    return best is not None and options.look != best.look and maker.size(trial) > MANY


def candidates(graph: Graph, content: Content, wish: Wish) -> Iterator[tuple[Content, Options]]:
    """Ways to draw the graph that agree with the wish, from detailed to coarse.

    The last are without the U of a U-Net, for one that nobody could read.
    """
    leans = [wish.lean] if wish.lean is not None else [False, True]
    unevens = [True] if wish.wrap is not None else [False, True]
    for arms, uneven, lean in product((True, False), unevens, leans):
        for trial, options in plain_candidates(graph, content, wish, lean):
            if not uneven or options.wrap > 1 or wish.wrap is not None:
                look = replace(options.look, arms=arms)
                yield trial, replace(options, look=look, uneven=uneven)


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
                    yield (
                        trial,
                        Options(PanelOptions(direction, wish.shapes, lean), wish.legend, wrap),
                    )


def wished_panels(wish: Wish) -> list[tuple[tuple[str, ...] | None, int]]:
    """Panels to try, and how many may be chosen unasked; None for the overview alone."""
    if wish.focus is not None or wish.with_panels is False:
        return [(None, 0)]
    if wish.panels is not None:
        return [(wish.panels, len(wish.panels))]
    if wish.with_panels:
        return [((), 2), ((), 1)]
    return [((), 2), ((), 1), (None, 0)] if wish.level is None else [(None, 0)]


def advice(choice: Choice, content: Content) -> str:
    """What to fold."""
    counts = {panel.title: len(panel.units) for panel in choice.diagram.panels}
    largest = max(counts, key=lambda title: counts[title])
    is_open = content.level > 1 or any(panel.groups for panel in choice.diagram.panels)
    fold = "fold it (--level 0), put" if is_open else "put"
    return (
        f"'{largest}' has {counts[largest]} boxes: {fold} parts in blocks, "
        "or show one block with --focus"
    )
