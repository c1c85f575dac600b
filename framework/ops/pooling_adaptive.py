"""Pooling to a given size, whatever the size of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.ir.attributes import Sizes
from framework.ir.dims import ceildiv, product
from framework.ir.op import Array, Cost, Match, Op, spread
from framework.numerics.convolution import widened
from framework.numerics.pooling import adaptive_pool
from framework.ops.pooling import emptied
from framework.ops.window import check_positive


class AdaptivePool(Op):
    """Family: one number for each of ``output_size`` bins."""

    signature = "x: b c *size -> y: b c *outsize"
    category = "pooling"

    output_size: Sizes

    def check(self) -> None:
        """Positive sizes."""
        check_positive(output_size=self.output_size)

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes that are asked for; a bin of nothing has neither mean nor maximum."""
        emptied(d, keepdims=False)
        return {"outsize": d.output_size}

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, bins that divide the size and others, more bins than elements."""
        yield cls(output_size=3), (2, 4, 6, 9)
        yield cls(output_size=(3, 5)), (2, 4, 7, 11)
        yield cls(output_size=1), (2, 3, 5)
        yield cls(output_size=(2, 1, 9)), (2, 3, 5, 6, 7)


class AdaptiveAvgPool(AdaptivePool, name="adaptive_avg_pool"):
    """Replace the image by ``output_size`` means over bins of almost equal size.

    y[b,c,i,j] = mean of x[b,c,p,q] over floor(i*h/oh) <= p < ceil((i + 1)*h/oh), q alike

    Bins that do not divide the size share elements with their neighbours.
    Source: PyTorch AdaptiveAvgPool2d; He et al. 2014 (spatial pyramid pooling), section 2.
    """

    output_size: Sizes

    def compute(self, x: Array) -> Array:
        """Means along one axis after the other."""
        sizes = spread(self.output_size, x.ndim - 2, "output_size")
        y = adaptive_pool(widened(x), sizes, lambda part, axis: part.mean(axis))
        return y.astype(x.dtype, copy=False)

    def cost(self, d: Match) -> Cost:
        """One addition for each element of a bin of ceil(size/output_size), and the division."""
        return Cost(0, bin_elements(d) + d.b * d.c * product(d.outsize))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Bins that share an element; more bins than elements."""
        x = np.array([[[1.0, 2.0, 3.0, 4.0, 9.0]]])
        yield cls(output_size=2), (x,), [[[2, 16 / 3]]]
        yield cls(output_size=3), (x,), [[[1.5, 3, 6.5]]]
        yield cls(output_size=3), (x[..., :2],), [[[1, 1.5, 2]]]


class AdaptiveMaxPool(AdaptivePool, name="adaptive_max_pool"):
    """Replace the image by the largest elements of ``output_size`` bins of almost equal size.

    y[b,c,i,j] = max of x[b,c,p,q] over floor(i*h/oh) <= p < ceil((i + 1)*h/oh), q alike
    Source: PyTorch AdaptiveMaxPool2d; He et al. 2014 (spatial pyramid pooling), section 2.
    """

    accepts = "number"

    output_size: Sizes

    def compute(self, x: Array) -> Array:
        """Maxima along one axis after the other."""
        sizes = spread(self.output_size, x.ndim - 2, "output_size")
        return adaptive_pool(x, sizes, lambda part, axis: part.max(axis))

    def cost(self, d: Match) -> Cost:
        """One comparison for each element of a bin of ceil(size/output_size)."""
        return Cost(0, bin_elements(d))

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Bins that share an element; more bins than elements."""
        x = np.array([[[1.0, 2.0, 7.0, 4.0, 3.0]]])
        yield cls(output_size=2), (x,), [[[7, 7]]]
        yield cls(output_size=5), (x,), x
        yield cls(output_size=3), (x[..., :2],), [[[1, 2, 2]]]


def bin_elements(d: Match) -> Any:
    """Elements of all bins, each of the size ceil(size/output_size)."""
    each = (ceildiv(n, m) for n, m in zip(d.size, d.outsize, strict=True))
    return d.b * d.c * product(d.outsize) * product(each)
