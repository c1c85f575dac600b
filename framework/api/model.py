"""`Model`: a typed graph with its file, its weights, and what people do with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.api.card import Card
from framework.api.engine import Engine
from framework.api.inputs import InputReader, by_name, check_names, described
from framework.api.run import Run
from framework.api.weights import StoredWeights
from framework.errors import InputError
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.spec.document import Document

if TYPE_CHECKING:
    import networkx as nx

    from framework.api.export import Export
    from framework.api.figure import Figure
    from framework.runtime.session import Session

Progress = Callable[[int, int, str], None]


class Model(Card):
    """A network: its graph, symbolic shapes and weights; made by `load`, `loads` or `Builder`.

    >>> model = load("lenet_vgg")
    >>> model.run(seed=1)["logits"].shape
    (8, 10)
    """

    def __init__(
        self,
        graph: Graph,
        document: Document | None = None,
        path: Path | None = None,
        *,
        weights: str | os.PathLike[str] | Mapping[str, Array] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(graph, document, path)
        self.seed = seed
        self.engine = Engine()
        self._stored = StoredWeights(graph, document, weights, seed)

    # ------------------------------------------------------------------ what it is

    @property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The networkx graph: node names, with `Node` under "node"; edges keyed by input port."""
        return self.ir.nx

    def after(self, name: str) -> Model:
        """The model as it is after the pass called ``name``, to look at or to draw.

        >>> figure = model.after("fuse").draw("fused.svg")
        """
        from framework.passes.pipeline import after
        from framework.passes.presentable import presentable

        return Model(presentable(after(self.ir, name)), seed=self.seed)

    # ------------------------------------------------------------------ drawing

    def draw(
        self,
        *paths: str | os.PathLike[str],
        style: str | os.PathLike[str] = "default",
        sizes: Mapping[str, int] | bool = False,
        title: str | None = None,
        text: str = "live",
        build: bool = False,
        **wishes: Any,
    ) -> Figure:
        """Draw the model; every path is written in the format of its suffix.

        Formats: .svg .png .pdf .pptx .tex .mmd .dot .html.  ``style`` is default, dark, print or
        a YAML file.  ``sizes`` shows numbers instead of symbols (True: the examples).  Wishes:
        ``level`` (0 blocks, 1 layers, 2 operators), ``panels`` (True, or paths), ``focus`` (a
        block), ``direction`` (TB, LR, auto), ``wrap`` (columns), ``shapes``, ``legend``, ``lean``,
        ``show`` (params, macs, shape), ``force``.  What is left open is chosen to fit a slide.
        Raises `InputError` for a figure that nobody could read.
        """
        from framework.api.draw import check_target, content_of, drawn, wish_of
        from framework.api.figure import Figure
        from framework.draw.hints import read_hints
        from framework.draw.style import load_style

        for path in paths:
            check_target(path)
        numbers = None
        if sizes is not False:
            numbers = {**self.ir.examples, **(sizes if isinstance(sizes, Mapping) else {})}
            self.check_sizes(numbers)
        found = drawn(
            self.ir, self.document, style=style, sizes=numbers, title=title, wish=wish_of(wishes)
        )
        hints = read_hints(self.document.draw if self.document is not None else None)
        content = content_of(hints, title)
        figure = Figure(found, self.ir, content, load_style(os.fspath(style)))
        for path in paths:
            figure.save(path, text=text, build=build)
        return figure

    # ------------------------------------------------------------------ weights

    @property
    def weights_source(self) -> str:
        """Where the weights come from."""
        return self._stored.source

    @property
    def weights(self) -> dict[str, Array]:
        """The stored tensors by name: given, pulled, or drawn by the initialisers."""
        return self._stored.arrays

    def load_weights(
        self, path: str | os.PathLike[str], names: Mapping[str, object] | None = None
    ) -> None:
        """Replace all weights by those of a file; all mismatches are one `WeightError`.

        ``names`` maps foreign names by patterns: ``{"layers.{i}.w": "encoder.{i}.linear.weight"}``.
        """
        self._stored.load(path, names)
        self.__dict__.pop("session", None)

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace all weights by these arrays, which must fit in name, shape and dtype."""
        self._stored.put(weights)
        self.__dict__.pop("session", None)

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write all weights to a `.safetensors` or `.npz` file, whole or not at all."""
        self._stored.save(path)

    # ------------------------------------------------------------------ exporting

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        sizes: Mapping[str, int] | None = None,
        opset: int | None = None,
        external: bool = False,
    ) -> Export:
        """Write the model in the format of the suffix: `.onnx`, or `.py` for PyTorch source.

        Sizes stay symbolic unless ``sizes`` fixes them.  ONNX: ``opset`` is the version of its
        operators, ``external`` puts the weights into a file beside the model's.  Raises
        `InputError` where the format cannot express the model; no file is written then.
        """
        from framework.api.export import export

        fixed = {} if sizes is None else dict(sizes)
        self.check_sizes(fixed)
        return export(
            self.ir, lambda: self.weights, path, sizes=fixed, opset=opset, external=external
        )

    # ------------------------------------------------------------------ running

    @cached_property
    def session(self) -> Session:
        """The session that runs the model; plans are cached in it."""
        return self.engine.session(self.ir, self.weights)

    def set_engine(self, **options: Any) -> None:
        """Change how the model is run: threads, precision, optimize, memory_limit (see `Engine`).

        >>> model.set_engine(threads=1, precision="fast")
        """
        self.engine = replace(self.engine, **options)
        self.__dict__.pop("session", None)

    def example_inputs(
        self, sizes: Mapping[str, int] | None = None, seed: int | None = None
    ) -> dict[str, Array]:
        """Seeded random inputs; symbols without a size take their ``example``."""
        from framework.runtime.examples import example_inputs

        wanted = {} if sizes is None else dict(sizes)
        self.check_sizes(wanted)
        start = self.seed if seed is None else seed
        try:
            return example_inputs(self.ir, {**self.ir.examples, **wanted}, start)
        except (MemoryError, ValueError) as error:
            text = ", ".join(f"{name} = {size}" for name, size in wanted.items())
            raise InputError(f"inputs of these sizes cannot be made ({text}): {error}") from None

    def run(
        self,
        *given: Any,
        keep: str | tuple[str, ...] | list[str] = (),
        check_finite: bool = False,
        sizes: Mapping[str, int] | None = None,
        seed: int | None = None,
        progress: Progress | None = None,
        **inputs: Any,
    ) -> Run:
        """Run the model.

        Inputs by position or by name: an array, the name of a file (`.npy`, `.npz`, or what the
        input's ``from:`` reads), or a list of files, which makes a batch.  Without any input,
        seeded random ones of the example ``sizes`` are used.  ``keep`` names further nodes whose
        values are wanted; ``check_finite`` stops at the first NaN or infinity.
        Raises `InputError` for inputs that do not fit, `RunError` for a run that fails.
        """
        if inputs or len(keep):
            check_names(self.ir, given)
        named = by_name(self.ir, given, inputs)
        reader = InputReader(self.ir, self.document)
        arrays = {name: reader.array(name, value) for name, value in named.items()}
        notes = {name: described(value) for name, value in named.items()}
        if not arrays:
            if sizes:
                self.check_sizes(sizes)
                self.session.plan({**self.ir.examples, **sizes})  # refused before inputs are made
            arrays = self.example_inputs(sizes, seed)
            start = self.seed if seed is None else seed
            notes = {
                name: f"random {array.dtype}{list(array.shape)}, seed {start}"
                for name, array in arrays.items()
            }
        wanted = (keep,) if isinstance(keep, str) else tuple(keep)
        result = self.session.run(arrays, keep=wanted, check_finite=check_finite, progress=progress)
        return Run(
            outputs=result.outputs,
            kept=result.kept,
            sizes=result.sizes,
            inputs=notes,
            seconds=result.seconds,
            stages=list(result.seconds_by_stage.items()),
            seconds_by_node=result.seconds_by_node,
            peak_bytes=result.peak_bytes,
            label_lists={n: found for n in self.ir.outputs if (found := self.labels(n))},
        )
