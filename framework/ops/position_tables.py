"""Learned tables of positions that are stretched to other sizes; no operator is declared here."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from framework.ir.dims import Shape, Size, product
from framework.ir.op import Array, Match

Stretch = Literal["none", "linear", "cubic"]
"""How a learned table gets the size of the input: its first rows, or interpolated."""


def resizing(sizes: Shape, mode: Stretch, antialias: bool = False) -> dict[str, Any]:
    """Attributes of the `resize` that stretches axes 1, 2, … of a table to ``sizes``.

    As PyTorch's interpolate: cubic with the slope -3/4, or -1/2 where it is antialiased.
    """
    return {
        "sizes": sizes,
        "axes": tuple(range(1, len(sizes) + 1)),
        "mode": mode,
        "antialias": antialias,
        "exclude_outside": antialias,
        "cubic_coeff_a": -0.5 if antialias else -0.75,
    }


def fitted(table: Array, sizes: tuple[int, ...], mode: Stretch, antialias: bool = False) -> Array:
    """A table [1, *rows, d] as [*sizes, d]."""
    from framework.ops.resize import Resize  # long, and most tables are not stretched

    rows = table
    if mode != "none" and table.shape[1:-1] != sizes:
        rows = Resize(**resizing(sizes, mode, antialias)).compute(table)
    first: tuple[Any, ...] = (0, *map(slice, sizes))
    return np.asarray(rows[first])


def require_rows(d: Match, sizes: Shape, stored: Shape, mode: Stretch) -> None:
    """Without stretching, a table may be larger than the input, never smaller."""
    for size, rows in zip(sizes, stored, strict=True):
        if mode == "none":
            d.require("<=", size, rows, "sequence length and table length")


def stretching(sizes: Shape, stored: Shape, width: Size, mode: Stretch) -> Size:
    """Operations that the stretching takes: a product and a sum for each of 2 or 4 neighbours."""
    if mode == "none" or sizes == stored:
        return 0
    reach = 2 if mode == "linear" else 4
    made = [product((*sizes[: k + 1], *stored[k + 1 :])) for k in range(len(sizes))]
    return 2 * reach * width * sum(made[1:], made[0])
