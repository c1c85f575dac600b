"""Reading images on grids, quantization, random numbers."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits, helper

MODES = {"linear": "bilinear", "nearest": "nearest", "cubic": "bicubic"}

DYNAMIC_QUANTIZE = helper('''
def dynamic_quantize(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bytes, scale and zero point, from the range of the tensor."""
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = torch.where(high > low, high - low, torch.ones_like(low)) / 255
    zero = (-low / scale).clamp(0, 255).round()
    y = ((x / scale).round() + zero).clamp(0, 255)
    return y.to(torch.uint8), scale, zero.to(torch.uint8)
''')


@emits("grid_sample")
def grid_sample(n: Site) -> Answer:
    """``F.grid_sample``."""
    rank = n.rank() - 2
    if rank not in (2, 3) or n.type("x").dtype != n.type("grid").dtype:
        return None
    if "float" not in n.type("x").dtype or (n.op.mode == "cubic" and rank == 3):
        return None
    corners = n.number(n.op.align_corners, "align_corners")
    return (
        n.call(
            "F.grid_sample",
            n["x"],
            n["grid"],
            mode=(MODES[n.op.mode], "bilinear"),
            padding_mode=(n.op.padding_mode, "zeros"),
        )[:-1]
        + f", align_corners={corners})"
    )


@emits("affine_grid")
def affine_grid(n: Site) -> Answer:
    """``F.affine_grid``."""
    shape = n.shape_text((n.shape("theta")[0], 1, *n.op.output_size))
    return f"F.affine_grid({n['theta']}, {shape}, align_corners={n.op.align_corners})"


@emits("dynamic_quantize")
def dynamic_quantize(n: Site) -> Answer:
    """Bytes, scale and zero point."""
    return f"{DYNAMIC_QUANTIZE}({n['x']})"


def generator(n: Site) -> str:
    """A generator of its own where there is a seed; its numbers are torch's, not ours."""
    if n.op.seed is None:
        return ""
    seed = n.number(n.op.seed, "seed")
    return f", generator=torch.Generator({n.device()}).manual_seed({seed})"


@emits("random_uniform")
def random_uniform(n: Site) -> Answer:
    """``torch.rand``."""
    made = f"dtype={dtype_text(n.op.dtype)}, device={n.device()}{generator(n)}"
    text = f"torch.rand({n.shape_text(n.op.shape)}, {made})"
    if (n.op.low, n.op.high) == (0, 1):
        return text
    low, span = n.number(n.op.low, "low"), n.number(n.op.high - n.op.low, "span")
    return f"{low} + {span} * {text}"


@emits("random_normal")
def random_normal(n: Site) -> Answer:
    """``torch.randn``."""
    made = f"dtype={dtype_text(n.op.dtype)}, device={n.device()}{generator(n)}"
    text = f"torch.randn({n.shape_text(n.op.shape)}, {made})"
    if (n.op.mean, n.op.scale) == (0, 1):
        return text
    return f"{n.number(n.op.mean, 'mean')} + {n.number(n.op.scale, 'scale')} * {text}"


@emits("bernoulli")
def bernoulli(n: Site) -> Answer:
    """``torch.bernoulli``."""
    return f"torch.bernoulli({n['x']}{generator(n)}).to({dtype_text(n.op.dtype)})"


@emits("multinomial")
def multinomial(n: Site) -> Answer:
    """``torch.multinomial``."""
    count = n.size(n.op.count, "count")
    text = f"torch.multinomial({n['x']}.softmax(dim=1), {count}, replacement=True{generator(n)})"
    return text if n.op.dtype == "int64" else f"{text}.to({dtype_text(n.op.dtype)})"
