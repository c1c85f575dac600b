"""An ONNX file as it lies on disk, read with bounds.

Source: onnx.proto (IR version 13), IR.md of the ONNX specification.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.errors import InputError, require
from framework.limits import ONNX_BYTES


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
    require("onnx", "reading .onnx")
    try:
        if not file.is_file() and file.exists():
            raise InputError(f"{path} is no file")
        size = file.stat().st_size
        if size > ONNX_BYTES:
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
