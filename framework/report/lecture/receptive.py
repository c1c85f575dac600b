"""Receptive fields: which stretch of the input one element of a node can depend on.

Along each spatial axis element p of a result reads the elements first(p) ... last(p) of the
input.  After strided transposed convolutions that depends on p modulo a period P, so a field
keeps one stretch for each p below P, and the step J by which it moves when p grows by P:

    windows with stride s, pad b, dilation d:   p reads p*s - b + u*d,  u = 0 ... F - 1
    transposed:                                 p reads all i with i*s + u*d - b = p

All numbers are exact; the size of a field is that of its longest stretch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from framework.ops.window import AxisWindow

LONGEST_PERIOD = 512

Stretch = tuple[int, int] | None
"""First and last element; None where nothing is read."""


@dataclass(frozen=True)
class AxisField:
    """The field along one axis: a stretch for each position of a period, and the step."""

    reads: tuple[Stretch, ...] = ((0, 0),)
    step: int = 1

    @property
    def period(self) -> int:
        """Number of positions after which the pattern repeats."""
        return len(self.reads)

    @property
    def size(self) -> int:
        """Elements in the longest stretch."""
        return max((last - first + 1 for first, last in filter(None, self.reads)), default=0)

    @property
    def stride(self) -> Fraction:
        """How far the field moves from one element to the next, on average."""
        return Fraction(self.step, self.period)

    def at(self, position: int) -> Stretch:
        """What the element at any position reads."""
        turns, place = divmod(position, self.period)
        found = self.reads[place]
        return (
            None if found is None else (found[0] + turns * self.step, found[1] + turns * self.step)
        )

    def repeated(self, times: int) -> AxisField:
        """The same field with a longer period."""
        positions = range(self.period * times)
        return AxisField(tuple(map(self.at, positions)), self.step * times)


def joined(stretches: Iterable[Stretch]) -> Stretch:
    """The shortest stretch that holds all."""
    found = [stretch for stretch in stretches if stretch is not None]
    if not found:
        return None
    return min(first for first, _ in found), max(last for _, last in found)


def through_window(field: AxisField, window: AxisWindow, before: int) -> AxisField:
    """The field behind a sliding window with ``before`` elements of pad."""
    stride = window.stride
    period = field.period // gcd(field.period, stride)
    reads = tuple(
        joined(field.at(p * stride - before + u * window.dilation) for u in range(window.kernel))
        for p in range(period)
    )
    return AxisField(reads, field.step * (period * stride // field.period))


def through_spread(field: AxisField, window: AxisWindow, before: int) -> AxisField:
    """The field behind a transposed window, from which ``before`` elements are cut."""
    stride = window.stride
    reads = tuple(
        joined(
            field.at((p + before - u * window.dilation) // stride)
            for u in range(window.kernel)
            if (p + before - u * window.dilation) % stride == 0
        )
        for p in range(field.period * stride)
    )
    return AxisField(reads, field.step)


def through_copies(field: AxisField, times: int) -> AxisField:
    """The field where every element stands ``times`` times in a row."""
    return AxisField(tuple(field.at(p // times) for p in range(field.period * times)), field.step)


def united(one: AxisField, other: AxisField) -> AxisField | None:
    """The field of what reads both; None where they move at different speeds."""
    if one.stride != other.stride:
        return None
    period = lcm(one.period, other.period)
    if period > LONGEST_PERIOD:
        return None
    one, other = one.repeated(period // one.period), other.repeated(period // other.period)
    reads = tuple(joined(pair) for pair in zip(one.reads, other.reads, strict=True))
    return AxisField(reads, one.step)
