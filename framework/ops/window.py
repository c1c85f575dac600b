"""Geometry of sliding windows, for convolution and pooling; no operator is declared here.

Sizes may be symbolic; kernels, strides, dilations and pads are plain numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework.errors import Mistake, ShapeError, did_you_mean
from framework.ir.attributes import PAD_WORDS, Pad, Sizes
from framework.ir.dims import Shape, Size, ceildiv, maximum
from framework.ir.op import Match, spread
from framework.numerics.windows import Windows


@dataclass(frozen=True)
class AxisWindow:
    """A window along one axis; ``pad`` is (before, after), same_upper or same_lower."""

    kernel: int
    stride: int
    dilation: int
    pad: tuple[int, int] | str

    @property
    def span(self) -> int:
        """Length that the window covers, holes of the dilation included."""
        return self.dilation * (self.kernel - 1) + 1

    def pads(self, size: Size) -> tuple[Size, Size]:
        """What is added before and after an axis of ``size``.

        For same_*: the ceil(size/stride) windows end at (ceil(size/stride) - 1)*stride + span;
        an odd element goes after (upper) or before (lower).
        """
        if isinstance(self.pad, tuple):
            return self.pad
        return self.shared(self.reach(ceildiv(size, self.stride)) - size)

    def reach(self, count: Size) -> Size:
        """Where the last of ``count`` windows ends: (count - 1)*stride + span."""
        return (count - 1) * self.stride + self.span

    def shared(self, missing: Size) -> tuple[Size, Size]:
        """What same_* puts before and after; nothing where not even that is missing."""
        missing = maximum(missing, 0)
        half = missing // 2
        return (half, missing - half) if self.pad == "same_upper" else (missing - half, half)

    def count(self, size: Size, ceil: bool = False) -> Size:
        """How many windows: floor((size + before + after - span)/stride) + 1.

        With ``ceil`` a last window may reach past the padded end, but must start before the
        pad at that end does.  That is the smaller of ceil((size + before + after -
        span)/stride) + 1 and ceil((size + before)/stride), hence one ceil of the smaller
        numerator.
        """
        if not isinstance(self.pad, tuple):
            return ceildiv(size, self.stride)
        before, after = self.pad
        if ceil:
            return ceildiv(size + before + min(after - self.span + self.stride, 0), self.stride)
        return (size + before + after - self.span) // self.stride + 1

    def require_fit(self, d: Match, size: Size, axis: int) -> None:
        """Demand that the padded axis holds a whole window."""
        if isinstance(self.pad, tuple):
            what = f"window and padded size along axis {axis}"
            hint = "a smaller kernel or dilation fits, or more pad"
            d.require("<=", self.span, size + sum(self.pad), what, hint)


def axis_windows(
    rank: int, kernel: Sizes, stride: Sizes, pad: Pad, dilation: Sizes = 1
) -> tuple[AxisWindow, ...]:
    """One window for each of ``rank`` spatial axes, from attributes as they are written."""
    if rank == 0:
        raise ShapeError(
            "x has no spatial axes", hint="a batch of signals is [b, c, t], of images [b, c, h, w]"
        )
    columns = zip(
        spread(kernel, rank, "kernel"),
        spread(stride, rank, "stride"),
        spread(dilation, rank, "dilation"),
        axis_pads(pad, rank),
        strict=True,
    )
    return tuple(AxisWindow(*values) for values in columns)


def axis_pads(pad: Pad, rank: int) -> tuple[tuple[int, int] | str, ...]:
    """(before, after), or the word of a same-padding, for each axis.

    >>> axis_pads((1, (2, 0)), 2)
    ((1, 1), (2, 0))
    """
    values: tuple[Any, ...] = spread(0 if pad == "valid" else pad, rank, "pad")
    return tuple((value, value) if isinstance(value, int) else value for value in values)


def windows_at(axes: Sequence[AxisWindow], sizes: Sequence[int]) -> Windows:
    """The same for arrays of known ``sizes``."""
    pads: Any = tuple(axis.pads(size) for axis, size in zip(axes, sizes, strict=True))
    return Windows(
        kernel=tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        dilation=tuple(axis.dilation for axis in axes),
        pads=pads,
    )


def window_counts(
    d: Match, sizes: Shape, axes: Sequence[AxisWindow], ceil: bool = False
) -> tuple[Size, ...]:
    """Windows along each axis, with the demand that the first one fits."""
    for number, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        axis.require_fit(d, size, number + 2)
    return tuple(axis.count(size, ceil) for axis, size in zip(axes, sizes, strict=True))


def check_positive(**values: Sizes | None) -> None:
    """Refuse a kernel, stride or dilation below 1."""
    for name, value in values.items():
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and number < 1:
                raise Mistake(f"{name} is {number}; it must be at least 1")


def check_pad(pad: Pad) -> None:
    """Refuse negative pads and unknown words."""
    if isinstance(pad, str):
        if pad not in PAD_WORDS:
            words = ", ".join(PAD_WORDS)
            raise Mistake(
                f"pad is '{pad}'; it must be a number, pairs, or one of {words}",
                hint=did_you_mean(pad, PAD_WORDS),
            )
        return
    for value in pad if isinstance(pad, tuple) else (pad,):
        pair = value if isinstance(value, tuple) else (value, value)
        if len(pair) != 2:
            raise Mistake(f"pad {list(pair)} must be [before, after]")
        if min(pair) < 0:
            raise Mistake(f"pad is {min(pair)}; it must not be negative")
