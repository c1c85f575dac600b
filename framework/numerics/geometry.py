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
