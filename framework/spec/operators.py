"""One operator of the document becomes one node of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework.errors import Mistake, Place, did_you_mean
from framework.ir.graph import Graph, Node, Parameter, Value, flat
from framework.ir.op import Inference, Op, find_op
from framework.ir.types import TensorType
from framework.source import YamlNode
from framework.spec.demands import Demands
from framework.spec.frames import Result, join
from framework.spec.report import Report
from framework.spec.sites import Site, taken
from framework.spec.values import PlacedMistake, Reported, plain
from framework.spec.wiring import Wired


class OperatorAdder:
    """Types operators and adds them, with their parameters, to a graph."""

    def __init__(self, graph: Graph, report: Report, demands: Demands) -> None:
        self.graph = graph
        self.report = report
        self.demands = demands

    def add(self, site: Site, wires: Wired) -> Result:
        """The node's result; raises what is wrong with it."""
        op = self.instance(site)
        return self.append(site, op, wires, site.name)

    def append(self, site: Site, op: Op, wires: Wired, name: str) -> Result:
        """Add an operator under a name in the site's frame."""
        place, path = site.spec.word.place, join(site.frame.path, name)
        inference = self.infer(site, op, wires, path)
        if path in self.graph or path in self.graph.scopes:
            raise taken(site)  # before its weights meet those of the other node
        parameters = self.parameters(site, op, inference)
        node = Node(path, op, inference.outputs, parameters, place, site.spec.doc)
        self.graph.add(node, wires)
        names = op.output_names(len(inference.outputs))
        return Result({name: Value(path, i) for i, name in enumerate(names)})

    def instance(self, site: Site) -> Op:
        """The operator with its attributes evaluated."""
        cls = site.spec.op
        if cls is None:
            raise Reported
        values: dict[str, Any] = {}
        further: list[tuple[str, Any]] = []
        declared = {attribute.name: attribute for attribute in cls.attributes}
        for name, pending in site.spec.attributes.items():
            value = pending.evaluate(site.frame.scope)
            if name in declared:
                values[name] = value
            else:
                further.append((name, value))
        for attribute in cls.attributes:
            if attribute.kind.name == "named":
                values[attribute.name] = tuple(further)
        op = cls(**values)
        try:
            op.check()
        except Mistake as error:
            raise prefixed(error, op) from None
        return op

    def infer(self, site: Site, op: Op, wires: Wired, path: str) -> Inference:
        """Types by the operator's rules; what must hold is demanded here."""
        try:
            inference = op.infer(self.graph.given_by(wires), self.graph.namer(path))
        except Mistake as error:
            values = [value for _, value in flat(wires)]
            came = self.demands.origins.of_text(error.fact, values, site.spec.word.place)
            raise prefixed(error, op, came) from None
        place, notes = site.spec.word.place, site.frame.notes
        values = [value for _, value in flat(wires)]
        if not self.demands.check(inference.conditions, place, f"{op.name}: ", notes, values):
            raise Reported
        return inference

    # ------------------------------------------------------------------ parameters

    def parameters(self, site: Site, op: Op, inference: Inference) -> dict[str, str]:
        """Stored tensors by slot: new ones, shared ones, tied ones."""
        for slot, (key, _) in site.spec.tied.items():
            if slot not in inference.parameters:
                slots = ", ".join(inference.parameters) or "none"
                hint = did_you_mean(slot, inference.parameters) or f"weights: {slots}"
                fact = f"{op.name} has no weight '{slot}'"
                raise PlacedMistake(key.place, fact, hint=hint, code="unknown-weight")
        self.check_initial(site, op, inference)
        return {
            slot: self.parameter(site, op, slot, type_)
            for slot, type_ in inference.parameters.items()
        }

    def parameter(self, site: Site, op: Op, slot: str, type_: TensorType) -> str:
        """Name of the stored tensor at a slot."""
        shape = tuple(int(str(size)) for size in type_.shape)
        if slot in site.spec.tied:
            return self.tied(site, op, slot, shape)
        name = join(site.stored, slot)
        known, borrowed = self.graph.parameters.get(name), site.borrowed
        if known is not None:
            place = borrowed.place if borrowed is not None else site.spec.word.place
            self.check_shared(known, shape, site, place)
            return name
        if borrowed is not None:
            hint = "share: needs a node with the same weights"
            fact = f"there is no weight {name} to share"
            raise PlacedMistake(borrowed.place, fact, hint=hint, code="unknown-weight")
        self.graph.parameters[name] = Parameter(
            name,
            shape,
            type_.dtype,
            op.learns(slot),
            initial_rule(site.spec.initial, op, slot),
            op.fans(slot, shape),
        )
        return name

    def check_initial(self, site: Site, op: Op, inference: Inference) -> None:
        """``init:`` may only name slots that the node has."""
        for slot, rule in site.spec.initial.items():
            if not inference.parameters or (slot and slot not in inference.parameters):
                hint = did_you_mean(slot, inference.parameters)
                hint = hint or f"weights: {', '.join(inference.parameters) or 'none'}"
                fact = f"init: {op.name} has no weight{f' {slot!r}' if slot else 's'}"
                raise PlacedMistake(rule.place, fact, hint=hint, code="unknown-weight")

    def tied(self, site: Site, op: Op, slot: str, shape: tuple[int, ...]) -> str:
        """``weights: {weight: embed.weight}``: an earlier node's tensor."""
        _, target = site.spec.tied[slot]
        first, _, rest = target.raw.partition(".")
        stored = site.frame.stored.get(first)
        path = join(site.frame.weights, first) if stored is None else stored.path
        name = join(path, rest)
        known = self.graph.parameters.get(name)
        if known is None:
            if first in site.frame.results and site.frame.results[first] is None:
                raise Reported
            prefix = f"{site.frame.weights}." if site.frame.weights else ""
            options = [n for n in self.graph.parameters if n.startswith(prefix)]
            options = [n.removeprefix(prefix) for n in options]
            fact = f"no earlier node has the weight '{target.raw}'"
            hint = did_you_mean(target.raw, options) or "write e.g. embed.weight"
            raise PlacedMistake(target.place, fact, hint=hint, code="unknown-weight")
        self.check_shared(known, shape, site, target.place)
        return name

    def check_shared(
        self, known: Parameter, shape: tuple[int, ...], site: Site, place: Place
    ) -> None:
        """A shared tensor must have the shape that this node needs."""
        if known.shape != shape:
            fact = f"the shared weight {known.name} is {list(known.shape)}"
            fact += f", this node needs {list(shape)}"
            hint = "nodes that share weights need the same sizes"
            self.report.add("shape", fact, place, hint, site.frame.notes)
            raise Reported


def initial_rule(given: Mapping[str | None, YamlNode], op: Op, slot: str) -> object:
    """The user's rule for this slot; one for the whole node leaves biases and statistics alone."""
    if slot in given:
        return plain(given[slot])
    general = slot not in op.buffers and op.initial[slot] not in ("zeros", "ones")
    return plain(given[None]) if None in given and general else op.initial[slot]


def prefixed(error: Mistake, op: Op, notes: Sequence[str] = ()) -> Mistake:
    """The same fact, with the operator's name before it, and further notes."""
    fact = error.fact if error.fact.startswith(op.name) else f"{op.name}: {error.fact}"
    out = Mistake(fact, hint=error.hint, notes=(*error.notes, *notes), code=error.code)
    out.place = error.place
    return out


def sum_of(site: Site, adder: OperatorAdder, branches: tuple[Value, ...]) -> Result:
    """The addition at the end of a residual; its name is free in the frame."""
    name = site.name if site.name else site.frame.fresh("add")
    return adder.append(site, find_op("add")(), {"xs": branches}, name)
