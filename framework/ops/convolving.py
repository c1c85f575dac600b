"""Which algorithm a convolution runs by; no operator is declared here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from framework.ir.kernel import How, Kernel
from framework.ir.op import Array
from framework.ir.types import TensorType, fixed_size
from framework.numerics.banded import Banded, banded
from framework.numerics.direct import Direct
from framework.numerics.filters import flat, rows_apart, rows_first, taps_first, window_panels
from framework.numerics.geometry import Geometry
from framework.numerics.kernel_rows import KernelRows
from framework.numerics.panels import available
from framework.numerics.row_panels import RowPanels, suits_row_panels
from framework.numerics.spreading import Spreading
from framework.numerics.tiles import Curve, Finish
from framework.numerics.unfolded import Unfolded
from framework.numerics.window_rows import WindowRows, suits_window_rows
from framework.numerics.windows import Windows
from framework.numerics.winograd import Winograd, transformed
from framework.ops.window import AxisWindow, windows_at

FEWEST_TILES = 32
"""Tiles of 4 x 4: products of fewer rows spend their time on reading 4 times the weights."""

MEDIUM_POSITIONS = 56 * 56
"""Up to here, plain products of unfolded 3 x 3 windows are as fast as Winograd's, and exact."""

WORTH_TRANSFORMS = 100
"""Channels, half the harmonic mean of those before and after, from which Winograd is faster than
panels: measured on images of 64 to 256 rows."""

Algorithm = Banded | Direct | KernelRows | RowPanels | Unfolded | Winograd | WindowRows
Chosen = tuple[str, Algorithm, Callable[[Array], Array]]
"""Name, algorithm and layout of the weight."""

THIN = 96
"""Products over fewer numbers, those that a row of a kernel sees, are slower than copying all
windows and multiplying them at once."""

FEWEST_CHANNELS = 16
"""Winograd's transforms cost more than the products that they save below."""


def conv_kernel(
    axes: Sequence[AxisWindow],
    groups: int,
    types: Sequence[TensorType | None],
    output: TensorType,
    how: How,
    curve: Curve | None = None,
) -> Kernel | None:
    """A kernel of (x, addend, weight, bias), for float32 signals and images."""
    x, weight = types[0], types[2]
    if x is None or weight is None or output.dtype != "float32" or x.rank not in (3, 4):
        return None
    if 0 in x.shape or 0 in output.shape:
        return None
    shape = geometry(axes, groups, x, output)
    name, algorithm, layout = chosen(shape, how)
    view = image
    if x.rank == 3 and isinstance(algorithm, WindowRows):  # which shares and cuts rows
        algorithm, view = replace(algorithm, shape=shape.turned), column

    def bound(out: Array, scratch: Array) -> Callable[..., None]:
        run = algorithm.bound(view(out), scratch)

        def convolve(x: Array, addend: Array | None, weight: Array, bias: Array | None) -> None:
            finish = Finish(bias, None if addend is None else view(addend), curve)
            run(view(x), weight, finish)

        return convolve

    layouts = {2: partial(of_image, layout)}
    return Kernel(bound, (output,), algorithm.scratch, layouts=layouts, algorithm=name, binds=True)


def without_addend(kernel: Kernel | None) -> Kernel | None:
    """The kernel of (x, weight, bias)."""
    if kernel is None:
        return None

    def bound(out: Array, scratch: Array) -> Callable[..., None]:
        run = kernel.bound((out,), scratch)

        def convolve(x: Array, weight: Array, bias: Array | None) -> None:
            run(x, None, weight, bias)

        return convolve

    layouts = {argument - 1: layout for argument, layout in kernel.layouts.items()}
    return replace(kernel, function=bound, layouts=layouts, binds=True)


def geometry(
    axes: Sequence[AxisWindow], groups: int, x: TensorType, output: TensorType
) -> Geometry:
    """The sizes as those of images: a signal is an image of one row."""
    windows = windows_at(axes, [fixed_size(n, "conv") for n in x.shape[2:]])
    if x.rank == 3:
        windows = Windows(
            (1, *windows.kernel), (1, *windows.stride), (1, *windows.dilation),
            ((0, 0), *windows.pads),
        )  # fmt: skip
    return Geometry(images(x), images(output), windows, groups)


def images(type_: TensorType) -> tuple[int, int, int, int]:
    """Sizes [b, c, h, w]."""
    b, c, *size = (fixed_size(n, "conv") for n in type_.shape)
    h, w = size if len(size) == 2 else (1, size[0])
    return b, c, h, w


def of_image(layout: Callable[[Array], Array], weight: Array) -> Array:
    """The filters of an image laid out; a signal's are those of an image of one row."""
    return layout(image(weight))


def image(x: Array) -> Array:
    """A view of [b, c, n] as [b, c, 1, n]."""
    return x if x.ndim == 4 else x[:, :, None]


def column(x: Array) -> Array:
    """A view of [b, c, n] as [b, c, n, 1]."""
    return x[..., None]


