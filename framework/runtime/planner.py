"""From a typed graph and sizes to a `Plan`: kernels chosen, memory laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

from framework.errors import ShapeError
from framework.ir.dims import symbols_of
from framework.ir.find import outermost
from framework.ir.graph import Graph, Input, Node, Value, grouped
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Op
from framework.ir.types import TensorType
from framework.runtime.memory import Memory, bytes_of
from framework.runtime.plan import NOTHING, Call, LaidOut, Plan, Source, flat_slots, read_in_runs

MOST_CONSTANT = 64 << 20
"""Bytes of a result that no input reaches and that is kept between runs; weights may be larger."""


def make_plan(
    graph: Graph,
    sizes: Mapping[str, int] | None = None,
    keep: Mapping[str, Value] | None = None,
    *,
    fast: bool = True,
    how: How = PLAIN,
    contents: Contents | None = None,
) -> Plan:
    """Plan the calls that the outputs and ``keep`` need, at these sizes.

    ``fast`` uses what `Op.prepare` offers; otherwise every node runs its plain definition.
    Plans with the same ``contents`` call equal constants the same.
    """
    kept = {} if keep is None else dict(keep)
    contents = Contents() if contents is None else contents
    planner = Planner(graph, {} if sizes is None else sizes, fast, how, contents)
    wanted = [*graph.outputs.values(), *kept.values()]
    inputs = {name: planner.results(graph[name])[0] for name in graph.inputs}
    nodes = needed(graph, wanted)
    planner.read = readers(graph, nodes, wanted)
    calls = [call for node in nodes if (call := planner.draft(node)) is not None]
    outputs = {name: planner.slots[value] for name, value in graph.outputs.items()}
    found = {name: planner.slots[value] for name, value in kept.items()}
    given_out = {*outputs.values(), *found.values()}
    memory = Memory(planner, calls, given_out, set(inputs.values()))
    memory.place()
    plan = Plan(
        calls=tuple(calls),
        slots=len(planner.types),
        inputs=inputs,
        weights=planner.weights,
        outputs=outputs,
        kept=found,
        peak_bytes=memory.peak,
        prologue=tuple(planner.prologue),
        constants=frozenset(planner.constants),
        laid=planner.laid,
        contents={slot: planner.names[slot] for slot in planner.constants & planner.names.keys()},
        arena_bytes=memory.layout.size,
        handover=memory.handover,
        least_bytes=memory.least,
    )
    return replace(plan, made=dict(made_for_runs(plan, planner.types)))


def made_for_runs(plan: Plan, types: Sequence[TensorType | None]) -> Iterator[tuple[object, int]]:
    """The bytes of constants that are made for runs; a layout takes about what it is made of."""
    for slot in read_in_runs(plan) - {*plan.weights.values()}:
        if slot in plan.laid:
            yield plan.laid[slot].key, bytes_of(types[plan.laid[slot].source])
        elif slot in plan.contents:
            yield plan.contents[slot], bytes_of(types[slot])


class Contents:
    """Numbers for constants: equal for what is computed in the same way of the same weights."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}
        self._next = count()

    def number(self, *content: object) -> int:
        """The number of this content, which may tell of other constants by their numbers."""
        if content not in self._numbers:
            self._numbers[content] = next(self._next)
        return self._numbers[content]

    def keep(self, numbers: Set[object]) -> None:
        """Forget all other numbers; none is ever given again."""
        self._numbers = {content: n for content, n in self._numbers.items() if n in numbers}


