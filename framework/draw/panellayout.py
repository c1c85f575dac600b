"""One panel laid out: the engine places the boxes, arrows, lanes and words are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from framework.draw.arms import find_arms
from framework.draw.arrows import FlowRouter
from framework.draw.aside import clashing, find_asides, stand_aside
from framework.draw.diagram import Link, Panel
from framework.draw.dotlayout import LANE, LayoutDot, Spacing
from framework.draw.engine import Layout, lay_out
from framework.draw.labels import (
    LABEL_GAP,
    TITLE_INDENT,
    Labeller,
    group_title,
    place_titles,
    title_areas,
    wanted_labels,
)
from framework.draw.lanes import LANE_START, LaneRouter, by_length
from framework.draw.measure import measured
from framework.draw.metrics import text_width
from framework.draw.placed import PanelLayout, Placed, Route
from framework.draw.route import lanes, line, trimmed
from framework.draw.style import Style

LABELLED_RANKS = Spacing(24.0, 16.0)
PLAIN_RANKS = Spacing(24.0, 15.0)
ROW_RANKS = Spacing(24.0, 26.0)
U_RANKS = Spacing(60.0, 30.0)
MOST_TRIES = 3
WIDER = 60.0
"""What a frame whose title is crossed gains with each try."""


@dataclass(frozen=True)
class PanelOptions:
    """How panels are laid out.

    ``arms`` draws the U of a U-Net, which takes more room than a column; ``lean`` leaves out the
    facts of operators; ``air`` are points that ranks stand further apart; ``lines`` are further
    lines in boxes by unit (parameters, MACs).
    """

    direction: str = "TB"
    shapes: bool = True
    lean: bool = False
    arms: bool = True
    air: float = 0.0
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class PanelPlacer:
    """Lays out one panel, of which it takes a copy."""

    def __init__(self, panel: Panel, style: Style, look: PanelOptions) -> None:
        self.panel = panel.copy()
        self.style = style
        self.direction = look.direction
        self.air = look.air
        self.arms = find_arms(panel) if look.arms and look.direction == "TB" else None
        column = look.direction == "TB" and self.arms is None
        self.aside = find_asides(self.panel) if column else {}
        self.labels: dict[tuple[str, str], str] = {}
        self.wider: dict[str, float] = {}
        """Frames that need more width than their titles alone."""
        if self.arms is None:
            self.without_skips()
        if look.shapes:
            self.with_shapes(column)
        self.sizes = {
            name: measured(unit, style, look.lines.get(name, ()), look.lean)
            for name, unit in self.panel.units.items()
        }
        if self.arms is not None:
            self.same_width([unit for pair in self.arms.level for unit in pair])

    def without_skips(self) -> None:
        """Skips are only special between the arms of a U."""
        for link in self.panel.links:
            if link.kind == "skip":
                link.kind = "flow"

    def with_shapes(self, column: bool) -> None:
        """Shapes stand beside the arrows of a column, elsewhere in the boxes."""
        for name, unit in self.panel.units.items():
            if unit.kind == "box" and (not column or name in self.aside):
                unit.shows_type = True
        if column:
            self.labels = wanted_labels(self.panel)

    def same_width(self, units: list[str]) -> None:
        """Both arms of a U are as wide as their widest box."""
        widest = max(self.sizes[unit].width for unit in units)
        for unit in units:
            self.sizes[unit] = replace(self.sizes[unit], width=widest)

    def place(self) -> PanelLayout:
        """The panel with everything at its place."""
        out = self.titled()
        labeller = Labeller(out, self.style, self.labels)
        out.routes = [labeller.labelled(route) for route in out.routes]
        router_of_lanes = LaneRouter(out, self.style)
        residuals = [link for link in self.panel.links if link.kind == "residual"]
        out.routes += [router_of_lanes.route(link) for link in by_length(residuals, out.boxes)]
        for link in self.panel.links:
            if link.kind == "skip":
                ends = out.boxes[link.source], out.boxes[link.target]
                out.routes.append(skip_route(link, *ends))
        return out

    def titled(self) -> PanelLayout:
        """Boxes, frames with their titles, and the arrows of the flow, which keep clear of them.

        Where an arrow crosses a title wherever that stands, the arrow goes another way, or the
        frame becomes wider.
        """
        for _ in range(MOST_TRIES):
            out, router = self.flow()
            crossed = place_titles(out, self.style)
            if crossed:
                router.avoid(title_areas(out, self.style))
                out.routes = [router.route(route.link) for route in out.routes]
                crossed = place_titles(out, self.style)
            if not crossed:
                break
            for group in crossed:
                self.wider[group] = self.wider.get(group, 0.0) + WIDER
        return out

    def flow(self) -> tuple[PanelLayout, FlowRouter]:
        """Boxes, frames and the arrows of the flow."""
        while True:
            out, found, dot = self.placed()
            bad = clashing(out, self.aside)
            router = FlowRouter(out, found, dot)
            if not bad:
                flow = [link for link in self.panel.links if link.kind == "flow"]
                out.routes = [router.route(link) for link in flow]
                bad = self.aside.keys() & router.stumbled
            if not bad:
                return out, router
            self.aside = {name: user for name, user in self.aside.items() if name not in bad}

    def placed(self) -> tuple[PanelLayout, Layout, LayoutDot]:
        """Boxes and frames where the engine puts them, and those that stand beside others."""
        dot = LayoutDot(self.panel, self.sizes, self.room(), self.direction, self.spacing())
        dot.aside = self.aside
        if self.arms is not None:
            dot.level, dot.lifted = list(self.arms.level), set(self.arms.lifted)
        found = lay_out(dot.text())
        out = PanelLayout(self.panel, self.direction, frames=dict(found.clusters))
        for unit, name in dot.names.items():
            if unit not in self.aside:
                x, y = found.nodes[name]
                out.boxes[unit] = Placed(self.sizes[unit], x, y)
        stand_aside(out, self.aside, self.sizes)
        out.boxes = {unit: out.boxes[unit] for unit in self.panel.units}
        return out, found, dot

    def spacing(self) -> Spacing:
        """Gaps: more where arrows carry labels."""
        if self.arms is not None:
            return U_RANKS
        if self.direction == "LR":
            return ROW_RANKS
        tight = LABELLED_RANKS if self.labels else PLAIN_RANKS
        return Spacing(tight.across, tight.along + self.air)

    # ------------------------------------------------------------------ room

    def room(self) -> dict[str, float]:
        """Extra width on both sides of units: for lanes in their frame, and for labels."""
        reach = {unit: size.width / 2 for unit, size in self.sizes.items()}
        for (source, _), text in self.labels.items():
            label = text_width(text, self.style.shape_size) + LABEL_GAP
            reach[source] = max(reach[source], label)
        counts = self.lane_counts()
        widest: dict[str | None, float] = {}
        for name, unit in self.panel.units.items():
            widest[unit.group] = max(widest.get(unit.group, 0.0), reach[name])
        room: dict[str, float] = {}
        for name, unit in self.panel.units.items():
            side = self.sizes[name].height if self.direction == "LR" else self.sizes[name].width
            count = counts.get(unit.group, 0)
            lane = LANE_START + LANE * (count - 1) + 10 if count else 0.0
            if self.direction == "LR":
                room[name] = lane
            else:
                room[name] = (widest[unit.group] if count else reach[name]) + lane - side / 2
        for group in self.panel.groups.values():
            width = text_width(group_title(group, self.style), self.style.name_size, True)
            # As much again right of the arrow that enters in the middle.
            extra = self.wider.get(group.id, 0.0)
            room[f"title:{group.id}"] = 2 * (width + TITLE_INDENT + 8) + extra
        return room

    def lane_counts(self) -> dict[str | None, int]:
        """How many lanes run side by side in each frame, by the order of the units."""
        order = {unit: float(i) for i, unit in enumerate(self.panel.units)}
        residuals = [link for link in self.panel.links if link.kind == "residual"]
        spans = {
            (link.source, link.target): (order[link.source], order[link.target])
            for link in residuals
        }
        counts: dict[str | None, int] = {}
        for (_, target), lane in lanes(spans).items():
            group = self.panel.units[target].group
            counts[group] = max(lane + 1, counts.get(group, 0))
        return counts


def skip_route(link: Link, source: Placed, target: Placed) -> Route:
    """A long skip: level where both ends stand side by side."""
    start, end = (source.right + 1, source.y), (target.left - 1, target.y)
    base, tip = trimmed(line(start, end))
    return Route(link, base, tip, sides=("right", "left"))
