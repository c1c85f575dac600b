"""An ONNX file as it lies on disk: the model, and its tensors as arrays, read with bounds.

Source: onnx.proto (IR version 13), IR.md and ExternalData.md of the ONNX specification.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.errors import InputError
from framework.exchange.rules.wires import Refused, dtype_of
from framework.ir.op import Array

MOST_BYTES = 1 << 31  # what one protobuf message can hold
MOST_ELEMENTS = 1 << 30
MOST_AXES = 32
MOST_DENSE = 1 << 26  # elements of a sparse tensor, zeros included
LONGEST_PATH = 1000

FIELDS = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    "uint32": "uint64_data",
    "uint64": "uint64_data",
}
"""Where elements stand that are not raw; those of all other kinds stand in int32_data."""


@dataclass(frozen=True)
class OnnxFile:
    """A parsed model and the folder that its external data may lie in."""

    proto: Any
    folder: Path | None = None
    name: str = "model.onnx"

    @property
    def opsets(self) -> dict[str, int]:
        """Version of each operator set that the model uses."""
        return {item.domain: item.version for item in self.proto.opset_import}


def open_onnx(path: str | os.PathLike[str]) -> OnnxFile:
    """Read a file; raises `InputError` for one that is missing, too large, or no ONNX model."""
    file = Path(path)
    try:
        if not file.is_file() and file.exists():
            raise InputError(f"{path} is no file")
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{path} has {size:,} bytes; an ONNX file has at most 2 GB")
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} cannot be read: {why}") from None
    return OnnxFile(parse(data, str(path)), file.resolve().parent, str(path))


def parse(data: bytes, name: str) -> Any:
    """The model in these bytes."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, UnicodeDecodeError) as error:
        hint = "\n  hint: export or download the file again"
        raise InputError(f"{name} is no ONNX model, or it is damaged: {error}{hint}") from None
    if not model.HasField("graph"):
        raise InputError(f"{name} is no ONNX model: it holds no graph")
    return model


def dims_of(tensor: Any) -> tuple[int, ...]:
    """The shape of a stored tensor, dense or sparse, checked."""
    what = f"tensor '{getattr(tensor, 'name', '')}'"
    if len(tensor.dims) > MOST_AXES:
        raise Refused(f"{what} has {len(tensor.dims):,} axes; at most {MOST_AXES} work")
    dims = tuple(int(size) for size in tensor.dims)
    if any(size < 0 for size in dims):
        raise Refused(f"{what} has the shape {list(dims)}; a size is at least 0")
    if math.prod(dims) > MOST_ELEMENTS:
        raise Refused(f"{what} has {math.prod(dims):,} elements; at most {MOST_ELEMENTS:,}")
    return dims


def tensor_array(tensor: Any, folder: Path | None) -> Array:
    """The elements of a stored tensor, read-only; raises `Refused` for what is damaged."""
    dtype, dims = dtype_of(tensor.data_type), dims_of(tensor)
    if tensor.data_location == 1:
        return external(tensor, dtype, dims, folder)
    if tensor.HasField("raw_data"):
        return raw(tensor.raw_data, dtype, dims, tensor.name)
    values = getattr(tensor, FIELDS.get(dtype, "int32_data"))
    if len(values) != math.prod(dims):
        raise miscounted(tensor.name, len(values), dims)
    if dtype == "float16":  # stored as the bits of each number
        return np.array(values, "uint16").view("float16").reshape(dims)
    try:
        return np.array(values, dtype).reshape(dims)
    except OverflowError as error:
        raise Refused(f"tensor '{tensor.name}' holds what no {dtype} can: {error}") from None


def raw(data: bytes, dtype: str, dims: tuple[int, ...], name: str) -> Array:
    """Elements as little-endian bytes."""
    kind = np.dtype(dtype).newbyteorder("<")
    if len(data) != math.prod(dims) * kind.itemsize:
        raise miscounted(name, len(data) / kind.itemsize, dims)
    if dtype == "bool":
        return np.frombuffer(data, "u1").astype(bool).reshape(dims)
    return np.frombuffer(data, kind).astype(dtype, copy=False).reshape(dims)


def miscounted(name: str, count: float, dims: tuple[int, ...]) -> Refused:
    """The elements do not fill the shape."""
    return Refused(f"tensor '{name}' holds {count:g} elements; its shape is {list(dims)}")


def sparse_array(sparse: Any, folder: Path | None) -> Array:
    """A sparse tensor written out, with zeros."""
    name, dims = sparse.values.name, dims_of(sparse)
    values = tensor_array(sparse.values, folder)
    places = tensor_array(sparse.indices, folder)
    count = math.prod(dims)
    if count > MOST_DENSE:
        raise Refused(f"the sparse tensor '{name}' has {count:,} elements; at most {MOST_DENSE:,}")
    if places.dtype != "int64" or places.shape not in ((values.size,), (values.size, len(dims))):
        raise Refused(f"the indices of the sparse tensor '{name}' do not fit its values")
    limits = np.array(dims if places.ndim == 2 else count)
    if ((places < 0) | (places >= limits)).any():
        raise Refused(f"the sparse tensor '{name}' has a place outside of {list(dims)}")
    found = np.zeros(dims, values.dtype)
    at = tuple(places.T) if places.ndim == 2 else np.unravel_index(places, dims)
    found[at] = values.reshape(-1)
    return found


def external(tensor: Any, dtype: str, dims: tuple[int, ...], folder: Path | None) -> Array:
    """Elements in another file of the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    place = confined(entries.get("location", ""), folder, tensor.name)
    count = math.prod(dims) * np.dtype(dtype).itemsize
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", count))
    except ValueError:
        raise Refused(f"tensor '{tensor.name}': offset and length must be numbers") from None
    if not 0 <= offset < 1 << 63 or length != count:
        raise miscounted(tensor.name, length / np.dtype(dtype).itemsize, dims)
    try:
        with place.open("rb") as file:
            file.seek(offset)
            data = file.read(length) if offset + length <= place.stat().st_size else b""
    except OSError as error:
        raise Refused(f"tensor '{tensor.name}': {place.name}: {error.strerror}") from None
    if len(data) != length:
        raise Refused(f"tensor '{tensor.name}': {place.name} ends before its {length:,} bytes")
    return raw(data, dtype, dims, tensor.name)


def confined(location: str, folder: Path | None, name: str) -> Path:
    """The file that a tensor names, which must lie in the model's folder, links followed."""
    if folder is None or not location or "\0" in location:
        raise Refused(f"tensor '{name}' lies in another file, which cannot be found")
    if len(location) > LONGEST_PATH:
        raise Refused(f"tensor '{name}' lies in a file of {len(location):,} letters")
    try:
        place = (folder / location).resolve()
    except (OSError, RuntimeError):  # links that lead to themselves
        raise Refused(f"tensor '{name}' lies in {location!r}, which cannot be read") from None
    if not place.is_relative_to(folder.resolve()):
        raise Refused(f"tensor '{name}' lies in {location!r}, outside the model's folder")
    if not place.is_file():
        raise Refused(f"tensor '{name}' lies in {location!r}, which does not exist")
    return place
