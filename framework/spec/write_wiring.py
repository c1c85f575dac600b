"""Who reads what in one list: names, references, and the text of ``in:``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framework.ir.graph import Value
from framework.ir.op import Op
from framework.spec.wiring import FALLBACK, PortSpec, ports_of_op, without_default
from framework.spec.write_blocks import Block, Blocks
from framework.spec.write_lines import flow_list, flow_map
from framework.spec.write_names import LocalNames, operator, wishes
from framework.spec.write_nest import Nest, Ref, everything
from framework.spec.write_parts import Group, Item, Leaf
from framework.spec.write_scopes import TAKEN


class ListWiring:
    """The names and references of one block's nodes, or of the top level's."""

    def __init__(self, blocks: Blocks, block: Block, start: Ref | None) -> None:
        self.blocks = blocks
        self.block = block
        self.flow = blocks.maker.flow
        self.children = block.group.children
        self.nest = Nest(block, blocks.maker, start)
        self.ends = {entry.number for entry in everything(self.nest.entries) if entry.body}
        self.ports = [self.ports_of(child) for child in self.children]
        self.wired = [self.wires(child) for child in self.children]
        self.explicit = [self.spoken(number) for number in range(len(self.children))]
        labels = [self.label(child) for child in self.children]
        self.names = LocalNames(labels, self.wished(), block.ports, self.needed())
        self.names.settle(self.nest.entries)

    def label(self, child: Item) -> str:
        """What the child is called without an id."""
        if isinstance(child, Leaf):
            return operator(self.blocks, child)
        return self.blocks.of(child).name

    def wished(self) -> list[str | None]:
        """Names for the children; outputs of the model lend theirs."""
        found = wishes(self.block)
        if self.block is self.blocks.top:
            for name, value in self.flow.graph.outputs.items():
                number = self.block.ends[value][0]
                free = number >= 0 and found[number] is None and name not in found
                if free and isinstance(self.children[number], Leaf) and name not in TAKEN:
                    found[number] = name
        return found

    def op(self, leaf: Leaf) -> Op:
        """A node's operator."""
        return self.flow.nodes[leaf.start].op

    def ports_of(self, child: Item) -> tuple[PortSpec, ...]:
        """The ports of an operator, or of a block in the order of its declaration."""
        if isinstance(child, Leaf):
            return ports_of_op(type(self.op(child)))
        return tuple(PortSpec(name) for name in self.blocks.of(child).ports)

    def wires(self, child: Item) -> dict[str, tuple[Ref, ...]]:
        """What is connected to each port."""
        if not isinstance(child, Leaf):
            block = self.blocks.of(child)
            pairs = zip(block.ports, block.order, strict=True)
            return {port: (self.nest.ref(child.inputs[number]),) for port, number in pairs}
        wires = self.flow.wires[self.flow.nodes[child.start].name]
        return {
            port: tuple(map(self.nest.ref, (value,) if isinstance(value, Value) else value))
            for port, value in wires.items()
        }

    # ------------------------------------------------------------------ who needs a name

    def needed(self) -> set[int]:
        """Children that some other one, or the outside, refers to by name."""
        found = {ref[0] for ref in self.output_refs()}
        for number, wired in enumerate(self.explicit):
            previous = self.nest.previous[number]
            found |= {ref[0] for refs in wired.values() for ref in refs if ref != previous}
        found |= {self.sibling(child.partner) for child in self.sharing()}
        return {number for number in found if number >= 0}

    def sharing(self) -> Iterator[Group]:
        """Groups that use the stored tensors of an earlier one."""
        for child in self.children:
            if isinstance(child, Group) and child.partner is not None:
                yield child

    def sibling(self, start: int | None) -> int:
        """Number of the child that starts at a position; -1 for none."""
        starts = [child.start for child in self.children]
        return starts.index(start) if start in starts else -1

    def output_refs(self) -> list[Ref]:
        """The values that are shown outside, unless the last node says it all."""
        refs = [self.nest.ref(value) for value in self.block.group.outputs]
        if self.block is self.blocks.top:
            return refs
        return [] if refs == [self.nest.entries[-1].result] else refs

    # ------------------------------------------------------------------ in:

    def spoken(self, number: int) -> dict[str, tuple[Ref, ...]]:
        """The ports that ``in:`` must speak of; {} where the previous node is all that is read."""
        if number in self.ends:
            return {}
        ports, wired = self.ports[number], dict(self.wired[number])
        required = [port.name for port in ports if not port.optional]
        for port in reversed(required):
            if FALLBACK.get(port) in required and wired[port] == wired[FALLBACK[port]]:
                del wired[port]
        single, previous = without_default(ports), self.nest.previous[number]
        implied = len(single) == 1 and not single[0].variadic and previous is not None
        return {} if implied and wired == {single[0].name: (previous,)} else wired

    def text(self, number: int) -> str | None:
        """The text of ``in:``; None where nothing need be said."""
        wired, ports = self.explicit[number], self.ports[number]
        tensors = [port for port in ports if not port.slot]
        if not wired:
            return "[]" if tensors and not self.wired[number] else None
        texts = {port: self.refs(number, refs) for port, refs in wired.items()}
        in_order = [port.name for port in tensors][: len(wired)] == list(wired)
        if in_order and (len(wired) == 1 or not tensors[0].variadic):
            flat = [text for group in texts.values() for text in group]
            return flat[0] if len(flat) == 1 else flow_list(flat)
        return flow_map({p: t[0] if len(t) == 1 else flow_list(t) for p, t in texts.items()})

    def refs(self, number: int, refs: Sequence[Ref]) -> list[str]:
        """References as a node writes them."""
        previous = self.nest.previous[number]
        return ["prev" if ref == previous else self.ref_text(ref) for ref in refs]

    def ref_text(self, ref: Ref) -> str:
        """``name`` or ``name.output``."""
        number, output = ref
        if number < 0:
            return self.block.ports[self.block.order.index(output)]
        name, child = self.names.names[number], self.children[number]
        if output == 0:
            return name
        if isinstance(child, Leaf):
            count = len(self.flow.nodes[child.start].outputs)
            return f"{name}.{self.op(child).output_names(count)[output]}"
        return f"{name}.{output_names(self.blocks.of(child))[output]}"


def output_names(block: Block) -> list[str]:
    """Names of a block's outputs."""
    return ["y", *(f"y{number}" for number in range(2, len(block.group.outputs) + 1))]
