"""ONNX rules of quantized tensors, and of products of them, which are written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.exchange.rules.narrow import converted, narrow_dequantized, narrow_quantized
from framework.exchange.rules.registry import READERS, Call, Out, Sent, Wire, reads, writes
from framework.exchange.rules.wires import NARROW
from framework.ir.op import Op


def granularity(n: Call) -> dict[str, Any]:
    """Axis and block; a tensor with one axis has no other."""
    axis = 0 if n[0].rank <= 1 else n.int("axis", 1)
    return {"axis": axis, "block": n.int("block_size", 0) or None}


@reads("QuantizeLinear")
def read_quantize(n: Call) -> Wire:
    """The quotient has the dtype of the scale, or the precision that is asked for."""
    x, scale, zero = n[0], n[1], n[2]
    kind = NARROW.get(n.int("output_dtype", 0), "" if zero is None else zero.kind)
    if kind:
        return narrow_quantized(n, kind, granularity(n))
    dtype = n.dtype("output_dtype", "uint8" if zero is None else zero.dtype)
    scale = n.cast(scale, n.dtype("precision", scale.dtype))
    if "float" not in x.dtype:
        x = n.cast(x, scale.dtype)
    return n.add("quantize", x, scale, fitted(n, zero, scale), dtype=dtype, **granularity(n))


def fitted(n: Call, zero: Wire | None, scale: Wire) -> Wire | None:
    """A single zero point with the axes of a single scale."""
    single = zero is not None and {zero.shape, scale.shape} == {(), (1,)}
    return n.add("reshape", zero, shape=scale.shape) if single else zero


@writes("quantize")
def write_quantize(w: Out, op: Any, x: Sent, scale: Sent, zero: Sent | None) -> Any:
    """16 bits and blocks need opset 21, a scale of another dtype 23."""
    newer = op.dtype not in ("uint8", "int8") or op.block is not None
    if (newer and w.opset < 21) or not all(exact(w, t.dtype) for t in (x, scale)):
        return NotImplemented
    if scale.dtype != x.dtype and w.opset < 23:
        return NotImplemented
    if zero is None and op.dtype != "uint8":
        zero = w.scalar(0, op.dtype)
        zero = w.add("Expand", zero, w.sizes(scale.shape)) if scale.rank else zero
    return w.add("QuantizeLinear", x, scale, zero, axis=op.axis, block_size=op.block)


def exact(w: Out, dtype: str) -> bool:
    """Does ONNX quantize such floats?"""
    return dtype == "float32" or (dtype == "float16" and w.opset >= 19)


@reads("DequantizeLinear")
def read_dequantize(n: Call) -> Wire:
    """The product has the dtype of the scale, or the one that is asked for."""
    code, dtype = n.int("output_dtype", 0), n.dtype("output_dtype", n[1].dtype)
    if "float" in n[0].dtype:
        y = narrow_dequantized(n, dtype, granularity(n))
    else:
        scale = n.cast(n[1], dtype)
        y = n.add("dequantize", n[0], scale, fitted(n, n[2], scale), **granularity(n))
    return converted(n, y, NARROW.get(code, "") if code else n[1].kind, dtype)


@writes("dequantize")
def write_dequantize(w: Out, op: Any, x: Sent, scale: Sent, zero: Sent | None) -> Any:
    """16 bits and blocks need opset 21."""
    allowed = {"uint8", "int8", "int32"} | ({"uint16", "int16"} if w.opset >= 21 else set())
    if x.dtype not in allowed or (op.block is not None and w.opset < 21):
        return NotImplemented
    if not exact(w, scale.dtype):
        return NotImplemented
    return w.add("DequantizeLinear", x, scale, zero, axis=op.axis, block_size=op.block)


@reads("DynamicQuantizeLinear")
def read_dynamic_quantize(n: Call) -> tuple[Wire, ...]:
    """Three results."""
    return n.add_all("dynamic_quantize", n[0])


@writes("dynamic_quantize")
def write_dynamic_quantize(w: Out, op: Op, x: Sent) -> Any:
    """Three results."""
    return w.add("DynamicQuantizeLinear", x, outputs=3)


# ------------------------------------------------------------------ products


@reads("MatMulInteger")
def read_matmul_integer(n: Call) -> Wire:
    """In int32, without the zero points."""
    return product(n, n[0], n[1], n[2], n[3])


def product(n: Call, a: Wire, b: Wire, a_zero: Wire | None, b_zero: Wire | None) -> Wire:
    """Whole numbers multiplied as matrices, in int32."""
    left = shifted(n, a, per_row(n, a_zero), "int32")
    return n.add("matmul", left, shifted(n, b, b_zero, "int32"))


def shifted(n: Call, x: Wire, zero: Wire | None, dtype: str) -> Wire:
    """``x - zero`` in a dtype that holds it."""
    wide = n.cast(x, dtype)
    return wide if zero is None else n.add("sub", wide, n.cast(scalar(n, zero), dtype))


def scalar(n: Call, x: Wire) -> Wire:
    """A tensor of one element that has an axis, without it."""
    return n.add("reshape", x, shape=()) if x.shape == (1,) else x


def per_row(n: Call, x: Wire | None) -> Wire | None:
    """One number for each row of a matrix, as a column."""
    if x is None or x.rank != 1 or x.shape == (1,):
        return x
    return n.add("unsqueeze", x, axes=-1)


def requantized(n: Call, total: Wire, factor: Wire, zero: Wire | None, dtype: str) -> Wire:
    """``saturate(round(total * factor) + zero)``, in float64; our cast saturates."""
    wide = n.add("mul", n.cast(total, "float64"), n.cast(factor, "float64"))
    whole = n.add("round", wide)
    if zero is not None:
        whole = n.add("add", whole, n.cast(scalar(n, zero), "float64"))
    return n.cast(whole, dtype)


def ratio(n: Call, left: Any, right: Any, result: Wire) -> Wire:
    """``left * right / result``: what one unit of the sum of products is worth."""
    return n.add("div", n.add("mul", scalar(n, left), scalar(n, right)), scalar(n, result))


@reads("QLinearMatMul")
def read_qlinear_matmul(n: Call) -> Wire:
    """The product of whole numbers, scaled and rounded again."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (n[i] for i in range(8))
    total = product(n, a, b, a_zero, b_zero)
    factor = ratio(n, per_row(n, a_scale), b_scale, y_scale)
    dtype = a.dtype if y_zero is None else y_zero.dtype
    return requantized(n, total, factor, y_zero, dtype)


