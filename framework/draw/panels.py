"""One panel: the units and links of a part of a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from framework.draw.diagram import Group, Link, Panel, Unit, UnitKind
from framework.draw.fold import Folding
from framework.draw.words import (
    HEAVY,
    is_generated,
    op_facts,
    op_title,
    summary,
    words,
)
from framework.ir.dims import total
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Input, Node, Value
from framework.ir.types import TensorType

OUTPUT = "output:"
PORT = "port:"


class PanelBuilder:
    """Builds one panel; ``titles`` are the user's own names by path or block."""

    def __init__(
        self,
        graph: Graph,
        folding: Folding,
        titles: Mapping[str, str],
        colours: Mapping[str, str],
    ) -> None:
        self.graph = graph
        self.folding = folding
        self.titles = titles
        self.colours = colours
        self.numbers = numbered(graph)

    def build(self, id_: str, title: str, origin: str | None = None) -> Panel:
        """The panel for the folding's root."""
        panel = Panel(id_, title, origin=origin)
        inside: dict[str, list[Node]] = {}
        for node in self.graph:
            if self.folding.inside(node.name) and not self.folding.hidden(node):
                inside.setdefault(self.folding.unit(node.name), []).append(node)
        for unit, nodes in inside.items():
            panel.units[unit] = self.unit(unit, nodes)
        self.groups(panel)
        for nodes in inside.values():
            for node in nodes:
                self.links(panel, node)
        if not self.folding.root:
            self.outputs(panel)
        classify(panel)
        return panel

    # ------------------------------------------------------------------ units

    def unit(self, path: str, nodes: list[Node]) -> Unit:
        """A box for one operator, or for a closed block."""
        around = [s for s in scopes_around(self.graph, path) if s in self.folding.open]
        found = self.named(path, nodes)
        found.id = found.path = path
        found.group = around[-1] if around else None
        found.place = found.place if found.place else nodes[0].place
        found.type = nodes[-1].type
        learned = {name for node in nodes for name in node.parameters.values()}
        stored = [self.graph.parameters[name] for name in sorted(learned)]
        found.parameters = sum(p.count for p in stored if p.trainable)
        costs = [n.op.cost(n.op.match(self.graph.given_to(n.name))).macs for n in nodes]
        found.macs = str(total(costs))
        return found

    def named(self, path: str, nodes: list[Node]) -> Unit:
        """A box for one operator, or for a block, which keeps its name if one node is left."""
        if path not in self.graph.scopes:
            return self.operator(nodes[0])
        canonical = self.folding.repeats.canonical
        if sum(canonical(node.name) == node.name for node in nodes) > 1:
            return self.block(path, nodes)
        found, node = self.operator(nodes[0]), nodes[0]
        if found.kind == "box" and not is_generated(node) and node.name not in self.titles:
            found.title = self.scope_title(path)
        return found

    def operator(self, node: Node) -> Unit:
        """A box for one operator: its id, and what the operator is."""
        inputs = list(self.graph.types_at(node.name).values())
        given = self.titles.get(node.name)
        if isinstance(node.op, Input):
            title = self.titled(node.name, words(node.name))
            names = (node.name,)
            doc = node.doc or ""
            return Unit("", title, "input", "input", nodes=names, doc=doc, shows_type=True)
        if node.op.name == "add" and len(inputs) == 2:
            return Unit("", "+", "add", "add", nodes=(node.name,), doc=node.doc or "")
        title, facts = op_title(node, inputs), op_facts(node, inputs)
        if not is_generated(node) and not is_terse(node):
            facts = ", ".join(filter(None, (title, facts)))
            title = words(node.name.rpartition(".")[2])
        if given is not None:
            title, facts = given, ""
        category = self.colours.get(node.op.name, node.op.category)
        return Unit("", title, category, subtitle=facts, nodes=(node.name,), doc=node.doc or "")

    def block(self, path: str, nodes: list[Node]) -> Unit:
        """A box for a closed block; equal copies are counted."""
        scope = self.graph.scopes[path]
        count = self.folding.repeats.count(path)
        first = [node for node in nodes if node.name.startswith(f"{path}.")]
        listed = [(node, list(self.graph.types_at(node.name).values())) for node in first]
        heavy = {node.op.category for node in first if node.op.category in HEAVY}
        category = next(iter(heavy)) if len(heavy) == 1 else "block"
        return Unit(
            "",
            self.scope_title(path),
            self.colours.get(scope.block, category),
            subtitle="" if path in self.titles else summary(listed),
            count=count,
            nodes=tuple(node.name for node in first),
            doc=scope.doc or "",
            place=scope.place,
        )

    def scope_title(self, path: str) -> str:
        """A block's title: the user's, its id, or its own name for copies and without id."""
        scope = self.graph.scopes[path]
        base = path.rpartition(".")[0] if self.folding.repeats.count(path) > 1 else path
        last = base.rpartition(".")[2]
        generated = last.rstrip("0123456789").rstrip("_") == scope.block
        copies = self.folding.repeats.count(path) > 1
        if not (generated or copies or last.isdecimal()):
            return self.titled(base, self.titles.get(scope.block, words(last)))
        title = self.titles.get(scope.block, words(scope.block))
        number = self.numbers.get(path)
        return self.titled(base, title if number is None else f"{title} {number}")

    def titled(self, path: str, title: str) -> str:
        """The user's title for a path, if there is one."""
        return self.titles.get(path, title)

    def groups(self, panel: Panel) -> None:
        """Frames for the open blocks that hold something."""
        for unit in panel.units.values():
            path = unit.group
            while path is not None and path not in panel.groups:
                outer = [s for s in scopes_around(self.graph, path) if s in self.folding.open]
                parent = outer[-1] if outer else None
                title = self.scope_title(path)
                panel.groups[path] = Group(path, title, parent, self.folding.repeats.count(path))
                path = parent

    # ------------------------------------------------------------------ links

    def links(self, panel: Panel, node: Node) -> None:
        """The arrows into one node."""
        for value in self.graph.wires_of(node.name).values():
            source = self.folding.source(value)
            if self.between_copies(source.node, node.name):
                continue
            type_ = self.graph.type_of(value)
            target = self.folding.unit(node.name)
            panel.link(self.end(panel, source, type_), target, type_)

    def between_copies(self, source: str, target: str) -> bool:
        """Does the arrow lead from one copy to the next of an equal repeat?"""
        if not self.folding.inside(source):
            return False
        left, right = source.split("."), target.split(".")
        end = parting(left, right)
        if end == min(len(left), len(right)):
            return False
        return self.folding.repeats.together(".".join(left[:end]), left[end], right[end])

    def end(self, panel: Panel, source: Value, type_: TensorType) -> str:
        """The unit that a value comes from; a port where it comes from outside the panel."""
        if self.folding.inside(source.node):
            return self.folding.unit(source.node)
        port = f"{PORT}{panel.id}:{self.folding.repeats.canonical(source.node)}"
        if port not in panel.units:
            title = "x" if self.is_entry(panel, source.node) else self.port_title(source.node)
            kind: UnitKind = "port" if len(title) == 1 else "input"
            panel.units[port] = Unit(port, title, "input", kind, type=type_)
        return port

    def is_entry(self, panel: Panel, name: str) -> bool:
        """Does it feed the block's first input? Where nobody knows, what is read first does."""
        canonical = self.folding.repeats.canonical
        scope = self.graph.scopes.get(self.folding.root)
        if scope is not None and scope.entry is not None and scope.entry in self.graph:
            return canonical(scope.entry) == canonical(name)
        return not any(unit.startswith(PORT) for unit in panel.units)

    def port_title(self, name: str) -> str:
        """What comes from outside: its block or its name; the user's title for what is stored."""
        parts = name.split(".")
        common = parting(parts, self.folding.root.split("."))
        for end in (common + 1, common + 2):  # a block, or one of its copies
            if ".".join(parts[:end]) in self.graph.scopes:
                return self.scope_title(self.folding.repeats.canonical(".".join(parts[:end])))
        title = words(name.rpartition(".")[2])
        return title if self.graph.wires_of(name) else self.titled(name, title)

    def outputs(self, panel: Panel) -> None:
        """A box for each named output."""
        for name, value in self.graph.outputs.items():
            source = self.folding.source(value)
            unit = f"{OUTPUT}{name}"
            type_ = self.graph.type_of(value)
            title = self.titled(name, words(name))
            last = panel.units[self.folding.unit(source.node)]
            if last.title == title:
                last.shows_type = True
                continue
            panel.units[unit] = Unit(unit, title, "output", "output", type=type_)
            panel.link(last.id, unit, type_)


