"""Which item of one model is which of the other: by name and by structure, in their order.

A best alignment of two lists, where an insertion costs nothing and every pair earns what speaks
for it.  Names that the framework made count less than what a node does: an inserted ``relu``
makes the next one ``relu_2``, and that one is still the old ``relu``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from framework.tools.diff.items import Group, Item, Leaf

LARGEST = 1_000_000
EQUAL, SAME, RENAMED, LIKE, WEAK, FAINT = 12, 9, 8, 6, 5, 3
"""Equal in all; equal but for a made name, or of one given name; and so on downwards."""

Pair = tuple[Item | None, Item | None]


def alignment(before: Sequence[Item], after: Sequence[Item]) -> list[Pair]:
    """Pairs of items; None where an item has no partner."""
    start = 0
    while start < min(len(before), len(after)) and equal(before[start], after[start]):
        start += 1
    end = 0
    limit = min(len(before), len(after)) - start
    while end < limit and equal(before[-1 - end], after[-1 - end]):
        end += 1
    inner = (before[start : len(before) - end], after[start : len(after) - end])
    middle = best(*inner) if len(inner[0]) * len(inner[1]) <= LARGEST else rough(*inner)
    head = list(zip(before[:start], after[:start], strict=True))
    tail = list(zip(before[len(before) - end :], after[len(after) - end :], strict=True))
    return [*head, *middle, *tail]


def equal(one: Item, other: Item) -> bool:
    """Do two items have the same name and content?"""
    return one.name == other.name and likeness(one, other) == EQUAL


def best(before: Sequence[Item], after: Sequence[Item]) -> list[Pair]:
    """The alignment of the highest sum (Needleman and Wunsch 1970, without a cost of gaps)."""
    rows, columns = len(before), len(after)
    scores = [[likeness(one, other) for other in after] for one in before]
    sums = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            paired = sums[i + 1][j + 1] + scores[i][j] if scores[i][j] else 0
            sums[i][j] = max(paired, sums[i + 1][j], sums[i][j + 1])
    found: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        if scores[i][j] and sums[i][j] == sums[i + 1][j + 1] + scores[i][j]:
            found.append((before[i], after[j]))
            i, j = i + 1, j + 1
        elif sums[i][j] == sums[i + 1][j]:
            found.append((before[i], None))
            i += 1
        else:
            found.append((None, after[j]))
            j += 1
    return [*found, *((item, None) for item in before[i:]), *((None, item) for item in after[j:])]


def rough(before: Sequence[Item], after: Sequence[Item]) -> list[Pair]:
    """An alignment of very long lists: equal items only."""
    matcher = SequenceMatcher(None, [i.facts for i in before], [i.facts for i in after], False)
    found: list[Pair] = []
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            found += zip(before[i:i_end], after[j:j_end], strict=True)
        else:
            found += ((item, None) for item in before[i:i_end])
            found += ((None, item) for item in after[j:j_end])
    return found


def likeness(one: Item, other: Item) -> int:
    """How much speaks for two items being the same one; 0 if they cannot be."""
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        return like_leaves(one, other)
    if isinstance(one, Group) and isinstance(other, Group):
        return like_groups(one, other)
    return 0


def like_leaves(one: Leaf, other: Leaf) -> int:
    """Two nodes."""
    named = one.name == other.name
    if one.facts == other.facts:
        return EQUAL if named else RENAMED if one.given or other.given else SAME
    if one.node.op.name == other.node.op.name:
        return (SAME if one.given else WEAK) if named else FAINT
    return FAINT + 1 if named and one.given else 0


def like_groups(one: Group, other: Group) -> int:
    """Two groups."""
    named = one.name == other.name
    if one.facts == other.facts:
        return EQUAL if named else SAME
    if named:
        return SAME if one.given else RENAMED
    if one.block is not None and one.block == other.block:
        return LIKE
    return FAINT + 1 if shared_share(one, other) >= 0.5 else 0


def shared_share(one: Group, other: Group) -> float:
    """Which share of two groups' operators they have in common."""
    first, second = (Counter(leaf.node.op.name for leaf in g.leaves) for g in (one, other))
    return (first & second).total() / max(1, (first | second).total())
