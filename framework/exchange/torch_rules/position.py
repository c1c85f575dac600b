"""Positions, masks, parameters and constants."""

from __future__ import annotations

from math import isfinite, isnan

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits, helper
from framework.ir.dims import Dim, Size
from framework.ops.relative import edges, slopes

SINUSOIDS = helper('''
def sinusoid_table(length: int, width: int, base: float, device: torch.device) -> Tensor:
    """The table [length, width] of sines and cosines, in turn."""
    even = torch.arange(0, width, 2, dtype=torch.float64, device=device)
    places = torch.arange(length, dtype=torch.float64, device=device)
    angles = places[:, None] / base ** (even / width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
''')


GRID_SINUSOIDS = helper('''
def grid_sinusoids(
    height: int,
    width: int,
    depth: int,
    base: float,
    interleaved: bool,
    rows_first: bool,
    device: torch.device,
) -> Tensor:
    """The table [height, width, depth]: half of it tells the row, the other half the column."""
    rates = base ** (-4 * torch.arange(depth // 4, dtype=torch.float64, device=device) / depth)

    def waves(count: int) -> Tensor:
        angles = torch.arange(count, device=device)[:, None] * rates
        pair = [angles.sin(), angles.cos()]
        return torch.stack(pair, dim=-1).flatten(1) if interleaved else torch.cat(pair, dim=-1)

    rows = waves(height)[:, None].expand(-1, width, -1)
    columns = waves(width).expand(height, -1, -1)
    return torch.cat([rows, columns] if rows_first else [columns, rows], dim=-1)
''')

BAND = helper('''
def band_near(
    first: Tensor, queries: int, keys: int, left: int | None, right: int | None
) -> Tensor:
    """True where a key is near the query; the first query of each sample has its own position."""
    at = first.long()[..., None, None] + torch.arange(queries, device=first.device)[:, None]
    ahead = torch.arange(keys, device=first.device) - at
    seen = torch.ones_like(ahead, dtype=torch.bool)
    if left is not None:
        seen = seen & (ahead >= -left)
    return seen if right is None else seen & (ahead <= right)
''')

DISTANCES = helper('''
def key_distances(queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
    """How far each key is ahead of each query."""
    at = torch.arange(queries, device=device)[:, None] + offset
    return torch.arange(keys, device=device) - at
''')

BUCKETS = helper('''
def distance_buckets(ahead: Tensor, edges: list[int], both: bool) -> Tensor:
    """The bucket of each distance; those ahead have buckets of their own, or the first."""
    away = ahead.abs() if both else (-ahead).clamp(min=0)
    found = torch.bucketize(away, torch.tensor(edges, device=ahead.device), right=True)
    return found + (len(edges) + 1) * (ahead > 0) if both else found
''')

ROTATIONS = helper('''
def rotation_angles(
    positions: Tensor, width: int, base: float, factor: float
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle of each pair, at each position."""
    even = torch.arange(0, width, 2, dtype=torch.float64, device=positions.device)
    angles = positions.double()[..., None] / factor * base ** (-even / width)
    return angles.cos(), angles.sin()
''')

ROTARY = helper('''
def rotate_pairs(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """Pairs of elements turned by angles; what the angles leave over stays as it is."""
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    part, rest = x[..., : 2 * cos.shape[-1]], x[..., 2 * cos.shape[-1] :]
    if interleaved:
        a, b = part[..., 0::2], part[..., 1::2]
        part = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        a, b = part.chunk(2, dim=-1)
        part = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([part, rest], dim=-1)
''')


@emits("positional")
def positional(n: Site) -> Answer:
    """Sines and cosines, or as many rows of a table as there are positions."""
    length, width = n.shape("x")[-2:]
    if n.op.kind == "sinusoidal":
        sizes = f"{n.size(length, 'length')}, {n.size(width, 'width')}"
        table = f"{SINUSOIDS}({sizes}, {n.number(n.op.base, 'base')}, {n.device()})"
        return f"{n['x']} + {table}.to({n['x']}.dtype)"
    if n.op.resize != "none" and n.op.length != length:
        count = n.size(length, "length")
        scale = f"{count} / {n.number(n.op.length, 'length')}"
        table = f'resample({n["table"]}, 1, {count}, {scale}, "{n.op.resize}")'
        return f"{n['x']} + {table if n.rank() == 3 else f'{table}[0]'}"
    table = n["table"] if n.rank() == 3 else f"{n['table']}[0]"
    if n.op.length == length:
        return f"{n['x']} + {table}"
    rows = f":{n.size(length, 'length')}"
    return f"{n['x']} + {n['table']}[{':, ' if n.rank() == 3 else '0, '}{rows}]"


@emits("positional_2d")
def positional_2d(n: Site) -> Answer:
    """A table that is stretched, cut, or made of sines."""
    height, width, depth = n.shape("x")[-3:]
    h, w = n.size(height, "height"), n.size(width, "width")
    if n.op.kind == "sinusoidal":
        order = f"{n.op.order == 'interleaved'}, {n.op.first == 'rows'}"
        base, size = n.number(n.op.base, "base"), n.size(depth, "depth")
        table = f"{GRID_SINUSOIDS}({h}, {w}, {size}, {base}, {order}, {n.device()})"
        return f"{n['x']} + {table}.to({n['x']}.dtype)"
    if n.op.resize == "none":
        return f"{n['x']} + {n['table']}[0, :{h}, :{w}]"
    if (n.op.rows, n.op.columns) == (height, width):
        return f"{n['x']} + {n['table']}[0]"
    slope = "slope=-0.5, exclude_outside=True, antialias=True" if n.op.antialias else ""
    rest = f', "{n.op.resize}"{f", {slope}" if slope else ""})'
    rows = f"resample({n['table']}, 1, {h}, {h} / {n.number(n.op.rows, 'rows')}{rest}"
    columns = n.number(n.op.columns, "columns")
    return f"{n['x']} + resample({rows}, 2, {w}, {w} / {columns}{rest}[0]"


