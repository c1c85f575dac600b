"""What nodes and stored tensors of the graph are called once its text is read back."""

from __future__ import annotations

from framework.spec.write_blocks import Block, Blocks
from framework.spec.write_parts import Group, Item, Leaf, Run
from framework.spec.write_wiring import ListWiring


class Paths:
    """The names of all lists, and the full paths that follow from them."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.wirings: dict[Block, ListWiring] = {}
        for block in blocks.by_form.values():
            self.wirings[block] = ListWiring(blocks, block, block.start)
        top = blocks.top
        alone = len(top.ports) == 1
        self.wirings[top] = ListWiring(blocks, top, top.start if alone else None)

    def nodes(self) -> dict[str, str]:
        """New name of each node by its old one; inputs keep theirs."""
        found = {name: name for name in self.blocks.top.ports}
        self._note(self.blocks.top, self.blocks.root, "", found)
        return found

    def _note(self, block: Block, group: Group, prefix: str, found: dict[str, str]) -> None:
        names = self.wirings[block].names.names
        for name, child in zip(names, group.children, strict=True):
            path = f"{prefix}{name}"
            if isinstance(child, Leaf):
                found[self.blocks.maker.flow.nodes[child.start].name] = path
            elif isinstance(child, Group):
                self._note(self.blocks.of(child), child, f"{path}.", found)
            else:
                for number, copy in enumerate(child.copies):
                    self._note(self.blocks.of(child), copy, f"{path}.{number}.", found)

    def parameters(self, nodes: dict[str, str]) -> dict[str, str]:
        """New name of each stored tensor by its old one: that of the first node that uses it."""
        flow = self.blocks.maker.flow
        return {
            name: f"{nodes[flow.nodes[place].name]}.{slot}"
            for name, (place, slot) in flow.owners.items()
        }

    def stored(self, block: Block, owner: int, slot: str) -> str:
        """A stored tensor by its path from a block's list."""
        return f"{self.path(block, owner)}.{slot}"

    def path(self, block: Block, place: int) -> str:
        """The path of a node from a block's list, in the group that stands for the block."""
        parts: list[str] = []
        names, items = self.wirings[block].names.names, block.group.children
        while True:
            number = holding(items, place)
            child = items[number]
            parts.append(names[number])
            if isinstance(child, Leaf):
                return ".".join(parts)
            names = self.wirings[self.blocks.of(child)].names.names
            if isinstance(child, Run):
                copy = holding(list(child.copies), place)
                parts.append(str(copy))
                items = child.copies[copy].children
            else:
                items = child.children


def holding(items: list[Item], place: int) -> int:
    """Number of the item that holds a position."""
    return next(n for n, item in enumerate(items) if item.start <= place < item.stop)
