"""Padding: elements added before and after the axes of a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import Axes, Pads, ShapeAttr
from framework.ir.dims import Shape, Size, format_shape, maximum
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import FLOATS, TensorType, axis_index, fixed_size
from framework.ops.kernels import kernel_of


class Pad(Op, name="pad"):
    """Add elements before and after the last axes.

    y[i] = x[i - before] inside; outside, for n elements at position p = i - before:
        constant: ``value``                 reflect: mirrored at the edge element, |p|
        edge: the edge element, x[0]        wrap: repeated from the other end, x[p mod n]

    ``pads`` gives [before, after] for each of the last axes: [[1, 1]] pads the last axis,
    [[0, 0], [2, 3]] the last as well.  Leading axes that it does not list are left alone.
    Source: ONNX Pad-23; NumPy pad.  Negative pads (cropping) are the work of `slice`.
    """

    signature = "x: *shape -> y: *padded"
    category = "padding"
    accepts = "any"
    main = "pads"

    pads: Pads
    mode: Literal["constant", "reflect", "edge", "wrap"] = "constant"
    value: float = 0.0

    def check(self) -> None:
        """No negative pads, and a value only where it is used."""
        for pair in self.pads:
            if len(pair) != 2:
                raise Mistake(f"pads has {list(pair)}; each axis needs [before, after]")
            for pad in pair:
                if isinstance(pad, int) and pad < 0:
                    raise Mistake(
                        f"pads has {pad}; a pad must not be negative", hint="slice crops a tensor"
                    )
        if self.value != 0 and self.mode != "constant":
            raise Mistake(f"value {self.value} has no meaning with mode {self.mode}")

    def derive(self, d: Match) -> dict[str, Any]:
        """Sizes grow by their pads; a mirror needs enough elements."""
        lead = len(d.shape) - len(self.pads)
        if lead < 0:
            raise ShapeError(f"pads lists {len(self.pads)} axes, x has {len(d.shape)}")
        given: Any = d.types["x"]
        check_value(self.value, given.dtype)
        for number, pair in enumerate(self.pads):
            for pad in pair:
                self._require(d, pad, d.shape[lead + number], lead + number)
        grown = (n + sum(pair) for n, pair in zip(d.shape[lead:], self.pads, strict=True))
        return {"padded": (*d.shape[:lead], *grown)}

    def _require(self, d: Match, pad: Size, size: Size, axis: int) -> None:
        if pad == 0:
            return
        d.require("<=", 0, pad, f"0 and the pad of axis {axis}")
        if self.mode == "reflect":
            d.require("<=", pad, size - 1, f"pad and what a mirror has to show along axis {axis}")
        elif self.mode != "constant":
            d.require("<=", 1, size, f"1 and the size along axis {axis}")

    def compute(self, x: Array) -> Array:
        """NumPy's pad."""
        pads: Any = [(0, 0)] * (x.ndim - len(self.pads)) + list(self.pads)
        if not pads:
            return x.copy()
        if self.mode == "constant":
            return np.pad(x, pads, constant_values=x.dtype.type(self.value))
        return np.pad(x, pads, mode=self.mode)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The border filled, and the inside copied, into given memory."""
        if self.mode != "constant":
            return None
        return kernel_of(self, types, self._fill)

    def _fill(self, x: Array, out: Array, scratch: Array) -> None:
        lead = x.ndim - len(self.pads)
        inside = [slice(None)] * x.ndim
        for axis, pair in enumerate(self.pads, lead):
            before = fixed_size(pair[0], "pad")
            inside[axis] = slice(before, before + x.shape[axis])
            for side in (slice(0, before), slice(before + x.shape[axis], None)):
                border = list(inside)
                border[axis] = side
                out[tuple(border)] = self.value
            inside[axis] = slice(before, before + x.shape[axis])
        np.copyto(out[tuple(inside)], x)

    def cost(self, d: Match) -> Cost:
        """Nothing is computed, elements are only moved."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """All modes, some axes and all, other dtypes."""
        yield cls(pads=((1, 2), (0, 3))), (2, 3, 4, 5)
        yield cls(pads=((1, 0), (0, 2)), value=-1.5), (3, 4)
        yield cls(pads=((2, 1), (1, 3)), mode="reflect"), (2, 3, 5)
        yield cls(pads=((4, 1),), mode="edge"), (2, 3)
        yield cls(pads=((1, 7),), mode="wrap"), (2, 3)
        yield cls(pads=((1, 1),), value=1.0), Sample((2, 3), "bool")
        yield cls(pads=((1, 2),), value=7.0), Sample((3,), "int64", high=9)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """What stands on either side, in each mode."""
        x = np.array([1.0, 2.0, 3.0])
        yield cls(pads=((1, 2),), value=9.0), (x,), [9, 1, 2, 3, 9, 9]
        yield cls(pads=((2, 1),), mode="reflect"), (x,), [3, 2, 1, 2, 3, 2]
        yield cls(pads=((2, 1),), mode="edge"), (x,), [1, 1, 1, 2, 3, 3]
        yield cls(pads=((2, 1),), mode="wrap"), (x,), [2, 3, 1, 2, 3, 1]
        yield cls(pads=((0, 1),)), (np.array([[1.0], [2.0]]),), [[1, 0], [2, 0]]


def check_value(value: float, dtype: str) -> None:
    """Refuse a value that a tensor of whole numbers or truth values cannot hold."""
    if dtype in FLOATS:
        return
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not (low <= value <= high and value == int(value)):
        raise ShapeError(f"x is {dtype}, which cannot hold the value {value}", code="dtype")


class CenterCropPad(Op, name="center_crop_pad"):
    """Crop or pad the axes to given sizes; what stays is in the middle.

    y = x[(n - m) // 2 :][: m] for a size n that is cropped to m; where it is padded, the
    zeros before are (m - n) // 2, those behind one more if m - n is odd
    Source: ONNX CenterCropPad-18.  ``axes`` says what ``shape`` lists; without it, all axes.
    """

    signature = "x: *x -> y: *y"
    category = "padding"
    accepts = "any"
    main = "shape"

    shape: ShapeAttr
    axes: Axes | None = None

    def derive(self, d: Match) -> dict[str, Any]:
        """The sizes as given; other axes stay."""
        sizes = list(d.x)
        for axis, size in self._targets(len(d.x)).items():
            d.require("<=", 0, size, f"0 and the new size of axis {axis}")
            sizes[axis] = size
        return {"y": tuple(sizes)}

    def _targets(self, rank: int) -> dict[int, Size]:
        """New sizes by axis."""
        given: tuple[int, ...]
        given = (self.axes,) if isinstance(self.axes, int) else self.axes or tuple(range(rank))
        found = [axis_index(axis, rank, "x") for axis in given]
        if len(set(found)) != len(found) or len(found) != len(self.shape):
            raise ShapeError(f"shape {format_shape(self.shape)} is for the axes {list(given)}")
        return dict(zip(found, self.shape, strict=True))

    def compute(self, x: Array) -> Array:
        """Copy the part that both have into zeros."""
        targets = {axis: fixed_size(n, "shape") for axis, n in self._targets(x.ndim).items()}
        y = np.zeros([targets.get(axis, n) for axis, n in enumerate(x.shape)], x.dtype)
        pairs = list(zip(x.shape, y.shape, strict=True))
        source = tuple(middle(n, m) for n, m in pairs)
        y[tuple(middle(m, n) for n, m in pairs)] = x[source]
        return y

    def decompose(self, g: Any, x: Any) -> Any:
        """Pad what is too short, then cut what is too long."""
        shape: Shape = g.shape(x)
        targets = self._targets(len(shape))
        pads: list[tuple[Size, Size]] = []
        for axis, size in enumerate(shape):
            missing = maximum(targets.get(axis, size) - size, 0)
            pads.append((missing // 2, missing - missing // 2))
        y = g.pad(x, pads=tuple(pads))
        for axis, size in targets.items():
            start = maximum(shape[axis] - size, 0) // 2
            y = g.slice(y, axis=axis, start=start, stop=start + size)
        return y

    def cost(self, d: Match) -> Cost:
        """Nothing is computed, elements are only moved."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Cropped, padded, both; all axes and some; other dtypes."""
        yield cls(shape=(3, 4)), (6, 9)
        yield cls(shape=(7, 6)), Sample((2, 3), "int64", high=9)
        yield cls(shape=(8, 3), axes=(1, 2)), (2, 5, 6, 4)
        yield cls(shape=(5,), axes=-1), Sample((3, 2), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The odd element goes behind, for crops and for pads."""
        x = np.array([1.0, 2.0, 3.0, 4.0])
        yield cls(shape=(1,)), (x,), [2]
        yield cls(shape=(7,)), (x,), [0, 1, 2, 3, 4, 0, 0]
        both = np.array([[1.0, 2.0, 3.0]])
        yield cls(shape=(2, 2)), (both,), [[1, 2], [0, 0]]
        yield cls(shape=(2,), axes=0), (both,), [[1, 2, 3], [0, 0, 0]]


def middle(whole: int, part: int) -> slice:
    """The middle ``part`` elements of ``whole``; all of them where there are fewer.

    >>> middle(4, 1), middle(3, 5)
    (slice(1, 2, None), slice(0, 3, None))
    """
    start = max(whole - part, 0) // 2
    return slice(start, start + min(whole, part))
