"""ONNX rules of positions, masks and embeddings, which ONNX has no operators for: writing only."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.dims import Dim, Shape, Size
from framework.ir.op import Array
from framework.ir.types import fixed_size
from framework.ops.position import sinusoids
from framework.ops.position_grid import wave
from framework.ops.position_tables import Stretch, resizing

WIDTH = "the width of a sinusoidal position"


@writes("embedding")
def write_embedding(w: Out, op: Any, ids: Sent, weight: Sent) -> Sent:
    """Rows of the table; ONNX takes int32 and int64 for indices."""
    known = ids if ids.dtype in ("int32", "int64") else w.cast(ids, "int64")
    return w.add("Gather", weight, known, axis=0, dtype=weight.dtype)


@writes("mask_fill")
def write_mask_fill(w: Out, op: Any, x: Sent, keep: Sent) -> Sent:
    """A choice."""
    with np.errstate(over="ignore"):  # -1e9 is -inf in float16
        value = np.asarray(op.value).astype(x.dtype)
    return w.add("Where", keep, x, w.constant(value), dtype=x.dtype)


@writes("causal_mask")
def write_causal_mask(w: Out, op: Any) -> Any:
    """A band without a left side."""
    keys = op.size if op.keys is None else op.keys
    offset = 0 if op.align == "top_left" else keys - op.size
    return w.call("band_mask", None, size=op.size, keys=keys, left=None, right=0, offset=offset)


@writes("positional")
def write_positional(w: Out, op: Any, x: Sent, table: Sent | None) -> Sent:
    """The table's first rows, or a constant one, or sines where the length is symbolic."""
    length, width = x.shape[-2:]
    if table is not None:
        return w.add("Add", x, fitted_table(w, table, (length,), op.resize))
    if not isinstance(length, Dim):
        count = fixed_size(width, WIDTH)
        rows = sinusoids(length, count, op.base).astype(x.dtype)
        return w.add("Add", x, w.constant(rows))
    return w.add("Add", x, w.cast(waves(w, length, width, op.base), x.dtype))


@writes("positional_2d")
def write_positional_2d(w: Out, op: Any, x: Sent, table: Sent | None) -> Sent:
    """The table, cut or stretched; or one of sines for the rows and one for the columns."""
    height, width, depth = x.shape[-3:]
    if table is not None:
        sizes = (height, width)
        return w.add("Add", x, fitted_table(w, table, sizes, op.resize, op.antialias))
    down, across = op.waves(fixed_size(depth, WIDTH))
    if not (isinstance(height, Dim) or isinstance(width, Dim)):
        cells = wave(height, *down)[:, None] + wave(width, *across)
        return w.add("Add", x, w.constant(cells.astype(x.dtype)))
    rows = w.add("Unsqueeze", sines(w, height, *down), w.ints([1]))
    return w.add("Add", x, w.cast(w.add("Add", rows, sines(w, width, *across)), x.dtype))


def fitted_table(w: Out, table: Sent, sizes: Shape, mode: Stretch, antialias: bool = False) -> Sent:
    """A table [1, *rows, d] as [*sizes, d]: cut to its first rows, or stretched.

    A sequence is stretched as an image of height 1: onnxruntime has cubic for images only.
    """
    if table.shape[1:-1] != sizes and mode == "none":
        axes = list(range(1, len(sizes) + 1))
        zeros, stops = w.ints([0] * len(axes)), w.sizes(sizes)
        table = w.add("Slice", table, zeros, stops, w.ints(axes), dtype=table.dtype)
    elif table.shape[1:-1] != sizes and len(sizes) == 1:
        image = w.add("Unsqueeze", table, w.ints([1]))
        stretched: Sent = w.call("resize", image, **resizing((1, *sizes), mode, antialias))
        return w.add("Squeeze", stretched, w.ints([0, 1]))
    elif table.shape[1:-1] != sizes:
        table = w.call("resize", table, **resizing(sizes, mode, antialias))
    return w.add("Squeeze", table, w.ints([0]))


def waves(w: Out, length: Size, width: Size, base: float) -> Sent:
    """sin(p * base^(-2i/d)), with pi/2 added inside for the columns that are cosines."""
    columns = np.arange(fixed_size(width, WIDTH))
    rates = 1 / base ** (columns // 2 * 2 / len(columns))
    return sines(w, length, rates, np.where(columns % 2, np.pi / 2, 0.0))


def sines(w: Out, length: Size, rates: Array, shifts: Array) -> Sent:
    """sin(p * rate + shift), float64 [length, columns], for a length that may be symbolic."""
    index = w.add("Range", w.scalar(0, "int64"), w.size(length), w.scalar(1, "int64"))
    at = w.add("Unsqueeze", w.cast(index, "float64"), w.ints([1]))
    angle = w.add("Add", w.add("Mul", at, w.constant(rates)), w.constant(shifts))
    return w.add("Sin", angle)
