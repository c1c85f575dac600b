"""Attributes of a class: the lines that make them, and the text that reads them.

A dotted name inside a class becomes modules in modules, so that its weights keep their names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from framework.exchange.torch_source.code import REQUIRED, Argument, Make, Raw, literal
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.merge import typed
from framework.exchange.torch_source.names import is_plain
from framework.exchange.torch_source.parts import Body
from framework.exchange.torch_source.tree import inside
from framework.exchange.torch_source.wrapping import wrapped

__all__ = ["Paths", "annotation", "init_lines"]

MODULE_ATTRIBUTES = frozenset(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda "
    "double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter "
    "get_submodule half ipu load_state_dict modules mtia named_buffers named_children "
    "named_modules named_parameters parameters register_backward_hook register_buffer "
    "register_forward_hook register_forward_pre_hook register_full_backward_hook "
    "register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter "
    "register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state "
    "set_submodule share_memory state_dict to to_empty train training type xpu zero_grad".split()
)
STORES = {"parameter": "_parameters", "buffer": "_buffers", "constant": "_buffers"}


class Paths:
    """How a module or weight anywhere in the model is reached from a class."""

    def __init__(self, bodies: Iterable[Body]) -> None:
        self.inner: dict[str, dict[str, None]] = defaultdict(dict)
        self.kinds: dict[str, str] = {}
        self.lists: dict[str, bool] = {}
        for body in bodies:
            for rel, make in body.makes.items():
                path = f"{body.path}.{rel}".removeprefix(".")
                self.kinds[path] = make.kind
                for number in range(len(make.items)):
                    self.note(f"{path}.{number}")
                self.note(path)

    def note(self, path: str) -> None:
        """Remember a member and all that hold it."""
        while path:
            above, _, last = path.rpartition(".")
            self.inner[above][last] = None
            path = above

    def is_list(self, path: str) -> bool:
        """Are its members numbered from 0 on, so that it is a ModuleList?"""
        if path not in self.lists:
            self.lists[path] = self.kinds.get(path) == "list" or self.numbered(path)
        return self.lists[path]

    def numbered(self, path: str) -> bool:
        """Is it a namespace of modules that are numbered from 0 on?"""
        names = list(self.inner.get(path, ()))
        numbered = sorted(names) == sorted(map(str, range(len(names))))
        tensors = any(self.kinds.get(f"{path}.{name}") in STORES for name in names)
        return bool(names and path) and numbered and not tensors and path not in self.kinds

    def text(self, path: str, scope: str) -> str:
        """``self.encoder[0].linear`` for a path, in the class of a scope."""
        rest = inside(path, scope)
        text, at = "self", scope
        for name in (path if rest is None else rest).split("."):
            text += self.step(at, name)
            at = f"{at}.{name}".removeprefix(".")
        return text

    def step(self, above: str, name: str) -> str:
        """How a member is written after the text of what holds it."""
        if self.is_list(above):
            return f"[{name}]"
        if is_plain(name) and name not in MODULE_ATTRIBUTES and not name.startswith("_"):
            return f".{name}"
        kind = self.kinds.get(f"{above}.{name}".removeprefix("."), "module")
        return f".{STORES.get(kind, '_modules')}[{literal(name)}]"


def init_lines(klass: Klass, paths: Paths) -> list[str]:
    """The lines of ``__init__`` that make the attributes."""
    out: list[str] = []
    open_guard: str | None = None
    for rel, line in Init(klass, paths).lines():
        guard = klass.guards.get(rel)
        if guard is not None and guard != open_guard:
            out.append(f"        if {guard}:")
        open_guard = guard
        out += wrapped(line, 8 if guard is None else 12)
    return out


class Init:
    """Statements in order; containers before what they hold."""

    def __init__(self, klass: Klass, paths: Paths) -> None:
        self.klass = klass
        self.makes = klass.makes
        self.paths = paths
        self.scope = klass.template.path
        self.done: set[str] = set()

    def lines(self) -> Iterator[tuple[str, str]]:
        """All statements, each with the attribute that it is there for."""
        for rel in self.makes:
            parts = rel.split(".")
            for end in range(1, len(parts) + 1):
                for line in self.member(".".join(parts[:end])):
                    yield rel, line

    def member(self, rel: str) -> Iterator[str]:
        """The statement of one member, unless it is there."""
        if rel in self.done:
            return
        self.done.add(rel)
        above, _, name = rel.rpartition(".")
        make = self.makes.get(rel)
        if make is not None and make.kind in ("buffer", "constant"):
            owner = self.paths.text(self.path(above), self.scope) if above else "self"
            stored = ", persistent=False" if make.kind == "constant" else ""
            yield f"{owner}.register_buffer({literal(name)}, {made(make)}{stored})"
            return
        text = self.paths.text(self.path(rel), self.scope)
        flag = self.klass.choices.get(rel)
        choice = "" if flag is None else f" if {flag} else nn.Identity()"
        yield f"{text} = {self.value(rel)}{choice}"

    def path(self, rel: str) -> str:
        """The path of a member of the class."""
        return f"{self.scope}.{rel}".removeprefix(".")

    def value(self, rel: str) -> str:
        """What makes a member; lists with all that they hold."""
        make = self.makes.get(rel)
        if make is not None:
            return counted(make) if make.kind == "list" else made(make)
        path = self.path(rel)
        if not self.paths.is_list(path):
            return "nn.Module()"
        inner = [f"{rel}.{number}" for number in range(len(self.paths.inner[path]))]
        self.done.update(inner)
        return module_list([self.value(one) for one in inner])


def counted(make: Make) -> str:
    """A list whose length may be an argument."""
    items = [made(item) for item in make.items]
    if make.count is None:
        return module_list(items)
    if not isinstance(make.count, Raw):
        return module_list([items[0], *[items[1]] * (make.count - 1)])
    if items[0] == items[1]:
        return f"nn.ModuleList({items[0]} for _ in range({make.count.text}))"
    rest = f"*({items[1]} for _ in range({make.count.text} - 1))"
    return f"nn.ModuleList([{items[0]}, {rest}])"


def module_list(items: list[str]) -> str:
    """Equal members by a comprehension.

    >>> module_list(["A(2)", "B()", "B()"])
    'nn.ModuleList([A(2), *(B() for _ in range(2))])'
    """
    runs: list[tuple[str, int]] = []
    for item in items:
        if runs and runs[-1][0] == item:
            runs[-1] = (item, runs[-1][1] + 1)
        else:
            runs.append((item, 1))
    if len(runs) == 1 and runs[0][1] > 1:
        return f"nn.ModuleList({runs[0][0]} for _ in range({runs[0][1]}))"
    parts = [f"*({item} for _ in range({n}))" if n > 1 else item for item, n in runs]
    return f"nn.ModuleList([{', '.join(parts)}])"


def made(make: Make) -> str:
    """The expression that makes an attribute."""
    if make.kind == "constant":
        return literal(make.arguments[0].value)
    if make.kind == "module":
        return f"{make.callee}({', '.join(written(make))})"
    shape, *rest = make.arguments
    sizes = shape.value
    spread = literal(sizes)[1:-1].rstrip(",") if isinstance(sizes, tuple) and sizes else None
    first = literal(sizes) if spread is None else spread
    named = [f"{a.name}={literal(a.value)}" for a in rest]
    tensor = f"{make.before}{make.callee}({', '.join([first, *named])}){make.after}"
    return f"nn.Parameter({tensor})" if make.kind == "parameter" else tensor


def written(make: Make) -> Iterator[str]:
    """The arguments that are written, those with a default only where they differ from it."""
    for position, argument in enumerate(make.arguments):
        if not argument.keyword and position < make.positional:
            yield literal(argument.value)
        elif not same(argument):
            yield f"{argument.name}={literal(argument.value)}"


def same(argument: Argument) -> bool:
    """Has the argument its default?"""
    if argument.default is REQUIRED or isinstance(argument.value, Raw):
        return bool(argument.value == argument.default)
    return typed(argument.value) == typed(argument.default)


def annotation(values: Iterable[Any]) -> str:
    """The type of an argument with these values."""
    names = sorted({kind_of(value) for value in values}, key=lambda name: (name == "None", name))
    return " | ".join(names)


def kind_of(value: Any) -> str:
    """The type of one value."""
    if isinstance(value, tuple):
        return (
            f"tuple[{' | '.join(sorted({kind_of(v) for v in value}))}, ...]" if value else "tuple"
        )
    if isinstance(value, Raw):
        return "Tensor"
    return "None" if value is None else type(value).__name__
