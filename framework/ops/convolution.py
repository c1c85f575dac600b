"""Convolutions, and their adjoints, over one or more spatial axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Pad, ShapeAttr, Sizes
from framework.ir.cost import Product, cost_of
from framework.ir.dims import Size, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, spread
from framework.ir.types import TensorType
from framework.numerics.convolution import convolve, convolve_transposed
from framework.ops.window import (
    AxisWindow,
    axis_windows,
    check_pad,
    check_positive,
    window_counts,
    windows_at,
)

if TYPE_CHECKING:
    from framework.numerics.tiles import Curve


class Conv(Op, name="conv"):
    """Slide a bank of filters over a signal, an image or a volume (cross-correlation: no flip).

    y[b,o,i,j] = bias[o] + sum over c, u, v of
        x[b, c, i*stride + u*dilation - before, j*stride + v*dilation - before] * weight[o,c,u,v]

    ``pad`` is a number for all sides, one for each axis, or [before, after] for each axis;
    valid is 0; same_upper and same_lower give ceil(size/stride) results and put an odd
    element after or before (TensorFlow's SAME is same_upper).  With ``groups`` each group of
    filters sees only its share of the channels.
    Source: ONNX Conv-22; Goodfellow et al. 2016, section 9.5; weight is [out, in/groups, *kernel].
    """

    signature = "x: b c *size, weight~: out c/groups *kernel, bias~?: out -> y: b out *outsize"
    category = "convolution"
    initial = {"weight": "he_normal", "bias": "zeros"}

    out: int
    kernel: Sizes
    stride: Sizes = 1
    pad: Pad = 0
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True

    def check(self) -> None:
        """Positive sizes, and groups that divide the filters."""
        check_positive(out=self.out, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)
        check_groups(self.out, self.groups)

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis."""
        return axis_windows(rank, self.kernel, self.stride, self.pad, self.dilation)

    def derive(self, d: Match) -> dict[str, Any]:
        """Output sizes: floor((size + before + after - span)/stride) + 1."""
        require_groups(d)
        return {"outsize": window_counts(d, d.size, self.windows(len(d.size)))}

    def compute(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """Matrix products over unfolded windows."""
        windows = windows_at(self.windows(x.ndim - 2), x.shape[2:])
        return add_bias(convolve(x, weight, windows, self.groups), bias)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The algorithm that suits the sizes."""
        from framework.ops.convolving import without_addend  # kernels: to check a model takes none

        x, weight, bias = types
        return without_addend(self.kernel_with((x, None, weight, bias), how))

    def kernel_with(
        self, types: Sequence[TensorType | None], how: How, curve: Curve | None = None
    ) -> Kernel | None:
        """A kernel of (x, addend, weight, bias) that ends with a function in place."""
        from framework.ops.convolving import conv_kernel

        x, _, weight, _ = types
        if x is None or weight is None:
            return None
        given = {"x": x, "weight": weight}
        (output,) = self.infer(given).outputs
        return conv_kernel(self.windows(x.rank - 2), self.groups, types, output, how, curve)

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each result and weight of its filter; the bias apart."""
        results = d.b * self.out * product(d.outsize)
        each, beside = self.out // self.groups, results if self.bias else 0
        inner = d.divide(d.c, self.groups) * product(d.kernel)
        if each == 1 < self.groups:
            return Cost(results * inner, beside)
        found = Product(d.b * self.groups, product(d.outsize), inner, each)
        return cost_of((found,), beside)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, all kinds of pad, groups, depthwise, 1 x 1."""
        yield cls(out=4, kernel=(3, 2)), (2, 3, 7, 5)
        yield cls(out=5, kernel=3, stride=2, pad=1, dilation=2, bias=False), (2, 3, 11, 8)
        yield cls(out=4, kernel=4, stride=3, pad=((1, 2),)), (2, 3, 13)
        yield cls(out=5, kernel=(1, 2, 3), pad=(0, 1, 2), stride=(1, 2, 1)), (2, 3, 4, 6, 7)
        yield cls(out=6, kernel=3, stride=2, pad="same_upper", groups=2), (3, 4, 8, 7)
        yield cls(out=5, kernel=(4, 3), stride=(3, 2), pad="same_lower"), (2, 3, 8, 9)
        yield cls(out=8, kernel=3, stride=(1, 2), pad=1, groups=4), (2, 4, 5, 7)
        yield cls(out=6, kernel=1, pad="valid"), (2, 3, 5, 4)
        yield cls(out=6, kernel=1, stride=2, groups=3, bias=False), (2, 9, 5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """No flip; which side an odd element of padding goes to; dilation; groups."""
        ramp = np.array([[[1.0, 2.0, 3.0, 4.0]]])
        pair = np.array([[[1.0, 10.0]]])
        zero = np.array([0.0])
        yield cls(out=1, kernel=2), (ramp, pair, np.array([0.5])), [[[21.5, 32.5, 43.5]]]
        yield cls(out=1, kernel=2, pad="same_upper"), (ramp, pair, zero), [[[21, 32, 43, 4]]]
        yield cls(out=1, kernel=2, pad="same_lower"), (ramp, pair, zero), [[[10, 21, 32, 43]]]
        yield cls(out=1, kernel=2, pad=((0, 1),), stride=2), (ramp, pair, zero), [[[21, 43]]]
        yield cls(out=1, kernel=2, dilation=2), (ramp, pair, zero), [[[31, 42]]]
        # Stride above the kernel: nothing is missing, and no pad becomes negative.
        yield (
            cls(out=1, kernel=1, stride=3, pad="same_upper"),
            (ramp, pair[..., :1], zero),
            [[[1, 4]]],
        )
        both = np.array([[[1.0], [2.0]]])
        weight = np.array([[[1.0]], [[10.0]], [[100.0]], [[1000.0]]])
        yield (
            cls(out=4, kernel=1, groups=2),
            (both, weight, np.zeros(4)),
            [[[1], [10], [200], [2000]]],
        )


class ConvTranspose(Op, name="conv_transpose"):
    """Spread each element over a window, weighted by the filters: the adjoint of `conv`.

    y[b,o,p] = bias[o] + sum over c, i, u with p = i*stride + u*dilation - before of
        x[b,c,i] * weight[c,o,u]

    The size is (size - 1)*stride + dilation*(kernel - 1) + 1 + output_pad - before - after.
    Several sizes shrink to the same one under a strided `conv`: ``output_pad`` adds to the
    end, or ``output_size`` names the size, which `conv` must map back.  With same_* the
    size is size*stride, or ``output_size``, and what (size - 1)*stride + dilation*(kernel - 1)
    + 1 + output_pad has too much is cut off both ends: the pads that `conv` would put around.
    Source: ONNX ConvTranspose-22; PyTorch ConvTranspose2d; weight is [in, out/groups, *kernel].
    """

    signature = "x: b c *size, weight~: c out/groups *kernel, bias~?: out -> y: b out *outsize"
    category = "convolution"
    initial = {"weight": "he_normal", "bias": "zeros"}

    out: int
    kernel: Sizes
    stride: Sizes = 1
    pad: Pad = 0
    output_pad: Sizes = 0
    output_size: ShapeAttr | None = None
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True

    def check(self) -> None:
        """Positive sizes, and at most one way to choose the size."""
        check_positive(out=self.out, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        check_pad(self.pad)
        check_groups(self.out, self.groups)
        extra = self.output_pad if isinstance(self.output_pad, tuple) else (self.output_pad,)
        if min(extra) < 0:
            raise Mistake(f"output_pad is {min(extra)}; it must not be negative")
        same = self.pad in ("same_upper", "same_lower")
        if any(extra) and self.output_size is not None and not same:
            raise Mistake("output_pad and output_size exclude each other", hint="leave one out")
        if any(extra) and self.output_size is None and same:
            raise Mistake(
                f"output_pad has no meaning with pad {self.pad}, which fixes the size",
                hint="write output_size instead",
            )

    def windows(self, rank: int) -> tuple[AxisWindow, ...]:
        """The window along each axis of the result."""
        return axis_windows(rank, self.kernel, self.stride, self.pad, self.dilation)

    def sizes(self, size: tuple[Size, ...]) -> tuple[Size, ...]:
        """Sizes of the result."""
        rank = len(size)
        if self.output_size is not None:
            return spread(tuple(self.output_size), rank, "output_size")
        axes = zip(
            size, self.windows(rank), spread(self.output_pad, rank, "output_pad"), strict=True
        )
        return tuple(
            (n - 1) * axis.stride + axis.span + extra - sum(axis.pad)
            if isinstance(axis.pad, tuple)
            else n * axis.stride
            for n, axis, extra in axes
        )

    def derive(self, d: Match) -> dict[str, Any]:
        """Output sizes, each of which `conv` must map back to the size of x."""
        require_groups(d)
        windows, result = self.windows(len(d.size)), self.sizes(d.size)
        self._check_output_pad(windows)
        for number, (size, axis, out) in enumerate(zip(d.size, windows, result, strict=True)):
            where = f"along axis {number + 2}"
            if self.output_size is None:
                d.require("<=", 1, out, f"1 and the size left by the pads {where}")
            elif isinstance(axis.pad, tuple):
                axis.require_fit(d, out, number + 2)
                d.require("==", axis.count(out), size, f"windows of output_size and size {where}")
            else:
                most = axis.reach(size) + max(axis.stride, axis.dilation) - 1
                d.require("<=", out, most, f"output_size and what its windows reach {where}")
        return {"outsize": result}

    def _check_output_pad(self, windows: tuple[AxisWindow, ...]) -> None:
        """Refuse an extra that would begin another window, as PyTorch does."""
        extras = spread(self.output_pad, len(windows), "output_pad")
        for extra, axis in zip(extras, windows, strict=True):
            bound = max(axis.stride, axis.dilation)
            if extra >= bound and extra > 0:
                raise ShapeError(
                    f"output_pad {extra} must be smaller than {bound}, the larger "
                    f"of stride {axis.stride} and dilation {axis.dilation}"
                )

    def compute(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """Matrix products, added up at the places of their windows."""
        out: Any = self.sizes(x.shape[2:])
        windows = replace(windows_at(self.windows(x.ndim - 2), out), pads=self.cut(x.shape[2:]))
        return add_bias(convolve_transposed(x, weight, windows, out, self.groups), bias)

    def cut(self, size: tuple[Size, ...]) -> Any:
        """What is cut off before and after the result along each axis."""
        rank = len(size)
        extras = spread(self.output_pad, rank, "output_pad")
        axes = zip(self.windows(rank), size, extras, self.sizes(size), strict=True)
        return tuple(
            axis.pad if isinstance(axis.pad, tuple) else axis.shared(axis.reach(n) + extra - out)
            for axis, n, extra, out in axes
        )

    def fans(self, slot: str, shape: tuple[int, ...]) -> tuple[int, int]:
        """Inputs and outputs of one unit; the weight is [in, out/groups, *kernel]."""
        if slot != "weight":
            return super().fans(slot, shape)
        window = int(np.prod(shape[2:], dtype=np.int64))
        return shape[0] // self.groups * window, shape[1] * window

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """One product where windows do not overlap and nothing is cut off."""
        from framework.ops.convolving import spread_kernel

        x, weight, _ = types
        if x is None or weight is None or self.groups > 1:
            return None
        (output,) = self.infer({"x": x, "weight": weight}).outputs
        return spread_kernel(self.windows(x.rank - 2), x, output, how)

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each element of x and weight that it meets."""
        filters = self.out // self.groups * product(d.kernel)
        beside = d.b * self.out * product(d.outsize) if self.bias else 0
        if self.out == self.groups > 1:
            return Cost(d.b * d.c * product(d.size) * filters, beside)
        inner = d.divide(d.c, self.groups)
        found = Product(d.b * self.groups, product(d.size), inner, filters)
        return cost_of((found,), beside)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One to three axes, all kinds of pad, groups, both ways to choose the size."""
        yield cls(out=4, kernel=(2, 3), stride=2), (2, 3, 5, 4)
        yield cls(out=5, kernel=3, stride=2, pad=1, output_pad=1, bias=False), (2, 3, 4, 6)
        yield cls(out=4, kernel=4, stride=3, pad=((2, 1),), dilation=2), (2, 3, 7)
        yield cls(out=6, kernel=(1, 2, 3), pad=(0, 1, 1), stride=(2, 1, 2)), (2, 3, 4, 5, 7)
        yield cls(out=6, kernel=3, stride=2, pad="same_upper", groups=2), (3, 4, 5, 7)
        yield cls(out=5, kernel=(4, 2), stride=(2, 3), pad="same_lower"), (2, 3, 4, 6)
        yield cls(out=6, kernel=4, stride=3, output_size=(15, 12), groups=3), (2, 9, 4, 3)
        yield cls(out=4, kernel=3, stride=2, pad="same_upper", output_size=(9,)), (2, 3, 5)
        yield cls(out=5, kernel=2, stride=2, pad="valid"), (2, 3, 4, 6)
        yield (
            cls(out=4, kernel=3, stride=3, pad="same_lower", output_pad=1, output_size=(11, 16)),
            (2, 3, 4, 5),
        )

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Overlap; what pads cut off; where the extra element and the odd pad go."""
        x = np.array([[[1.0, 2.0]]])
        three = np.array([[[1.0, 10.0, 100.0]]])
        given = (x, three, np.array([0.0]))
        yield cls(out=1, kernel=3, stride=2), given, [[[1, 10, 102, 20, 200]]]
        yield cls(out=1, kernel=3, stride=2, pad=1), given, [[[10, 102, 20]]]
        yield cls(out=1, kernel=3, stride=2, pad=1, output_pad=1), given, [[[10, 102, 20, 200]]]
        yield cls(out=1, kernel=3, stride=2, pad=((1, 0),)), given, [[[10, 102, 20, 200]]]
        yield cls(out=1, kernel=3, stride=2, output_size=(6,)), given, [[[1, 10, 102, 20, 200, 0]]]
        yield cls(out=1, kernel=3, stride=2, pad="same_upper"), given, [[[1, 10, 102, 20]]]
        yield cls(out=1, kernel=3, stride=2, pad="same_lower"), given, [[[10, 102, 20, 200]]]
        # 5 elements are reached; one more than that stays empty, one less is cut off in front.
        lower: dict[str, Any] = {"out": 1, "kernel": 3, "stride": 2, "pad": "same_lower"}
        yield cls(**lower, output_size=(6,)), given, [[[1, 10, 102, 20, 200, 0]]]
        yield cls(**lower, output_size=(4,)), given, [[[10, 102, 20, 200]]]
        yield cls(**lower, output_size=(4,), output_pad=1), given, [[[10, 102, 20, 200]]]
        # Stride above the kernel: the last elements of every window stay empty.
        one = (x, three[..., :1], np.array([0.5]))
        yield (
            cls(out=1, kernel=1, stride=3, pad="same_upper"),
            one,
            [[[1.5, 0.5, 0.5, 2.5, 0.5, 0.5]]],
        )


def check_groups(out: int, groups: int) -> None:
    """Refuse groups that do not divide the filters."""
    if groups < 1:
        raise Mistake(f"groups is {groups}; it must be at least 1")
    if out % groups:
        raise Mistake(f"groups {groups} does not divide out {out}")


def require_groups(d: Match) -> None:
    """Demand that the groups divide the channels of x."""
    if isinstance(d.c, int) and d.c % d.groups:
        raise ShapeError(f"groups {d.groups} does not divide {d.c}, the channels of x")
    d.require("divisible", d.c, d.groups, "channels of x and groups")


def add_bias(y: Array, bias: Array | None) -> Array:
    """``y`` with one number added to each channel, in place."""
    if bias is not None:
        y += bias.reshape(-1, *([1] * (y.ndim - 2)))
    return y
