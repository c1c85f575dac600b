"""The watch for NaN and infinity: which node made the first, and from what.

NaN is always an alarm.  Infinity is one unless the node was given it: as an argument, or as an
attribute, like the ``-inf`` of a mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from framework.errors import RunError
from framework.ir.op import Array, Op
from framework.runtime.execute import Watch, node_text
from framework.runtime.plan import Call, labels


def watch_finite(inputs: Mapping[str, Array], weights: Mapping[str, Array]) -> Watch:
    """A watch for one run; raises RunError at once for a NaN in what the run starts from.

    Infinity in there may be meant, as in a mask; it is only mentioned if something goes wrong.
    """
    suspects = [*suspicious("input", inputs), *suspicious("weight", weights)]
    if any(is_nan(array) for array in (*inputs.values(), *weights.values())):
        raise RunError("\n".join(suspects))

    def watch(call: Call, arrays: Sequence[Any], results: Sequence[Array]) -> None:
        for array in results:
            if is_float(array) and not np.isfinite(array).all():
                judge(call, arrays, array, suspects)

    return watch


def suspicious(what: str, named: Mapping[str, Array]) -> Iterator[str]:
    """What is not finite before the run: ``input 'x' holds 1 NaN among ...``."""
    for name, array in named.items():
        if bad := bad_text(array):
            yield f"{what} '{name}' {bad} before the run"


def judge(call: Call, arrays: Sequence[Any], result: Array, suspects: Sequence[str]) -> None:
    """Raise RunError for a result that is not finite, unless its infinities were given."""
    op = call.node.op
    excused = has_infinity(op, result.dtype) or any(
        is_float(array) and np.isinf(array).any() for _, array in labels(op, arrays)
    )
    if excused and not is_nan(result):
        return
    lines = [f"\n  {label}: {range_text(array)}" for label, array in labels(op, arrays)]
    lines += [f"\n  note: {suspect}" for suspect in suspects]
    head = f"{node_text(call.node)} gave a result that {bad_text(result)}"
    raise RunError(f"{head}{''.join(lines)}")


def is_float(array: Array) -> bool:
    """Can it hold NaN or infinity?"""
    return bool(array.dtype.kind == "f")


def is_nan(array: Array) -> bool:
    """Does it hold a NaN?"""
    return is_float(array) and bool(np.isnan(array).any())


def bad_text(array: Array) -> str | None:
    """``holds 2 NaN and 1 inf among 6 values, the first at [0, 1]``; None where all is finite."""
    if not is_float(array):
        return None
    bad = ~np.isfinite(array)
    if not bad.any():
        return None
    counts = {
        "NaN": np.isnan(array).sum(),
        "inf": np.isposinf(array).sum(),
        "-inf": np.isneginf(array).sum(),
    }
    found = " and ".join(f"{count} {word}" for word, count in counts.items() if count)
    first = [int(index[0]) for index in np.nonzero(np.atleast_1d(bad))][: array.ndim]
    return f"holds {found} among {array.size} values, the first at {first}"


def range_text(array: Array) -> str:
    """``float32[2, 3] from -1 to 3.5``, of the finite values; then those that are not."""
    text = f"{array.dtype}{list(array.shape)}"
    finite = array[np.isfinite(array)]
    if finite.size and array.dtype.kind != "b":
        text += f" from {finite.min():.6g} to {finite.max():.6g}"
    bad = bad_text(array)
    return f"{text}, {bad}" if bad else text


def has_infinity(op: Op, dtype: np.dtype[np.generic]) -> bool:
    """Is an attribute infinite in this dtype (as -1e9 is in float16)?"""
    with np.errstate(over="ignore"):
        return any(bool(np.isinf(np.float64(x).astype(dtype))) for x in reals(op.values))


def reals(values: Mapping[str, Any]) -> Iterator[float]:
    """The floats among attribute values, also in tuples of tuples."""
    rest = list(values.values())
    while rest:
        value = rest.pop()
        if isinstance(value, tuple):
            rest += value
        elif isinstance(value, float):
            yield value
