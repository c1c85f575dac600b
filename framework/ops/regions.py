"""Pooling over boxes of an image: regions of interest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import Sizes
from framework.ir.dims import Size
from framework.ir.op import Array, Cost, Match, Op, Sample, spread
from framework.numerics.convolution import widened
from framework.ops.window import check_positive


class RoiAlign(Op, name="roi_align"):
    """Average an image over boxes, sampled between its elements.

    y[n,c,i,j] = mean of x[batch_indices[n], c, p, q] over samples of bin (i, j) of box n:
        p = y1*s - 1/2 + (i + (k + 1/2)/g) * (y2 - y1)*s/oh, k = 0 ... g - 1, q alike

    Boxes are (x1, y1, x2, y2), s = ``spatial_scale``.  Each bin has g = ``sampling_ratio``
    samples along each axis, ceil of its size where that is 0.  Not ``aligned``: without the
    -1/2, and boxes are at least 1 wide.  A sample more than 1 outside is 0, one nearer takes
    the edge.  mode max takes the largest of all (weight * element) of a bin, as ONNX does.
    Source: ONNX RoiAlign-22; He et al. 2017 (Mask R-CNN), section 3; torchvision roi_align.
    """

    signature = "x: b c h w, rois: n 4, batch_indices<int>: n -> y: n c oh ow"
    category = "pooling"
    main = "output_size"

    output_size: Sizes = 1
    spatial_scale: float = 1.0
    sampling_ratio: int = 0
    aligned: bool = True
    mode: Literal["avg", "max"] = "avg"

    def check(self) -> None:
        """Positive sizes."""
        check_positive(output_size=self.output_size)
        check_scale(self.spatial_scale)
        if self.sampling_ratio < 0:
            raise Mistake(f"sampling_ratio is {self.sampling_ratio}; it must not be negative")

    def derive(self, d: Match) -> dict[str, Any]:
        """The size of each box's result."""
        return grid_of(d, self.output_size)

    def index_limit(self, d: Match) -> Mapping[str, Size]:
        """The images of the batch."""
        return {"batch_indices": d.b}

    def compute(self, x: Array, rois: Array, batch_indices: Array) -> Array:
        """Box by box: the samples lie on a grid, so each axis has its own weights."""
        wide, size = widened(x), spread(self.output_size, 2, "output_size")
        y = np.zeros((len(rois), x.shape[1], *size), wide.dtype)
        boxes = rois.astype(np.float64) * self.spatial_scale
        for number, (x1, y1, x2, y2) in enumerate(boxes):
            image = wide[batch_indices[number]]
            rows = self._taps(y1, y2, size[0], image.shape[1])
            columns = self._taps(x1, x2, size[1], image.shape[2])
            y[number] = self._pool(image, rows, columns)
        return y.astype(x.dtype, copy=False)

    def _taps(self, start: float, end: float, bins: int, size: int) -> tuple[Array, Array]:
        """Positions and weights [2, bins, samples] along one axis."""
        shift = 0.5 if self.aligned else 0.0
        length = end - start if self.aligned else max(end - start, 1.0)
        count = self.sampling_ratio or max(0, math.ceil(length / bins))
        inner = (np.arange(count) + 0.5) / max(count, 1)
        at = start - shift + (np.arange(bins)[:, None] + inner) * (length / bins)
        within = (at >= -1) & (at <= size)
        at = np.clip(at, 0, size - 1)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, size - 1)
        return np.stack([low, high]), np.stack([1 - (at - low), at - low]) * within

    def _pool(self, image: Array, rows: tuple[Array, Array], columns: tuple[Array, Array]) -> Array:
        """[c, h, w] -> [c, bins, bins]."""
        products = []
        for row, up in zip(*rows, strict=True):
            for column, across in zip(*columns, strict=True):
                share = (up[:, :, None, None] * across).astype(image.dtype)
                products.append(image[:, row[:, :, None, None], column] * share)
        corners = np.stack(products)  # [4, c, bins, samples, bins, samples]
        if self.mode == "avg":
            count = max(corners.shape[3] * corners.shape[5], 1)
            mean: Array = corners.sum((0, 3, 5)) / count
            return mean
        if 0 in corners.shape:
            return np.zeros((corners.shape[1], corners.shape[2], corners.shape[4]), image.dtype)
        largest: Array = corners.max((0, 3, 5))
        return largest

    def cost(self, d: Match) -> Cost:
        """Eight operations a sample; where ``sampling_ratio`` is 0, one sample a bin counts."""
        samples = max(self.sampling_ratio, 1) ** 2
        return Cost(0, 8 * samples * d.n * d.c * d.oh * d.ow)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both modes, counted samples, scaled boxes, boxes turned inside out."""
        image = Sample((3,), "int64", high=2)
        yield cls(output_size=5, sampling_ratio=2), (2, 4, 6, 7), (3, 4), image
        yield cls(output_size=(5, 6), aligned=False), (2, 4, 8, 7), (3, 4), image
        yield (
            cls(output_size=(5, 6), mode="max", spatial_scale=2.5, sampling_ratio=3),
            (2, 4, 8, 7),
            (3, 4),
            image,
        )

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The half element; samples of a bin; outside; an empty box; the largest corner."""
        x = np.array([[[[0.0, 4.0, 8.0]]]])
        first = np.array([0])
        box = np.array([[0.0, 0.0, 3.0, 1.0]])
        # Bins of one element each, sampled at 0, 1, 2; not aligned at 1/2, 3/2, 5/2.
        yield cls(output_size=(1, 3)), (x, box, first), [[[[0, 4, 8]]]]
        yield cls(output_size=(1, 3), aligned=False), (x, box, first), [[[[2, 6, 8]]]]
        yield cls(sampling_ratio=1), (x, box, first), [[[[4]]]]
        yield cls(sampling_ratio=2), (x, box, first), [[[[4]]]]
        yield cls(output_size=(1, 3), spatial_scale=0.5), (x, 2 * box, first), [[[[0, 4, 8]]]]
        away = np.array([[5.0, 0.0, 6.0, 1.0]])
        yield cls(), (x, away, first), [[[[0]]]]
        yield cls(), (x, box[:, [2, 1, 0, 3]], first), [[[[0]]]]
        # A sample at 1.5: half of 4 and half of 8, of which the larger is 4.
        half = np.array([[1.5, 0.0, 2.5, 1.0]])
        yield cls(), (x, half, first), [[[[6]]]]
        yield cls(mode="max"), (x, half, first), [[[[4]]]]


