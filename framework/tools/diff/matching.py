"""All pairs of nodes of two graphs, and what has no partner."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher

from framework.ir.graph import Graph
from framework.tools.diff.align import alignment
from framework.tools.diff.items import Group, Item, Leaf, tree


@dataclass
class Matching:
    """Which node is which; ``runs`` are pairs of repeated groups."""

    pairs: list[tuple[Leaf, Leaf]] = field(default_factory=list)
    removed: list[Item] = field(default_factory=list)
    added: list[Item] = field(default_factory=list)
    runs: list[tuple[Group, Group]] = field(default_factory=list)

    def names(self) -> dict[str, str]:
        """The new name of each node that is still there."""
        return {one.node.name: other.node.name for one, other in self.pairs}


def match(before: Graph, after: Graph) -> Matching:
    """Match two graphs, scope by scope; then what moved from one scope to another."""
    found = Matching()
    waiting: list[tuple[list[Item], list[Item]]] = [(tree(before), tree(after))]
    while waiting:
        for one, other in alignment(*waiting.pop()):
            if isinstance(one, Leaf) and isinstance(other, Leaf):
                found.pairs.append((one, other))
            elif isinstance(one, Group) and isinstance(other, Group):
                waiting += inside(found, one, other)
            elif one is not None:
                found.removed.append(one)
            elif other is not None:
                found.added.append(other)
    for graph, items in ((before, found.removed), (after, found.added)):
        in_order(graph, items)
    moved(found)
    return found


def in_order(graph: Graph, items: list[Item]) -> None:
    """Sort items by their first nodes."""
    order = {node.name: number for number, node in enumerate(graph)}
    items.sort(key=lambda item: order[item.leaves[0].node.name])


def inside(found: Matching, one: Group, other: Group) -> list[tuple[list[Item], list[Item]]]:
    """The copies of two groups, first to first; surplus copies are told by `Matching.runs`."""
    if one.repeated or other.repeated:
        found.runs.append((one, other))
    return list(zip(one.copies.values(), other.copies.values(), strict=False))


def moved(found: Matching) -> None:
    """Nodes that went to another scope: rows of equal nodes, or single ones with weights."""
    gone = [leaf for item in found.removed for leaf in item.leaves]
    new = [leaf for item in found.added for leaf in item.leaves]
    matcher = SequenceMatcher(None, [x.facts for x in gone], [x.facts for x in new], False)
    pairs: list[tuple[Leaf, Leaf]] = []
    for i, j, size in matcher.get_matching_blocks():
        if size > 1 or (size == 1 and gone[i].node.parameters):
            pairs += zip(gone[i : i + size], new[j : j + size], strict=True)
    found.pairs += pairs
    found.removed = remaining(found.removed, {one.node.name for one, _ in pairs})
    found.added = remaining(found.added, {other.node.name for _, other in pairs})


def remaining(items: list[Item], taken: set[str]) -> list[Item]:
    """Items without the nodes that found a partner; a group that lost some falls apart."""
    out: list[Item] = []
    for item in items:
        left = [leaf for leaf in item.leaves if leaf.node.name not in taken]
        out += [item] if len(left) == len(item.leaves) else left
    return out
