"""`compare`: two graphs, node by node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from framework.ir.describe import describe
from framework.ir.graph import Graph, Value
from framework.ir.types import TensorType
from framework.report.shapes import shape_table
from framework.tools.diff.found import Change, Difference, Part, Run
from framework.tools.diff.items import Group, Item, Leaf, attributes
from framework.tools.diff.matching import Matching, match

Fact = tuple[str, str, str]
NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")


def compare(before: Graph, after: Graph) -> Difference:
    """What changed from one graph to another; work is counted at the example sizes."""
    sizes = {**before.examples, **after.examples}
    tables = [
        shape_table(graph, {k: v for k, v in sizes.items() if k in graph.examples})
        for graph in (before, after)
    ]
    found = match(before, after)
    return Difference(
        (before.name, after.name),
        sizes,
        (tables[0].parameters, tables[1].parameters),
        (tables[0].macs, tables[1].macs),
        tuple(ends(before, after, found)),
        tuple(runs(before, after, found)),
        tuple(parts(before, found.removed)),
        tuple(parts(after, found.added)),
        tuple(Comparer(before, after, found).changed()),
    )


def ends(before: Graph, after: Graph, found: Matching) -> Iterator[Fact]:
    """Inputs and outputs that came, went or changed; outputs with the node they come from."""
    kinds = [graph.inputs for graph in (before, after)]
    old, new = ({name: str(node.type) for name, node in kind.items()} for kind in kinds)
    yield from differing("input", old, new)
    names = found.names()
    old = {k: output(before, v, names.get(v.node, v.node)) for k, v in before.outputs.items()}
    new = {k: output(after, v, v.node) for k, v in after.outputs.items()}
    yield from differing("output", old, new)


def output(graph: Graph, value: Value, node: str) -> str:
    """The type of an output and where it comes from."""
    port = f".{value.output}" if value.output else ""
    return f"{graph.type_of(value)} from {node}{port}"


def differing(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Fact]:
    """Entries of two mappings that differ."""
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield f"{what} {name}".strip(), old.get(name, ""), new.get(name, "")


def runs(before: Graph, after: Graph, found: Matching) -> Iterator[Run]:
    """Repeated blocks with another number of copies or of parameters."""
    for one, other in found.runs:
        copies = (len(one.copies), len(other.copies))
        stored = (learned(before, one), learned(after, other))
        if copies[0] != copies[1] or stored[0] != stored[1]:
            block = other.block if other.block is not None else one.block
            yield Run(other.path, block or "sequence", copies, stored)


def learned(graph: Graph, item: Item) -> int:
    """Number of trained parameters in an item, tied ones once."""
    names = {name for leaf in item.leaves for name in leaf.node.parameters.values()}
    found = (graph.parameters[name] for name in names)
    return sum(parameter.count for parameter in found if parameter.trainable)


def parts(graph: Graph, items: list[Item]) -> Iterator[Part]:
    """What is only in one of the graphs, equal parts of several copies together."""
    groups: dict[Part, list[Part]] = {}
    for item in items:
        found = part(graph, item)
        groups.setdefault(replace(found, name=pattern(found.name)), []).append(found)
    for common, found_parts in groups.items():
        single = len(found_parts) == 1
        yield found_parts[0] if single else replace(common, copies=len(found_parts))


def part(graph: Graph, item: Item) -> Part:
    """A node or a block that is only in one of the graphs."""
    last = item.leaves[-1].node
    if isinstance(item, Group):
        times = f" ×{len(item.copies)}" if item.repeated else ""
        what, name = f"{item.block or 'nodes'}{times}", item.path
    else:
        what, name = describe(last.op), last.name
    return Part(name, 1, what, len(item.leaves), learned(graph, item), shape(last.outputs))


def shape(types: tuple[TensorType, ...]) -> str:
    """The shapes of a node's results."""
    return " ".join(f"[{', '.join(map(str, type_.shape))}]" for type_ in types)


