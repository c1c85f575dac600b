"""Examples of `resize`, and results checked by hand."""

from __future__ import annotations

from typing import Any

from framework.ir.op import Sample

EXAMPLES: tuple[tuple[dict[str, Any], Any], ...] = (
    ({"scales": 2.0, "axes": (2, 3)}, (2, 3, 4, 5)),
    ({"scales": (1.5, 0.5), "axes": (-1, 1), "nearest_mode": "floor"}, (2, 6, 4)),
    (
        {"sizes": (7, 3), "axes": (2, 3), "coordinates": "align_corners", "mode": "linear"},
        (2, 3, 4, 5),
    ),
    (
        {"sizes": (2, 3, 9), "mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": True},
        (2, 3, 5),
    ),
    (
        {
            "scales": 0.6,
            "axes": (0, 1),
            "mode": "cubic",
            "antialias": True,
            "coordinates": "asymmetric",
        },
        (7, 9),
    ),
    (
        {"scales": 0.4, "axes": 1, "mode": "linear", "coordinates": "half_pixel_symmetric"},
        (3, 8),
    ),
    (
        {
            "sizes": (7, 8),
            "axes": (2, 3),
            "keep_aspect_ratio": "not_larger",
            "nearest_mode": "ceil",
        },
        (2, 3, 4, 5),
    ),
    (
        {"sizes": (7, 8), "axes": (1, 0), "keep_aspect_ratio": "not_smaller", "mode": "linear"},
        (3, 5),
    ),
    (
        {
            "sizes": (3, 4),
            "axes": (2, 3),
            "mode": "linear",
            "coordinates": "tf_crop_and_resize",
            "roi": (0.4, 0.6, 0.6, 1.5),
            "extrapolation_value": 7.0,
        },
        (2, 3, 5, 6),
    ),
    ({"sizes": (1,), "axes": 1, "coordinates": "pytorch_half_pixel", "mode": "linear"}, (3, 8)),
    (
        {"scales": 2.5, "axes": 0, "nearest_mode": "round_prefer_ceil"},
        Sample((3, 2), "int64", 0, 9),
    ),
)
"""Attributes and input."""

PAIR, RAMP = (0.0, 4.0), (0.0, 1.0, 2.0, 3.0)

CROP = {"mode": "linear", "coordinates": "tf_crop_and_resize", "extrapolation_value": 9.0}

# Triangles of width 2 around 0.5 and 2.5, cut at the edge: weights 1/8, 3/8, 3/8, 1/8, the one
# outside on the element at the edge, or on nobody.
SMOOTH = {"scales": 0.5, "mode": "linear", "antialias": True}

# 0.6 of 4 is 2.4, of which 2 results are left.
SHRUNK = {"scales": 0.6, "mode": "linear"}

# At 1/2 past an element the weights on either side are a/8 and 1/2 - a/8.
CUBIC = {
    "scales": (2.0,),
    "mode": "cubic",
    "coordinates": "asymmetric",
    "cubic_coeff_a": -0.5,
}

GOLDENS: tuple[tuple[dict[str, Any], Any, Any], ...] = (
    ({"scales": 2.0}, PAIR, [0, 0, 4, 4]),
    ({"scales": 2.0, "mode": "linear"}, PAIR, [0, 1, 3, 4]),
    ({"scales": 2.0, "mode": "linear", "coordinates": "asymmetric"}, PAIR, [0, 2, 4, 4]),
    ({"sizes": (5,), "mode": "linear", "coordinates": "align_corners"}, PAIR, [0, 1, 2, 3, 4]),
    # 5/3 apart, the first at 1/3; aligned at 0 and 3/(2.4 - 1); symmetric 4/2*(1 - 2/2.4) later.
    (SHRUNK, RAMP, [1 / 3, 2]),
    (SHRUNK | {"coordinates": "align_corners"}, RAMP, [0, 15 / 7]),
    (SHRUNK | {"coordinates": "half_pixel_symmetric"}, RAMP, [2 / 3, 7 / 3]),
    ({"sizes": (1,), "mode": "linear"}, RAMP, [1.5]),
    ({"sizes": (1,), "mode": "linear", "coordinates": "pytorch_half_pixel"}, RAMP, [0]),
    # Positions 0.5 and 2.5, which each of the four ways rounds on its own.
    ({"scales": 0.5, "nearest_mode": "round_prefer_floor"}, RAMP, [0, 2]),
    ({"scales": 0.5, "nearest_mode": "round_prefer_ceil"}, RAMP, [1, 3]),
    ({"scales": 0.5, "nearest_mode": "floor"}, RAMP, [0, 2]),
    ({"scales": 0.5, "nearest_mode": "ceil"}, RAMP, [1, 3]),
    ({"scales": 0.7}, (0.0,) * 10, [0] * 7),
    (CROP | {"sizes": (3,), "roi": (0.5, 1.5)}, RAMP, [1.5, 3, 9]),
    (CROP | {"sizes": (1,), "roi": (0.0, 1.0)}, RAMP, [1.5]),
    (SMOOTH, RAMP, [5 / 8, 19 / 8]),
    (SMOOTH | {"exclude_outside": True}, RAMP, [5 / 7, 16 / 7]),
    (CUBIC, (0.0, 0.0, 16.0), [0, -1, 0, 8, 16, 17]),
    ({"sizes": (2, 2), "keep_aspect_ratio": "not_larger"}, [[0.0] * 6] * 4, [[0, 0]]),
    ({"sizes": (2, 2), "keep_aspect_ratio": "not_smaller"}, [[0.0] * 6] * 4, [[0] * 3] * 2),
)
"""Attributes, input and result."""
