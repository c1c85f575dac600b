"""Pooling."""

from __future__ import annotations

from framework.exchange.torch_rules.convolution import padded, short, spans_of
from framework.exchange.torch_rules.registry import Answer, Site, emits
from framework.ir.op import spread


@emits("max_pool")
def max_pool(n: Site) -> Answer:
    """``F.max_pool2d``."""
    rank = n.rank() - 2
    if rank > 3 or "float" not in n.type("x").dtype:
        return None
    kernel = spread(n.op.kernel, rank, "kernel")
    stride = kernel if n.op.stride is None else spread(n.op.stride, rank, "stride")
    dilation = spread(n.op.dilation, rank, "dilation")
    text, padding = padded(n, spans_of(kernel, dilation), stride, "-torch.inf")
    if text is None:
        return None
    return n.call(
        f"F.max_pool{rank}d",
        text,
        n.number(short(kernel), "kernel_size"),
        stride=(short(stride), short(kernel)),
        padding=(padding, 0),
        dilation=(short(dilation), 1),
        ceil_mode=(n.op.ceil_mode, False),
    )


@emits("global_avg_pool")
def global_avg_pool(n: Site) -> Answer:
    """A mean."""
    axes = ", ".join(map(str, range(2, n.rank())))
    keep = ", keepdim=True" if n.op.keepdims else ""
    axes = f"({axes})" if n.rank() > 3 else axes
    return f"{n['x']}.mean({axes}{keep})"


@emits("global_max_pool")
def global_max_pool(n: Site) -> Answer:
    """A maximum."""
    axes = ", ".join(map(str, range(2, n.rank())))
    keep = ", keepdim=True" if n.op.keepdims else ""
    axes = f"({axes})" if n.rank() > 3 else axes
    return f"{n['x']}.amax({axes}{keep})"
