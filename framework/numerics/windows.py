"""Windows that slide over the last axes of an array, and blocks of work that fit a cache."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[Any]
Tap = tuple[int, ...]
Index = tuple[Any, ...]


@dataclass(frozen=True)
class Windows:
    """Windows over the spatial axes: one value for each axis; arrays are [b, c, *size].

    Along one axis, tap ``u`` of window ``i`` reads position ``i*stride + u*dilation`` of
    the padded array.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """Length that a window covers, holes of the dilation included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def pad(self, x: Array, fill: float = 0) -> Array:
        """``x`` with ``fill`` around its spatial axes."""
        return padded(x, self.pads, fill)

    def counts(self, x: Array) -> tuple[int, ...]:
        """Windows that fit into a padded array, along each axis."""
        sizes = x.shape[-len(self.kernel) :]
        steps = zip(sizes, self.spans, self.stride, strict=True)
        return tuple(max(0, (size - span) // stride + 1) for size, span, stride in steps)

    def view(self, x: Array) -> Array:
        """[*lead, *size] -> [*lead, *kernel, *count]: the windows of a padded array, not copied."""
        rank = len(self.kernel)
        lead, steps = x.strides[:-rank], x.strides[-rank:]
        along = tuple(s * d for s, d in zip(steps, self.dilation, strict=True))
        across = tuple(s * stride for s, stride in zip(steps, self.stride, strict=True))
        shape = (*x.shape[:-rank], *self.kernel, *self.counts(x))
        return as_strided(x, shape, (*lead, *along, *across), writeable=False)

    def offsets(self) -> Iterator[Tap]:
        """Position of each tap of the kernel relative to the start of its window."""
        axes = zip(self.kernel, self.dilation, strict=True)
        return itertools.product(*(range(0, k * d, d) for k, d in axes))

    def taps(self, counts: Sequence[int], first_row: int = 0) -> Iterator[Index]:
        """For each tap of the kernel the places that it touches in a padded array.

        ``counts`` windows are meant, along the first axis those from ``first_row`` on.
        """
        for first, *others in self.offsets():
            starts = [first + first_row * self.stride[0], *others]
            yield places(starts, counts, self.stride)


def places(starts: Sequence[int], counts: Sequence[int], stride: Sequence[int]) -> Index:
    """For each of the last axes ``counts`` positions from ``starts`` on, ``stride`` apart."""
    axes = zip(starts, counts, stride, strict=True)
    ranges = (slice(at, at + (n - 1) * step + 1 if n else at, step) for at, n, step in axes)
    return (..., *ranges)


def padded(x: Array, pads: Sequence[tuple[int, int]], fill: float = 0) -> Array:
    """``x`` with ``fill`` before and after its last axes; ``x`` itself if nothing is added.

    np.pad spends more time on its generality than small images take to convolve.
    """
    if not any(before or after for before, after in pads):
        return x
    lead = x.ndim - len(pads)
    sizes = [n + before + after for n, (before, after) in zip(x.shape[lead:], pads, strict=True)]
    out = np.full((*x.shape[:lead], *sizes), fill, x.dtype)
    out[places([before for before, _ in pads], x.shape[lead:], [1] * len(pads))] = x
    return out


def blocks(images: int, rows: int, row_bytes: int, limit: int) -> Iterator[tuple[slice, slice]]:
    """Ranges of images and of rows, each of at most ``limit`` bytes but at least one row.

    Small images are taken together, large ones are cut.
    """
    fit = max(1, limit // max(1, row_bytes))
    together = max(1, fit // max(1, rows))
    # Even parts: a short last block would waste a matrix product.
    cut = -(-rows // max(1, -(-rows // fit)))
    for image in range(0, images, together):
        for row in range(0, rows, max(1, cut)):
            yield slice(image, min(image + together, images)), slice(row, min(row + cut, rows))
