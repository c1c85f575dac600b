"""Joining, splitting, slicing, picking."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits
from framework.ir.types import axis_index


@emits("concat")
def concat(n: Site) -> Answer:
    """``torch.cat``."""
    return f"torch.cat([{', '.join(n.every('xs'))}], dim={n.number(n.op.axis, 'dim')})"


@emits("split")
def split(n: Site) -> Answer:
    """``split`` into pieces of known sizes, ``tensor_split`` never: its pieces differ from ours."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    pieces = n.sizes(tuple(type_.shape[axis] for type_ in n.types))
    text = f"{n['x']}.split([{pieces}], dim={axis})"
    return text if len(n.types) > 1 else f"{text}[0]"


@emits("slice")
def slice_(n: Site) -> Answer:
    """Brackets; a negative step, which torch has not, by a flip."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    if n.op.step < 0:
        return backwards(n, axis)
    start = "" if n.op.start is None else n.size(n.op.start, "start")
    stop = "" if n.op.stop is None else n.size(n.op.stop, "stop")
    step = "" if n.op.step == 1 else f":{n.number(n.op.step, 'step')}"
    return f"{n['x']}[{':, ' * axis}{start}:{stop}{step}]"


def backwards(n: Site, axis: int) -> str:
    """The same in the flipped tensor, where position p is -1 - p."""
    start = "" if n.op.start is None else n.size(-1 - n.op.start, "start")
    stop = "" if n.op.stop is None else n.size(-1 - n.op.stop, "stop")
    step = "" if n.op.step == -1 else f":{n.number(-n.op.step, 'step')}"
    cut = f"[{':, ' * axis}{start}:{stop}{step}]" if start or stop or step else ""
    return f"{n['x']}.flip({axis}){cut}"


@emits("select")
def select(n: Site) -> Answer:
    """``x[:, 0]``."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    return f"{n['x']}[{':, ' * axis}{n.size(n.op.index, 'index')}]"
