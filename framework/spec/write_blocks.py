"""Blocks: one for each form of group, with what its uses differ in as arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from framework.errors import Mistake
from framework.ir.dims import Dim, Size
from framework.spec.write_columns import Columns
from framework.spec.write_forms import Ends, ends_of
from framework.spec.write_parts import Group, Item, Leaf, Maker, Run
from framework.spec.write_scopes import telling
from framework.spec.write_series import common_law

LETTERS = {
    1: ("D",),
    2: ("N", "D"),
    3: ("N", "T", "D"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "T", "H", "W"),
}
"""Names of the axes of an input by their number."""

PORTS = ("x", "y", "z")


class Unexplained(Mistake):
    """Rows of copies whose numbers no expression gives; they are written one by one."""

    def __init__(self, runs: Sequence[Run]) -> None:
        super().__init__("the numbers of these copies follow no law")
        self.runs = runs


@dataclass(eq=False)
class Block:
    """The text of one form: ``group`` is one of its ``members`` and stands for all.

    ``order`` has the numbers of the group's inputs as the block declares them, ``texts`` the
    expressions of each child: by the number of the hole, or by the argument's name.
    """

    group: Group
    members: list[Group]
    order: list[int]
    ports: list[str]
    patterns: list[str]
    columns: Columns
    texts: list[dict[int | str, str]] = field(default_factory=list)
    name: str = ""
    ends: Ends = field(default_factory=dict)

    @property
    def args(self) -> dict[str, str]:
        """The arguments as they are declared."""
        return {name: self.columns.declared(name) for name in self.columns.args}

    @property
    def start(self) -> tuple[int, int]:
        """What the first node of the block reads as ``prev``."""
        return (-1, self.order[0])


class Blocks:
    """Makes the blocks of a tree, inner ones first."""

    def __init__(self, maker: Maker, root: Group) -> None:
        self.maker = maker
        self.root = root
        self.members: dict[int, list[Group]] = {}
        self.carried: dict[int, int] = {}
        self.rows: dict[int, list[str]] = {}
        """Names of the rows of copies of each form."""
        self.by_form: dict[int, Block] = {}
        self.collect(root.children)
        for form in self.members:
            self.by_form[form] = self.block(form)
        self.top = self.top_block()

    def collect(self, items: Iterable[Item]) -> None:
        """Find all groups; those inside a group come before it."""
        for item in items:
            if isinstance(item, Leaf):
                continue
            if isinstance(item, Run):
                self.carried[item.copies[0].form] = item.carried
                if item.label is not None:
                    self.rows.setdefault(item.copies[0].form, []).append(item.label)
            for group in item.copies if isinstance(item, Run) else [item]:
                self.collect(group.children)
                self.members.setdefault(group.form, []).append(group)

    def of(self, item: Group | Run) -> Block:
        """The block of a group, or of the copies of a run."""
        return self.by_form[item.copies[0].form if isinstance(item, Run) else item.form]

    def top_block(self) -> Block:
        """The top level, which is no block but is written like one."""
        names = [value.node for value in self.root.inputs]
        order = list(range(len(names)))
        columns = Columns({}, (), (), top=True)
        block = Block(self.root, [self.root], order, names, [], columns)
        return self.filled(block)

    def block(self, form: int) -> Block:
        """The block of a form."""
        members = self.members[form]
        order = list(range(len(members[0].inputs)))
        order.insert(0, order.pop(self.carried.get(form, 0)))
        axes, patterns, wide = self.patterns(members, order)
        ports = self.port_names(members, order)
        columns = Columns(axes, wide, self.words(members[0]))
        return self.filled(Block(members[0], members, order, ports, patterns, columns))

    def port_names(self, members: Sequence[Group], order: Sequence[int]) -> list[str]:
        """x, y, z; what all copies read of one node is called like that node."""
        names: list[str] = []
        for place, number in enumerate(order):
            sources = {group.inputs[number] for group in members}
            name = PORTS[place] if place < len(PORTS) else f"x{place + 1}"
            if place and len(sources) == 1 < len(members):
                last = sources.pop().node.rpartition(".")[2]
                name = last if telling(last, "") and last not in names else name
            names.append(name)
        return names

    def words(self, group: Group) -> set[str]:
        """Words in attributes: no argument may have their name."""
        found: set[str] = set()
        for child in group.children:
            if isinstance(child, Leaf):
                trees = self.maker.parts(child.start).trees
                found |= {tree for _, tree in trees if isinstance(tree, str)}
        return found

    def patterns(
        self, members: Sequence[Group], order: Sequence[int]
    ) -> tuple[dict[str, list[Size]], list[str], set[str]]:
        """Names for the axes of the inputs: equal sizes have one name, a size of 1 has none."""
        axes: dict[str, list[Size]] = {}
        patterns: list[str] = []
        wide: set[str] = set()
        for number in order:
            shapes = [self.maker.flow.type_of(group.inputs[number]).shape for group in members]
            names: list[str] = []
            for place, sizes in enumerate(zip(*shapes, strict=True)):
                letter = letter_of(place, len(shapes[0]))
                names.append(axis_name(axes, letter, list(sizes), names))
            patterns.append(f"[{', '.join(names)}]")
            if names:
                wide.add(names[1] if len(names) > 3 else names[-1])
        return axes, patterns, wide & set(axes)

    # ------------------------------------------------------------------ numbers

    def filled(self, block: Block) -> Block:
        """The block with an expression for every number; its members get their arguments."""
        block.ends = ends_of(block.group)
        for number in range(len(block.group.children)):
            children = [group.children[number] for group in block.members]
            block.texts.append(self.child_texts(block.columns, children))
        for number, group in enumerate(block.members):
            group.args = {name: values[number] for name, values in block.columns.args.items()}
        return block

    def child_texts(self, columns: Columns, children: Sequence[Item]) -> dict[int | str, str]:
        """The expressions of one child, which each member of the block has in its own way."""
        first = children[0]
        if isinstance(first, Leaf):
            rows = [self.maker.parts(child.start).numbers for child in children]
            holes = self.maker.parts(first.start).holes
            return {
                hole.number: columns.text([row[hole.number] for row in rows], hole.attribute)
                for hole in holes
            }
        if isinstance(first, Group):
            groups = [child for child in children if isinstance(child, Group)]
            return {
                name: columns.text([group.args[name] for group in groups], name)
                for name in self.of(first).columns.args
            }
        return self.run_texts(columns, [child for child in children if isinstance(child, Run)])

    def run_texts(self, columns: Columns, runs: Sequence[Run]) -> dict[int | str, str]:
        """The number of copies, and each argument as an expression in ``i``."""
        counts = [len(run.copies) for run in runs]
        texts: dict[int | str, str] = {"repeat": columns.text(counts, "repeats")}
        for name in self.of(runs[0]).columns.args:
            found = common_law([[copy.args[name] for copy in run.copies] for run in runs])
            if found is None:
                raise Unexplained(runs)
            law, constants = found
            filled = [columns.text(column, name) for column in zip(*constants, strict=True)]
            texts[f"with.{name}"] = law.text(*filled)
        return texts


def letter_of(place: int, rank: int) -> str:
    """What the axis of an input is usually called."""
    return LETTERS[rank][place] if rank in LETTERS else f"A{place + 1}"


def axis_name(
    axes: dict[str, list[Size]], letter: str, sizes: list[Size], beside: Collection[str]
) -> str:
    """The name of one axis: that of an equal size of an earlier input, or a new one."""
    if axes and all(type(size) is int and size == 1 for size in sizes):
        return "1"
    symbolic = all(isinstance(size, Dim) for size in sizes)
    for name, known in axes.items():
        if known == sizes and name not in beside and (symbolic or name.rstrip("2345") == letter):
            return name
    name, count = letter, 1
    while name in axes:
        count += 1
        name = f"{letter}{count}"
    axes[name] = sizes
    return name


def arguments(texts: Mapping[int | str, str]) -> dict[str, str]:
    """The entries of ``with:`` among the texts of a run."""
    return {
        str(key).removeprefix("with."): text
        for key, text in texts.items()
        if str(key).startswith("with.")
    }
