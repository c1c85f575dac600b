"""ONNX rules of pooling: windows, the whole image, bins, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product as product_of
from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.exchange.rules.windows import each, listed, plain, read_pad, read_steps, write_window
from framework.ir.dims import Dim, Size, maximum, product
from framework.ir.op import Array
from framework.ops.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from framework.ops.pooling_adaptive import AdaptiveAvgPool, AdaptiveMaxPool
from framework.ops.pooling_lp import GlobalLpPool, LpPool
from framework.ops.pooling_places import MaxPoolWithIndices, MaxUnpool
from framework.ops.window import AxisWindow

POOLED = ("float16", "float32", "float64", "int8", "uint8")
"""What ONNX's MaxPool takes."""

EXACT_CEIL = 22
"""The opset from which a last window that would start in the pad at the end does not count."""

# ------------------------------------------------------------------ reading


def read_window(n: Call) -> dict[str, Any]:
    """Kernel, steps, pads and rounding.

    With ``auto_pad`` VALID the size is rounded down whatever ceil_mode says: ONNX's two
    formulas for it are one.
    """
    kernel = n.ints("kernel_shape")
    if kernel is None:
        raise Refused(f"{n.op_type} has no kernel_shape")
    rank = len(kernel)
    ceil = n.flag("ceil_mode") and n.text("auto_pad", "NOTSET") == "NOTSET"
    shared = {"kernel": plain(kernel), "pad": read_pad(n, rank), "ceil_mode": ceil}
    return shared | read_steps(n, rank)


@reads("MaxPool")
def read_max_pool(n: Call) -> Wire | tuple[Wire, ...]:
    """Indices count through the whole tensor."""
    if not n.wants(1):
        return n.add("max_pool", n[0], **read_window(n))
    order = "columns" if n.flag("storage_order") else "rows"
    return n.add_all("max_pool_with_indices", n[0], within="tensor", order=order, **read_window(n))


@reads("AveragePool")
def read_avg_pool(n: Call) -> Wire:
    """Pads do not count unless it says so."""
    pads = n.flag("count_include_pad")
    return n.add("avg_pool", n[0], count_include_pad=pads, **read_window(n))


@reads("LpPool")
def read_lp_pool(n: Call) -> Wire:
    """The power was any number once, and is a whole one since opset 2."""
    return n.add("lp_pool", n[0], p=norm(n), **read_window(n))


def norm(n: Call) -> float:
    """The attribute p."""
    value: float = n.real("p", 2.0)
    return value


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def read_global_pool(n: Call) -> Wire:
    """The axes stay."""
    if n.op_type == "GlobalLpPool":
        return n.add("global_lp_pool", n[0], p=norm(n), keepdims=True)
    name = "global_avg_pool" if n.op_type == "GlobalAveragePool" else "global_max_pool"
    return n.add(name, n[0], keepdims=True)


@reads("MaxUnpool")
def read_max_unpool(n: Call) -> Wire:
    """Indices are those of the size that follows from the window; more is filled with zeros."""
    kernel = n.ints("kernel_shape")
    rank = len(kernel)
    window = {"kernel": plain(kernel), "pad": read_pad(n, rank)}
    window["stride"] = plain(n.ints("strides", (1,) * rank))
    y = n.add("max_unpool", n[0], n[1], within="tensor", **window)
    sizes = n.sizes(2)
    if sizes is None:
        return y
    pads = [(0, wanted - have) for wanted, have in zip(sizes[2:], y.shape[2:], strict=True)]
    return y if all(after == 0 for _, after in pads) else n.add("pad", y, pads=pads)


# ------------------------------------------------------------------ writing


def pool(w: Out, op_type: str, x: Sent, axes: Sequence[AxisWindow], ceil: bool, **rest: Any) -> Any:
    """A pooling node.

    Rounding up, ONNX drops a window that would begin in the pads since opset 22; before, pads
    that end where the last window does say which windows there are.
    """
    window = dict(write_window(axes, x.shape[2:], always=op_type == "MaxPool"))
    ends = [axis.pad[1] for axis in axes if isinstance(axis.pad, tuple)]
    if not (ceil and ends):  # same_* has as many windows, however it is rounded
        return w.add(op_type, x, **rest, **window)
    dropping = any(a.stride + end > a.span for a, end in zip(axes, ends, strict=True))
    if w.opset >= EXACT_CEIL or not dropping:
        return w.add(op_type, x, ceil_mode=1, **rest, **window)
    if rest.get("count_include_pad"):
        raise Refused(f"ceil_mode with pads that count needs opset {EXACT_CEIL}, not {w.opset}")
    sizes = numbers(x.shape[2:], f"ceil_mode before opset {EXACT_CEIL}")
    window["pads"] = listed([until_last(axis, n) for axis, n in zip(axes, sizes, strict=True)])
    return w.add(op_type, x, **rest, **window)


