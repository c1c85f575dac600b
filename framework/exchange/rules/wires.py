"""`Wire`: a value while a model is imported, with what is known of it; kinds of element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.errors import Mistake
from framework.ir.dims import Shape
from framework.ir.graph import Value
from framework.ir.op import Array
from framework.ir.types import TensorType
from framework.numerics.narrow import wider

DTYPES: Mapping[int, str] = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
"""TensorProto.DataType of the kinds of element that we have."""

NARROW: Mapping[int, str] = {
    16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2",
    20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0",
    25: "uint2", 26: "int2",
}  # fmt: skip
"""Kinds of element that come as wider ones: float32, int8, uint8."""

OTHER = {
    0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 27: "float6e2m3",
    28: "float6e3m2",
}  # fmt: skip


class Refused(Mistake):
    """Something of an ONNX model that cannot be imported; the reader adds the node."""

    code = "import"


class Unknown(Refused):
    """A rule needs the contents of an input, and they are not known before the model runs."""

    def __init__(self, index: int) -> None:
        hint = "constants, shapes and what is computed from them are known"
        super().__init__(f"input {index} must be known when the model is imported", hint=hint)
        self.index = index


@dataclass(frozen=True, eq=False)
class Wire:
    """One tensor: where it comes from, its type, and its contents as far as they are known.

    ``kind`` is the narrow kind of element that it has in the ONNX model, if it has one: all its
    values are numbers of that kind.  ``array`` is a constant.  ``sizes`` are whole numbers that
    depend on the symbolic sizes of the inputs: an object array of ints and `Dim`s, as a shape
    computed from shapes is.
    """

    type: TensorType
    value: Value | None = None
    array: Array | None = field(default=None, repr=False)
    sizes: Array | None = field(default=None, repr=False)
    name: str = ""
    kind: str = ""

    @property
    def shape(self) -> Shape:
        """Sizes along the axes, ints or symbolic."""
        return self.type.shape

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.type.shape)

    @property
    def dtype(self) -> str:
        """Kind of element."""
        return self.type.dtype

    @property
    def contents(self) -> Array | None:
        """What is known: the constant, or the symbolic whole numbers."""
        return self.sizes if self.array is None else self.array


def dtype_of(code: int) -> str:
    """The dtype for a kind of element; raises `Refused` for one that we do not have."""
    if code in NARROW:
        return wider(NARROW[code])
    if code not in DTYPES:
        raise Refused(f"{OTHER.get(code, f'the kind of element {code}')} is not supported")
    return DTYPES[code]
