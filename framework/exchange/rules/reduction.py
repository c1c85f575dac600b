"""Reductions, running sums and products, both ways."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.dims import at_least
from framework.ir.op import Op
from framework.ops.reduction import EXTREMES, FRACTIONS
from framework.ops.rules import axes_of

WORDS = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceSumSquare": "sum_square",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
}
"""Our word for each reduction of ONNX."""

NAMES = {word: name for name, word in WORDS.items()}

PLAIN = ("sum", "mean", "max", "min", "prod")
"""What does nothing over no axes."""


@reads(*WORDS)
def read_reduce(n: Call) -> Wire:
    """Axes are an input from opset 13 (sum) or 18 on; none means all, or nothing at all."""
    x, word = n[0], WORDS[n.op_type]
    axes = n.sizes(1, n.ints("axes"))
    if not axes:
        axes = () if n.flag("noop_with_empty_axes") else None
    if axes == () and word in PLAIN:
        return n.add("identity", x)
    rest = {"axes": axes, "keepdims": n.flag("keepdims", True), "empty": empty(x, word, axes)}
    if word in FRACTIONS and "float" not in x.dtype:
        exact = n.add("reduce", n.cast(x, "float64"), op=word, **rest)
        return n.cast(exact, x.dtype)
    return n.add("reduce", x, op=word, **rest)


def empty(x: Wire, word: str, axes: tuple[int, ...] | None) -> str:
    """ONNX knows the extremes of no elements; said only where there may be none."""
    sizes = [x.shape[axis] for axis in axes_of(axes, x.rank, "data")]
    if word in EXTREMES and not all(at_least(size, 1).always for size in sizes):
        return "identity"
    return "refused"


@writes("reduce")
def write_reduce(w: Out, op: Op, x: Sent) -> Any:
    """Truth values came with opset 20.

    Where there are no elements ONNX has the extremes of the dtype, as ``identity`` has.
    """
    word, axes = op.values["op"], op.values["axes"]
    if x.dtype == "bool" and w.opset < 20:
        return NotImplemented
    wide = widened(x.dtype, BYTES if word in EXTREMES else SMALL)
    if wide != x.dtype:
        if op.values["empty"] == "identity" and word in EXTREMES:
            return NotImplemented
        y = w.call("reduce", w.cast(x, wide), **op.values)
        return w.cast(y, x.dtype)
    given = None if axes is None else axes_of(axes, x.rank, "x")
    rest: dict[str, Any] = {"keepdims": op.values["keepdims"]}
    name, shape = NAMES[word], w.types[0].shape
    if w.opset >= (13 if word == "sum" else 18):
        noop = 1 if given == () else None
        wire = w.ints(given) if given else None
        return w.add(name, x, wire, noop_with_empty_axes=noop, shape=shape, **rest)
    if given == ():
        return over_nothing(w, word, x)
    return w.add(name, x, axes=given, shape=shape, **rest)


SMALL = ("int8", "int16", "uint8", "uint16")
"""Whole numbers that ONNX does not add up."""

BYTES = ("int16", "uint16")
"""Whole numbers whose extremes ONNX does not know, though it knows those of bytes."""


def widened(dtype: str, missing: tuple[str, ...]) -> str:
    """A wider dtype in place of one that ONNX does not take; casting back wraps around."""
    return "int32" if dtype in missing else dtype


def over_nothing(w: Out, word: str, x: Sent) -> Sent:
    """A reduction over no axes, for opsets that cannot say so."""
    if word in PLAIN or word == "log_sum_exp":
        return w.add("Identity", x)
    if word == "sum_square":
        return w.add("Mul", x, x)
    return w.add("Log" if word == "log_sum" else "Abs", x)


@reads("CumSum", "CumProd")
def read_cumulative(n: Call) -> Wire:
    """The axis is an input."""
    rest: dict[str, Any] = {"exclusive": n.flag("exclusive"), "reverse": n.flag("reverse")}
    return n.add(n.op_type.lower(), n[0], axis=n.scalar(1), **rest)


@writes("cumsum", "cumprod")
def write_cumulative(w: Out, op: Op, x: Sent) -> Sent:
    """CumProd came with opset 26, sums of float16 with 14."""
    axis = w.scalar(op.values["axis"], "int64")
    rest: dict[str, Any] = {"exclusive": op.values["exclusive"], "reverse": op.values["reverse"]}
    old = ("float16",) if w.opset < 14 else ()
    wide = "float32" if x.dtype in old else widened(x.dtype, SMALL)
    given = w.cast(x, wide)
    if op.name == "cumsum":
        return w.cast(w.add("CumSum", given, axis, **rest), x.dtype)
    if w.opset >= 26:
        return w.cast(w.add("CumProd", given, axis, **rest), x.dtype)
    return w.cast(products(w, op, given), x.dtype)


def products(w: Out, op: Op, x: Sent) -> Sent:
    """Running products as products of rows: x where the row has come so far, else 1."""
    axis = op.values["axis"] % x.rank
    moved = w.add("Unsqueeze", x, w.ints([axis]))
    behind = list(range(1, x.rank - axis))
    numbers = w.add("Range", w.scalar(0, "int64"), w.size(x.shape[axis]), w.scalar(1, "int64"))
    columns = w.add("Unsqueeze", numbers, w.ints(behind)) if behind else numbers
    rows = w.add("Unsqueeze", columns, w.ints([1]))
    sign = "Less" if op.values["exclusive"] else "LessOrEqual"
    pair = (rows, columns) if op.values["reverse"] else (columns, rows)
    shape = (*x.shape[: axis + 1], *x.shape[axis:])
    chosen = w.add("Where", w.add(sign, *pair), moved, w.scalar(1, x.dtype), shape=shape)
    found: Sent = w.call("reduce", chosen, op="prod", axes=axis + 1)
    return found
