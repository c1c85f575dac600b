"""Input arrays against the input types: which size each symbol has, and everything that is wrong.

A bare symbol takes the size that it finds, an expression is checked once its symbols are known;
where it holds the only unknown symbol, as in ``N + 1``, it is solved for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from framework.errors import InputError, Mistake, ShapeError, nearest
from framework.ir.dims import Dim, Size, Symbol, format_shape, symbols_of
from framework.ir.graph import Graph
from framework.ir.op import Array
from framework.runtime.casting import as_array, cast


def bind(graph: Graph, given: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, int]]:
    """The arrays in the dtypes of the model, and the size of each symbol.

    Raises one InputError that lists everything that does not fit.
    """
    binder = Binder(graph)
    binder.read(given)
    binder.check_ranks()
    binder.bind_symbols()
    binder.check_shapes()
    binder.add_examples()
    binder.check_conditions()
    if binder.problems:
        raise InputError("\n".join(binder.problems))
    return binder.arrays, binder.sizes


class Binder:
    """Arrays, sizes and problems found so far; ``doubtful`` symbols cause no second problem."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.arrays: dict[str, Array] = {}
        self.sizes: dict[str, int] = {}
        self.origin: dict[str, str] = {}
        self.doubtful: set[str] = set()
        self.problems: list[str] = []
        self.reasons: dict[str, list[str]] = {}

    def read(self, given: Mapping[str, Any]) -> None:
        """Take the arrays that are inputs of the model, in its dtypes."""
        inputs = self.graph.inputs
        self.problems += [unknown(name, list(inputs)) for name in given if name not in inputs]
        for name, node in inputs.items():
            if name not in given:
                self.problems.append(f"input '{name}' is missing; the model says {node.type}")
            else:
                self._read(name, node.type.dtype, given[name])
            if name not in self.arrays:
                self.doubtful.update(symbols_of(*node.type.shape))

    def _read(self, name: str, dtype: str, value: Any) -> None:
        try:
            self.arrays[name] = cast(as_array(value, dtype), dtype)
        except ValueError as error:
            self.problems.append(f"input '{name}' is no array: {error}")
        except Mistake as mistake:
            hint = f"\n  hint: {mistake.hint}" if mistake.hint else ""
            self.problems.append(f"input '{name}' {mistake.fact}{hint}")

    def check_ranks(self) -> None:
        """Arrays with another number of axes say nothing about sizes."""
        for name, array in self.arrays.items():
            shape = self.graph[name].type.shape
            if len(shape) != array.ndim:
                self._blame(name, f"{len(shape)} axes, not {array.ndim}", *symbols_of(*shape))

    def axes(self) -> Iterator[tuple[str, int, Size, int]]:
        """Input, axis, the model's size and the array's, of all arrays with the right rank."""
        for name, array in self.arrays.items():
            shape = self.graph[name].type.shape
            if len(shape) == array.ndim:
                for axis, (size, have) in enumerate(zip(shape, array.shape, strict=True)):
                    yield name, axis, size, have

    def bind_symbols(self) -> None:
        """Give each bare symbol its size."""
        for name, axis, size, have in self.axes():
            if not isinstance(size, Dim) or not self._is_bare(size):
                continue
            (symbol,) = size.symbols
            if symbol not in self.sizes:
                self._bind(symbol, have, name, axis)
            elif self.sizes[symbol] != have:
                known = f"{symbol} is {self.sizes[symbol]} from {self.origin[symbol]}"
                self._blame(name, f"{known}, but axis {axis} is {have}", symbol)

    def _is_bare(self, size: Dim) -> bool:
        names, table = size.symbols, self.graph.symbols
        return len(names) == 1 and names[0] in table and table[names[0]] == size

    def _bind(self, symbol: str, have: int, name: str, axis: int) -> None:
        self.sizes[symbol] = have
        self.origin[symbol] = f"axis {axis} of '{name}'"
        if reason := outside(self.graph.symbols.bounds_of(symbol), have):
            self._blame(name, reason, symbol)

    def _blame(self, name: str, reason: str, *symbols: str) -> None:
        self.reasons.setdefault(name, []).append(reason)
        self.doubtful.update(symbols)

    def check_shapes(self) -> None:
        """Check numbers and expressions, and say what is wrong with the shape of each input."""
        for name, axis, size, have in self.axes():
            if isinstance(size, int):
                if size != have:
                    self._blame(name, f"axis {axis} is {have}, not {size}")
            elif not self._is_bare(size) and not self.doubtful.intersection(size.symbols):
                self._check(name, axis, size, have)
        for name, array in self.arrays.items():
            if name in self.reasons:
                shape = format_shape(self.graph[name].type.shape)
                self.problems.append(
                    f"input '{name}' has shape {list(array.shape)}; "
                    f"the model says {shape}: {'; '.join(self.reasons[name])}"
                )

    def _check(self, name: str, axis: int, size: Dim, have: int) -> None:
        unbound = [symbol for symbol in size.symbols if symbol not in self.sizes]
        value = size.at(self.sizes)
        if not unbound:
            if value != have:
                basis = ", ".join(map(self._source, size.symbols))
                self._blame(name, f"axis {axis} is {have}, but {size} is {value} with {basis}")
            return
        symbol = self.graph.symbols.bounds_of(unbound[0])
        found = solution(value, symbol, have) if len(unbound) == 1 else None
        if found is None:
            reason = f"axis {axis} is {have}, and {size} = {have} gives no {' and '.join(unbound)}"
            self._blame(name, reason, *unbound)
        else:
            self._bind(symbol.name, found, name, axis)

    def _source(self, symbol: str) -> str:
        return f"{symbol} = {self.sizes[symbol]} from {self.origin[symbol]}"

    def add_examples(self) -> None:
        """Symbols that stand in no input get their example; sizes that data decide come later."""
        for name in self.graph.symbols:
            if name in self.sizes or name in self.doubtful or name in self.graph.symbols.found:
                continue
            if name in self.graph.examples:
                self.sizes[name] = self.graph.examples[name]
            elif name in used_symbols(self.graph):
                hint = f"declare {name} with an example, or use it in an input"
                self.problems.append(f"size {name} stands in no input\n  hint: {hint}")

    def check_conditions(self) -> None:
        """Requirements of the model on its sizes."""
        for condition in self.graph.conditions:
            known = all(name in self.sizes for name in condition.symbols)
            if known and not self.doubtful.intersection(condition.symbols):
                fact = condition.broken(self.sizes)
                hint = f"\n  hint: {condition.hint}" if condition.hint else ""
                self.problems += [f"{fact}{hint}"] if fact else []


