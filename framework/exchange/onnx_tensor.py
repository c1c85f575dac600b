"""The stored tensors of an ONNX file as arrays; sizes and places are checked before use.

Kinds of element that NumPy does not have come as wider ones with the same values.
Source: onnx.proto (IR version 13) and ExternalData.md of the ONNX specification.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from framework.exchange.rules.wires import NARROW, Refused, dtype_of
from framework.ir.op import Array
from framework.limits import ARRAY_AXES, ONNX_ELEMENTS
from framework.numerics.narrow import KINDS, decoded, unpacked

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


def dims_of(tensor: Any) -> tuple[int, ...]:
    """The shape of a stored tensor, dense or sparse, checked."""
    what = f"tensor '{getattr(tensor, 'name', '')}'"
    if len(tensor.dims) > ARRAY_AXES:
        raise Refused(f"{what} has {len(tensor.dims):,} axes; at most {ARRAY_AXES} work")
    dims = tuple(int(size) for size in tensor.dims)
    if any(size < 0 for size in dims):
        raise Refused(f"{what} has the shape {list(dims)}; a size is at least 0")
    if math.prod(dims) > ONNX_ELEMENTS:
        raise Refused(f"{what} has {math.prod(dims):,} elements; at most {ONNX_ELEMENTS:,}")
    return dims


def tensor_array(tensor: Any, folder: Path | None) -> Array:
    """The elements of a stored tensor, read-only; raises `Refused` for what is damaged."""
    dtype, dims = dtype_of(tensor.data_type), dims_of(tensor)
    narrow = NARROW.get(tensor.data_type)
    if tensor.data_location == 1:
        data = external(tensor, byte_count(dtype, narrow, dims), folder)
    elif tensor.HasField("raw_data"):
        data = tensor.raw_data
    else:
        return listed(tensor, dtype, narrow, dims)
    if len(data) != byte_count(dtype, narrow, dims):
        raise miscounted(tensor.name, len(data), dims, "bytes")
    return raw(data, dtype, narrow, dims)


def byte_count(dtype: str, narrow: str | None, dims: tuple[int, ...]) -> int:
    """Bytes of a tensor; narrow elements fill them together."""
    bits = 8 * np.dtype(dtype).itemsize if narrow is None else KINDS[narrow].bits
    return -(-math.prod(dims) * bits // 8)


def raw(data: bytes, dtype: str, narrow: str | None, dims: tuple[int, ...]) -> Array:
    """Elements as little-endian bytes."""
    if narrow is not None:
        fields = np.frombuffer(data, "<u2" if KINDS[narrow].bits == 16 else "u1")
        return widened(fields, narrow, dims)
    if dtype == "bool":
        return np.frombuffer(data, "u1").astype(bool).reshape(dims)
    kind = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(data, kind).astype(dtype, copy=False).reshape(dims)


def widened(fields: Array, narrow: str, dims: tuple[int, ...]) -> Array:
    """Bytes, or units of 16 bits, that hold narrow elements."""
    bits, count = KINDS[narrow].bits, math.prod(dims)
    codes = fields if bits >= 8 else unpacked(fields, bits, count)
    return decoded(codes, narrow).reshape(dims)


def listed(tensor: Any, dtype: str, narrow: str | None, dims: tuple[int, ...]) -> Array:
    """Elements as a list of numbers; those of 16 bits and fewer are given by their bits."""
    values = getattr(tensor, FIELDS.get(dtype, "int32_data") if narrow is None else "int32_data")
    bits = 16 if narrow is None else KINDS[narrow].bits
    if len(values) != (math.prod(dims) if bits >= 8 else byte_count(dtype, narrow, dims)):
        raise miscounted(tensor.name, len(values), dims, "entries")
    try:
        if narrow is not None:
            return widened(np.array(values, "uint16" if bits == 16 else "uint8"), narrow, dims)
        if dtype == "float16":
            return np.array(values, "uint16").view("float16").reshape(dims)
        return np.array(values, dtype).reshape(dims)
    except OverflowError as error:
        what = narrow if narrow is not None else dtype
        raise Refused(f"tensor '{tensor.name}' holds what no {what} can: {error}") from None


def miscounted(name: str, count: int, dims: tuple[int, ...], what: str) -> Refused:
    """The elements do not fill the shape."""
    return Refused(f"tensor '{name}' holds {count:,} {what}, which is not the shape {list(dims)}")


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


def external(tensor: Any, count: int, folder: Path | None) -> bytes:
    """So many bytes of another file in the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    place = confined(entries.get("location", ""), folder, tensor.name)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", count))
    except ValueError:
        raise Refused(f"tensor '{tensor.name}': offset and length must be numbers") from None
    if not 0 <= offset < 1 << 63:
        raise Refused(f"tensor '{tensor.name}' lies at {offset}, which is no place in a file")
    if length != count:
        raise Refused(f"tensor '{tensor.name}' is {length:,} bytes; its shape needs {count:,}")
    try:
        with place.open("rb") as file:
            file.seek(offset)
            data = file.read(count) if offset + count <= place.stat().st_size else b""
    except OSError as error:
        raise Refused(f"tensor '{tensor.name}': {place.name}: {error.strerror}") from None
    if len(data) != count:
        raise Refused(f"tensor '{tensor.name}': {place.name} ends before its {count:,} bytes")
    return data


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
