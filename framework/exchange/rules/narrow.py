"""ONNX rules of narrow kinds of element: bfloat16, float8, float4, int4 and int2.

Their values lie in float32, int8 or uint8; conversions to them round as ONNX says.  Operators
that compute with them do so in the wider dtype and do not round: that is left to conversions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.exchange.rules.wires import NARROW, dtype_of
from framework.numerics.narrow import KINDS, Whole, wider

SINCE = {
    "bfloat16": 13, "float4e2m1": 23, "float8e8m0": 24, "uint4": 21, "int4": 21, "uint2": 25,
    "int2": 25,
}  # fmt: skip
"""The first operator set that converts to a kind; those of float8 came with 19."""


@reads("Cast")
def read_cast(n: Call) -> Wire:
    """To a dtype of ours, or to a narrow kind."""
    code = n.int("to")
    return converted(n, n[0], NARROW.get(code, ""), dtype_of(code))


@reads("CastLike")
def read_cast_like(n: Call) -> Wire:
    """Only the kind of the second input matters."""
    return converted(n, n[0], n[1].kind, n[1].dtype)


def converted(n: Call, x: Wire, kind: str, dtype: str) -> Wire:
    """``x`` in a dtype, rounded to a narrow kind where one is named."""
    if kind == x.kind and dtype == x.dtype:
        return x
    if not kind or x.dtype == "bool":
        return replace(n.cast(x, dtype), kind=kind)
    if isinstance(KINDS[kind], Whole):
        x = n.cast(x, "int32") if "float" in x.dtype else x
        y = n.add("round_to", x, kind=kind, saturate=False)
    else:
        y = rounded(n, x, kind)
    return replace(n.cast(y, wider(kind)), kind=kind)


def rounded(n: Call, x: Wire, kind: str) -> Wire:
    """Rounded to a narrow float; whole numbers by way of float64, which holds more of them."""
    if x.dtype == "float16" or "float" not in x.dtype:
        x = n.cast(x, "float32" if x.dtype == "float16" else "float64")
    power = {"mode": n.text("round_mode", "up")} if kind == "float8e8m0" else {}
    return n.add("round_to", x, kind=kind, saturate=n.flag("saturate", True), **power)


@writes("round_to")
def write_round_to(w: Out, op: Any, x: Sent) -> Any:
    """There and back; whole numbers that are cut off need no other kind for it."""
    kind = KINDS[op.kind]
    if isinstance(kind, Whole) and op.saturate:
        y = w.add("Round", x) if "float" in x.dtype else x
        return w.add("Clip", y, w.scalar(kind.least, x.dtype), w.scalar(kind.most, x.dtype))
    if w.opset < (since := SINCE.get(op.kind, 19)):
        raise Refused(f"there is no {op.kind} in opset {w.opset}; opset {since} has it")
    how: dict[str, Any] = {}
    if op.kind.startswith("float8"):
        how["saturate"] = int(op.saturate)
    if op.kind == "float8e8m0":
        how["round_mode"] = op.mode
    y = w.cast(x, "int64") if isinstance(kind, Whole) and "float" in x.dtype else x
    return w.cast(w.add("Cast", y, to=op.kind, **how), x.dtype)


# ------------------------------------------------------------------ quantization


def narrow_quantized(n: Call, kind: str, granularity: dict[str, Any]) -> Wire:
    """The quotient rounded to a narrow kind, which is a whole one or a float."""
    x, scale, zero = n[0], n[1], n[2]
    if isinstance(KINDS[kind], Whole):
        y = n.add("quantize", x, scale, zero, dtype=wider(kind), **granularity)
        return replace(n.add("round_to", y, kind=kind), kind=kind)
    y = n.add("div", n.cast(x, scale.dtype), spread(n, scale, granularity))
    if zero is not None and (zero.array is None or zero.array.any()):
        y = n.add("add", n.cast(y, "float32"), spread(n, zero, granularity))
    return replace(n.cast(rounded(n, y, kind), "float32"), kind=kind)


def narrow_dequantized(n: Call, dtype: str, granularity: dict[str, Any]) -> Wire:
    """Narrow floats times their scales, in float32; their zero point is zero."""
    scale = spread(n, n.cast(n[1], "float32"), granularity)
    return n.cast(n.add("mul", n.cast(n[0], "float32"), scale), dtype)


def spread(n: Call, scale: Wire, granularity: dict[str, Any]) -> Wire:
    """The scales so that they broadcast to x: of all, of an axis, or of blocks along it."""
    shape, have, block = n[0].shape, scale.shape, granularity["block"]
    if not have or (have == (1,) and block is None):
        return n.add("reshape", scale, shape=()) if have else scale
    axis = granularity["axis"] % len(shape)
    if block is None:
        after = len(shape) - 1 - axis
        return n.add("reshape", scale, shape=(*have, *[1] * after)) if after else scale
    lead, tail = have[:axis], have[axis + 1 :]
    apart = n.add("unsqueeze", scale, axes=axis + 1)
    blocks = n.add("expand", apart, shape=(*have[: axis + 1], block, *tail))
    every = n.add("reshape", blocks, shape=(*lead, have[axis] * block, *tail))
    return n.add("slice", every, axis=axis, stop=shape[axis])
