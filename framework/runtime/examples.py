"""Seeded example inputs that a model can digest.

Floats are standard normal; booleans are true or false, with at least one true in each row, so
that a mask leaves something to see; whole numbers are natural and stay below the size of the
table that they index.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework.errors import InputError
from framework.ir.dims import Size, bounds, substitute
from framework.ir.graph import Graph, Node
from framework.ir.op import Array, Op
from framework.ir.types import TensorType
from framework.runtime.initialisers import generator

DEFAULT_LIMIT = 10


def example_inputs(graph: Graph, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Array]:
    """Random arrays for all inputs at these sizes; each depends on seed and name alone."""
    limits = index_limits(graph, sizes)
    return {
        name: random_input(node.type.at(sizes), name, seed, limits.get(name))
        for name, node in graph.inputs.items()
    }


def random_input(type_: TensorType, name: str, seed: int = 0, high: int | None = None) -> Array:
    """A random array of a fixed shape; whole numbers lie in ``[0, high)``."""
    shape = tuple(size for size in type_.shape if isinstance(size, int))
    if len(shape) < type_.rank:
        raise InputError(f"input '{name}' is {type_}\n  hint: give every size a number")
    rng = generator(seed, name)
    dtype = np.dtype(type_.dtype)
    if dtype.kind == "b":
        return random_mask(shape, rng)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    wanted = DEFAULT_LIMIT if high is None else high
    top = min(max(wanted, 1), int(np.iinfo(dtype).max) + 1)
    return np.asarray(rng.integers(0, top, shape, dtype))


def random_mask(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Half true; a row (along the last axis) that would be all false starts with true."""
    mask = np.atleast_1d(rng.random(shape) < 0.5)
    if mask.size:
        mask[..., 0] |= ~mask.any(axis=-1)
    return mask.reshape(shape)


def index_limits(graph: Graph, sizes: Mapping[str, int] | None = None) -> dict[str, int]:
    """For each input that is used as positions in a table: the number of rows of the smallest.

    Operators say which of their ports index (`Op.index_limit`); from there the way goes back
    through operators that only move elements (category "shape").
    """
    known = {} if sizes is None else sizes
    limits: dict[str, int] = {}
    for node in reversed(list(graph)):
        found = limits_at(graph, node, limits.get(node.name), known)
        for port, value in graph.wires_of(node.name).items():
            for limit in (found.get(port), found.get("")):
                if limit is not None:
                    limits[value.node] = min(limit, limits.get(value.node, limit))
    return {name: limits[name] for name in graph.inputs if name in limits}


def limits_at(
    graph: Graph, node: Node, passed: int | None, sizes: Mapping[str, int]
) -> dict[str, int]:
    """Limits of the ports of one node; under "" the one that holds for all of its ports."""
    out = {"": passed} if passed is not None and node.op.category == "shape" else {}
    if type(node.op).index_limit is not Op.index_limit:
        match = node.op.match(graph.given_to(node.name))
        for port, size in node.op.index_limit(match).items():
            out[port] = least(substitute(size, sizes))
    return out


def least(size: Size) -> int:
    """The size, or the smallest one possible where it is not known; at least 1."""
    low = bounds(size)[0]
    return 1 if low is None else max(low, 1)
