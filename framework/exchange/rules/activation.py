"""ONNX rules of activations and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.dims import product
from framework.ir.op import Op
from framework.ir.types import axis_index

REALS: dict[str, tuple[str, dict[str, tuple[str, float]]]] = {
    "elu": ("Elu", {"alpha": ("alpha", 1.0)}),
    "celu": ("Celu", {"alpha": ("alpha", 1.0)}),
    "selu": ("Selu", {
        "alpha": ("alpha", 1.67326319217681884765625), "gamma": ("gamma", 1.05070102214813232421875)
    }),
    "leaky_relu": ("LeakyRelu", {"slope": ("alpha", 0.01)}),
    "thresholded_relu": ("ThresholdedRelu", {"alpha": ("alpha", 1.0)}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": ("alpha", 0.2), "beta": ("beta", 0.5)}),
    "shrink": ("Shrink", {"lambd": ("lambd", 0.5), "bias": ("bias", 0.0)}),
    "swish": ("Swish", {"alpha": ("alpha", 1.0)}),
    "swiglu": ("SwiGLU", {"alpha": ("alpha", 1.0)}),
}  # fmt: skip
"""For each operator its ONNX name, and for each attribute the ONNX name and default."""

OURS = {theirs: (ours, words) for ours, (theirs, words) in REALS.items()}


@reads(*OURS)
def read_reals(n: Call) -> Wire:
    """Attributes that are numbers; a plain swish is a silu."""
    ours, words = OURS[n.op_type]
    values = {word: n.real(theirs, default) for word, (theirs, default) in words.items()}
    if values == {"alpha": 1.0} and ours == "swish":
        return n.add("silu", n[0])
    return n.add(ours, *(n[i] for i in range(n.count)), **values)


@writes(*REALS)
def write_reals(w: Out, op: Op, *values: Sent) -> Any:
    """The same back; Celu is for float32 only before opset 28."""
    theirs, words = REALS[op.name]
    if op.name == "celu" and values[0].dtype != "float32" and w.opset < 28:
        return NotImplemented
    given = {name: op.values[word] for word, (name, _) in words.items()}
    return w.add(theirs, *values, **given)


@writes("silu")
def write_silu(w: Out, op: Op, x: Sent) -> Sent:
    """Since opset 24 one operator."""
    return w.add("Swish", x)


@reads("Softplus")
def read_softplus(n: Call) -> Wire:
    """Without attributes."""
    return n.add("softplus", n[0])


@writes("softplus")
def write_softplus(w: Out, op: Any, x: Sent) -> Sent:
    """ONNX has no beta."""
    if op.beta == 1:
        return w.add("Softplus", x)
    beta = w.scalar(op.beta, x.dtype)
    return w.add("Div", w.add("Softplus", w.add("Mul", x, beta)), beta)


# ------------------------------------------------------------------ gelu


@reads("Gelu", "com.microsoft.Gelu")
def read_gelu(n: Call) -> Wire:
    """Exact, or by tanh."""
    return n.add("gelu", n[0], approximate=n.text("approximate", "none"))


@writes("gelu")
def write_gelu(w: Out, op: Any, x: Sent) -> Sent:
    """Since opset 20 one operator."""
    return w.add("Gelu", x, approximate=op.approximate)


@reads("com.microsoft.FastGelu", "com.microsoft.BiasGelu")
def read_biased_gelu(n: Call) -> Wire:
    """A bias first; the fast one by tanh."""
    x = n[0] if n[1] is None else n.add("add", n[0], n[1])
    return n.add("gelu", x, approximate="tanh" if n.op_type == "FastGelu" else "none")


@reads("com.microsoft.QuickGelu")
def read_quick_gelu(n: Call) -> Wire:
    """A swish with another coefficient."""
    return n.add("swish", n[0], alpha=n.real("alpha", 1.702))


# ------------------------------------------------------------------ learned slopes


@reads("PRelu")
def read_prelu(n: Call) -> Wire:
    """Constant slopes along one axis are a weight; others are written out."""
    x, slope = n[0], n[1]
    if n.opset < 7 and slope.rank == 1 < x.rank:  # one for each channel
        slope = n.add("reshape", slope, shape=(*slope.shape, *[1] * (x.rank - 2)))
    axes = [axis for axis, size in enumerate(slope.shape) if size != 1]
    if slope.array is None or len(axes) > 1 or "float" not in x.dtype:
        zero = n.constant(np.zeros((), x.dtype))
        return n.add("where", n.add("less", x, zero), n.add("mul", x, slope), x)
    axis = axes[0] - slope.rank + x.rank if axes else None
    return n.add("prelu", x, slope=n.constant(slope.array.reshape(-1)), axis=axis)


@writes("prelu")
def write_prelu(w: Out, op: Any, x: Sent, slope: Sent) -> Sent:
    """Slopes broadcast from the right."""
    after = 0 if op.axis is None else x.rank - 1 - axis_index(op.axis, x.rank, "x")
    target = (*slope.shape, *[1] * after) if x.rank else ()
    if target != slope.shape:
        slope = w.add("Reshape", slope, w.sizes(target))
    return w.add("PRelu", x, slope)


# ------------------------------------------------------------------ along an axis

ALONG = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Hardmax": "hardmax"}


@reads(*ALONG)
def read_along(n: Call) -> Wire:
    """Before opset 13 all axes from ``axis`` on are one."""
    x, name = n[0], ALONG[n.op_type]
    if n.opset >= 13:
        return n.add(name, x, axis=n.int("axis", -1))
    axis = axis_index(n.int("axis", 1), x.rank, "x")
    if axis == x.rank - 1:
        return n.add(name, x, axis=-1)
    rows = n.add("reshape", x, shape=(*x.shape[:axis], product(x.shape[axis:])))
    return n.add("reshape", n.add(name, rows, axis=-1), shape=x.shape)


@writes("log_softmax", "hardmax")
def write_along(w: Out, op: Any, x: Sent) -> Sent:
    """The axis alone."""
    return w.add("LogSoftmax" if op.name == "log_softmax" else "Hardmax", x, axis=op.axis)


@writes("softmax")
def write_softmax(w: Out, op: Any, x: Sent) -> Sent:
    """With ``masked`` rows of -inf throughout become zeros."""
    y = w.add("Softmax", x, axis=op.axis)
    if not op.masked:
        return y
    top = w.call("reduce", x, op="max", axes=op.axis, keepdims=True)
    hidden = w.add("Equal", top, w.scalar(-np.inf, x.dtype))
    return w.add("Where", hidden, w.scalar(0, x.dtype), y)
