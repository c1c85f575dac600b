"""Normalisation without a mean: by the root mean square, by the length of a vector."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.dims import format_shape, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op
from framework.ir.types import TensorType, axis_index
from framework.numerics.convolution import widened
from framework.numerics.rows import rms_norm_into
from framework.ops.kernels import all_fast, kernel_of, sizes
from framework.ops.normalization import check_eps, require_shape


class RMSNorm(Op, name="rms_norm"):
    """Scale the last axis (or the last ``axes``) to a mean square of 1; the mean stays in.

    y = x / sqrt(mean(x²) + eps) * weight, with the mean over the last ``axes`` axes
    Source: ONNX RMSNormalization-23; Zhang and Sennrich 2019, eq. 4.
    """

    signature = "x: *shape, weight~?: *last -> y: *shape"
    category = "normalization"
    initial = {"weight": "ones"}

    axes: int = 1
    eps: float = 1e-5
    affine: bool = True

    def check(self) -> None:
        """At least one axis, and an eps that keeps the root real."""
        check_eps(self.eps)
        if self.axes < 1:
            raise Mistake(
                f"axes is {self.axes}; it must be at least 1",
                hint="axes is the number of last axes that share a mean square",
            )

    def has_slot(self, slot: str) -> bool:
        """Only a learned scale has a weight."""
        return self.affine

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes of the axes that are normalised."""
        if self.axes > len(d.shape):
            raise ShapeError(f"x {format_shape(d.shape)} has fewer than {self.axes} axes")
        last = d.shape[len(d.shape) - self.axes :]
        require_shape(d, "weight", last)
        d.require("<=", 1, product(last), "1 and the number of normalised elements")
        return {"last": last}

    def compute(self, x: Array, weight: Array | None = None) -> Array:
        """The quotient, in at least float32."""
        wide = widened(x)
        axes = tuple(range(x.ndim - self.axes, x.ndim))
        square = np.square(wide).mean(axes, keepdims=True)
        y = np.asarray(wide / np.sqrt(square + wide.dtype.type(self.eps)))
        if weight is not None:
            y *= weight
        return y.astype(x.dtype, copy=False)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """In blocks of rows."""
        if not all_fast(types):
            return None
        shape = sizes(types[0])
        length = math.prod(shape[len(shape) - self.axes :])

        def run(x: Array, weight: Any, out: Array, scratch: Array) -> None:
            rms_norm_into(x, out, length, self.eps, weight, how.team)

        return kernel_of(self, types, run, (0,), algorithm="blocks")

    def decompose(self, g: Any, x: Any, weight: Any = None) -> Any:
        """A mean of squares, a quotient, a product."""
        axes = tuple(range(-self.axes, 0))
        square = g.reduce(g.square(x), op="mean", axes=axes, keepdims=True)
        y = g.div(x, g.sqrt(g.scale(square, by=1.0, shift=self.eps)))
        return y if weight is None else g.mul(y, weight)

    def cost(self, d: Match) -> Cost:
        """Square, sum, quotient for each element, and one for the weight."""
        return Cost(0, (4 if self.affine else 3) * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One axis and several, with and without the weight."""
        yield cls(), (2, 3, 4)
        yield cls(axes=2, eps=1e-3), (2, 3, 4, 5)
        yield cls(affine=False), (5, 3)
        yield cls(axes=3), (2, 3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The mean stays; eps is inside the root; two axes share one mean square."""
        row = np.array([1.0, 7.0])  # mean square 25
        yield cls(eps=0.0, affine=False), (row,), [0.2, 1.4]
        yield cls(eps=0.0), (row, np.array([5.0, 10.0])), [1, 14]
        yield cls(eps=11.0, affine=False), (row,), [1 / 6, 7 / 6]
        yield cls(axes=2, eps=0.0, affine=False), (np.array([[2.0], [-2.0]]),), [[1], [-1]]


class LpNorm(Op, name="lp_norm"):
    """Scale the vectors along one axis to the length 1.

    y = x / max(length, eps), length = (sum of |x|^p along the axis)^(1/p); p may be inf:
    length = max |x|.  A vector of zeros stays zero, also with eps 0.
    Source: ONNX LpNormalization-22 (p 1 or 2, eps 0); torch.nn.functional.normalize (eps 1e-12).
    """

    signature = "x: *shape -> y: *shape"
    category = "normalization"
    main = "p"

    p: float = 2.0
    axis: int = -1
    eps: float = 0.0

    def check(self) -> None:
        """A positive p, and an eps that is no negative length."""
        check_eps(self.eps)
        if not self.p > 0:
            raise Mistake(f"p is {self.p}; it must be above 0", hint="2 is the usual length")

    def derive(self, d: Match) -> dict[str, Any]:
        """The axis exists."""
        axis_index(self.axis, len(d.shape), "x")
        return {}

    def compute(self, x: Array) -> Array:
        """The quotient, in at least float32."""
        wide = widened(x)
        bound = np.maximum(self._length(wide), wide.dtype.type(self.eps))
        y = np.zeros_like(wide)
        np.divide(wide, bound, out=y, where=bound != 0)
        return y.astype(x.dtype, copy=False)

    def _length(self, x: Array) -> Array:
        """The length along the axis, which stays as 1."""
        size = np.abs(x)
        if self.p == np.inf:
            return np.asarray(size.max(self.axis, keepdims=True, initial=0))
        if self.p == 1:
            return np.asarray(size.sum(self.axis, keepdims=True))
        if self.p == 2:
            return np.asarray(np.sqrt(np.square(size).sum(self.axis, keepdims=True)))
        power = (size ** x.dtype.type(self.p)).sum(self.axis, keepdims=True)
        return np.asarray(power ** x.dtype.type(1 / self.p))

    def cost(self, d: Match) -> Cost:
        """Absolute value, power, sum, quotient for each element."""
        return Cost(elementwise=4 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Each kind of length, along several axes."""
        yield cls(), (2, 3, 4)
        yield cls(p=1, axis=0), (5, 3)
        yield cls(p=3.0, axis=1, eps=1e-12), (2, 3, 4, 5)
        yield cls(p=np.inf, axis=-2, eps=1e-6), (4, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Columns or rows; signs stay; zeros stay zeros; eps bounds the length from below."""
        x = np.array([[3.0, 0.0], [-4.0, 0.0]])
        yield cls(axis=0), (x,), [[0.6, 0], [-0.8, 0]]
        yield cls(p=1, axis=0), (x,), [[3 / 7, 0], [-4 / 7, 0]]
        yield cls(p=np.inf, axis=0), (x,), [[0.75, 0], [-1, 0]]
        yield cls(axis=1), (x,), [[1, 0], [-1, 0]]
        yield cls(axis=0, eps=10.0), (x,), [[0.3, 0], [-0.4, 0]]
        yield cls(p=3.0), (np.array([3.0, 4.0, -5.0]),), [0.5, 4 / 6, -5 / 6]  # 27+64+125 = 6³
