"""ONNX rules of functions of each element, arithmetic and bits, with broadcasting."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.ir.op import Op
from framework.ir.types import FLOATS

SAME = {
    "abs": "Abs", "sign": "Sign", "reciprocal": "Reciprocal", "sqrt": "Sqrt", "exp": "Exp",
    "log": "Log", "erf": "Erf", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin",
    "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh",
    "acosh": "Acosh", "atanh": "Atanh", "ceil": "Ceil", "floor": "Floor", "round": "Round",
    "is_nan": "IsNaN", "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor",
    "logical_not": "Not", "bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr",
    "bitwise_xor": "BitwiseXor", "bitwise_not": "BitwiseNot", "equal": "Equal",
    "greater": "Greater", "greater_or_equal": "GreaterOrEqual", "less": "Less",
    "less_or_equal": "LessOrEqual", "where": "Where", "sub": "Sub", "sigmoid": "Sigmoid",
    "tanh": "Tanh", "softsign": "Softsign", "hard_swish": "HardSwish", "mish": "Mish",
    "maximum": "Max", "minimum": "Min", "mean": "Mean", "identity": "Identity", "det": "Det",
}  # fmt: skip
"""Operators that are the same in both languages, without attributes."""

ALSO_READ = {"Add": "add", "Sum": "add", "Mul": "mul", "Neg": "neg", "Relu": "relu", "Pow": "pow"}
"""Those that are read as simply, but written in several ways."""

OURS = {theirs: ours for ours, theirs in SAME.items()} | ALSO_READ

WIDER = {"int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32"}
"""Where ONNX has no operator for short numbers; what does not fit wraps around on the way back."""


@reads(*OURS)
def read_same(n: Call) -> Wire:
    """All inputs, no attributes."""
    return n.add(OURS[n.op_type], *(n[i] for i in range(n.count)))


@writes(*SAME)
def write_same(w: Out, op: Op, *values: Any) -> Sent:
    """All arguments, those of a variadic port one after another."""
    return w.add(SAME[op.name], *(values[0] if isinstance(values[0], tuple) else values))


@writes("add", "mul")
def write_folded(w: Out, op: Op, xs: tuple[Sent, ...]) -> Sent:
    """ONNX adds and multiplies two at a time, but for the sum of several floats."""
    if op.name == "add" and len(xs) > 2 and xs[0].dtype in FLOATS:
        return w.add("Sum", *xs)
    if len(xs) == 1:
        return w.add("Identity", xs[0])
    theirs = "Add" if op.name == "add" else "Mul"
    return reduce(lambda left, right: w.add(theirs, left, right), xs)


@writes("neg")
def write_neg(w: Out, op: Op, x: Sent) -> Sent:
    """Unsigned numbers are taken from 0."""
    if x.dtype.startswith("u"):
        return w.add("Sub", w.scalar(0, x.dtype), x)
    return w.add("Neg", x)


@writes("relu")
def write_relu(w: Out, op: Op, x: Sent) -> Sent:
    """Whole numbers by their maximum with 0."""
    return w.add("Relu", x) if x.dtype in FLOATS else w.add("Max", x, w.scalar(0, x.dtype))


@writes("pow")
def write_pow(w: Out, op: Op, a: Sent, b: Sent) -> Sent:
    """Short numbers as longer ones."""
    wide = WIDER.get(a.dtype, "int64" if a.dtype.startswith("u") else a.dtype)
    return w.cast(w.add("Pow", w.cast(a, wide), b), a.dtype)


@writes("scale")
def write_scale(w: Out, op: Any, x: Sent) -> Sent:
    """A product, and a sum where there is a shift."""
    y = w.add("Mul", x, w.scalar(op.by, x.dtype))
    return y if op.shift == 0 else w.add("Add", y, w.scalar(op.shift, x.dtype))


# ------------------------------------------------------------------ quotients


@reads("Div")
def read_div(n: Call) -> Wire:
    """Whole numbers are rounded towards zero."""
    rounding = "none" if n[0].dtype in FLOATS else "trunc"
    return n.add("div", n[0], n[1], rounding=rounding)


@writes("div")
def write_div(w: Out, op: Any, a: Sent, b: Sent) -> Sent:
    """ONNX rounds whole numbers towards zero and floats not at all."""
    if a.dtype not in FLOATS:
        if op.rounding == "floor":
            a = w.add("Sub", a, w.add("Mod", a, b))
        return w.add("Div", a, b)
    quotient = w.add("Div", a, b)
    if op.rounding == "none":
        return quotient
    rounded: Sent = w.call("floor" if op.rounding == "floor" else "trunc", quotient)
    return rounded


@reads("Mod")
def read_mod(n: Call) -> Wire:
    """``fmod`` is the remainder of a truncated division."""
    return n.add("mod", n[0], n[1], rounding="trunc" if n.flag("fmod") else "floor")


@writes("mod")
def write_mod(w: Out, op: Any, a: Sent, b: Sent) -> Sent:
    """Before opset 28 floats have the truncated remainder only."""
    if op.rounding == "floor" and a.dtype in FLOATS and w.opset < 28:
        whole = w.add("Floor", w.add("Div", a, b))
        return w.add("Sub", a, w.add("Mul", whole, b))
    return w.add("Mod", a, b, fmod=op.rounding == "trunc")


# ------------------------------------------------------------------ limits


@reads("Clip")
def read_clip(n: Call) -> Wire:
    """Constant limits are attributes; others are a maximum and a minimum."""
    if n.opset < 11:
        return clipped(n, n.real("min"), n.real("max"))
    limits = [exact(n[i]) for i in (1, 2)]
    if all(known or n[i] is None for i, (known, _) in enumerate(limits, 1)):
        return clipped(n, limits[0][1], limits[1][1])
    x = n[0] if n[1] is None else n.add("maximum", n[0], n[1])
    return x if n[2] is None else n.add("minimum", x, n[2])


def exact(wire: Wire | None) -> tuple[bool, float | None]:
    """Whether a limit is a constant that a float holds, and which."""
    if wire is None or wire.array is None or wire.array.size != 1:
        return False, None
    value = wire.array.reshape(()).item()
    return float(value) == value, float(value)


def clipped(n: Call, low: float | None, high: float | None) -> Wire:
    """Between 0 and 6 it has a name of its own."""
    if (low, high) == (0, 6) and n[0].dtype in FLOATS:
        return n.add("relu6", n[0])
    return n.add("clip", n[0], min=low, max=high)


@writes("clip")
def write_clip(w: Out, op: Any, x: Sent) -> Sent:
    """Limits as the dtype of x holds them."""
    low, high = (None if v is None else inside(v, x.dtype, up) for v, up in (
        (op.min, True), (op.max, False)))  # fmt: skip
    return w.add("Clip", x, *(None if v is None else w.scalar(v, x.dtype) for v in (low, high)))


def inside(limit: float, dtype: str, upwards: bool) -> float:
    """A limit of whole numbers: the next one inwards, and within the range of the dtype."""
    if dtype in FLOATS:
        with np.errstate(over="ignore"):  # beyond float16 nothing is cut
            return float(np.asarray(limit).astype(dtype))
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if not least <= limit <= most:
        return least if limit < least else most
    return int(np.ceil(limit)) if upwards else int(np.floor(limit))


# ------------------------------------------------------------------ bits and infinities


@reads("BitShift")
def read_bit_shift(n: Call) -> Wire:
    """The direction is written in capitals."""
    return n.add("bit_shift", n[0], n[1], direction=n.text("direction", "").lower())


@writes("bit_shift")
def write_bit_shift(w: Out, op: Any, a: Sent, b: Sent) -> Sent:
    """Signed numbers only since opset 28."""
    if w.opset < 28 and not a.dtype.startswith("u"):
        raise Refused(f"opset {w.opset} has no operator BitShift for {a.dtype}; opset 28 has it")
    return w.add("BitShift", a, b, direction=op.direction.upper())


@reads("BitCast")
def read_bit_cast(n: Call) -> Wire:
    """``to`` holds a dtype."""
    return n.add("bit_cast", n[0], dtype=n.dtype("to"))


@writes("bit_cast")
def write_bit_cast(w: Out, op: Any, x: Sent) -> Sent:
    """Since opset 26."""
    return w.add("BitCast", x, to=op.dtype)


@reads("IsInf")
def read_is_inf(n: Call) -> Wire:
    """Either side may be left out."""
    negative, positive = (n.flag(f"detect_{side}", True) for side in ("negative", "positive"))
    return n.add("is_inf", n[0], negative=negative, positive=positive)


@writes("is_inf")
def write_is_inf(w: Out, op: Any, x: Sent) -> Sent:
    """float16 only since opset 20."""
    if x.dtype == "float16" and w.opset < 20:
        x = w.cast(x, "float32")
    return w.add("IsInf", x, detect_negative=op.negative, detect_positive=op.positive)


@reads("ai.onnx.ml.Binarizer")
def read_binarizer(n: Call) -> Wire:
    """1 above the threshold, 0 elsewhere."""
    threshold = n.constant(np.asarray(n.real("threshold", 0.0), n[0].dtype))
    return n.add("cast", n.add("greater", n[0], threshold), dtype=n[0].dtype)
