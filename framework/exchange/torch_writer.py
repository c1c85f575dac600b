"""A model as PyTorch source that a person would have written: one class for each block.

The file needs torch and nothing else; its weights have the names that the model's have, so that
``load_state_dict`` takes the model's file, and what is trained there comes back.
"""

from __future__ import annotations

import re
from collections import defaultdict

from framework.errors import Mistake
from framework.exchange.torch_rules import HELPERS
from framework.exchange.torch_source.attributes import Paths
from framework.exchange.torch_source.body import Gaps
from framework.exchange.torch_source.calls import Assembler
from framework.exchange.torch_source.classes import ClassText
from framework.exchange.torch_source.extents import Unknown, fill_extents
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.merge import merged
from framework.exchange.torch_source.names import Names, camel, prose
from framework.exchange.torch_source.parts import Body, plan_of
from framework.exchange.torch_source.shapes import comments
from framework.exchange.torch_source.tree import ROOT, Tree
from framework.exchange.torch_source.variants import Copy, alike, laid_side_by_side
from framework.exchange.torch_source.wrapping import docstring
from framework.ir.graph import Graph

__all__ = ["write_torch"]

MOST_NODES = 3


def write_torch(graph: Graph, name: str) -> str:
    """Source of a module ``name`` (in CamelCase) that computes what the graph does.

    Raises one `Mistake` that lists every operator that has no equivalent.
    """
    composer = Composer(graph, name)
    composer.compose()
    if composer.gaps.nodes:
        raise unwritable(composer.gaps)
    return composer.text()


class Composer:
    """The classes of a file, innermost first."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.gaps = Gaps()
        self.tree = Tree(graph)
        self.assembler = Assembler(graph, self.tree, self.gaps)
        self.names = Names([*HELPERS, "Parameter", "Module"])
        self.title = self.names.new(camel(name, "Model"), join="")
        self.classes: list[Klass] = []

    def compose(self) -> None:
        """Take all scopes apart and put equal ones together."""
        for paths in self.groups():
            bodies = [self.assembler.body(path) for path in paths]
            for copies in families(bodies):
                self.declare(copies)

    def groups(self) -> list[list[str]]:
        """Scopes of one block, those first that others call; the model last."""
        found: dict[tuple[int, str], list[str]] = defaultdict(list)
        ranks = self.tree.ranks()
        for path in (path for children in self.tree.children.values() for path in children):
            found[ranks[path], self.tree.scopes[path].block].append(path)
        order = {node.name: i for i, node in enumerate(self.graph)}
        first = {key: order[self.tree.nodes_in(paths[0])[0].name] for key, paths in found.items()}
        keys = sorted(found, key=lambda key: (key[0], first[key], key[1]))
        return [*(found[key] for key in keys), [ROOT]]

    def declare(self, copies: list[Copy]) -> None:
        """The class of copies; several where what they lack cannot be made optional."""
        leader = copies[0].body
        name = self.title if leader.path == ROOT else self.names.new(camel(leader.block), join="")
        klass = merged(name, copies)
        if klass is None:
            klass = merged(name, [copy for copy in copies if not copy.instead])
            rest = [copy.body for copy in copies if copy.instead]
            for family in families(rest, mixed=False):
                self.declare(family)
        if klass is None:
            raise TypeError(f"{leader.path}: equal copies are not equal")
        self.finish(klass)

    def finish(self, klass: Klass) -> None:
        """Describe its shapes, find its sizes, and let others call it."""
        klass.comments = comments(klass)
        try:
            fill_extents(klass, self.graph)
        except Unknown as problem:
            self.gaps.note("size", self.graph.name, str(problem))
        self.classes.append(klass)
        self.assembler.classes.update((copy.body.path, klass) for copy in klass.copies)

    def text(self) -> str:
        """The whole file."""
        paths = Paths(self.assembler.bodies.values())
        blocks = [ClassText(klass, self.graph, paths).text() for klass in self.classes]
        body = "\n\n\n".join(blocks)
        body = "\n\n\n".join([*helpers(body), body])
        doc = f"{self.title} in PyTorch; its weights have the names of the model {self.graph.name}."
        head = "\n".join(docstring([prose(doc)], 0))
        return f"{head}\n\n{imports(body)}\n\n\n{body}\n"


def families(bodies: list[Body], mixed: bool = True) -> list[list[Copy]]:
    """Copies of one plan, and with them those that lack a few of its steps."""
    plans: dict[object, list[Body]] = defaultdict(list)
    for body in bodies:
        plans[plan_of(body)].append(body)
    groups = list(plans.values())
    if not mixed:
        return [[alike(body) for body in group] for group in groups]
    out: list[list[Copy]] = []
    rest = sorted(groups, key=lambda group: -len(group[0].steps))
    while rest:
        leaders, *others = rest
        family = [alike(body) for body in leaders]
        rest = []
        for group in others:
            found = laid_side_by_side(leaders[0], group)
            if len(found) == len(group):
                family += found
            else:
                rest.append(group)
        out.append(family)
    return out


def helpers(body: str) -> list[str]:
    """The helpers that a text uses, and those that they use, in order of declaration."""
    used: set[str] = set()
    texts = [body]
    while texts:
        text = texts.pop()
        for name, source in HELPERS.items():
            if name not in used and re.search(rf"\b{name}\(", text):
                used.add(name)
                texts.append(source)
    return [source for name, source in HELPERS.items() if name in used]


def imports(body: str) -> str:
    """The import lines that a text needs."""
    lines: list[str] = []
    if re.search(r"(?<![\w.])math\.", body):
        lines += ["import math", ""]
    if re.search(r"(?<![\w.])torch\.", body):
        lines.append("import torch")
    if re.search(r"(?<![\w.])F\.", body):
        lines.append("import torch.nn.functional as F")
    names = [name for name in ("Tensor", "nn") if re.search(rf"\b{name}\b", body)]
    return "\n".join([*lines, f"from torch import {', '.join(names)}"])


def unwritable(gaps: Gaps) -> Mistake:
    """The error that lists all that PyTorch has no word for."""
    listed = []
    for op, nodes in gaps.nodes.items():
        more = f" and {len(nodes) - MOST_NODES} more" if len(nodes) > MOST_NODES else ""
        reason = f": {gaps.reasons[op]}" if op in gaps.reasons else ""
        listed.append(f"{op} ({', '.join(nodes[:MOST_NODES])}{more}){reason}")
    return Mistake(
        f"PyTorch source cannot be written for {'; '.join(listed)}",
        hint="write these nodes with other operators",
        code="export",
    )
