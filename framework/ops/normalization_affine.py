"""A learned factor and summand for each channel, without statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, axis_index
from framework.numerics.convolution import widened
from framework.numerics.moments import along
from framework.numerics.rows import affine_into
from framework.ops.kernels import all_fast, kernel_of


class Affine(Op, name="affine"):
    """Multiply each channel by a learned factor and add a learned number.

    y = x * weight[c] + bias[c], c the index along ``axis``
    Source: Touvron et al. 2021, section 2 (LayerScale: weight only, first values 1e-5 or so);
    Liu et al. 2022 (ConvNeXt) on channels first: axis 1.
    """

    signature = "x: *shape, weight~?: channels, bias~?: channels -> y: *shape"
    category = "normalization"
    initial = {"weight": "ones", "bias": "zeros"}

    axis: int = -1
    weight: bool = True
    bias: bool = True

    def check(self) -> None:
        """Without weight and bias nothing would happen."""
        if not (self.weight or self.bias):
            raise Mistake("affine with neither weight nor bias does nothing")

    def derive(self, d: Match) -> dict[str, Any]:
        """The size of the axis."""
        return {"channels": d.shape[axis_index(self.axis, len(d.shape), "x")]}

    def compute(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        """Product and sum, in at least float32."""
        axis, wide = self.axis % x.ndim, widened(x)
        y = wide.copy() if weight is None else np.asarray(wide * along(weight, axis, x.ndim))
        if bias is not None:
            y += along(bias, axis, x.ndim)
        return y.astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks."""
        if not all_fast(types):
            return None

        def run(x: Array, weight: Any, bias: Any, out: Array, scratch: Array) -> None:
            affine_into(x, out, self.axis, weight, bias, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    def decompose(self, g: Any, x: Any, weight: Any = None, bias: Any = None) -> Any:
        """Product and sum, with the channels moved to their axis."""
        rank = len(g.shape(x))
        ones = [1] * (rank - self.axis % rank - 1)
        if weight is not None:
            x = g.mul(x, g.reshape(weight, shape=(g.shape(weight)[0], *ones)))
        if bias is not None:
            x = g.add(x, g.reshape(bias, shape=(g.shape(bias)[0], *ones)))
        return x

    def cost(self, d: Match) -> Cost:
        """A product and a sum for each element, where there is a weight and a bias."""
        return Cost(elementwise=(int(self.weight) + int(self.bias)) * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Last axis and channels first; weight only and bias only."""
        yield cls(), (2, 3, 4)
        yield cls(axis=1, bias=False), (2, 3, 4, 5)
        yield cls(axis=0, weight=False), (5, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows or columns; the product comes first."""
        x = np.array([[1.0, 2.0], [3.0, 4.0]])
        weight, bias = np.array([10.0, 100.0]), np.array([1.0, 2.0])
        yield cls(), (x, weight, bias), [[11, 202], [31, 402]]
        yield cls(axis=0), (x, weight, bias), [[11, 21], [302, 402]]
        yield cls(bias=False), (x, weight, None), [[10, 200], [30, 400]]
        yield cls(weight=False), (x, None, bias), [[2, 4], [4, 6]]
