"""Picking and writing by tensors of positions; what depends on the data."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits, helper, literal
from framework.ir.types import axis_index

FROM_FRONT = helper('''
def from_front(indices: Tensor, size: int) -> Tensor:
    """Negative positions count from the back."""
    return torch.where(indices < 0, indices + size, indices).long()
''')

GATHER_ND = helper('''
def gather_nd(x: Tensor, indices: Tensor, batch_axes: int) -> Tensor:
    """Elements or slices by the index tuples along the last axis."""
    lead = indices.shape[:-1]
    at = [
        torch.arange(n, device=x.device).reshape([-1 if j == i else 1 for j in range(len(lead))])
        for i, n in enumerate(lead[:batch_axes])
    ]
    at += [i.long() for i in indices.unbind(-1)]
    return x[tuple(at)] if at else x.expand(*lead, *x.shape).clone()
''')

SCATTER_ND = helper('''
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, reduce: str | None) -> Tensor:
    """Elements or slices written where the index tuples along the last axis say."""
    count = indices.shape[-1]
    flat = torch.zeros(indices.shape[:-1], dtype=torch.long, device=x.device)
    for i, size in zip(indices.unbind(-1), x.shape[:count], strict=True):
        flat = flat * size + from_front(i, size)
    rows = x.reshape(math.prod(x.shape[:count]), -1)
    at = flat.reshape(-1, 1).expand(-1, rows.shape[1])
    return scatter_along(rows, 0, at, updates.reshape(at.shape), reduce).reshape(x.shape)
''')

SCATTERED = helper('''
def scatter_along(x: Tensor, dim: int, at: Tensor, updates: Tensor, reduce: str | None) -> Tensor:
    """Updates written along an axis, or combined with what stands there."""
    if reduce is None:
        return x.scatter(dim, at, updates)
    if x.dtype == torch.bool:
        wide = scatter_along(x.byte(), dim, at, updates.byte(), reduce_truths(reduce))
        return wide != 0
    return x.scatter_reduce(dim, at, updates, reduce)
''')

REDUCE_BOOL = helper('''
def reduce_truths(reduce: str) -> str:
    """The word for truth values: a sum is an or."""
    return "amax" if reduce == "sum" else reduce
''')

TENSOR_SCATTER = helper('''
def tensor_scatter(
    x: Tensor, update: Tensor, start: Tensor | None, dim: int, circular: bool
) -> Tensor:
    """A piece written into a buffer, at a place of its own for each batch element."""
    shape = [-1 if axis == dim else 1 for axis in range(x.dim())]
    at = torch.arange(update.shape[dim], device=x.device).reshape(shape)
    if start is not None:
        at = at + start.long().reshape(-1, *[1] * (x.dim() - 1))
    at = at % x.shape[dim] if circular else at
    return x.scatter(dim, at.expand(update.shape), update)
''')

ONE_HOT = helper('''
def one_hot_mask(indices: Tensor, depth: int, dim: int) -> Tensor:
    """True at the position that an index names."""
    at = from_front(indices, depth).unsqueeze(dim)
    shape = [1] * at.dim()
    shape[dim] = depth
    return at == torch.arange(depth, device=at.device).reshape(shape)
''')

UNIQUE = helper('''
def unique_elements(
    x: Tensor, dim: int | None, ordered: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Different elements, where each stood first, which one each element is, and how often."""
    y, inverse, counts = torch.unique(x, True, True, True, dim)
    inverse = inverse.reshape(-1)
    places = torch.arange(len(inverse), device=x.device)
    indices = torch.full_like(counts, len(inverse)).scatter_reduce(0, inverse, places, "amin")
    if not ordered:
        order = indices.argsort()
        y = y.index_select(0 if dim is None else dim, order)
        indices, counts, inverse = indices[order], counts[order], order.argsort()[inverse]
    return y, indices, inverse, counts
''')

REVERSED = helper('''
def reverse_sequence(x: Tensor, lengths: Tensor, batch: int, time: int) -> Tensor:
    """The first elements of each sequence, as many as its length says, backwards."""
    shape = [-1 if axis == batch else 1 for axis in range(x.dim())]
    each = lengths.long().reshape(shape)
    shape = [-1 if axis == time else 1 for axis in range(x.dim())]
    t = torch.arange(x.shape[time], device=x.device).reshape(shape)
    return x.gather(time, torch.where(t < each, each - 1 - t, t).expand(x.shape))
