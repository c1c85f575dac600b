"""Convolutions, and padding that torch's do not know."""

from __future__ import annotations

from typing import Any

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper
from framework.ir.op import spread
from framework.ops.window import axis_pads

SAME_PAD = helper('''
def same_pad(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], lower: int = 0) -> Tensor:
    """Pad so that ceil(size/stride) windows fit; an odd element goes after, or before."""
    pads: list[int] = []
    for size, k, s in zip(x.shape[2:], kernel, stride, strict=True):
        missing = max((-(-size // s) - 1) * s + k - size, 0)
        pads = [(missing + lower) // 2, missing - (missing + lower) // 2, *pads]
    return F.pad(x, pads)
''')


SAME_CONV = {
    rank: helper(f'''
class SameConv{rank}d(nn.Conv{rank}d):
    """A convolution that gives ceil(size/stride) elements along each axis."""

    def forward(self, x: Tensor) -> Tensor:
        """Pad as far as is needed, then convolve."""
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return super().forward(same_pad(x, reach, self.stride))
''')
    for rank in (1, 2, 3)
}


def short(values: tuple[Any, ...]) -> Any:
    """One number where all are equal."""
    return values[0] if len(set(values)) == 1 else values


def padded(n: Site, spans: tuple[int, ...], stride: tuple[int, ...]) -> tuple[Any, Any]:
    """The text of the padded input, and what is left for the module's ``padding``."""
    if isinstance(n.op.pad, str) and n.op.pad != "valid":
        return same_padded(n, spans, stride)
    pads: Any = axis_pads(n.op.pad, n.rank() - 2)
    if any(isinstance(pair, str) for pair in pads):
        return None, 0
    if all(before == after for before, after in pads):
        return n["x"], short(tuple(before for before, _ in pads))
    flat = tuple(number for pair in reversed(pads) for number in pair)
    return f"F.pad({n['x']}, {n.number(flat, 'pads')})", 0


def same_padded(n: Site, spans: tuple[int, ...], stride: tuple[int, ...]) -> tuple[Any, Any]:
    """Half a window on both sides where windows are odd and not strided, else what is missing."""
    if all(step == 1 and span % 2 for step, span in zip(stride, spans, strict=True)):
        return n["x"], short(tuple(span // 2 for span in spans))
    lower = ", lower=1" if n.op.pad == "same_lower" else ""
    kernel, step = n.number(spans, "kernel"), n.number(stride, "stride")
    return f"{SAME_PAD}({n['x']}, {kernel}, {step}{lower})", 0


def spans_of(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Length that a window covers, for each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


@emits("conv")
def conv(n: Site) -> Answer:
    """``nn.Conv2d``."""
    rank = n.rank() - 2
    if rank > 3:
        return None
    kernel = spread(n.op.kernel, rank, "kernel")
    stride, dilation = spread(n.op.stride, rank, "stride"), spread(n.op.dilation, rank, "dilation")
    same = n.own and n.op.pad == "same_upper"
    text, padding = (n["x"], 0) if same else padded(n, spans_of(kernel, dilation), stride)
    if text is None:
        return None
    options = {
        "stride": (short(stride), 1),
        "padding": (padding, 0),
        "dilation": (short(dilation), 1),
        "groups": (n.op.groups, 1),
    }
    if not n.own:
        tensors = n.rest("weight", "bias")
        return n.call(f"F.conv{rank}d", text, tensors, **options)
    return n.module(
        SAME_CONV[rank] if same else f"nn.Conv{rank}d",
        ("in_channels", n.shape("x")[1]),
        ("out_channels", n.op.out),
        ("kernel_size", short(kernel)),
        call=text,
        **options,
        bias=("bias" in n, True),
    )


CONVOLVE_TRANSPOSED = helper('''
def convolve_transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    sizes: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    pads: tuple[tuple[int, int], ...] | str,
    extra: tuple[int, ...],
) -> Tensor:
    """A transposed convolution of a given size: the middle of the whole one, by its pads."""
    convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(stride) - 1]
    y = convolve(x, weight, stride=stride, groups=groups, dilation=dilation)
    cuts: list[int] = []
    for axis, size in enumerate(sizes):
        if isinstance(pads, str):
            missing = max(y.shape[axis + 2] + extra[axis] - size, 0)
            before = (missing + (pads == "same_lower")) // 2
        else:
            before = pads[axis][0]
        cuts = [-before, size + before - y.shape[axis + 2], *cuts]
    y = F.pad(y, cuts)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(stride))
''')


def transposed(n: Site, rank: int, pads: Any) -> Answer:
    """By a helper, for sizes and pads that torch has no word for."""
    words = {pair for pair in pads if isinstance(pair, str)}
    if words and len(set(pads)) > 1:
        return None
    given = {
        "stride": spread(n.op.stride, rank, "stride"),
        "dilation": spread(n.op.dilation, rank, "dilation"),
        "groups": n.op.groups,
        "pads": words.pop() if words else pads,
        "extra": spread(n.op.output_pad, rank, "output_pad"),
    }
    listed = ", ".join(n.number(value, name) for name, value in given.items())
    bias = n["bias"] if "bias" in n else "None"
    sizes = n.shape_text(n.types[0].shape[2:])
    return f"{CONVOLVE_TRANSPOSED}({n['x']}, {n['weight']}, {bias}, {sizes}, {listed})"


@emits("conv_transpose")
def conv_transpose(n: Site) -> Answer:
    """``nn.ConvTranspose2d``; one-sided pads are cut off afterwards."""
    rank = n.rank() - 2
    if rank > 3:
        return None
    pads: Any = axis_pads(n.op.pad, rank)
    uneven = any(isinstance(pair, str) or pair[0] != pair[1] for pair in pads)
    if uneven or n.op.output_size is not None:
        return transposed(n, rank, pads)
    options: dict[str, Any] = {
        "stride": (short(spread(n.op.stride, rank, "stride")), 1),
        "padding": (short(tuple(before for before, _ in pads)), 0),
        "output_padding": (short(spread(n.op.output_pad, rank, "output_pad")), 0),
        "groups": (n.op.groups, 1),
    }
    dilation = (short(spread(n.op.dilation, rank, "dilation")), 1)
    if not n.own:
        tensors = n.rest("weight", "bias")
        return n.call(f"F.conv_transpose{rank}d", n["x"], tensors, **options, dilation=dilation)
    return n.module(
        f"nn.ConvTranspose{rank}d",
        ("in_channels", n.shape("x")[1]),
        ("out_channels", n.op.out),
        ("kernel_size", short(spread(n.op.kernel, rank, "kernel"))),
        **options,
        bias=("bias" in n, True),
        dilation=dilation,
    )
