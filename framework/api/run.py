"""`Run`: what a run of a model gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from framework.errors import InputError, did_you_mean
from framework.ir.op import Array


@dataclass(frozen=True)
class Run(Mapping[str, Array]):
    """Outputs by name (``run["logits"]``), and where the time went.

    ``kept`` are the values asked for by ``keep``, ``sizes`` the size of each symbol, ``inputs``
    a description of each input, ``stages`` pairs (stage, seconds) in order, a stage being an
    outermost block copy or a node outside of all blocks.  ``seconds`` is the whole run.
    """

    outputs: dict[str, Array]
    kept: dict[str, Array]
    sizes: dict[str, int]
    inputs: dict[str, str]
    seconds: float
    stages: list[tuple[str, float]]
    seconds_by_node: dict[str, float] = field(repr=False)
    peak_bytes: int
    label_lists: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Array:
        for values in (self.outputs, self.kept):
            if name in values:
                return values[name]
        names = [*self.outputs, *self.kept]
        hint = did_you_mean(name, names) or f"results: {', '.join(names)}"
        raise KeyError(f"the run has no result '{name}'; {hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        shapes = (f"{n} {a.dtype}{list(a.shape)}" for n, a in self.outputs.items())
        return f"<Run {', '.join(shapes)} in {1000 * self.seconds:.0f} ms>"

    def top(self, output: str | None = None, k: int = 5) -> list[list[tuple[str, float]]]:
        """For each item of the batch the ``k`` best labels with their probabilities.

        The output's last axis is taken as scores of classes (logits); softmax makes them
        probabilities.  Without labels the number of the class is its name.
        """
        name = next(iter(self.outputs)) if output is None else output
        scores = np.asarray(self[name], np.float64)
        if scores.ndim == 0:
            raise InputError(f"output '{name}' is one number; it has no classes")
        rows = scores.reshape(-1, scores.shape[-1])
        weights = np.exp(rows - rows.max(-1, keepdims=True))
        shares = weights / weights.sum(-1, keepdims=True)
        labels = self.label_lists.get(name, [])
        order = np.argsort(-shares, axis=-1, kind="stable")[:, :k]
        return [
            [(labels[i] if i < len(labels) else str(i), float(row[i])) for i in best]
            for row, best in zip(shares, order, strict=True)
        ]
