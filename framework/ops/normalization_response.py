"""Normalisation by neighbouring channels, and over any axes without weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import Axes
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.numerics.convolution import widened
from framework.numerics.moments import centred
from framework.ops.normalization import check_eps
from framework.ops.rules import axes_of


class LocalResponseNorm(Op, name="local_response_norm"):
    """Divide each element by a power of the squares in the channels around it.

    y[b,c,...] = x[b,c,...] / (k + alpha/size * sum of x[b,i,...]²)^beta,
    with i over ``size`` channels around c, those that exist.  Of an even ``size`` the odd one
    lies ``before`` c (as in torch) or ``after`` it (as in ONNX): attribute ``extra``.
    Source: torch.nn.LocalResponseNorm; ONNX LRN-13 (its ``bias`` is k); Krizhevsky et al. 2012,
    section 3.3, where alpha is not divided by size.
    """

    signature = "x: b c *rest -> y: b c *rest"
    category = "normalization"
    main = "size"

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    extra: Literal["before", "after"] = "before"

    def check(self) -> None:
        """At least one channel: c itself."""
        if self.size < 1:
            raise Mistake(f"size is {self.size}; it must be at least 1")

    @property
    def _reach(self) -> tuple[int, int]:
        """How many channels before and after c are in the sum."""
        longer, shorter = self.size // 2, (self.size - 1) // 2
        return (longer, shorter) if self.extra == "before" else (shorter, longer)

    def compute(self, x: Array) -> Array:
        """Squares with zeros around them, added up shifted."""
        wide, channels = widened(x), x.shape[1]
        pads = ((0, 0), self._reach, *[(0, 0)] * (x.ndim - 2))
        square = np.pad(np.square(wide), pads)
        near = np.zeros_like(wide)
        for shift in range(self.size):
            near += square[:, shift : shift + channels]
        scale = wide.dtype.type(self.k) + wide.dtype.type(self.alpha / self.size) * near
        return np.asarray(wide / scale ** wide.dtype.type(self.beta)).astype(x.dtype, copy=False)

    def decompose(self, g: Any, x: Any) -> Any:
        """The same sum of slices; the power of a positive number is exp(beta * log)."""
        shape = g.shape(x)
        pads = (self._reach, *[(0, 0)] * (len(shape) - 2))
        square = g.pad(g.square(x), pads=pads)
        near = g.add(
            *(
                g.slice(square, axis=1, start=shift, stop=shift + shape[1])
                for shift in range(self.size)
            )
        )
        scale = g.scale(near, by=self.alpha / self.size, shift=self.k)
        return g.div(x, g.exp(g.scale(g.log(scale), by=self.beta)))

    def cost(self, d: Match) -> Cost:
        """A square, ``size`` sums, factor, sum, power and quotient for each element."""
        return Cost(elementwise=(5 + self.size) * product(d.shapes["x"]))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Odd, even on either side, more channels than there are."""
        yield cls(size=3, alpha=0.5), (2, 7, 4, 5)
        yield cls(size=4, beta=0.5, k=2.0), (2, 7, 3)
        yield cls(size=4, alpha=1.0, extra="after"), (3, 7, 4, 5)
        yield cls(size=5, k=0.5), (4, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both neighbours; the odd one before or after; alpha is divided by size."""
        x = np.array([[1.0, 2.0, 3.0, 6.0]])  # squares 1 4 9 36
        plain: dict[str, Any] = {"beta": 1.0, "k": 0.0}
        three = [[1 / 5, 2 / 14, 3 / 49, 6 / 45]]
        yield cls(size=3, alpha=3.0, **plain), (x,), three
        yield cls(size=2, alpha=2.0, **plain), (x,), [[1, 2 / 5, 3 / 13, 6 / 45]]
        after = cls(size=2, alpha=2.0, extra="after", **plain)
        yield after, (x,), [[1 / 5, 2 / 13, 3 / 45, 1 / 6]]
        yield cls(size=1, alpha=1.0, beta=0.5, k=3.0), (x[:, :1],), [[0.5]]


class MeanVarianceNorm(Op, name="mean_variance_norm"):
    """Shift and scale to mean 0 and variance 1 over any axes, without weights.

    y = (x - mean) / (sqrt(variance) + eps), with mean and (population) variance over ``axes``;
    eps stands outside the root
    Source: ONNX MeanVarianceNormalization-13, whose axes are [0, 2, 3] and eps 1e-9.
    """

    signature = "x: *shape -> y: *shape"
    category = "normalization"
    main = "axes"

    axes: Axes = (0, 2, 3)
    eps: float = 1e-9

    def check(self) -> None:
        """An eps that is no negative deviation."""
        check_eps(self.eps)

    def derive(self, d: Match) -> dict[str, Any]:
        """The axes exist and have elements."""
        for axis in axes_of(self.axes, len(d.shape), "x"):
            d.require("<=", 1, d.shape[axis], f"1 and the size of the normalised axis {axis}")
        return {}

    def compute(self, x: Array) -> Array:
        """Mean first, then the variance around it."""
        wide = widened(x)
        y, variance = centred(wide, axes_of(self.axes, x.ndim, "x"))
        with np.errstate(invalid="ignore"):  # eps 0 and equal elements: 0/0
            y /= np.sqrt(variance) + wide.dtype.type(self.eps)
        return y.astype(x.dtype, copy=False)

    def decompose(self, g: Any, x: Any) -> Any:
        """Two means and a quotient."""
        centre = g.sub(x, g.reduce(x, op="mean", axes=self.axes, keepdims=True))
        variance = g.reduce(g.square(centre), op="mean", axes=self.axes, keepdims=True)
        return g.div(centre, g.scale(g.sqrt(variance), by=1.0, shift=self.eps))

    def cost(self, d: Match) -> Cost:
        """Sum, difference, square, sum, quotient for each element."""
        return Cost(elementwise=5 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Channels of a batch, one axis, all of them."""
        yield cls(), (2, 3, 4, 5)
        yield cls(axes=1, eps=1e-3), (4, 3)
        yield cls(axes=(0, -1)), (2, 5, 3)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Population variance; eps outside the root; equal elements give 0."""
        x = np.array([[1.0, 7.0], [3.0, 7.0]])
        yield cls(axes=0), (x,), [[-1, 0], [1, 0]]
        yield cls(axes=(0,), eps=1.0), (x,), [[-0.5, 0], [0.5, 0]]
        yield cls(axes=1, eps=0.0), (x,), [[-1, 1], [-1, 1]]
