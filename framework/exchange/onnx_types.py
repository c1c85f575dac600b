"""Types in ONNX's words and back: codes of dtypes, and sizes as the texts of a dim_param.

Every size that is no number has one text, and every text stands for one size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorShapeProto, TypeProto, helper

from framework.exchange.rules.wires import NARROW
from framework.ir.dims import Dim, Shape, Size, Symbols, symbols_of
from framework.ir.types import DTYPES, TensorType

CODES: dict[str, int] = {
    dtype: int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype))) for dtype in DTYPES
} | {name: code for code, name in NARROW.items()}
"""ONNX's number for each of our dtypes, and for narrow kinds, which lie between two casts."""

NAMES: dict[int, str] = {code: dtype for dtype, code in CODES.items()}
"""The inverse of `CODES`."""

NOBODY_KNOWS = "unknown"


class SizeTexts:
    """The texts of all sizes of one model; further symbols for what ONNX cannot infer."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = Symbols()  # the same atoms, so that arithmetic goes on; own names
        self.symbols.atoms = symbols.atoms
        self.symbols.records = dict(symbols.records)
        self.symbols.sizes = dict(symbols.sizes)
        self.texts: dict[Dim, str] = {}
        self.sizes: dict[str, Dim] = {}
        self.unknown: set[str] = set()

    def text(self, size: Dim) -> str:
        """``B``, ``ceil(H/2)``; numbered where another size is printed alike."""
        if size not in self.texts:
            base = text = str(size)
            number = 1
            while text in self.sizes:  # such as two formulas too long to print
                number += 1
                text = f"{base} #{number}"
            self.texts[size], self.sizes[text] = text, size
        return self.texts[size]

    def fresh(self) -> Size:
        """A symbol for a size that cannot be told before the model runs."""
        name = f"{NOBODY_KNOWS}_{len(self.unknown) + 1}"
        self.unknown.add(name)
        return self.symbols.declare(name, minimum=0)

    def is_known(self, size: Size) -> bool:
        """Is it made of the model's own symbols?"""
        return self.unknown.isdisjoint(symbols_of(size))

    # ------------------------------------------------------------------ to ONNX and back

    def proto(self, dtype: str, shape: Sequence[Size] | None, *, strict: bool = False) -> TypeProto:
        """A tensor type; with ``strict`` the sizes that nobody knows are left open."""
        if shape is None:
            return helper.make_tensor_type_proto(CODES[dtype], None)
        sizes = [self._dim(size, strict) for size in shape]
        return helper.make_tensor_type_proto(CODES[dtype], sizes)

    def _dim(self, size: Size, strict: bool) -> int | str | None:
        if isinstance(size, int):
            return size
        return None if strict and not self.is_known(size) else self.text(size)

    def shape(self, proto: TypeProto) -> Shape | None:
        """The shape of a tensor type; None where even the number of axes is open."""
        tensor = proto.tensor_type
        return tuple(map(self._size, tensor.shape.dim)) if tensor.HasField("shape") else None

    def _size(self, dim: TensorShapeProto.Dimension) -> Size:
        if dim.HasField("dim_value"):
            return int(dim.dim_value)
        found = self.sizes.get(dim.dim_param) if dim.HasField("dim_param") else None
        return self.fresh() if found is None else found


def fits(found: Shape | None, wanted: TensorType) -> bool:
    """May a tensor of the shape that ONNX infers be one of ours?  Only numbers are compared."""
    if found is None:
        return True
    if len(found) != wanted.rank:
        return False
    pairs = zip(found, wanted.shape, strict=True)
    return all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))
