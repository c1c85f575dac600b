"""Reading [b, c, *size] arrays at positions between their elements.

Positions are [b, r, q]: for each of the r spatial axes the position of each of q samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.convolution import widened
from framework.numerics.resize import keys

Array = NDArray[Any]
Inside = Callable[[Array, int], tuple[Array, Array]]
"""Whole positions along an axis of some size -> positions within it, and which of them count."""

CUBIC_A = -0.75
"""The slope that PyTorch's cubic sampling has."""

FAR = 1e9
"""What is read at no number at all, or infinitely far away, is read here: outside."""


def sample(x: Array, positions: Array, mode: str, inside: Inside) -> Array:
    """[b, c, *size] at [b, r, q] -> [b, c, q]: nearest, linear or cubic along every axis."""
    wide = widened(x)
    batch, channels, *sizes = wide.shape
    flat = wide.reshape(batch, channels, -1)
    near = np.nan_to_num(positions, nan=-FAR, posinf=FAR, neginf=-FAR)
    y = np.zeros((batch, channels, positions.shape[2]), wide.dtype)
    taps = [list(axis_taps(near[:, i], n, mode, inside)) for i, n in enumerate(sizes)]
    for chosen in itertools.product(*taps):
        index = np.zeros(near[:, 0].shape, np.int64)
        share = np.ones(index.shape)
        for size, (place, part) in zip(sizes, chosen, strict=True):
            index, share = index * size + place, share * part
        # What takes no part is left out, so that an infinity there does no harm.
        found = np.take_along_axis(flat, index[:, None], 2)
        y += np.where(share[:, None] == 0, 0, found * share[:, None].astype(wide.dtype))
    return y.astype(x.dtype, copy=False)


def axis_taps(at: Array, size: int, mode: str, inside: Inside) -> Iterator[tuple[Array, Array]]:
    """Whole positions and their weights along one axis."""
    low = np.rint(at) if mode == "nearest" else np.floor(at)
    rest = at - low
    for offset, share in axis_weights(rest, mode):
        place, counts = inside(low + offset, size)
        yield place.astype(np.int64), np.where(counts, share, 0)


def axis_weights(rest: Array, mode: str) -> Iterator[tuple[int, Array]]:
    """Offset and weight of each tap, ``rest`` past the element at offset 0."""
    if mode == "nearest":
        yield 0, np.ones_like(rest)
    elif mode == "linear":
        yield 0, 1 - rest
        yield 1, rest
    else:
        for offset in (-1, 0, 1, 2):
            yield offset, keys(rest - offset, CUBIC_A)


def zeros_outside(at: Array, size: int) -> tuple[Array, Array]:
    """Elements outside are 0."""
    return np.clip(at, 0, size - 1), (at >= 0) & (at < size)


def edge_outside(at: Array, size: int) -> tuple[Array, Array]:
    """Elements outside are those at the edge."""
    return np.clip(at, 0, size - 1), np.ones(at.shape, bool)


def mirrored(corners: bool) -> Inside:
    """Elements outside are mirrored, at the centre of the edge element or at its outer edge."""

    def inside(at: Array, size: int) -> tuple[Array, Array]:
        return np.clip(reflect(at, size, corners), 0, size - 1), np.ones(at.shape, bool)

    return inside


def reflect(at: Array, size: int, corners: bool) -> Array:
    """Positions folded back into the axis, as often as needed.

    The mirrors stand at 0 and size - 1, or half an element further out.
    """
    low = 0.0 if corners else -0.5
    width = size - 1 if corners else size
    if width == 0:
        return np.zeros_like(at)
    past = np.mod(np.abs(at - low), 2 * width)
    found: Array = np.minimum(past, 2 * width - past) + low
    return found


def affine_line(size: int, corners: bool) -> Array:
    """Positions of the elements of an axis between -1 and 1.

    With ``corners`` the outer elements lie on -1 and 1, otherwise their outer edges do.
    """
    if corners:
        return np.linspace(-1, 1, size) if size > 1 else np.zeros(size)
    return (2 * np.arange(size) + 1) / max(size, 1) - 1


def unnormalized(grid: Array, sizes: Sequence[int], corners: bool) -> Array:
    """[b, *out, r] in -1..1, innermost axis first -> positions [b, r, q], outermost first."""
    flat = grid.reshape(len(grid), -1, len(sizes))[..., ::-1].swapaxes(1, 2)
    length = np.array(sizes, np.float64)[:, None]
    found: Array = (flat + 1) / 2 * (length - 1) if corners else ((flat + 1) * length - 1) / 2
    return found
