"""Where the builder stands: one frame for each copy of a block, and the results in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from framework.ir.dims import Size
from framework.ir.graph import Value
from framework.source import Scalar
from framework.spec.document import Block, Document
from framework.spec.values import Scope


@dataclass(frozen=True)
class Result:
    """What a node or block gave: values by output name; the first is the plain result."""

    values: Mapping[str, Value]
    block: str | None = None
    """The block whose result it is."""

    @property
    def plain(self) -> Value:
        """The first output."""
        return next(iter(self.values.values()))


@dataclass(frozen=True)
class Chosen:
    """A block that an argument stands for, and the document that it was written in."""

    block: Block
    home: Document


@dataclass(frozen=True)
class Stored:
    """Where a node keeps its weights: the path, and the number of copies (None: not repeated)."""

    path: str
    copies: int | None = None


@dataclass
class Frame:
    """One copy of a block, or the top level.

    ``path`` names its nodes, ``weights`` its stored tensors (they differ where weights are
    shared).  ``results`` has None for nodes that have been reported.
    """

    block: Block
    home: Document
    scope: Scope
    path: str = ""
    weights: str = ""
    choices: dict[str, Chosen] = field(default_factory=dict)
    results: dict[str, Result | None] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    rest: tuple[Size, ...] | None = None
    """What ``...`` stands for in this block."""
    notes: tuple[str, ...] = ()
    reserved: frozenset[str] = frozenset()
    """Ids and ports: names that nodes without id may not take."""
    counts: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    borrowed: Scalar | None = None
    """The ``share:`` by which all weights in this frame belong to another node."""

    def fresh(self, label: str) -> str:
        """A name for a node without id: its label, then ``label_2`` and so on."""
        while True:
            self.counts[label] = count = self.counts.get(label, 0) + 1
            name = label if count == 1 else f"{label}_{count}"
            if name not in self.reserved and name not in self.taken:
                self.taken.add(name)
                return name

    def at_copy(self, number: int) -> Frame:
        """The same frame with ``i`` in scope."""
        return replace(self, scope=self.scope.child(i=number))

    def copy(self, name: str, weights: str, borrowed: Scalar | None) -> Frame:
        """A frame for one copy of a repeated structure: same ids, own path and names."""
        path = join(self.path, name)
        return replace(self, path=path, weights=weights, borrowed=borrowed, counts={}, taken=set())


def join(*parts: str) -> str:
    """Path of dotted names; empty parts vanish."""
    return ".".join(filter(None, parts))