def until_last(axis: AxisWindow, size: Size, ceil: bool = True) -> tuple[Size, Size]:
    """Pads up to the end of the last window."""
    before, _ = axis.pads(size)
    return before, maximum(axis.reach(axis.count(size, ceil)) - size - before, 0)


@writes("max_pool")
def write_max_pool(w: Out, op: MaxPool, x: Sent) -> Sent:
    """One node; what MaxPool does not take is compared tap by tap."""
    axes = op.windows(x.rank - 2)
    if x.dtype not in POOLED:
        return w.add("Max", *taps(w, x, axes, op.ceil_mode))
    y: Sent = pool(w, "MaxPool", x, axes, op.ceil_mode)
    return y


def taps(w: Out, x: Sent, axes: Sequence[AxisWindow], ceil: bool) -> Iterator[Sent]:
    """For each tap of the window the elements that all windows see there."""
    sizes = x.shape[2:]
    pads = tuple(until_last(axis, n, ceil) for axis, n in zip(axes, sizes, strict=True))
    wide = w.call("pad", x, pads=pads, value=float(np.iinfo(x.dtype).min))
    ends = [a.reach(a.count(n, ceil)) - a.span for a, n in zip(axes, sizes, strict=True)]
    along, steps = w.ints(range(2, x.rank)), w.ints([axis.stride for axis in axes])
    for starts in product_of(*(range(0, axis.span, axis.dilation) for axis in axes)):
        stops = [end + start + 1 for end, start in zip(ends, starts, strict=True)]
        shape = w.types[0].shape
        yield w.add("Slice", wide, w.ints(starts), w.sizes(stops), along, steps, shape=shape)


@writes("max_pool_with_indices")
def write_max_pool_with_indices(w: Out, op: MaxPoolWithIndices, x: Sent) -> tuple[Sent, Sent]:
    """ONNX counts through the whole tensor; the rest of a division by the plane is left."""
    if x.dtype in ("int64", "uint64"):
        raise Refused(f"{op.name} of {x.dtype}: no dtype that MaxPool takes holds all of them")
    axes, columns = op.windows(x.rank - 2), op.order == "columns"
    given = x if x.dtype in POOLED else w.cast(x, "float64")
    order = {"outputs": 2, "storage_order": int(columns) or None}
    y, at = pool(w, "MaxPool", given, axes, op.ceil_mode, **order)
    if op.within == "plane":
        at = w.add("Mod", at, w.size(product(x.shape[2:])))
    return w.cast(y, x.dtype), at


@writes("avg_pool")
def write_avg_pool(w: Out, op: AvgPool, x: Sent) -> Sent:
    """One node."""
    count = int(op.count_include_pad)
    axes = op.windows(x.rank - 2)
    y: Sent = pool(w, "AveragePool", x, axes, op.ceil_mode, count_include_pad=count)
    return y


@writes("lp_pool")
def write_lp_pool(w: Out, op: LpPool, x: Sent) -> Sent:
    """A whole power is an attribute; otherwise the mean of powers, times their number."""
    axes = op.windows(x.rank - 2)
    if op.p == int(op.p):
        y: Sent = pool(w, "LpPool", x, axes, op.ceil_mode, p=int(op.p))
        return y
    if op.ceil_mode:
        raise Refused(f"lp_pool with p {op.p} and ceil_mode: ONNX knows whole powers only")
    powers = w.add("Pow", w.add("Abs", x), w.scalar(op.p, x.dtype))
    mean = pool(w, "AveragePool", powers, axes, False, count_include_pad=1)
    number = float(np.prod([axis.kernel for axis in axes]))
    return w.add("Pow", w.add("Mul", mean, w.scalar(number, x.dtype)), w.scalar(1 / op.p, x.dtype))


@writes("global_avg_pool")
def write_global_avg_pool(w: Out, op: GlobalAvgPool, x: Sent) -> Any:
    """ONNX keeps the axes."""
    return w.add("GlobalAveragePool", x) if op.keepdims else NotImplemented


@writes("global_max_pool")
def write_global_max_pool(w: Out, op: GlobalMaxPool, x: Sent) -> Any:
    """ONNX keeps the axes, and takes no whole numbers."""
    known = op.keepdims and x.dtype.startswith("float")
    return w.add("GlobalMaxPool", x) if known else NotImplemented


