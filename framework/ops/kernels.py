"""What the `prepare` methods of operators share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from framework.ir.kernel import How, Kernel
from framework.ir.op import Array, Op
from framework.ir.types import TensorType, fixed_size
from framework.numerics.curves import Curve, sweep
from framework.numerics.panels import in_panels, worth_panels
from framework.numerics.products import Product, blas_ready, matrices, transposed
from framework.numerics.sweep import BLOCK, beside, share_out, shares, threads_for
from framework.numerics.team import Team

FAST = ("float32", "float64")
"""The dtypes that kernels compute in as they are."""

Types = Sequence[TensorType | None]


def sizes(type_: TensorType | None) -> tuple[int, ...]:
    """The shape of a tensor whose sizes are all known."""
    return () if type_ is None else tuple(fixed_size(size, "a kernel") for size in type_.shape)


def all_fast(types: Types) -> bool:
    """Are all tensors float32 or float64?"""
    return all(type_ is None or type_.dtype in FAST for type_ in types)


def outputs_of(op: Op, types: Types) -> tuple[TensorType, ...]:
    """Types of the results, for types in the order of the signature."""
    ports, given, at = op.ports.inputs, dict[str, Any](), 0
    for port in ports:
        taken = len(types) - len(ports) + 1 if port.variadic else 1
        here = [type_ for type_ in types[at : at + taken] if type_ is not None]
        at += taken
        if here:
            given[port.name] = tuple(here) if port.variadic else here[0]
    return op.infer(given).outputs


def kernel_of(
    op: Op,
    types: Types,
    function: Callable[..., Any],
    overwrites: Sequence[int] = (),
    scratch: int = 0,
    layouts: Mapping[int, Callable[[Array], Array]] | None = None,
    algorithm: str = "",
) -> Kernel:
    """A kernel; of ``overwrites`` those arguments that have the result's type."""
    outputs = outputs_of(op, types)
    return Kernel(
        function,
        outputs,
        scratch,
        tuple(i for i in overwrites if types[i] == outputs[0]),
        {} if layouts is None else dict(layouts),
        algorithm,
    )


# ---------------------------------------------------------------------- element by element


def curve_kernel(op: Op, types: Types, curve: Curve, how: How) -> Kernel:
    """A function of each element, in place where the input is not needed any more.

    A tensor of one block is spared what cuts it up.
    """
    (output,) = outputs_of(op, types)
    shape, itemsize = sizes(output), np.dtype(output.dtype).itemsize
    size, team = math.prod(shape), how.team

    def by_blocks(x: Array, out: Array, scratch: Array) -> None:
        sweep(x, out, curve, team, scratch)

    def at_once(x: Array, out: Array, scratch: Array) -> None:
        if x.flags.c_contiguous:
            curve.rule(x, out, curve.spare(out, scratch))
        else:
            by_blocks(x, out, scratch)

    run = at_once if shape and size <= BLOCK else by_blocks
    scratch = threads_for(team, size) * curve.scratch(itemsize, size)
    return kernel_of(op, types, run, (0,), scratch, algorithm="blocks")


def ufunc_kernel(op: Op, types: Types, function: Callable[..., Any], how: How) -> Kernel:
    """One of NumPy's functions of one or two tensors, written where the plan says."""
    (output,) = outputs_of(op, types)
    team = how.team

    def shared(*arrays: Array, out: Array, scratch: Array) -> None:
        spread_out(function, arrays, out, team)

    def alone(*arrays: Array, out: Array, scratch: Array) -> None:
        function(*arrays, out=out)

    run = alone if threads_for(team, math.prod(sizes(output))) == 1 else shared
    return kernel_of(op, types, run, range(len(types)))


def spread_out(
    function: Callable[..., Any], arrays: Sequence[Array], out: Array, team: Team
) -> None:
    """``function(*arrays, out=out)``; large results by ranges of the longest leading axis."""
    if team.threads == 1 or threads_for(team, out.size) == 1:
        function(*arrays, out=out)
        return
    axis = max(range(min(2, out.ndim)), key=lambda axis: out.shape[axis])
    wide = [np.broadcast_to(beside(array, out), out.shape) for array in arrays]
    parts = shares(out.shape[axis], team.threads)

    def work(number: int, part: slice) -> None:
        place = (slice(None),) * axis + (part,)
        function(*(array[place] for array in wide), out=out[place])

    share_out(team, parts, work)


def folded_kernel(
    op: Op, types: Types, function: Callable[..., Any], how: How, divisor: int | None = None
) -> Kernel:
    """A function of two folded over all tensors of a variadic port, from left to right."""
    team = how.team

    def run(xs: Sequence[Array], out: Array, scratch: Array) -> None:
        if len(xs) == 1:
            np.copyto(out, xs[0])
        else:
            spread_out(function, xs[:2], out, team)
        for x in xs[2:]:
            spread_out(function, (out, x), out, team)
        if divisor is not None:
            np.divide(out, divisor, out=out)

    return kernel_of(op, types, run, (0,))


# ---------------------------------------------------------------------- products


@dataclass(frozen=True)
class Places:
    """Which arguments are the input, the weight, the bias, and the tensor added."""

    x: int
    weight: int
    bias: int
    addend: int | None = None


def linear_kernel(
    op: Op, types: Types, places: Places, curve: Curve | None, how: How
) -> Kernel | None:
    """``curve(x weight^T + bias + addend)``."""
    x, weight = types[places.x], types[places.weight]
    if x is None or weight is None or not all_fast(types):
        return None
    *lead, inner = sizes(x)
    columns = sizes(weight)[0]
    if 0 in (*lead, inner, columns):
        return None
    added = places.addend is not None and types[places.addend] is not None
    itemsize = np.dtype(x.dtype).itemsize
    panels = itemsize == 4 and how.blas == 1 and worth_panels(inner, columns)
    plan = Product(math.prod(lead), inner, columns, curve, added, itemsize, panels)
    run = partial(run_linear, plan, places, how.team)
    over = () if places.addend is None else (places.addend,)
    layouts = {places.weight: in_panels if panels else transposed}
    return kernel_of(op, types, run, over, plan.scratch(how.team), layouts, "product by columns")


def run_linear(
    plan: Product, places: Places, team: Team, *arrays: Any, out: Array, scratch: Array
) -> None:
    """One product, or one for each leading index where the strides of an input demand it."""
    x, weight, bias = arrays[places.x], arrays[places.weight], arrays[places.bias]
    addend = None if places.addend is None else arrays[places.addend]
    addend = None if addend is None else beside(addend, out)
    if x.ndim == 1:
        x, out, addend = x[None], out[None], None if addend is None else addend[None]
    for rows, target, further in matrices(x, out, addend):
        plan.run(blas_ready(rows), weight, bias, further, target, team, scratch)
