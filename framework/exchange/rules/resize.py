"""ONNX rules of resampling along axes: Resize in all its versions, and Upsample."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.ir.dims import Size
from framework.ir.op import spread
from framework.ops.resize import Resize
from framework.ops.upsample import Upsample, fraction

OLD = {"coordinates": "asymmetric", "nearest_mode": "floor"}
"""What Upsample and the first Resize do, which have no words for it."""

# ------------------------------------------------------------------ reading


@reads("Upsample")
def read_upsample(n: Call) -> Wire:
    """Scales were attributes once; bilinear is an old word for linear."""
    if n.opset < 7:
        scales = [1.0, 1.0, n.real("height_scale"), n.real("width_scale")]
    elif n.opset < 9:
        scales = list(n.reals("scales"))
    else:
        scales = written(n.known(1))
    return scaled(n, range(n[0].rank), scales, OLD | {"mode": mode(n)})


@reads("Resize")
def read_resize(n: Call) -> Wire:
    """Scales or sizes, of all axes or of some; axes that stay as they are are left out."""
    if n.opset < 11:
        return scaled(n, range(n[0].rank), written(n.known(1)), OLD | {"mode": mode(n)})
    x, words = n[0], read_words(n)
    axes = [axis % x.rank for axis in n.ints("axes", tuple(range(x.rank)))]
    if words["coordinates"] == "tf_crop_and_resize":
        words["roi"] = written(n.known(1))
    if present(n, 2):
        return scaled(n, axes, written(n.known(2)), words)
    if not present(n, 3):
        raise Refused("Resize has neither scales nor sizes")
    sizes = n.sizes(3)
    policy = n.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch" and "roi" not in words:
        kept = [i for i, axis in enumerate(axes) if sizes[i] != x.shape[axis]]
        axes, sizes = [axes[i] for i in kept], [sizes[i] for i in kept]
    rest = {"sizes": sizes, "axes": axes, "keep_aspect_ratio": policy}
    return n.add("resize", x, **rest, **words) if axes else x


def read_words(n: Call) -> dict[str, Any]:
    """The attributes that say how."""
    return {
        "mode": mode(n),
        "coordinates": n.text("coordinate_transformation_mode", "half_pixel"),
        "nearest_mode": n.text("nearest_mode", "round_prefer_floor"),
        "cubic_coeff_a": n.real("cubic_coeff_a", -0.75),
        "exclude_outside": n.flag("exclude_outside"),
        "antialias": n.flag("antialias"),
        "extrapolation_value": n.real("extrapolation_value", 0.0),
    }


def mode(n: Call) -> str:
    """The kernel."""
    word: str = n.text("mode", "nearest")
    return {"bilinear": "linear"}.get(word, word)


def present(n: Call, index: int) -> bool:
    """Is there an input with something in it?"""
    return n[index] is not None and n[index].shape != (0,)


def written(numbers: Any) -> list[float]:
    """Single precision as it is written: 0.7, not 0.699999988."""
    return [float(str(number)) for number in np.asarray(numbers).reshape(-1)]


def scaled(n: Call, axes: Sequence[int], scales: Sequence[float], words: dict[str, Any]) -> Wire:
    """A resize by scales; scales of 1 are left out."""
    x: Wire = n[0]
    if len(scales) != len(axes):
        raise Refused(f"{len(scales)} scales are given for {len(axes)} axes")
    kept = [i for i in range(len(axes)) if "roi" in words or scales[i] != 1]
    chosen = {"axes": [axes[i] for i in kept], "scales": [scales[i] for i in kept]}
    return n.add("resize", x, **chosen, **words) if kept else x


# ------------------------------------------------------------------ writing


@writes("resize")
def write_resize(w: Out, op: Resize, x: Sent) -> Any:
    """All axes are listed: earlier versions know no others."""
    axes = op.along(x.rank)
    if op.coordinates == "half_pixel_symmetric" and w.opset < 19:
        raise Refused(f"coordinates half_pixel_symmetric need opset 19, not {w.opset}")
    attributes: dict[str, Any] = {
        "mode": op.mode,
        "coordinate_transformation_mode": op.coordinates,
        "nearest_mode": op.nearest_mode if op.mode == "nearest" else None,
        "cubic_coeff_a": op.cubic_coeff_a if op.mode == "cubic" else None,
        "exclude_outside": int(op.exclude_outside) or None,
        "extrapolation_value": op.extrapolation_value or None,
        "antialias": int(op.antialias) or None,
    }
    inputs: list[Sent | None] = [x, region(w, op, x.rank), None, None]
    if op.sizes is not None and op.keep_aspect_ratio != "stretch":
        inputs[3] = w.sizes(spread(tuple(op.sizes), len(axes), "sizes"))
        attributes |= {"axes": list(axes), "keep_aspect_ratio_policy": op.keep_aspect_ratio}
        return w.add("Resize", *inputs, **attributes, shape=w.types[0].shape)
    factors = exact_factors(op, axes, x.shape)
    if factors is None:
        inputs[3] = w.sizes(w.types[0].shape)
    else:
        every = [single(factors.get(axis, Fraction(1))) for axis in range(x.rank)]
        inputs[2] = w.constant(np.array(every, np.float32))
    return w.add("Resize", *inputs, **attributes, shape=w.types[0].shape)


def exact_factors(
    op: Resize, axes: Sequence[int], shape: Sequence[Size]
) -> dict[int, Fraction] | None:
    """The scales; None where the sizes of the result say the same, and exactly."""
    if op.scales is None:
        return None
    scales = [fraction(scale) for scale in spread(op.scales, len(axes), "scales")]
    pairs = list(zip((shape[axis] for axis in axes), scales, strict=True))
    if all(isinstance(size, int) and (size * s).denominator == 1 for size, s in pairs):
        return None
    return dict(zip(axes, scales, strict=True))


def single(scale: Fraction) -> np.float32:
    """The scale in single precision, not below it: a size that is whole must not lose one."""
    near = np.float32(float(scale))
    return near if Fraction(float(near)) >= scale else np.nextafter(near, np.float32(np.inf))


def region(w: Out, op: Resize, rank: int) -> Sent | None:
    """Starts and ends of all axes."""
    if op.roi is None:
        return None
    axes = op.along(rank)
    given = spread(op.roi, 2 * len(axes), "roi")
    ends = np.array([[0.0] * rank, [1.0] * rank], np.float32)
    ends[:, list(axes)] = np.reshape(given, (2, -1))
    return w.constant(ends.reshape(-1))


@writes("upsample")
def write_upsample(w: Out, op: Upsample, x: Sent) -> Any:
    """The same in the words of `resize`."""
    nearest = op.mode == "nearest"
    if nearest:
        words = ("half_pixel", "round_prefer_ceil") if op.centred else ("asymmetric", "floor")
    else:
        words = ("align_corners" if op.align_corners else "half_pixel", "round_prefer_floor")
    # Where corners are aligned the whole size counts, not size*scale.
    by_size = op.scale is None or op.align_corners
    return w.call(
        "resize",
        x,
        axes=tuple(range(2, x.rank)),
        scales=None if by_size else op.scale,
        sizes=w.types[0].shape[2:] if by_size else None,
        mode="nearest" if nearest else "linear",
        coordinates=words[0],
        nearest_mode=words[1],
    )
