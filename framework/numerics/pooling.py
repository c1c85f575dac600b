"""Pooling of [b, c, *size] arrays: windows folded one axis after the other."""

from __future__ import annotations

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
    for axis, count in enumerate(counts):
        size, (before, after) = x.shape[axis + 2], windows.pads[axis]
        start = np.arange(count) * windows.stride[axis] - before
        end = start + windows.spans[axis]
        low, high = (-before, size + after) if with_pads else (0, size)
        taken = np.minimum(end, high) - np.maximum(start, low)
        total /= taken.astype(total.dtype).reshape(-1, *([1] * (len(counts) - axis - 1)))
    return total.astype(x.dtype, copy=False)
