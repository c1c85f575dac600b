"""What a model is: its name, its inputs and outputs, its shapes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from framework.api.inputs import types_text
from framework.api.read import check, label_file
from framework.errors import InputError, Problem, did_you_mean
from framework.ir.graph import Graph
from framework.ir.symbols import Symbol
from framework.ir.types import TensorType
from framework.spec.document import Document

if TYPE_CHECKING:
    from framework.report.shapes import ShapeTable


class Card:
    """A typed graph and the file that it was read from: what can be known without running it."""

    def __init__(self, graph: Graph, document: Document | None, path: Path | None) -> None:
        self.ir = graph
        self.document = document
        self.path = path

    def __repr__(self) -> str:
        inputs, outputs = types_text(self.inputs), types_text(self.outputs)
        return f"<Model {self.name}: {inputs} -> {outputs}; {self.parameters:,} parameters>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of shapes."""
        from html import escape

        title = escape(f"{self.name} – {self.doc}" if self.doc else self.name)
        return f"<b>{title}</b>{self.shapes()._repr_html_()}"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.ir.name

    @property
    def doc(self) -> str | None:
        """What the model is, in its author's words."""
        return self.ir.doc

    @property
    def inputs(self) -> dict[str, TensorType]:
        """Type of each input."""
        return {name: node.type for name, node in self.ir.inputs.items()}

    @property
    def outputs(self) -> dict[str, TensorType]:
        """Type of each output."""
        return {name: self.ir.type_of(value) for name, value in self.ir.outputs.items()}

    @property
    def parameters(self) -> int:
        """Number of trained weights; tied ones count once, running statistics do not count."""
        return sum(p.count for p in self.ir.parameters.values() if p.trainable)

    def shapes(self, **sizes: int) -> ShapeTable:
        """Nodes with output shapes, parameters and MACs: symbolic, or numbers for given sizes.

        ``model.shapes(B=8, H=320)`` replaces these symbols; those left out stay symbolic.
        Raises `InputError` for an unknown or illegal size.
        """
        from framework.report.shapes import shape_table

        self.check_sizes(sizes)
        return shape_table(self.ir, sizes)

    def check(self) -> list[Problem]:
        """All problems of the model's file as it is now; [] when it is fine."""
        if self.path is None:
            return []
        return check(self.path)

    def warnings(self, allow: Iterable[str] = ()) -> list[Problem]:
        """What is legal and yet suspicious, such as two activations in a row.

        ``allow`` are codes that are left out; a comment in the file allows one of them at its
        place: ``# framework: allow two-activations``.
        """
        from framework.passes.suspicious import suspicious

        return [problem for problem in suspicious(self.ir) if problem.code not in allow]

    def check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Raise `InputError` for a size that is unknown or breaks its declared bounds."""
        for name, size in sizes.items():
            if name not in self.ir.examples:
                known = ", ".join(self.ir.examples) or "none"
                hint = did_you_mean(name, self.ir.examples) or f"dims: {known}"
                raise InputError(f"the model has no dim '{name}'\n  hint: {hint}")
            declared = self.ir.symbols.bounds_of(name)
            legal = size >= declared.minimum and size % declared.multiple_of == 0
            if not legal or (declared.maximum is not None and size > declared.maximum):
                raise InputError(f"{name} = {size} is not legal: {bounds_text(declared)}")

    def labels(self, output: str) -> list[str] | None:
        """The labels of an output's classes, if its file names them."""
        if self.document is None:
            return None
        for spec in self.document.main.outputs:
            if spec.name == output and spec.labels is not None:
                path = label_file(self.document, spec.labels.raw)
                return path.read_text(encoding="utf-8").splitlines()
        return None


def bounds_text(declared: Symbol) -> str:
    """``at least 16, a multiple of 16``."""
    parts = [f"at least {declared.minimum}"]
    if declared.maximum is not None:
        parts.append(f"at most {declared.maximum}")
    if declared.multiple_of > 1:
        parts.append(f"a multiple of {declared.multiple_of}")
    return ", ".join(parts)