class Comparer:
    """Compares the matched nodes of two graphs."""

    def __init__(self, before: Graph, after: Graph, found: Matching) -> None:
        self.before = before
        self.after = after
        self.pairs = found.pairs
        self.names = found.names()
        self.kept = set(self.names.values())

    def changed(self) -> Iterator[Change]:
        """The changes, equal ones of several copies together, in the order of the new model."""
        order = {node.name: number for number, node in enumerate(self.after)}
        groups: dict[tuple[str, str, tuple[Fact, ...], bool], list[tuple[str, str]]] = {}
        for one, other in sorted(self.pairs, key=lambda pair: order[pair[1].node.name]):
            causes, follows = tuple(self.causes(one, other)), tuple(self.follows(one, other))
            if causes or follows:
                old, new = one.node.name, other.node.name
                key = (pattern(old), pattern(new), causes + follows, not causes)
                groups.setdefault(key, []).append((old, new))
        for (old, new, facts, only_follows), names in groups.items():
            shown = names[0] if len(names) == 1 else (old, new)
            yield Change(*shown, len(names), facts, only_follows)

    def causes(self, one: Leaf, other: Leaf) -> Iterator[Fact]:
        """What the author of the change did to a node."""
        old, new = one.node, other.node
        if one.name != other.name and (one.given or other.given):
            yield "name", old.name, new.name
        if old.op.name != new.op.name:
            yield "operator", describe(old.op), describe(new.op)
        else:
            yield from differing("", attributes(old), attributes(new))
        yield from differing("reads", *self.wires(old.name, new.name))
        then, now = (
            self.ties(self.before, old.name, self.names),
            self.ties(self.after, new.name, {}),
        )
        if then.keys() == now.keys():  # slots that come and go have an attribute that says so
            yield from differing("weights of", then, now)

    def follows(self, one: Leaf, other: Leaf) -> Iterator[Fact]:
        """Results that changed: shapes, or dtypes."""
        old, new = one.node.outputs, other.node.outputs
        if shape(old) != shape(new):
            yield "shape", shape(old), shape(new)
        elif list(map(str, old)) != list(map(str, new)):
            yield "type", " ".join(map(str, old)), " ".join(map(str, new))

    def wires(self, old: str, new: str) -> tuple[dict[str, str], dict[str, str]]:
        """What the ports of a node read, in new names; what was put between does not count."""
        first, second = self.before.wires_of(old), self.after.wires_of(new)
        scope = new.rpartition(".")[0]
        same = {
            port
            for port in first.keys() & second.keys()
            if self.source(first[port]) == self.target(second[port])
        }
        then = {port: self.old_name(value) for port, value in first.items() if port not in same}
        now = {port: result(value) for port, value in second.items() if port not in same}
        return (
            {port: relative(name, scope) for port, name in then.items()},
            {port: relative(name, scope) for port, name in now.items()},
        )

    def new(self, value: Value) -> Value:
        """A value of the old graph under the new name of its node."""
        return Value(self.names.get(value.node, value.node), value.output)

    def old_name(self, value: Value) -> str:
        """A value of the old graph by its name in the new one."""
        return result(self.new(value))

    def source(self, value: Value) -> Value:
        """A value of the old graph in new names: behind nodes that are gone, what they read."""
        while value.node not in self.names and (wires := self.before.wires_of(value.node)):
            value = next(iter(wires.values()))
        return self.new(value)

    def target(self, value: Value) -> Value:
        """A value of the new graph: behind nodes that are new, what they read."""
        while value.node not in self.kept and (wires := self.after.wires_of(value.node)):
            value = next(iter(wires.values()))
        return value

    def ties(self, graph: Graph, name: str, names: Mapping[str, str]) -> dict[str, str]:
        """Whose weights each slot uses: ``own``, or those of a node by its new name."""
        found: dict[str, str] = {}
        for slot, stored in graph[name].parameters.items():
            owner, _, own = stored.rpartition(".")
            found[slot] = "own" if owner == name else f"{names.get(owner, owner)}.{own}"
        return found


def result(value: Value) -> str:
    """A result by the name of its node."""
    return f"{value.node}.{value.output}" if value.output else value.node


def relative(name: str, scope: str) -> str:
    """A name as the nodes of a scope see it: copies of one block then say the same."""
    return name.removeprefix(f"{scope}.") if scope else name


def pattern(name: str) -> str:
    """A name with * for the numbers of copies.

    >>> pattern("encoder.3.norm")
    'encoder.*.norm'
    """
    return NUMBER.sub("*", name)
