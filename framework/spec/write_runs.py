"""Equal groups in a row, each reading the one before, become one item: ``repeat``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from framework.ir.graph import Value
from framework.spec.write_forms import Forms
from framework.spec.write_parts import Group, Item, Run
from framework.spec.write_series import longest_prefix
from framework.spec.write_values import Number

LEAST_NAMED = 4
"""Copies with names of their own that are worth losing them."""


def fold_runs(items: Sequence[Item], forms: Forms) -> list[Item]:
    """The list with its rows of equal groups as runs."""
    out: list[Item] = []
    place = 0
    while place < len(items):
        copies = copies_at(items, place, forms)
        if len(copies) < 2:
            out.append(items[place])
        else:
            carried = carried_input(copies[0], copies[1])
            shared = copies[1].partner == copies[0].start
            label = common_label(copies)
            out.append(Run(copies, label, 0 if carried is None else carried, shared))
        place += max(len(copies), 1)
    return out


def copies_at(items: Sequence[Item], place: int, forms: Forms) -> list[Group]:
    """The groups from here on that one line can stand for."""
    chain: list[Group] = []
    for item in items[place:]:
        if not isinstance(item, Group) or len(item.outputs) != 1:
            break
        if chain and not (follows(chain, item) and kept_inside(chain[-1], item, forms)):
            break
        chain.append(item)
    return chain[: explained(chain, forms)] if len(chain) > 1 else chain


def kept_inside(before: Group, after: Group, forms: Forms) -> bool:
    """Is the earlier copy's result read by the later one alone?"""
    return forms.maker.flow.last_use[before.outputs[0]] < after.stop


def common_label(copies: Sequence[Group]) -> str | None:
    """What all copies are called, numbers left out."""
    labels = {re.sub(r"_?\d+$", "", group.label) if group.label else "" for group in copies}
    label = labels.pop() if len(labels) == 1 else ""
    return label if label else copies[0].label


def counted(item: Group) -> bool:
    """Is it a numbered part of a scope, so that it was a copy to its author?"""
    return item.named and item.label is None


def follows(chain: Sequence[Group], item: Group) -> bool:
    """Is this the next copy: the same form, reading the last copy where that read its own?"""
    first, last = chain[0], chain[-1]
    if item.form != first.form:
        return False
    carried = carried_input(last, item)
    if carried is None or (len(chain) > 1 and carried != carried_input(chain[0], chain[1])):
        return False
    return shares_alike(chain, item)


def shares_alike(chain: Sequence[Group], item: Group) -> bool:
    """Do all copies have tensors of their own, or those of the first, or of another row?"""
    first, second = chain[0], chain[1] if len(chain) > 1 else item
    if first.partner is not None:
        return item.partner is not None and item.partner - first.partner == item.start - first.start
    of_first = item.partner == first.start
    return (item.partner is None or of_first) and item.partner == second.partner


def carried_input(before: Group, after: Group) -> int | None:
    """Number of the one input that gets the earlier copy's result, the others being equal."""
    result: Value = before.outputs[0]
    if result not in after.inputs:
        return None
    carried = after.inputs.index(result)
    others = [v for number, v in enumerate(after.inputs) if number != carried]
    same = [v for number, v in enumerate(before.inputs) if number != carried]
    return carried if others == same else None


def explained(chain: Sequence[Group], forms: Forms) -> int:
    """How many copies at the start have numbers that follow from the copy's number."""
    maker = forms.maker
    rows = [list(maker.numbers(group)) for group in chain]
    length = len(chain)
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            length = number
            break
    lawful = True
    for column in zip(*rows[:length], strict=True):
        if any(value != column[0] for value in column):
            sized = from_sizes(column, chain, forms)
            length = min(length, max(longest_prefix(column), sized))
            lawful = lawful and sized >= length
    least = LEAST_NAMED if chain[0].label is not None else 2 if lawful else 3
    return length if length >= least or counted(chain[0]) else 1


def from_sizes(column: Sequence[Number], chain: Sequence[Group], forms: Forms) -> int:
    """How many copies have this number as a size of their inputs, at the same axis."""
    shapes = [[size for v in group.inputs for size in forms.maker.flow.type_of(v).shape]
              for group in chain[: len(column)]]  # fmt: skip
    best = 0
    for axis in range(len(shapes[0])):
        equal = [shape[axis] == value for shape, value in zip(shapes, column, strict=True)]
        best = max(best, equal.index(False) if False in equal else len(equal))
    return best
