"""Gather, scatter, one-hot and selections, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.op import Op


def index(w: Out, indices: Sent) -> Sent:
    """Indices of a dtype that ONNX takes."""
    return indices if indices.dtype in ("int32", "int64") else w.cast(indices, "int64")


@reads("Gather")
def read_gather(n: Call) -> Wire:
    """A table of vectors is an embedding; one known index selects; others gather."""
    x, indices, axis = n[0], n[1], n.int("axis", 0)
    if indices.array is not None and indices.rank == 0:
        return n.add("select", x, axis=axis, index=n.sizes(1)[0])
    if is_table(x) and axis in (0, -2) and indices.contents is None:
        count, width = x.shape
        return n.add("embedding", indices, weight=x, count=count, width=width)
    return n.add("gather", x, indices, axis=axis)


def is_table(x: Wire) -> bool:
    """Is it a stored matrix?"""
    return x.array is not None and bool(x.name) and x.rank == 2 and x.dtype.startswith("float")


@writes("gather")
def write_gather(w: Out, op: Op, x: Sent, indices: Sent) -> Sent:
    """The same operator."""
    axis = op.values["axis"]
    return w.add("Gather", x, index(w, indices), axis=axis, shape=w.types[0].shape)


@reads("GatherElements")
def read_gather_elements(n: Call) -> Wire:
    """The same operator."""
    return n.add("gather_elements", n[0], n[1], axis=n.int("axis", 0))


@writes("gather_elements")
def write_gather_elements(w: Out, op: Op, x: Sent, indices: Sent) -> Sent:
    """The same operator."""
    return w.add("GatherElements", x, index(w, indices), axis=op.values["axis"])


@reads("GatherND")
def read_gather_nd(n: Call) -> Wire:
    """The same operator."""
    return n.add("gather_nd", n[0], n[1], batch_axes=n.int("batch_dims", 0))


@writes("gather_nd")
def write_gather_nd(w: Out, op: Op, x: Sent, indices: Sent) -> Sent:
    """The same operator; ONNX takes int64 only."""
    batch = op.values["batch_axes"]
    whole = w.cast(indices, "int64")
    return w.add("GatherND", x, whole, batch_dims=batch, shape=w.types[0].shape)


@reads("Scatter", "ScatterElements")
def read_scatter_elements(n: Call) -> Wire:
    """Scatter is the name until opset 10."""
    rest = {"axis": n.int("axis", 0), "reduction": n.text("reduction", "none")}
    return n.add("scatter_elements", n[0], n[1], n[2], **rest)


@writes("scatter_elements")
def write_scatter_elements(w: Out, op: Op, x: Sent, indices: Sent, updates: Sent) -> Any:
    """Reductions came with opset 16, max and min with 18."""
    word, axis = op.values["reduction"], op.values["axis"]
    if word in ("max", "min") and w.opset < 18:
        return NotImplemented
    how = None if word == "none" else word
    return w.add("ScatterElements", x, index(w, indices), updates, axis=axis, reduction=how)


@reads("ScatterND")
def read_scatter_nd(n: Call) -> Wire:
    """The same operator."""
    return n.add("scatter_nd", n[0], n[1], n[2], reduction=n.text("reduction", "none"))


@writes("scatter_nd")
def write_scatter_nd(w: Out, op: Op, x: Sent, indices: Sent, updates: Sent) -> Any:
    """The same operator; ONNX takes int64 only."""
    word = op.values["reduction"]
    if word in ("max", "min") and w.opset < 18:
        return NotImplemented
    how = None if word == "none" else word
    return w.add("ScatterND", x, w.cast(indices, "int64"), updates, reduction=how)


@reads("TensorScatter")
def read_tensor_scatter(n: Call) -> Wire:
    """The same operator."""
    circular = n.text("mode", "linear") == "circular"
    return n.add("tensor_scatter", n[0], n[1], n[2], axis=n.int("axis", -2), circular=circular)


@writes("tensor_scatter")
def write_tensor_scatter(w: Out, op: Op, x: Sent, update: Sent, start: Sent | None) -> Sent:
    """The same operator from opset 24 on; before, positions for ScatterElements."""
    first = None if start is None else w.cast(start, "int64")
    circular, axis = op.values["circular"], op.values["axis"]
    if w.opset >= 24:
        mode = "circular" if circular else "linear"
        return w.add("TensorScatter", x, update, first, axis=axis, mode=mode)
    behind = list(range(1, x.rank - axis % x.rank))
    length = w.size(update.shape[axis])
    at = w.add("Range", w.scalar(0, "int64"), length, w.scalar(1, "int64"))
    at = w.add("Unsqueeze", at, w.ints(behind)) if behind else at
    if first is not None:
        at = w.add("Add", at, w.add("Unsqueeze", first, w.ints(list(range(1, x.rank)))))
    if circular:
        at = w.add("Mod", at, w.size(x.shape[axis]))
    at = w.add("Expand", at, w.sizes(update.shape))
    return w.add("ScatterElements", x, at, update, axis=axis)


@reads("OneHot")
def read_one_hot(n: Call) -> Wire:
    """Indices may be fractions, whose whole part counts."""
    off, on = n.known(2).reshape(-1).tolist()
    indices = n[0] if "int" in n[0].dtype else n.cast(n[0], "int64")
    rest = {"depth": n.sizes(1)[0], "axis": n.int("axis", -1), "dtype": n[2].dtype}
    return n.add("one_hot", indices, on=on, off=off, **rest)


@writes("one_hot")
def write_one_hot(w: Out, op: Op, indices: Sent) -> Sent:
    """Few dtypes are widely supported; the others choose by a mask."""
    depth, dtype = w.size(op.values["depth"]), op.values["dtype"]
    marks = (op.values["off"], op.values["on"])
    direct = dtype in ("float32", "int64")
    values = w.constant(np.asarray(marks).astype(dtype) if direct else np.array([0, 1]))
    axis, shape = op.values["axis"], w.types[0].shape
    whole = w.cast(indices, "int64")
    if indices.rank == 0:  # ONNX wants an axis
        row = w.add("Unsqueeze", whole, w.ints([0]))
        y = w.add("Squeeze", w.add("OneHot", row, depth, values), w.ints([0]), shape=shape)
    else:
        y = w.add("OneHot", whole, depth, values, axis=axis, shape=shape)
    if direct:
        return y
    off, on = (w.constant(np.asarray(mark).astype(dtype)) for mark in marks)
    return w.add("Where", w.cast(y, "bool"), on, off)


@reads("Compress")
def read_compress(n: Call) -> Wire:
    """The same operator."""
    return n.add("compress", n[0], n[1], axis=n.int("axis"))


@writes("compress")
def write_compress(w: Out, op: Op, x: Sent, condition: Sent) -> Sent:
    """The same operator."""
    return w.add("Compress", x, condition, axis=op.values["axis"], shape=w.types[0].shape)


@reads("NonZero")
def read_non_zero(n: Call) -> Wire:
    """The same operator."""
    return n.add("non_zero", n[0])


@writes("non_zero")
def write_non_zero(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator; seldom dtypes are asked whether they are zero first."""
    usual = x.dtype in ("float32", "int32", "int64", "uint8", "bool")
    return w.add("NonZero", x if usual else w.cast(x, "bool"), shape=w.types[0].shape)


@reads("ReverseSequence")
def read_reverse_sequence(n: Call) -> Wire:
    """Time comes first unless it is said."""
    axes: dict[str, Any] = {
        "batch_axis": n.int("batch_axis", 1),
        "time_axis": n.int("time_axis", 0),
    }
    return n.add("reverse_sequence", n[0], n[1], **axes)


@writes("reverse_sequence")
def write_reverse_sequence(w: Out, op: Op, x: Sent, lengths: Sent) -> Sent:
    """The same operator."""
    batch, time = op.values["batch_axis"], op.values["time_axis"]
    whole = w.cast(lengths, "int64")
    return w.add("ReverseSequence", x, whole, batch_axis=batch, time_axis=time)
