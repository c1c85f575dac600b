"""Concat, split and slices, both ways."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Out, Result, Sent, Wire, reads, writes
from framework.ir.dims import Dim, Size
from framework.ir.op import Op
from framework.ir.types import axis_index

FAR = 2**31 - 1
"""Bounds from here on mean: to the end."""

LATEST = 2**63 - 1


@reads("Concat")
def read_concat(n: Call) -> Wire:
    """Before opset 4 the axis was 1 unless it was said."""
    return n.add("concat", *n.inputs, axis=n.int("axis", 1))


@writes("concat")
def write_concat(w: Out, op: Op, xs: tuple[Sent, ...]) -> Sent:
    """The same operator."""
    return w.add("Concat", *xs, axis=op.values["axis"], shape=w.types[0].shape)


@reads("Split")
def read_split(n: Call) -> Result:
    """Given sizes, or equal parts: as many as there are outputs."""
    axis, sizes = n.int("axis", 0), n.sizes(1, n.ints("split"))
    if sizes is not None:
        return n.add_all("split", n[0], axis=axis, sizes=sizes)
    return n.add_all("split", n[0], axis=axis, parts=n.int("num_outputs", len(n.wanted)))


@writes("split")
def write_split(w: Out, op: Op, x: Sent) -> Any:
    """Opset 18 can make the last part smaller; before, all sizes are written."""
    axis, parts = op.values["axis"], len(w.types)
    if op.values["sizes"] is None and w.opset >= 18:
        return w.add("Split", x, outputs=parts, axis=axis, num_outputs=parts)
    sizes = w.sizes([kind.shape[axis] for kind in w.types])
    return w.add("Split", x, sizes, outputs=parts, axis=axis)


@reads("Slice")
def read_slice(n: Call) -> Wire:
    """One slice for each axis that is cut; before opset 10 the bounds were attributes."""
    x: Wire = n[0]
    starts, stops = n.sizes(1, n.ints("starts")), n.sizes(2, n.ints("ends"))
    axes = n.sizes(3, n.ints("axes", tuple(range(len(starts)))))
    steps = n.sizes(4, (1,) * len(starts))
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        first, last = open_bound(start, step > 0, True), open_bound(stop, step > 0, False)
        if (first, last, step) != (None, None, 1):
            x = n.add("slice", x, axis=axis, start=first, stop=last, step=step)
    return x


def open_bound(bound: Size, forwards: bool, first: bool) -> Size | None:
    """None for a bound at the very end on its side."""
    if isinstance(bound, Dim):
        return bound
    if first and forwards and bound == 0:
        return None
    low_end = first == forwards  # does this side begin where positions are small?
    outside = bound <= -FAR if low_end else bound >= FAR
    return None if outside else bound


@writes("slice")
def write_slice(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator for one axis; an open bound is one that is far outside."""
    start, stop, step = op.values["start"], op.values["stop"], op.values["step"]
    if start is None:
        start = 0 if step > 0 else LATEST
    if stop is None:
        stop = LATEST if step > 0 else -LATEST
    axis = axis_index(op.values["axis"], x.rank, "x")
    bounds = w.sizes((start,)), w.sizes((stop,))
    steps = None if step == 1 else w.ints([step])
    return w.add("Slice", x, *bounds, w.ints([axis]), steps, shape=w.types[0].shape)


@writes("select")
def write_select(w: Out, op: Op, x: Sent) -> Sent:
    """Gather by a single index; the axis disappears."""
    axis = axis_index(op.values["axis"], x.rank, "x")
    return w.add("Gather", x, w.size(op.values["index"]), axis=axis, shape=w.types[0].shape)