def chosen(shape: Geometry, how: How) -> Chosen:
    """The first algorithm that suits the sizes."""
    found = (choice(shape, how) for choice in CHOICES)
    return next(one for one in found if one is not None)


def directly(shape: Geometry, how: How) -> Chosen | None:
    """One product, where windows share nothing."""
    if shape.groups > 1 or not lie_apart(shape.windows):
        return None
    return "direct product", Direct(shape, how.team), flat


def by_bands(shape: Geometry, how: How) -> Chosen | None:
    """Depthwise ones by banded matrices."""
    if not shape.inner == shape.filters == 1:
        return None
    matrices = Banded(shape, how.team)
    layout = partial(banded, strips=matrices.strips, windows=shape.windows)
    return "banded matrices", matrices, layout


def in_panels(shape: Geometry, how: How) -> Chosen | None:
    """By products that BLAS computes where operands lie, if it has kernels for that."""
    m = edge(shape, how)
    if how.blas > 1 or not available() or m == 4 or (m == 2 and not transforms_cost_most(shape)):
        return None
    if not is_thin(shape) and suits_window_rows(shape):
        return "window rows", WindowRows(shape, how.team), window_panels
    if suits_row_panels(shape):
        return "row panels", RowPanels(shape, how.team), rows_first
    return None


def by_winograd(shape: Geometry, how: How) -> Chosen | None:
    """Fewer multiplications."""
    m = edge(shape, how)
    if m == 0:
        return None
    (above, _), (left, _) = shape.windows.pads
    tiles = Winograd(shape.x, shape.y, (above, left), m, how.team)
    return f"winograd f{m}", tiles, partial(transformed, m=m)


def by_copies(shape: Geometry, how: How) -> Chosen:
    """Products of copied windows, or of their rows."""
    if is_thin(shape):
        return "unfolded windows", Unfolded(shape, how.team), flat
    return "kernel rows", KernelRows(shape, how.team), rows_apart


CHOICES = (directly, by_bands, in_panels, by_winograd, by_copies)
"""The last one suits all sizes."""


def lie_apart(windows: Windows) -> bool:
    """Do windows of an unpadded image share nothing?"""
    axes = zip(windows.spans, windows.stride, strict=True)
    return all(span <= step or span == 1 for span, step in axes) and not any(map(any, windows.pads))


def suits_winograd(shape: Geometry) -> bool:
    """3 x 3, stride 1, and enough channels."""
    windows = shape.windows
    plain = windows.kernel == (3, 3) and {*windows.stride, *windows.dilation} == {1}
    return plain and shape.groups == 1 and min(shape.x[1], shape.y[1]) >= FEWEST_CHANNELS


def transforms_cost_most(shape: Geometry) -> bool:
    """Do Winograd's transforms, of each channel, cost what they save in products of channels?"""
    (_, inner, *_), (_, out, *_) = shape.x, shape.y
    return inner * out < WORTH_TRANSFORMS * (inner + out)


def is_medium(shape: Geometry) -> bool:
    """Do the unfolded windows stay near the cache, so that transforms save nothing?"""
    return shape.y[2] * shape.y[3] <= MEDIUM_POSITIONS


def is_thin(shape: Geometry) -> bool:
    """Does a row of the kernel see little?"""
    return shape.inner * shape.windows.kernel[1] < THIN


def edge(shape: Geometry, how: How) -> int:
    """Results along an edge of Winograd's tiles, 0 where they are not for these sizes.

    4 only where digits may be lost and few tiles are cut.
    """
    if not suits_winograd(shape) or is_medium(shape):
        return 0
    covered = {m: math.prod(-(-n // m) * m for n in shape.y[2:]) for m in (2, 4)}
    work = {m: covered[m] * (m + 2) ** 2 / m**2 for m in covered}
    tiles = shape.y[0] * covered[4] // 16
    suits = tiles >= FEWEST_TILES and work[4] < 0.7 * work[2]
    return 4 if how.precision == "fast" and suits else 2


def spread_kernel(
    axes: Sequence[AxisWindow], x: TensorType, output: TensorType, how: How
) -> Kernel | None:
    """A transposed convolution of images whose windows lie side by side."""
    if x.dtype != "float32" or x.rank != 4 or 0 in x.shape:
        return None
    shape, kernel = images(x), (axes[0].kernel, axes[1].kernel)
    beside = all(axis.kernel == axis.stride and axis.dilation == 1 for axis in axes)
    padded = any(isinstance(axis.pad, tuple) and any(axis.pad) for axis in axes)
    whole = tuple(n * k for n, k in zip(shape[2:], kernel, strict=True))
    if not beside or padded or output.shape[2:] != whole:
        return None
    tiles = Spreading(shape, images(output)[1], kernel, how.team)
    layouts = {1: taps_first}
    return Kernel(tiles.run, (output,), tiles.scratch, layouts=layouts, algorithm="taps in place")
