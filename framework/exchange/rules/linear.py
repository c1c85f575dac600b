"""ONNX rules of matrix products and sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.ir.op import Op
from framework.ir.types import FLOATS
from framework.ops.equations import DOTS, Equation


@reads("MatMul")
def read_matmul(n: Call) -> Wire:
    """A product with a constant matrix is a linear map."""
    weight = n[1]
    if weight.array is None or weight.rank != 2 or weight.dtype not in FLOATS:
        return n.add("matmul", n[0], weight)
    flipped = n.add("transpose", weight, perm=(1, 0))
    return n.add("linear", n[0], weight=flipped, bias=None, out=weight.shape[1])


@writes("matmul")
def write_matmul(w: Out, op: Op, a: Sent, b: Sent) -> Sent:
    """Short whole numbers as int32."""
    wide = "int32" if a.dtype in ("int8", "int16", "uint8", "uint16") else a.dtype
    return w.cast(w.add("MatMul", w.cast(a, wide), w.cast(b, wide)), a.dtype)


@writes("linear")
def write_linear(w: Out, op: Op, x: Sent, weight: Sent, bias: Sent | None) -> Sent:
    """Gemm for a matrix; otherwise a product with the transposed weight, and a sum."""
    if x.rank == 2:
        return w.add("Gemm", x, weight, bias, transB=1)
    y = w.add("MatMul", x, w.add("Transpose", weight, perm=[1, 0]))
    return y if bias is None else w.add("Add", y, bias)


@reads("Gemm")
def read_gemm(n: Call) -> Wire:
    """A linear map where the second matrix is constant; otherwise written out."""
    alpha, beta = n.real("alpha", 1.0), n.real("beta", 1.0)
    a = n.add("transpose", n[0], perm=(1, 0)) if n.flag("transA") else n[0]
    found = linear_map(n, a, alpha, beta)
    if found is not None:
        return found
    b = n.add("transpose", n[1], perm=(1, 0)) if n.flag("transB") else n[1]
    y = scaled(n, n.add("matmul", a, b), alpha)
    return y if n[2] is None else n.add("add", y, scaled(n, n[2], beta))


def linear_map(n: Call, a: Wire, alpha: float, beta: float) -> Wire | None:
    """With a constant weight and, if any, a constant row as bias."""
    b, c = n[1], n[2]
    if b.array is None or b.dtype not in FLOATS or b.rank != 2:
        return None
    weight = b if n.flag("transB") else n.add("transpose", b, perm=(1, 0))
    if alpha != 1 and weight.array is not None:
        weight = n.constant(np.asarray(weight.array * alpha, b.dtype))
    out = weight.shape[0]
    row = None if c is None else bias_row(n, c, beta, out)
    y = n.add("linear", a, weight=weight, bias=row, out=out)
    return y if c is None or row is not None else n.add("add", y, scaled(n, c, beta))


def bias_row(n: Call, c: Wire, beta: float, out: Any) -> Wire | None:
    """A constant that is the same for every row, as a bias."""
    if c.array is None or (c.rank == 2 and c.shape[0] != 1):
        return None
    if beta == 1 and c.shape == (out,):
        return c
    row = np.broadcast_to(c.array.reshape(-1), (out,))
    return n.constant(np.asarray(row * beta, c.dtype))


def scaled(n: Call, x: Wire, by: float) -> Wire:
    """Times a number, unless it is 1."""
    if by == 1:
        return x
    if x.dtype not in FLOATS:
        raise Refused(f"Gemm of {x.dtype} with a factor of {by} is not supported")
    return n.add("scale", x, by=by)


@reads("Einsum")
def read_einsum(n: Call) -> Wire:
    """ONNX names axes by letters; blanks mean nothing."""
    equation = "".join(n.text("equation", "").split())
    return n.add("einsum", *(n[i] for i in range(n.count)), equation=equation)


@writes("einsum")
def write_einsum(w: Out, op: Any, xs: tuple[Sent, ...]) -> Sent:
    """In single letters; ONNX wants the dots to stand for as many axes everywhere."""
    equation = Equation.parse(op.equation)
    pairs = list(zip(xs, equation.inputs, strict=True))
    dots = [x.rank - len(term) + 1 if DOTS in term else 0 for x, term in pairs]
    given = [
        unsqueezed(w, x, term.index(DOTS), max(dots) - count) if DOTS in term else x
        for (x, term), count in zip(pairs, dots, strict=True)
    ]
    return w.add("Einsum", *given, equation=equation.spelled())


def unsqueezed(w: Out, x: Sent, at: int, count: int) -> Sent:
    """With so many axes of 1 more."""
    return w.add("Unsqueeze", x, w.ints(range(at, at + count))) if count else x
