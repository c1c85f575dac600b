"""Elements repeated, turned round, moved into channels; tensors made of sizes."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits
from framework.ir.types import axis_index
from framework.ops.rules import axes_of


@emits("tile")
def tile(n: Site) -> Answer:
    """``repeat``."""
    return f"{n['x']}.repeat({n.shape_text(n.op.repeats)})"


@emits("repeat_interleave")
def repeat_interleave(n: Site) -> Answer:
    """``repeat_interleave``."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    return f"{n['x']}.repeat_interleave({n.size(n.op.repeats, 'repeats')}, dim={axis})"


@emits("roll")
def roll(n: Site) -> Answer:
    """``roll``."""
    return f"{n['x']}.roll({n.number(n.op.shifts, 'shifts')}, {n.number(n.op.axes, 'dims')})"


@emits("flip")
def flip(n: Site) -> Answer:
    """``flip``."""
    axes = axes_of(n.op.axes, n.rank(), "x")
    return f"{n['x']}.flip({', '.join(map(str, axes))})" if axes else f"{n['x']}.clone()"


@emits("depth_to_space")
def depth_to_space(n: Site) -> Answer:
    """``F.pixel_shuffle``."""
    if n.op.mode == "dcr":
        return None
    return f"F.pixel_shuffle({n['x']}, {n.number(n.op.block, 'block')})"


@emits("space_to_depth")
def space_to_depth(n: Site) -> Answer:
    """``F.pixel_unshuffle``."""
    if n.op.mode == "dcr":
        return None
    return f"F.pixel_unshuffle({n['x']}, {n.number(n.op.block, 'block')})"


@emits("trilu")
def trilu(n: Site) -> Answer:
    """``triu`` or ``tril``."""
    k = "" if n.op.k == 0 else n.size(n.op.k, "k")
    return f"{n['x']}.{'triu' if n.op.upper else 'tril'}({k})"


@emits("range")
def range_(n: Site) -> Answer:
    """``torch.arange``, which refuses ends on the wrong side; a count is never below 0."""
    start, stop, step = n.op.start, n.op.stop, n.op.step
    plain = all(isinstance(size, int) for size in (start, stop)) and n.types[0].shape != (0,)
    if step == 1 and (start == 0 or plain):
        ends = n.size(stop, "stop") if start == 0 else f"{start}, {n.size(stop, 'stop')}"
        return f"torch.arange({ends}, {made(n, n.op.dtype)})"
    if plain:
        return f"torch.arange({start}, {stop}, {step}, {made(n, n.op.dtype)})"
    text = f"torch.arange({n.size(n.types[0].shape[0], 'count')}, {made(n, n.op.dtype)})"
    text = text if step == 1 else f"{text} * {n.number(step, 'step')}"
    return text if start == 0 else f"{text} + {n.size(start, 'start')}"


def made(n: Site, dtype: str) -> str:
    """Dtype and device of a new tensor."""
    return f"dtype={dtype_text(dtype)}, device={n.device()}"


@emits("full")
def full(n: Site) -> Answer:
    """``torch.full``."""
    value = n.op.value
    if n.op.dtype == "bool":
        value = bool(value)
    elif "int" in n.op.dtype:
        value = int(value)
    number = n.number(value, "value")
    return f"torch.full({n.shape_text(n.op.shape)}, {number}, {made(n, n.op.dtype)})"


@emits("eye_like")
def eye_like(n: Site) -> Answer:
    """A band of one diagonal."""
    k = n.number(n.op.k, "k")
    return f"torch.ones_like({n['x']}, dtype={dtype_text(n.op.dtype)}).triu({k}).tril({k})"


@emits("shape_of")
def shape_of(n: Site) -> Answer:
    """The shape as a tensor."""
    end = "" if n.op.end is None else n.op.end
    part = "" if (n.op.start, end) == (0, "") else f"[{n.op.start}:{end}]"
    return f"torch.tensor({n['x']}.shape{part}, dtype=torch.int64, device={n['x']}.device)"


@emits("size_of")
def size_of(n: Site) -> Answer:
    """The number of elements as a tensor."""
    return f"torch.tensor({n['x']}.numel(), device={n['x']}.device)"
