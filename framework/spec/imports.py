"""``import: {blocks/transformer.yaml: [encoder_block, mlp]}``: blocks from other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from framework.errors import InputError, Mistake, Source, nearest
from framework.limits import IMPORT_DEPTH, IMPORTED_FILES
from framework.source import ListNode, Scalar, YamlNode, load_source
from framework.spec.document import Document
from framework.spec.report import Report
from framework.spec.values import described


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
            for item in wanted if isinstance(wanted, ListNode) else (wanted,):
                self.take(item, found, document, report)

    def take(self, item: YamlNode, found: Document | None, into: Document, report: Report) -> None:
        """One of the blocks named in the list; ``found`` is None where there is no file."""
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            fact = f"expected the name of a block, found {described(item)}"
            report.add("import", fact, item.place, "write import: {FILE: [NAME, NAME]}")
            return
        name = item.raw
        if found is None or name in found.broken:
            into.broken.add(name)
        elif name not in found.blocks:
            near = nearest(name, found.blocks)
            into.broken.update((name, name if near is None else near))
            hint = f"blocks there: {', '.join(sorted(found.blocks)) or 'none'}"
            hint = hint if near is None else f"did you mean '{near}'?"
            fact = f"{found.source.name} has no block '{name}'"
            report.add("unknown-block", fact, item.place, hint)
        elif name in into.blocks:
            fact = f"'{name}' is imported twice"
            report.add("duplicate-name", fact, item.place, "rename one of the blocks")
        else:
            into.blocks[name] = found.blocks[name]
            into.homes[name] = found.home(name)

    def load(self, key: Scalar, document: Document) -> Document | None:
        """The document at a path relative to the importing file."""
        path = self.resolve(key.raw, document)
        if path in self.chain:
            names = [p.name for p in (*self.chain[self.chain.index(path) :], path)]
            raise Mistake(
                f"the files import each other: {' -> '.join(names)}",
                hint="move what both need to a third file",
                code="import",
            )
        if path not in self.known:
            self.check_limits()
            try:
                source = load_source(document.folder() / key.raw)
            except InputError as error:
                raise Mistake(str(error), code="import") from None
            self.chain.append(path)
            self.known[path] = None  # counted at once: it may import others
            self.known[path] = self.reader(source, path).document(library=True)
            self.chain.pop()
        return self.known[path]

    def check_limits(self) -> None:
        """Files that import ever new files come to an end."""
        if len(self.chain) > IMPORT_DEPTH:
            raise Mistake(
                f"imports are nested deeper than {IMPORT_DEPTH} files",
                hint="import from fewer levels",
                code="import",
            )
        if len(self.known) >= IMPORTED_FILES:
            raise Mistake(
                f"the model imports more than {IMPORTED_FILES} files",
                hint="put several blocks into one file",
                code="import",
            )

    def resolve(self, text: str, document: Document) -> Path:
        """The file's real path, which must lie in the model's folder."""
        if self.root is None:
            raise Mistake(
                f"a model that is not in a file cannot import '{text}'",
                hint="paths start from the model's file",
                code="import",
            )
        path = (document.folder() / text).resolve()
        if not path.is_relative_to(self.root):
            raise Mistake(
                f"'{text}' leaves the folder of the model",
                hint="imports are confined to the model's folder",
                code="import",
            )
        return path
