"""What a figure shows, before anything is laid out: panels of boxes and links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from framework.errors import Place
from framework.ir.types import TensorType

UnitKind = Literal["box", "add", "port", "input", "output"]
LinkKind = Literal["flow", "residual", "skip"]


@dataclass
class Unit:
    """One box: an operator, a closed block, an input, an addition, or a port of a panel.

    ``count`` is the number of equal copies that it stands for; ``nodes`` are the graph's nodes
    in it (of one copy), ``type`` that of its result.
    """

    id: str
    title: str
    category: str
    kind: UnitKind = "box"
    subtitle: str = ""
    count: int = 1
    type: TensorType | None = None
    group: str | None = None
    nodes: tuple[str, ...] = ()
    path: str | None = None
    parameters: int = 0
    macs: str = ""
    doc: str = ""
    place: Place | None = None
    shows_type: bool = False
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Link:
    """An arrow between two units; ``type`` is that of the value that flows.

    ``accent`` marks the flow through a residual's projection.
    """

    source: str
    target: str
    type: TensorType | None
    kind: LinkKind = "flow"
    accent: bool = False


@dataclass(frozen=True)
class Group:
    """A block that is drawn open: a frame with a title around its units."""

    id: str
    title: str
    parent: str | None = None
    count: int = 1
    attention: bool = False


@dataclass
class Panel:
    """A part of the figure with its own layout; ``origin`` is the unit whose inside it shows."""

    id: str
    title: str
    units: dict[str, Unit] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    origin: str | None = None
    attention: bool = False
    rows: list[tuple[str, ...]] = field(default_factory=list)
    """Units that stand side by side."""
    pairs: set[tuple[str, str]] = field(default_factory=set, repr=False)
    ends: dict[str, list[Link]] = field(default_factory=dict, repr=False)
    """The arrows by the unit that they end at; kept by `link`."""

    def link(self, source: str, target: str, type_: TensorType | None) -> None:
        """Add an arrow, once for each pair."""
        if source != target and (source, target) not in self.pairs:
            self.pairs.add((source, target))
            self.append(Link(source, target, type_))

    def append(self, link: Link) -> None:
        """Add an arrow."""
        self.links.append(link)
        self.ends.setdefault(link.target, []).append(link)

    def into(self, unit: str) -> list[Link]:
        """The arrows that end at a unit."""
        return self.ends.get(unit, [])

    def copy(self) -> Panel:
        """The same panel with units and arrows of its own, which may be changed."""
        links = [replace(link) for link in self.links]
        units = {name: replace(unit) for name, unit in self.units.items()}
        found = replace(self, units=units, links=[], ends={})
        for link in links:
            found.append(link)
        return found


@dataclass
class Diagram:
    """A whole figure: an overview, and the panels that show the inside of its boxes."""

    title: str
    subtitle: str
    panels: list[Panel]
    doc: str = ""
    notes: str = ""

    def units(self) -> Iterator[Unit]:
        """All boxes."""
        for panel in self.panels:
            yield from panel.units.values()

    @property
    def categories(self) -> list[str]:
        """Categories of the boxes present, each once, in order."""
        seen = (unit.category for unit in self.units() if unit.kind == "box")
        return list(dict.fromkeys(seen))
