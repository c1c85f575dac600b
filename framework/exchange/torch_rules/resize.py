"""Resampling: torch's ``interpolate`` where it says the same, a general helper elsewhere."""

from __future__ import annotations

from typing import Any

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper, literal
from framework.ir.dims import Size
from framework.ir.op import spread
from framework.ir.types import axis_index
from framework.ops.rules import axes_of

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}

RESAMPLE = helper('''
def resample(
    x: Tensor,
    dim: int,
    count: int,
    scale: float,
    mode: str,
    coordinates: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    slope: float = -0.75,
    exclude_outside: bool = False,
    antialias: bool = False,
    ends: tuple[float, float] = (0.0, 1.0),
    outside: float = 0.0,
) -> Tensor:
    """One axis read at ``count`` positions: nearest elements, or blends of 2 or 4 neighbours."""
    size, dtype = x.shape[dim], x.dtype
    at = resample_positions(count, size, scale, coordinates, ends).to(x.device)
    if mode == "nearest":
        index = resample_nearest(at, rounding).clamp(0, size - 1)
        y = x.index_select(dim, index)
    else:
        stretch = max(1.0, 1 / scale) if antialias else 1.0
        reach = (1 if mode == "linear" else 2) * stretch
        taps = torch.arange(-math.ceil(reach), math.ceil(reach) + 1, device=x.device)
        places = at.floor().long()[:, None] + taps
        share = resample_kernel((places - at[:, None]).abs() / stretch, mode, slope)
        if exclude_outside:
            share = share * ((places >= 0) & (places < size))
        share = share / share.sum(1, keepdim=True)
        matrix = share.new_zeros(count, size).scatter_add(1, places.clamp(0, size - 1), share)
        wide = x if x.is_floating_point() else x.double()
        y = (wide.movedim(dim, -1) @ matrix.T.to(wide.dtype)).movedim(-1, dim)
        y = y if x.is_floating_point() else saturate(y.round(), dtype)
    if coordinates == "tf_crop_and_resize":
        away = (at < 0) | (at > size - 1)
        y = y.index_fill(dim, away.nonzero()[:, 0], outside)
    return y
''')

POSITIONS = helper('''
def resample_positions(
    count: int, size: int, scale: float, coordinates: str, ends: tuple[float, float]
) -> Tensor:
    """Where each result is read."""
    i = torch.arange(count, dtype=torch.float64)
    whole = size * scale
    if coordinates == "asymmetric":
        return i / scale
    if coordinates == "align_corners":
        return i * ((size - 1) / (whole - 1) if whole != 1 else 0.0)
    if coordinates == "tf_crop_and_resize":
        start, end = ends
        if count > 1:
            return start * (size - 1) + i * ((end - start) * (size - 1) / (whole - 1))
        return i + (start + end) * (size - 1) / 2
    if coordinates == "pytorch_half_pixel" and count == 1:
        return i
    shift = 0.0
    if coordinates == "half_pixel_symmetric":
        shift = size / 2 * (1 - count / whole)
    return (i + 0.5) / scale - 0.5 + shift
''')

NEAREST_INDEX = helper('''
def resample_nearest(at: Tensor, rounding: str) -> Tensor:
    """Positions as whole numbers."""
    if rounding in ("floor", "ceil"):
        return (at.floor() if rounding == "floor" else at.ceil()).long()
    half = (at - 0.5).ceil() if rounding == "round_prefer_floor" else (at + 0.5).floor()
    return half.long()
''')

KERNEL = helper('''
def resample_kernel(x: Tensor, mode: str, slope: float) -> Tensor:
    """The share of an element at a distance: a triangle, or Keys' cubic."""
    if mode == "linear":
        return (1 - x).clamp(min=0)
    near = ((slope + 2) * x - (slope + 3)) * x * x + 1
    far = ((slope * x - 5 * slope) * x + 8 * slope) * x - 4 * slope
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0.0))
''')


@emits("upsample")
def upsample(n: Site) -> Answer:
    """``F.interpolate``."""
    rank = n.rank() - 2
    if rank > 3:
        return None
    mode = "nearest-exact" if n.op.centred else "nearest"
    if n.op.mode == "bilinear":
        mode = LINEAR[rank]
    if n.op.output_size is not None:
        size = f"size={n.shape_text(spread(tuple(n.op.output_size), rank, 'output_size'))}"
    else:
        scale = spread(n.op.scale, rank, "scale")
        short = float(scale[0]) if len(set(scale)) == 1 else tuple(map(float, scale))
        size = f"scale_factor={n.number(short, 'scale')}"
    return n.call(
        "F.interpolate",
        n["x"],
        size,
        mode=(mode, "nearest"),
        align_corners=(n.op.align_corners, False),
    )


