"""What a model file says, read but not yet elaborated: the front end's own tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.errors import Place, Source
from framework.ir.op import Op
from framework.source import Scalar, YamlNode
from framework.spec.expressions import Expression
from framework.spec.values import Pending

ARG_TYPES = ("int", "real", "bool", "text", "block")


@dataclass(frozen=True)
class Arg:
    """A compile-time constant of a model or block; no default means required."""

    name: str
    type: str | None
    default: Scalar | None
    expression: Expression | None
    place: Place
    doc: str | None = None

    @property
    def required(self) -> bool:
        """Must the user give it?"""
        return self.default is None

    @property
    def truth(self) -> bool:
        """Is it true or false, by its type or its default?"""
        default = self.default is not None and isinstance(self.default.value, bool)
        return self.type == "bool" or (self.type is None and default)


@dataclass(frozen=True)
class Let:
    """A name for an expression."""

    name: str
    expression: Expression
    place: Place


@dataclass(frozen=True)
class DimSpec:
    """A declared symbolic size; bounds are expressions over constants."""

    name: str
    place: Place
    options: Mapping[str, Pending] = field(default_factory=dict)
    doc: str | None = None


@dataclass(frozen=True)
class Pattern:
    """The shape of a block's port: names, expressions, and ``...`` for any axes."""

    axes: tuple[Expression | None, ...]
    place: Place

    def __str__(self) -> str:
        return f"[{', '.join('...' if a is None else a.text for a in self.axes)}]"


@dataclass(frozen=True)
class InputSpec:
    """An input of a model or a block; ``source`` is the raw ``from:`` with its place."""

    name: str
    shape: Pattern
    place: Place
    dtype: str | None = None
    doc: str | None = None
    source: YamlNode | None = None


@dataclass(frozen=True)
class Reference:
    """``name``, ``name.output`` or ``prev``."""

    name: str
    output: str | None
    place: Place

    @property
    def text(self) -> str:
        """As the user wrote it."""
        return self.name if self.output is None else f"{self.name}.{self.output}"


@dataclass(frozen=True)
class OutputSpec:
    """A named result of a model or a block."""

    name: str
    node: Reference
    labels: Scalar | None = None
    doc: str | None = None


@dataclass(frozen=True)
class Wiring:
    """The ``in:`` of a node: a list (``several``), or references by port name."""

    place: Place
    listed: tuple[Reference, ...] = ()
    named: Mapping[str, tuple[Scalar, tuple[Reference, ...]]] = field(default_factory=dict)

    def references(self) -> Iterator[Reference]:
        """All references, in order."""
        yield from self.listed
        for _, group in self.named.values():
            yield from group


@dataclass(frozen=True)
class Argument:
    """One entry of ``with:``; ``expression`` is None where the text is no expression."""

    key: Scalar
    value: Scalar
    expression: Expression | None
    failure: Exception | None = None


@dataclass(frozen=True)
class NodeSpec:
    """One list item under ``nodes``.

    ``kind`` is "op", "use", "residual" or "sequence"; ``word`` is what the user wrote for
    the operator or the block.  ``broken`` nodes have been reported; they yield nothing.
    """

    kind: str
    word: Scalar
    place: Place
    op: type[Op] | None = None
    attributes: Mapping[str, Pending] = field(default_factory=dict)
    id: Scalar | None = None
    wiring: Wiring | None = None
    arguments: tuple[Argument, ...] = ()
    when: Expression | None = None
    repeat: Pending | None = None
    share: Scalar | None = None
    shape: Pending | None = None
    tied: Mapping[str, tuple[Scalar, Scalar]] = field(default_factory=dict)
    initial: Mapping[str | None, YamlNode] = field(default_factory=dict)
    of: Reference | None = None
    body: tuple[NodeSpec, ...] = ()
    skip: tuple[NodeSpec, ...] | None = None
    doc: str | None = None
    broken: bool = False
    mentions: frozenset[str] = frozenset()
    """Words of a broken node: ids among them may be meant by others."""

    @property
    def label(self) -> str:
        """Operator or block, as written: what the node is called without an id."""
        return str(self.word.raw)


@dataclass(frozen=True)
class Block:
    """A reusable sub-graph; the top level of a model is one, too, and has ``dims``.

    What has been reported is not reported again in other words: ``broken`` names stay silent,
    ``lost`` has the keys ("args", "inputs" ...) that could not be read, and what uses a block
    without ``usable`` arguments and inputs is skipped.
    """

    name: str
    place: Place
    args: tuple[Arg, ...] = ()
    dims: tuple[DimSpec, ...] = ()
    lets: tuple[Let, ...] = ()
    require: tuple[Expression, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    nodes: tuple[NodeSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    doc: str | None = None
    broken: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    usable: bool = True


@dataclass(frozen=True)
class WeightsSpec:
    """Where real weights come from, and how their names map to the model's."""

    place: Place
    package: str | None = None
    file: str | None = None
    sha256: str | None = None
    names: Mapping[str, str | None] = field(default_factory=dict)


@dataclass
class Document:
    """A whole file.  ``blocks`` holds its own blocks and the imported ones.

    ``homes`` tells for each block in which document its own block names are looked up.
    """

    source: Source
    path: Path | None
    main: Block
    blocks: dict[str, Block] = field(default_factory=dict)
    homes: dict[str, Document] = field(default_factory=dict)
    weights: WeightsSpec | None = None
    draw: YamlNode | None = None
    broken: set[str] = field(default_factory=set)
    """Names of blocks that could not be read or imported; that has been reported."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.main.name

    def home(self, block: str) -> Document:
        """The document in which a block was written."""
        return self.homes.get(block, self)

    def folder(self) -> Path:
        """Folder of the file; relative paths in it start here."""
        return Path() if self.path is None else self.path.parent
