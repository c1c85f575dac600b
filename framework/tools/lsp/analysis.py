"""What is known about one text: its mistakes, its names and, if it is a model, its graph."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from framework.api.read import read
from framework.errors import FrameworkError, Place, Problem, Source, SpecError
from framework.ir.graph import Graph, Node
from framework.ir.op import REGISTRY
from framework.passes.suspicious import suspicious
from framework.source import read_yaml
from framework.tools.lsp.context import Context
from framework.tools.lsp.occurrences import Index, Occurrence, index
from framework.tools.lsp.words import KEYS, attribute_text, op_text

MODEL = re.compile(r"^format\s*:", re.MULTILINE)


@dataclass
class Analysis:
    """One version of a text."""

    source: Source
    problems: tuple[Problem, ...] = ()
    graph: Graph | None = None
    names: Index = field(default_factory=Index)
    readable: bool = False
    """Is the text YAML?"""


def analyse(text: str, path: Path | None) -> Analysis:
    """Read a text; never raises for what somebody typed."""
    source = Source(str(path) if path is not None else "model.yaml", text)
    mistakes: list[Problem] = []
    tree = read_yaml(source, mistakes)
    found = Analysis(source, names=index(tree), readable=tree is not None)
    if not MODEL.search(text):  # some other YAML file: nothing to say about it
        return found
    try:
        found.graph = read(source, path, {})[1]
    except SpecError as error:
        found.problems = error.problems
    except FrameworkError as error:
        found.problems = (Problem("file", str(error)),)
    if found.graph is not None:
        found.problems = tuple(suspicious(found.graph))
    return found


def hover(found: Analysis, place: Context, line: int, column: int) -> str | None:
    """What is to say about a place (counted from 1), in Markdown."""
    one = found.names.at(line, column)
    if one is not None:
        return name_text(found, one)
    word = place.word
    if place.role[0] == "attributes" and (place.key is None or place.key == word):
        declared = {a.name: a for a in REGISTRY[place.role[1]].attributes}
        return attribute_text(declared[word]) if word in declared else None
    if place.role[0] == "node" and word in REGISTRY:
        return "\n\n".join([*shape_lines(found, line, column), op_text(REGISTRY[word])])
    if place.key in (None, word) and word in KEYS:
        lines = shape_lines(found, line, column)
        return "\n\n".join([f"**{word}** – {KEYS[word]}", *lines])
    return None


def name_text(found: Analysis, one: Occurrence) -> str:
    """A name: what it is, its declaration, its shape."""
    declared = found.names.declaration(one)
    line = "" if declared is None else found.source.line(declared.place.line).strip()
    what = {"id": "node", "block": "block", "value": "value"}[one.kind]
    parts = [f"**{one.name}** – {what}", f"```yaml\n{line}\n```"]
    word = found.names.words.get((one.scope, one.name)) if one.kind == "id" else None
    if word is not None:
        parts[1:1] = shape_lines(found, word.line, word.column)
    elif one.kind == "id" and found.graph is not None and one.name in found.graph.inputs:
        parts.insert(1, types_text([found.graph.inputs[one.name]]))
    elif one.kind == "block":
        parts[1:1] = shape_lines(found, one.place.line, one.place.column)
    return "\n\n".join(parts)


def shape_lines(found: Analysis, line: int, column: int) -> list[str]:
    """The shapes at the node whose operator stands at a place: one line, or none."""
    if found.graph is None:
        return []
    nodes = [n for n in found.graph if covers(found, n.place, line, column)]
    if not nodes:
        nodes = last_nodes(found, found.graph, line, column)
    return [types_text(nodes)] if nodes else []


def covers(found: Analysis, place: Place | None, line: int, column: int) -> bool:
    """Is the place in this text, and does it cover line and column?"""
    if place is None or place.source.name != found.source.name or place.line != line:
        return False
    return place.column <= column <= place.column + place.width


def last_nodes(found: Analysis, graph: Graph, line: int, column: int) -> list[Node]:
    """The last node of each scope whose ``use:`` stands at a place."""
    paths = [p for p, scope in graph.scopes.items() if covers(found, scope.place, line, column)]
    inside = ([n for n in graph if n.name.startswith(f"{path}.")] for path in paths)
    return [nodes[-1] for nodes in inside if nodes]


def types_text(nodes: list[Node]) -> str:
    """The types of the results of nodes that come from one place, different ones each once."""
    texts = dict.fromkeys(", ".join(map(str, node.outputs)) for node in nodes)
    shown = list(texts)[:4]
    more = [f"and {len(texts) - 4} others"] if len(texts) > 4 else []
    return "  \n".join([*(f"`{text}`" for text in shown), *more])