def numbered(graph: Graph) -> dict[str, int]:
    """Numbers of the outermost blocks without an id of which there are several."""
    alike: dict[str, list[str]] = {}
    for path, scope in graph.scopes.items():
        if "." not in path and path.rstrip("0123456789").rstrip("_") == scope.block:
            alike.setdefault(scope.block, []).append(path)
    several = (paths for paths in alike.values() if len(paths) > 1)
    return {path: number for paths in several for number, path in enumerate(paths, 1)}


def is_terse(node: Node) -> bool:
    """Is the node's id a letter or two, which only the file's own references need?"""
    return len(node.name.rpartition(".")[2].rstrip("0123456789")) == 1


def parting(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common at the start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def classify(panel: Panel) -> None:
    """Tell residuals and skips from the flow."""
    into = {unit: panel.into(unit) for unit in panel.units}
    order = {unit: i for i, unit in enumerate(panel.units)}
    sorted_ = all(order[link.source] < order[link.target] for link in panel.links)
    ways = Ways(into, order if sorted_ else {})
    for target, links in into.items():
        if len(links) < 2:
            continue
        for link in links:
            others = [other.source for other in links if other is not link]
            if panel.units[link.source].kind == "input":
                continue
            if any(ways.lead(link.source, other) for other in others):
                residual = panel.units[target].kind == "add"
                link.kind = "residual" if residual else "skip"
        if panel.units[target].kind == "add":
            mark_projection(links, into, ways)


def mark_projection(links: list[Link], into: Mapping[str, list[Link]], ways: Ways) -> None:
    """Mark a residual's way through one box, beside a longer way from the same unit."""
    for link, other in (links[:2], links[1::-1]):
        before, beside = into[link.source], into[other.source]
        if len(before) != 1 or link.kind != "flow" or other.kind != "flow":
            continue
        start = before[0].source
        if start not in {step.source for step in beside} and ways.lead(start, other.source):
            link.accent = before[0].accent = True


class Ways:
    """Which units lead to which; with the order of all units only those between are looked at."""

    def __init__(self, into: Mapping[str, list[Link]], order: Mapping[str, int]) -> None:
        self.into = into
        self.order = order

    def lead(self, source: str, target: str) -> bool:
        """Is there a way along the arrows from ``source`` to ``target``?"""
        first = self.order.get(source, -1)
        waiting, seen = deque([target]), {target}
        while waiting:
            for link in self.into.get(waiting.popleft(), []):
                if link.source == source:
                    return True
                if link.source not in seen and self.order.get(link.source, 0) > first:
                    seen.add(link.source)
                    waiting.append(link.source)
        return False
