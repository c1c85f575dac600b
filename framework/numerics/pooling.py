"""Pooling of [b, c, *size] arrays: windows folded one axis after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.windows import Windows, padded, places

Array = NDArray[Any]


def fold_windows(
    x: Array, windows: Windows, counts: Sequence[int], combine: Callable[..., Array], fill: float
) -> Array:
    """Combine all elements of each window; ``counts`` windows along each axis.

    A window may reach past the array: there it finds ``fill``.  An axis at a time needs
    kh + kw steps instead of kh * kw, and the first axis leaves less for the second.
    """
    for axis, count in enumerate(counts):
        x = _fold_axis(x, windows, axis, count, combine, fill)
    return x


def _fold_axis(
    x: Array,
    windows: Windows,
    axis: int,
    count: int,
    combine: Callable[..., Array],
    fill: float,
) -> Array:
    before, step, apart = windows.pads[axis][0], windows.stride[axis], windows.dilation[axis]
    rest = len(windows.kernel) - axis - 1
    reach = (count - 1) * step + windows.spans[axis]
    after = max(0, reach - before - x.shape[axis + 2])
    x = padded(x, [(before, after), *([(0, 0)] * rest)], fill)
    parts = [
        x[places([u * apart, *([0] * rest)], [count, *x.shape[axis + 3 :]], [step, *([1] * rest)])]
        for u in range(windows.kernel[axis])
    ]
    total = parts[0].copy()
    for part in parts[1:]:
        combine(total, part, out=total)
    return total


def max_pool(x: Array, windows: Windows, counts: Sequence[int]) -> Array:
    """The largest element of each window; pads never win, NaN always does."""
    least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    return fold_windows(x, windows, counts, np.maximum, least)


def avg_pool(x: Array, windows: Windows, counts: Sequence[int], with_pads: bool) -> Array:
    """The mean of each window; ``with_pads`` counts the pads as zeros.

    What a last window reaches past the pads (rounding up) is never counted.
    """
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    total = fold_windows(wide, windows, counts, np.add, 0)
    total /= divisors(windows, x.shape[2:], counts, with_pads).astype(total.dtype)
    return total.astype(x.dtype, copy=False)


def divisors(
    windows: Windows, sizes: Sequence[int], counts: Sequence[int], with_pads: bool
) -> Array:
    """How many elements each window counts: [*counts]."""
    found: Array = np.ones((), np.int64)
    for axis, count in enumerate(counts):
        size, (before, after) = sizes[axis], windows.pads[axis]
        taps = np.arange(windows.kernel[axis]) * windows.dilation[axis]
        at = np.add.outer(np.arange(count) * windows.stride[axis] - before, taps)
        low, high = (-before, size + after) if with_pads else (0, size)
        # Holes of a dilation may leave a window nothing but pads: its sum is 0, and its mean.
        taken = np.maximum(((at >= low) & (at < high)).sum(1), 1)
        found = np.multiply.outer(found, taken)
    return found


def lp_pool(x: Array, windows: Windows, counts: Sequence[int], p: float) -> Array:
    """The p-norm of each window; pads are zeros.  Powers are taken in double precision."""
    powers = np.abs(x.astype(np.float64)) ** p
    total = fold_windows(powers, windows, counts, np.add, 0)
    return (total ** (1 / p)).astype(x.dtype, copy=False)


def max_places(x: Array, windows: Windows, counts: Sequence[int]) -> tuple[Array, Array]:
    """The largest element of each window, and its positions [axes, b, c, *count].

    The first of several equal ones; NaN wins.
    """
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    pads = []
    for axis, count in enumerate(counts):
        before = windows.pads[axis][0]
        reach = (count - 1) * windows.stride[axis] + windows.spans[axis]
        pads.append((before, max(0, reach - before - x.shape[axis + 2])))
    view = windows.view(padded(x, pads, lowest))
    rank = len(counts)
    view = view[places([0] * rank, counts, [1] * rank)]
    taps = np.moveaxis(view, range(2, 2 + rank), range(-rank, 0))
    flat = taps.reshape(*taps.shape[: 2 + rank], math.prod(windows.kernel))
    best = flat.argmax(-1)
    found = []
    for axis, tap in enumerate(np.unravel_index(best, windows.kernel)):
        start = np.arange(counts[axis]) * windows.stride[axis] - windows.pads[axis][0]
        at = tap * windows.dilation[axis] + start.reshape(-1, *([1] * (rank - axis - 1)))
        # Only where all that a window sees is as low as a pad can the pad come first.
        found.append(np.clip(at, 0, x.shape[axis + 2] - 1))
    return np.take_along_axis(flat, best[..., None], -1)[..., 0], np.stack(found)


def adaptive_pool(x: Array, counts: Sequence[int], reduce: Callable[[Array, int], Array]) -> Array:
    """Reduce bins of almost equal length, one axis after the other.

    Bin i of m covers floor(i*n/m) up to ceil((i + 1)*n/m); neighbours may share an element.
    """
    for axis, count in enumerate(counts, start=2):
        size = x.shape[axis]
        ends = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        parts = [x[(slice(None),) * axis + (slice(low, high),)] for low, high in ends]
        x = np.stack([reduce(part, axis) for part in parts], axis)
    return x
