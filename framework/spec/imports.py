"""``import: {blocks/transformer.yaml: [encoder_block, mlp]}``: blocks from other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from framework.errors import InputError, Mistake, Source, did_you_mean
from framework.source import ListNode, Scalar, YamlNode, load_source
from framework.spec.document import Document
from framework.spec.report import Report


class Reader(Protocol):
    """What reads one file."""

    def document(self, library: bool = False) -> Document | None:
        """The document, or None where nothing can be made of it."""


class Importer:
    """Finds imported files, each read once; paths may not leave the model's folder."""

    def __init__(self, path: Path | None, reader: Callable[[Source, Path], Reader]) -> None:
        self.root = None if path is None else path.resolve().parent
        self.reader = reader
        self.known: dict[Path, Document | None] = {}
        self.chain: list[Path] = [] if path is None else [path.resolve()]

    def read(self, tree: YamlNode, document: Document, report: Report) -> None:
        """Put the imported blocks into ``document``."""
        for key, wanted in report.mapping(tree, "import") or ():
            found = report.attempt(key.place, self.load, key, document)
            if found is not None:
                self.take(wanted, found, document, report)

    def take(self, wanted: YamlNode, found: Document, into: Document, report: Report) -> None:
        """The blocks named in the list."""
        for item in wanted if isinstance(wanted, ListNode) else (wanted,):
            name = item.value if isinstance(item, Scalar) else None
            if not isinstance(name, str) or name not in found.blocks:
                fact = f"{found.source.name} has no block '{name}'"
                hint = did_you_mean(name, found.blocks)
                hint = hint or f"blocks there: {', '.join(sorted(found.blocks)) or 'none'}"
                report.add("unknown-block", fact, item.place, hint)
                continue
            into.blocks[name] = found.blocks[name]
            into.homes[name] = found.home(name)

    def load(self, key: Scalar, document: Document) -> Document | None:
        """The document at a path relative to the importing file."""
        path = self.resolve(key.raw, document)
        if path in self.chain:
            names = [p.name for p in (*self.chain[self.chain.index(path) :], path)]
            raise Mistake(f"the files import each other: {' -> '.join(names)}", code="import")
        if path not in self.known:
            try:
                source = load_source(document.folder() / key.raw)
            except InputError as error:
                raise Mistake(str(error), code="import") from None
            self.chain.append(path)
            self.known[path] = self.reader(source, path).document(library=True)
            self.chain.pop()
        return self.known[path]

    def resolve(self, text: str, document: Document) -> Path:
        """The file's real path, which must lie in the model's folder."""
        if self.root is None:
            raise Mistake("a model that is not in a file cannot import", code="import")
        path = (document.folder() / text).resolve()
        if not path.is_relative_to(self.root):
            raise Mistake(
                f"'{text}' leaves the folder of the model",
                hint="imports are confined to the model's folder",
                code="import",
            )
        return path
