"""What a user gives for an input becomes an array: arrays, files, lists of files, or nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.errors import InputError, did_you_mean
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.ir.types import TensorType
from framework.spec.document import Document

ARRAY_SUFFIXES = (".npy", ".npz")
OPTIONS = ("keep", "check_finite", "sizes", "seed", "progress")


def by_name(graph: Graph, given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs by name: positional ones in the order of declaration, or one mapping."""
    names = list(graph.inputs)
    if len(given) == 1 and isinstance(given[0], Mapping):
        return {**given[0], **named}
    if len(given) > len(names):
        listed = ", ".join(names)
        raise InputError(f"{len(given)} inputs given, the model has {len(names)}: {listed}")
    found = dict(zip(names, given, strict=False))
    twice = [name for name in found if name in named]
    if twice:
        raise InputError(f"input '{twice[0]}' is given twice, by position and by name")
    return {**found, **named}


def check_names(graph: Graph, given: Sequence[Any]) -> None:
    """Inputs called like an option of `Model.run` can only be given as a mapping."""
    clash = [name for name in graph.inputs if name in OPTIONS]
    if clash and not (len(given) == 1 and isinstance(given[0], Mapping)):
        raise InputError(
            f"the input '{clash[0]}' is called like an option of run\n"
            f"  hint: give the inputs as a mapping: run({{'{clash[0]}': ...}})"
        )


def described(value: Any) -> str:
    """What was given, in a few words, for tables."""
    if is_path(value):
        return str(value)
    if is_paths(value):
        return ", ".join(map(os.fspath, value))
    array = np.asarray(value)
    return f"given {array.dtype}{list(array.shape)}"


def is_path(value: Any) -> bool:
    """Is this the name of a file?"""
    return isinstance(value, str | os.PathLike)


def is_paths(value: Any) -> bool:
    """Is this a list of file names?"""
    return isinstance(value, list | tuple) and bool(value) and all(map(is_path, value))


class InputReader:
    """Reads files as a model's ``from:`` says."""

    def __init__(self, graph: Graph, document: Document | None) -> None:
        self.graph = graph
        inputs = document.main.inputs if document is not None else ()
        self.recipes = {spec.name: spec.source for spec in inputs if spec.source is not None}

    def array(self, name: str, value: Any) -> Any:
        """The array for one input; several files are joined along the first axis."""
        if name not in self.graph.inputs:
            near = did_you_mean(name, self.graph.inputs)
            hint = near or f"inputs: {', '.join(self.graph.inputs)}"
            raise InputError(f"the model has no input '{name}'\n  hint: {hint}")
        if is_path(value):
            return self.file(name, Path(value))
        if is_paths(value):
            return self.joined(name, [self.file(name, Path(path)) for path in value], value)
        return value

    def joined(self, name: str, arrays: list[Array], paths: Sequence[Any]) -> Array:
        """Arrays of equal shape, one after the other."""
        for array, path in zip(arrays, paths, strict=True):
            if array.shape[1:] != arrays[0].shape[1:]:
                raise InputError(
                    f"{path}: gives {list(array.shape)} for '{name}', "
                    f"{paths[0]} gives {list(arrays[0].shape)}"
                )
        return np.concatenate(arrays)

    def file(self, name: str, path: Path) -> Array:
        """One file: an array, or what the input's ``from:`` makes of it."""
        if path.suffix.lower() in ARRAY_SUFFIXES:
            return read_array(name, path)
        recipe = self.recipes.get(name)
        if recipe is None:
            raise InputError(
                f"{path}: the model does not say how a file becomes '{name}'\n"
                f"  hint: give a .npy file, or write from: under the input {name}"
            )
        from framework.runtime.images import parse_from
        from framework.spec.values import plain

        return parse_from(plain(recipe)).apply(path)


def read_array(name: str, path: Path) -> Array:
    """A `.npy` file, or the entry of a `.npz` file that is called like the input."""
    from framework.runtime.npz import read_npy, read_npz

    if path.suffix.lower() == ".npy":
        return read_npy(path, InputError)
    arrays = read_npz(path, InputError)
    if name in arrays:
        return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    names = ", ".join(sorted(arrays)) or "none"
    raise InputError(f"{path}: has no array '{name}'\n  hint: arrays there: {names}")


def types_text(types: Mapping[str, TensorType]) -> str:
    """``image float32[B, 3, H, W], mask bool[B, T]``."""
    return ", ".join(f"{name} {type_}" for name, type_ in types.items())
