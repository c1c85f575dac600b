"""Sums, extremes, running sums, order, losses."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits, helper
from framework.ir.types import axis_index
from framework.ops.rules import axes_of

SHIFTED = helper('''
def shift_along(x: Tensor, dim: int, first: float) -> Tensor:
    """Every element one place further; the last one is lost."""
    begin = torch.full_like(x.narrow(dim, 0, min(1, x.shape[dim])), first)
    return torch.cat([begin, x], dim).narrow(dim, 0, x.shape[dim])
''')

TOP_K = helper('''
def top_k(x: Tensor, k: int, dim: int, largest: bool, ordered: bool) -> tuple[Tensor, Tensor]:
    """The largest elements and their positions; of equal ones the first comes first."""
    indices = x.argsort(dim=dim, descending=largest, stable=True).narrow(dim, 0, k)
    if not ordered:
        indices = indices.sort(dim).values
    return x.gather(dim, indices), indices
''')

PLAIN = {
    "sum": "{x}.sum({over})",
    "mean": "{x}.mean({over})",
    "max": "{x}.amax({over})",
    "min": "{x}.amin({over})",
    "l1": "{x}.abs().sum({over})",
    "l2": "torch.linalg.vector_norm({x}, {over})",
    "sum_square": "{x}.square().sum({over})",
    "log_sum": "{x}.sum({over}).log()",
    "log_sum_exp": "{x}.logsumexp({over})",
}
SUMS = ("sum", "l1", "sum_square", "prod")
"""What torch would give as int64 for all whole numbers."""

ALONE = {"l1": ".abs()", "l2": ".abs()", "sum_square": ".square()", "log_sum": ".log()"}
"""What is left of a reduction over no axis at all."""


@emits("reduce")
def reduce(n: Site) -> Answer:
    """The method of that name; whole numbers keep their dtype."""
    axes, dtype = axes_of(n.op.axes, n.rank(), "x"), n.type("x").dtype
    if not axes:
        return f"{n['x']}{ALONE.get(n.op.op, '.clone()')}"
    if n.op.op == "prod":
        return n["x"] + "".join(f".prod({over(n, (axis,))})" for axis in reversed(axes))
    text = over(n, axes)
    if dtype == "bool":
        return f"{n['x']}.{'any' if n.op.op == 'max' else 'all'}({text})"
    if n.op.empty == "identity" and n.op.op in ("max", "min"):
        return extreme(n, axes[0], text)
    return PLAIN[n.op.op].format(x=n["x"], over=text)


def over(n: Site, axes: tuple[int, ...]) -> str:
    """The arguments of a reduction; nothing where it is over everything."""
    plain = n.op.op in ("sum", "mean", "l1", "sum_square")
    listed = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
    parts = [] if plain and n.op.axes is None and not n.op.keepdims else [listed]
    if n.op.op == "l2":
        parts = [f"dim={listed}"]
    if n.op.keepdims:
        parts.append("keepdim=True")
    if n.op.op in SUMS and "int" in n.type("x").dtype:
        parts.append(f"dtype={dtype_text(n.type('x').dtype)}")
    return ", ".join(parts)


def extreme(n: Site, axis: int, over: str) -> str:
    """The largest or smallest element, beside one that never wins: there may be no other."""
    dtype = n.type("x").dtype
    info = f"torch.{'finfo' if 'float' in dtype else 'iinfo'}({dtype_text(dtype)})"
    worst = f"{info}.{'min' if n.op.op == 'max' else 'max'}"
    if "float" in dtype:
        worst = "-torch.inf" if n.op.op == "max" else "torch.inf"
    flat = ", ".join(["0"] * (2 * (n.rank() - 1 - axis)) + ["0", "1"])
    return f"F.pad({n['x']}, [{flat}], value={worst}).a{n.op.op}({over or axis})"


@emits("cumsum", "cumprod")
def cumulative(n: Site) -> Answer:
    """``cumsum``, turned round and shifted where asked."""
    axis, dtype = axis_index(n.op.axis, n.rank(), "x"), n.type("x").dtype
    turned = f".flip({axis})" if n.op.reverse else ""
    text = n["x"] + turned
    if n.op.exclusive:
        text = f"{SHIFTED}({text}, {axis}, {0 if n.op.name == 'cumsum' else 1})"
    whole = "" if "float" in dtype else f", dtype={dtype_text(dtype)}"
    return f"{text}.{n.op.name}({axis}{whole}){turned}"


@emits("top_k")
def top_k(n: Site) -> Answer:
    """By a stable sort: torch's ``topk`` says nothing about equal elements."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    return f"{TOP_K}({n['x']}, {n.size(n.op.k, 'k')}, {axis}, {n.op.largest}, {n.op.sorted})"


@emits("sort")
def sort(n: Site) -> Answer:
    """``torch.sort``, stable."""
    down = n.number(n.op.descending, "descending")
    return f"{n['x']}.sort(dim={n.number(n.op.axis, 'dim')}, descending={down}, stable=True)"


@emits("arg_sort")
def arg_sort(n: Site) -> Answer:
    """``argsort``, stable."""
    down = n.number(n.op.descending, "descending")
    return f"{n['x']}.argsort(dim={n.number(n.op.axis, 'dim')}, descending={down}, stable=True)"


@emits("arg_max", "arg_min")
def arg(n: Site) -> Answer:
    """``argmax``; the last one is the first one backwards."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    name = n.op.name.replace("_", "")
    keep = ", keepdim=True" if n.op.keepdims else ""
    if not n.op.last:
        return f"{n['x']}.{name}({axis}{keep})"
    return f"{n['x']}.shape[{axis}] - 1 - {n['x']}.flip({axis}).{name}({axis}{keep})"


@emits("nll_loss", "cross_entropy")
def class_loss(n: Site) -> Answer:
    """``F.cross_entropy``."""
    targets = n["targets"]
    if n.type("targets").dtype != "int64":
        targets += ".long()"
    given = [n["x"], targets, *([n["weight"]] if "weight" in n else [])]
    return n.call(
        f"F.{n.op.name}",
        *given,
        ignore_index=(-100 if n.op.ignore_index is None else n.op.ignore_index, -100),
        reduction=(n.op.reduction, "mean"),
    )


@emits("mse_loss")
def mse_loss(n: Site) -> Answer:
    """``F.mse_loss``."""
    return n.call("F.mse_loss", n["x"], n["target"], reduction=(n.op.reduction, "mean"))
