"""A scope taken apart: each node by its rule, or by what it decomposes into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framework.errors import Mistake
from framework.exchange.torch_rules import RULES
from framework.exchange.torch_rules.registry import Answer, Held, Module, Site
from framework.exchange.torch_source.code import Code, Make, Member, Stored, Tensor
from framework.exchange.torch_source.names import own_name
from framework.exchange.torch_source.parts import Body, Step
from framework.exchange.torch_source.tree import Tree, home_of, inside
from framework.ir.graph import Graph, Node, Value, grouped
from framework.ir.op import Op, find_op
from framework.ir.types import TensorType

__all__ = ["Gaps", "Writer"]


@dataclass
class Gaps:
    """Nodes that cannot be written, by operator; ``reasons`` where there is more to say."""

    nodes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, op: str, node: str, reason: str | None = None) -> None:
        """Remember a node."""
        self.nodes[op].append(node)
        if reason is not None:
            self.reasons[op] = reason


class Writer:
    """Adds nodes to a body."""

    def __init__(self, graph: Graph, tree: Tree, gaps: Gaps) -> None:
        self.graph = graph
        self.tree = tree
        self.gaps = gaps
        self.owners = tree.owners()
        self.crowds = tree.crowds()
        outputs = graph.outputs.values()
        self.read = {Value(s, d["output"]) for s, _, d in graph.nx.edges(data=True)} | {*outputs}

    def node(self, body: Body, node: Node) -> None:
        """Add a node of the graph."""
        values = tuple(Value(node.name, i) for i in range(len(node.outputs)))
        step = Pending(self, body, node, values)
        step.add(node.op, self.held(node), node.outputs, values)

    def held(self, node: Node) -> dict[str, Held | tuple[Held, ...]]:
        """What is at each port and slot, in the order of the signature."""
        wires = grouped(node.op, self.graph.wires_of(node.name))
        stored = self.tree.stored(node)
        found: dict[str, Held | tuple[Held, ...]] = {}
        for port in node.op.ports.inputs:
            wire = wires.get(port.name)
            if isinstance(wire, tuple):
                found[port.name] = tuple(map(self.tensor, wire))
            elif wire is not None:
                found[port.name] = self.tensor(wire)
            elif port.name in stored:
                parameter = self.graph.parameters[node.parameters[port.name]]
                type_ = TensorType(parameter.shape, parameter.dtype)
                found[port.name] = Held(Stored(stored[port.name]), type_)
        return found

    def tensor(self, value: Value) -> Held:
        """A tensor of the graph."""
        return Held(Tensor(value), self.graph.type_of(value))


class Pending:
    """The steps that one node of the graph becomes."""

    def __init__(self, writer: Writer, body: Body, node: Node, results: tuple[Value, ...]) -> None:
        self.writer = writer
        self.body = body
        self.node = node
        self.results = results
        self.count = 0
        self.home = home_of(writer.tree.stored(node).items())

    def add(
        self,
        op: Op,
        held: Mapping[str, Held | tuple[Held, ...]],
        types: tuple[TensorType, ...],
        values: tuple[Value, ...],
    ) -> None:
        """Write one operator by its rule, or by what it decomposes into."""
        wanted = tuple(v not in self.results or v in self.writer.read for v in values)
        site = Site(op, held, types, wanted, self.may_own(op))
        answer = self.answer(op, site)
        if isinstance(answer, Module):
            member = self.make(op, answer.make)
            if member is not None:
                self.module_step(site, answer, member, values)
                return
            site = Site(op, held, types, wanted, own=False)
            answer = self.answer(op, site)
        if answer is None or isinstance(answer, Module) or not covers(answer, wanted):
            self.decompose(op, held, values)
        else:
            self.expressions(site, answer, values)

    def module_step(
        self, site: Site, module: Module, member: Member, values: tuple[Value, ...]
    ) -> None:
        """The call of a module; a constant has none."""
        call = f"({module.call})" if module.make.kind == "module" else ""
        count = len(values) if module.whole else 1
        self.step(values[:count], site.types[:count], (member, *site.cut(call)))

    def expressions(
        self, site: Site, answer: str | tuple[str | None, ...], values: tuple[Value, ...]
    ) -> None:
        """One expression for all results, or one for each that is wanted."""
        if isinstance(answer, str):
            self.step(values, site.types, site.cut(answer))
            return
        for value, type_, text, want in zip(values, site.types, answer, site.wanted, strict=True):
            if want and text is not None:
                self.step((value,), (type_,), site.cut(text))

    def answer(self, op: Op, site: Site) -> Answer:
        """What the rule says; None where there is none."""
        rule = RULES.get(op.name)
        return None if rule is None else rule(site)

    def step(self, values: tuple[Value, ...], types: tuple[TensorType, ...], code: Code) -> None:
        """Append a step; the one that gives the node's result has its name and doc."""
        label = doc = None
        if values[0] in self.results:
            last = self.node.name.rpartition(".")[2]
            label, doc = own_name(last, self.node.op.name), self.node.doc
        self.body.steps.append(Step(values, types, code, label, doc))
        self.body.types.update(zip(values, types, strict=True))

    # ------------------------------------------------------------------ modules

    def may_own(self, op: Op) -> bool:
        """Are all weights stored under the node's own name, in this scope, and no others?"""
        if op is not self.node.op or self.home is None:
            return False
        stored = set(self.writer.tree.stored(self.node).values())
        if self.writer.crowds[self.home] != len(stored):
            return False
        return self.writer.tree.keeper(f"{self.home}.x") == self.body.path

    def make(self, op: Op, make: Make) -> Member | None:
        """Make the module; None where another one stands there, or the weights are elsewhere."""
        if op is self.node.op and self.node.parameters and make.kind == "module":
            return self.weighty(make)
        path = self.node.name
        if op is not self.node.op or self.node.parameters:
            path = f"{path}_{op.name}"
            self.count += 1
            path = path if self.count == 1 else f"{path}_{self.count}"
        self.body.makes[inside(path, self.body.path) or path] = make
        return Member(path)

    def weighty(self, make: Make) -> Member | None:
        """A module with weights."""
        if self.home is None or not self.may_own(self.node.op):
            return None
        rel = inside(self.home, self.body.path) or self.home
        if self.writer.owners.get(self.home) != self.node.name:
            return Member(self.home) if self.body.makes.get(rel) == make else None
        self.body.makes[rel] = make
        return Member(self.home)

    # ------------------------------------------------------------------ decomposition

    def decompose(
        self, op: Op, held: Mapping[str, Held | tuple[Held, ...]], values: tuple[Value, ...]
    ) -> None:
        """Write what a composite says that it is."""
        rule = getattr(op, "decompose", None)
        if rule is None:
            self.gap(op, values)
            return
        arguments: list[Any] = []
        for port in op.ports.inputs:
            found = held.get(port.name)
            arguments.append(found)
        try:
            answer = rule(Decomposition(self), *arguments)
        except Mistake as mistake:
            self.gap(op, values, mistake.fact)
            return
        given = answer if isinstance(answer, tuple) else (answer,)
        for value, one in zip(values, given, strict=True):
            if one is not None:
                self.step((value,), (one.type,), (one.part,))

    def gap(self, op: Op, values: tuple[Value, ...], reason: str | None = None) -> None:
        """Note what cannot be written, and go on to find what else cannot."""
        self.writer.gaps.note(op.name, self.node.name, reason)
        type_ = self.node.outputs[0]
        self.step(values, (type_,) * len(values), ("None",))

    def fresh(self, count: int) -> tuple[Value, ...]:
        """New values."""
        self.count += 1
        return tuple(Value(f"{self.node.name}#{self.count}", i) for i in range(count))


