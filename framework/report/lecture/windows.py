"""The size of a sliding window's result, as a lecture writes it.

H2 = (H1 - F + 2P)/S + 1, with F the kernel, P the pad, S the stride, D the dilation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from framework.ir.dims import Size, exact_quotient
from framework.ir.op import Match, Op, spread
from framework.ops.window import AxisWindow
from framework.report.lecture.equation import Equation, factor

LETTERS = {1: "L", 2: "HW", 3: "ZHW"}
"""Names of the spatial axes, by their number."""

FORWARD = ("conv", "deform_conv", "avg_pool", "lp_pool", "max_pool", "max_pool_with_indices")


class Sliding(Protocol):
    """What every operator with sliding windows has."""

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each of ``rank`` axes."""


def axis_letters(rank: int) -> list[str]:
    """One letter for each spatial axis.

    >>> axis_letters(2)
    ['H', 'W']
    """
    return list(LETTERS.get(rank, (f"N{axis}" for axis in range(rank))))


def window_equations(op: Op, d: Match) -> Iterator[Equation]:
    """One equation for each spatial axis of a result made by windows."""
    if op.name not in (*FORWARD, "conv_transpose"):
        return
    rank, sliding = len(d.size), cast(Sliding, op)
    windows = sliding.windows(rank)
    extras = spread(op.values.get("output_pad", 0), rank, "output_pad")
    rows = zip(axis_letters(rank), d.size, d.outsize, windows, extras, strict=True)
    for letter, size, out, window, extra in rows:
        if op.name == "conv_transpose":
            fixed = op.values["output_size"] is not None
            letters, numbers = (str(out),) * 2 if fixed else spreading(letter, size, window, extra)
        else:
            letters, numbers = counting(letter, size, window, op.values.get("ceil_mode", False))
        yield Equation(f"{letter}2", letters, numbers, out)


def counting(letter: str, size: Size, window: AxisWindow, ceil: bool) -> tuple[str, str]:
    """How many windows fit: letters and numbers."""
    stride = window.stride
    if not isinstance(window.pad, tuple):
        return f"ceil({letter}1/S)", f"ceil({factor(size)}/{stride})"
    before, after = window.pad
    if ceil and after - window.span + stride > 0:  # the last window would start in the pad
        return f"ceil(({letter}1 + P)/S)", f"ceil(({size} + {before})/{stride})"
    span_letters, span_numbers = taken(window)
    pad_letters, pad_numbers = padded(window.pad)
    top_letters = f"{letter}1 - {span_letters}{pad_letters}"
    top_numbers = f"{size} - {span_numbers}{pad_numbers}"
    exact = exact_quotient(size + before + after - window.span, stride) is not None
    rounding = "" if exact else "ceil" if ceil else "floor"
    return (
        f"{rounded(rounding, top_letters, 'S')} + 1",
        f"{rounded(rounding, top_numbers, str(stride))} + 1",
    )


def spreading(letter: str, size: Size, window: AxisWindow, extra: int) -> tuple[str, str]:
    """How far windows around every element reach: letters and numbers."""
    stride = window.stride
    if not isinstance(window.pad, tuple):
        return f"{letter}1·S", f"{factor(size)}·{stride}"
    before, after = window.pad
    cut_letters = "2P" if before == after else "P1 - P2"
    cut_numbers = f"2·{before}" if before == after else f"{before} - {after}"
    reach = ("F", str(window.kernel))
    if window.dilation != 1:
        reach = ("D(F - 1) + 1", f"{window.dilation}·({window.kernel} - 1) + 1")
    more = (" + A", f" + {extra}") if extra else ("", "")
    return (
        f"({letter}1 - 1)·S + {reach[0]} - {cut_letters}{more[0]}",
        f"({size} - 1)·{stride} + {reach[1]} - {cut_numbers}{more[1]}",
    )


def taken(window: AxisWindow) -> tuple[str, str]:
    """What the window itself takes: F, or D(F - 1) + 1 with holes."""
    if window.dilation == 1:
        return "F", str(window.kernel)
    return "D(F - 1) - 1", f"{window.dilation}·({window.kernel} - 1) - 1"


def padded(pad: tuple[int, int]) -> tuple[str, str]:
    """What the pads add: 2P where both are equal."""
    before, after = pad
    if before == after:
        return " + 2P", f" + 2·{before}"
    return " + P1 + P2", f" + {before} + {after}"


def rounded(rounding: str, top: str, below: str) -> str:
    """A quotient, exact or rounded."""
    quotient = f"({top})/{below}"
    return f"{rounding}({quotient})" if rounding else quotient
