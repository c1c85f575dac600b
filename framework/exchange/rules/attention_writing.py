"""Writing attention, bands and biases: as ONNX's own operators where they mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.attention import STAGES
from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.dims import Size
from framework.ops.attention import Attention
from framework.ops.band import BandMask
from framework.ops.relative import Alibi, RelativeBias, slopes


@writes("attention")
def write_attention(
    w: Out,
    op: Attention,
    q: Sent,
    k: Sent,
    v: Sent,
    keep: Sent | None,
    past_k: Sent | None,
    past_v: Sent | None,
    lengths: Sent | None,
) -> Any:
    """One Attention with four axes; what is missing in front becomes axes of 1."""
    if not expressible(w, op, q, k, past_k, lengths):
        return NotImplemented
    lead = list(range(4 - q.rank))
    full = [x and unsqueezed(w, x, lead) for x in (q, k, v)]
    past = [x and unsqueezed(w, x, lead) for x in (past_k, past_v)]
    counted = None if lengths is None else w.cast(lengths, "int64")
    count = 4 if w.wants(1) else 3 if past_k is not None else 1
    made = w.add(
        "Attention", *full, whole_mask(w, keep), *past, counted, outputs=count,
        scale=op.scale, is_causal=int(op.causal), softcap=op.softcap,
        left_window_size=op.left_window, right_window_size=op.right_window,
        qk_matmul_output_mode=STAGES.index(op.stage) or None,
    )  # fmt: skip
    y, *rest = made if count > 1 else (made,)
    found = (y, rest[2] if count == 4 else None, *rest[: 2 * (past_k is not None)])
    return tuple(x and squeezed(w, x, lead) for x in found)


def whole_mask(w: Out, keep: Sent | None) -> Sent | None:
    """A mask that repeats along queries or keys, written out.

    ONNX takes keys beyond the end of a mask as hidden, onnxruntime wants a row for each query.
    """
    if keep is None or (keep.rank > 1 and 1 not in keep.shape[-2:]):
        return keep
    whole = (*keep.shape[:-2], *w.types[1].shape[-2:])
    return w.add("Expand", keep, w.sizes(whole), shape=whole)


def expressible(
    w: Out, op: Attention, q: Sent, k: Sent, past: Sent | None, lengths: Sent | None
) -> bool:
    """Does Attention of this opset mean the same?"""
    windows = op.left_window is not None or op.right_window is not None
    if w.opset < (25 if windows else 23) or q.rank > 4:
        return False
    if (op.normalizer, op.empty) != ("softmax", "zeros"):
        return False
    banded = op.causal or windows
    if lengths is not None:
        shapes = past is None and (q.rank, lengths.rank) == (4, 1)
        return shapes and counts_lengths(w, op, banded)
    return op.align == "top_left" or not banded or (past is None and q.shape[-2] == k.shape[-2])


def counts_lengths(w: Out, op: Attention, banded: bool) -> bool:
    """With lengths ONNX aligns the last queries with the last keys, and shows no weights."""
    return w.opset >= 24 and not w.wants(1) and (op.align == "bottom_right" or not banded)


def unsqueezed(w: Out, x: Sent, axes: list[int]) -> Sent:
    """With axes of 1 in front."""
    return w.add("Unsqueeze", x, w.ints(axes)) if axes else x


def squeezed(w: Out, x: Sent, axes: list[int]) -> Sent:
    """Without them."""
    return w.add("Squeeze", x, w.ints(axes)) if axes else x


# ---------------------------------------------------------------------- positions


def whole_range(w: Out, count: Size) -> Sent:
    """0, 1, ... as int64."""
    size = w.size(count)
    return w.add("Range", w.scalar(0, "int64"), size, w.scalar(1, "int64"), shape=(count,))


def ahead(w: Out, size: Size, keys: Size | None, offset: Size, first: Sent | None = None) -> Sent:
    """How far each key is ahead of each query, int64 [..., t, s]."""
    at = unsqueezed(w, whole_range(w, size), [1])
    if offset != 0:
        at = w.add("Add", at, w.size(offset))
    if first is not None:
        start = w.cast(first, "int64")
        at = w.add("Add", at, w.add("Unsqueeze", start, w.ints([first.rank, first.rank + 1])))
    return w.add("Sub", whole_range(w, size if keys is None else keys), at)


@writes("band_mask")
def write_band_mask(w: Out, op: BandMask, first: Sent | None) -> Sent:
    """Compare distances with both sides."""
    gap = ahead(w, op.size, op.keys, op.offset, first)
    tests = []
    if op.left is not None:
        tests.append(w.add("GreaterOrEqual", gap, w.scalar(-op.left, "int64"), dtype="bool"))
    if op.right is not None:
        tests.append(w.add("LessOrEqual", gap, w.scalar(op.right, "int64"), dtype="bool"))
    if not tests:
        return w.add("Equal", gap, gap, dtype="bool")
    return tests[0] if len(tests) == 1 else w.add("And", *tests)


@writes("alibi")
def write_alibi(w: Out, op: Alibi) -> Sent:
    """Slopes times distances."""
    away = w.add("Abs", ahead(w, op.size, op.keys, op.offset))
    factors = w.constant(-slopes(op.heads)[:, None, None])
    return w.cast(w.add("Mul", w.cast(away, "float64"), factors), op.dtype)


@writes("relative_bias")
def write_relative_bias(w: Out, op: RelativeBias, table: Sent) -> Sent:
    """Distances beyond the last bucket are clipped; a table of buckets finds the rows."""
    most = op.max_distance
    gap = ahead(w, op.size, op.keys, op.offset)
    near = w.add("Clip", gap, w.scalar(-most, "int64"), w.scalar(most, "int64"))
    index = w.add("Add", near, w.scalar(most, "int64"))
    buckets = w.constant(op.bucket(np.arange(-most, most + 1)).astype(np.int64))
    rows = w.add("Gather", buckets, index)
    return w.add("Transpose", w.add("Gather", table, rows), perm=[2, 0, 1])
