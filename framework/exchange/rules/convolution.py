"""ONNX rules of convolutions."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.exchange.rules.windows import (
    each,
    filters,
    listed,
    plain,
    read_pad,
    read_steps,
    write_window,
)
from framework.ops.causal_conv import CausalConv
from framework.ops.convolution import Conv, ConvTranspose
from framework.ops.deform_conv import DeformConv

# ------------------------------------------------------------------ reading


@reads("Conv")
def read_conv(n: Call) -> Wire:
    """The number of filters and the kernel are the weight's."""
    weight, (out, _, *kernel) = filters(n, 1)
    return n.add(
        "conv",
        n[0],
        weight=weight,
        bias=n[2],
        out=out,
        kernel=plain(kernel),
        pad=read_pad(n, len(kernel)),
        groups=n.int("group", 1),
        **read_steps(n, len(kernel)),
    )


@reads("ConvTranspose")
def read_conv_transpose(n: Call) -> Wire:
    """``output_shape`` wins over pads; what is too much is cut off both ends."""
    weight, (_, per_group, *kernel) = filters(n, 1)
    rank, groups = len(kernel), n.int("group", 1)
    return n.add(
        "conv_transpose",
        n[0],
        weight=weight,
        bias=n[2],
        out=per_group * groups,
        kernel=plain(kernel),
        groups=groups,
        **read_steps(n, rank),
        **transposed_size(n, kernel),
    )


def transposed_size(n: Call, kernel: list[int]) -> dict[str, Any]:
    """Pads, what is added at the end, and the size of the result."""
    rank, auto = len(kernel), n.text("auto_pad", "NOTSET")
    extra = n.ints("output_padding", (0,) * rank)[:rank]
    if n.has("output_shape"):
        word = "same_upper" if auto == "SAME_UPPER" else "same_lower"
        sizes = n.ints("output_shape")[-rank:]
        return {"pad": word, "output_size": sizes, "output_pad": plain(extra)}
    pad = read_pad(n, rank)
    if isinstance(pad, str) and any(extra):
        # The size is size*stride: span - stride + extra is too much, whatever the size.
        steps = zip(
            kernel, n.ints("strides", (1,) * rank), n.ints("dilations", (1,) * rank), strict=True
        )
        spans = ((k - 1) * dilation + 1 - stride for k, stride, dilation in steps)
        surplus = [max(span + more, 0) for span, more in zip(spans, extra, strict=True)]
        halves = ((size // 2, size - size // 2) for size in surplus)
        pad = tuple(pair if auto == "SAME_UPPER" else pair[::-1] for pair in halves)
    return {"pad": pad, "output_pad": plain(extra)}


@reads("DeformConv")
def read_deform_conv(n: Call) -> Wire:
    """Inputs in another order."""
    weight, (out, _, *kernel) = filters(n, 1)
    return n.add(
        "deform_conv",
        n[0],
        n[2],
        n[4],
        weight=weight,
        bias=n[3],
        out=out,
        kernel=plain(kernel),
        pad=read_pad(n, len(kernel)),
        groups=n.int("group", 1),
        offset_groups=n.int("offset_group", 1),
        **read_steps(n, len(kernel)),
    )


@reads("CausalConvWithState")
def read_causal_conv(n: Call) -> tuple[Wire, ...]:
    """One filter for each channel; swish is another name of silu."""
    weight, (channels, _, kernel) = filters(n, 1)
    words = {"none": "none", "silu": "silu", "swish": "silu"}
    activation = n.text("activation", "none")
    if activation not in words:
        raise Refused(f"activation {activation} is not known")
    return n.add_all(
        "causal_conv",
        n[0],
        n[3],
        weight=weight,
        bias=n[2],
        out=channels,
        groups=channels,
        kernel=kernel,
        activation=words[activation],
    )


# ------------------------------------------------------------------ writing


@writes("conv")
def write_conv(w: Out, op: Conv, x: Sent, weight: Sent, bias: Sent | None) -> Any:
    """One node."""
    window = write_window(op.windows(x.rank - 2), x.shape[2:])
    return w.add("Conv", x, weight, bias, group=op.groups, **window)


@writes("conv_transpose")
def write_conv_transpose(
    w: Out, op: ConvTranspose, x: Sent, weight: Sent, bias: Sent | None
) -> Any:
    """What is cut off are the pads; where that depends on a size, ONNX finds it itself."""
    rank, size = x.rank - 2, x.shape[2:]
    axes, cut, out = op.windows(rank), op.cut(size), op.sizes(size)
    extra = [
        result - axis.reach(n) + sum(pair)
        for axis, n, pair, result in zip(axes, size, cut, out, strict=True)
    ]
    numbers = [*extra, *(value for pair in cut for value in pair)]
    attributes: dict[str, Any] = {"pads": listed(cut)}
    if not all(isinstance(number, int) for number in numbers):
        if not isinstance(op.pad, str):
            raise Refused("output_size with pads of its own needs sizes that are numbers")
        extra = each(op.output_pad, rank, "output_pad")
        attributes = {"auto_pad": op.pad.upper(), "output_shape": list(out)}
    return w.add(
        "ConvTranspose",
        x,
        weight,
        bias,
        kernel_shape=each(op.kernel, rank, "kernel"),
        strides=each(op.stride, rank, "stride"),
        dilations=each(op.dilation, rank, "dilation"),
        group=op.groups,
        output_padding=extra if any(extra) else None,
        **attributes,
    )


@writes("deform_conv")
def write_deform_conv(
    w: Out,
    op: DeformConv,
    x: Sent,
    offset: Sent,
    mask: Sent | None,
    weight: Sent,
    bias: Sent | None,
) -> Any:
    """One node; it has no ``auto_pad``."""
    window = write_window(op.windows(x.rank - 2), x.shape[2:])
    if "auto_pad" in window:
        raise Refused(f"pad {op.pad} needs sizes that are numbers")
    attributes = dict(window) | {"group": op.groups, "offset_group": op.offset_groups}
    return w.add("DeformConv", x, weight, offset, bias, mask, **attributes)


@writes("causal_conv")
def write_causal_conv(
    w: Out, op: CausalConv, x: Sent, past: Sent | None, weight: Sent, bias: Sent | None
) -> Any:
    """One filter for each channel is an operator of its own; everything else is composed."""
    if op.dilation != 1 or not x.shape[1] == op.groups == op.out:
        return NotImplemented
    activation = op.activation
    return w.add("CausalConvWithState", x, weight, bias, past, outputs=2, activation=activation)
