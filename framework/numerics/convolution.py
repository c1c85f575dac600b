"""Convolutions of [b, c, *size] arrays: matrix products over unfolded windows.

A block of windows is unfolded into the columns of a matrix (im2col); the blocks are small
enough to stay in the cache, whatever the size of the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.windows import Windows, blocks, padded, places

Array = NDArray[Any]

COLUMN_BYTES = 4 << 20
"""Bound of the unfolded block; the product is slower below, the cache misses above."""

DEPTHWISE_BYTES = 1 << 20
"""The same for depthwise convolutions, which do little with what they unfold."""


def convolve(x: Array, weight: Array, windows: Windows, groups: int = 1) -> Array:
    """Cross-correlation [b, c, *size] with [o, c/groups, *kernel] -> [b, o, *count].

    float16 is computed in float32.
    """
    dtype = x.dtype
    x, weight = widened(x), widened(weight)
    x = windows.pad(x)
    if max(windows.kernel) == 1:
        y = _pointwise(x, weight, windows, groups)
    elif x.shape[1] == groups:
        y = _depthwise(x, weight, windows)
    else:
        y = _by_columns(x, weight, windows, groups)
    return y.astype(dtype, copy=False)


def widened(x: Array) -> Array:
    """float16 as float32, so that sums do not overflow; other arrays as they are."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _pointwise(x: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """Kernel 1: a matrix product at every position that the stride keeps."""
    counts = windows.counts(x)
    picked = x[places([0] * len(counts), counts, windows.stride)]
    batch, channels, *size = picked.shape
    columns = picked.reshape(batch, groups, channels // groups, math.prod(size))
    filters = weight.reshape(groups, len(weight) // groups, channels // groups)
    y: Array = np.matmul(filters, columns)
    return y.reshape(batch, len(weight), *size)


def _depthwise(x: Array, weight: Array, windows: Windows) -> Array:
    """One channel a group: a row of taps times the shifted images, in blocks of channels.

    The images lie flat, so that a shift is an offset and unfolding copies whole images
    instead of short rows; what reads past the end of a row is cut off afterwards.
    """
    batch, channels = x.shape[:2]
    counts = windows.counts(x)
    phases, grid = _phases(x, windows.stride)
    rows = (counts[0], *grid[1:])
    filters = weight.reshape(channels, len(weight) // channels, -1)
    y = np.empty((batch, *filters.shape[:2], *counts), x.dtype)
    inner = places([0] * len(counts), counts, [1] * len(counts))
    plane = math.prod(windows.kernel) * math.prod(rows) * x.itemsize
    buffer = np.empty(0, x.dtype)
    for images, part in blocks(batch, channels, plane, DEPTHWISE_BYTES):
        shape = (*y[images, part].shape[:2], filters.shape[2], math.prod(rows))
        buffer = buffer if buffer.size >= math.prod(shape) else np.zeros(math.prod(shape), x.dtype)
        columns = buffer[: math.prod(shape)].reshape(shape)
        for number, (phase, stretch) in enumerate(_shifts(windows, counts, grid)):
            image = phases[phase][images, part, stretch]
            columns[:, :, number, : image.shape[-1]] = image
        product = np.matmul(filters[part], columns)
        y[images, part] = product.reshape(*product.shape[:3], *rows)[inner]
    return y.reshape(batch, len(weight), *counts)


def _phases(x: Array, stride: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """[b, c, *size] -> [*stride, b, c, flat grid]: each phase is what stride-1 windows read."""
    batch, channels, *size = x.shape
    grid = tuple(-(-n // step) for n, step in zip(size, stride, strict=True))
    axes = list(zip(grid, stride, strict=True))
    x = padded(x, [(0, n * step - have) for (n, step), have in zip(axes, size, strict=True)])
    split = x.reshape(batch, channels, *(part for axis in axes for part in axis))
    split = np.moveaxis(split, range(3, split.ndim, 2), range(len(stride)))
    return split.reshape(*stride, batch, channels, math.prod(grid)), grid


def _shifts(
    windows: Windows, counts: Sequence[int], grid: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], slice]]:
    """For each tap the phase that it reads, and the stretch of the flat grid."""
    steps = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
    length = sum((n - 1) * step for n, step in zip(counts, steps, strict=True)) + 1
    for tap in windows.offsets():
        axes = list(zip(tap, windows.stride, steps, strict=True))
        shift = sum(at // stride * step for at, stride, step in axes)
        yield tuple(at % stride for at, stride, _ in axes), slice(shift, shift + length)


def _by_columns(x: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """Unfold a block of windows into columns, multiply, and write the block of results."""
    view = windows.view(x).swapaxes(0, 1)  # [c, b, *kernel, *count]
    rank = len(windows.kernel)
    view = np.moveaxis(view, 1, 1 + rank)  # [c, *kernel, b, *count]
    channels, (batch, *counts) = len(view), view.shape[1 + rank :]
    depth = channels // groups * math.prod(windows.kernel)
    filters = np.ascontiguousarray(weight.reshape(groups, len(weight) // groups, depth))
    y = np.empty((batch, groups, len(weight) // groups, *counts), x.dtype)
    row = depth * groups * math.prod(counts[1:]) * x.itemsize
    buffer = np.empty(0, x.dtype)
    for images, rows in blocks(batch, counts[0], row, COLUMN_BYTES):
        block = view[(slice(None),) * (1 + rank) + (images, rows)]
        if block.size > buffer.size:
            buffer = np.empty(block.size, x.dtype)
        columns = buffer[: block.size].reshape(block.shape)
        np.copyto(columns, block)
        product = np.matmul(filters, columns.reshape(groups, depth, -1))
        product = product.reshape(groups, filters.shape[1], *block.shape[1 + rank :])
        y[images, :, :, rows] = np.moveaxis(product, 2, 0)
    return y.reshape(batch, len(weight), *counts)


def convolve_transposed(
    x: Array, weight: Array, windows: Windows, out: tuple[int, ...], groups: int = 1
) -> Array:
    """The adjoint of `convolve`: [b, c, *count] with [c, o/groups, *kernel] -> [b, o, *out].

    Every element of ``x`` adds its multiple of the kernel to the window that it would be
    computed from; ``out`` excludes the pads, which are cut off.
    """
    dtype = x.dtype
    x, weight = widened(x), widened(weight)
    full = tuple(n + before + after for n, (before, after) in zip(out, windows.pads, strict=True))
    y = _spread_columns(x, weight, windows, full, groups)
    y = y.reshape(len(x), groups * weight.shape[1], *full)
    starts = [before for before, _ in windows.pads]
    return np.ascontiguousarray(y[places(starts, out, [1] * len(out))], dtype)


def _spread_columns(
    x: Array, weight: Array, windows: Windows, full: tuple[int, ...], groups: int
) -> Array:
    """The products of all elements and filters, added up at the places of their taps."""
    batch, channels, *counts = x.shape
    per_group, taps = weight.shape[1], math.prod(windows.kernel)
    filters = weight.reshape(groups, channels // groups, per_group * taps).swapaxes(1, 2)
    y = np.zeros((batch, groups, per_group, *full), x.dtype)
    row = weight[0].size * groups * math.prod(counts[1:]) * x.itemsize
    for images, rows in blocks(batch, counts[0], row, COLUMN_BYTES):
        block = x[images, :, rows]
        size = block.shape[2:]
        inner = block.reshape(len(block), groups, channels // groups, math.prod(size))
        columns = np.matmul(filters, inner)
        columns = columns.reshape(len(block), groups, per_group, taps, *size)
        for number, place in enumerate(windows.taps(size, rows.start)):
            y[images][place] += columns[:, :, :, number]
    return y
