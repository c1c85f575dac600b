"""`Op`: everything the framework knows about one operator, in one class.

An operator is a frozen dataclass.  Its fields are the YAML attributes; its methods are
its rules.  A declaration is checked when the class is created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from framework.errors import Mistake, ShapeError, did_you_mean
from framework.ir.attributes import (
    Attribute,
    Kind,
    at_sizes,
    attributes_of,
    field_names,
    mentions_symbol,
    signs_of_zeros,
)
from framework.ir.conditions import Condition
from framework.ir.cost import Cost
from framework.ir.dims import Shape, Size
from framework.ir.kernel import How, Kernel
from framework.ir.match import Bound, Given, Match, Namer
from framework.ir.signature import Port, Signature
from framework.ir.types import GROUPS, TensorType, common_dtype, fixed_size

Array = NDArray[Any]

CATEGORIES = (
    "convolution",
    "embedding",
    "position",
    "normalization",
    "linear",
    "attention",
    "product",
    "activation",
    "softmax",
    "pooling",
    "shape",
    "padding",
    "arithmetic",
    "reduction",
    "constant",
)
"""What an operator is for; styles turn a category into a look."""

PLAIN = How()

_REGISTRY: dict[str, type[Op]] = {}

_LATER: dict[str, Callable[[], object]] = {}


class Registry(Mapping[str, type["Op"]]):
    """All operators by name; those that are only announced are declared when asked for."""

    def __getitem__(self, name: str) -> type[Op]:
        if name not in _REGISTRY and name in _LATER:
            _LATER[name]()
        return _REGISTRY[name]

    def __contains__(self, name: object) -> bool:
        return name in _REGISTRY or name in _LATER

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*_LATER, *_REGISTRY)))

    def __len__(self) -> int:
        return len(_LATER.keys() | _REGISTRY.keys())


REGISTRY = Registry()


def announce(name: str, declare: Callable[[], object]) -> None:
    """Say that calling ``declare`` will declare the operator: importing all takes a while."""
    _LATER[name] = declare


@dataclass(frozen=True)
class Sample:
    """An example input that is not plain float32: integers lie in ``[low, high)``."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: int = 0
    high: int = 2


@dataclass(frozen=True)
class Inference:
    """What a node's types are: outputs, parameters, and what must still hold for them."""

    outputs: tuple[TensorType, ...]
    parameters: Mapping[str, TensorType]
    conditions: tuple[Condition, ...]
    match: Match = field(repr=False, compare=False)


class LazyAttributes:
    """Reads the annotations of an operator's fields when somebody asks for its attributes."""

    def __get__(self, op: object, cls: type[Op]) -> tuple[Attribute, ...]:
        if "_attributes" not in cls.__dict__:
            cls._attributes = attributes_of(cls, cls.fields)
        return cls._attributes