def unknown(name: str, inputs: list[str]) -> str:
    """The model has no such input."""
    near = nearest(name, inputs)
    hint = f"did you mean '{near}'?" if near else f"the inputs are {', '.join(inputs) or 'none'}"
    return f"the model has no input '{name}'\n  hint: {hint}"


def outside(symbol: Symbol, size: int) -> str | None:
    """Why a size is not within what was declared, if it is not."""
    if size < symbol.minimum:
        return f"{symbol.name} = {size} is below {symbol.minimum}, the declared minimum"
    if symbol.maximum is not None and size > symbol.maximum:
        return f"{symbol.name} = {size} is above {symbol.maximum}, the declared maximum"
    if size % symbol.multiple_of:
        return f"{symbol.name} = {size} is not a multiple of {symbol.multiple_of}"
    return None


def solution(size: Size, symbol: Symbol, have: int) -> int | None:
    """The symbol's size that makes ``size`` equal to ``have``, if the formula is linear in it.

    Two values give the slope: from size(low) = f and size(low + m) = f + slope follows
    n = low + m * (have - f) / slope.
    """
    if not isinstance(size, Dim):
        return None
    low, step = symbol.minimum, symbol.multiple_of
    try:
        first, second = (size.at({symbol.name: n}) for n in (low, low + step))
        if not isinstance(first, int) or not isinstance(second, int) or first == second:
            return None
        found = low + step * ((have - first) // (second - first))
        return found if size.at({symbol.name: found}) == have else None
    except ShapeError:  # outside of what was declared
        return None


def used_symbols(graph: Graph) -> set[str]:
    """The symbols in the type of any node."""
    types = (type_ for node in graph for type_ in node.outputs)
    return {name for type_ in types for name in symbols_of(*type_.shape)}
