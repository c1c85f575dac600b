"""Pooling; what torch's functions cannot say is said by sums over windows."""

from __future__ import annotations

from typing import Any

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper
from framework.ir.op import spread
from framework.ops.window import axis_pads

WINDOW_PADS = helper('''
def window_pads(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pads: tuple[tuple[int, int], ...] | str,
    ceil_mode: bool,
) -> tuple[list[int], list[int]]:
    """Pads for F.pad: those that are asked for, and what the last windows reach beyond them."""
    given: list[int] = []
    beyond: list[int] = []
    for axis, (size, k, s, d) in enumerate(zip(sizes, kernel, stride, dilation, strict=True)):
        span = d * (k - 1) + 1
        if isinstance(pads, str):
            missing = max((-(-size // s) - 1) * s + span - size, 0)
            before = (missing + (pads == "same_lower")) // 2
            after = missing - before
        else:
            before, after = pads[axis]
        whole = size + before + after
        count = (whole - span) // s + 1
        if ceil_mode and not isinstance(pads, str):
            count = -(-(size + before + min(after - span + s, 0)) // s)
        given = [before, after, *given]
        beyond = [0, max((count - 1) * s + span - whole, 0), *beyond]
    return given, beyond
''')

WINDOW_SUMS = helper('''
def window_sums(
    x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Tensor:
    """Sums over windows: a convolution of each channel with ones."""
    convolve = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    ones = torch.ones(1, 1, *kernel, dtype=x.dtype, device=x.device)
    y = convolve(x.flatten(0, 1).unsqueeze(1), ones, stride=stride, dilation=dilation)
    return y.squeeze(1).unflatten(0, x.shape[:2])
''')

MEAN_POOL = helper('''
def mean_pool(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pads: tuple[tuple[int, int], ...] | str,
    ceil_mode: bool,
    count_pads: bool,
) -> Tensor:
    """Means over windows; pads count as zeros or not at all, what lies beyond them never counts."""
    given, beyond = window_pads(x.shape[2:], kernel, stride, dilation, pads, ceil_mode)
    shape = kernel, stride, dilation
    ones = F.pad(torch.ones_like(x), given, value=float(count_pads))
    total = window_sums(F.pad(F.pad(x, given), beyond), *shape)
    return total / window_sums(F.pad(ones, beyond), *shape).clamp(min=1)
''')

NORM_POOL = helper('''
def norm_pool(
    x: Tensor,
    p: float,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pads: tuple[tuple[int, int], ...] | str,
    ceil_mode: bool,
) -> Tensor:
    """The p-norm of each window."""
    given, beyond = window_pads(x.shape[2:], kernel, stride, dilation, pads, ceil_mode)
    powers = F.pad(F.pad(x.abs() ** p, given), beyond)
    return window_sums(powers, kernel, stride, dilation) ** (1 / p)
''')

MAX_PLACES = helper('''
def max_places(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pads: tuple[tuple[int, int], ...] | str,
    ceil_mode: bool,
    whole_tensor: bool = False,
    columns: bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and its position without the pads as one number."""
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    given, beyond = window_pads(x.shape[2:], kernel, stride, dilation, pads, ceil_mode)
    z = F.pad(x if x.is_floating_point() else x.double(), given, value=-math.inf)
    z = F.pad(z, beyond, value=-math.inf)
    y, at = pool(z, kernel, stride, 0, dilation, return_indices=True)
    sizes = list(x.shape[2:])
    flat = torch.zeros_like(at)
    for axis, place in enumerate(torch.unravel_index(at, z.shape[2:])):
        step = math.prod(sizes[:axis] if columns else sizes[axis + 1 :])
        flat = flat + (place - given[-2 * axis - 2]) * step
    if whole_tensor:
        planes = torch.arange(x.shape[0] * x.shape[1], device=x.device) * math.prod(sizes)
        flat = flat + planes.reshape(*x.shape[:2], *[1] * len(sizes))
    return y.to(x.dtype), flat
''')

MAX_UNPOOL = helper('''
def max_unpool(
    x: Tensor, indices: Tensor, sizes: tuple[int, ...], whole_tensor: bool = False
) -> Tensor:
    """Elements put back to where max pooling found them; the others are zero."""
    shape = *x.shape[:2], *sizes
    first = 0 if whole_tensor else 2
    y = x.new_zeros(shape).flatten(first)
    return y.scatter(-1, indices.long().flatten(first), x.flatten(first)).reshape(shape)
''')


def short(values: tuple[Any, ...]) -> Any:
    """One number where all are equal."""
    return values[0] if len(set(values)) == 1 else values


def windows(n: Site) -> tuple[Any, Any, Any, Any]:
    """Kernel, stride and dilation for each axis; pads as pairs, or the word of a same-padding."""
    rank = n.rank() - 2
    kernel = spread(n.op.kernel, rank, "kernel")
    stride = kernel if n.op.stride is None else spread(n.op.stride, rank, "stride")
    dilation = spread(getattr(n.op, "dilation", 1), rank, "dilation")
    pads: Any = axis_pads(n.op.pad, rank)
    words = {pair for pair in pads if isinstance(pair, str)}
    return kernel, stride, dilation, words.pop() if len(words) == 1 else pads


def simple(kernel: Any, pads: Any) -> bool:
    """Can torch's pooling pad like that: alike at both ends, by half a window at most?"""
    if isinstance(pads, str):
        return False
    pairs = zip(pads, kernel, strict=True)
    return all(pair[0] == pair[1] and 2 * pair[0] <= k for pair, k in pairs)


