"""Padding."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper, literal
from framework.ir.dims import Size

EXTENDED = helper('''
def extend_ends(x: Tensor, pads: tuple[tuple[int, int], ...], mode: str) -> Tensor:
    """The last axes continued at both ends: mirrored (reflect), by their edges, or in a circle."""
    for dim, (before, after) in enumerate(pads, x.dim() - len(pads)):
        size = x.shape[dim]
        at = torch.arange(-before, size + after, device=x.device)
        if mode == "reflect":
            at = size - 1 - (at.abs() % max(2 * (size - 1), 1) - (size - 1)).abs()
        at = at % size if mode == "wrap" else at.clamp(0, size - 1)
        x = x.index_select(dim, at)
    return x
''')


@emits("pad")
def pad(n: Site) -> Answer:
    """``F.pad``, whose list begins at the last axis."""
    if n.op.mode != "constant":
        pairs = ", ".join(f"({n.sizes(pair)})" for pair in n.op.pads)
        comma = "," if len(n.op.pads) == 1 else ""
        return f"{EXTENDED}({n['x']}, ({pairs}{comma}), {literal(n.op.mode)})"
    flat: tuple[Size, ...] = tuple(size for pair in reversed(n.op.pads) for size in pair)
    if not flat:
        return f"{n['x']}.clone()"
    value = n.op.value
    if n.type("x").dtype == "bool":
        value = bool(value)
    filled = f", value={n.number(value, 'value')}" if value != 0 else ""
    return f"F.pad({n['x']}, [{n.sizes(flat)}]{filled})"
