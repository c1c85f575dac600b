"""Nodes of the document become nodes of the graph, typed as they are added.

A node that fails is reported once and yields nothing (None); whatever reads it is skipped
in silence.  Recursion follows the nesting of blocks in the text, never the graph.
"""

from __future__ import annotations

from collections.abc import Iterable

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.dims import format_shape
from framework.ir.graph import Graph, Value
from framework.limits import BLOCK_DEPTH, GRAPH_NODES
from framework.spec.blocks import BlockEntry, chosen_block
from framework.spec.demands import Demands
from framework.spec.document import NodeSpec
from framework.spec.expressions import ExpressionError
from framework.spec.frames import Chosen, Frame, Result
from framework.spec.operators import OperatorAdder, sum_of
from framework.spec.report import Report
from framework.spec.sites import Site, resolve_first, sites
from framework.spec.values import PlacedMistake, Reported, worth
from framework.spec.wiring import PortSpec, Wired, connect, ports_of_block, ports_of_op, resolve


class Abandoned(Exception):
    """Going on would take for ever: too many nodes, or blocks in blocks; it has been reported."""


class Elaborator:
    """Walks the nodes of a frame and adds them to the graph."""

    def __init__(self, graph: Graph, report: Report, demands: Demands) -> None:
        self.graph = graph
        self.report = report
        self.demands = demands
        self.operators = OperatorAdder(graph, report, demands)
        self.entry = BlockEntry(graph, report, demands)
        self.stack: list[str] = []
        self.visited = 0

    def nodes(self, specs: Iterable[NodeSpec], start: Result | None, frame: Frame) -> Result | None:
        """A list of nodes, each reading the previous one; the last result."""
        previous = start
        for spec in specs:
            previous = self.node(spec, previous, frame)
        return previous

    def node(self, spec: NodeSpec, previous: Result | None, frame: Frame) -> Result | None:
        """One node with its copies; its mistakes are reported here, with the chain of blocks."""
        result: Result | None = None
        try:
            if not spec.broken:
                result = self.copies(spec, previous, frame)
        except Reported:
            pass
        except Mistake as error:
            known = set(error.notes)
            notes = [note for note in frame.notes if note not in known]
            self.report.mistake(error, spec.word.place, notes)
        if spec.id is not None:
            frame.results[spec.id.raw] = result
        return result

    def copies(self, spec: NodeSpec, previous: Result | None, frame: Frame) -> Result | None:
        """The node, as often as ``repeat`` says; the result of the last copy."""
        if spec.repeat is None and not self.wanted(spec, frame):
            self.count(spec)
            return self.first_value(spec, previous, frame)
        result = None if spec.repeat is None else self.first_value(spec, previous, frame)
        for site in sites(spec, self.name(spec, frame), previous, frame):
            self.count(spec)
            if spec.repeat is not None and not self.wanted(spec, site.frame):
                continue
            site.carried = result if site.number else None
            result = self.build(site)
            if result is None:
                raise Reported
        if result is not None and spec.shape is not None:
            self.check_shape(spec, result, frame)
        return result

    def first_value(self, spec: NodeSpec, previous: Result | None, frame: Frame) -> Result | None:
        """What the first input gets: the result of a node of which nothing remains."""
        if spec.wiring is None or not spec.wiring.named:
            return resolve_first(spec, previous, frame)
        if spec.op is not None:
            ports = ports_of_op(spec.op)
        else:
            ports = ports_of_block(chosen_block(spec, frame).block)
        wires = connect(spec, ports, previous, frame)
        value = next(iter(wires.values()))
        return Result({"": value if isinstance(value, Value) else value[0]})

    def name(self, spec: NodeSpec, frame: Frame) -> str:
        """The id, or a name after the operator or block; plain structures need none."""
        if spec.id is not None:
            return spec.id.raw
        if spec.kind in ("residual", "sequence") and spec.repeat is None:
            return ""
        chosen = frame.choices.get(spec.label) if spec.kind == "use" else None
        return frame.fresh(spec.label if chosen is None else chosen.block.name)

    def wanted(self, spec: NodeSpec, frame: Frame) -> bool:
        """The node's ``when``."""
        if spec.when is None:
            return True
        try:
            value = frame.scope.evaluate(spec.when)
        except ExpressionError as error:
            if error.code == "undecided" and error.hint is None:
                error.hint = "when: needs one answer for all sizes: make the size an argument"
            raise
        if isinstance(value, bool):
            return value
        fact = f"a condition must be true or false, {worth(spec.when.text, value)}"
        raise PlacedMistake(spec.when.place, fact)

    def count(self, spec: NodeSpec) -> None:
        """Hold the limit on the number of nodes, those included that ``when`` removes."""
        self.visited += 1
        if self.visited > GRAPH_NODES:
            fact = f"the model unrolls to more than {GRAPH_NODES:,} nodes"
            self.report.add("size", fact, spec.place, "repeat fewer nodes")
            raise Abandoned

    def build(self, site: Site) -> Result | None:
        """One copy of a node."""
        match site.spec.kind:
            case "use":
                return self.block(site)
            case "residual":
                return self.residual(site)
            case "sequence":
                return self.nodes(site.spec.body, site.begin(), site.inner)
        if site.spec.op is None:
            raise Reported
        return self.operators.add(site, self.wires(site, ports_of_op(site.spec.op)))

    def wires(self, site: Site, ports: tuple[PortSpec, ...]) -> Wired:
        """Values by port; from the second copy on, the first port gets the previous copy's."""
        found = connect(site.spec, ports, site.previous, site.frame)
        if site.carried is not None and ports:
            value = site.carried.plain
            found[ports[0].name] = (value,) if ports[0].variadic else value
        return found

    def block(self, site: Site) -> Result | None:
        """``use``: a block's nodes in a frame of its own."""
        chosen = chosen_block(site.spec, site.frame)
        if len(self.stack) >= BLOCK_DEPTH:
            hint = "a block that uses itself needs a when: that ends it"
            place, notes = site.spec.word.place, site.frame.notes
            self.report.add("recursion", self.too_deep(chosen), place, hint, notes[-1:])
            raise Abandoned
        wires = self.wires(site, ports_of_block(chosen.block))
        frame = self.entry.enter(site, chosen, wires)
        start = next(iter(frame.results.values()), None)
        self.stack.append(chosen.block.name)
        try:
            last = self.nodes(chosen.block.nodes, start, frame)
        finally:
            self.stack.pop()
        if chosen.block.outputs:
            values = {o.name: resolve(o.node, last, frame) for o in chosen.block.outputs}
            return Result(values, chosen.block.name)
        return None if last is None else Result(last.values, chosen.block.name)

    def too_deep(self, chosen: Chosen) -> str:
        """Why blocks nest without end."""
        name = chosen.block.name
        if name not in self.stack:
            deepest = " -> ".join(self.stack[-3:])
            return f"blocks are nested deeper than {BLOCK_DEPTH} levels: ... {deepest} -> {name}"
        cycle = self.stack[len(self.stack) - 1 - self.stack[::-1].index(name) :]
        return f"the block uses itself without end: {' -> '.join((*cycle, name))}"

    def residual(self, site: Site) -> Result | None:
        """Body plus skip; both must have exactly one shape (nothing broadcasts)."""
        spec, start, frame = site.spec, site.begin(), site.inner
        body = self.nodes(spec.body, start, frame)
        skip = start if spec.skip is None else self.nodes(spec.skip, start, frame)
        if body is None or skip is None:
            raise Reported
        branches = (body.plain, skip.plain)
        self.check_branches(site, *branches)
        return sum_of(site, self.operators, branches)

    def check_branches(self, site: Site, body: Value, skip: Value) -> None:
        """The two branches of a residual must agree in rank and in every size."""
        left, right = self.graph.type_of(body).shape, self.graph.type_of(skip).shape
        text = f"the body gives {format_shape(left)}, the skip {format_shape(right)}"
        what = f"residual: {text}"
        if len(left) != len(right):
            raise Mistake(what, code="shape", hint="both need the same number of axes")
        pairs = zip(left, right, strict=True)
        conditions = [Condition("==", a, b, what) for a, b in pairs]
        place, notes = site.spec.word.place, site.frame.notes
        if not self.demands.check(conditions, place, "", notes, (body, skip)):
            raise Reported

    def check_shape(self, spec: NodeSpec, result: Result, frame: Frame) -> None:
        """``shape:`` is a checked comment; a node that breaks it is still typed."""
        if spec.shape is None:
            return
        want = spec.shape.evaluate(frame.scope)
        have = self.graph.type_of(result.plain).shape
        fact = f"the result is {format_shape(have)}"
        if len(want) != len(have):
            fact = f"{fact}, not {format_shape(want)}"
            hint = f"flatten or reshape further up, or write all {len(have)} axes"
            hint = hint if len(have) > len(want) else f"the result has {len(have)} axes"
            self.report.add("shape", fact, spec.shape.place, hint, frame.notes)
            return
        conditions = [Condition("==", a, b, fact) for a, b in zip(have, want, strict=True)]
        self.demands.check(conditions, spec.shape.place, "", frame.notes, (result.plain,))
