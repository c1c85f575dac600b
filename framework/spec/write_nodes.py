"""One list of nodes as text: operators, uses of blocks, residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from framework.spec.write_blocks import Block, arguments
from framework.spec.write_lines import flow_map, indented, node_lines
from framework.spec.write_nest import Entry
from framework.spec.write_parts import Group, Leaf, Run
from framework.spec.write_paths import Paths
from framework.spec.write_values import attribute_texts, expression, scalar

LONGEST_DOC = 160


class NodeWriter:
    """Writes the nodes of one block, or of the top level."""

    def __init__(self, paths: Paths, block: Block) -> None:
        self.paths = paths
        self.block = block
        self.wiring = paths.wirings[block]
        self.blocks = paths.blocks
        self.flow = paths.blocks.maker.flow
        self.children = block.group.children

    def lines(self) -> list[str]:
        """All nodes."""
        return self.listed(self.wiring.nest.entries)

    def listed(self, entries: Sequence[Entry]) -> list[str]:
        """A list of nodes."""
        return [line for entry in entries for line in self.entry(entry)]

    def entry(self, entry: Entry) -> list[str]:
        """One node, or a residual with its branches."""
        if not entry.body:
            return self.node(entry.number)
        own = self.wiring.names.ids[entry.number]
        beside = ({} if own is None else {"id": own}) | self.doc(entry.number)
        tail = [f"  {key}: {text}" for key, text in beside.items()]
        if not entry.skip:
            return ["- residual:", *indented(self.listed(entry.body), 2), *tail]
        return [
            "- residual:",
            *indented(["body:", *indented(self.listed(entry.body))], 2),
            *indented(["skip:", *indented(self.listed(entry.skip))], 2),
            *tail,
        ]

    def node(self, number: int) -> list[str]:
        """An operator, or the use of a block."""
        child = self.children[number]
        beside: dict[str, str] = {}
        wiring, own = self.wiring.text(number), self.wiring.names.ids[number]
        if wiring is not None:
            beside["in"] = wiring
        if own is not None:
            beside["id"] = own
        if not isinstance(child, Leaf):
            return self.use(number, child, beside)
        head, value = self.operator(number, child)
        beside |= self.weights(child) | self.initial(child) | self.doc(number)
        return node_lines(head, value, beside, one_line=False)

    def operator(self, number: int, leaf: Leaf) -> tuple[str, str]:
        """The operator's name and its attributes."""
        op, texts = self.wiring.op(leaf), self.block.texts[number]
        parts = self.blocks.maker.parts(leaf.start)
        found = dict(attribute_texts(parts, lambda hole: texts[hole.number]))
        if op.main is not None and list(found) == [op.main] and found[op.main] != "null":
            return op.name, found[op.main]
        return op.name, flow_map(found) if found else ""

    def use(self, number: int, child: Group | Run, beside: dict[str, str]) -> list[str]:
        """``use:`` with its arguments; usual values are left out."""
        block, texts = self.blocks.of(child), self.block.texts[number]
        run = isinstance(child, Run)
        given = arguments(texts) if run else {str(name): text for name, text in texts.items()}
        usual = block.args
        given = {name: expression(text) for name, text in given.items() if usual[name] != text}
        further = {"repeat": expression(texts["repeat"])} if run else {}
        further |= {"with": flow_map(given)} if given else {}
        if isinstance(child, Run):
            further |= {"share": "copies"} if child.shared else {}
        elif child.partner is not None and self.wiring.sibling(child.partner) >= 0:
            further["share"] = self.wiring.names.names[self.wiring.sibling(child.partner)]
        return node_lines("use", block.name, further | beside, one_line=True)

    # ------------------------------------------------------------------ beside operators

    def doc(self, number: int) -> dict[str, str]:
        """What the node's author says of it, if it is short and the same for all copies."""
        docs = {
            self.flow.nodes[child.start].doc
            for group in self.block.members
            if isinstance(child := group.children[number], Leaf)
        }
        doc = docs.pop() if len(docs) == 1 else None
        if not doc or len(doc) > LONGEST_DOC or "\n" in doc:
            return {}
        return {"doc": scalar(doc)}

    def weights(self, leaf: Leaf) -> dict[str, str]:
        """Slots that use a tensor of an earlier node: ``{weight: embed.weight}``."""
        base = self.block.group.start
        found = {
            slot: self.paths.stored(self.block, owner, there)
            for slot, owner, there in self.flow.borrowed(leaf.start)
            if owner >= base
        }
        return {"weights": flow_map(found)} if found else {}

    def initial(self, leaf: Leaf) -> dict[str, str]:
        """Rules for first values that are not the operator's own."""
        node, parameters = self.flow.nodes[leaf.start], self.flow.graph.parameters
        borrowed = {slot for slot, _, _ in self.flow.borrowed(leaf.start)}
        rules = {
            slot: rule_text(parameters[name].initial)
            for slot, name in node.parameters.items()
            if slot not in borrowed and parameters[name].initial != node.op.initial.get(slot)
        }
        return {"init": flow_map(rules)} if rules else {}


def rule_text(rule: object) -> str:
    """A rule for first values in flow style."""
    if isinstance(rule, Mapping):
        return flow_map({str(key): rule_text(value) for key, value in rule.items()})
    return scalar(rule) if isinstance(rule, str) else str(rule)
