"""Separable convolutions in one: what a pass makes of pointwise, depthwise and pointwise ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from framework.errors import ShapeError
from framework.ir.attributes import Values
from framework.ir.dims import product
from framework.ir.kernel import How, Kernel
from framework.ir.match import Given, Namer
from framework.ir.op import PLAIN, Array, Cost, Inference, Match, Op, spread
from framework.ir.types import TensorType, fixed_size
from framework.numerics.separable import Separable
from framework.numerics.separable_rows import Weights
from framework.numerics.tiles import Finish
from framework.ops.convolving import geometry
from framework.ops.kernels import outputs_of
from framework.ops.window import window_counts


class FusedSeparable(Op, name="fused_separable", listed=False):
    """Pointwise, depthwise and pointwise convolution, each with what follows it.

    y = narrow(deepen(widen(x)) + addend)

    ``widen`` may be missing; all three are `fused_conv`.
    Source: Sandler et al. 2018, "MobileNetV2", figure 4; without ``widen`` Howard et al. 2017.
    """

    signature = (
        "x: b c *size, addend?: b out *outsize, widen_weight~?: hidden c *ones, "
        "widen_bias~?: hidden, depth_weight~: hidden 1 *kernel, depth_bias~?: hidden, "
        "weight~: out hidden *ones, bias~?: out -> y: b out *outsize"
    )
    category = "convolution"
    initial = {
        "widen_weight": "he_normal", "widen_bias": "zeros", "depth_weight": "he_normal",
        "depth_bias": "zeros", "weight": "he_normal", "bias": "zeros",
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
        stage, _, rest = slot.rpartition("_")
        found = {"": self.narrow, "widen": self.widen, "depth": self.depth}[stage]
        return found is not None and (rest == "weight" or bool(found.has_slot(rest)))

    def derive(self, d: Match) -> dict[str, Any]:
        """The depthwise convolution alone changes sizes."""
        head = self.depth.head
        return {
            "hidden": head.out,
            "out": self.narrow.head.out,
            "ones": (1,) * len(d.size),
            "kernel": spread(head.kernel, len(d.size), "kernel"),
            "outsize": window_counts(d, d.size, head.windows(len(d.size))),
        }

    def infer(self, given: Mapping[str, Given], namer: Namer | None = None) -> Inference:
        """The types; what is added has the result's."""
        found = super().infer(given, namer)
        addend = given.get("addend")
        if addend is not None and addend != found.outputs[0]:
            raise ShapeError(f"{self.name}: {addend} is added to {found.outputs[0]}")
        return found

    def compute(self, *arrays: Any) -> Array:
        """One after the other."""
        x, addend, widen, widen_bias, depth, depth_bias, narrow, bias = arrays
        if self.widen is not None:
            x = self.widen.compute(x, None, widen, widen_bias)
        x = self.depth.compute(x, None, depth, depth_bias)
        y: Array = self.narrow.compute(x, addend, narrow, bias)
        return y

    def cost(self, d: Match) -> Cost:
        """The work of all; one operation for each element and step beside the products."""
        seen = 0 if self.widen is None else d.b * d.hidden * product(d.size)
        found = d.b * d.hidden * product(d.outsize)
        macs = seen * d.c + found * (product(d.kernel) + d.out)
        given = d.b * d.out * product(d.outsize)
        stages = (self.widen, seen), (self.depth, found), (self.narrow, given)
        further = [
            (int(stage.head.bias) + stage.steps) * elements
            for stage, elements in stages
            if stage is not None
        ]
        return Cost(macs, sum(further))

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

        layouts: dict[int, Callable[[Array], Array]] = dict(
            zip(range(2, 7), plan.layouts(), strict=True)
        )
        return Kernel(
            bound,
            (output,),
            plan.scratch,
            layouts=layouts,
            algorithm="channels in turn",
            binds=True,
        )

    def plan(self, x: TensorType, output: TensorType, how: How) -> Separable:
        """How the sizes are cut."""
        head, inner = self.depth.head, fixed_size(x.shape[1], "conv")
        hidden = [replace(t, shape=(t.shape[0], head.out, *t.shape[2:])) for t in (x, output)]
        shape = geometry(head.windows(2), head.groups, *hidden)
        second = self.depth.curve_for("float32")
        if self.widen is None:
            return Separable(shape, None, self.narrow.head.out, (None, second), how.team)
        curves = self.widen.curve_for("float32"), second
        return Separable(shape, inner, self.narrow.head.out, curves, how.team)
