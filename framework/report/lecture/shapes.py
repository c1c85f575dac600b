"""How an operator's result gets its shape: one equation for each axis that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from framework.ir.dims import Size, format_shape
from framework.ir.formula import PRECEDENCE, Formula
from framework.ir.op import Match, Op
from framework.ir.signature import Axis, Port
from framework.ir.types import axis_index
from framework.ops.patterns import Pattern
from framework.report.lecture.equation import TIMES, Equation, factor
from framework.report.lecture.windows import axis_letters, window_equations


def bound(op: Op, d: Match) -> Iterator[tuple[str, str]]:
    """The letters of the signature that the inputs bind, with their sizes."""
    names = (name for port in op.ports.tensors for axis in port.axes for name in letters(axis))
    for name in dict.fromkeys(names):
        value = d.names.get(name)
        if isinstance(value, tuple):
            several = bool(value) and isinstance(value[0], tuple)
            shown = map(format_shape, value) if several else (format_shape(value),)
            yield f"*{name}", " ".join(shown)
        elif value is not None:
            yield name, str(value)


def letters(axis: Axis) -> tuple[str, ...]:
    """Names in one entry of the signature."""
    return axis.formula.names


def shape_equations(op: Op, d: Match) -> list[Equation]:
    """What the operator's rule says about its results, axis by axis; empty where nothing is new."""
    rule = RULES.get(op.name)
    own = [] if rule is None else list(rule(op, d))
    spelled = [e for port in op.ports.outputs for e in port_equations(op, port, d)]
    return [*spelled, *window_equations(op, d), *own]


def port_equations(op: Op, port: Port, d: Match) -> Iterator[Equation]:
    """Entries of an output that are formulas, or names that an attribute or a rule gives."""
    given = {name for p in op.ports.tensors for axis in p.axes for name in letters(axis)}
    for axis in port.axes:
        name = axis.name
        if axis.many or (name is not None and name in given):
            continue
        value = axis.formula.value(d.names, d.divide)
        if name is None:
            yield Equation(f"{port.name}'s axis", axis.text, in_numbers(axis.formula, d), value)
        else:
            yield Equation(name, name, str(value), value)


def in_numbers(formula: Formula, d: Match) -> str:
    """``c/groups`` as ``64/2``."""
    stack: list[tuple[str, int]] = []
    for step in formula.steps:
        if step not in PRECEDENCE:
            size = step if isinstance(step, int) else d.names[step]
            stack.append((factor(size), 3))
            continue
        (right, tight), (left, loose) = stack.pop(), stack.pop()
        level = PRECEDENCE[str(step)]
        left = left if loose >= level else f"({left})"
        right = right if tight > level else f"({right})"
        sign = TIMES if step == "*" else "/" if step == "/" else f" {step} "
        stack.append((f"{left}{sign}{right}", level))
    return stack[0][0]


def added(op: Op, d: Match) -> Iterator[Equation]:
    """The sizes along the axis of a concatenation add up."""
    axis = axis_index(op.values["axis"], len(d.x[0]), "xs.0")
    sizes = [shape[axis] for shape in d.x]
    names = " + ".join(f"x{number}" for number in range(1, len(sizes) + 1))
    yield Equation(f"axis {axis}", names, " + ".join(map(str, sizes)), d.y[axis])


def flattened(op: Op, d: Match) -> Iterator[Equation]:
    """The axes from ``start`` to ``end`` are multiplied."""
    for axis, size in enumerate(d.y):
        if size not in d.x:
            rest = d.x[axis : axis + len(d.x) - len(d.y) + 1]
            yield Equation(f"axis {axis}", "product", TIMES.join(map(factor, rest)), size)


def rearranged(op: Op, d: Match) -> Iterator[Equation]:
    """Names of the pattern: those that stand together are multiplied."""
    found = Pattern.parse(op.values["pattern"]).expand(len(d.x))
    if found is None:
        return
    left, right = found
    known: dict[str, Size] = dict(op.values.get("sizes") or ())
    for group, size in zip(left, d.x, strict=True):
        if len(group) == 1:
            known[group[0]] = size
    for group, size in zip(left, d.x, strict=True):
        missing = [name for name in group if name not in known]
        if len(group) > 1 and len(missing) == 1:
            equation = divided(group, missing[0], size, known, d)
            known[equation.name] = equation.value
            yield equation
    for axis, group in enumerate(right):
        if len(group) > 1 and all(name in known for name in group):
            numbers = TIMES.join(factor(known[name]) for name in group)
            yield Equation(f"axis {axis}", TIMES.join(group), numbers, d.y[axis])


def divided(
    group: Sequence[str], name: str, size: Size, known: Mapping[str, Size], d: Match
) -> Equation:
    """The one name of a group that is not known: the axis by the product of the others."""
    others = [other for other in group if other != name]
    value = size
    for other in others:
        value = d.divide(value, known[other])
    below = TIMES.join(factor(known[other]) for other in others)
    return Equation(
        name, f"({' '.join(group)})/{' '.join(others)}", f"{factor(size)}/{below}", value
    )


def padded(op: Op, d: Match) -> Iterator[Equation]:
    """Every axis grows by what is put before and after it."""
    for axis, ((before, after), size) in enumerate(zip(op.values["pads"], d.shape, strict=True)):
        if before != 0 or after != 0:
            numbers = f"{size} + {before} + {after}"
            out = size + before + after
            yield Equation(f"axis {axis}", "size + before + after", numbers, out)


def enlarged(op: Op, d: Match) -> Iterator[Equation]:
    """Every spatial axis times the scale."""
    if d.scale is None:
        return
    rows = zip(axis_letters(len(d.size)), d.size, d.scale, d.outsize, strict=True)
    for letter, size, scale, out in rows:
        whole = float(scale).is_integer()
        text = f"{factor(size)}·{int(scale) if whole else scale}"
        pair = (f"{letter}1·scale", text)
        formula, numbers = pair if whole else (f"floor({part})" for part in pair)
        yield Equation(f"{letter}2", formula, numbers, out)


RULES: dict[str, Callable[[Op, Any], Iterator[Equation]]] = {
    "concat": added,
    "flatten": flattened,
    "rearrange": rearranged,
    "pad": padded,
    "upsample": enlarged,
}
"""Operators whose signature cannot spell what happens to an axis."""
