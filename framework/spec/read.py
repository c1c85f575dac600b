"""Text -> `Document`: what a file says, with every mistake that needs no sizes to be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from framework.errors import Mistake, Problem, Source, did_you_mean
from framework.ir.types import DTYPES
from framework.source import ListNode, MapNode, Scalar, YamlNode, read_yaml
from framework.spec.document import (
    ARG_TYPES,
    Arg,
    Block,
    DimSpec,
    Document,
    InputSpec,
    Let,
    OutputSpec,
    Pattern,
    Reference,
    WeightsSpec,
)
from framework.spec.expressions import Expression, parse
from framework.spec.imports import Importer
from framework.spec.lint import lint_block
from framework.spec.read_nodes import IDENTIFIER, NodeReader, condition, doc_text
from framework.spec.report import Report
from framework.spec.values import Reported, number, plain, shape_of

FORMAT = 1
TOP_KEYS = (
    "format", "name", "doc", "args", "let", "require", "dims", "inputs", "blocks", "import",
    "nodes", "outputs", "weights", "draw",
)  # fmt: skip
BLOCK_KEYS = ("doc", "args", "let", "require", "inputs", "nodes", "outputs")
INPUT_KEYS = ("shape", "dtype", "doc", "from")
OUTPUT_KEYS = ("node", "labels", "doc")
ARG_KEYS = ("type", "default", "doc")
DIM_KEYS = ("doc", "min", "max", "multiple_of", "example")
WEIGHTS_KEYS = ("package", "file", "sha256", "names")
DRAW_KEYS = ("title", "panels", "colours", "fold", "level", "direction")

T = TypeVar("T")


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
        self.broken: set[str] = set()

    def document(self, library: bool = False) -> Document | None:
        """The document; a ``library`` of blocks needs no nodes of its own."""
        problems: list[Problem] = []
        tree = read_yaml(self.source, problems)
        for problem in problems:
            self.report.problem(problem)
        if tree is None:
            return None
        top = self.report.mapping(tree, "a model")
        if top is None or not self.check_format(top):
            return None
        self.report.keys(top, TOP_KEYS, "the graph")
        name = self.text(top, "name") or (self.path.stem if self.path else "model")
        document = Document(self.source, self.path, Block(name, top.place), name)
        self.read_blocks(top, document)
        self.read_top(top, document, library)
        return document

    def check_format(self, top: MapNode) -> bool:
        """``format: 1`` is required; anything else is another language."""
        given = top.get("format")
        if given is None:
            key = next((k for k, _ in top if did_you_mean(k.raw, ["format"])), None)
            hint = "did you mean 'format'?" if key else "write format: 1 on the first line"
            place = key.place if key else top.place
            self.report.add("format", "the file needs 'format: 1'", place, hint)
            return True
        if not isinstance(given, Scalar) or type(given.value) is not int or given.value != FORMAT:
            raw = given.raw if isinstance(given, Scalar) else f"a {shape_of(given)}"
            fact = f"this tool reads format {FORMAT}, the file says {raw}"
            self.report.add("format", fact, given.place)
            return False
        return True

    def read_blocks(self, top: MapNode, document: Document) -> None:
        """Own and imported blocks; names first, so that blocks may use each other."""
        tree = self.report.mapping(top.get("blocks"), "blocks")
        imported = top.get("import")
        if imported is not None:
            self.importer.read(imported, document, self.report)
        own = [(key, value) for key, value in tree or () if self.is_name(key, "block")]
        names = {str(key.value) for key, _ in own} | set(document.blocks)
        nodes = NodeReader(self.report, names)
        for key, value in own:
            block = self.report.mapping(value, f"block '{key.value}'")
            if block is not None:
                self.report.keys(block, BLOCK_KEYS, f"block '{key.value}'")
                document.blocks[str(key.value)] = self.block(str(key.value), key, block, nodes)
                document.homes[str(key.value)] = document
        document.broken = frozenset(self.broken)
        for key, _ in own:
            found = document.blocks.get(str(key.value))
            if found is not None:
                lint_block(found, document, self.report)

    def block(self, name: str, key: Scalar, tree: MapNode, nodes: NodeReader) -> Block:
        """One block."""
        if tree.get("nodes") is None:
            self.report.add("missing-key", f"block '{name}' has no nodes", key.place)
        if tree.get("inputs") is None:
            hint = "write e.g. inputs: {x: [B, C, H, W]}"
            self.report.add("missing-key", f"block '{name}' has no inputs", key.place, hint)
        return Block(
            name,
            key.place,
            self.args(tree.get("args")),
            self.lets(tree.get("let")),
            self.requirements(tree.get("require")),
            self.inputs(tree.get("inputs")),
            nodes.nodes(tree.get("nodes"), "nodes"),
            self.outputs(tree.get("outputs"), nodes),
            self.text(tree, "doc"),
        )

    def read_top(self, top: MapNode, document: Document, library: bool) -> None:
        """The model itself: a block with dims."""
        nodes = NodeReader(self.report, set(document.blocks))
        if not library and top.get("nodes") is None:
            self.report.add("missing-key", "the graph has no nodes", top.place)
        if not library and top.get("inputs") is None:
            hint = "write e.g. inputs: {image: [B, 3, 224, 224]}"
            self.report.add("missing-key", "the graph has no inputs", top.place, hint)
        document.dims = self.dims(top.get("dims"))
        document.main = Block(
            document.name,
            top.place,
            self.args(top.get("args")),
            self.lets(top.get("let")),
            self.requirements(top.get("require")),
            self.inputs(top.get("inputs")),
            nodes.nodes(top.get("nodes"), "nodes"),
            self.outputs(top.get("outputs"), nodes),
            self.text(top, "doc"),
        )
        document.broken = frozenset(self.broken)
        document.weights = self.weights(top.get("weights"))
        document.draw = self.report.mapping(top.get("draw"), "draw")
        if isinstance(document.draw, MapNode):
            self.report.keys(document.draw, DRAW_KEYS, "draw")
        lint_block(document.main, document, self.report)

    # ------------------------------------------------------------------ parts of a block

    def args(self, tree: YamlNode | None) -> tuple[Arg, ...]:
        """``args``: ``name: 3``, ``name: int``, ``name: {type: block, default: b}``."""
        entries = self.report.mapping(tree, "args") or ()
        return self.each(entries, "argument", self.arg)

    def arg(self, key: Scalar, value: YamlNode) -> Arg:
        """One argument."""
        kind: str | None = None
        default: YamlNode | None = value
        doc = None
        if isinstance(value, MapNode):
            self.report.keys(value, ARG_KEYS, f"argument '{key.value}'")
            kind, default, doc = (
                self.text(value, "type"),
                value.get("default"),
                self.text(value, "doc"),
            )
        elif isinstance(value, Scalar) and value.value in ARG_TYPES:
            kind, default = str(value.value), None
        if kind is not None and kind not in ARG_TYPES:
            fact = f"'{kind}' is no type of argument; types: {', '.join(ARG_TYPES)}"
            raise Mistake(fact, hint=did_you_mean(kind, ARG_TYPES))
        if default is not None and not isinstance(default, Scalar):
            raise Mistake(f"the default of '{key.value}' must be a number or a word")
        if default is not None and default.broken:
            raise Reported
        return Arg(str(key.value), kind, default, default_expression(default, kind), key.place, doc)

    def lets(self, tree: YamlNode | None) -> tuple[Let, ...]:
        """``let``: names for expressions."""
        entries = self.report.mapping(tree, "let") or ()
        return self.each(entries, "name", lambda k, v: Let(str(k.value), condition(v), k.place))

    def requirements(self, tree: YamlNode | None) -> tuple[Expression, ...]:
        """``require``: a list of conditions."""
        items = tree.items if isinstance(tree, ListNode) else (tree,) if tree is not None else ()
        found = (self.report.attempt(item.place, condition, item) for item in items)
        return tuple(expression for expression in found if expression is not None)

    def inputs(self, tree: YamlNode | None) -> tuple[InputSpec, ...]:
        """``inputs``: shapes, or mappings with dtype, doc and ``from``."""
        entries = self.report.mapping(tree, "inputs") or ()
        return self.each(entries, "input", self.input)

    def input(self, key: Scalar, value: YamlNode) -> InputSpec:
        """One input."""
        name = str(key.value)
        if name == "prev":
            raise Mistake("'prev' means the previous node; give the input another name", code="id")
        if not isinstance(value, MapNode):
            return InputSpec(name, self.pattern(value), key.place)
        self.report.keys(value, INPUT_KEYS, f"input '{name}'")
        shape = value.get("shape")
        if shape is None:
            raise Mistake(f"input '{name}' has no shape", hint="write shape: [B, 3, H, W]")
        dtype = value.get("dtype")
        if dtype is not None and not (isinstance(dtype, Scalar) and dtype.value in DTYPES):
            raw = dtype.raw if isinstance(dtype, Scalar) else f"a {shape_of(dtype)}"
            error = Mistake(
                f"'{raw}' is no dtype", hint=did_you_mean(raw, DTYPES) or ", ".join(DTYPES)
            )
            error.place = dtype.place
            raise error
        kind = str(dtype.value) if isinstance(dtype, Scalar) else None
        return InputSpec(
            name, self.pattern(shape), key.place, kind, self.text(value, "doc"), value.get("from")
        )

    def pattern(self, value: YamlNode) -> Pattern:
        """A shape: sizes, or in blocks names to bind, and ``...``."""
        if not isinstance(value, ListNode):
            error = Mistake("expected a list of sizes such as [B, 3, H, W]")
            error.place = value.place
            raise error
        axes: list[Expression | None] = []
        for item in value:
            if isinstance(item, Scalar) and item.raw == "...":
                axes.append(None)
            elif isinstance(item, Scalar) and not item.broken and item.value is not None:
                axes.append(parse(item.raw, item.place, quoted=not item.plain))
            else:
                number(item, "size")
        if axes.count(None) > 1:
            raise Mistake("... may stand once in a shape", code="shape")
        return Pattern(tuple(axes), value.place)

    def outputs(self, tree: YamlNode | None, nodes: NodeReader) -> tuple[OutputSpec, ...]:
        """``outputs``: ``{name: node}`` or ``{name: {node, labels, doc}}``."""
        entries = self.report.mapping(tree, "outputs") or ()

        def output(key: Scalar, value: YamlNode) -> OutputSpec:
            if not isinstance(value, MapNode):
                return OutputSpec(str(key.value), nodes.reference(value))
            self.report.keys(value, OUTPUT_KEYS, f"output '{key.value}'")
            node, labels = value.get("node"), value.get("labels")
            reference = Reference(str(key.value), None, key.place)
            if node is not None:
                reference = nodes.reference(node)
            if labels is not None and not isinstance(labels, Scalar):
                raise Mistake("labels: names a file with one label on each line")
            return OutputSpec(str(key.value), reference, labels, self.text(value, "doc"))

        return self.each(entries, "output", output)

    def dims(self, tree: YamlNode | None) -> tuple[DimSpec, ...]:
        """``dims``: ``[B, T]`` or ``{B: {doc, min, max, multiple_of, example}}``."""
        if isinstance(tree, ListNode):
            names = [
                item for item in tree if isinstance(item, Scalar) and self.is_name(item, "dim")
            ]
            return tuple(DimSpec(str(item.value), item.place) for item in names)
        return self.each(self.report.mapping(tree, "dims") or (), "dim", self.dim)

    def dim(self, key: Scalar, value: YamlNode) -> DimSpec:
        """One symbolic size."""
        name = str(key.value)
        if isinstance(value, Scalar) and value.value is None:
            return DimSpec(name, key.place)
        options = self.report.mapping(value, f"dim '{name}'")
        if options is None:
            raise Reported
        self.report.keys(options, DIM_KEYS, f"dim '{name}'")
        read = {
            str(k.value): number(v, "int")
            for k, v in options
            if k.value in DIM_KEYS and k.value != "doc"
        }
        return DimSpec(name, key.place, read, self.text(options, "doc"))

    def weights(self, tree: YamlNode | None) -> WeightsSpec | None:
        """``weights``: where real weights come from."""
        node = self.report.mapping(tree, "weights")
        if node is None:
            return None
        self.report.keys(node, WEIGHTS_KEYS, "weights")
        names = node.get("names")
        mapped: dict[str, Any] = plain(names) if isinstance(names, MapNode) else {}
        for key, value in mapped.items():
            if value is not None and not isinstance(value, str):
                self.report.add("value", f"the name for '{key}' must be text", node.place)
        return WeightsSpec(
            node.place, self.text(node, "package"), self.text(node, "file"),
            self.text(node, "sha256"), mapped,
        )  # fmt: skip

    # ------------------------------------------------------------------ helpers

    def each(self, entries: Any, what: str, read: Any) -> tuple[Any, ...]:
        """Read every entry of a mapping; entries that fail are remembered as broken names."""
        found = []
        for key, value in entries:
            if not self.is_name(key, what):
                continue
            item = self.report.attempt(value.place, read, key, value)
            if item is None:
                self.broken.add(str(key.value))
            else:
                found.append(item)
        return tuple(found)

    def is_name(self, key: Scalar, what: str) -> bool:
        """Can this be the name of something?"""
        if isinstance(key.value, str) and IDENTIFIER.fullmatch(key.value):
            return True
        hint = "letters, digits and _, not starting with a digit"
        self.report.add("name", f"'{key.raw}' cannot name a {what}", key.place, hint)
        return False

    def text(self, tree: MapNode, key: str) -> str | None:
        """A text entry, if it is there."""
        value = tree.get(key)
        return None if value is None else self.report.attempt(value.place, doc_text, value)


def default_expression(default: Scalar | None, kind: str | None) -> Expression | None:
    """The expression of an argument's default; None for words and for constants."""
    if default is None or kind in ("text", "block") or not isinstance(default.value, str):
        return None
    return parse(default.value, default.place, quoted=not default.plain)