def covers(answer: Answer, wanted: Sequence[bool]) -> bool:
    """Does the answer give every result that somebody wants?"""
    if not isinstance(answer, tuple):
        return True
    return all(text is not None for text, want in zip(answer, wanted, strict=True) if want)


class Decomposition:
    """What `Op.decompose` builds with."""

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def shape(self, value: Held) -> tuple[Any, ...]:
        """Shape of a value."""
        return value.type.shape

    def dtype(self, value: Held) -> str:
        """Dtype of a value."""
        return value.type.dtype

    def __getattr__(self, name: str) -> Any:
        def build(*values: Held | None, **attributes: Any) -> Held | tuple[Held, ...]:
            return self._build(find_op(name)(**attributes), values)

        return build

    def _build(self, op: Op, values: Sequence[Held | None]) -> Held | tuple[Held, ...]:
        """One smaller operator."""
        op.check()
        held = by_port(op, values)
        types = op.infer({port: given_type(one) for port, one in held.items()}).outputs
        results = self._pending.fresh(len(types))
        self._pending.add(op, held, types, results)
        found = tuple(Held(Tensor(v), t) for v, t in zip(results, types, strict=True))
        return found if len(found) > 1 else found[0]


def by_port(op: Op, values: Sequence[Held | None]) -> dict[str, Held | tuple[Held, ...]]:
    """Positional values at their ports; a variadic port takes all that are left."""
    held: dict[str, Held | tuple[Held, ...]] = {}
    rest = list(values)
    for port in op.ports.inputs:
        if port.variadic:
            held[port.name] = tuple(one for one in rest if one is not None)
            rest = []
        elif rest and (one := rest.pop(0)) is not None:
            held[port.name] = one
    return held


def given_type(held: Held | tuple[Held, ...]) -> Any:
    """The type, or types, of what is at a port."""
    return tuple(one.type for one in held) if isinstance(held, tuple) else held.type
