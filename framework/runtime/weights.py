"""Weights of a model: seeded first values, reading and writing files, the check that they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from framework.errors import InputError, Mistake, WeightError, did_you_mean
from framework.ir.graph import Graph, Parameter
from framework.ir.op import Array
from framework.runtime.casting import cast
from framework.runtime.initialisers import generator, initialise, parse_rule
from framework.runtime.names import map_names, match_weights
from framework.runtime.npz import write_npz
from framework.runtime.safetensors import write_safetensors
from framework.runtime.weightfiles import read_weights

WRITERS: dict[str, Callable[[Path, Mapping[str, Array]], None]] = {
    ".safetensors": write_safetensors,
    ".npz": write_npz,
}


def initial_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """First values of all parameters by their rules; each depends on seed and name alone."""
    return {name: initial(parameter, seed) for name, parameter in graph.parameters.items()}


def initial(parameter: Parameter, seed: int) -> Array:
    """First values of one parameter."""
    rng = generator(seed, parameter.name)
    try:
        rule = parse_rule(parameter.initial)
        return initialise(rule, parameter.shape, parameter.fans, rng, parameter.dtype)
    except Mistake as mistake:
        hint = f"\n  hint: {mistake.hint}" if mistake.hint else ""
        raise WeightError(f"init of '{parameter.name}': {mistake.fact}{hint}") from None


def load_weights(
    graph: Graph, path: Path | str, names: Mapping[str, object] | None = None
) -> dict[str, Array]:
    """The weights of a file under the model's names and in its dtypes.

    ``names`` maps foreign names by patterns (see `runtime.names`).  Raises one WeightError with
    all mismatches; there is no half of a result.
    """
    file = Path(path)
    arrays = read_weights(file)
    try:
        return check_weights(graph, renamed(arrays, {} if names is None else names))
    except WeightError as error:
        raise WeightError(f"{file}: {error}") from None


def renamed(arrays: Mapping[str, Array], patterns: Mapping[str, object]) -> dict[str, Array]:
    """The arrays under the model's names; those that a pattern drops are gone."""
    try:
        ours = map_names(arrays, patterns)
    except Mistake as mistake:
        hint = f"\n  hint: {mistake.hint}" if mistake.hint else ""
        raise WeightError(f"weights: names: {mistake.fact}{hint}") from None
    return {name: arrays[foreign] for foreign, name in ours.items()}


def check_weights(graph: Graph, found: Mapping[str, Array]) -> dict[str, Array]:
    """The weights in the model's dtypes; raises one WeightError that lists all mismatches."""
    problems: list[str] = []
    try:
        match_weights({name: p.shape for name, p in graph.parameters.items()}, found)
    except WeightError as error:
        problems.append(str(error))
    weights: dict[str, Array] = {}
    for name, parameter in graph.parameters.items():
        try:
            if name in found:
                weights[name] = cast(np.asarray(found[name]), parameter.dtype)
        except Mistake as mistake:
            problems.append(f"weight '{name}' {mistake.fact}")
    if problems:
        raise WeightError("\n".join(problems))
    return weights


def save_weights(path: Path | str, weights: Mapping[str, Array]) -> None:
    """Write weights by name to a `.safetensors` or `.npz` file, whole or not at all."""
    file = Path(path)
    ending = file.suffix.lower()
    if ending not in WRITERS:
        near = did_you_mean(ending, WRITERS)
        raise InputError(
            f"{file}: weights are written to {' and '.join(WRITERS)} files, "
            f"not to {ending or 'this'!r}\n  hint: {near or f'name it {file.stem}.safetensors'}"
        )
    WRITERS[ending](file, weights)
