"""`load` and `loads`: a model from a file or from text."""

from __future__ import annotations

import os

from framework.api.bundled import find_model
from framework.api.model import Model
from framework.api.read import read
from framework.errors import Source
from framework.source import load_source


def load(
    path: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    seed: int = 0,
    **settings: object,
) -> Model:
    """Read a model from a YAML file, or a bundled one by name.

    >>> load("resnet18", classes=10).outputs["logits"]
    TensorType(shape=(B, 10), dtype='float32')

    ``settings`` give values to the model's arguments (``depth=6``).  Weights come from the file
    given, else from those pulled for this model, else from initialisers with this ``seed``.
    Raises `SpecError` with all problems of the file, `InputError` where there is no such file.
    """
    file = find_model(path)
    document, graph = read(load_source(file), file, settings)
    return Model(graph, document, file, weights=weights, seed=seed)


def loads(text: str, *, name: str = "model.yaml", seed: int = 0, **settings: object) -> Model:
    """Read a model from text; ``name`` is what messages call it.  Raises `SpecError`."""
    document, graph = read(Source(name, text), None, settings)
    return Model(graph, document, None, seed=seed)
