"""ONNX rules that read normalisations."""

from __future__ import annotations

import numpy as np

from framework.exchange.rules.registry import Call, Refused, Wire, reads
from framework.ir.dims import Shape, Size
from framework.ir.types import axis_index

MVN_EPS = 1e-9
"""What ONNX's MeanVarianceNormalization adds to the deviation."""


@reads("BatchNormalization")
def read_batch_norm(n: Call) -> Wire | tuple[Wire | None, ...]:
    """With stored statistics; in training those of the batch, and the running ones after it."""
    x, scale, bias, mean, variance = (n[i] for i in range(5))
    if not n.flag("spatial", True):
        raise Refused("BatchNormalization with spatial 0 is not supported")
    wide = widest(x, scale, mean)
    x, scale, bias, mean, variance = (
        n.cast(wire, wide) for wire in (x, scale, bias, mean, variance)
    )
    dtype = n[0].dtype
    training = n.flag("training_mode") if n.opset >= 14 else n.wants(1)
    results = [] if not training else batch_statistics(n, x)
    now = results or (mean, variance)
    y = n.add(
        "batch_norm", x, weight=scale, bias=bias, running_mean=now[0], running_var=now[1],
        eps=n.real("epsilon", 1e-5), affine=True,
    )  # fmt: skip
    keep = n.real("momentum", 0.9)
    running = (
        n.cast(mixed(n, old, new, keep), n[3].dtype)
        for old, new in zip((mean, variance), results, strict=False)
    )
    return (n.cast(y, dtype), *running)


def batch_statistics(n: Call, x: Wire) -> list[Wire]:
    """Mean and population variance of each channel."""
    axes = (0, *range(2, x.rank))
    mean = n.add("reduce", x, op="mean", axes=axes, keepdims=True)
    square = n.add("square", n.add("sub", x, mean))
    variance = n.add("reduce", square, op="mean", axes=axes)
    return [n.add("squeeze", mean, axes=axes), variance]


def mixed(n: Call, old: Wire, new: Wire, keep: float) -> Wire:
    """``old * keep + new * (1 - keep)``."""
    return n.add("add", n.add("scale", old, by=keep), n.add("scale", new, by=1 - keep))


def widest(*wires: Wire) -> str:
    """The dtype that holds all of these without loss."""
    return max((wire.dtype for wire in wires), key=lambda dtype: np.dtype(dtype).itemsize)


@reads("LayerNormalization")
def read_layer_norm(n: Call) -> tuple[Wire | None, ...]:
    """Mean and inverse deviation are computed a second time where somebody wants them."""
    x, scale, bias = n[0], n[1], n[2]
    axis = axis_index(n.int("axis", -1), x.rank, "X")
    options = {"axes": x.rank - axis, "eps": n.real("epsilon", 1e-5)}
    last = x.shape[axis:]
    if all(wire is None or covers(wire.shape, last) for wire in (scale, bias)):
        y = n.add("layer_norm", x, weight=scale, bias=bias, affine=True, **options)
    else:
        y = n.add("mul", n.add("layer_norm", x, affine=False, bias=False, **options), scale)
        y = y if bias is None else n.add("add", y, bias)
    return (y, *moments(n, x, tuple(range(axis, x.rank)), options["eps"]))


def moments(n: Call, x: Wire, axes: tuple[int, ...], eps: float) -> tuple[Wire | None, ...]:
    """Mean and 1 / sqrt(variance + eps), each if it is used, in the precision of stash_type."""
    if not (n.wants(1) or n.wants(2)):
        return ()
    stash = {1: "float32", 10: "float16", 11: "float64"}.get(n.int("stash_type", 1), x.dtype)
    wide = n.cast(x, stash)
    mean = n.add("reduce", wide, op="mean", axes=axes, keepdims=True)
    if not n.wants(2):
        return (mean,)
    square = n.add("square", n.add("sub", wide, mean))
    variance = n.add("reduce", square, op="mean", axes=axes, keepdims=True)
    deviation = n.add("sqrt", n.add("scale", variance, by=1.0, shift=eps))
    return mean, n.add("reciprocal", deviation)


def covers(shape: Shape, last: Shape) -> bool:
    """Is it the shape of the normalised axes themselves, with nothing to broadcast?"""
    if len(shape) != len(last):
        return False
    return all(size != 1 or wanted == 1 for size, wanted in zip(shape, last, strict=True))


@reads("RMSNormalization")
def read_rms_norm(n: Call) -> Wire:
    """The result has the dtype of the scale, which may be another than that of x."""
    x, scale = n[0], n[1]
    axis = axis_index(n.int("axis", -1), x.rank, "X")
    options = {"axes": x.rank - axis, "eps": n.real("epsilon", 1e-5)}
    if x.dtype == scale.dtype and covers(scale.shape, x.shape[axis:]):
        return n.add("rms_norm", x, weight=scale, affine=True, **options)
    y = n.add("rms_norm", x, affine=False, **options)
    return n.add("mul", n.cast(y, scale.dtype), scale)


@reads("GroupNormalization")
def read_group_norm(n: Call) -> Wire:
    """Before opset 21 scale and bias belonged to the groups, not to the channels."""
    x, scale, bias = n[0], n[1], n[2]
    groups = n.int("num_groups")
    if n.opset < 21:
        scale, bias = (repeated(n, wire, groups, x.shape[1]) for wire in (scale, bias))
    eps = n.real("epsilon", 1e-5)
    return n.add("group_norm", x, weight=scale, bias=bias, groups=groups, eps=eps, affine=True)


def repeated(n: Call, wire: Wire, groups: int, channels: Size) -> Wire:
    """One number for each group as one for each channel."""
    column = n.add("unsqueeze", wire, axes=(1,))
    table = n.add("expand", column, shape=(groups, channels // groups))
    return n.add("reshape", table, shape=(channels,))


@reads("InstanceNormalization")
def read_instance_norm(n: Call) -> Wire:
    """As it is."""
    eps = n.real("epsilon", 1e-5)
    return n.add("instance_norm", n[0], weight=n[1], bias=n[2], eps=eps, affine=True)


@reads("LRN")
def read_response_norm(n: Call) -> Wire:
    """ONNX's ``bias`` is k; of an even size the odd channel comes after."""
    size = n.int("size")
    return n.add(
        "local_response_norm", n[0], size=size, alpha=n.real("alpha", 1e-4),
        beta=n.real("beta", 0.75), k=n.real("bias", 1.0),
        extra="before" if size % 2 else "after",
    )  # fmt: skip


@reads("MeanVarianceNormalization")
def read_mean_variance_norm(n: Call) -> Wire:
    """As it is."""
    return n.add("mean_variance_norm", n[0], axes=n.ints("axes", (0, 2, 3)), eps=MVN_EPS)


@reads("LpNormalization")
def read_lp_norm(n: Call) -> Wire:
    """As it is."""
    return n.add("lp_norm", n[0], p=n.int("p", 2), axis=n.int("axis", -1))
