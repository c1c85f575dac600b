"""What can be said about a block without any sizes: names, references, unused results.

Runs over every block, used or not; the builder can then rely on names and references.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from framework.errors import Place, did_you_mean
from framework.ir.op import REGISTRY
from framework.spec.document import Block, Document, InputSpec, NodeSpec, Reference
from framework.spec.expressions import Expression
from framework.spec.report import Report
from framework.spec.values import Pending, Word, unknown_word


@dataclass(eq=False)
class Item:
    """One result in a block: who made it, and whether anybody uses it."""

    label: str
    place: Place | None
    named: bool = False
    used: bool = False


@dataclass
class Names:
    """The names in scope of expressions, growing in the order of the file."""

    known: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def check(self, expressions: Iterable[Expression], report: Report) -> None:
        """Report names that are not in scope."""
        for expression in expressions:
            for error in expression.unknown_names(self.known):
                report.mistake(error, expression.place)

    def check_value(self, value: Pending, report: Report) -> None:
        """Report unknown names in a value, and words that are none of those wanted."""
        if isinstance(value, Word):
            if value.words and value.text not in value.words and value.text not in self.words:
                report.mistake(unknown_word(value.text, value.words, value.place), value.place)
        else:
            self.check(value.expressions, report)


def lint_block(block: Block, document: Document, report: Report) -> None:
    """Check one block, or the top level of a model."""
    Linter(block, document, report).check()


class Linter:
    """The checks of one block."""

    def __init__(self, block: Block, document: Document, report: Report) -> None:
        self.block = block
        self.document = document
        self.report = report
        self.top = block is document.main
        self.names = Names()
        self.ids: dict[str, Item] = {}
        self.items: list[Item] = []
        self.mentioned: frozenset[str] = frozenset()
        self.silent = False

    def check(self) -> None:
        """Check declarations, nodes and outputs, in the order in which names appear."""
        self.declarations()
        inputs = [Item(spec.name, None) for spec in self.block.inputs]
        for spec, item in zip(self.block.inputs, inputs, strict=True):
            self.ids[spec.name] = item
        broken = [spec for spec in flatten(self.block.nodes) if spec.broken]
        self.mentioned = frozenset(w for spec in broken for w in spec.mentions)
        self.silent = bool(broken)
        start = inputs[0] if inputs and (not self.top or len(inputs) == 1) else None
        last = self.list(self.block.nodes, start)
        self.outputs(last)
        if not self.silent:
            self.unused()

    def declarations(self) -> None:
        """Arguments, dims, patterns, lets and requirements."""
        names = self.names
        names.known |= self.document.broken
        for arg in self.block.args:
            if arg.expression is not None:
                names.check([arg.expression], self.report)
            names.known.add(arg.name)
            names.words.add(arg.name)
        if self.top:
            self.dims()
            self.lets()
        for spec in self.block.inputs:
            self.input_shape(spec)
        if not self.top:
            self.lets()
        names.check(self.block.require, self.report)

    def dims(self) -> None:
        """Bounds of dims speak of arguments; then the dims are known, too."""
        for dim in self.document.dims:
            for value in dim.options.values():
                self.names.check_value(value, self.report)
        self.names.known |= {dim.name for dim in self.document.dims}

    def lets(self) -> None:
        """Each name may use the ones before."""
        for let in self.block.lets:
            self.names.check([let.expression], self.report)
            self.names.known.add(let.name)

    def input_shape(self, spec: InputSpec) -> None:
        """At the top sizes must be known; in a block a bare name binds."""
        for axis in spec.shape.axes:
            if axis is None:
                continue
            if not self.top and axis.text.isidentifier():
                self.names.known.add(axis.text)
            self.names.check([axis], self.report)

    # ------------------------------------------------------------------ nodes

    def list(self, nodes: Iterable[NodeSpec], start: Item | None) -> Item | None:
        """The nodes of one list; returns the last result."""
        previous = start
        for spec in nodes:
            previous = self.node(spec, previous)
        return previous

    def node(self, spec: NodeSpec, previous: Item | None) -> Item:
        """One node: its names, its references, its result."""
        added = spec.repeat is not None and "i" not in self.names.known
        if added:
            self.names.known.add("i")
        self.node_names(spec)
        self.connect(spec, previous)
        if spec.kind in ("residual", "sequence"):
            self.structure(spec, previous)
        if added:
            self.names.known.discard("i")
        item = Item(spec.id.raw if spec.id else spec.label, spec.place, spec.id is not None)
        item.used = spec.broken
        if spec.when is not None and previous is not None:
            previous.used = True
        self.items.append(item)
        if spec.id is not None:
            self.name(spec, item)
        return item

    def name(self, spec: NodeSpec, item: Item) -> None:
        """Give a result its id."""
        if spec.id is None:
            return
        if spec.id.raw in self.ids:
            fact = f"'{spec.id.raw}' is already taken"
            earlier = self.ids[spec.id.raw].place
            hint = f"first on line {earlier.line}" if earlier else "it is an input"
            self.report.add("duplicate-id", fact, spec.id.place, hint)
            return
        item.place = spec.id.place
        self.ids[spec.id.raw] = item

    def node_names(self, spec: NodeSpec) -> None:
        """Names in attributes and in the keys beside the operator."""
        if spec.broken:
            return
        for value in spec.attributes.values():
            self.names.check_value(value, self.report)
        for pending in (spec.repeat, spec.shape):
            if pending is not None:
                self.names.check_value(pending, self.report)
        if spec.when is not None:
            self.names.check([spec.when], self.report)
        if spec.kind == "use":
            self.use(spec)

    def use(self, spec: NodeSpec) -> None:
        """The block of ``use`` and its arguments."""
        name = spec.label
        chosen = any(arg.name == name and arg.type == "block" for arg in self.block.args)
        home = self.document
        if chosen:
            return
        if name not in home.blocks:
            choices = [arg.name for arg in self.block.args if arg.type == "block"]
            if name in self.document.broken:
                return
            hint = did_you_mean(name, [*home.blocks, *choices]) or operator_hint(name)
            self.report.add("unknown-block", f"there is no block '{name}'", spec.word.place, hint)
            self.silent = True
            return
        self.arguments(spec, home.blocks[name])

    def arguments(self, spec: NodeSpec, block: Block) -> None:
        """``with:`` against the block's arguments."""
        declared = {arg.name: arg for arg in block.args}
        for argument in spec.arguments:
            arg = declared.get(argument.key.raw)
            if arg is None:
                options = ", ".join(declared) or f"{block.name} takes none"
                hint = did_you_mean(argument.key.raw, declared) or f"arguments: {options}"
                fact = f"there is no argument '{argument.key.raw}'"
                self.report.add("unknown-argument", fact, argument.key.place, hint)
            elif arg.type not in ("text", "block") and argument.expression is not None:
                self.names.check([argument.expression], self.report)
        given = {argument.key.raw for argument in spec.arguments}
        complete = given <= set(declared)
        for arg in block.args:
            if arg.required and arg.name not in given and complete:
                fact = f"block '{block.name}' needs the argument '{arg.name}'"
                hint = f"add {arg.name}: to with:"
                self.report.add("missing-argument", fact, spec.word.place, hint)

    def connect(self, spec: NodeSpec, previous: Item | None) -> None:
        """Mark what the node reads as used."""
        if spec.wiring is not None:
            for reference in spec.wiring.references():
                self.resolve(reference, previous)
        elif (
            spec.kind in ("use", "residual", "sequence") or spec.op is None or spec.op.ports.tensors
        ):
            if previous is not None and spec.of is None:
                previous.used = True
            elif spec.of is None and not spec.broken:
                hint = f"write in: ({', '.join(self.ids)})" if self.ids else "write in:"
                fact = "there is no previous node to take the input from"
                self.report.add("in", fact, spec.word.place, hint)
        if spec.of is not None:
            self.resolve(spec.of, previous)

    def structure(self, spec: NodeSpec, previous: Item | None) -> None:
        """The lists inside ``residual`` and ``sequence``; they share the ids of this scope."""
        start = previous
        reference = spec.of
        if spec.wiring is not None and spec.wiring.listed:
            reference = spec.wiring.listed[0]
        if reference is not None and reference.name != "prev":
            start = self.ids.get(reference.name, Item(reference.name, None))
        for branch in (spec.body, spec.skip or ()):
            last = self.list(branch, start)
            if last is not None:
                last.used = True

    def resolve(self, reference: Reference, previous: Item | None) -> None:
        """Mark a referenced result as used, or report that there is none."""
        if reference.name == "prev":
            if previous is None:
                fact, hint = "there is no previous node here", "write in: with the id of a node"
                self.report.add("reference", fact, reference.place, hint)
            else:
                previous.used = True
        elif reference.name in self.ids:
            self.ids[reference.name].used = True
        else:
            self.silent = True
            if reference.name not in self.mentioned | self.document.broken:
                hint = did_you_mean(reference.name, [*self.ids, "prev"])
                hint = hint or f"in scope: {', '.join(self.ids)}"
                fact = f"nothing here is called '{reference.name}'"
                self.report.add("unknown-reference", fact, reference.place, hint)

    def outputs(self, last: Item | None) -> None:
        """Results that leave the block."""
        for output in self.block.outputs:
            self.resolve(output.node, last)
        if not self.block.outputs and last is not None:
            last.used = True

    def unused(self) -> None:
        """A result that nobody uses is a mistake."""
        for item in self.items:
            if item.used or item.place is None:
                continue
            if item.named:
                fact = f"the result of '{item.label}' is never used"
                hint = "use it, list it in outputs:, or remove it"
            else:
                fact = "the result of this node is never used"
                hint = "give it an id: and use it, list it in outputs:, or remove it"
            self.report.add("unused", fact, item.place, hint)


def operator_hint(name: str) -> str | None:
    """Somebody wrote ``use: relu``."""
    return f"'{name}' is an operator: write - {name}" if name in REGISTRY else None


def flatten(nodes: Iterable[NodeSpec]) -> Iterator[NodeSpec]:
    """All nodes, those inside structures included."""
    for spec in nodes:
        yield spec
        yield from flatten((*spec.body, *(spec.skip or ())))