@emits("resize")
def resize(n: Site) -> Answer:
    """``F.interpolate``, or one axis after the other."""
    axes = resized(n)
    if not axes:
        return f"{n['x']}.clone()"
    mode = interpolation(n, axes)
    if mode is not None:
        size = f"size={n.shape_text(n.types[0].shape[2:])}"
        corners = n.op.coordinates == "align_corners"
        options = {"mode": (mode, "nearest"), "align_corners": (corners, False)}
        return n.call("F.interpolate", n["x"], size, **options)
    text = n["x"]
    for axis, scale, ends in zip(axes, scales(n), regions(n), strict=True):
        text = (
            f"{RESAMPLE}({text}, {axis}, {n.size(n.types[0].shape[axis])}, {scale}{rest(n, ends)})"
        )
    return text


def resized(n: Site) -> tuple[int, ...]:
    """The axes, in the order that the attributes list them."""
    if n.op.axes is None or isinstance(n.op.axes, int):
        return axes_of(n.op.axes, n.rank(), "x")
    return tuple(axis_index(axis, n.rank(), "x") for axis in n.op.axes)


def interpolation(n: Site, axes: tuple[int, ...]) -> str | None:
    """The mode of ``F.interpolate`` that says the same, if there is one."""
    op, rank = n.op, n.rank() - 2
    plain = not (op.exclude_outside or op.antialias) and op.keep_aspect_ratio == "stretch"
    if not plain or op.scales is not None or sorted(axes) != list(range(2, n.rank())) or rank > 3:
        return None
    if "float" not in n.type("x").dtype:
        return None
    how = (op.mode, op.coordinates)
    if op.mode == "nearest":
        exact = (op.coordinates, op.nearest_mode)
        names = {
            ("asymmetric", "floor"): "nearest",
            ("half_pixel", "round_prefer_ceil"): "nearest-exact",
        }
        return names.get(exact)
    if how in (("linear", "half_pixel"), ("linear", "align_corners")):
        return LINEAR[rank]
    cubic = how in (("cubic", "half_pixel"), ("cubic", "align_corners"))
    return "bicubic" if cubic and rank == 2 and op.cubic_coeff_a == -0.75 else None


def scales(n: Site) -> list[str]:
    """The scale of each axis."""
    axes = resized(n)
    if n.op.scales is not None:
        given = spread(n.op.scales, len(axes), "scales")
        return [n.number(float(scale), "scale") for scale in given]
    sizes: tuple[Size, ...] = spread(tuple(n.op.sizes), len(axes), "sizes")
    pairs = zip(axes, sizes, strict=True)
    ratios = [f"{n.size(size)} / {n['x']}.shape[{axis}]" for axis, size in pairs]
    if n.op.keep_aspect_ratio == "stretch" or len(ratios) == 1:
        return ratios
    name = "min" if n.op.keep_aspect_ratio == "not_larger" else "max"
    return [f"{name}({', '.join(ratios)})"] * len(ratios)


def regions(n: Site) -> list[tuple[float, float]]:
    """Start and end of what is read along each axis."""
    count = len(resized(n))
    if n.op.roi is None:
        return [(0.0, 1.0)] * count
    ends = spread(n.op.roi, 2 * count, "roi")
    return [(float(a), float(b)) for a, b in zip(ends[:count], ends[count:], strict=True)]


def rest(n: Site, ends: tuple[float, float]) -> str:
    """The options that are not the usual ones."""
    op = n.op
    options: dict[str, tuple[Any, Any]] = {
        "coordinates": (op.coordinates, "half_pixel"),
        "rounding": (op.nearest_mode, "round_prefer_floor"),
        "slope": (op.cubic_coeff_a, -0.75),
        "exclude_outside": (op.exclude_outside, False),
        "antialias": (op.antialias, False),
        "ends": (ends, (0.0, 1.0)),
        "outside": (op.extrapolation_value, 0.0),
    }
    named = [f", {k}={literal(v)}" for k, (v, default) in options.items() if v != default]
    return f", {literal(op.mode)}{''.join(named)}"
