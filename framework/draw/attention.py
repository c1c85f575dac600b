"""The inside of an attention operator: Q, K and V, scores, softmax, the weighted sum."""

from __future__ import annotations

from framework.draw.diagram import Panel, Unit, UnitKind
from framework.draw.words import sizes_text
from framework.ir.dims import Size
from framework.ir.graph import Graph, Node
from framework.ir.types import TensorType

PORTS = ("q", "k", "v")


NORMALIZERS = {
    "softmax": ("Softmax", "softmax"),
    "relu": ("ReLU", "activation"),
    "sigmoid": ("Sigmoid", "activation"),
}
"""Title and category of what makes weights of scores."""


def is_attention(node: Node) -> bool:
    """Does the node weigh values by how well keys fit queries?"""
    names = [port.name for port in node.op.ports.tensors]
    weighs = any(port.name == "weights" for port in node.op.ports.outputs)
    return node.op.category == "attention" and names[:3] == list(PORTS) and weighs


class AttentionPanel:
    """Draws one attention node; heads are one number, never copies."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node
        self.types = graph.types_at(node.name)
        self.scores = node.outputs[1].shape
        self.panel = Panel(f"inside:{node.name}", "", attention=True)

    def build(self, title: str, origin: str | None) -> Panel:
        """The panel."""
        self.panel.title, self.panel.origin = title, origin
        wires = self.graph.wires_of(self.node.name)
        for port in PORTS:
            source = self.source(port, [other for other in PORTS if wires[other] == wires[port]])
            label = port.upper()
            projected = f"{port}.weight" in self.node.parameters
            subtitle = "Linear" if projected else sizes_text(self.types[port].shape)
            self.unit(port, label, "linear" if projected else "input", subtitle)
            if projected:
                self.panel.link(source, self.id(port), self.types[port])
        self.middle("keep" in self.types)
        self.end("out.weight" in self.node.parameters)
        self.panel.rows.append(tuple(self.id(port) for port in PORTS))
        return self.panel

    def id(self, part: str) -> str:
        """Name of a part's unit."""
        return f"{self.node.name}:{part}"

    def unit(self, part: str, title: str, category: str, subtitle: str = "") -> str:
        """Add a box."""
        kinds: dict[str, UnitKind] = {"x": "port", "y": "port"}
        kind = kinds.get(title, "box")
        path = self.id(part)
        self.panel.units[path] = Unit(path, title, category, kind, subtitle)
        return path

    def source(self, port: str, same: list[str]) -> str:
        """What a projection reads: one circle where several read the same."""
        first = same[0]
        if len(same) == len(PORTS):
            name, title = "x", "x"
        elif first == "q":
            name, title = "from_q", "x"
        else:
            name, title = "from_k", "memory"
        if self.id(name) not in self.panel.units:
            path = self.unit(name, title, "input")
            if title != "x":
                self.panel.units[path].kind = "input"
        return self.id(name)

    def middle(self, masked: bool) -> None:
        """Scores, mask, softmax, weighted sum."""
        width = self.head_width()
        if masked:
            self.unit("keep", "Keep", "input", sizes_text(self.types["keep"].shape))
            self.panel.units[self.id("keep")].kind = "input"
        scores = self.unit("scores", self.formula(width), "product", sizes_text(self.scores))
        title, category = NORMALIZERS[getattr(self.node.op, "normalizer", "softmax")]
        over = "over the keys" if category == "softmax" else ""
        softmax = self.unit("softmax", title, category, over)
        product = self.unit("sum", "Weights × V", "product", sizes_text(self.mixed()))
        for port in ("q", "k"):
            self.panel.link(self.id(port), scores, None)
        cap = getattr(self.node.op, "softcap", None)
        if cap is not None:
            capped = self.unit("cap", "Soft cap", "activation", f"{cap:g} tanh(x / {cap:g})")
            self.panel.link(scores, capped, None)
            scores = capped
        if masked:
            keep = self.id("keep")
            mask = self.unit("mask", "Mask", "attention", "−∞ where keep is false")
            self.panel.link(scores, mask, None)
            self.panel.link(keep, mask, None)
            self.panel.link(mask, softmax, None)
        else:
            self.panel.link(scores, softmax, None)
        self.panel.link(softmax, product, None)
        self.panel.link(self.id("v"), product, None)

    def formula(self, width: Size) -> str:
        """How scores come from queries and keys."""
        activation = getattr(self.node.op, "activation", "tanh")
        if "score.weight" in self.node.parameters:
            return f"w · {activation}(Q + K)"
        scale = getattr(self.node.op, "scale", None)
        return f"Q Kᵀ / √{width}" if scale is None else f"Q Kᵀ × {scale:g}"

    def end(self, projected: bool) -> None:
        """Heads put together and projected."""
        last = self.id("sum")
        out = self.node.outputs[0]
        if projected:
            merged = self.unit("merge", "Merge heads", "shape", sizes_text(out.shape))
            linear = self.unit("out", "Linear", "linear", f"{self.width()} → {out.shape[-1]}")
            self.panel.link(last, merged, None)
            self.panel.link(merged, linear, None)
            last = linear
        result = self.unit("result", "y", "input")
        self.panel.link(last, result, None)

    def width(self) -> Size:
        """Width of all heads together."""
        heads = getattr(self.node.op, "heads", 1)
        per_head = self.head_width()
        return heads * per_head if isinstance(per_head, int) else self.node.outputs[0].shape[-1]

    def head_width(self) -> Size:
        """Width of one head's queries."""
        heads = getattr(self.node.op, "heads", None)
        inner = getattr(self.node.op, "width", None)
        if heads is None:
            return self.types["q"].shape[-1]
        whole: Size = self.types["q"].shape[-1] if inner is None else inner
        return whole // int(heads)

    def mixed(self) -> tuple[Size, ...]:
        """Shape of the weighted sums, one for each head."""
        heads = getattr(self.node.op, "heads", None)
        value: TensorType = self.types["v"]
        if heads is None:
            return (*self.scores[:-1], value.shape[-1])
        return (*self.scores[:-1], self.head_width())