class MaxRoiPool(Op, name="max_roi_pool"):
    """The largest element in each bin of boxes that are rounded to whole elements.

    y[n,c,i,j] = max of x[batch_indices[n], c, p, q] over p and q in bin (i, j) of box n:
        floor(i*l/oh) <= p - r1 < ceil((i + 1)*l/oh), q alike
        r1 = round(y1*s), r2 = round(y2*s), l = max(r2 - r1 + 1, 1), s = ``spatial_scale``

    A box is (x1, y1, x2, y2); both ends belong to it.  A bin outside the image is 0.
    Source: ONNX MaxRoiPool-22; Girshick 2015 (Fast R-CNN), section 2.1; torchvision roi_pool.
    """

    signature = "x: b c h w, rois: n 4, batch_indices<int>: n -> y: n c oh ow"
    category = "pooling"
    main = "output_size"

    output_size: Sizes
    spatial_scale: float = 1.0

    def check(self) -> None:
        """Positive sizes."""
        check_positive(output_size=self.output_size)
        check_scale(self.spatial_scale)

    def derive(self, d: Match) -> dict[str, Any]:
        """The size of each box's result."""
        return grid_of(d, self.output_size)

    def index_limit(self, d: Match) -> Mapping[str, Size]:
        """The images of the batch."""
        return {"batch_indices": d.b}

    def compute(self, x: Array, rois: Array, batch_indices: Array) -> Array:
        """Box by box: rows first, then columns."""
        size = spread(self.output_size, 2, "output_size")
        y = np.zeros((len(rois), x.shape[1], *size), x.dtype)
        for number, box in enumerate(rois.astype(np.float64) * self.spatial_scale):
            x1, y1, x2, y2 = map(half_away, box)
            found = x[batch_indices[number]]
            for axis, start, end, bins in ((1, y1, y2, size[0]), (2, x1, x2, size[1])):
                found = largest_of_bins(found, axis, start, max(end - start + 1, 1), bins)
            y[number] = np.where(np.isneginf(found), 0, found)
        return y

    def cost(self, d: Match) -> Cost:
        """One comparison for each element: every box may be the whole image."""
        return Cost(0, d.n * d.c * d.h * d.w)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Square and other results, scaled boxes."""
        image = Sample((3,), "int64", high=2)
        yield cls(output_size=3), (2, 4, 6, 7), (3, 4), image
        yield cls(output_size=(5, 6), spatial_scale=2.5), (2, 4, 8, 7), (3, 4), image

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both ends count; bins share an element; halves are rounded up; outside is 0."""
        x = np.array([[[[-5.0, -4.0, -3.0, -2.0]]]])
        first, box = np.array([0]), np.array([[0.0, 0.0, 2.0, 0.0]])
        yield cls(output_size=1), (x, box, first), [[[[-3]]]]
        yield cls(output_size=(1, 2)), (x, box, first), [[[[-4, -3]]]]
        half = cls(output_size=(1, 1), spatial_scale=0.5)
        yield half, (x, np.array([[0.0, 0, 3, 0]]), first), [[[[-3]]]]
        yield cls(output_size=(1, 2)), (x, np.array([[3.0, 0, 4, 0]]), first), [[[[-2, 0]]]]


def grid_of(d: Match, size: Sizes) -> dict[str, Any]:
    """Names for rows and columns of a box's result; the image must not be empty."""
    for name, number in (("height", d.h), ("width", d.w)):
        d.require("<=", 1, number, f"1 and the {name} of x")
    rows, columns = spread(size, 2, "output_size")
    return {"oh": rows, "ow": columns}


def check_scale(scale: float) -> None:
    """Refuse a scale that is no positive number."""
    if not (math.isfinite(scale) and scale > 0):
        raise Mistake(f"spatial_scale is {scale}; it must be a positive number")


def half_away(value: float) -> int:
    """The nearest whole number; halves away from zero, as C's round."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def largest_of_bins(x: Array, axis: int, start: int, length: int, bins: int) -> Array:
    """The largest element of each bin along one axis; -inf for an empty one."""
    size = x.shape[axis]
    parts = []
    for i in range(bins):
        low, high = start + i * length // bins, start - (-(i + 1) * length // bins)
        part = np.take(x, range(min(max(low, 0), size), min(max(high, 0), size)), axis)
        parts.append(part.max(axis, initial=-np.inf))
    return np.stack(parts, axis)