@dataclass_transform(frozen_default=True)
class Op:
    """An operator; subclasses declare ``signature``, ``category``, fields and rules.

    A subclass with ``name=`` is registered (unless ``listed=False``: the framework's own,
    not for models); one without is an abstract family.
    """

    name: ClassVar[str] = ""
    signature: ClassVar[str] = ""
    category: ClassVar[str] = ""
    accepts: ClassVar[str] = "float"
    """Group of dtypes that unmarked ports may have (a key of `ir.types.GROUPS`)."""
    main: ClassVar[str | None] = None
    """The attribute that may be written bare: ``linear: 128``."""
    buffers: ClassVar[tuple[str, ...]] = ()
    """Parameter slots that are stored but not learned (running statistics)."""
    initial: ClassVar[Mapping[str, object]] = {}
    """Initialiser of each parameter slot, e.g. ``{"weight": "he_normal"}``."""
    random: ClassVar[bool] = False
    """Does the result depend on a random generator?"""
    views: ClassVar[bool] = False
    """May a result of `compute` share memory with an input (and be read-only)?"""

    ports: ClassVar[Signature]
    fields: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes, in order of declaration."""
    _defaults: ClassVar[Mapping[str, object]] = {}
    _attributes: ClassVar[tuple[Attribute, ...]]
    attributes = LazyAttributes()
    """The attributes with their kinds and defaults."""

    def __init_subclass__(
        cls, name: str | None = None, listed: bool = True, **keywords: Any
    ) -> None:
        super().__init_subclass__(**keywords)
        if name is None:
            return
        if name in _REGISTRY:
            raise TypeError(f"operator {name!r} is declared by {_REGISTRY[name]} and by {cls}")
        cls.name, cls.ports = name, Signature.parse(cls.signature)
        cls.fields = field_names(cls)
        cls._defaults = {name: vars(cls)[name] for name in cls.fields if name in vars(cls)}
        if len(cls.fields) == 1 and cls.main is None:
            cls.main = cls.fields[0]
        check_declaration(cls)
        if listed:
            _REGISTRY[name] = cls

    # A frozen dataclass in all but its making: generating the methods of every operator anew
    # takes longer than everything else that starting the program needs.

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self.fields, values, strict=False))
        wrong = [name for name in named if name not in self.fields or name in given]
        if len(values) > len(self.fields) or wrong:
            surplus = wrong[0] if wrong else values[-1]
            raise TypeError(f"{self.name} takes {', '.join(self.fields)}; not {surplus!r}")
        own = self.__dict__
        own.update({**self._defaults, **given, **named})
        if len(own) < len(self.fields):
            missing = next(name for name in self.fields if name not in own)
            raise TypeError(f"{self.name} needs {missing!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self.name} cannot change: {name!r} is fixed when it is made")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash((self.name, self._key))

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({listed})"

    # ------------------------------------------------------------------ rules to override

    def check(self) -> None:
        """Refuse attribute values that no input could make legal (raise `Mistake`)."""

    def derive(self, d: Match) -> Mapping[str, Bound]:
        """Names that the signature cannot spell, such as output sizes."""
        return {}

    def has_slot(self, slot: str) -> bool:
        """Is this optional parameter slot there?  By default its attribute says so."""
        return bool(getattr(self, slot, False))

    def learns(self, slot: str) -> bool:
        """Is this slot trained?  Otherwise it is stored, but does not count as a parameter."""
        return slot not in self.buffers

    def compute(self, *arrays: Any) -> Any:
        """The plain NumPy definition.

        Takes arrays in the order of the signature (None where nothing is connected, a tuple
        at a variadic port); returns an array, or a tuple of arrays for several outputs (and
        for a variadic one, whatever their number).
        """
        raise NotImplementedError(f"{self.name} has no definition")

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """A faster function than `compute` for these types, or None.

        One type for each array, in the order of the signature: None where nothing is connected,
        the tensors of a variadic port one after another.
        """
        return None

    def cost(self, d: Match) -> Cost:
        """Work of one run; sizes may be symbolic."""
        raise NotImplementedError(f"{self.name} has no cost")

    def index_limit(self, d: Match) -> Mapping[str, Size]:
        """For each port that takes positions in a table: the number of rows of the table."""
        return {}

    def fans(self, slot: str, shape: tuple[int, ...]) -> tuple[int, int]:
        """Inputs and outputs of one unit, for initialisers; weights are [out, in, *window]."""
        if len(shape) < 2:
            return (shape[0], shape[0]) if shape else (1, 1)
        window = int(np.prod(shape[2:], dtype=np.int64))
        return shape[1] * window, shape[0] * window

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Tuples (operator, input, …): shapes, `Sample`, None, or a list at a variadic port."""
        raise NotImplementedError(f"{cls.name} has no examples")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Tuples (operator, arrays, result) checked by hand."""
        return iter(())

    # ------------------------------------------------------------------ what follows from them

    @property
    def values(self) -> dict[str, Any]:
        """Attribute values by name."""
        return {name: self.__dict__[name] for name in self.fields}

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        values = tuple(self.values.values())
        return values, *signs_of_zeros(values)

    @cached_property
    def symbolic(self) -> bool:
        """Is there a symbolic size in an attribute?"""
        return any(map(mentions_symbol, self.values.values()))

    @property
    def components(self) -> tuple[Op, ...]:
        """The operators that a pass made this one of, the first one first; usually none."""
        return ()

    def output_names(self, count: int) -> tuple[str, ...]:
        """Names of ``count`` outputs; those of a variadic port are numbers: ``id.0``, ``id.1``."""
        names: list[str] = []
        for port in self.ports.outputs:
            if port.variadic:
                names += (str(i) for i in range(count - len(names)))
            else:
                names.append(port.name)
        return tuple(names)

    def at(self, sizes: Mapping[str, Size]) -> Op:
        """The operator with symbols in its attributes replaced by sizes."""
        if not self.symbolic:
            return self
        return type(self)(**{name: at_sizes(value, sizes) for name, value in self.values.items()})

    def match(self, given: Mapping[str, Given], namer: Namer | None = None) -> Match:
        """Bind the signature's names to what is connected."""
        found = Match(self.values, namer)
        for port in self.ports.tensors:
            if port.name in given:
                found.bind(port, given[port.name])
            elif not port.optional:
                raise ShapeError(f"input '{port.name}' is missing; expected {port}", code="in")
        self._spread(found)
        found.names.update(self.derive(found))
        for port in self.ports.slots:  # after derive: what it says about slots is checked
            if port.name in given:
                found.bind(port, given[port.name])
        return found

    def infer(self, given: Mapping[str, Given], namer: Namer | None = None) -> Inference:
        """Types of outputs and parameters; ``namer`` makes symbols for sizes that data decide.

        Raises `ShapeError` for what can never fit whatever the sizes (ranks, dtypes);
        comparisons of sizes that are not certain come back as conditions.
        """
        dtype = self._common(given)
        found = self.match(given, namer)
        parameters = {
            slot.name: TensorType(self._slot_shape(slot, found), self._result_dtype(slot, dtype))
            for slot in self.ports.slots
            if slot.name not in given and (not slot.optional or self.has_slot(slot.name))
        }
        outputs = tuple(
            TensorType(shape, self._result_dtype(port, dtype))
            for port in self.ports.outputs
            for shape in found.results(port)
        )
        return Inference(outputs, parameters, tuple(found.conditions), found)

    def _spread(self, found: Match) -> None:
        """Give each attribute of kind "sizes" one value for each axis of ``*size``."""
        size = found.names.get("size")
        if not isinstance(size, tuple):
            return
        for attribute in self.attributes:
            value = found.names[attribute.name]
            if attribute.kind.name in ("sizes", "reals") and value is not None:
                found.names[attribute.name] = spread(value, len(size), attribute.name)

    def _slot_shape(self, slot: Port, found: Match) -> Shape:
        return tuple(fixed_size(size, f"{self.name}'s {slot.name}") for size in found.result(slot))

    def _common(self, given: Mapping[str, Given]) -> str:
        """The dtype that unmarked ports share; float32 where there is none."""
        named: list[tuple[str, str]] = []
        for port in self.ports.inputs:
            for label, dtype in labelled_dtypes(port, given.get(port.name)):
                wanted = None if port.dtype is None else self._result_dtype(port, port.dtype)
                if wanted is not None and dtype not in GROUPS[wanted]:
                    raise dtype_error(label, dtype, wanted)
                if port.dtype is None:
                    named.append((label, dtype))
        common = common_dtype(named)
        if common is not None and common not in GROUPS[self.accepts]:
            raise dtype_error(named[0][0], common, self.accepts)
        return "float32" if common is None else common

    def _result_dtype(self, port: Port, common: str) -> str:
        if port.dtype is None:
            return common
        if port.dtype.startswith("@"):
            return str(getattr(self, port.dtype[1:]))
        return port.dtype


