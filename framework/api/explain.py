"""One node of a model explained: its formula, its work, what it sees, where its sizes came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from framework.api.model import Model
from framework.errors import Place
from framework.ir.find import find_value
from framework.report.lecture.node import Lecture, lecture
from framework.spec.document import Document
from framework.spec.lint_results import flatten


def explain(model: Model, node: str, sizes: Mapping[str, int] | None = None) -> Lecture:
    """How a node came to its shape; ``node`` may be a part of its path, as for ``keep``.

    Raises `InputError` where it names no node, or several.
    """
    known = {} if sizes is None else sizes
    arguments = {} if model.document is None else dict(uses(model.document))
    return lecture(model.ir, find_value(model.ir, node), known, arguments)


def uses(document: Document) -> Iterator[tuple[Place, str]]:
    """The arguments of every ``use:``, as written."""
    for block in (document.main, *document.blocks.values()):
        for spec in flatten(block.nodes):
            if spec.kind == "use" and spec.arguments:
                texts = (f"{given.key.raw}: {given.value.raw}" for given in spec.arguments)
                yield spec.word.place, ", ".join(texts)