''')

REDUCE = {"none": None, "add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def long(n: Site, port: str) -> str:
    """Positions as torch wants them."""
    return n[port] if n.type(port).dtype == "int64" else f"{n[port]}.long()"


@emits("gather")
def gather(n: Site) -> Answer:
    """``x[:, indices]``."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    return f"{n['x']}[{':, ' * axis}{long(n, 'indices')}]"


@emits("gather_elements")
def gather_elements(n: Site) -> Answer:
    """``gather``, with negative positions."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    return f"{n['x']}.gather({axis}, {FROM_FRONT}({n['indices']}, {n['x']}.shape[{axis}]))"


@emits("gather_nd")
def gather_nd(n: Site) -> Answer:
    """Indexing by one tensor for each axis."""
    return f"{GATHER_ND}({n['x']}, {n['indices']}, {n.op.batch_axes})"


@emits("scatter_elements")
def scatter_elements(n: Site) -> Answer:
    """``scatter``, or ``scatter_reduce``."""
    axis, reduce = axis_index(n.op.axis, n.rank(), "x"), REDUCE[n.op.reduction]
    at = f"{FROM_FRONT}({n['indices']}, {n['x']}.shape[{axis}])"
    if n.type("x").dtype == "bool":
        return f"{SCATTERED}({n['x']}, {axis}, {at}, {n['updates']}, {literal(reduce)})"
    if reduce is None:
        return f"{n['x']}.scatter({axis}, {at}, {n['updates']})"
    return f"{n['x']}.scatter_reduce({axis}, {at}, {n['updates']}, {literal(reduce)})"


@emits("scatter_nd")
def scatter_nd(n: Site) -> Answer:
    """Rows of a matrix."""
    reduce = literal(REDUCE[n.op.reduction])
    return f"{SCATTER_ND}({n['x']}, {n['indices']}, {n['updates']}, {reduce})"


@emits("tensor_scatter")
def tensor_scatter(n: Site) -> Answer:
    """``scatter`` along one axis."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    start = n["start"] if "start" in n else "None"
    return f"{TENSOR_SCATTER}({n['x']}, {n['update']}, {start}, {axis}, {n.op.circular})"


@emits("one_hot")
def one_hot(n: Site) -> Answer:
    """A comparison with 0, 1, 2 …"""
    axis = axis_index(n.op.axis, n.rank("indices") + 1, "the result")
    mask = f"{ONE_HOT}({n['indices']}, {n.size(n.op.depth, 'depth')}, {axis})"
    dtype = n.op.dtype
    if dtype == "bool":
        return (
            mask
            if n.op.on and not n.op.off
            else f"torch.where({mask}, {bool(n.op.on)}, {bool(n.op.off)})"
        )
    if (n.op.on, n.op.off) == (1, 0):
        return f"{mask}.to({dtype_text(dtype)})"
    on, off = n.number(float(n.op.on), "on"), n.number(float(n.op.off), "off")
    return f"torch.where({mask}, {on}, {off}).to({dtype_text(dtype)})"


@emits("reverse_sequence")
def reverse_sequence(n: Site) -> Answer:
    """``gather`` from mirrored positions."""
    axes = (axis_index(axis, n.rank(), "x") for axis in (n.op.batch_axis, n.op.time_axis))
    return f"{REVERSED}({n['x']}, {n['lengths']}, {', '.join(map(str, axes))})"


@emits("non_zero")
def non_zero(n: Site) -> Answer:
    """``nonzero``, turned."""
    return f"{n['x']}.nonzero().T"


@emits("compress")
def compress(n: Site) -> Answer:
    """``index_select``."""
    at = f"{n['condition']}.nonzero()[:, 0]"
    if n.op.axis is None:
        return f"{n['x']}.reshape(-1).index_select(0, {at})"
    return f"{n['x']}.index_select({axis_index(n.op.axis, n.rank(), 'x')}, {at})"


@emits("unique")
def unique(n: Site) -> Answer:
    """``torch.unique``, and where each element stood first."""
    axis = None if n.op.axis is None else axis_index(n.op.axis, n.rank(), "x")
    return f"{UNIQUE}({n['x']}, {axis}, {n.op.sorted})"
