"""Shape rules that several families of operators share."""

from __future__ import annotations

from collections.abc import Sequence

from framework.errors import ShapeError
from framework.ir.dims import Shape, Size, bounds, format_shape, maximum, minimum
from framework.ir.op import Match
from framework.ir.types import axis_index

LITERAL_ONE = "sizes that repeat must be a literal 1"


def fits(d: Match, shape: Shape, target: Shape, what: str) -> None:
    """Demand that ``shape`` broadcasts to exactly ``target``, which it may not widen."""
    if len(shape) > len(target):
        raise ShapeError(f"{what} {format_shape(shape)} has more axes than {format_shape(target)}")
    where = f"{what} {format_shape(shape)} does not broadcast to {format_shape(target)}"
    for size, wanted in zip(reversed(shape), reversed(target), strict=False):
        if size != 1:
            d.require("==", size, wanted, where, hint=LITERAL_ONE)


def axes_of(axes: int | Sequence[int] | None, rank: int, what: str) -> tuple[int, ...]:
    """One or several axes, counted from the front, sorted; None stands for all.

    >>> axes_of((-1, 0), 3, "x")
    (0, 2)
    """
    if axes is None:
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    found = [axis_index(axis, rank, what) for axis in given]
    if len(set(found)) < len(found):
        raise ShapeError(f"axes {list(given)} name one axis of {rank} twice")
    return tuple(sorted(found))


def negative(size: Size, what: str) -> bool:
    """Is this position counted from the back?  Its sign must not depend on a size."""
    low, high = bounds(size)
    if low is not None and low >= 0:
        return False
    if high is not None and high < 0:
        return True
    raise ShapeError(
        f"{what} {size} is negative for some sizes and not for others",
        hint="negative positions count from the back: declare a min, or write another expression",
    )


def position(size: Size, count: Size, lowest: Size, highest: Size, what: str) -> Size:
    """A bound of a slice counted from the front and clamped, as Python does it."""
    if negative(size, what):
        return maximum(count + size, lowest)
    return minimum(size, highest)
