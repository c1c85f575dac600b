"""Node and Graph: a model as nodes and what each of their input ports is connected to.

`Graph.nx` is the same as a `networkx.MultiDiGraph`, made when somebody asks for it.
Nothing here recurses: a chain of 100,000 nodes is as good as one of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from framework.errors import Place, ShapeError
from framework.ir.attributes import ShapeAttr
from framework.ir.conditions import Condition
from framework.ir.dims import Size, Symbols
from framework.ir.match import Given, Namer
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import TensorType

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Value:
    """One result of a node: the node's name and the number of its output."""

    node: str
    output: int = 0


Wires = Mapping[str, Value | tuple[Value, ...]]
"""What each input port of a node is connected to; several values at a variadic port."""


class Input(Op, name="input", listed=False):
    """A tensor that the user gives to the model.

    y = the given array
    """

    signature = "-> y<@dtype>: *shape"
    category = "constant"

    shape: ShapeAttr
    dtype: str = "float32"

    def compute(self, *arrays: Array) -> Array:
        """Inputs are filled by the session; there is nothing to compute."""
        raise NotImplementedError(f"an input {self.shape} is given, not computed")

    def cost(self, d: Match) -> Cost:
        """Nothing."""
        return Cost()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A stored tensor; ``trainable`` is False for running statistics.

    ``initial`` is the rule for a seeded start, ``fans`` the inputs and outputs of one unit.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    initial: object
    fans: tuple[int, int]

    @property
    def count(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total


@dataclass(slots=True)
class Node:
    """One use of an operator: its types, its stored weights, its place in the file.

    Graphs that passes make of one another share nodes: a node of a finished graph never changes.
    """

    name: str
    op: Op
    outputs: tuple[TensorType, ...]
    parameters: dict[str, str] = field(default_factory=dict)
    place: Place | None = None
    doc: str | None = None

    @property
    def scope(self) -> str:
        """Path of the block copy that holds the node; empty at the top level."""
        return self.name.rpartition(".")[0]

    @property
    def type(self) -> TensorType:
        """Type of the first (plain) result."""
        return self.outputs[0]


@dataclass(frozen=True, slots=True)
class Scope:
    """One copy of a block: ``encoder.3`` of block ``encoder_block``, copy 3 of 12.

    ``entry`` is the node that its first input comes from, where that is known.
    """

    path: str
    block: str
    copy: int = 0
    copies: int = 1
    place: Place | None = None
    doc: str | None = None
    entry: str | None = None


class Graph:
    """A model: nodes with operators and types, each after everything that it reads.

    ``graph.wires`` says for each node what its input ports are connected to: ``xs.0``, ``xs.1``
    for a variadic port.
    """

    def __init__(self, name: str = "model", doc: str | None = None) -> None:
        self.name = name
        self.doc = doc
        self.wires: dict[str, dict[str, Value]] = {}
        self.symbols = Symbols()
        self.examples: dict[str, int] = {}
        self.outputs: dict[str, Value] = {}
        self.parameters: dict[str, Parameter] = {}
        self.scopes: dict[str, Scope] = {}
        self.conditions: list[Condition] = []
        self._nodes: dict[str, Node] = {}

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self._nodes)} nodes, {len(self.parameters)} parameters>"

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    @cached_property
    def inputs(self) -> Mapping[str, Node]:
        """The input nodes by name, in order of declaration."""
        return {node.name: node for node in self if isinstance(node.op, Input)}

    def add_input(
        self, name: str, type_: TensorType, place: Place | None = None, doc: str | None = None
    ) -> Value:
        """Declare an input of this type."""
        node = Node(name, Input(type_.shape, type_.dtype), (type_,), place=place, doc=doc)
        self._insert(node, {})
        return Value(name)

    def add(self, node: Node, wires: Wires) -> None:
        """Append a typed node; every value in ``wires`` must exist already."""
        read = dict(flat(wires))
        for port, value in read.items():
            if value.node not in self._nodes:
                raise ShapeError(f"{node.name}: nothing is called {value.node} (port {port})")
        self._insert(node, read)

    def _insert(self, node: Node, read: dict[str, Value]) -> None:
        if node.name in self._nodes:
            raise ShapeError(f"the name {node.name} is taken", code="duplicate-id")
        self._nodes[node.name] = node
        self.wires[node.name] = read
        for derived in ("nx", "inputs", "_users"):
            self.__dict__.pop(derived, None)

    @cached_property
    def nx(self) -> networkx.MultiDiGraph[str]:
        """The same for networkx; what is changed there changes nothing here.

        A MultiDiGraph with edges keyed by input port, because in a plain DiGraph
        ``x -> attention`` for q, k and v would collapse into one edge.  Each node has its `Node`
        under the key "node", each edge the number of the source's output under "output".
        """
        from networkx import MultiDiGraph  # slow to load, and passes and runs do without

        found: networkx.MultiDiGraph[str] = MultiDiGraph(name=self.name)
        found.add_nodes_from((node.name, {"node": node}) for node in self)
        for name, wires in self.wires.items():
            for port, value in wires.items():
                found.add_edge(value.node, name, key=port, output=value.output)
        return found

    def type_of(self, value: Value) -> TensorType:
        """Type of a node's result."""
        return self._nodes[value.node].outputs[value.output]

    def wires_of(self, name: str) -> dict[str, Value]:
        """What each input port is connected to; ``xs.0``, ``xs.1`` for a variadic port."""
        return self.wires[name].copy()

    def types_at(self, name: str) -> dict[str, TensorType]:
        """Type at each connected input port."""
        return {port: self.type_of(value) for port, value in self.wires_of(name).items()}

    def given_to(self, name: str) -> dict[str, Given]:
        """The types at each port as `Op.infer` wants them: a tuple at a variadic port."""
        return self.given_by(grouped(self[name].op, self.wires_of(name)))

    def given_by(self, wires: Wires) -> dict[str, Given]:
        """The types of what is wired to each port; a tuple at a variadic port."""
        return {
            port: self.type_of(value)
            if isinstance(value, Value)
            else tuple(map(self.type_of, value))
            for port, value in wires.items()
        }

    def namer(self, node: str) -> Namer:
        """Names sizes that only the data decide after the node: ``non_zero_count``."""

        def declare(hint: str, least: int, most: int | None) -> Size:
            return self.symbols.bounded(f"{node}.{hint}", least, most)

        return declare

    def users_of(self, name: str) -> list[str]:
        """Names of the nodes that read a result of this one, each once, in order."""
        return list(self._users.get(name, ()))

    @cached_property
    def _users(self) -> dict[str, dict[str, None]]:
        users: dict[str, dict[str, None]] = {}
        for name, wires in self.wires.items():
            for value in wires.values():
                users.setdefault(value.node, {})[name] = None
        return users

    def needed_by(self, values: Iterable[Value]) -> set[str]:
        """Names of the nodes that these values depend on, their own included."""
        names = {value.node for value in values}
        for name in reversed(self._nodes):
            if name in names:
                names.update([value.node for value in self.wires[name].values()])
        return names


def flat(wires: Wires) -> Iterable[tuple[str, Value]]:
    """Edges of a node: a variadic port ``xs`` gives ``xs.0``, ``xs.1``, …"""
    for port, value in wires.items():
        if isinstance(value, Value):
            yield port, value
        else:
            yield from ((f"{port}.{i}", single) for i, single in enumerate(value))


def grouped(op: Op, flat_wires: Mapping[str, Value]) -> dict[str, Value | tuple[Value, ...]]:
    """The inverse of `flat`, in the order of the operator's signature."""
    out: dict[str, Value | tuple[Value, ...]] = {}
    for port in op.ports.inputs:
        if port.variadic:
            prefix = f"{port.name}."
            members = [k for k in flat_wires if k.startswith(prefix)]
            if members:
                members.sort(key=lambda k: int(k.removeprefix(prefix)))
                out[port.name] = tuple(flat_wires[k] for k in members)
        elif port.name in flat_wires:
            out[port.name] = flat_wires[port.name]
    return out
