"""Results of nodes: which ids there are, and whether somebody uses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from framework.errors import Mistake, Place, did_you_mean, nearest
from framework.spec.document import Block, NodeSpec, Reference
from framework.spec.lint_names import Once
from framework.spec.report import Report, misspelt_there


@dataclass(eq=False)
class Item:
    """One result in a block: who made it, and whether anybody uses it."""

    label: str
    place: Place | None
    """Where an unused result is reported; inputs have none."""
    named: bool = False
    used: bool = False
    declared: Place | None = None


@dataclass
class Results:
    """The results of one block, in the order of the file."""

    block: Block
    report: Report
    ids: dict[str, Item] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    silent: bool = False
    """Something was reported: a result may look unused for that reason alone."""

    def __post_init__(self) -> None:
        broken = [spec for spec in flatten(self.block.nodes) if spec.broken]
        self.silent = bool(broken)
        self.mentioned = {word for spec in broken for word in spec.mentions}
        self.unknown = Once(self.report)
        for spec in self.block.inputs:
            self.ids[spec.name] = Item(spec.name, None, declared=spec.place)

    def add(self, spec: NodeSpec) -> Item:
        """The result of a node, under its id if it has one."""
        item = Item(spec.id.raw if spec.id else spec.label, spec.place, spec.id is not None)
        item.used = spec.broken
        self.items.append(item)
        if spec.id is None:
            return item
        item.place = spec.id.place
        earlier = self.ids.setdefault(spec.id.raw, item)
        if earlier is not item:
            hint = f"first on line {earlier.place.line}" if earlier.place else "it is an input"
            fact = f"'{spec.id.raw}' is already taken"
            self.report.add("duplicate-id", fact, spec.id.place, hint)
            item.used = True
        return item

    def resolve(self, reference: Reference, previous: Item | None) -> None:
        """Mark a referenced result as used, or report that there is none."""
        if reference.name == "prev" and previous is not None:
            previous.used = True
        elif reference.name in self.ids:
            self.ids[reference.name].used = True
        else:
            self.silent = True
            if not self.excused(reference):
                self.unknown.add(reference.name, self.mistake(reference), reference.place)

    def excused(self, reference: Reference) -> bool:
        """Does it follow from a mistake that has been reported?"""
        known = reference.name in self.mentioned or reference.name in self.block.broken
        return known or "inputs" in self.block.lost

    def mistake(self, reference: Reference) -> Mistake:
        """A reference to nothing, or to a node further down."""
        if reference.name == "prev":
            fact, hint = "there is no previous node here", "write in: with the id of a node"
            return Mistake(fact, hint=hint, code="reference")
        later = next((s for s in flatten(self.block.nodes) if is_named(s, reference.name)), None)
        if later is not None:
            fact = f"'{reference.name}' comes later, on line {later.place.line}"
            hint = "a node reads what stands above it"
            return Mistake(fact, hint=hint, code="unknown-reference")
        near = did_you_mean(reference.name, [*self.ids, "prev"])
        unnamed = next(
            (s for s in flatten(self.block.nodes) if is_unnamed(s, reference.name)), None
        )
        if unnamed is not None:
            near = f"give the node on line {unnamed.place.line} id: {reference.name}"
        hint = near or f"in scope: {', '.join(self.ids) or 'prev'}"
        fact = f"nothing here is called '{reference.name}'"
        guess = nearest(reference.name, self.ids)
        meant = self.ids.get(guess or "")
        notes = misspelt_there(guess, None if meant is None else meant.place or meant.declared)
        return Mistake(fact, hint=hint, code="unknown-reference", notes=notes)

    def finish(self) -> None:
        """Report unknown references; then results that nobody uses, unless others are excused."""
        self.unknown.flush()
        if self.silent:
            return
        for item in self.items:
            if item.used or item.place is None:
                continue
            fact = "the result of this node is never used"
            hint = "give it an id: and use it, list it in outputs:, or remove it"
            if item.named:
                fact = f"the result of '{item.label}' is never used"
                hint = "use it, list it in outputs:, or remove it"
            self.report.add("unused", fact, item.place, hint)


def is_named(spec: NodeSpec, name: str) -> bool:
    """Has the node this id?"""
    return spec.id is not None and spec.id.raw == name


def is_unnamed(spec: NodeSpec, word: str) -> bool:
    """Is it a node of this operator or block without id?"""
    return spec.id is None and spec.label == word


def flatten(nodes: Iterable[NodeSpec]) -> Iterator[NodeSpec]:
    """All nodes, those inside structures included."""
    for spec in nodes:
        yield spec
        yield from flatten((*spec.body, *(spec.skip or ())))
