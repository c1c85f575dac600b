"""``use:`` a block: bind its arguments and the patterns of its ports, give a frame to build in."""

from __future__ import annotations

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.dims import Shape, Size, format_shape
from framework.ir.graph import Graph, Scope, Value
from framework.spec.arguments import Binder, bind_lets
from framework.spec.demands import Demands
from framework.spec.document import Block, InputSpec, NodeSpec
from framework.spec.frames import Chosen, Frame, Result
from framework.spec.lint_results import flatten
from framework.spec.origins import where_is
from framework.spec.report import Report
from framework.spec.requirements import check_requirements
from framework.spec.sites import Site, taken
from framework.spec.values import PlacedMistake, Reported, worth
from framework.spec.values import Scope as Names
from framework.spec.wiring import Wired, place_of

LONGEST_CHAIN = 4
LONGEST_PATH = 80

Aligned = tuple[Size | Shape, ...]
"""Sizes by axis of a pattern; a tuple for ``...``."""


def chosen_block(spec: NodeSpec, frame: Frame) -> Chosen:
    """The block that ``use: word`` means: an argument's, otherwise one of the document's."""
    name = spec.label
    if name in frame.choices:
        chosen = frame.choices[name]
    elif name in frame.scope.broken or name not in frame.home.blocks:
        raise Reported  # the block, the argument or this very word has been reported
    else:
        chosen = Chosen(frame.home.blocks[name], frame.home.home(name))
    if not chosen.block.usable:
        raise Reported
    return chosen


class BlockEntry:
    """Makes the frame of one copy of a block."""

    def __init__(self, graph: Graph, report: Report, demands: Demands) -> None:
        self.graph = graph
        self.report = report
        self.demands = demands

    def enter(self, site: Site, chosen: Chosen, wires: Wired) -> Frame:
        """The frame; raises `Reported` where the block cannot be built."""
        block = chosen.block
        if site.path in self.graph.scopes or site.path in self.graph:
            raise taken(site)
        line = site.spec.word.place.line
        note = f"in block '{block.name}' used as {shortened(site.path)} on line {line}"
        frame = Frame(
            block,
            chosen.home,
            Names(broken=set(block.broken)),
            site.path,
            site.stored,
            notes=chain(note, site.frame.notes),
            reserved=reserved_names(block),
            borrowed=site.borrowed,
        )
        self.note_scope(site, block, wires)
        self.arguments(site, block, frame)
        self.ports(site, block, frame, wires)
        bind_lets(frame, self.report)
        if not check_requirements(frame, self.report, self.demands):
            raise Reported
        return frame

    def note_scope(self, site: Site, block: Block, wires: Wired) -> None:
        """Remember which block made the scope, for drawing and folding."""
        first = wires.get(block.inputs[0].name) if block.inputs else None
        self.graph.scopes[site.path] = Scope(
            site.path,
            block.name,
            site.number,
            1 if site.count is None else site.count,
            site.spec.word.place,
            site.spec.doc or block.doc,
            first.node if isinstance(first, Value) else None,
        )

    def arguments(self, site: Site, block: Block, frame: Frame) -> None:
        """``with:``; a block chosen by an argument ignores those that it does not declare."""
        declared = {arg.name for arg in block.args}
        given = {a.key.raw: a for a in site.spec.arguments if a.key.raw in declared}
        if len(given) < len(site.spec.arguments) and site.spec.label not in site.frame.choices:
            raise Reported
        Binder(self.report).bind(
            frame, given, site.frame, site.spec.word.place, scope=site.frame.scope
        )

    def ports(self, site: Site, block: Block, frame: Frame, wires: Wired) -> None:
        """Match every port's pattern, in order; its names become known."""
        for spec in block.inputs:
            value = wires[spec.name]
            if not isinstance(value, Value):
                raise Mistake(f"the input '{spec.name}' of '{block.name}' takes one value")
            self.port(site, spec, value, frame)
            frame.results[spec.name] = Result({"": value})

    def port(self, site: Site, spec: InputSpec, value: Value, frame: Frame) -> None:
        """One port: rank, dtype and sizes."""
        type_ = self.graph.type_of(value)
        what = f"'{frame.block.name}' wants {spec.name}: {spec.shape}"
        place = place_of(site.spec)
        if spec.dtype is not None and type_.dtype != spec.dtype:
            fact = f"{what} of {spec.dtype}, got {type_.dtype}"
            raise PlacedMistake(place, fact, code="dtype", notes=frame.notes)
        sizes = self.align(spec, type_.shape, frame)
        if sizes is None:
            fact = f"{what}, got {format_shape(type_.shape)}"
            raise PlacedMistake(place, fact, code="shape", notes=frame.notes)
        conditions = self.bind_axes(spec, sizes, frame, what)
        notes = (f"{spec.name}: is declared {where_is(spec.place, place)}", *frame.notes)
        if not self.demands.check(conditions, place, "", notes, (value,)):
            raise Reported

    def align(self, spec: InputSpec, shape: Shape, frame: Frame) -> Aligned | None:
        """The sizes that named axes meet; ``...`` takes the others. None: the rank is wrong."""
        axes = spec.shape.axes
        if None not in axes:
            return shape if len(shape) == len(axes) else None
        spare = len(shape) - len(axes) + 1
        if spare < 0:
            return None
        at = axes.index(None)
        rest = shape[at : at + spare]
        if frame.rest is not None and len(frame.rest) != len(rest):
            return None
        return (*shape[:at], rest, *shape[at + spare :])

    def bind_axes(
        self, spec: InputSpec, sizes: Aligned, frame: Frame, what: str
    ) -> list[Condition]:
        """Bind bare unbound names; everything else must agree."""
        conditions: list[Condition] = []
        for axis, size in zip(spec.shape.axes, sizes, strict=True):
            if axis is None or isinstance(size, tuple):
                rest = size if isinstance(size, tuple) else (size,)
                frame.rest = rest if frame.rest is None else frame.rest
                pairs = zip(rest, frame.rest, strict=True)
                conditions += [Condition("==", have, want, what) for have, want in pairs]
            elif axis.name is not None and axis.name not in known_names(frame):
                frame.scope.values[axis.name] = size
            else:
                want = frame.scope.evaluate(axis)
                if isinstance(want, bool | float | str):
                    raise PlacedMistake(axis.place, f"expected a size, {worth(axis.text, want)}")
                conditions.append(Condition("==", size, want, what))
        return conditions


def shortened(path: str) -> str:
    """A long path by its start and its end."""
    return path if len(path) <= LONGEST_PATH else f"{path[: LONGEST_PATH // 2]}…{path[-20:]}"


def chain(note: str, outer: tuple[str, ...]) -> tuple[str, ...]:
    """The blocks around a place, innermost first; of a long chain the near ones and the last."""
    return (note, *outer) if len(outer) <= LONGEST_CHAIN else (note, *outer[:3], outer[-1])


def known_names(frame: Frame) -> set[str]:
    """Names that are bound or broken."""
    return {*frame.scope.values, *frame.scope.broken}


def reserved_names(block: Block) -> frozenset[str]:
    """Names that nodes without id may not take: ids and ports."""
    ids = {spec.id.raw for spec in flatten(block.nodes) if spec.id is not None}
    return frozenset(ids | {spec.name for spec in block.inputs})
