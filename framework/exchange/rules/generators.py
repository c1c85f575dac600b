"""Tensors made of sizes, both ways."""

from __future__ import annotations

import numpy as np

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.op import Array, Op


@reads("ConstantOfShape")
def read_full(n: Call) -> Wire:
    """Zeros of float32 unless a value is given."""
    value = n.array_attribute("value", np.zeros(1, np.float32))
    return n.add("full", shape=n.sizes(0), value=value.reshape(()).item(), dtype=value.dtype.name)


@writes("full")
def write_full(w: Out, op: Op) -> Sent:
    """The value is a tensor of one element."""
    value = np.asarray([op.values["value"]]).astype(op.values["dtype"])
    shape = op.values["shape"]
    return w.add("ConstantOfShape", w.sizes(shape), value=value, shape=shape)


@reads("Range")
def read_range(n: Call) -> Wire:
    """Whole numbers may be symbolic; fractions are computed at once."""
    dtype = n[0].dtype
    if "int" not in dtype:
        return n.constant(fractions(*(n.known(i).reshape(()) for i in range(3))))
    start, stop = n.sizes(0)[0], n.sizes(1)[0]
    return n.add("range", start=start, stop=stop, step=n.scalar(2), dtype=dtype)


def fractions(start: Array, stop: Array, step: Array) -> Array:
    """``start + i * step``; float16 in float32, as ONNX has it."""
    wide = np.promote_types(start.dtype, np.float32)
    first, last, by = (part.astype(wide) for part in (start, stop, step))
    count = max(int(np.ceil((last - first) / by)), 0)
    return np.asarray(first + np.arange(count, dtype=wide) * by).astype(start.dtype)


@writes("range")
def write_range(w: Out, op: Op) -> Sent:
    """Whole numbers, cast where another dtype is wanted."""
    bounds = w.size(op.values["start"]), w.size(op.values["stop"])
    step = w.scalar(op.values["step"], "int64")
    return w.cast(w.add("Range", *bounds, step, shape=w.types[0].shape), op.values["dtype"])


@reads("EyeLike")
def read_eye_like(n: Call) -> Wire:
    """The dtype is that of the input unless another one is said."""
    return n.add("eye_like", n[0], k=n.int("k", 0), dtype=n.dtype("dtype", n[0].dtype))


@writes("eye_like")
def write_eye_like(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("EyeLike", x, k=op.values["k"], dtype=op.values["dtype"])


@reads("Trilu")
def read_trilu(n: Call) -> Wire:
    """The diagonal is an input."""
    return n.add("trilu", n[0], upper=n.flag("upper", True), k=n.sizes(1, (0,))[0])


@writes("trilu")
def write_trilu(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator, from opset 14 on."""
    k = op.values["k"]
    return w.add("Trilu", x, None if k == 0 else w.size(k), upper=op.values["upper"])
