"""From a flow to the tree of its text: scopes, patterns, runs; then what is left of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from framework.ir.graph import Value
from framework.spec.write_flow import Flow
from framework.spec.write_forms import Forms
from framework.spec.write_parts import Group, Item, Leaf, Maker, Run, every_group
from framework.spec.write_patterns import Finder
from framework.spec.write_scopes import Scopes

SMALLEST_SCOPE = 4
"""Nodes of a scope that is written as a block although it is used once."""


def tree_of(flow: Flow, maker: Maker, fold: bool) -> Group:
    """The whole model as one group; without ``fold`` every node is written by itself."""
    if not fold:
        scopes = Scopes(maker, Forms(maker))
        paths = (path[-1] for path in scopes.paths)
        return root(flow, [scopes.leaf(place, name) for place, name in enumerate(paths)])
    forms = Forms(maker)
    items = Scopes(maker, forms).items()
    Finder(maker, forms).run(items)
    items = settled(items, False)
    numbered(items, maker)
    items = pruned(items, written_uses(items))
    numbered(items, maker)
    return root(flow, one_carried(items))


def root(flow: Flow, items: list[Item]) -> Group:
    """The top level as a group that reads the model's inputs."""
    inputs = tuple(Value(name) for name in flow.graph.inputs)
    return Group(items, None, None, True, inputs, tuple(flow.graph.outputs.values()))


def numbered(items: Iterable[Item], maker: Maker) -> None:
    """Give all groups their forms anew, inner ones first."""
    forms = Forms(maker)
    for group in every_group(items):
        forms.of(group)


def settled(items: Sequence[Item], lent: bool) -> list[Item]:
    """The list without groups that use stored tensors which the language cannot share.

    ``share:`` names an earlier item of the same list; within a group that shares as a whole
    (``lent``) nothing more need be said.
    """
    out: list[Item] = []
    for item in items:
        kept = [item]
        if isinstance(item, Run):
            kept = settled_run(item, lent)
        elif isinstance(item, Group):
            kept = settled_group(item, out, lent)
        out += kept
    return out


def settled_run(run: Run, lent: bool) -> list[Item]:
    """A run, or its copies where they share weights with others than the first of them."""
    first = run.copies[0]
    if not lent and not run.shared and any(copy.partner is not None for copy in run.copies):
        return settled(list(run.copies), lent)
    if not lent and run.shared and first.partner is not None:
        return settled(list(run.copies), lent)
    for copy in run.copies:
        copy.children = settled(copy.children, lent or (run.shared and copy is not first))
    return [run]


def settled_group(group: Group, before: Sequence[Item], lent: bool) -> list[Item]:
    """A group, or its items where it shares weights with no earlier item."""
    if lent or group.partner is None:
        group.partner = None
        group.children = settled(group.children, lent)
        return [group]
    lender = next((item for item in before if item.start == group.partner), None)
    if not isinstance(lender, Group) or lender.form != group.form:
        return settled(group.children, False)
    group.children = settled(group.children, True)
    return [group]


def written_uses(items: Sequence[Item]) -> Counter[int]:
    """How often the text uses each form: what stands in a block is written once."""
    uses: Counter[int] = Counter()
    seen: set[int] = set()
    waiting = list(items)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Leaf):
            continue
        group = item.copies[0] if isinstance(item, Run) else item
        uses[group.form] += 1
        if group.form not in seen:
            seen.add(group.form)
            waiting += group.children
    return uses


def pruned(items: Sequence[Item], counts: Counter[int]) -> list[Item]:
    """The list without groups that are used once and say nothing by themselves."""
    out: list[Item] = []
    for item in items:
        if isinstance(item, Leaf):
            out.append(item)
            continue
        for group in item.copies if isinstance(item, Run) else [item]:
            group.children = pruned(group.children, counts)
        worth = isinstance(item, Run) or counts[item.form] > 1 or speaks(item)
        if worth or isinstance(item, Run):
            out.append(item)
        else:
            out += item.children
    return out


def speaks(group: Group) -> bool:
    """Is a group worth a block of its own though it is used once?"""
    large = group.stop - group.start >= SMALLEST_SCOPE
    return group.named and (group.block is not None or (large and group.label is not None))


def one_carried(items: Sequence[Item]) -> list[Item]:
    """The list without runs that carry another input than the first run of that form does."""
    carried: dict[int, int] = {}
    for run in every_run(items):
        carried.setdefault(run.copies[0].form, run.carried)
    return unfolded(items, lambda run: carried[run.copies[0].form] != run.carried)


def every_run(items: Iterable[Item]) -> Iterator[Run]:
    """All runs in a list."""
    for item in items:
        if isinstance(item, Run):
            yield item
    for group in every_group(items):
        yield from (child for child in group.children if isinstance(child, Run))


def unfolded(items: Sequence[Item], wrong: Callable[[Run], bool]) -> list[Item]:
    """The list with the copies of some runs one by one."""
    out: list[Item] = []
    for item in items:
        if isinstance(item, Leaf):
            out.append(item)
            continue
        groups = item.copies if isinstance(item, Run) else [item]
        for group in groups:
            group.children = unfolded(group.children, wrong)
        out += groups if isinstance(item, Run) and wrong(item) else [item]
    return out