def spelled(n: Site, kernel: Any, stride: Any, dilation: Any, pads: Any) -> str:
    """The arguments of a helper."""
    given = {"kernel": kernel, "stride": stride, "dilation": dilation, "pads": pads}
    return ", ".join(n.number(value, name) for name, value in given.items())


@emits("max_pool")
def max_pool(n: Site) -> Answer:
    """``F.max_pool2d``."""
    kernel, stride, dilation, pads = windows(n)
    rank = n.rank() - 2
    if rank > 3 or mixed(pads):
        return None
    if simple(kernel, pads) and "float" in n.type("x").dtype:
        return n.call(
            f"F.max_pool{rank}d",
            n["x"],
            n.number(short(kernel), "kernel_size"),
            stride=(short(stride), short(kernel)),
            padding=(short(tuple(pair[0] for pair in pads)), 0),
            dilation=(short(dilation), 1),
            ceil_mode=(n.op.ceil_mode, False),
        )
    given = spelled(n, kernel, stride, dilation, pads)
    return f"{MAX_PLACES}({n['x']}, {given}, {n.op.ceil_mode})[0]"


def mixed(pads: Any) -> bool:
    """Do only some axes have a same-padding?"""
    return not isinstance(pads, str) and any(isinstance(pair, str) for pair in pads)


@emits("max_pool_with_indices")
def max_pool_with_indices(n: Site) -> Answer:
    """``F.max_pool2d`` with ``return_indices``."""
    kernel, stride, dilation, pads = windows(n)
    rank = n.rank() - 2
    if rank > 3 or mixed(pads):
        return None
    usual = (n.op.within, n.op.order) == ("plane", "rows")
    if usual and simple(kernel, pads) and "float" in n.type("x").dtype:
        options = n.call(
            "",
            n["x"],
            n.number(short(kernel), "kernel_size"),
            stride=(short(stride), short(kernel)),
            padding=(short(tuple(pair[0] for pair in pads)), 0),
            dilation=(short(dilation), 1),
            ceil_mode=(n.op.ceil_mode, False),
        )
        return f"F.max_pool{rank}d{options[:-1]}, return_indices=True)"
    given = spelled(n, kernel, stride, dilation, pads)
    rest = f"{n.op.ceil_mode}, {n.op.within == 'tensor'}, {n.op.order == 'columns'}"
    return f"{MAX_PLACES}({n['x']}, {given}, {rest})"


@emits("max_unpool")
def max_unpool(n: Site) -> Answer:
    """Scattered back."""
    sizes = n.shape_text(n.types[0].shape[2:])
    return f"{MAX_UNPOOL}({n['x']}, {n['indices']}, {sizes}, {n.op.within == 'tensor'})"


@emits("avg_pool")
def avg_pool(n: Site) -> Answer:
    """``F.avg_pool2d``."""
    kernel, stride, dilation, pads = windows(n)
    rank = n.rank() - 2
    if rank > 3 or mixed(pads):
        return None
    if simple(kernel, pads) and set(dilation) == {1}:
        return n.call(
            f"F.avg_pool{rank}d",
            n["x"],
            n.number(short(kernel), "kernel_size"),
            stride=(short(stride), short(kernel)),
            padding=(short(tuple(pair[0] for pair in pads)), 0),
            ceil_mode=(n.op.ceil_mode, False),
            count_include_pad=(n.op.count_include_pad, True),
        )
    given = spelled(n, kernel, stride, dilation, pads)
    return f"{MEAN_POOL}({n['x']}, {given}, {n.op.ceil_mode}, {n.op.count_include_pad})"


@emits("lp_pool")
def lp_pool(n: Site) -> Answer:
    """Powers, sums over windows, roots."""
    kernel, stride, dilation, pads = windows(n)
    if n.rank() > 5 or mixed(pads):
        return None
    given = spelled(n, kernel, stride, dilation, pads)
    return f"{NORM_POOL}({n['x']}, {n.number(n.op.p, 'p')}, {given}, {n.op.ceil_mode})"


@emits("adaptive_avg_pool", "adaptive_max_pool")
def adaptive_pool(n: Site) -> Answer:
    """``F.adaptive_avg_pool2d``."""
    rank = n.rank() - 2
    if rank > 3:
        return None
    size = n.number(short(spread(n.op.output_size, rank, "output_size")), "output_size")
    name = f"F.{n.op.name}{rank}d"
    if "float" in n.type("x").dtype:
        return f"{name}({n['x']}, {size})"
    return f"{name}({n['x']}.double(), {size}).to({n['x']}.dtype)"


def spatial(n: Site) -> str:
    """The spatial axes, and whether they stay."""
    axes = ", ".join(map(str, range(2, n.rank())))
    return f"{f'({axes})' if n.rank() > 3 else axes}{', keepdim=True' if n.op.keepdims else ''}"


@emits("global_avg_pool")
def global_avg_pool(n: Site) -> Answer:
    """A mean."""
    return f"{n['x']}.mean({spatial(n)})"


@emits("global_max_pool")
def global_max_pool(n: Site) -> Answer:
    """A maximum."""
    return f"{n['x']}.amax({spatial(n)})"


@emits("global_lp_pool")
def global_lp_pool(n: Site) -> Answer:
    """A norm."""
    return f"torch.linalg.vector_norm({n['x']}, {n.number(n.op.p, 'p')}, dim={spatial(n)})"