@emits("mask_fill")
def mask_fill(n: Site) -> Answer:
    """``masked_fill`` with the opposite mask, or ``where`` if the mask is the larger one."""
    value = n.number(n.op.value, "value")
    if n.types[0].shape == n.shape("x"):
        return f"{n['x']}.masked_fill(~{n['keep']}, {value})"
    filled = f"{n['x']}.new_tensor({value})"
    return f"torch.where({n['keep']}, {n['x']}, {filled})"


@emits("causal_mask")
def causal_mask(n: Site) -> Answer:
    """A triangle of true."""
    queries, keys = n.types[0].shape
    ones = truths(n, queries, keys)
    if n.op.align == "top_left" or queries == keys:
        return f"{ones}.tril()"
    return f"{ones}.tril({n.size(keys - queries, 'offset')})"


def truths(n: Site, queries: Size, keys: Size) -> str:
    """A mask that hides nothing."""
    shape = f"{n.size(queries, 'queries')}, {n.size(keys, 'keys')}"
    return f"torch.ones({shape}, dtype=torch.bool, device={n.device()})"


@emits("band_mask")
def band_mask(n: Site) -> Answer:
    """What is on or below one diagonal, and on or above another."""
    queries, keys = n.types[0].shape[-2:]
    if "first" not in n:
        text = truths(n, queries, keys)
        if n.op.right is not None:
            text += f".tril({n.size(n.op.offset + n.op.right, 'right')})"
        if n.op.left is not None:
            text += f".triu({n.size(n.op.offset - n.op.left, 'left')})"
        return text
    sizes = f"{n.size(queries, 'queries')}, {n.size(keys, 'keys')}"
    sides = f"{n.number(n.op.left, 'left')}, {n.number(n.op.right, 'right')}"
    first = n["first"] if n.op.offset == 0 else f"{n['first']} + {n.size(n.op.offset, 'offset')}"
    return f"{BAND}({first}, {sizes}, {sides})"


@emits("alibi")
def alibi(n: Site) -> Answer:
    """Slopes times distances."""
    queries, keys = n.types[0].shape[1:]
    listed = ", ".join(map(repr, slopes(n.op.heads).tolist()))
    away = f"{DISTANCES}({n.size(queries)}, {n.size(keys)}, {n.size(n.op.offset)}, {n.device()})"
    table = f"torch.tensor([{listed}], device={n.device()})[:, None, None]"
    return f"(-{table} * {away}.abs()).to({dtype_text(n.op.dtype)})"


@emits("relative_bias")
def relative_bias(n: Site) -> Answer:
    """A table, looked up by buckets of distances."""
    queries, keys = n.types[0].shape[1:]
    side = n.op.buckets // 2 if n.op.bidirectional else n.op.buckets
    limits = edges(side, n.op.max_distance).tolist()
    grid = f"{n.size(queries)}, {n.size(keys)}, {n.size(n.op.offset)}"
    away = f"{DISTANCES}({grid}, {n['table']}.device)"
    both = n.op.bidirectional
    return f"{n['table']}[{BUCKETS}({away}, {limits}, {both})].movedim(-1, 0)"


@emits("rotary")
def rotary(n: Site) -> Answer:
    """Pairs turned by angles."""
    length, whole = n.shape("x")[-2:]
    width = whole if n.op.width is None else n.op.width
    if "cos" in n:
        at = "" if "positions" not in n else f"[{n['positions']}.long()]"
        angles = f"({n['cos']}{at}, {n['sin']}{at})"
    else:
        places = n["positions"] if "positions" in n else arange(n, length, n.op.offset)
        base, factor = n.number(n.op.base, "base"), n.number(n.op.factor, "factor")
        angles = f"{ROTATIONS}({places}, {n.size(width, 'width')}, {base}, {factor})"
    return f"{ROTARY}({n['x']}, *{angles}, {n.op.pairing == 'interleaved'})"


def arange(n: Site, length: Size, offset: Size) -> str:
    """Positions one after the other."""
    if offset == 0:
        return f"torch.arange({n.size(length, 'length')}, device={n.device()})"
    ends = f"{n.size(offset, 'offset')}, {n.size(offset + length, 'end')}"
    return f"torch.arange({ends}, device={n.device()})"


@emits("parameter")
def parameter(n: Site) -> Answer:
    """The stored tensor."""
    return n["value"]


def spelled(value: object) -> str:
    """Nested numbers as lists."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, float) and not isfinite(value):
        return "torch.nan" if isnan(value) else f"{'-' if value < 0 else ''}torch.inf"
    return repr(value)


def symbolic(value: object) -> bool:
    """Does a size that is not known stand in it?"""
    return any(map(symbolic, value)) if isinstance(value, tuple) else isinstance(value, Dim)


@emits("constant")
def constant(n: Site) -> Answer:
    """A tensor that is kept beside the weights."""
    if symbolic(n.op.value):
        return None
    return n.kept(f"torch.tensor({spelled(n.op.value)}, dtype=torch.{n.op.dtype})", "value")
