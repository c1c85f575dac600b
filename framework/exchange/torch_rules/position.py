"""Positions, masks, parameters and constants."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper
from framework.ir.dims import Dim

SINUSOIDS = helper('''
def sinusoids(length: int, width: int, base: float, device: torch.device) -> Tensor:
    """The table [length, width] of sines and cosines, in turn."""
    even = torch.arange(0, width, 2, dtype=torch.float64, device=device)
    places = torch.arange(length, dtype=torch.float64, device=device)
    angles = places[:, None] / base ** (even / width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
''')


@emits("positional")
def positional(n: Site) -> Answer:
    """Sines and cosines, or as many rows of a table as there are positions."""
    length, width = n.shape("x")[-2:]
    if n.op.kind == "sinusoidal":
        sizes = f"{n.size(length, 'length')}, {n.size(width, 'width')}"
        table = f"{SINUSOIDS}({sizes}, {n.number(n.op.base, 'base')}, {n.device()})"
        return f"{n['x']} + {table}.to({n['x']}.dtype)"
    table = n["table"] if n.rank() == 3 else f"{n['table']}[0]"
    if n.op.length == length:
        return f"{n['x']} + {table}"
    rows = f":{n.size(length, 'length')}"
    return f"{n['x']} + {n['table']}[{':, ' if n.rank() == 3 else '0, '}{rows}]"


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
    shape = f"{n.size(queries, 'queries')}, {n.size(keys, 'keys')}"
    ones = f"torch.ones({shape}, dtype=torch.bool, device={n.device()})"
    if n.op.align == "top_left" or queries == keys:
        return f"{ones}.tril()"
    return f"{ones}.tril({n.size(keys, 'keys')} - {n.size(queries, 'queries')})"


@emits("parameter")
def parameter(n: Site) -> Answer:
    """The stored tensor."""
    return n["value"]


def spelled(value: object) -> str:
    """Nested numbers as lists."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return "torch.nan" if value != value else f"{'-' if value < 0 else ''}torch.inf"
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
