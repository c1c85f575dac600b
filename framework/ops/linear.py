"""Linear maps and matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.ir.cost import Product, cost_of
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, broadcast
from framework.numerics.convolution import widened
from framework.numerics.products import multiply
from framework.ops.kernels import Places, all_fast, kernel_of, linear_kernel


class Linear(Op, name="linear"):
    """Multiply the last axis by a weight matrix and add a bias.

    y[..., o] = bias[o] + sum over c of x[..., c] * weight[o, c]
    Source: Goodfellow et al. 2016, section 6.1; weight is [out, in] as in PyTorch.
    """

    signature = "x: *lead c, weight~: out c, bias~?: out -> y: *lead out"
    category = "linear"
    main = "out"
    initial = {"weight": "xavier_uniform", "bias": "zeros"}

    out: int
    bias: bool = True

    def compute(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """``x @ weight.T + bias``."""
        y = x @ weight.T
        return y if bias is None else y + bias

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The weight laid out as [in, out]; the bias is added to each tile of the result."""
        return linear_kernel(self, types, Places(x=0, weight=1, bias=2), None, how)

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each weight and position."""
        found = Product(1, product(d.lead), d.c, self.out)
        return cost_of((found,), found.rows * self.out if self.bias else 0)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A matrix, a vector, and a batch without bias."""
        yield cls(out=5), (2, 3, 4)
        yield cls(out=5), (4,)
        yield cls(out=3, bias=False), (7, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The weight is [out, in], not its transpose."""
        weight = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
        yield cls(out=3), (np.array([1.0, 10.0]), weight, np.array([0.0, 0.0, 1.0])), [1, 12, 31]


class MatMul(Op, name="matmul"):
    """Matrix product over the last two axes; leading axes broadcast, a vector is a row or column.

    y[..., t, s] = sum over d of a[..., t, d] * b[..., d, s]
    Source: ONNX MatMul-13; NumPy matmul.
    """

    signature = "a: *a, b: *b -> y: *y"
    category = "product"
    accepts = "number"

    def derive(self, d: Match) -> dict[str, Any]:
        """Check the inner sizes and broadcast the leading axes."""
        a, b = d.a or (1,), d.b or (1,)
        left = a if len(a) > 1 else (1, *a)
        right = b if len(b) > 1 else (*b, 1)
        d.require("==", left[-1], right[-2], "inner sizes of the product")
        lead, conditions = broadcast([left[:-2], right[:-2]], "leading axes of the product")
        d.conditions += conditions
        rows = (left[-2],) if len(a) > 1 else ()
        columns = (right[-1],) if len(b) > 1 else ()
        found = {"lead": lead, "rows": rows, "columns": columns}
        return found | {"y": (*lead, *rows, *columns), "inner": left[-1]}

    def compute(self, a: Array, b: Array) -> Array:
        """``a @ b``."""
        return np.asarray(a @ b)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory; many small products are shared by the threads."""
        if not all_fast(types):
            return None
        team = how.team

        def run(a: Array, b: Array, out: Array, scratch: Array) -> None:
            multiply(a, b, out, team)

        return kernel_of(self, types, run)

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each output element and inner index."""
        lead, rows, columns = d.lead, product(d.rows), product(d.columns)
        return cost_of((Product(product(lead), rows, d.inner, columns),))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Matrices, broadcast batches, vectors on either side."""
        yield cls(), (2, 3), (3, 4)
        yield cls(), (2, 1, 3, 4), (5, 4, 6)
        yield cls(), (3,), (2, 3, 4)
        yield cls(), (2, 4, 3), (3,)
        yield cls(), (3,), (3,)


class Det(Op, name="det"):
    """The determinant of each square matrix in the last two axes.

    y[...] = sum over permutations p of sign(p) * product over i of x[..., i, p(i)]
    Source: ONNX Det-22; computed by LU decomposition.
    """

    signature = "x: *lead n n -> y: *lead"
    category = "product"

    def compute(self, x: Array) -> Array:
        """NumPy's determinant; float16 is computed in float32."""
        with np.errstate(over="ignore"):
            return np.asarray(np.linalg.det(widened(x)), x.dtype)

    def cost(self, d: Match) -> Cost:
        """n³/3 multiply-accumulates for each matrix, as LU decomposition needs them."""
        return Cost(product(d.lead) * (d.n * d.n * d.n // 3))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A matrix, and a batch of them."""
        yield cls(), (3, 3)
        yield cls(), (2, 3, 4, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Two rows exchanged; a singular matrix; no rows."""
        yield cls(), (np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]]]),), [-1, 0]
        yield cls(), (np.zeros((0, 0)),), 1
