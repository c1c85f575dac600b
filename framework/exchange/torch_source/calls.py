"""Bodies of scopes: nodes by their rules, inner scopes by calls of their classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from framework.exchange.torch_source.body import Gaps, Writer
from framework.exchange.torch_source.code import Argument, Make, Member, Part, Raw, Stored, Tensor
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import own_name
from framework.exchange.torch_source.parts import Body, Step, tensors_in
from framework.exchange.torch_source.tree import ROOT, Tree, base_of, inside, prefixes
from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.types import TensorType

__all__ = ["Assembler"]


class Assembler:
    """Makes bodies; ``classes`` has the class of every scope that is done."""

    def __init__(self, graph: Graph, tree: Tree, gaps: Gaps) -> None:
        self.graph = graph
        self.tree = tree
        self.writer = Writer(graph, tree, gaps)
        self.bodies: dict[str, Body] = {}
        self.classes: dict[str, Klass] = {}
        self.readers: dict[Value, list[str]] = defaultdict(list)
        for source, target, data in graph.nx.edges(data=True):
            self.readers[Value(source, data["output"])].append(target)

    def body(self, path: str) -> Body:
        """Take one scope apart."""
        scope = self.tree.scopes.get(path)
        block, doc = (
            (self.graph.name, self.graph.doc) if scope is None else (scope.block, scope.doc)
        )
        body = self.bodies[path] = Body(path, block, doc)
        for item in self.items(path):
            self.item(body, item)
        self.add_weights(body)
        self.sort_makes(body)
        self.find_inputs(body)
        body.outputs = tuple(self.outputs(body))
        return body

    def item(self, body: Body, item: Node | list[str]) -> None:
        """Write a node, a loop over copies in a chain, or the call of each copy."""
        if isinstance(item, Node):
            self.writer.node(body, item)
        elif base_of(item[0]) is not None and self.chained(item):
            self.loop(body, item)
        else:
            for copy in item:
                self.call(body, copy)

    def items(self, path: str) -> Iterator[Node | list[str]]:
        """Nodes, and inner scopes with the copies of one repeat together."""
        copies: list[str] = []
        for item in self.tree.contents(path):
            if copies and (isinstance(item, Node) or not follows(copies[-1], item)):
                yield copies
                copies = []
            if isinstance(item, Node):
                yield item
            else:
                copies.append(item)
        if copies:
            yield copies

    # ------------------------------------------------------------------ calls

    def call(self, body: Body, copy: str) -> None:
        """Call the class of one inner scope."""
        klass, inner = self.classes[copy], self.bodies[copy]
        self.make(body, copy)
        results = klass.results(inner)
        code: tuple[Part, ...] = (Member(self.tree.real(copy)), *arguments(klass.given(inner)))
        self.step(body, Step(results, types(inner, results), code, label_of(copy, inner)))

    def make(self, body: Body, copy: str) -> None:
        """Make the module of an inner scope, unless it is an earlier one again."""
        if self.tree.real(copy) == copy:
            rel = inside(copy, body.path) or copy
            body.makes[rel] = self.classes[copy].make(self.bodies[copy])

    def make_list(self, body: Body, copies: list[str]) -> None:
        """Make the modules of a loop, those once that are used again."""
        items = [self.classes[c].make(self.bodies[c]) for c in copies if self.tree.real(c) == c]
        base = base_of(copies[0])
        if items and base is not None:
            rel = inside(base, body.path) or base
            body.makes[rel] = Make("nn.ModuleList", kind="list", items=tuple(items))

    def loop(self, body: Body, copies: list[str]) -> None:
        """Call equal copies one after the other."""
        self.make_list(body, copies)
        first, last = self.bodies[copies[0]], self.bodies[copies[-1]]
        klass = self.classes[copies[0]]
        results = self.classes[copies[-1]].results(last)
        position = self.carried(copies)
        same = self.tree.real(copies[-1]) == self.tree.real(copies[0]) != copies[-1]
        step = Step(
            results,
            types(last, results),
            arguments(klass.given(first)),
            label_of(base_of(copies[0]) or copies[0], first),
            loop=first.tensors[position if position is not None else 0],
            over=self.tree.real(copies[0]) if same else base_of(copies[0]),
            times=len(copies) if same else None,
        )
        self.step(body, step)

    def step(self, body: Body, step: Step) -> None:
        """Append a step."""
        body.steps.append(step)
        body.types.update(zip(step.results, step.types, strict=True))

    def chained(self, copies: list[str]) -> bool:
        """Does each copy hand its one result to the next, all else being the same?"""
        real = {self.tree.real(copy) for copy in copies}
        numbers = [int(copy.rpartition(".")[2]) for copy in copies]
        if len(real) != 1 and (real != set(copies) or numbers != list(range(len(copies)))):
            return False
        if self.tree.members(base_of(copies[0]) or "") != set(map(str, numbers)):
            return False
        given = [self.classes[c].given(self.bodies[c]) for c in copies]
        single = all(len(self.classes[c].outputs) == 1 for c in copies)
        return single and len(set(map(len, given))) == 1 and self.carried(copies) is not None

    def carried(self, copies: list[str]) -> int | None:
        """The position of the input that is carried, or None where it is not that simple."""
        given = [self.classes[c].given(self.bodies[c]) for c in copies]
        varying = [i for i, column in enumerate(zip(*given, strict=True)) if len(set(column)) > 1]
        if len(copies) == 1 and self.bodies[copies[0]].tensors:
            return 0
        if len(varying) != 1:
            return None
        position = varying[0]
        for before, after in pairwise(copies):
            (result,) = self.classes[before].results(self.bodies[before])
            if self.classes[after].given(self.bodies[after])[position] != Tensor(result):
                return None
            if any(inside(name, after) is None for name in self.readers[result]):
                return None
            if result in self.graph.outputs.values():
                return None
        return position

    # ------------------------------------------------------------------ what a body has

    def add_weights(self, body: Body) -> None:
        """Make the weights of this scope that no module makes."""
        made = {rel for rel, make in body.makes.items() if make.kind == "module"}
        for name, parameter in self.tree.parameters.get(body.path, {}).items():
            rel = inside(name, body.path) or name
            if made.isdisjoint(prefixes(rel)):
                body.makes[rel] = weight(parameter)

    def sort_makes(self, body: Body) -> None:
        """Put attributes in the order of their use."""
        direct: dict[str, int] = {}
        around: dict[str, int] = {}
        for index, step in enumerate(body.steps):
            for part in (*step.code, *([Member(step.over)] if step.over else [])):
                if isinstance(part, Member | Stored):
                    path = part.path if isinstance(part, Member) else part.name
                    rel = inside(path, body.path) or path
                    direct.setdefault(rel, index)
                    for name in (rel, *prefixes(rel)):
                        around.setdefault(name, index)
        never = len(body.steps)

        def first(rel: str) -> int:
            above = [direct[name] for name in prefixes(rel) if name in direct]
            return min([around.get(rel, never), *above])

        body.makes = {rel: body.makes[rel] for rel in sorted(body.makes, key=first)}

    def find_inputs(self, body: Body) -> None:
        """Tensors and weights from outside, in the order of their first use."""
        body.tensors = list(map(Value, self.graph.inputs))
        if body.path != ROOT:
            body.tensors = foreign_tensors(body.steps)
        body.weights = foreign_weights(body)
        body.types.update((value, self.graph.type_of(value)) for value in body.tensors)

    def outputs(self, body: Body) -> Iterator[Value]:
        """Results that are used outside."""
        wanted = set(self.graph.outputs.values())
        for step in body.steps:
            for value in step.results:
                outside = (inside(name, body.path) is None for name in self.readers[value])
                if value in wanted or (body.path != ROOT and any(outside)):
                    yield value


def foreign_tensors(steps: list[Step]) -> list[Value]:
    """Tensors that no step gives, in the order of their first use."""
    known = {value for step in steps for value in step.results}
    used = dict.fromkeys(value for step in steps for value in tensors_in(step.code))
    return [value for value in used if value not in known]


def foreign_weights(body: Body) -> list[str]:
    """Weights that other scopes keep, in the order of their first use."""
    parts = (part for step in body.steps for part in step.code)
    names = dict.fromkeys(part.name for part in parts if isinstance(part, Stored))
    return [name for name in names if inside(name, body.path) is None]


def arguments(given: list[Part]) -> tuple[Part, ...]:
    """The arguments of a call, in brackets."""
    listed: list[Part] = []
    for part in given:
        listed += [", ", part] if listed else [part]
    return ("(", *listed, ")")


def types(body: Body, values: tuple[Value, ...]) -> tuple[TensorType, ...]:
    """Types of results of a body."""
    return tuple(body.types[value] for value in values)


def follows(earlier: str, later: str) -> bool:
    """Are they copies of one repeat?"""
    return base_of(earlier) is not None and base_of(earlier) == base_of(later)


def label_of(path: str, body: Body) -> str | None:
    """The id of a block's use, where a person gave one."""
    base = base_of(path)
    return own_name((path if base is None else base).rpartition(".")[2], body.block)


def weight(parameter: Parameter) -> Make:
    """A tensor, started as the model says where that is simple."""
    shape = (Argument("shape", parameter.shape),)
    dtype = () if parameter.dtype == "float32" else (dtype_of(parameter),)
    kind = "parameter" if parameter.trainable else "buffer"
    before, callee, after = start_of(parameter)
    return Make(callee, shape + dtype, kind, before, after)


def dtype_of(parameter: Parameter) -> Argument:
    """The dtype as an argument."""
    return Argument("dtype", Raw(f"torch.{parameter.dtype}"), None)


def start_of(parameter: Parameter) -> tuple[str, str, str]:
    """What stands before the call, the function that makes the tensor, and what stands after."""
    initial = parameter.initial
    if initial == "ones":
        return "", "torch.ones", ""
    if "float" not in parameter.dtype or initial == "zeros":
        return "", "torch.zeros", ""
    kind, number = next(iter(initial.items())) if isinstance(initial, dict) else ("", 0)
    if kind == "constant":
        return f"{number} * ", "torch.ones", ""
    if kind in ("normal", "truncated_normal"):
        return f"{number} * ", "torch.randn", ""
    return f"{parameter.fans[0] ** -0.5:.4g} * ", "torch.randn", ""
