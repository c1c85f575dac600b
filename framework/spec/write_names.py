"""Names in the text: of blocks, and of nodes by the rule that its reader follows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from framework.ir.op import REGISTRY
from framework.spec.read_nodes import STRUCTURE
from framework.spec.write_blocks import Block, Blocks
from framework.spec.write_nest import Entry, everything
from framework.spec.write_parts import Group, Item, Leaf, Run
from framework.spec.write_scopes import WORD, is_number_of

SHORTER = {
    "batch_norm": "bn",
    "layer_norm": "ln",
    "group_norm": "gn",
    "max_pool": "pool",
    "avg_pool": "pool",
    "conv_transpose": "upconv",
}
SPEAKING = (
    ({"multi_head_attention"}, "encoder_block"),
    ({"attention", "linear"}, "attention_block"),
    ({"softmax", "matmul", "linear"}, "attention_block"),
    ({"conv", "concat"}, "dense_layer"),
    ({"conv", "add"}, "residual_block"),
    ({"conv"}, "conv_block"),
    ({"linear"}, "mlp"),
)
"""Names for blocks that hold these operators, the first that fits."""


def name_blocks(blocks: Blocks) -> None:
    """Give every block a name of its own; inner ones first."""
    taken = {*REGISTRY, *STRUCTURE}
    for block in blocks.by_form.values():
        base = known_name(block) or labelled(blocks, block) or content_name(blocks, block)
        name, number = base, 1
        if base in taken and base in REGISTRY:
            name = base = f"{base}_block"
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        block.name = name


def known_name(block: Block) -> str | None:
    """The block's name in the model that the graph was made of."""
    names = Counter(group.block for group in block.members if group.block is not None)
    return next((name for name, _ in names.most_common(1) if WORD.fullmatch(name)), None)


def labelled(blocks: Blocks, block: Block) -> str | None:
    """What most of its scopes are called, without the number at the end."""
    labels = [group.label for group in block.members if group.label is not None]
    stems = Counter(stem for label in labels if (stem := re.sub(r"[_\d]+$", "", label)))
    if stems:
        stem = stems.most_common(1)[0][0]
        return singular(stem) or stem if len(block.members) > 1 else stem
    rows = blocks.rows.get(block.group.form, [])
    return next((word for label in rows if (word := singular(label))), None)


def singular(word: str) -> str | None:
    """``layer`` for ``layers``; None for a word that is no plural."""
    stem = re.sub(r"[_\d]+$", "", word)
    plural = len(stem) > 3 and stem.endswith("s") and not stem.endswith("ss")
    return stem[:-1] if plural else None


def content_name(blocks: Blocks, block: Block) -> str:
    """A name after what is in the block."""
    children = block.group.children
    leaves = [child for child in children if isinstance(child, Leaf)]
    words = [operator(blocks, leaf) for leaf in leaves]
    if len(leaves) == len(children) <= 3:
        return "_".join(SHORTER.get(word, word) for word in words)
    if any(isinstance(child, Run) for child in children):
        return "stage"
    inside = set(words) | {
        operator(blocks, leaf) for leaf in leaves_of(children) if not isinstance(leaf, Group)
    }
    if "concat" in inside and len(children[-1].inputs) > 2:
        return "branches"
    return next((name for wanted, name in SPEAKING if wanted <= inside), "block")


def operator(blocks: Blocks, leaf: Leaf) -> str:
    """Name of a node's operator."""
    return blocks.maker.flow.nodes[leaf.start].op.name


def leaves_of(items: Iterable[Item]) -> Iterable[Leaf]:
    """All nodes in a list, those inside groups included."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            group = item.copies[0] if isinstance(item, Run) else item
            yield from leaves_of(group.children)


# ------------------------------------------------------------------ nodes


def wishes(block: Block) -> list[str | None]:
    """The name that each child has in all members of the block, if it says anything."""
    found: list[str | None] = []
    for number in range(len(block.group.children)):
        labels = {group.children[number].label for group in block.members}
        found.append(labels.pop() if len(labels) == 1 else None)
    return found


class LocalNames:
    """Names of the nodes of one list, by the rule that the reader of the text follows."""

    def __init__(
        self,
        labels: list[str],
        wished: list[str | None],
        ports: Collection[str],
        needed: Collection[int],
    ) -> None:
        self.labels = labels
        self.ids: list[str | None] = []
        used = set(ports)
        for label, wish in zip(labels, wished, strict=True):
            says = wish is not None and wish not in used and not is_number_of(wish, label)
            self.ids.append(wish if says else None)
            used |= {wish} if wish is not None and says else set()
        self.ports = set(ports)
        self.needed = set(needed)
        self.names: list[str] = [""] * len(labels)

    def settle(self, entries: list[Entry]) -> None:
        """Name all nodes; those that are referred to get the name as their id."""
        self.names = self.followed(entries)
        for number in self.needed:
            self.ids[number] = self.names[number]
        self.names = self.followed(entries)

    def followed(self, entries: list[Entry]) -> list[str]:
        """The names that the reader gives."""
        reserved = self.ports | {name for name in self.ids if name is not None}
        counts: Counter[str] = Counter()
        taken: set[str] = set()
        names = [""] * len(self.labels)
        for entry in everything(entries):
            own = self.ids[entry.number]
            names[entry.number] = own or fresh(self.labels[entry.number], counts, reserved, taken)
        return names


def fresh(label: str, counts: Counter[str], reserved: set[str], taken: set[str]) -> str:
    """A name for a node without id, as `Frame.fresh` gives it."""
    while True:
        counts[label] += 1
        name = label if counts[label] == 1 else f"{label}_{counts[label]}"
        if name not in reserved and name not in taken:
            taken.add(name)
            return name
