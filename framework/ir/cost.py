"""What a node has to do: multiply-accumulates, the products among them, elementwise work."""

from __future__ import annotations

from dataclasses import dataclass

from framework.ir.dims import Size


@dataclass(frozen=True)
class Product:
    """Matrix products of one size: ``batch`` times [rows, inner] by [inner, columns].

    The right operand is what a node holds or reads again and again: weights, keys, values.
    """

    batch: Size
    rows: Size
    inner: Size
    columns: Size

    @property
    def macs(self) -> Size:
        """Multiply-accumulates of all."""
        return self.batch * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class Cost:
    """Work of one node: multiply-accumulates and elementwise operations; sizes may be symbolic.

    ``products`` are the dense matrix products that make up the multiply-accumulates, or those of
    them that do: a depthwise convolution has none.
    """

    macs: Size = 0
    elementwise: Size = 0
    products: tuple[Product, ...] = ()

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.macs + other.macs,
            self.elementwise + other.elementwise,
            self.products + other.products,
        )


def cost_of(products: tuple[Product, ...], elementwise: Size = 0) -> Cost:
    """The work of matrix products and what is done beside them."""
    macs: Size = 0
    for one in products:
        macs = macs + one.macs
    return Cost(macs, elementwise, products)
