"""The names of nodes as a first division into groups: ``encoder.3.norm`` lies in two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from framework.ir.graph import Scope
from framework.spec.write_forms import Forms
from framework.spec.write_parts import Group, Item, Leaf, Maker
from framework.spec.write_runs import fold_runs

DEEPEST = 20
MOST_INPUTS, MOST_OUTPUTS = 8, 4
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TAKEN = ("prev", "copies")
NOTHING = frozenset(
    """node op n layer block module add sub mul div conv conv2d convolution dense fc linear gemm
    matmul activation relu relu6 gelu silu sigmoid tanh softmax bn batchnorm batchnorm2d
    batch_normalization batchnormalization ln layernorm layer_norm layernormalization norm pool
    maxpool max_pool avgpool averagepool globalaveragepool concat concatenate cat flatten reshape
    transpose permute dropout parameter constant const identity cast slice gather squeeze
    unsqueeze expand pad split""".split()
)
"""Words that say no more than the operator does when ``_17`` stands behind them."""


class Scopes:
    """Makes groups of the scopes in the names of a flow's nodes."""

    def __init__(self, maker: Maker, forms: Forms) -> None:
        self.maker = maker
        self.forms = forms
        self.scopes = maker.flow.graph.scopes
        self.paths = [parts_of(node.name) for node in maker.flow.nodes]

    def items(self) -> list[Item]:
        """The whole flow, divided."""
        return self.divided(0, len(self.paths), 0)

    def divided(self, start: int, stop: int, depth: int) -> list[Item]:
        """The nodes from ``start`` to ``stop``, by the part of their names at ``depth``."""
        items: list[Item] = []
        for begin, end in self.stretches(start, stop, depth):
            path = self.paths[begin]
            if len(path) <= depth + 1 or depth >= DEEPEST:
                items += (self.leaf(place, self.paths[place][-1]) for place in range(begin, end))
            else:
                items += self.scope(begin, end, depth)
        return fold_runs(items, self.forms)

    def stretches(self, start: int, stop: int, depth: int) -> Iterator[tuple[int, int]]:
        """Consecutive nodes of one scope; a node that lies in none is by itself."""
        begin = start
        for place in range(start + 1, stop + 1):
            if place == stop or self.part(place, depth) != self.part(begin, depth):
                yield begin, place
                begin = place

    def part(self, place: int, depth: int) -> str | None:
        """The scope at a depth; None for a node that lies in no further one."""
        path = self.paths[place]
        return path[depth] if len(path) > depth + 1 else None

    def leaf(self, place: int, name: str) -> Leaf:
        """A node with its name, if that says more than its operator."""
        return self.maker.leaf(place, telling(name, self.maker.flow.nodes[place].op.name))

    def scope(self, begin: int, end: int, depth: int) -> list[Item]:
        """One scope: a group; its single item; or its items where no block can be made of it."""
        name = self.paths[begin][depth]
        label = name if WORD.fullmatch(name) and name not in TAKEN else None
        inner = self.divided(begin, end, depth + 1)
        known = self.scopes.get(".".join(self.paths[begin][: depth + 1]))
        if known is not None and is_number_of(name, known.block):
            label = None
        if len(inner) == 1:
            return [renamed(inner[0], label, known)]
        group = self.maker.group(inner, label, named=True)
        if known is not None:
            group.block, group.doc = known.block, known.doc
        if not self.maker.sound(group, MOST_INPUTS, MOST_OUTPUTS):
            return inner
        self.forms.of(group)
        return [group]


def parts_of(name: str) -> list[str]:
    """The parts of a name; ``blocks.blocks.0``, as PyTorch has it, is ``blocks.0``."""
    parts = name.split(".")
    twice = (
        number + 2 < len(parts) and part == parts[number + 1] and parts[number + 2].isdecimal()
        for number, part in enumerate(parts)
    )
    return [part for part, double in zip(parts, twice, strict=True) if not double]


def renamed(item: Item, label: str | None, known: Scope | None) -> Item:
    """The only item of a scope gets the scope's name, unless its own says more."""
    if label is not None and (not isinstance(item, Leaf) or item.label is None):
        item.label = label
    if known is not None and isinstance(item, Group):
        item.block, item.doc = known.block, known.doc
    return item


def is_number_of(name: str, label: str) -> bool:
    """Is it a name that the node would get anyway, or nearly so?"""
    return re.sub(r"_\d+$", "", name) == label


def telling(name: str, operator: str) -> str | None:
    """A node's own name, if it says more than its operator does."""
    if not WORD.fullmatch(name) or name in TAKEN:
        return None
    found = re.fullmatch(r"(.*?)(_?)(\d*)", name.lower())
    stem, mark, number = found.groups() if found is not None else (name, "", "")
    bare = (operator, operator.replace("_", ""))
    numbered = (stem in NOTHING or stem in bare) and bool(mark and number)
    meagre = len(stem) < 2 and bool(number)
    return None if not stem or meagre or numbered or (stem in bare and not number) else name
