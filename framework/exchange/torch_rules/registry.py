"""The table of rules, and what a rule sees of one node.

@emits("relu")
def relu(n: Site) -> Answer:
    return f"F.relu({n['x']})"

@emits("linear")
def linear(n: Site) -> Answer:
    if n.own:
        return n.module("nn.Linear", ("in_features", n.shape("x")[-1]), ...)
    return f"F.linear({n.rest('x', 'weight', 'bias')})"

A rule answers with an expression, with a module (only where ``n.own``: its weights are stored
under the node's own name), with one expression for each result (None for one that it cannot
give), or with None: then the operator is written by its `decompose`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from framework.exchange.torch_source.code import (
    Argument,
    Code,
    Device,
    Extent,
    Make,
    Marks,
    Number,
    Raw,
    Stored,
    Tensor,
    literal,
)
from framework.ir.dims import Shape, Size
from framework.ir.op import Op
from framework.ir.types import TensorType

__all__ = [
    "HELPERS",
    "RULES",
    "Answer",
    "Held",
    "Module",
    "Raw",
    "Rule",
    "Site",
    "dtype_text",
    "emits",
    "helper",
    "literal",
]


@dataclass(frozen=True, slots=True)
class Held:
    """What is connected to a port or stored at a slot."""

    part: Tensor | Stored
    type: TensorType


@dataclass(frozen=True, slots=True)
class Module:
    """A module that stands for the node, and the arguments of its call.

    ``whole``: it gives all results of the node as a tuple, not just the first.
    """

    make: Make
    call: str
    whole: bool = False


Answer = str | Module | tuple[str | None, ...] | None
Rule = Callable[["Site"], Answer]

RULES: dict[str, Rule] = {}
"""The rule of each operator."""

HELPERS: dict[str, str] = {}
"""Source of classes and functions that are written into a file where it uses them."""


def emits(*names: str) -> Callable[[Rule], Rule]:
    """Declare the rule of these operators."""

    def declare(rule: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise TypeError(f"{name} is written by {RULES[name]} and by {rule}")
            RULES[name] = rule
        return rule

    return declare


def helper(source: str) -> str:
    """Declare a class or a function; returns its name."""
    found = re.match(r"(?:class|def) (\w+)", source.strip())
    if found is None:
        raise TypeError(f"no class and no function begins with {source[:40]!r}")
    HELPERS[found[1]] = source.strip()
    return found[1]


class Site:
    """One use of an operator as its rule sees it.

    ``n["x"]`` is the text of what is at a port or slot, ``"x" in n`` tells whether there is
    something, ``n.every("xs")`` are the texts of a variadic port.
    """

    def __init__(
        self,
        op: Op,
        held: Mapping[str, Held | tuple[Held, ...]],
        types: tuple[TensorType, ...],
        wanted: tuple[bool, ...],
        own: bool,
    ) -> None:
        self.op: Any = op
        self.held = held
        self.types = types
        self.wanted = wanted
        self.own = own
        self.marks = Marks()

    # ------------------------------------------------------------------ what is connected

    def __contains__(self, port: str) -> bool:
        return port in self.held

    def __getitem__(self, port: str) -> str:
        return self.marks.mark(self._single(port).part)

    def every(self, port: str) -> list[str]:
        """The texts of a variadic port."""
        held = self.held.get(port, ())
        many = held if isinstance(held, tuple) else (held,)
        return [self.marks.mark(one.part) for one in many]

    def _single(self, port: str) -> Held:
        held = self.held[port]
        if isinstance(held, tuple):
            raise TypeError(f"{self.op.name}: {port} holds several tensors")
        return held

    def type(self, port: str) -> TensorType:
        """Type at a port or slot."""
        return self._single(port).type

    def shape(self, port: str) -> Shape:
        """Shape at a port or slot."""
        return self.type(port).shape

    def rank(self, port: str = "x") -> int:
        """Number of axes."""
        return len(self.shape(port))

    def only_first(self) -> bool:
        """Does nobody use any result but the first?"""
        return not any(self.wanted[1:])

    def answer_first(self, text: str) -> tuple[str | None, ...]:
        """An expression for the first result; the others are not given."""
        return (text, *(None for _ in self.types[1:]))

    # ------------------------------------------------------------------ text

    def number(self, value: Any, role: str) -> str:
        """A number, word or tuple, an argument of the class where copies differ in it."""
        return self.marks.mark(Number(value, role))

    def size(self, size: Size, role: str = "size") -> str:
        """A size; where it is symbolic, what computes it from the shapes of tensors."""
        return self.marks.mark(Extent(size, role))

    def sizes(self, shape: Shape) -> str:
        """Sizes, separated by commas."""
        return ", ".join(self.size(size) for size in shape)

    def shape_text(self, shape: Shape) -> str:
        """Sizes as a tuple."""
        return f"({self.sizes(shape)}{',' if len(shape) == 1 else ''})"

    def device(self) -> str:
        """The device of what the class is given."""
        return self.marks.mark(Device())

    def rest(self, *ports: str) -> str:
        """What is at these ports, separated by commas; None for nothing before something."""
        texts = [self[port] if port in self else "None" for port in ports]
        while texts and texts[-1] == "None":
            texts.pop()
        return ", ".join(texts)

    def call(self, function: str, *positional: str, **keywords: tuple[Any, Any]) -> str:
        """A call; a keyword is (value, default) and left out where the two are equal."""
        named = [
            f"{name}={self.number(value, name)}"
            for name, (value, default) in keywords.items()
            if value != default
        ]
        return f"{function}({', '.join([*positional, *named])})"

    # ------------------------------------------------------------------ modules

    def module(
        self,
        callee: str,
        *required: tuple[str, Any],
        call: str | None = None,
        **keywords: tuple[Any, Any],
    ) -> Module:
        """A module: positional arguments as (name, value), keywords as (value, default)."""
        arguments = [Argument(name, value) for name, value in required]
        arguments += [Argument(name, *pair) for name, pair in keywords.items()]
        stored = [one.type.dtype for one in self._stored()]
        if stored:
            dtype = None if stored[0] == "float32" else Raw(f"torch.{stored[0]}")
            arguments.append(Argument("dtype", dtype, None))
        text = self[next(iter(self.held))] if call is None else call
        return Module(Make(callee, tuple(arguments)), text)

    def all_of(self, module: Module) -> Module:
        """A module that gives every result of the node."""
        return replace(module, whole=True)

    def _stored(self) -> list[Held]:
        held = (one for one in self.held.values() if isinstance(one, Held))
        return [one for one in held if isinstance(one.part, Stored)]

    def kept(self, text: str, role: str) -> Module:
        """A constant tensor, kept beside the weights but not stored with them."""
        make = Make("", (Argument(role, Raw(text)),), kind="constant")
        return Module(make, "")

    def cut(self, text: str) -> Code:
        """The text as parts."""
        return self.marks.cut(text)


def dtype_text(dtype: str) -> str:
    """``torch.float32``."""
    return f"torch.{dtype}"
