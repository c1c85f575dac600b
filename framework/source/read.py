"""From PyYAML's event stream to a tree of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from framework.errors import Problem, Source
from framework.limits import YAML_NODES
from framework.source.nodes import Scalar, YamlNode
from framework.source.positions import Positions, check_text
from framework.source.scalars import NumberMistake, resolve
from framework.source.tree import REUSE, Fatal, Tree

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

ALIAS_CURE = f"in an expression put the number first: 4*w; {REUSE}"
PROPERTY = re.compile(r"(?:!<[^>\s]*>|[&!][^\s,\[\]{}]*)")
GAP = re.compile(r"(?:\s|(?<=\s)#[^\n]*)*")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a scalar stands, or where a list or mapping begins or ends.

    ``kind`` is "scalar", "list", "mapping" or "end"; ``style`` is the quote or ``|`` or ``>``
    of a scalar; ``flow`` tells whether a list or mapping is written in brackets.
    """

    kind: str
    start: int
    end: int
    flow: bool = False
    style: str = ""


def marks(source: Source) -> Iterator[Mark]:
    """The parser's events with nothing but places, for a text that `read_yaml` accepts."""
    for event in yaml.parse(source.text, Loader=LOADER):
        start = event.start_mark.index if event.start_mark else 0
        end = event.end_mark.index if event.end_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            yield Mark("scalar", start, end, style=event.style or "")
        elif isinstance(event, yaml.CollectionStartEvent):
            kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
            yield Mark(kind, start, end, bool(event.flow_style))
        elif isinstance(event, yaml.CollectionEndEvent):
            yield Mark("end", start, end)


def read_yaml(source: Source, problems: list[Problem]) -> YamlNode | None:
    """The tree of a text, or None if there is none that is worth reading on.

    All mistakes that leave the structure clear are appended to ``problems`` in one reading:
    duplicate keys, aliases, anchors, tags, merge keys, odd numbers. A syntax error, a second
    document, or a limit ends the reading.
    """
    unreadable = check_text(source)
    if unreadable is not None:
        problems.append(unreadable)
        return None
    positions = Positions(source)
    reader = Reader(positions, Tree(positions, problems))
    try:
        for event in yaml.parse(positions.yaml_text, Loader=LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        problems.append(reader.fault(error))
        return None
    except Fatal:
        return None
    return reader.tree.result()


class Reader:
    """Turns events into nodes of a tree and refuses what YAML has and this language has not."""

    def __init__(self, positions: Positions, tree: Tree) -> None:
        self.positions = positions
        self.tree = tree
        self.documents = 0
        self.nodes = 0

    def fault(self, error: yaml.MarkedYAMLError) -> Problem:
        """What is wrong, from the parser's exception and indices into the text of the source."""
        from framework.source.hints import Fault, explain  # long, and most texts are sound

        mark, context = error.problem_mark or error.context_mark, error.context_mark
        shift = self.positions.shift
        size = len(self.positions.text)
        index = min(mark.index + shift, size) if mark else size
        return explain(
            Fault(
                error.problem or str(error),
                index,
                error.context or "",
                context.index + shift if context else index,
                self.positions,
                self.tree.bracket,
            )
        )

    def take(self, event: yaml.Event) -> None:
        """Handle one event of the parser."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.begin_document(event)
        elif isinstance(event, yaml.NodeEvent):
            self.count(event)
            self.take_node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.tree.close(self.end(event))

    def take_node(self, event: yaml.NodeEvent) -> None:
        """Handle an alias, a scalar, or the start of a list or mapping."""
        if isinstance(event, yaml.AliasEvent):
            self.tree.add(self.alias(event))
            return
        start = self.content_start(event)
        self.check_tabs(start)
        if isinstance(event, yaml.ScalarEvent):
            self.tree.add(self.scalar(event, start))
        elif isinstance(event, yaml.CollectionStartEvent):
            mapping = isinstance(event, yaml.MappingStartEvent)
            self.tree.open(start, flow=bool(event.flow_style), mapping=mapping)

    def start(self, event: yaml.Event) -> int:
        """Index of the first character of an event in the text of the source."""
        return self.positions.shift + (event.start_mark.index if event.start_mark else 0)

    def end(self, event: yaml.Event) -> int:
        """Index behind the last character of an event."""
        return self.positions.shift + (event.end_mark.index if event.end_mark else 0)

    def begin_document(self, event: yaml.DocumentStartEvent) -> None:
        """A file holds one document; where a second one starts, reading ends."""
        self.documents += 1
        if self.documents > 1:
            start = self.start(event)
            hint = "remove the line '---', or write a second file"
            place = self.positions.place(start, start + 3)
            self.tree.report("documents", "a second YAML document starts here", place, hint)
            raise Fatal

    def count(self, event: yaml.NodeEvent) -> None:
        """Hold the limit on the number of nodes."""
        self.nodes += 1
        if self.nodes > YAML_NODES:
            place = self.positions.place(self.start(event))
            fact = f"the file has more than {YAML_NODES:,} YAML nodes"
            self.tree.report("size", fact, place, "write repeated nodes as a block with repeat:")
            raise Fatal

    def alias(self, event: yaml.AliasEvent) -> Scalar:
        """Aliases are refused; under a merge key, that key has been reported already."""
        raw = f"*{event.anchor}"
        start = self.start(event)
        place = self.positions.place(start, start + len(raw))
        if not self.tree.merges:
            self.tree.report("alias", f"YAML aliases ({raw}) are not used here", place, ALIAS_CURE)
        return Scalar(None, raw, True, place, broken=True)

    def content_start(self, event: yaml.NodeEvent) -> int:
        """Where the node itself begins, behind an anchor and a tag, which are refused."""
        start = self.start(event)
        if event.anchor is None and getattr(event, "tag", None) is None:
            return start
        text = self.positions.text
        while found := PROPERTY.match(text, start):
            self.refuse_property(found.group(), start)
            gap = GAP.match(text, found.end())
            start = gap.end() if gap else found.end()
        return min(start, max(self.end(event), self.start(event)))

    def refuse_property(self, word: str, start: int) -> None:
        """Report an anchor or a tag."""
        place = self.positions.place(start, start + len(word))
        if word.startswith("&"):
            self.tree.report("anchor", f"YAML anchors ({word}) are not used here", place, REUSE)
        else:
            hint = "remove it, or quote text that starts with !"
            self.tree.report("tag", f"YAML tags ({word}) are not used here", place, hint)

    def check_tabs(self, start: int) -> None:
        """No tab may stand before a node: editors show it at different widths."""
        text, index = self.positions.text, start
        while index > 0 and text[index - 1] in " \t":
            index -= 1
        tab = text.find("\t", index, start)
        if tab >= 0:
            self.report_tab(tab)

    def report_tab(self, index: int) -> None:
        """Report a tab outside quotes."""
        place = self.positions.place(index)
        self.tree.report("yaml", "a tab stands here", place, "indent with spaces, not tabs")

    def scalar(self, event: yaml.ScalarEvent, start: int) -> Scalar:
        """A scalar with its value; a plain one is read by the rules of YAML 1.2."""
        text = event.value
        plain = not event.style
        place = self.positions.place(start, self.end(event))
        if plain and "\t" in text:
            self.report_tab(self.positions.text.index("\t", start))
        if not plain or self.tree.awaits_key:
            return Scalar(text, text, plain, place)
        try:
            return Scalar(resolve(text), text, True, place)
        except NumberMistake as mistake:
            self.tree.report(mistake.code, mistake.fact, place, mistake.hint)
            return Scalar(None, text, True, place, broken=True)
