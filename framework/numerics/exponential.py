"""The exponential function by the faster one of NumPy's: ``exp(x) = power(x * RATE)``.

Where NumPy has vector code for AVX-512, exp2 takes 0.37 ns for an element in single precision
and is wrong by one unit in the last place, exp takes 0.59 and 2.4 units.  Without it exp2 is
computed element by element: 3.7 ns with AVX2, where exp takes 1.6.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

WIDE = frozenset({"AVX512_SKX", "X86_V4"})
"""NumPy's names for AVX-512, in older versions and in newer ones."""


def is_wide() -> bool:
    """Does NumPy use AVX-512 on this processor?"""
    shown: Any = np.show_config(mode="dicts")
    return not WIDE.isdisjoint(shown.get("SIMD Extensions", {}).get("found", ()))


BY_TWO = is_wide()

power = np.exp2 if BY_TWO else np.exp

RATE = 1 / log(2) if BY_TWO else 1.0
"""What an exponent is multiplied by before `power`, best in a factor that it has anyway."""
