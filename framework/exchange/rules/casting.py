"""ONNX rules of dtypes, constants and stored tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.ir.dims import Dim
from framework.ir.op import Op
from framework.ops.constant import leaves, nested_shape


@writes("cast")
def write_cast(w: Out, op: Any, x: Sent) -> Sent:
    """ONNX leaves open what floats beyond the range of whole numbers become."""
    return w.add("Cast", x, to=op.dtype)


@reads("Constant")
def read_constant(n: Call) -> Wire:
    """A tensor, or a number or list."""
    if n.has("value"):
        return n.constant(n.array_attribute("value"))
    for word, dtype in (("float", np.float32), ("int", np.int64)):
        for name in (f"value_{word}", f"value_{word}s"):
            if n.has(name):
                return n.constant(np.asarray(n.attributes[name], dtype))
    raise Refused(f"Constant with {', '.join(n.attributes) or 'no value'} is not supported")


@writes("constant")
def write_constant(w: Out, op: Any) -> Sent:
    """Stored, or computed from symbolic sizes."""
    entries = tuple(leaves(op.value))
    if not any(isinstance(entry, Dim) for entry in entries):
        return w.constant(np.asarray(op.value, op.dtype))
    shape: Any = nested_shape(op.value)
    sizes = w.sizes(entries)
    return w.cast(sizes if len(shape) == 1 else w.add("Reshape", sizes, w.ints(shape)), op.dtype)


@writes("parameter")
def write_parameter(w: Out, op: Op, value: Sent) -> Sent:
    """The stored tensor itself."""
    return value
