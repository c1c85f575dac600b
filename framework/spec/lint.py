"""What can be said about a block without any sizes: names, references, unused results.

Runs over every block, used or not; the builder can then rely on names and references.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from framework.errors import did_you_mean, nearest
from framework.ir.op import REGISTRY, Op
from framework.spec.document import Arg, Argument, Block, Document, NodeSpec
from framework.spec.lint_names import Names
from framework.spec.lint_results import Item, Results
from framework.spec.report import Report, misspelt_there
from framework.spec.values import check_truth_word


def lint_block(block: Block, document: Document, report: Report, top: bool = False) -> Block:
    """Check one block, or the top level of a model; the block with its broken names noted."""
    linter = Linter(block, document, report)
    unknown = linter.check(top)
    return replace(block, broken=block.broken | unknown)


class Linter:
    """The checks of one block."""

    def __init__(self, block: Block, document: Document, report: Report) -> None:
        self.block = block
        self.document = document
        self.report = report
        self.names = Names(block, report)
        self.results = Results(block, report)

    def check(self, top: bool) -> frozenset[str]:
        """Check declarations, nodes and outputs; the names that are unknown."""
        self.names.declarations(top)
        inputs = [self.results.ids[spec.name] for spec in self.block.inputs]
        start = inputs[0] if inputs and (not top or len(inputs) == 1) else None
        last = self.list(self.block.nodes, start)
        for output in self.block.outputs:
            self.results.resolve(output.node, last)
        if not self.block.outputs and last is not None:
            last.used = True
        unknown = self.names.finish()
        self.results.silent |= bool(unknown) or "outputs" in self.block.lost
        self.results.finish()
        return unknown

    def list(self, nodes: Iterable[NodeSpec], start: Item | None) -> Item | None:
        """The nodes of one list; returns the last result."""
        previous = start
        for spec in nodes:
            previous = self.node(spec, previous)
        return previous

    def node(self, spec: NodeSpec, previous: Item | None) -> Item:
        """One node: its names, its references, its result."""
        added = spec.repeat is not None and "i" not in self.names.known
        if spec.repeat is not None and not spec.broken:
            self.names.check_value(spec.repeat)
        if added:
            self.names.known.add("i")
        if not spec.broken:
            self.expressions(spec)
        self.connect(spec, previous)
        if spec.kind in ("residual", "sequence"):
            self.structure(spec, previous)
        if added:
            self.names.known.discard("i")
        if spec.when is not None and previous is not None:
            previous.used = True
        return self.results.add(spec)

    def expressions(self, spec: NodeSpec) -> None:
        """Names in attributes and in the keys beside the operator."""
        for value in spec.attributes.values():
            self.names.check_value(value)
        if spec.shape is not None:
            self.names.check_value(spec.shape)
        if spec.when is not None:
            self.names.check([spec.when])
        if spec.kind == "use":
            self.use(spec)
        if spec.share is not None and spec.share.raw != "copies" and spec.initial:
            fact = f"init: has no effect: the weights are those of '{spec.share.raw}'"
            hint = "remove init:, or share:"
            place = next(iter(spec.initial.values())).place
            self.report.add("init", fact, place, hint)

    def use(self, spec: NodeSpec) -> None:
        """The block of ``use`` and its arguments."""
        name, blocks = spec.label, self.document.blocks
        choices = [arg.name for arg in self.block.args if arg.type == "block"]
        if name in choices or name in self.document.broken or name in self.block.broken:
            return
        if name not in blocks and "args" in self.block.lost:
            return
        if name in blocks:
            if blocks[name].usable:
                self.arguments(spec, blocks[name])
            return
        hint = did_you_mean(name, [*blocks, *choices]) or operator_hint(name)
        hint = hint or f"blocks: {', '.join([*blocks, *choices]) or 'none'}"
        places = {arg.name: arg.place for arg in self.block.args}
        places |= {block.name: block.place for block in blocks.values()}
        near = nearest(name, [*blocks, *choices])
        notes, fact = misspelt_there(near, places.get(near or "")), f"there is no block '{name}'"
        self.report.add("unknown-block", fact, spec.word.place, hint, notes)
        self.results.silent = True

    def arguments(self, spec: NodeSpec, block: Block) -> None:
        """``with:`` against the block's arguments."""
        declared = {arg.name: arg for arg in block.args}
        for argument in spec.arguments:
            arg = declared.get(argument.key.raw)
            if arg is None:
                options = ", ".join(declared) or f"{block.name} takes none"
                hint = did_you_mean(argument.key.raw, declared) or f"arguments: {options}"
                fact = f"there is no argument '{argument.key.raw}'"
                near = declared.get(nearest(argument.key.raw, declared) or "")
                notes = [] if near is None else misspelt_there(near.name, near.place)
                self.report.add("unknown-argument", fact, argument.key.place, hint, notes)
            else:
                self.argument(arg, argument)
        given = {argument.key.raw for argument in spec.arguments}
        complete = given <= set(declared)
        for arg in block.args:
            if arg.required and arg.name not in given and complete:
                fact = f"block '{block.name}' needs the argument '{arg.name}'"
                hint = f"add {arg.name}: to with:"
                self.report.add("missing-argument", fact, spec.word.place, hint)

    def argument(self, arg: Arg, argument: Argument) -> None:
        """The value of one argument: names in it, and ``no`` where false is meant."""
        place, before = argument.value.place, self.report.marks
        if arg.truth:
            self.report.attempt(place, check_truth_word, argument.value)
        if argument.expression is None or arg.type in ("text", "block"):
            return
        if self.report.marks == before:
            self.names.check([argument.expression])

    def connect(self, spec: NodeSpec, previous: Item | None) -> None:
        """Mark what the node reads as used."""
        if spec.of is not None:
            self.results.resolve(spec.of, previous)
        if spec.wiring is not None:
            for reference in spec.wiring.references():
                self.results.resolve(reference, previous)
        elif spec.of is None and (spec.op is None or takes_input(spec.op)):
            if previous is not None:
                previous.used = True
            elif not spec.broken and self.block.usable:
                ids = ", ".join(self.results.ids)
                hint = f"write in: with one of {ids}" if ids else "add an input, or a constant"
                fact = "there is no previous node to take the input from"
                self.report.add("in", fact, spec.word.place, hint)

    def structure(self, spec: NodeSpec, previous: Item | None) -> None:
        """The lists inside ``residual`` and ``sequence``; they share the ids of this scope."""
        start = previous
        reference = spec.of
        if spec.wiring is not None:
            reference = next(spec.wiring.references(), None)
        if reference is not None and reference.name != "prev":
            start = self.results.ids.get(reference.name, Item(reference.name, None))
        for branch in (spec.body, spec.skip or ()):
            last = self.list(branch, start)
            if last is not None:
                last.used = True


def operator_hint(name: str) -> str | None:
    """Somebody wrote ``use: relu``."""
    return f"'{name}' is an operator: write - {name}" if name in REGISTRY else None


def takes_input(op: type[Op]) -> bool:
    """Is there a port that must be connected?  Others are left empty without ``in:``."""
    return any(not port.optional for port in op.ports.tensors)
