"""Kernels, strides and pads, as ONNX and we write them; shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework.exchange.rules.registry import Call, Refused, Wire
from framework.ir.attributes import Pad, Sizes
from framework.ir.dims import Dim, Shape
from framework.ir.op import spread
from framework.ops.window import AxisWindow

AUTO: dict[str, Pad] = {"SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower", "VALID": 0}


def plain(values: Sequence[Any]) -> Any:
    """One value where all are the same, else a tuple."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def read_pad(n: Call, rank: int) -> Pad:
    """``pads`` lists what comes before each axis, then what comes after; or ``auto_pad``."""
    auto = n.text("auto_pad", "NOTSET")
    if auto in AUTO:
        return AUTO[auto]
    if auto != "NOTSET":
        raise Refused(f"auto_pad {auto} is not known")
    return paired(n.ints("pads", (0,) * 2 * rank), rank)


def paired(pads: Sequence[int], rank: int) -> Pad:
    """ONNX's list of pads as our shortest form."""
    if len(pads) != 2 * rank:
        raise Refused(f"pads has {len(pads)} values; {2 * rank} are needed")
    pairs = tuple(zip(pads[:rank], pads[rank:], strict=True))
    if any(before != after for before, after in pairs):
        return pairs
    found: Pad = plain([before for before, _ in pairs])
    return found


def read_steps(n: Call, rank: int) -> dict[str, Sizes]:
    """Stride and dilation."""
    names = {"stride": "strides", "dilation": "dilations"}
    return {ours: plain(n.ints(theirs, (1,) * rank)) for ours, theirs in names.items()}


def filters(n: Call, index: int) -> tuple[Wire, tuple[int, ...]]:
    """A weight and its sizes, which must be numbers."""
    weight: Wire = n[index]
    if any(isinstance(size, Dim) for size in weight.shape):
        n.known(index)
    return weight, tuple(size for size in weight.shape if isinstance(size, int))


def write_window(
    axes: Sequence[AxisWindow], sizes: Shape, always: bool = True
) -> Mapping[str, Any]:
    """ONNX's attributes of a window over axes of these ``sizes``.

    Words of padding are written as the numbers that they stand for, unless these depend on sizes
    that are open.  Dilations of 1 are left out unless ``always``: some operators have the
    attribute only lately.
    """
    words = {axis.pad for axis in axes if isinstance(axis.pad, str)}
    dilations = [axis.dilation for axis in axes]
    found: dict[str, Any] = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
        "dilations": dilations if always or max(dilations) > 1 else None,
    }
    if not words:
        return found | {"pads": listed([axis.pad for axis in axes])}
    pads = listed([axis.pads(size) for axis, size in zip(axes, sizes, strict=True)])
    if any(isinstance(pad, Dim) for pad in pads):
        return found | {"auto_pad": words.pop().upper()}
    return found | {"pads": pads}


def listed(pads: Sequence[Any]) -> list[int]:
    """Pairs of pads as ONNX lists them: all before, then all after."""
    return [pair[0] for pair in pads] + [pair[1] for pair in pads]


def each(value: Sizes, rank: int, what: str) -> list[int]:
    """One number for each axis."""
    return list(spread(value, rank, what))
