"""Sizes of a convolution of images, which its algorithms are planned by."""

from __future__ import annotations

from dataclasses import dataclass

from framework.numerics.windows import Windows


@dataclass(frozen=True)
class Geometry:
    """Sizes of a convolution [b, c, h, w] -> [b, o, *size], and where its windows lie."""

    x: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    windows: Windows
    groups: int = 1

    @property
    def inner(self) -> int:
        """Channels that a filter sees."""
        return self.x[1] // self.groups

    @property
    def filters(self) -> int:
        """Filters of a group."""
        return self.y[1] // self.groups

    @property
    def turned(self) -> Geometry:
        """The same with rows and columns exchanged."""
        old, (b, c, high, wide), (_, o, rows, columns) = self.windows, self.x, self.y
        windows = Windows(old.kernel[::-1], old.stride[::-1], old.dilation[::-1], old.pads[::-1])
        return Geometry((b, c, wide, high), (b, o, columns, rows), windows, self.groups)

    def tile(self, rows: int) -> tuple[int, int]:
        """Rows and columns of the padded image that some rows of windows see."""
        counts = (rows, self.y[3])
        axes = zip(counts, self.windows.stride, self.windows.spans, strict=True)
        height, width = ((n - 1) * step + span for n, step, span in axes)
        return height, width

    def first(self, row: int) -> tuple[int, int]:
        """Where the tile of the windows from ``row`` on starts."""
        (above, _), (left, _) = self.windows.pads
        return row * self.windows.stride[0] - above, -left


def seen(first: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of ``count`` places from ``first`` on, ``step`` apart, lie in a row, and where.

    >>> seen(-1, 2, 4, 5)
    (slice(1, 3, None), slice(1, 4, 2))
    """
    low = min(count, max(0, -(first // step)))
    high = max(low, min(count, -((first - size) // step)))
    start = low * step + first
    stop = start + (high - low - 1) * step + 1 if high > low else start
    return slice(low, high), slice(start, stop, step)
