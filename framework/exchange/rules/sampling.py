"""ONNX rules of sampling: grids, regions, windows as columns and frames."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.exchange.rules.windows import each, listed, paired, plain, read_steps, write_window
from framework.ir.dims import Dim, product
from framework.ops.regions import MaxRoiPool, RoiAlign
from framework.ops.sampling import AffineGrid, GridSample
from framework.ops.unfold import Fold, Frame, Unfold

# ------------------------------------------------------------------ reading


@reads("GridSample")
def read_grid_sample(n: Call) -> Wire:
    """Bilinear and bicubic are the words of the first version; whole numbers are cast back."""
    mode = n.text("mode", "linear")
    x: Wire = n[0]
    given = x if x.dtype.startswith("float") else n.cast(x, "float64")
    y = n.add(
        "grid_sample",
        given,
        n[1],
        mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode),
        padding_mode=n.text("padding_mode", "zeros"),
        align_corners=n.flag("align_corners"),
    )
    return n.cast(y, x.dtype)


@reads("AffineGrid")
def read_affine_grid(n: Call) -> Wire:
    """``size`` has batch and channels in front."""
    sizes, corners = n.sizes(1)[2:], n.flag("align_corners")
    return n.add("affine_grid", n[0], output_size=sizes, align_corners=corners)


@reads("Col2Im")
def read_fold(n: Call) -> Wire:
    """The sizes of image and block are inputs."""
    block = n.known(2).reshape(-1).tolist()
    rank = len(block)
    pad = paired(n.ints("pads", (0,) * 2 * rank), rank)
    steps = read_steps(n, rank)
    return n.add("fold", n[0], output_size=n.sizes(1), kernel=plain(block), pad=pad, **steps)


@reads("RoiAlign")
def read_roi_align(n: Call) -> Wire:
    """Before opset 16 there was no half element."""
    word = "half_pixel" if n.opset >= 16 else "output_half_pixel"
    return n.add(
        "roi_align",
        n[0],
        n[1],
        n[2],
        output_size=(n.int("output_height", 1), n.int("output_width", 1)),
        spatial_scale=n.real("spatial_scale", 1.0),
        sampling_ratio=n.int("sampling_ratio", 0),
        aligned=n.text("coordinate_transformation_mode", word) == "half_pixel",
        mode=n.text("mode", "avg"),
    )


@reads("MaxRoiPool")
def read_max_roi_pool(n: Call) -> Wire:
    """The first column of the boxes are the images."""
    rois: Wire = n[1]
    images = n.cast(n.add("select", rois, axis=1, index=0), "int64")
    boxes = n.add("slice", rois, axis=1, start=1)
    scale = n.real("spatial_scale", 1.0)
    size = n.ints("pooled_shape")
    return n.add("max_roi_pool", n[0], boxes, images, output_size=size, spatial_scale=scale)


# ------------------------------------------------------------------ writing


@writes("grid_sample")
def write_grid_sample(w: Out, op: GridSample, x: Sent, grid: Sent) -> Sent:
    """Volumes, and the words linear and cubic, since opset 20."""
    mode: str = op.mode
    if w.opset < 20:
        if x.rank != 4:
            raise Refused(f"grid_sample of {x.rank - 2} spatial axes needs opset 20")
        mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return w.add(
        "GridSample",
        x,
        grid,
        mode=mode,
        padding_mode=op.padding_mode,
        align_corners=int(op.align_corners),
    )


@writes("affine_grid")
def write_affine_grid(w: Out, op: AffineGrid, theta: Sent) -> Sent:
    """Before opset 20 a product with the positions of all elements."""
    sizes = tuple(op.output_size)
    if w.opset >= 20:
        full = w.sizes((theta.shape[0], 1, *sizes))
        shape = w.types[0].shape
        return w.add("AffineGrid", theta, full, align_corners=int(op.align_corners), shape=shape)
    if any(isinstance(size, Dim) for size in sizes):
        raise Refused(f"affine_grid of a symbolic size needs opset 20, not {w.opset}")
    rank = len(sizes)
    unit = np.eye(rank, rank + 1)[None]
    base = op.compute(unit).reshape(-1, rank)
    ones = np.concatenate([base, np.ones((len(base), 1))], 1).astype(theta.dtype)
    turned = w.add("Transpose", theta, perm=[0, 2, 1])
    flat = w.add("MatMul", w.constant(ones), turned)
    return w.add("Reshape", flat, w.sizes((theta.shape[0], *sizes, rank)))


@writes("roi_align")
def write_roi_align(w: Out, op: RoiAlign, x: Sent, rois: Sent, images: Sent) -> Sent:
    """Before opset 16 there was no half element."""
    if op.aligned and w.opset < 16:
        raise Refused(f"roi_align with aligned needs opset 16, not {w.opset}")
    word = "half_pixel" if op.aligned else "output_half_pixel"
    rows, columns = each(op.output_size, 2, "output_size")
    return w.add(
        "RoiAlign",
        x,
        rois,
        w.cast(images, "int64"),
        mode=op.mode,
        output_height=rows,
        output_width=columns,
        sampling_ratio=op.sampling_ratio,
        spatial_scale=op.spatial_scale,
        coordinate_transformation_mode=word if w.opset >= 16 else None,
    )


@writes("max_roi_pool")
def write_max_roi_pool(w: Out, op: MaxRoiPool, x: Sent, rois: Sent, images: Sent) -> Sent:
    """The images become a first column of the boxes."""
    column = w.add("Unsqueeze", w.cast(images, rois.dtype), w.ints([1]))
    boxes = w.add("Concat", column, rois, axis=1)
    size = each(op.output_size, 2, "output_size")
    return w.add("MaxRoiPool", x, boxes, pooled_shape=size, spatial_scale=op.spatial_scale)


# ------------------------------------------------------------------ windows as columns


@writes("unfold")
def write_unfold(w: Out, op: Unfold, x: Sent) -> Sent:
    """A convolution of every channel with one filter for each tap."""
    axes, sizes = op.windows(x.rank - 2), x.shape[2:]
    work = x.dtype if x.dtype.startswith("float") else "float64"
    single = w.add("Reshape", w.cast(x, work), w.sizes((x.shape[0] * x.shape[1], 1, *sizes)))
    taps = math.prod(axis.kernel for axis in axes)
    eye = np.eye(taps).reshape(taps, 1, *(axis.kernel for axis in axes))
    columns = w.add("Conv", single, w.constant(eye.astype(work)), **write_window(axes, sizes))
    return w.cast(w.add("Reshape", columns, w.sizes(w.types[0].shape)), x.dtype)


@writes("fold")
def write_fold(w: Out, op: Fold, x: Sent) -> Any:
    """Col2Im has no ``auto_pad``, and no signals before images."""
    axes, sizes = op.windows(), tuple(op.output_size)
    window = dict(write_window(axes, sizes))
    if "auto_pad" in window:
        raise Refused(f"pad {op.pad} needs sizes that are numbers")
    block, shape = window.pop("kernel_shape"), w.types[0].shape
    if w.opset >= 18 and len(sizes) > 1:
        return w.add("Col2Im", x, w.sizes(sizes), w.ints(block), **window, shape=shape)
    if any(isinstance(size, Dim) for size in sizes):
        raise Refused("fold to a symbolic size needs opset 18, and more than one axis")
    # The adjoint of unfolding by a convolution: one filter for each tap.
    taps = product(block)
    counts = [axis.count(size) for axis, size in zip(axes, sizes, strict=True)]
    columns = w.add("Reshape", x, w.sizes((shape[0] * shape[1], taps, *counts)))
    eye = np.eye(math.prod(block)).reshape(-1, 1, *block).astype(x.dtype)
    pads = [axis.pads(size) for axis, size in zip(axes, sizes, strict=True)]
    extra = [
        size + sum(pair) - axis.reach(count)
        for axis, size, pair, count in zip(axes, sizes, pads, counts, strict=True)
    ]
    window |= {"pads": listed(pads), "output_padding": extra if any(extra) else None}
    image = w.add("ConvTranspose", columns, w.constant(eye), kernel_shape=block, **window)
    return w.add("Reshape", image, w.sizes(shape))


@writes("frame")
def write_frame(w: Out, op: Frame, x: Sent) -> Sent:
    """Gathered: frame i begins at i*step."""
    axis = op.axis % x.rank
    count = w.types[0].shape[axis]
    inner = np.arange(op.length)
    if isinstance(count, Dim):
        starts = w.add("Range", w.scalar(0, "int64"), w.size(count), w.scalar(1, "int64"))
        column = w.add("Unsqueeze", w.add("Mul", starts, w.scalar(op.step, "int64")), w.ints([1]))
        index = w.add("Add", column, w.constant(inner))
    else:
        index = w.constant(np.add.outer(np.arange(count) * op.step, inner))
    y = w.add("Gather", x, index, axis=axis, shape=framed(w, axis))
    if axis == x.rank - 1:
        return y
    order = [i for i in range(x.rank + 1) if i != axis + 1]
    return w.add("Transpose", y, perm=[*order, axis + 1])


def framed(w: Out, axis: int) -> tuple[Any, ...]:
    """The shape of the result with the length of a frame next to their number."""
    *shape, length = w.types[0].shape
    return (*shape[: axis + 1], length, *shape[axis + 1 :])
