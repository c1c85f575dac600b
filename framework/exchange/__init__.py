"""Models in the formats of others, by the suffix of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format of files: what it is, and which module writes it.

    ``package`` is what has to be installed for it, which is also the name of the extra.
    """

    title: str
    writer: str
    package: str | None = None


FORMATS: Mapping[str, Format] = {
    ".onnx": Format("ONNX", "framework.exchange.onnx_writer", "onnx"),
    ".py": Format("PyTorch source", "framework.exchange.torch_writer"),
}
"""The formats that models are exported to, by suffix."""
