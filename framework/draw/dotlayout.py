"""A panel as DOT for the layout engine: nodes of fixed size, no text, nothing to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from framework.draw.diagram import Group, Link, Panel, Unit
from framework.draw.measure import Measured

INCH = 72.0
LANE = 22.0
"""Width of one lane for residuals, in points."""

TITLE_ROOM = 26.0
"""Height of a frame's title."""


@dataclass(frozen=True)
class Spacing:
    """Gaps in points: between neighbours in a rank, and between ranks."""

    across: float
    along: float


def quoted(name: str) -> str:
    """A DOT identifier."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class LayoutDot:
    """Writes the DOT of one panel.

    ``names`` are short names for the engine; ``room`` is extra width that a unit needs on both
    sides, for lanes and labels; ``lifted`` links are drawn upwards (the right arm of a U).
    """

    def __init__(
        self,
        panel: Panel,
        sizes: Mapping[str, Measured],
        room: Mapping[str, float],
        direction: str,
        spacing: Spacing,
    ) -> None:
        self.panel = panel
        self.sizes = sizes
        self.room = room
        self.direction = direction
        self.spacing = spacing
        self.names = {unit: f"n{i}" for i, unit in enumerate(panel.units)}
        self.spine = spine(panel)
        self.level: list[tuple[str, str]] = []
        self.lifted: set[tuple[str, str]] = set()
        self.aside: Mapping[str, str] = {}
        """Units that the engine does not place."""

    def text(self) -> str:
        """The whole graph."""
        lines = [
            "digraph {",
            f"rankdir={self.direction}; newrank=true; splines=spline;",
            f"nodesep={self.spacing.across / INCH:.3f}; ranksep={self.spacing.along / INCH:.3f};",
            'node [shape=box, fixedsize=true, label=""]; edge [dir=none];',
            *self.inside(None),
            *(self.rank(*pair) for pair in self.level),
            *(self.row(units) for units in self.panel.rows),
            *(self.edge(link) for link in self.panel.links if self.is_seen(link)),
            "}",
        ]
        return "\n".join(lines)

    def is_seen(self, link: Link) -> bool:
        """Does the engine know of an arrow?"""
        return link.kind == "flow" and link.source not in self.aside

    @cached_property
    def units_in(self) -> dict[str | None, list[str]]:
        """The units that lie directly in each frame."""
        found: dict[str | None, list[str]] = {}
        for unit in self.panel.units:
            if unit not in self.aside:
                found.setdefault(self.group_of(unit), []).append(unit)
        return found

    @cached_property
    def groups_in(self) -> dict[str | None, list[Group]]:
        """The frames that lie directly in each frame."""
        found: dict[str | None, list[Group]] = {}
        for group in self.panel.groups.values():
            found.setdefault(group.parent, []).append(group)
        return found

    def inside(self, group: str | None) -> list[str]:
        """Units and frames that lie directly in a frame (None: in none)."""
        lines = [self.node(unit) for unit in self.units_in.get(group, ())]
        for inner in self.groups_in.get(group, ()):
            width = max(40.0, self.title_width(inner.id))
            table = (
                f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" '
                f'HEIGHT="{TITLE_ROOM:.0f}"><TR><TD></TD></TR></TABLE>>'
            )
            lines.append(f"subgraph {quoted('cluster_' + inner.id)} {{")
            lines.append(f"margin=12; label={table};")
            lines += self.inside(inner.id)
            lines.append("}")
        return lines

    def title_width(self, group: str) -> float:
        """Room for a frame's title; set by the caller through ``room``."""
        return self.room.get(f"title:{group}", 0.0)

    def group_of(self, unit: str) -> str | None:
        """The frame that a unit lies in."""
        return self.panel.units[unit].group

    def node(self, unit: str) -> str:
        """One node with its size and the room around it."""
        size = self.sizes[unit]
        width, height = size.width, size.height
        room = 2 * self.room.get(unit, 0.0)
        if self.direction == "TB":
            width += room
        else:
            height += room
        column = f", group={quoted(self.group_of(unit) or 'main')}" if unit in self.spine else ""
        return f"{self.names[unit]} [width={width / INCH:.4f}, height={height / INCH:.4f}{column}];"

    def rank(self, left: str, right: str) -> str:
        """Two units side by side, the first on the left."""
        one, other = self.names[left], self.names[right]
        return f"{{rank=same; {one} -> {other} [style=invis, minlen=3]}}"

    def row(self, units: tuple[str, ...]) -> str:
        """Units side by side in this order."""
        chain = " -> ".join(self.names[unit] for unit in units)
        return f"{{rank=same; {chain} [style=invis]}}"

    def edge(self, link: Link) -> str:
        """One arrow of the flow; lifted ones point upwards."""
        source, target = self.names[link.source], self.names[link.target]
        if (link.source, link.target) in self.lifted:
            return f"{target} -> {source} [weight=20];"
        main = link.source in self.spine and link.target in self.spine
        return f"{source} -> {target} [weight={20 if main else 2}];"


def depths(panel: Panel) -> dict[str, int]:
    """Length of the longest way to each unit."""
    depth = dict.fromkeys(panel.units, 0)
    for unit in panel.units:
        depth[unit] = 1 + max((depth[link.source] for link in panel.into(unit)), default=0)
    return depth


def is_worked(unit: Unit) -> bool:
    """Is the unit computed from something, rather than given or stored?"""
    return unit.kind not in ("input", "port") and unit.category not in ("constant", "position")


def spine(panel: Panel) -> set[str]:
    """The main column: from the last unit back along the deepest source of each."""
    order = {unit: i for i, unit in enumerate(panel.units)}
    depth = depths(panel)

    def rank(name: str) -> tuple[bool, int, int]:
        return (is_worked(panel.units[name]), depth[name], order[name])

    found: set[str] = set()
    unit = max(depth, key=lambda name: depth[name], default=None)
    while unit is not None and unit not in found:
        found.add(unit)
        flow = [link.source for link in panel.into(unit) if link.kind == "flow"]
        unit = max(flow, key=rank, default=None)
    return found
