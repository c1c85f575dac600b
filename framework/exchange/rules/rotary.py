"""Writing rotary embeddings: RotaryEmbedding, or slices turned one by one."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.attention_writing import unsqueezed, whole_range
from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.dims import Size
from framework.ops.rotary import Rotary


@writes("rotary")
def write_rotary(
    w: Out, op: Rotary, x: Sent, positions: Sent | None, cos: Sent | None, sin: Sent | None
) -> Sent:
    """RotaryEmbedding where tables have an axis of 1 for the heads, or no formula is needed."""
    if cos is None or sin is None:
        cos, sin = by_formula(w, op, x, positions)
    elif positions is not None:
        index = w.cast(positions, "int64")
        cos, sin = w.add("Gather", cos, index), w.add("Gather", sin, index)
    plain = all(table.rank == 4 and table.shape[1] == 1 for table in (cos, sin))
    if w.opset >= 23 and x.rank == 4 and plain and x.dtype != "float64":
        return one_node(w, op, x, cos, sin)
    return turned(w, op, x, cos, sin)


def one_node(w: Out, op: Rotary, x: Sent, cos: Sent, sin: Sent) -> Sent:
    """RotaryEmbedding takes tables [b, t, width/2]."""
    shape = (x.shape[0], x.shape[2], cos.shape[-1])
    tables = [w.add("Squeeze", table, w.ints([1])) for table in (cos, sin)]
    if tables[0].shape != shape:
        tables = [w.add("Expand", table, w.sizes(shape), shape=shape) for table in tables]
    inter = 1 if op.pairing == "interleaved" else None
    return w.add("RotaryEmbedding", x, *tables, interleaved=inter, rotary_embedding_dim=op.width)


def by_formula(w: Out, op: Rotary, x: Sent, positions: Sent | None) -> tuple[Sent, Sent]:
    """Cosines and sines [..., t, width/2] in the dtype of x, from angles in float64."""
    if positions is None:
        positions = whole_range(w, x.shape[-2])
        if op.offset != 0:
            positions = w.add("Add", positions, w.size(op.offset))
    width = x.shape[-1] if op.width is None else op.width
    at = w.add("Unsqueeze", w.cast(positions, "float64"), w.ints([-1]))
    angles = w.add("Mul", at, frequencies(w, op, width))
    narrow = w.cast(angles, "float32") if x.dtype != "float64" else angles
    return w.cast(w.add("Cos", narrow), x.dtype), w.cast(w.add("Sin", narrow), x.dtype)


def frequencies(w: Out, op: Rotary, width: Size) -> Sent:
    """Radians from one position to the next, for each pair."""
    if isinstance(width, int):
        return w.constant(op.frequencies(width) / op.factor)
    even = w.add("Range", w.scalar(0, "int64"), w.size(width), w.scalar(2, "int64"))
    whole = w.cast(w.size(width), "float64")
    share = w.add("Div", w.add("Neg", w.cast(even, "float64")), whole)
    powers = w.add("Pow", w.scalar(op.base, "float64"), share)
    return w.add("Div", powers, w.scalar(op.factor, "float64"), shape=(width // 2,))


def turned(w: Out, op: Rotary, x: Sent, cos: Sent, sin: Sent) -> Sent:
    """Both halves, or elements by twos, taken apart, turned and joined again."""
    full: Size = x.shape[-1]
    width = full if op.width is None else op.width
    part = x if width == full else cut(w, x, 0, w.size(width))
    shape = (*x.shape[:-1], width)
    if op.pairing == "interleaved":
        pairs = (*x.shape[:-1], width // 2, 2)
        twos = w.add("Reshape", part, w.sizes(pairs), shape=pairs)
        first, second = (w.add("Gather", twos, w.scalar(i, "int64"), axis=-1) for i in (0, 1))
    else:
        first, second = cut(w, part, 0, w.size(width // 2)), cut(w, part, width // 2, None)
    left = w.add("Sub", w.add("Mul", first, cos), w.add("Mul", second, sin))
    right = w.add("Add", w.add("Mul", first, sin), w.add("Mul", second, cos))
    if op.pairing == "interleaved":
        halves = (w.add("Unsqueeze", side, w.ints([-1])) for side in (left, right))
        y = w.add("Reshape", w.add("Concat", *halves, axis=-1), w.sizes(shape), shape=shape)
    else:
        y = w.add("Concat", left, right, axis=-1)
    return y if width == full else w.add("Concat", y, cut(w, x, width, None), axis=-1)


def cut(w: Out, x: Sent, start: Size, stop: Any) -> Sent:
    """A slice of the last axis; None: to its end."""
    end = w.size(2**62) if stop is None else stop
    bounds = (unsqueezed(w, w.size(start), [0]), unsqueezed(w, end, [0]))
    return w.add("Slice", x, *bounds, w.ints([-1]))