class Planner:
    """Slots given out so far, and the types in them."""

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int], fast: bool, how: How, contents: Contents
    ) -> None:
        self.graph = graph
        self.contents = contents
        self.sizes = sizes
        self.fast = fast
        self.how = how
        self.slots: dict[Value, int] = {}
        self.weights: dict[str, int] = {}
        self.types: list[TensorType | None] = [None]
        self.prologue: list[Call] = []
        self.constants: set[int] = set()
        self.names: dict[int, int] = {}
        self.laid: dict[int, LaidOut] = {}
        self.read: set[Value] = set()
        self.unread: set[int] = set()
        self._found: set[str] = set()
        self._fixed: dict[TensorType, TensorType] = {}
        """Types of the graph at the sizes of the plan."""
        self._open: set[TensorType | None] = set()
        """Those with a size that only the data decide."""
        self._laid: dict[tuple[object, ...], int] = {}
        self._kernels: dict[tuple[object, ...], Kernel | None] = {}

    # ------------------------------------------------------------------ calls

    def draft(self, node: Node) -> Call | None:
        """The call of one node, its memory not placed yet; None where a run has none."""
        if node.op.name == "parameter" and "value" in node.parameters:
            self.slots[Value(node.name)] = self._weight(node, "value")
            return None
        op = node.op.at(self.sizes)
        inputs = tuple(self._sources(node))
        slots = tuple(flat_slots(inputs))
        outputs = self.results(node)
        constant = self._settles(node, inputs, outputs)
        late = op.symbolic or (bool(self._open) and any(self.types[s] in self._open for s in slots))
        kernel = None
        if self.fast and not late and not constant:
            kernel = self._prepared(op, node.name, slots, outputs)
        call = Call(
            node=node,
            stage=outermost(self.graph, node.name),
            function=op.compute if kernel is None else kernel,
            inputs=self._laid_out(inputs, kernel),
            outputs=outputs,
            types=tuple(t for slot in outputs if (t := self.types[slot]) is not None),
            kernel=kernel,
            layouts=self._late_layouts(inputs, kernel),
            finds=tuple(self._finds(node.outputs)) if self.graph.symbols.found else (),
            late=op if late else None,
        )
        if constant:
            self.prologue.append(call)
        return None if constant else call

    def _prepared(
        self, op: Op, name: str, slots: Sequence[int], outputs: Sequence[int]
    ) -> Kernel | None:
        """What the operator offers for these types; asked once for all nodes that are alike."""
        wanted: tuple[bool, ...] = (True,)
        if len(outputs) > 1:
            wanted = tuple(Value(name, number) in self.read for number in range(len(outputs)))
            self.unread.update(s for s, read in zip(outputs, wanted, strict=True) if not read)
        types = tuple(self.types[slot] for slot in slots)
        key = (op, types, wanted)
        if key not in self._kernels:
            self._kernels[key] = op.prepare(types, replace(self.how, wanted=wanted))
        return self._kernels[key]

    def results(self, node: Node) -> tuple[int, ...]:
        """New slots for what a node gives."""
        found: list[int] = []
        for output, type_ in enumerate(node.outputs):
            found.append(self._slot(type_, node.name))
            self.slots[Value(node.name, output)] = found[-1]
        return tuple(found)

    def _settles(self, node: Node, inputs: Sequence[Source], outputs: Sequence[int]) -> bool:
        """Are the results computed once?  Those that no input reaches are, unless huge."""
        slots = tuple(flat_slots(inputs))
        reached = not all(slot in self.constants or slot == NOTHING for slot in slots)
        if reached or node.op.random:
            return False
        from_weights = any(slot in self.names for slot in slots)
        size = sum(bytes_of(self.types[slot]) for slot in outputs)
        if not from_weights and size > MOST_CONSTANT:
            return False
        self.constants.update(outputs)
        given = tuple(
            self.names.get(source) if isinstance(source, int)
            else tuple(self.names[slot] for slot in source)
            for source in inputs
        )  # fmt: skip
        for number, slot in enumerate(outputs):
            content = (node.op.at(self.sizes), given, number, str(self.types[slot]))
            self.names[slot] = self.contents.number(*content)
        return True

    def _late_layouts(
        self, inputs: Sequence[Source], kernel: Kernel | None
    ) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
        """How arguments that are no constants are laid out, at every call."""
        return tuple(
            (number, function)
            for number, function in ({} if kernel is None else kernel.layouts).items()
            if inputs[number] != NOTHING and inputs[number] not in self.constants
        )

    def _laid_out(self, inputs: tuple[Source, ...], kernel: Kernel | None) -> tuple[Source, ...]:
        """Arguments with those that a kernel wants laid out replaced; constants only once."""
        if kernel is None:
            return inputs
        return tuple(
            self._laid_slot(source, kernel.layouts[number])
            if number in kernel.layouts and isinstance(source, int) and source != NOTHING
            else source
            for number, source in enumerate(inputs)
        )

    def _laid_slot(self, source: int, function: Any) -> int:
        """The slot of a constant laid out; what is no constant is laid out at every call."""
        if source not in self.constants:
            return source
        key = (self.names[source], *layout_key(function))
        if key not in self._laid:
            self.types.append(None)
            slot = self._laid[key] = len(self.types) - 1
            self.constants.add(slot)
            self.laid[slot] = LaidOut(source, key, function)
        return self._laid[key]

    # ------------------------------------------------------------------ slots

    def _finds(self, outputs: Iterable[TensorType]) -> Iterator[tuple[int, int, str]]:
        """Where in the results the sizes of further symbols can be read off."""
        for number, output in enumerate(outputs):
            for axis, size in enumerate(output.shape):
                name = str(size)
                if name in self.graph.symbols.found and name not in self._found:
                    self._found.add(name)
                    yield number, axis, name

    def _slot(self, type_: TensorType, name: str) -> int:
        if type_ not in self._fixed:
            self._fixed[type_] = self._fix(type_, name)
        self.types.append(self._fixed[type_])
        return len(self.types) - 1

    def _fix(self, type_: TensorType, name: str) -> TensorType:
        concrete = type_.at(self.sizes)
        if left := symbols_of(*concrete.shape):
            self._open.add(concrete)
            if not self.graph.symbols.found.issuperset(left):
                fact = f"{name}: {concrete} has no fixed size yet; a plan needs every size"
                raise ShapeError(fact)
        return concrete

    def _sources(self, node: Node) -> Iterator[Source]:
        """Slots of the arguments, in the order of the signature."""
        wires = grouped(node.op, self.graph.wires_of(node.name))
        for port in node.op.ports.inputs:
            value = wires.get(port.name)
            if isinstance(value, tuple):
                yield tuple(self.slots[single] for single in value)
            elif value is not None:
                yield self.slots[value]
            else:
                yield self._weight(node, port.name)

    def _weight(self, node: Node, slot: str) -> int:
        """The slot of a stored weight, one for all nodes that share it."""
        if slot not in node.parameters:
            return NOTHING
        name = node.parameters[slot]
        if name not in self.weights:
            parameter = self.graph.parameters[name]
            found = self._slot(TensorType(parameter.shape, parameter.dtype), name)
            self.weights[name] = found
            self.names[found] = self.contents.number(name)
            self.constants.add(found)
        return self.weights[name]


def needed(graph: Graph, wanted: Iterable[Value]) -> list[Node]:
    """The nodes that these values depend on, inputs left out, each after what it reads."""
    names = graph.needed_by(wanted)
    return [node for node in graph if node.name in names and not isinstance(node.op, Input)]


def readers(graph: Graph, nodes: Sequence[Node], wanted: Iterable[Value]) -> set[Value]:
    """The values that anybody reads; none where every node has one result, which is read."""
    if all(len(node.outputs) == 1 for node in nodes):
        return set()
    found = set(wanted)
    for node in nodes:
        found.update(graph.wires_of(node.name).values())
    return found


def layout_key(function: Any) -> tuple[object, ...]:
    """Equal for functions that lay out in the same way, whichever plan they are made for."""
    if not isinstance(function, partial):
        return (function,)
    given = tuple(layout_key(each) if callable(each) else each for each in function.args)
    return (function.func, given, tuple(sorted(function.keywords.items())))
