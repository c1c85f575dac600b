"""The same elements in another arrangement."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits
from framework.ir.dims import Shape
from framework.ops.patterns import Group, Pattern
from framework.ops.rules import axes_of


@emits("reshape")
def reshape(n: Site) -> Answer:
    """``reshape``; beside a size of 0 torch cannot tell what -1 is."""
    shape = n.types[0].shape if 0 in n.op.shape else n.op.shape
    return f"{n['x']}.reshape({n.sizes(shape) if shape else '()'})"


@emits("flatten")
def flatten(n: Site) -> Answer:
    """``flatten(1)`` for the usual axis."""
    rank = n.rank()
    axis = n.op.axis + rank if n.op.axis < 0 else n.op.axis
    if axis == 1 and rank > 1:
        return f"{n['x']}.flatten(1)"
    return f"{n['x']}.reshape({n.sizes(n.types[0].shape)})"


@emits("transpose")
def transpose(n: Site) -> Answer:
    """``transpose`` for two axes, ``permute`` for more."""
    return n["x"] + permuted(n, n.op.perm)


def permuted(n: Site, perm: tuple[int, ...]) -> str:
    """The call that puts axes in another order; empty for none."""
    moved = [axis for axis, source in enumerate(perm) if axis != source]
    if not moved:
        return ""
    if len(moved) == 2:
        return f".transpose({moved[0]}, {moved[1]})"
    return f".permute({', '.join(map(str, perm))})"


@emits("squeeze")
def squeeze(n: Site) -> Answer:
    """``squeeze``."""
    shape = n.shape("x")
    ones = tuple(axis for axis, size in enumerate(shape) if size == 1)
    axes = ones if n.op.axes is None else axes_of(n.op.axes, len(shape), "x")
    if len(axes) == 1:
        return f"{n['x']}.squeeze({axes[0]})"
    return f"{n['x']}.squeeze(({', '.join(map(str, axes))}))" if axes else n["x"]


@emits("unsqueeze")
def unsqueeze(n: Site) -> Answer:
    """``unsqueeze``, once for each axis."""
    rank = len(n.types[0].shape)
    axes = axes_of(n.op.axes, rank, "the result")
    return n["x"] + "".join(f".unsqueeze({axis})" for axis in axes)


@emits("expand")
def expand(n: Site) -> Answer:
    """``expand``."""
    return f"{n['x']}.expand({n.sizes(n.op.shape) if n.op.shape else '()'})"


@emits("rearrange")
def rearrange(n: Site) -> Answer:
    """``unflatten`` for brackets on the left, ``permute``, ``flatten`` for those on the right."""
    sides = Pattern.parse(n.op.pattern).expand(n.rank())
    if sides is None:
        return None
    left, right = sides
    text = n["x"] + opened(n, left, n.shape("x"))
    before = [name for group in left for name in group]
    after = [name for group in right for name in group]
    text += permuted(n, tuple(before.index(name) for name in after))
    return text + merged(right)


def opened(n: Site, left: tuple[Group, ...], shape: Shape) -> str:
    """Calls that split axes, the last one first, so that the numbers of the others stay."""
    sizes = dict(n.op.sizes)
    text = ""
    for axis in reversed(range(len(left))):
        group = left[axis]
        if not group:
            text += f".squeeze({axis})"
        elif len(group) > 1:
            known = [n.size(sizes[name], name) if name in sizes else "-1" for name in group]
            text += f".unflatten({axis}, ({', '.join(known)}))"
    return text


def merged(right: tuple[Group, ...]) -> str:
    """Calls that merge axes, the last one first; an empty group is an axis of 1."""
    text, end = "", sum(map(len, right))
    whole = end
    for group in reversed(right):
        start = end - len(group)
        if not group:
            text += f".unsqueeze({start})"
        elif len(group) > 1:
            last = "" if end == whole and not text else f", {end - 1}"
            text += f".flatten({start}{last})"
        end = start
    return text
