"""What a comparison found, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.ir.dims import Size
from framework.report.tables import cell_text

Pair = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """A node, or ``copies`` of it, that differs: what was and what is, by what it is about."""

    before: str
    after: str
    copies: int
    changes: tuple[tuple[str, str, str], ...]
    follows: bool
    """Does it merely follow from other changes (shapes of what it reads)?"""

    @property
    def name(self) -> str:
        """The new name, with the number of copies."""
        return f"{self.after} ×{self.copies}" if self.copies > 1 else self.after

    def __str__(self) -> str:
        told = ", ".join(map(" ".join, self.facts()))
        return f"{self.name}: {told}"

    def facts(self) -> Iterator[tuple[str, str, str, str]]:
        """The words of each change."""
        for what, old, new in self.changes:
            yield what, old or "nothing", "->", new or "nothing"

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        changes = {what: {"before": old, "after": new} for what, old, new in self.changes}
        names = {"before": self.before, "after": self.after, "copies": self.copies}
        return {**names, "follows": self.follows, "changes": changes}


@dataclass(frozen=True)
class Part:
    """A node or block, or ``copies`` of it, that is only in one model; numbers are one copy's."""

    name: str
    copies: int
    what: str
    nodes: int
    parameters: int
    shape: str

    def __str__(self) -> str:
        inside = f"{self.nodes} nodes, " if self.nodes > 1 else ""
        stored = f", {self.parameters:,} parameters" if self.parameters else ""
        name = f"{self.name} ×{self.copies}" if self.copies > 1 else self.name
        return f"{name}: {inside}{self.what} {self.shape}{stored}"

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return dict(vars(self))


@dataclass(frozen=True)
class Run:
    """A repeated block that differs: copies and parameters before and after."""

    name: str
    block: str
    copies: tuple[int, int]
    parameters: tuple[int, int]

    def __str__(self) -> str:
        one, other = self.copies
        times = f"×{one} -> ×{other}" if one != other else f"×{one}"
        return f"{self.name}: {self.block} {times}, {from_to('parameters', *self.parameters)}"

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return dict(vars(self))


@dataclass(frozen=True)
class Difference:
    """All that differs between two models."""

    names: Pair
    sizes: dict[str, int]
    parameters: tuple[int, int]
    macs: tuple[Size, Size]
    ends: tuple[tuple[str, str, str], ...]
    """Inputs and outputs: which one, its type before and after ("" where it was not there)."""
    runs: tuple[Run, ...]
    removed: tuple[Part, ...]
    added: tuple[Part, ...]
    changed: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Is there no difference?"""
        found = (self.ends, self.runs, self.removed, self.added, self.changed)
        return not any(found)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """What people read."""
        yield " -> ".join(dict.fromkeys(self.names))
        at = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        yield "  " + from_to("parameters", *self.parameters)
        yield "  " + from_to("MACs", *self.macs) + (f" at {at}" if at else "")
        if self.same:
            yield "no difference"
        yield from section("inputs and outputs", [end_text(*end) for end in self.ends])
        yield from section("repeated blocks", [f"~ {run}" for run in self.runs])
        nodes = [f"- {part}" for part in self.removed] + [f"+ {part}" for part in self.added]
        nodes += [f"~ {change}" for change in self.changed if not change.follows]
        yield from section("nodes", nodes)
        yield from section("shapes that follow", [f"~ {c}" for c in self.changed if c.follows])

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        macs = [size if isinstance(size, int) else str(size) for size in self.macs]
        return {
            "before": self.names[0],
            "after": self.names[1],
            "same": self.same,
            "sizes": self.sizes,
            "parameters": list(self.parameters),
            "macs": macs,
            "ends": [{"end": end, "before": old, "after": new} for end, old, new in self.ends],
            "repeated": [run.as_dict() for run in self.runs],
            "removed": [part.as_dict() for part in self.removed],
            "added": [part.as_dict() for part in self.added],
            "changed": [change.as_dict() for change in self.changed],
        }


def section(title: str, lines: list[str]) -> list[str]:
    """Lines under a heading; nothing where there are none."""
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def end_text(end: str, old: str, new: str) -> str:
    """An input or output that came, went or changed."""
    if old and new:
        return f"~ {end}: {old} -> {new}"
    return f"+ {end}: {new}" if new else f"- {end}: {old}"


def from_to(what: str, old: Size, new: Size) -> str:
    """``parameters: 200 -> 100 (-50.0 %)``; one number where nothing changed."""
    if old == new:
        return f"{what}: {cell_text(new)}"
    share = ""
    if isinstance(old, int) and isinstance(new, int) and old:
        share = f" ({100 * (new - old) / old:+.1f} %)"
    return f"{what}: {cell_text(old)} -> {cell_text(new)}{share}"