def labelled_dtypes(port: Port, given: Given | None) -> Iterable[tuple[str, str]]:
    """Name and dtype of each tensor at a port."""
    if isinstance(given, TensorType):
        yield port.name, given.dtype
    elif given is not None:
        for number, tensor in enumerate(given):
            yield f"{port.name}.{number}", tensor.dtype


COMMON = {"int": "int64", "float": "float32", "number": "float32", "mask": "bool"}
"""The usual dtype of a group."""


def dtype_error(label: str, dtype: str, group: str) -> ShapeError:
    """``x is int64; it must be float``."""
    return ShapeError(
        f"{label} is {dtype}; it must be {group}",
        code="dtype",
        hint=f"an input of the model can be declared with dtype: {COMMON.get(group, group)}",
    )


def spread(value: Any, rank: int, what: str) -> tuple[Any, ...]:
    """One value for each of ``rank`` axes.

    >>> spread(3, 2, "kernel")
    (3, 3)
    """
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise ShapeError(
            f"{what} has {len(value)} values {list(value)}, the input has {rank} spatial axes"
        )
    return value


def check_declaration(cls: type[Op]) -> None:
    """Raise TypeError for an operator that is not fully declared."""
    if not cls.__dict__.get("__doc__"):
        raise TypeError(f"operator {cls.name!r} has no docstring")
    if cls.category not in CATEGORIES:
        raise TypeError(f"operator {cls.name!r} has the unknown category {cls.category!r}")
    if cls.main is not None and cls.main not in cls.fields:
        raise TypeError(f"operator {cls.name!r} has no attribute {cls.main!r} to be its main one")
    for slot in cls.ports.slots:
        if slot.name not in cls.initial:
            raise TypeError(f"operator {cls.name!r} has no initialiser for {slot.name!r}")


def find_op(name: str) -> type[Op]:
    """The operator called ``name``; raises `Mistake` with the nearest name."""
    if name not in REGISTRY:
        raise Mistake(
            f"there is no operator '{name}'",
            hint=did_you_mean(name, REGISTRY),
            code="unknown-operator",
        )
    return REGISTRY[name]


__all__ = [
    "CATEGORIES",
    "REGISTRY",
    "Array",
    "Cost",
    "Inference",
    "Kind",
    "Match",
    "Op",
    "Sample",
    "Size",
    "find_op",
    "spread",
]
