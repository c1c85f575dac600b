"""Models in the formats of others: `.onnx`, and PyTorch source as `.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from framework.errors import InputError, RunError, require
from framework.exchange import FORMATS, Format
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.passes.infer import retype
from framework.runtime.files import write_atomically

Weights = Callable[[], Mapping[str, Array]]
"""The weights by name, read or drawn only where the format stores them."""


@dataclass(frozen=True)
class Export:
    """What was written: the files, their bytes, and facts about them in order of interest."""

    paths: tuple[Path, ...]
    format: str
    bytes: int
    facts: Mapping[str, int]


def export(
    graph: Graph,
    weights: Weights,
    path: str | os.PathLike[str],
    *,
    sizes: Mapping[str, int] | None = None,
    opset: int | None = None,
    external: bool = False,
) -> Export:
    """Write a graph in the format of the file's suffix; all files appear whole or not at all.

    Sizes in ``sizes``, which must be legal, become numbers, the others stay symbolic.  ``opset``
    and ``external`` are for ONNX.  Raises `InputError` for a format that does not exist, a package
    that is missing, and operators that the format cannot express; `RunError` where a file cannot
    be written.
    """
    file = Path(path)
    format_ = checked_format(file)
    check_options(file, opset, external)
    sized = retype(graph, {**sizes}) if sizes else graph
    try:
        if file.suffix.lower() == ".onnx":
            return export_onnx(sized, weights(), file, opset, external)
        return export_torch(sized, file, format_)
    except OSError as error:
        raise RunError(f"'{file}' cannot be written: {error.strerror or error}") from error


def checked_format(file: Path) -> Format:
    """The format of a file to write; InputError where it cannot be written."""
    format_ = FORMATS.get(file.suffix.lower())
    if format_ is None:
        listed = ", ".join(f"{suffix} ({found.title})" for suffix, found in FORMATS.items())
        what = f"the suffix '{file.suffix}'" if file.suffix else "no suffix"
        raise InputError(f"'{file}' has {what}, which is no format\n  hint: formats: {listed}")
    if file.is_dir():
        raise InputError(f"{file}: is a folder\n  hint: name a file in it")
    if not file.parent.is_dir():
        raise InputError(f"there is no folder '{file.parent}' for '{file.name}'")
    if format_.package is not None:
        require(format_.package, f"writing {file.suffix}")
    return format_


def check_options(file: Path, opset: int | None, external: bool) -> None:
    """Refuse options of ONNX for other formats."""
    if file.suffix.lower() == ".onnx":
        return
    for name, given in (("opset", opset is not None), ("external", external)):
        if given:
            raise InputError(f"{name} is for .onnx, not for '{file.name}'")


def export_onnx(
    graph: Graph, weights: Mapping[str, Array], file: Path, opset: int | None, external: bool
) -> Export:
    """ONNX with its weights."""
    from framework.exchange.onnx_writer import write_onnx

    package = import_module("framework")  # the root imports every layer; none imports it
    found = write_onnx(
        graph,
        weights,
        file,
        write=write_atomically,
        opset=opset,
        external=external,
        version=package.__version__,
    )
    facts = {"opset": found.opset, "nodes": found.nodes, "initializers": found.initializers}
    return Export(found.paths, "ONNX", found.bytes, facts)


def export_torch(graph: Graph, file: Path, format_: Format) -> Export:
    """PyTorch source; its weights are those of `Model.save_weights`."""
    from framework.exchange.torch_writer import write_torch

    content = write_torch(graph, graph.name).encode()
    write_atomically(file, writing(content))
    return Export((file,), format_.title, len(content), {"lines": content.count(b"\n")})


def writing(content: bytes) -> Callable[[BinaryIO], None]:
    """A function that writes these bytes."""

    def write(out: BinaryIO) -> None:
        out.write(content)

    return write
