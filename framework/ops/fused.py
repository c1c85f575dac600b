"""What passes make of several nodes; not for models, and never in a file.

A fused operator states the same function as the nodes that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.ir.attributes import Values
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.match import Given, Namer
from framework.ir.op import PLAIN, Array, Cost, Inference, Match, Op, find_op
from framework.ir.types import TensorType
from framework.numerics.convolution import widened
from framework.numerics.curves import Curve
from framework.ops.kernels import Places, linear_kernel


class Fused(Op):
    """Family: a product, then a tensor added, then a function of each element."""

    head: Values
    residual: Values = False
    activation: Values = None

    @property
    def components(self) -> tuple[Op, ...]:
        """The product, the sum, the function."""
        further = (find_op("add")(),) if self.residual else ()
        return (self.head, *further, *(() if self.activation is None else (self.activation,)))

    def match(self, given: Mapping[str, Given], namer: Namer | None = None) -> Match:
        """The product's match."""
        inner = {port: type_ for port, type_ in given.items() if port != "addend"}
        found: Match = self.head.match(inner, namer)
        return found

    def has_slot(self, slot: str) -> bool:
        """The slots of the product."""
        return bool(self.head.has_slot(slot))

    def infer(self, given: Mapping[str, Given], namer: Namer | None = None) -> Inference:
        """The product's types; what is added has the result's."""
        inner = {port: type_ for port, type_ in given.items() if port != "addend"}
        found: Inference = self.head.infer(inner, namer)
        if "addend" in given:
            (output,) = found.outputs
            addend = given["addend"]
            if not isinstance(addend, TensorType) or addend != output:
                raise ValueError(f"{self.name}: {addend} is added to {output}")
        return found

    def compute(self, *arrays: Any) -> Array:
        """One after the other."""
        x, addend, *parameters = arrays
        y = self.head.compute(x, *parameters)
        if addend is not None:
            y = y + addend
        return np.asarray(y if self.activation is None else self.activation.compute(y))

    @property
    def steps(self) -> int:
        """How many follow the product."""
        return int(self.residual) + (self.activation is not None)

    def cost(self, d: Match) -> Cost:
        """The product's work, and one operation for each element and step after it."""
        elements = product(d.result(self.head.ports.outputs[0]))
        work: Cost = self.head.cost(d)
        return work + Cost(0, self.steps * elements)

    def curve_for(self, dtype: str) -> Curve | None:
        """The function for a block of a dtype."""
        found: Curve | None = None if self.activation is None else self.activation.curve_for(dtype)
        return found


class FusedConv(Fused, name="fused_conv", listed=False):
    """A convolution with what follows it.

    y = activation(conv(x, weight) + bias + addend)
    """

    signature = "x: b c *size, addend?: *y, weight~: *weight, bias~?: out -> y: *y"
    category = "convolution"
    initial = {"weight": "he_normal", "bias": "zeros"}

    head: Values
    residual: Values = False
    activation: Values = None

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The convolution's algorithm; what follows it is done tile by tile."""
        curve = self.curve_for("float32")
        last = None if curve is None else curve.in_place()
        found: Kernel | None = self.head.kernel_with(types, how, last)
        return found


class FusedLinear(Fused, name="fused_linear", listed=False):
    """A linear map with what follows it.

    y = activation(x weight^T + bias + addend)
    """

    signature = "x: *lead c, addend?: *y, weight~: out c, bias~?: out -> y: *y"
    category = "linear"
    initial = {"weight": "xavier_uniform", "bias": "zeros"}

    head: Values
    residual: Values = False
    activation: Values = None

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Tile by tile: the product, then everything that follows it."""
        x = types[0]
        if x is None:
            return None
        places = Places(x=0, weight=2, bias=3, addend=1)
        return linear_kernel(self, types, places, self.curve_for(x.dtype), how)


class FoldedNorm(Op, name="folded_norm", listed=False):
    """The weights of a product that does the work of the batch norm after it.

    factor = scale / sqrt(variance + eps)
    y = factor weight, shifted = (bias - mean) factor + shift
    """

    signature = (
        "weight: *weight, bias?: out, scale?: out, shift?: out, mean: out, variance: out "
        "-> y: *weight, shifted: out"
    )
    category = "normalization"

    eps: float = 1e-5
    axis: int = 0

    def compute(self, *arrays: Any) -> tuple[Array, Array]:
        """In at least float32, along the weight's axis of outputs."""
        weight, bias, scale, shift, mean, variance = arrays
        factor = 1 / np.sqrt(widened(variance) + widened(variance).dtype.type(self.eps))
        factor = factor if scale is None else factor * scale
        along = [1] * weight.ndim
        along[self.axis] = -1
        moved = -mean * factor if bias is None else (bias - mean) * factor
        moved = moved if shift is None else moved + shift
        folded = np.ascontiguousarray(weight * factor.reshape(along), weight.dtype)
        return folded, moved.astype(weight.dtype, copy=False)

    def cost(self, d: Match) -> Cost:
        """One multiplication for each weight."""
        return Cost(0, product(d.weight))
