"""Separable convolutions in one: what a pass makes of pointwise, depthwise and pointwise ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from framework.errors import ShapeError
from framework.ir.attributes import Values
from framework.ir.cost import Product, cost_of
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.match import Given, Namer
from framework.ir.op import PLAIN, Array, Cost, Inference, Match, Op, spread
from framework.ir.types import TensorType
from framework.numerics.geometry import Geometry
from framework.numerics.separable import Separable
from framework.numerics.separable_rows import Weights
from framework.numerics.tiles import Finish
from framework.ops.convolving import geometry
from framework.ops.kernels import outputs_of
from framework.ops.window import window_counts


class BiasedFilters(Op, name="biased_filters", listed=False):
    """Filters with their bias as a last column, for windows with a one as their last element.

    y[o] = [weight[o, 0], …, bias[o]]
    """

    signature = "weight: out *taps, bias?: out -> y: out columns"
    category = "convolution"

    def derive(self, d: Match) -> dict[str, Any]:
        """One column more."""
        return {"columns": product(d.taps) + 1}

    def compute(self, weight: Array, bias: Array | None) -> Array:
        """Zeros where there is no bias."""
        flat = weight.reshape(len(weight), -1)
        last = np.zeros(len(flat), flat.dtype) if bias is None else bias
        return np.concatenate([flat, last[:, None]], axis=1)

    def cost(self, d: Match) -> Cost:
        """Nothing is computed."""
        return Cost(0, 0)


class FusedSeparable(Op, name="fused_separable", listed=False):
    """A convolution, a depthwise and a pointwise one, each with what follows it.

    y = narrow(deepen(widen(x)) + addend)

    ``widen`` may be missing; all three are `fused_conv`, and its weights `biased_filters`.
    Source: Sandler et al. 2018, "MobileNetV2", figure 4; without ``widen`` Howard et al. 2017.
    """

    signature = (
        "x: b c *size, addend?: b out *outsize, filters~?: hidden columns, "
        "depth_weight~: hidden 1 *kernel, depth_bias~?: hidden, "
        "weight~: out hidden *ones, bias~?: out -> y: b out *outsize"
    )
    category = "convolution"
    initial = {
        "filters": "he_normal", "depth_weight": "he_normal", "depth_bias": "zeros",
        "weight": "he_normal", "bias": "zeros",
    }  # fmt: skip

    depth: Values
    narrow: Values
    widen: Values = None

    @property
    def components(self) -> tuple[Op, ...]:
        """Those of the convolutions."""
        stages = (self.widen, self.depth, self.narrow)
        return tuple(part for stage in stages if stage is not None for part in stage.components)

    def has_slot(self, slot: str) -> bool:
        """The slots of the convolutions."""
        if slot == "filters":
            return self.widen is not None
        stage, _, rest = slot.rpartition("_")
        found = {"": self.narrow, "depth": self.depth}[stage]
        return rest == "weight" or bool(found.has_slot(rest))

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes that the convolutions give, one after the other."""
        head, rank = self.depth.head, len(d.size)
        found = {
            "hidden": head.out,
            "out": self.narrow.head.out,
            "ones": (1,) * rank,
            "kernel": spread(head.kernel, rank, "kernel"),
            "outsize": window_counts(d, self.seen(d), head.windows(rank)),
        }
        if self.widen is None:
            return found
        taps = product(spread(self.widen.head.kernel, rank, "kernel"))
        return found | {"columns": d.c * taps + 1}

    def seen(self, d: Match) -> tuple[Any, ...]:
        """The sizes of the images between the first two convolutions."""
        size = tuple(d.size)
        if self.widen is None:
            return size
        return tuple(window_counts(d, size, self.widen.head.windows(len(size))))

    def infer(self, given: Mapping[str, Given], namer: Namer | None = None) -> Inference:
        """The types; what is added has the result's."""
        found = super().infer(given, namer)
        addend = given.get("addend")
        if addend is not None and addend != found.outputs[0]:
            raise ShapeError(f"{self.name}: {addend} is added to {found.outputs[0]}")
        return found

    def compute(self, *arrays: Any) -> Array:
        """One after the other."""
        x, addend, filters, depth, depth_bias, narrow, bias = arrays
        if self.widen is not None:
            head = self.widen.head
            kernel = spread(head.kernel, x.ndim - 2, "kernel")
            weight = filters[:, :-1].reshape(len(filters), x.shape[1], *kernel)
            x = self.widen.compute(x, None, weight, filters[:, -1] if head.bias else None)
        x = self.depth.compute(x, None, depth, depth_bias)
        y: Array = self.narrow.compute(x, addend, narrow, bias)
        return y

    def cost(self, d: Match) -> Cost:
        """The work of all; one operation for each element and step beside the products."""
        places = product(d.outsize)
        products = [Product(d.b, places, d.hidden, d.out)]
        widened = 0
        if self.widen is not None:
            products.insert(0, Product(d.b, product(self.seen(d)), d.columns - 1, d.hidden))
            widened = d.b * d.hidden * product(self.seen(d))
        found, given = d.b * d.hidden * places, d.b * d.out * places
        stages = (self.widen, widened), (self.depth, found), (self.narrow, given)
        further = [
            (int(stage.head.bias) + stage.steps) * elements
            for stage, elements in stages
            if stage is not None
        ]
        return cost_of(tuple(products)) + Cost(found * product(d.kernel), sum(further))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """Some channels at a time, for float32 images."""
        x = types[0]
        if x is None or x.dtype != "float32" or x.rank != 4:
            return None
        (output,) = outputs_of(self, types)
        if 0 in (*x.shape, *output.shape):
            return None
        plan = self.plan(x, output, how)
        curve = self.narrow.curve_for("float32")
        last = None if curve is None else curve.in_place()

        def bound(out: Array, scratch: Array) -> Callable[..., None]:
            run = plan.bound(out, scratch)

            def convolve(x: Array, addend: Array | None, *stored: Any) -> None:
                *weights, bias = stored
                run(x, Weights(*weights), Finish(bias, addend, last))

            return convolve

        layouts = zip(range(2, 6), plan.layouts(), strict=True)
        return Kernel(
            bound,
            (output,),
            plan.scratch,
            layouts=dict(layouts),
            algorithm="channels in turn",
            binds=True,
        )

    def plan(self, x: TensorType, output: TensorType, how: How) -> Separable:
        """How the sizes are cut."""
        last, curve = self.narrow.head.out, self.depth.curve_for("float32")
        if self.widen is None:
            return Separable(stage(self.depth, x, output), None, last, how.team, (None, curve))
        head = self.widen.head
        axes = zip(head.windows(2), x.shape[2:], strict=True)
        between = replace(x, shape=(x.shape[0], head.out, *(axis.count(n) for axis, n in axes)))
        shape = stage(self.depth, between, output)
        widen = geometry(head.windows(2), head.groups, x, between)
        curves = self.widen.curve_for("float32"), curve
        return Separable(shape, widen, last, how.team, curves)


def stage(depth: Any, x: TensorType, output: TensorType) -> Geometry:
    """The sizes of a depthwise convolution of ``x``, in the place of the ``output`` after it."""
    head = depth.head
    found = replace(output, shape=(output.shape[0], head.out, *output.shape[2:]))
    seen = replace(x, shape=(x.shape[0], head.out, *x.shape[2:]))
    return geometry(head.windows(2), head.groups, seen, found)
