"""What the calls of a plan have to do: multiply-accumulates, elementwise work, bytes moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from framework.ir.cost import Product
from framework.ir.dims import Dim, Size
from framework.ir.graph import Node
from framework.ir.match import Given
from framework.ir.op import Array
from framework.ir.types import TensorType
from framework.runtime.plan import NOTHING, Call, Plan
from framework.tools.alone import Shape


@dataclass(frozen=True)
class Work:
    """One call: its work as numbers, 0 where only the data decide, and the bytes that it reads
    and writes, each operand once; ``products`` are the matrix products among it.
    """

    node: Node
    algorithm: str
    macs: int
    elementwise: int
    bytes: int
    products: tuple[Shape, ...]


def works_of(plan: Plan, sizes: Mapping[str, int], arrays: Mapping[str, Array]) -> dict[str, Work]:
    """The work of each call by the name of its node; ``arrays`` are weights and inputs."""
    types = slot_types(plan, arrays)
    return {call.node.name: work_of(call, sizes, types) for call in plan.calls}


def slot_types(plan: Plan, arrays: Mapping[str, Array]) -> dict[int, TensorType]:
    """The type in each slot; what is laid out for a kernel counts as what it was before."""
    found: dict[int, TensorType] = {}
    for name, slot in (*plan.weights.items(), *plan.inputs.items()):
        found[slot] = TensorType(arrays[name].shape, str(arrays[name].dtype))
    for call in (*plan.prologue, *plan.calls):
        found.update(zip(call.outputs, call.types, strict=False))
    for slot, laid in plan.laid.items():
        found[slot] = found[laid.source]
    return found


def work_of(call: Call, sizes: Mapping[str, int], types: Mapping[int, TensorType]) -> Work:
    """The work of one call."""
    op = call.node.op.at(sizes)
    given = dict(given_to(call, types))
    cost = op.cost(op.match(given))
    moved = [*flat(given.values()), *call.types]
    return Work(
        call.node,
        call.algorithm,
        known(cost.macs),
        known(cost.elementwise),
        sum(map(bytes_of, moved)),
        tuple(map(shape_of, cost.products)),
    )


def shape_of(product: Product) -> Shape:
    """Matrix products in numbers."""
    return Shape(*map(known, (product.batch, product.rows, product.inner, product.columns)))


def given_to(call: Call, types: Mapping[int, TensorType]) -> Iterator[tuple[str, Given]]:
    """The types at the ports of a call."""
    for port, source in zip(call.node.op.ports.inputs, call.inputs, strict=True):
        if not isinstance(source, int):
            yield port.name, tuple(types[slot] for slot in source)
        elif source != NOTHING:
            yield port.name, types[source]


def flat(given: Iterable[Given]) -> Iterator[TensorType]:
    """All types, those of a variadic port one after another."""
    for one in given:
        if isinstance(one, TensorType):
            yield one
        else:
            yield from one


def bytes_of(type_: TensorType) -> int:
    """Bytes of a tensor."""
    return known(type_.count) * np.dtype(type_.dtype).itemsize


def known(size: Size) -> int:
    """A size as a number; 0 for one that only the data decide."""
    return 0 if isinstance(size, Dim) else int(size)
