"""`import_onnx`: an ONNX model as a YAML file of ours, with its weights beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from framework.api.load import load, loads
from framework.api.model import Model
from framework.errors import InputError, SpecError

if TYPE_CHECKING:
    from framework.passes.recognise import Recognised
from framework.ir.op import Array

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote, and what it made of the ONNX model.

    ``recognised`` lists (name, how often) of patterns that became one operator.
    """

    model: Model
    yaml: Path
    weights: Path | None
    nodes: int
    read: int
    recognised: Sequence[tuple[str, int]]
    inputs: dict[str, str]
    outputs: dict[str, str]


def import_onnx(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    recognise: bool = True,
    force: bool = False,
    dims: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Write ``target`` (YAML) and, where the model has weights, a ``.safetensors`` beside it.

    ``dims`` fix open sizes of the inputs by name; ``recognise=False`` leaves patterns written
    out in primitives as they are.  Raises `InputError` for a file that is damaged, for operators
    that cannot be read (all of them at once), and for a target that exists, unless ``force``.
    """
    from framework.exchange.onnx_file import open_onnx
    from framework.exchange.onnx_reader import read_onnx
    from framework.passes.recognise import recognised
    from framework.spec.write import write

    yaml = checked_target(Path(target), force)
    file = open_onnx(path)
    imported = read_onnx(file, dims=dims, progress=progress)
    graph, weights = imported.graph, imported.weights
    found: Sequence[Recognised] = ()
    read = len(graph)
    if recognise:
        graph, weights, found = recognised(graph, weights)
    stored = yaml.with_suffix(".safetensors") if weights else None
    written = write(graph, weights_file=None if stored is None else stored.name)
    checked_text(written.text, str(yaml))
    # weights of nodes that no output needs are not written
    renamed = {new: weights[name] for name, new in written.names.items()}
    place(yaml, written.text, stored, renamed)
    model = load(yaml)
    return ImportReport(
        model, yaml, stored, len(model.ir), read, [(item.name, item.count) for item in found],
        imported.inputs, imported.outputs,
    )  # fmt: skip


def checked_target(yaml: Path, force: bool) -> Path:
    """The file to write, which must be YAML; neither it nor its weights may be there."""
    if yaml.suffix not in (".yaml", ".yml"):
        hint = f"\n  hint: -o {yaml.with_suffix('.yaml')}" if yaml.name else ""
        raise InputError(f"{yaml} does not end in .yaml{hint}")
    for file in (yaml, yaml.with_suffix(".safetensors")):
        if file.is_dir():
            raise InputError(f"{file} is a folder\n  hint: name a file in it")
        if file.exists() and not force:
            raise InputError(f"{file} exists\n  hint: --force replaces it")
    return yaml


def checked_text(text: str, name: str) -> None:
    """Nothing is written that could not be read back."""
    try:
        loads(text, name=name)
    except SpecError as error:
        raise InputError(f"what was read cannot be written as YAML:\n{error}") from None


def place(yaml: Path, text: str, stored: Path | None, weights: Mapping[str, Array]) -> None:
    """Write both files, or neither: weights without their model are taken away again."""
    from framework.runtime.files import placing
    from framework.runtime.weights import save_weights

    with placing(yaml, InputError):
        yaml.parent.mkdir(parents=True, exist_ok=True)
    fresh = stored is not None and not stored.exists()
    try:
        if stored is not None:
            save_weights(stored, weights)
        write_text(yaml, text)
    except BaseException:
        if stored is not None and fresh:
            stored.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    from framework.runtime.files import placing, write_atomically

    def write(file: BinaryIO) -> None:
        file.write(text.encode("utf-8"))

    with placing(path, InputError):
        write_atomically(path, write)
