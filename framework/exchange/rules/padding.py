"""Padding and cropping, both ways."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.exchange.rules.shape import listed
from framework.ir.dims import Size
from framework.ir.op import Op
from framework.ops.rules import axes_of


@writes("center_crop_pad")
def write_center_crop_pad(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    axes = op.values["axes"]
    given = None if axes is None else listed(axes)
    shape = w.types[0].shape
    sizes = w.sizes(op.values["shape"])
    return w.add("CenterCropPad", x, sizes, axes=given, shape=shape)


@reads("CenterCropPad")
def read_center_crop_pad(n: Call) -> Wire:
    """The same operator."""
    return n.add("center_crop_pad", n[0], shape=n.sizes(1), axes=n.ints("axes"))


PAD_MODES = ("constant", "reflect", "edge", "wrap")


@reads("Pad")
def read_pad(n: Call) -> Wire:
    """Negative pads cut; the rest is padded along the last axes."""
    x: Wire = n[0]
    mode = n.text("mode", "constant")
    if mode not in PAD_MODES:
        raise Refused(f"mode {mode} is not one of {', '.join(PAD_MODES)}")
    pairs = padding_pairs(n, x)
    for axis, (before, after) in enumerate(pairs):
        x = cropped(n, x, axis, before, after)
    pads = [tuple(0 if negative(size) else size for size in pair) for pair in pairs]
    while pads and pads[0] == (0, 0):
        pads.pop(0)
    if not pads:
        return x
    return n.add("pad", x, pads=pads, mode=mode, value=pad_value(n) if mode == "constant" else 0.0)


def padding_pairs(n: Call, x: Wire) -> list[tuple[Size, Size]]:
    """[before, after] for each axis; ONNX writes all befores first."""
    given = n.sizes(1, n.ints("pads", n.ints("paddings", ())))
    axes = axes_order(n.sizes(3, tuple(range(x.rank))), x.rank)
    half = len(given) // 2
    pairs: list[tuple[Size, Size]] = [(0, 0)] * x.rank
    for axis, before, after in zip(axes, given[:half], given[half:], strict=True):
        pairs[axis] = (before, after)
    return pairs


def axes_order(axes: tuple[int, ...], rank: int) -> list[int]:
    """Axes counted from the front, in the order given."""
    axes_of(axes, rank, "data")
    return [axis % rank for axis in axes]


def negative(size: Size) -> bool:
    """Does this pad cut?  A symbolic one does not."""
    return isinstance(size, int) and size < 0


def cropped(n: Call, x: Wire, axis: int, before: Size, after: Size) -> Wire:
    """The tensor without what negative pads cut off."""
    start = -before if negative(before) else None
    stop = after if negative(after) else None
    if start is None and stop is None:
        return x
    return n.add("slice", x, axis=axis, start=start, stop=stop)


def pad_value(n: Call) -> float:
    """The number around a padded tensor."""
    if n[2] is None or n.known(2).size == 0:
        return float(n.real("value", 0.0))
    return float(n.scalar(2))


@writes("pad")
def write_pad(w: Out, op: Op, x: Sent) -> Any:
    """Pads for all axes; the value where it is not 0; wrap came with opset 19."""
    pads, mode, value = op.values["pads"], op.values["mode"], op.values["value"]
    if mode == "wrap" and w.opset < 19:
        return NotImplemented
    pairs = ((0, 0),) * (x.rank - len(pads)) + pads
    sizes = w.sizes([before for before, _ in pairs] + [after for _, after in pairs])
    given = w.scalar(value, x.dtype) if value else None
    return w.add("Pad", x, sizes, given, mode=mode, shape=w.types[0].shape)
