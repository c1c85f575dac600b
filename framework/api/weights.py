"""Where a model's weights come from: given, pulled, beside its file, or drawn by rule."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from framework.api.bundled import cached_weights
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.spec.document import Document, WeightsSpec

Given = str | os.PathLike[str] | Mapping[str, Array] | None


class StoredWeights:
    """The weights of one model; nothing is read or drawn before somebody asks."""

    def __init__(self, graph: Graph, document: Document | None, given: Given, seed: int) -> None:
        self.graph = graph
        self.document = document
        self.given = given
        self.seed = seed

    @property
    def spec(self) -> WeightsSpec | None:
        """The ``weights:`` section of the model's file."""
        return self.document.weights if self.document is not None else None

    @property
    def source(self) -> str:
        """Where the weights come from, in a few words."""
        if isinstance(self.given, Mapping):
            return "given arrays"
        if self.given is not None:
            return os.fspath(self.given)
        file = self.own_file()
        return f"seeded random (seed {self.seed})" if file is None else str(file)

    def own_file(self) -> Path | None:
        """The file with the model's own weights, if it is there: pulled, or beside the model."""
        if self.spec is None or self.document is None:
            return None
        if self.spec.package is not None:
            digest = "unpinned" if self.spec.sha256 is None else self.spec.sha256
            file = cached_weights(self.graph.name, digest)
            return file if file.is_file() else None
        return None if self.spec.file is None else self.document.folder() / self.spec.file

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The stored tensors by name."""
        from framework.runtime.weights import check_weights, initial_weights, load_weights

        if isinstance(self.given, Mapping):
            return check_weights(self.graph, self.given)
        if self.given is not None:
            return load_weights(self.graph, os.fspath(self.given), self.names(self.given))
        file = self.own_file()
        if file is None:
            return initial_weights(self.graph, self.seed)
        # What was pulled lies in the cache under the model's own names already.
        if self.spec is None or self.spec.package is not None:
            return load_weights(self.graph, file)
        return load_weights(self.graph, file, self.spec.names)

    def names(self, path: str | os.PathLike[str]) -> Mapping[str, object]:
        """The name map of the model's file, for foreign formats; our own files need none."""
        foreign = Path(path).suffix.lower() in (".pth", ".pt")
        return self.spec.names if self.spec is not None and foreign else {}

    def load(self, path: str | os.PathLike[str], names: Mapping[str, object] | None) -> None:
        """Take the weights of a file."""
        from framework.runtime.weights import load_weights

        mapping = self.names(path) if names is None else names
        arrays = load_weights(self.graph, os.fspath(path), mapping)
        self.given = os.fspath(path)
        self.__dict__["arrays"] = arrays

    def put(self, weights: Mapping[str, Array]) -> None:
        """Take arrays, which must fit in name, shape and dtype."""
        from framework.runtime.weights import check_weights

        arrays = check_weights(self.graph, weights)
        self.given = arrays
        self.__dict__["arrays"] = arrays

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all weights to a file, whole or not at all."""
        from framework.runtime.weights import save_weights

        save_weights(Path(path), self.arrays)
