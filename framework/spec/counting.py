"""How many nodes a model unrolls to at least, counted before any of them is built.

Copies that do not differ are multiplied and equal uses of a block are counted once, so that
`repeat` within `repeat`, or blocks that each use the next one ten times, cost nothing. What
depends on the sizes of inputs counts as nothing: the builder still counts what it builds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from framework.errors import Mistake, Place
from framework.limits import BLOCK_DEPTH, GRAPH_NODES, REPEATS
from framework.spec.arguments import Binder, bind_lets
from framework.spec.blocks import chosen_block
from framework.spec.document import NodeSpec
from framework.spec.expressions import Expression
from framework.spec.frames import Frame
from framework.spec.lint_results import flatten
from framework.spec.report import Report
from framework.spec.values import PlacedMistake, Reported, Scope

MOST_LOOKED_AT = 1_000  # copies that differ and are counted one by one
MOST_VISITS = 20_000  # entries looked at; what comes later counts as nothing

Key = tuple[object, ...]


def check_count(nodes: Iterable[NodeSpec], frame: Frame) -> int:
    """At least so many nodes has a model; raises a mistake at the node that is one too many."""
    counter = Counter()
    total = 0
    for spec in nodes:
        total += counter.node(spec, frame)
        if total > GRAPH_NODES and not counter.endless:
            notes = [f"it would have at least {total:,}"] if total <= 10**15 else []
            raise PlacedMistake(
                spec.place,
                f"the model unrolls to more than {GRAPH_NODES:,} nodes",
                code="size",
                hint="repeat fewer nodes",
                notes=notes,
            )
    return total


class Counter:
    """Counts nodes as the builder does, those included that ``when`` removes."""

    def __init__(self) -> None:
        self.known: dict[Key, int] = {}
        self.differing: dict[Place, bool] = {}
        self.depth = 0
        self.visits = 0
        self.endless = False
        """Blocks that use themselves without end have a message of their own."""

    def nodes(self, specs: Iterable[NodeSpec], frame: Frame) -> int:
        """At least so many nodes has a list."""
        return sum(self.node(spec, frame) for spec in specs)

    def node(self, spec: NodeSpec, frame: Frame) -> int:
        """At least so many nodes has one entry with its copies; what is unclear has none."""
        self.visits += 1
        if spec.broken or self.visits > MOST_VISITS:
            return 0
        try:
            return self.copy(spec, frame) if spec.repeat is None else self.copies(spec, frame)
        except (Mistake, Reported):
            return 0

    def copies(self, spec: NodeSpec, frame: Frame) -> int:
        """All copies of a repeated node; the builder complains of impossible numbers."""
        count = 0 if spec.repeat is None else spec.repeat.evaluate(frame.scope)
        if not 0 < count <= REPEATS:
            return 0
        if not self.differ(spec):
            return int(count) * self.copy(spec, frame.at_copy(0))
        least = self.least(spec, frame)
        total = int(count) * least
        for number in range(min(count, MOST_LOOKED_AT)):
            if total > GRAPH_NODES:
                break
            total += max(0, self.copy(spec, frame.at_copy(number)) - least)
        return total

    def least(self, spec: NodeSpec, frame: Frame) -> int:
        """At least so many nodes has every copy, whatever ``i`` is."""
        if spec.when is not None and "i" in spec.when.names:
            return 1
        scope = Scope(frame.scope.values, {*frame.scope.broken, "i"})
        return self.copy(spec, replace(frame, scope=scope))

    def differ(self, spec: NodeSpec) -> bool:
        """May the copies of a node have different numbers of nodes?"""
        if spec.place not in self.differing:
            named = (expression.names for expression in expressions(spec))
            self.differing[spec.place] = any("i" in names for names in named)
        return self.differing[spec.place]

    def copy(self, spec: NodeSpec, frame: Frame) -> int:
        """One copy: the node itself, and all within."""
        if spec.when is not None and frame.scope.evaluate(spec.when) is not True:
            return 1
        if spec.kind == "use":
            return 1 + self.block(spec, frame)
        return 1 + self.nodes(spec.body, frame) + self.nodes(spec.skip or (), frame)

    def block(self, spec: NodeSpec, frame: Frame) -> int:
        """The nodes of a block with the arguments given here."""
        if self.depth >= BLOCK_DEPTH:
            self.endless = True
            return 0
        inside = entered(spec, frame)
        key = key_of(inside)
        if key not in self.known:
            self.depth += 1
            self.known[key] = 0  # what it has, if it uses itself in this very way
            self.known[key] = self.nodes(inside.block.nodes, inside)
            self.depth -= 1
        return self.known[key]


def entered(spec: NodeSpec, frame: Frame) -> Frame:
    """A frame with the arguments of a block; the sizes that its inputs bind stay unknown."""
    chosen = chosen_block(spec, frame)
    block, silent = chosen.block, Report()
    sizes = {axis.name for port in block.inputs for axis in port.shape.axes if axis is not None}
    unknown = {name for name in sizes if name is not None} - {arg.name for arg in block.args}
    inside = Frame(block, chosen.home, Scope(broken={*block.broken, *unknown}))
    declared = {arg.name for arg in block.args}
    given = {a.key.raw: a for a in spec.arguments if a.key.raw in declared}
    Binder(silent).bind(inside, given, frame, spec.word.place, scope=frame.scope)
    bind_lets(inside, silent)
    return inside


def key_of(frame: Frame) -> Key:
    """Equal for blocks that have equal nodes: the same block with the same arguments."""
    chosen = [(name, str(c.block.place)) for name, c in sorted(frame.choices.items())]
    values = [(name, type(v), str(v)) for name, v in sorted(frame.scope.values.items())]
    return (frame.block.name, str(frame.block.place), *chosen, *values)


def expressions(spec: NodeSpec) -> Iterator[Expression]:
    """What decides how many nodes there are within a node, without its own ``repeat``."""
    for inner in flatten((spec,)):
        if inner.when is not None:
            yield inner.when
        if inner.repeat is not None and inner is not spec:
            yield from inner.repeat.expressions
        for argument in inner.arguments:
            if argument.expression is not None:
                yield argument.expression