@reads("ConvInteger")
def read_conv_integer(n: Call) -> Wire:
    """In float64, where sums of products of bytes are exact."""
    return n.cast(convolved(n, n[0], n[1], n[2], n[3], None), "int32")


def convolved(
    n: Call, x: Wire, weight: Wire, x_zero: Wire | None, w_zero: Wire | None, bias: Wire | None
) -> Wire:
    """The convolution with the node's attributes, without the zero points."""
    left = shifted(n, x, x_zero, "float64")
    right = shifted(n, weight, per_filter(n, w_zero, weight.rank), "float64")
    total = None if bias is None else n.cast(bias, "float64")
    found = READERS["Conv"](replace(n, op_type="Conv", inputs=(left, right, total)))
    return found if isinstance(found, Wire) else n.add("identity", found[0])


def per_filter(n: Call, x: Wire | None, rank: int) -> Wire | None:
    """One number for each filter, so that it broadcasts to the weights or the channels."""
    if x is None or x.rank != 1 or x.shape == (1,):
        return x
    return n.add("reshape", x, shape=(x.shape[0], *[1] * (rank - 1)))


@reads("QLinearConv")
def read_qlinear_conv(n: Call) -> Wire:
    """The convolution of whole numbers, scaled and rounded again."""
    x, x_scale, x_zero, weight, w_scale, w_zero, y_scale, y_zero = (n[i] for i in range(8))
    total = convolved(n, x, weight, x_zero, w_zero, n[8])
    factor = ratio(n, x_scale, per_filter(n, w_scale, weight.rank - 1), y_scale)
    dtype = x.dtype if y_zero is None else y_zero.dtype
    return requantized(n, total, factor, y_zero, dtype)