@writes("global_lp_pool")
def write_global_lp_pool(w: Out, op: GlobalLpPool, x: Sent) -> Sent:
    """A whole power is an attribute; otherwise it is written out."""
    axes = w.ints(range(2, x.rank))
    if op.p == int(op.p):
        y = w.add("GlobalLpPool", x, p=int(op.p))
        return y if op.keepdims else w.add("Squeeze", y, axes)
    powers = w.add("Pow", w.add("Abs", x), w.scalar(op.p, x.dtype))
    total = w.add("ReduceSum", powers, axes, keepdims=int(op.keepdims))
    return w.add("Pow", total, w.scalar(1 / op.p, x.dtype))


@writes("max_unpool")
def write_max_unpool(w: Out, op: MaxUnpool, x: Sent, indices: Sent) -> Any:
    """Elements are scattered into zeros: MaxUnpool has another idea of ``output_size``."""
    shape, indices = w.types[0].shape, w.cast(indices, "int64")
    usual = op.output_size is None and not isinstance(op.pad, str)
    if op.within == "tensor" and usual and x.dtype.startswith("float"):
        window = dict(write_window(op.windows(x.rank - 2), (), always=False))
        return w.add("MaxUnpool", x, indices, **window)
    planes = () if op.within == "tensor" else shape[:2]
    lead = (*planes, product(shape[len(planes) :]))
    flat = w.ints([0] * len(planes) + [-1])
    zeros = w.add("Expand", w.scalar(0, x.dtype), w.sizes(lead))
    values, at = w.add("Reshape", x, flat), w.add("Reshape", indices, flat)
    y = w.add("ScatterElements", zeros, at, values, axis=len(lead) - 1)
    return w.add("Reshape", y, w.sizes(shape))


# ------------------------------------------------------------------ bins


@writes("adaptive_avg_pool")
def write_adaptive_avg_pool(w: Out, op: AdaptiveAvgPool, x: Sent) -> Any:
    """Equal bins are windows; others a product with a matrix of shares along each axis."""
    counts = each(op.output_size, x.rank - 2, "output_size")
    if set(counts) == {1}:
        return w.add("GlobalAveragePool", x)
    sizes = numbers(x.shape[2:], op.name)
    if not any(n % m for n, m in zip(sizes, counts, strict=True)):
        return w.add("AveragePool", x, **equal_bins(sizes, counts))
    for axis, (size, count) in enumerate(zip(sizes, counts, strict=True), start=2):
        shares = np.zeros((size, count))
        for i, (low, high) in enumerate(bins(size, count)):
            shares[low:high, i] = 1 / (high - low)
        x = along_last(w, x, axis, lambda y, m=shares: multiplied(w, y, m))
    return x


@writes("adaptive_max_pool")
def write_adaptive_max_pool(w: Out, op: AdaptiveMaxPool, x: Sent) -> Any:
    """Equal bins are windows; otherwise bins are gathered, filled up with their last element."""
    counts = each(op.output_size, x.rank - 2, "output_size")
    sizes = numbers(x.shape[2:], op.name)
    if x.dtype in POOLED and not any(n % m for n, m in zip(sizes, counts, strict=True)):
        return w.add("MaxPool", x, **equal_bins(sizes, counts))
    for axis, (size, count) in enumerate(zip(sizes, counts, strict=True), start=2):
        ends = bins(size, count)
        longest = max(high - low for low, high in ends)
        index = [[min(low + u, high - 1) for u in range(longest)] for low, high in ends]
        gathered = w.add("Gather", x, w.constant(np.array(index)), axis=axis)
        x = w.call("reduce", gathered, op="max", axes=(axis + 1,), keepdims=False)
    return x


def numbers(sizes: Sequence[Size], name: str) -> list[int]:
    """Sizes that must be known."""
    if any(isinstance(size, Dim) for size in sizes):
        raise Refused(f"{name} of symbolic sizes: its windows are not the same for all of them")
    return [size for size in sizes if isinstance(size, int)]


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each bin."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def equal_bins(sizes: Sequence[int], counts: Sequence[int]) -> dict[str, Any]:
    """The attributes of windows side by side."""
    kernel = [n // m for n, m in zip(sizes, counts, strict=True)]
    return {"kernel_shape": kernel, "strides": kernel}


def along_last(w: Out, x: Sent, axis: int, change: Any) -> Sent:
    """Change one axis as if it were the last."""
    order = list(range(x.rank))
    order[axis], order[-1] = order[-1], order[axis]
    if axis == x.rank - 1:
        found: Sent = change(x)
        return found
    return w.add("Transpose", change(w.add("Transpose", x, perm=order)), perm=order)


def multiplied(w: Out, x: Sent, matrix: Array) -> Sent:
    """``x @ matrix``."""
    return w.add("MatMul", x, w.constant(matrix.astype(x.dtype)))
