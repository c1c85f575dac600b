"""Read a model's file: the document, its typed graph, and all problems of both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import framework.ops  # noqa: F401  (declares the operators)
from framework.api.bundled import find_model
from framework.errors import FrameworkError, Mistake, Problem, Source, SpecError
from framework.ir.graph import Graph
from framework.limits import LABEL_BYTES
from framework.source import load_source
from framework.spec.build import build
from framework.spec.document import Document
from framework.spec.lint_results import flatten
from framework.spec.read import read_document
from framework.spec.report import Report
from framework.spec.values import plain


def check(path: str | os.PathLike[str], **settings: object) -> list[Problem]:
    """All problems of a model file, in order of place; an empty list when it is fine."""
    try:
        file = find_model(path)
        read(load_source(file), file, settings)
    except SpecError as error:
        return list(error.problems)
    except FrameworkError as error:
        return [Problem("file", str(error))]
    return []


def read(
    source: Source, path: Path | None, settings: Mapping[str, object]
) -> tuple[Document, Graph]:
    """The document and its typed graph."""
    document, report = read_document(source, path)
    if document is None:
        raise SpecError(report.problems)
    check_files(document, report)
    check_initial(document, report)
    return document, build(document, report, settings)


def check_initial(document: Document, report: Report) -> None:
    """The rules of ``init:`` are held to those who follow them, in unused blocks, too."""
    blocks = [document.main, *document.blocks.values()]
    for spec in (node for block in blocks for node in flatten(block.nodes)):
        for rule in spec.initial.values():
            from framework.runtime.initialisers import parse_rule

            report.attempt(rule.place, parse_rule, plain(rule))


def check_files(document: Document, report: Report) -> None:
    """``from:``, ``labels:`` and the name map of ``weights:`` are held to those who use them."""
    for spec in document.main.inputs:
        if spec.source is not None:
            from framework.runtime.images import parse_from

            report.attempt(spec.source.place, parse_from, plain(spec.source))
    for output in document.main.outputs:
        if output.labels is not None:
            report.attempt(output.labels.place, label_file, document, output.labels.raw)
    if document.draw is not None:
        from framework.draw.hints import read_hints

        report.attempt(document.draw.place, read_hints, document.draw)
    stored = document.weights
    if stored is not None and stored.file is not None and stored.package is None:
        report.attempt(stored.place, inside, document, stored.file, "weights")
    if document.weights is not None and document.weights.names:
        from framework.runtime.names import parse_patterns

        report.attempt(document.weights.place, parse_patterns, document.weights.names)


def label_file(document: Document, text: str) -> Path:
    """The file of an output's labels, which must lie in the model's folder."""
    path = inside(document, text, "labels")
    if not path.is_file():
        raise Mistake(f"there is no label file '{text}'", code="labels")
    if path.stat().st_size > LABEL_BYTES:
        raise Mistake(
            f"the label file '{text}' is larger than {LABEL_BYTES:,} bytes",
            hint="it has one label on each line",
            code="labels",
        )
    return path


def inside(document: Document, text: str, code: str) -> Path:
    """The path of a file that must lie in the model's folder, whether it is there or not."""
    folder = document.folder().resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder):
        raise Mistake(f"'{text}' leaves the folder of the model", code=code)
    return path
