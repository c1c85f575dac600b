"""ONNX rules that write normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.normalization import MVN_EPS
from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.dims import Shape
from framework.ir.op import Op


@writes("batch_norm")
def write_batch_norm(
    w: Out, op: Any, x: Sent, weight: Sent | None, bias: Sent | None, mean: Sent, variance: Sent
) -> Sent:
    """ONNX always wants a scale and a bias."""
    weight, bias = ones_for(w, weight, mean.shape, x), zeros_for(w, bias, mean.shape, x)
    return w.add("BatchNormalization", x, weight, bias, mean, variance, epsilon=op.eps)


@writes("layer_norm")
def write_layer_norm(w: Out, op: Any, x: Sent, weight: Sent | None, bias: Sent | None) -> Any:
    """From opset 17 on; float64 as smaller operators, for ONNX takes the mean in float32."""
    last = x.shape[x.rank - op.axes :]
    if x.dtype == "float64" or not fixed(last):
        return NotImplemented
    scale = ones_for(w, weight, last, x)
    return w.add("LayerNormalization", x, scale, bias, axis=-op.axes, epsilon=op.eps)


@writes("rms_norm")
def write_rms_norm(w: Out, op: Any, x: Sent, weight: Sent | None) -> Any:
    """From opset 23 on; float64 as smaller operators, for ONNX takes the mean in float32."""
    last = x.shape[x.rank - op.axes :]
    if x.dtype == "float64" or not fixed(last):
        return NotImplemented
    scale = ones_for(w, weight, last, x)
    return w.add("RMSNormalization", x, scale, axis=-op.axes, epsilon=op.eps)


@writes("group_norm")
def write_group_norm(w: Out, op: Any, x: Sent, weight: Sent | None, bias: Sent | None) -> Any:
    """From opset 21 on, which is when scale and bias came to belong to channels."""
    channels = x.shape[1:2]
    if w.opset < 21 or x.dtype == "float64" or not fixed(channels):
        return NotImplemented
    scale, shift = ones_for(w, weight, channels, x), zeros_for(w, bias, channels, x)
    return w.add("GroupNormalization", x, scale, shift, num_groups=op.groups, epsilon=op.eps)


@writes("instance_norm")
def write_instance_norm(w: Out, op: Any, x: Sent, weight: Sent | None, bias: Sent | None) -> Any:
    """ONNX always wants a scale and a bias."""
    channels = x.shape[1:2]
    if not fixed(channels):
        return NotImplemented
    scale, shift = ones_for(w, weight, channels, x), zeros_for(w, bias, channels, x)
    return w.add("InstanceNormalization", x, scale, shift, epsilon=op.eps)


@writes("local_response_norm")
def write_response_norm(w: Out, op: Any, x: Sent) -> Any:
    """Images and odd sizes only: what runs ONNX takes no others, though the definition does."""
    if x.rank != 4 or op.size % 2 == 0:
        return NotImplemented
    return w.add("LRN", x, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.k)


@writes("mean_variance_norm")
def write_mean_variance_norm(w: Out, op: Any, x: Sent) -> Any:
    """ONNX's eps is not to be chosen, and its definition is for float32 only."""
    if op.eps != MVN_EPS or x.dtype != "float32":
        return NotImplemented
    axes = op.axes if isinstance(op.axes, tuple) else (op.axes,)
    return w.add("MeanVarianceNormalization", x, axes=axes)


@writes("lp_norm")
def write_lp_norm(w: Out, op: Any, x: Sent) -> Sent:
    """ONNX has p 1 and 2 without eps; the others are written out."""
    if op.eps == 0 and op.p in (1, 2):
        return w.add("LpNormalization", x, p=int(op.p), axis=op.axis)
    length = vector_length(w, op, x)
    if op.eps > 0:
        return w.add("Div", x, w.add("Max", length, w.scalar(op.eps, x.dtype)))
    empty = w.add("Equal", length, w.scalar(0, x.dtype))
    return w.add("Div", x, w.add("Where", empty, w.scalar(1, x.dtype), length))


def vector_length(w: Out, op: Op, x: Sent) -> Sent:
    """The p-norm along the axis, which stays as 1."""
    p, axes = op.values["p"], [op.values["axis"]]
    size = w.add("Abs", x)
    if p == np.inf:
        return over(w, "ReduceMax", 18, size, axes)
    if p == 1:
        return over(w, "ReduceSum", 13, size, axes)
    powers = over(w, "ReduceSum", 13, w.add("Pow", size, w.scalar(p, x.dtype)), axes)
    return w.add("Pow", powers, w.scalar(1 / p, x.dtype))


def over(w: Out, op_type: str, since: int, x: Sent, axes: list[int]) -> Sent:
    """A reduction that stays as 1; its axes are an input since some opset."""
    if w.opset >= since:
        return w.add(op_type, x, w.ints(axes), keepdims=1)
    return w.add(op_type, x, axes=axes, keepdims=1)


def fixed(shape: Shape) -> bool:
    """Are all sizes numbers?"""
    return all(isinstance(size, int) for size in shape)


def ones_for(w: Out, given: Sent | None, shape: Shape, x: Sent) -> Sent:
    """What is given, or ones of the shape."""
    return w.constant(np.ones(numbers(shape), x.dtype)) if given is None else given


def zeros_for(w: Out, given: Sent | None, shape: Shape, x: Sent) -> Sent:
    """What is given, or zeros of the shape."""
    return w.constant(np.zeros(numbers(shape), x.dtype)) if given is None else given


def numbers(shape: Shape) -> tuple[int, ...]:
    """A shape that is known to be fixed."""
    return tuple(size for size in shape if isinstance(size, int))
