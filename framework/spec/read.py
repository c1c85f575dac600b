"""Text -> `Document`: what a file says, with every mistake that needs no sizes to be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from framework.errors import Place, Problem, Source
from framework.source import MapNode, Scalar, YamlNode, read_yaml
from framework.spec.document import Block, Document, WeightsSpec
from framework.spec.imports import Importer
from framework.spec.lint import lint_block
from framework.spec.read_nodes import NodeReader
from framework.spec.read_parts import PartReader
from framework.spec.report import Report
from framework.spec.values import described, plain

FORMAT = 1
TOP_KEYS = (
    "format", "name", "doc", "args", "let", "require", "dims", "inputs", "blocks", "import",
    "nodes", "outputs", "weights", "draw",
)  # fmt: skip
BLOCK_KEYS = ("doc", "args", "let", "require", "inputs", "nodes", "outputs")
WEIGHTS_KEYS = ("package", "file", "sha256", "names")


def read_document(source: Source, path: Path | None = None) -> tuple[Document | None, Report]:
    """Read a model; the report holds all mistakes found so far.

    ``path`` is the file's; imports start from its folder and may not leave it.
    """
    report = Report()
    importer = Importer(path, lambda text, file: DocumentReader(text, file, report, importer))
    document = DocumentReader(source, path, report, importer).document()
    return document, report


class DocumentReader:
    """Reads one file."""

    def __init__(
        self, source: Source, path: Path | None, report: Report, importer: Importer
    ) -> None:
        self.source = source
        self.path = path
        self.report = report
        self.importer = importer

    def document(self, library: bool = False) -> Document | None:
        """The document; a ``library`` of blocks needs no nodes of its own."""
        problems: list[Problem] = []
        tree = read_yaml(self.source, problems)
        for problem in problems:
            self.report.problem(problem)
        top = None if tree is None else self.report.mapping(tree, "a model")
        if top is None:
            return None
        top, lost = self.sections(top, TOP_KEYS, "the graph")
        if not self.check_format(top):
            return None
        given = PartReader(self.report).text(top, "name")
        name = given or (self.path.stem if self.path else "model")
        document = Document(self.source, self.path, Block(name, top.place, lost=lost))
        self.read_blocks(top, document)
        if not library:
            self.check_complete(top, "the graph", top.place)
        self.read_top(top, document)
        return document

    def sections(
        self, tree: MapNode, allowed: tuple[str, ...], what: str
    ) -> tuple[MapNode, frozenset[str]]:
        """The known keys, and those that may be lost: an unknown key may stand for any of them."""
        known = self.report.keys(tree, allowed, what)
        if len(known) == len(tree):
            return known, frozenset()
        declaring = ("args", "dims", "let", "inputs")
        return known, frozenset(key for key in declaring if key not in known)

    def check_complete(self, tree: MapNode, what: str, place: Place) -> None:
        """A model and a block need nodes and inputs."""
        if tree.get("nodes") is None:
            hint = "write nodes: and, below it, one line for each, starting with '- '"
            self.report.add("missing-key", f"{what} has no nodes", place, hint)
        if tree.get("inputs") is None:
            hint = "write e.g. inputs: {x: [B, 3, 224, 224]}"
            self.report.add("missing-key", f"{what} has no inputs", place, hint)

    def check_format(self, top: MapNode) -> bool:
        """``format: 1`` is required; anything else is another language."""
        given = top.get("format")
        if given is None:
            hint = f"write format: {FORMAT} on the first line"
            self.report.add("format", f"the file needs 'format: {FORMAT}'", top.place, hint)
            return True
        if not isinstance(given, Scalar):
            return self.other_format(given, described(given))
        if given.broken or (type(given.value) is int and given.value == FORMAT):
            return True
        return self.other_format(given, given.raw or described(given))

    def other_format(self, given: YamlNode, said: str) -> bool:
        """Report a format that this tool cannot read."""
        fact = f"this tool reads format {FORMAT}, the file says {said}"
        cure = "write it without quotes" if said == str(FORMAT) else None
        self.report.add("format", fact, given.place, cure)
        return False

    def read_blocks(self, top: MapNode, document: Document) -> None:
        """Own and imported blocks; names first, so that blocks may use each other."""
        imported = top.get("import")
        if imported is not None:
            self.importer.read(imported, document, self.report)
        own = self.own_blocks(top.get("blocks"), document)
        nodes = NodeReader(self.report, {*own, *document.blocks})
        for name, (key, raw) in own.items():
            what = f"block '{name}'"
            tree, lost = self.sections(raw, BLOCK_KEYS, what)
            self.check_complete(tree, what, key.place)
            stub = Block(name, key.place, lost=lost)
            document.blocks[name] = self.filled(stub, tree, nodes)
            document.homes[name] = document
        for name in own:
            document.blocks[name] = lint_block(document.blocks[name], document, self.report)

    def own_blocks(
        self, tree: YamlNode | None, document: Document
    ) -> dict[str, tuple[Scalar, MapNode]]:
        """The blocks that the file itself has, by name; the others are noted as broken."""
        found: dict[str, tuple[Scalar, MapNode]] = {}
        names = PartReader(self.report)
        for key, value in self.report.mapping(tree, "blocks") or ():
            name = str(key.value)
            block = self.report.mapping(value, f"block '{name}'")
            if name in document.blocks:
                fact = f"'{name}' is imported and written here, too"
                self.report.add("duplicate-name", fact, key.place, "rename it, or do not import it")
            elif block is not None and names.is_name(key, "a block"):
                found[name] = (key, block)
            else:
                document.broken.add(name)
        return found

    def filled(self, block: Block, tree: MapNode, nodes: NodeReader) -> Block:
        """A block with all that its keys say; the model itself is one, too."""
        parts = PartReader(self.report)
        if tree.get("inputs") is None:
            parts.lost.add("inputs")
        filled = replace(
            block,
            args=parts.args(tree.get("args")),
            dims=parts.dims(tree.get("dims")),
            lets=parts.lets(tree.get("let")),
            require=parts.requirements(tree.get("require")),
            inputs=parts.inputs(tree.get("inputs")),
            nodes=nodes.nodes(tree.get("nodes"), "nodes"),
            outputs=parts.outputs(tree.get("outputs")),
            doc=parts.text(tree, "doc"),
            broken=frozenset(parts.broken),
            lost=block.lost | parts.lost,
        )
        usable = not {"args", "inputs"} & (filled.lost | parts.damaged)
        return replace(filled, usable=usable)

    def read_top(self, top: MapNode, document: Document) -> None:
        """The model itself: a block with dims, and what else a file has."""
        nodes = NodeReader(self.report, set(document.blocks))
        document.main = self.filled(document.main, top, nodes)
        document.weights = self.weights(top.get("weights"))
        document.draw = self.report.mapping(top.get("draw"), "draw")
        document.main = lint_block(document.main, document, self.report, top=True)

    def weights(self, tree: YamlNode | None) -> WeightsSpec | None:
        """``weights``: where real weights come from."""
        node = self.report.mapping(tree, "weights")
        if node is None:
            return None
        node = self.report.keys(node, WEIGHTS_KEYS, "weights")
        mapped: dict[str, str | None] = {}
        for key, value in self.report.mapping(node.get("names"), "names") or ():
            target = plain(value)
            if target is None or isinstance(target, str):
                mapped[str(key.value)] = target
            else:
                fact = f"the name for '{key.raw}' must be text, not {described(value)}"
                self.report.add("value", fact, value.place)
        texts = PartReader(self.report)
        package, file, digest = (texts.text(node, key) for key in ("package", "file", "sha256"))
        return WeightsSpec(node.place, package, file, digest, mapped)
