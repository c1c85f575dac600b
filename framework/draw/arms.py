"""The U of a U-Net: an arm that goes down, an arm that goes up, level skips between them."""

from __future__ import annotations

from dataclasses import dataclass

from framework.draw.diagram import Link, Panel

FEWEST = 2
"""Nested skips that make a U."""


@dataclass(frozen=True)
class Arms:
    """``level`` are pairs side by side; ``lifted`` the links of the arm that goes up."""

    level: tuple[tuple[str, str], ...]
    lifted: frozenset[tuple[str, str]]


def find_arms(panel: Panel) -> Arms | None:
    """The arms, if the panel's skips are nested in one another and the rest is a chain."""
    skips = [link for link in panel.links if link.kind == "skip"]
    if len(skips) < FEWEST or panel.groups:
        return None
    order = {unit: i for i, unit in enumerate(panel.units)}
    outer_first = sorted(skips, key=lambda link: order[link.source])
    ends = [order[link.target] for link in outer_first]
    if ends != sorted(ends, reverse=True) or len(set(ends)) < len(ends):
        return None
    rising = order[outer_first[-1].target]
    flow = [link for link in panel.links if link.kind == "flow"]
    lifted = {(link.source, link.target) for link in flow if order[link.target] >= rising}
    level = [(link.source, link.target) for link in outer_first]
    return Arms((*level, *ends_beside(panel, order, outer_first[0], flow)), frozenset(lifted))


def ends_beside(
    panel: Panel, order: dict[str, int], outer: Link, flow: list[Link]
) -> list[tuple[str, str]]:
    """The unit before the left arm and the one after the right arm, side by side."""
    before = [link.source for link in flow if link.target == outer.source]
    after = [link.target for link in flow if link.source == outer.target]
    return [(before[0], after[0])] if len(before) == len(after) == 1 else []
