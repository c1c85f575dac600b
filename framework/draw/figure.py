"""Graph -> Diagram: which blocks are open, which panels stand beside the overview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from framework.draw.attention import AttentionPanel, is_attention
from framework.draw.diagram import Diagram, Panel, Unit
from framework.draw.fold import Folding, Repeats
from framework.draw.panels import PanelBuilder
from framework.draw.words import op_words, words
from framework.errors import InputError, did_you_mean
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Node

OVERVIEW = "overview"
INSIDE = "inside:"
"""Ids of panels that show the inside of a block begin like this."""


@dataclass(frozen=True)
class Content:
    """What a figure shows.

    ``level``: 0 blocks, 1 layers, 2 operators.  ``panels`` are paths of blocks or attention
    nodes whose inside is shown beside the overview; None for none, () for a good choice.
    ``focus`` draws only the inside of one block.  ``titles`` and ``colours`` are by path, block
    or operator.
    """

    level: int = 0
    panels: Sequence[str] | None = None
    focus: str | None = None
    title: str | None = None
    subtitle: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    fold: bool = True
    most: int = 2
    """Panels beside the overview that are chosen unasked."""


class FigureBuilder:
    """Builds the diagram of one graph."""

    def __init__(self, graph: Graph, content: Content, repeats: Repeats | None = None) -> None:
        self.graph = graph
        self.content = content
        found = Repeats.of(graph) if repeats is None else repeats
        self.repeats = found if content.fold else Repeats(graph, {})

    def build(self) -> Diagram:
        """The diagram: an overview and its panels, or the inside of the focus."""
        name = words(self.graph.name)
        title = self.content.title if self.content.title is not None else name
        if self.content.focus is not None:
            panel = self.inside(self.content.focus, None)
            return self.diagram(f"{title}: {panel.title}", [panel])
        overview = self.panel("", OVERVIEW, title, self.content.level)
        panels = [overview]
        for path in self.panel_paths(overview):
            panels.append(self.inside(path, self.origin(path, panels)))
        self.tell_apart(panels)
        return self.diagram(title, panels)

    def diagram(self, title: str, panels: list[Panel]) -> Diagram:
        """The diagram with its words."""
        count = sum(p.count for p in self.graph.parameters.values() if p.trainable)
        subtitle = self.content.subtitle
        if subtitle is None:
            subtitle = f"{readable(count)} parameters" if count else ""
        doc = self.graph.doc if self.graph.doc is not None else ""
        steps = " → ".join(unit.title for unit in panels[0].units.values() if unit.kind != "add")
        return Diagram(title, subtitle, panels, doc or title, f"{title}\n{doc}\n{steps}".strip())

    def panel(
        self, root: str, id_: str, title: str, level: int, origin: str | None = None
    ) -> Panel:
        """A panel with its blocks open to ``level``."""
        open_ = self.opened(root, level)
        folding = Folding(self.graph, self.repeats, open_, level < 2, root)
        builder = PanelBuilder(self.graph, folding, self.content.titles, self.content.colours)
        return builder.build(id_, title, origin)

    def opened(self, root: str, level: int) -> set[str]:
        """The scopes that a level draws open: none, the outermost ones, or all."""
        if level == 0:
            return set()
        depth = len(scopes_around(self.graph, f"{root}.x")) if root else 0
        inside = f"{root}." if root else ""
        paths = (path for path in self.graph.scopes if self.repeats.canonical(path) == path)
        return {
            path
            for path in paths
            if path.startswith(inside)
            and (level > 1 or len(scopes_around(self.graph, path)) == depth)
        }

    # ------------------------------------------------------------------ panels

    def panel_paths(self, overview: Panel) -> list[str]:
        """The panels asked for, or a good choice: the heaviest block, and an attention in it."""
        if self.content.panels is None:
            return []
        if self.content.panels:
            return list(self.content.panels)
        blocks = [u for u in overview.units.values() if len(u.nodes) > 1]
        telling = [u for u in blocks if u.count > 1 or self.attention_in(u)]
        if telling:
            heaviest = max(telling, key=lambda unit: (unit.count > 1, unit.parameters))
            paths = [str(heaviest.path), *self.attention_in(heaviest)[:1]]
        else:
            paths = self.motifs() or [str(u.path) for u in blocks if len(blocks) == 1]
        return paths[: self.content.most]

    def motifs(self) -> list[str]:
        """One block of each make of the definition that the network repeats.

        Worth a panel are blocks with an addition or a softmax of their own: their text does not
        say how they are connected.
        """
        makes: dict[str, dict[tuple[str, ...], str]] = {}
        counts: Counter[str] = Counter()
        inside: dict[str, list[Node]] = {}
        for node in self.graph:
            for path in scopes_around(self.graph, node.name):
                inside.setdefault(path, []).append(node)
        for path, nodes in inside.items():
            scope = self.graph.scopes[path]
            own = [node for node in nodes if node.scope == path]
            if any(node.op.name == "add" or node.op.category == "softmax" for node in own):
                counts[scope.block] += len(nodes)
                make = tuple(node.op.name for node in nodes)
                makes.setdefault(scope.block, {}).setdefault(make, self.repeats.canonical(path))
        if not counts:
            return []
        return list(makes[counts.most_common(1)[0][0]].values())

    def tell_apart(self, panels: list[Panel]) -> None:
        """Panels of the same title also say where their block is."""
        titles = Counter(panel.title for panel in panels)
        for panel in panels[1:]:
            origin = "" if panel.origin is None else panel.origin.partition("/")[2]
            box = panels[0].units.get(origin)
            if titles[panel.title] > 1 and box is not None:
                panel.title = f"{panel.title}, {box.title}"

    def attention_in(self, unit: Unit) -> list[str]:
        """Attention nodes inside a block."""
        return [name for name in unit.nodes if is_attention(self.graph[name])]

    def inside(self, path: str, origin: str | None) -> Panel:
        """The panel for the inside of a block or of an attention node."""
        scope = self.find(path)
        if scope in self.graph.scopes:
            folding = Folding(self.graph, self.repeats, (), True)
            titles, colours = self.content.titles, self.content.colours
            title = PanelBuilder(self.graph, folding, titles, colours).scope_title(scope)
            count = self.repeats.count(scope)
            shown = title if count == 1 or origin is not None else f"{title} ×{count}"
            level = self.content.level if self.content.focus is not None else 0
            return self.panel(scope, f"{INSIDE}{scope}", shown, level, origin)
        node = self.graph[scope]
        return AttentionPanel(self.graph, node).build(op_words(node.op), origin)

    def find(self, text: str) -> str:
        """The block or attention node that a path names; parts may be left out."""
        options = [*self.graph.scopes, *(n.name for n in self.graph if is_attention(n))]
        canonical = self.repeats.canonical
        for candidate in (text, f"{text}.0"):
            if candidate in options:
                return canonical(candidate)
        wanted = text.split(".")
        found = {canonical(o) for o in options if is_within(wanted, o.split("."))}
        if len(found) == 1:
            return found.pop()
        if found:
            listed = ", ".join(sorted(found)[:5])
            raise InputError(f"'{text}' may mean several blocks\n  hint: {listed}")
        shown = sorted({canonical(option) for option in options})
        hint = did_you_mean(text, shown)
        hint = hint or f"blocks: {', '.join(shown[:8]) or 'none'}"
        raise InputError(f"nothing to look into is called '{text}'\n  hint: {hint}")

    def origin(self, path: str, panels: Sequence[Panel]) -> str | None:
        """The box, in one of the panels so far, whose inside is shown."""
        scope = self.find(path)
        for panel in reversed(panels):
            for unit in panel.units.values():
                inside = unit.path is not None and f"{scope}.".startswith(f"{unit.path}.")
                if inside or scope in unit.nodes:
                    return f"{panel.id}/{unit.id}"
        return None


def is_within(wanted: Sequence[str], path: Sequence[str]) -> bool:
    """Do the parts occur in the path in this order, the last at its end?"""
    rest = iter(path)
    return path[-1] == wanted[-1] and all(part in rest for part in wanted)


def readable(count: int) -> str:
    """A large number in a few characters: 86.6 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)
