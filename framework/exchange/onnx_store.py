"""Weights in the ONNX file, or beside it where they are large; both files appear whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from framework.errors import InputError
from framework.exchange.onnx_types import CODES
from framework.ir.op import Array

Write = Callable[[Path, Callable[[BinaryIO], None]], None]
"""Writes a file whole or not at all, by a function that gets the open file."""

SMALLEST = 1024
"""Bytes from which a tensor may stand outside: shapes and other constants stay inside."""
ALIGNMENT = 4096
"""Tensors outside start at multiples of it, so that they can be mapped into memory."""
LARGEST_INSIDE = 1_500_000_000
"""Bytes of weights up to which one file is written; a protocol buffer ends at 2 GB."""


@dataclass(frozen=True)
class Stored:
    """One tensor outside: its name and where it stands in the data file."""

    name: str
    array: Array
    offset: int


def is_large(array: Array) -> bool:
    """May it stand outside?"""
    return array.nbytes >= SMALLEST


def needs_outside(arrays: Mapping[str, Array]) -> bool:
    """Are the weights too large for one file?"""
    return sum(array.nbytes for array in arrays.values()) > LARGEST_INSIDE


def inside(name: str, array: Array) -> TensorProto:
    """A tensor with its contents."""
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def typed(name: str, array: Array) -> TensorProto:
    """A tensor without contents."""
    return TensorProto(name=name, data_type=CODES[str(array.dtype)], dims=array.shape)


def placed(arrays: Mapping[str, Array]) -> Iterator[Stored]:
    """Where each large tensor stands in the data file."""
    offset = 0
    for name, array in arrays.items():
        yield Stored(name, array, offset)
        offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT


def outside(stored: Stored, location: str) -> TensorProto:
    """A tensor that refers to the data file."""
    tensor = typed(stored.name, stored.array)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": stored.offset, "length": stored.array.nbytes}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def data_path(path: Path) -> Path:
    """The data file of a model file: ``vit.onnx.data``."""
    return path.with_name(f"{path.name}.data")


def write_data(path: Path, stored: list[Stored], write: Write) -> None:
    """Write the data file, one tensor after another."""

    def fill(file: BinaryIO) -> None:
        for item in stored:
            file.seek(item.offset)
            little = item.array.dtype.newbyteorder("<")
            file.write(np.ascontiguousarray(item.array, little).data)

    write(path, fill)


def write_model(path: Path, model: ModelProto, write: Write) -> None:
    """Write the model file; InputError where it is more than a protocol buffer can hold."""
    try:
        content = model.SerializeToString()
    except ValueError as error:
        hint = "write the weights beside it: --external"
        raise InputError(
            f"{path}: the model does not fit one file: {error}\n  hint: {hint}"
        ) from None

    def fill(file: BinaryIO) -> None:
        file.write(content)

    write(path, fill)
