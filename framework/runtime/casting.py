"""Which dtypes turn into which without a word: where nothing is lost, and float64 to float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.errors import Mistake
from framework.ir.op import Array


def as_array(value: Any, dtype: str) -> Array:
    """What a user gives as an array; whole numbers in lists may stand for floats."""
    array = np.asarray(value)
    if not hasattr(value, "dtype") and array.dtype.kind in "iu" and np.dtype(dtype).kind == "f":
        return array.astype(np.float64)
    return array


def cast(array: Array, dtype: str) -> Array:
    """The array in this dtype, the same one where it has it already.

    Whole numbers go to a narrower type if all of them fit.  Raises `Mistake` for a conversion
    that loses something.
    """
    wanted = np.dtype(dtype)
    if np.can_cast(array.dtype, wanted, "safe"):
        return array.astype(wanted, copy=False)
    if array.dtype.kind in "iu" and wanted.kind in "iu":
        return narrowed(array, wanted)
    if array.dtype == np.float64 and wanted == np.float32:
        return rounded(array, wanted)
    raise Mistake(
        f"is {array.dtype}; the model says {wanted}", hint=f"convert it with .astype('{wanted}')"
    )


def narrowed(array: Array, wanted: np.dtype[Any]) -> Array:
    """Whole numbers in another width or sign; refused where one does not fit."""
    limits = np.iinfo(wanted)
    for number in (int(array.min()), int(array.max())) if array.size else ():
        if not limits.min <= number <= limits.max:
            raise Mistake(f"holds {number}, which the model's {wanted} cannot hold")
    return array.astype(wanted)


def rounded(array: Array, wanted: np.dtype[np.generic]) -> Array:
    """Floats in a narrower type; refused where a finite one would become infinite."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = array.astype(wanted)
    lost = np.isinf(narrow) & np.isfinite(array)
    if lost.any():
        raise Mistake(f"holds {array[lost][0]}, which the model's {wanted} cannot hold")
    return narrow
