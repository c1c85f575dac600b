"""Scene -> DOT for people who go on in Graphviz: labelled, readable, the same every time."""

from __future__ import annotations

from collections.abc import Iterator

from framework.draw.metrics import clean
from framework.draw.scene import Box, Curve, Frame, Scene

RESIDUAL = "constraint=false"


def paint(scene: Scene) -> str:
    """A digraph with the figure's colours; frames are clusters, nodes ``n1``, ``n2``, …"""
    return "\n".join([*Painter(scene).lines(), ""])


class Painter:
    """Writes one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.names = {box.id: f"n{i}" for i, box in enumerate(scene.boxes, 1)}
        self.frames = {frame.id: frame for frame in scene.frames}

    def lines(self) -> Iterator[str]:
        """The whole graph."""
        yield "digraph {"
        yield f"  label={quoted(self.scene.title)}; labelloc=t; labeljust=l;"
        yield f'  bgcolor="{self.scene.background}"; fontname="Helvetica"; compound=true;'
        yield '  node [shape=box, style="rounded,filled", fontname="Helvetica"];'
        yield '  edge [fontname="Helvetica"];'
        yield from self.inside(None, "  ")
        for curve in self.scene.curves:
            if curve.source in self.names and curve.target in self.names:
                yield f"  {self.edge(curve)}"
        yield "}"

    def inside(self, frame: str | None, indent: str) -> Iterator[str]:
        """Boxes and frames that lie directly in a frame."""
        for box in self.scene.boxes:
            if (box.panel if box.panel in self.frames else None) == frame:
                yield indent + self.node(box)
        for number, inner in enumerate(self.scene.frames, 1):
            if (inner.parent if inner.parent in self.frames else None) == frame:
                yield f"{indent}subgraph cluster_{number} {{"
                yield f"{indent}  {self.look(inner)}"
                yield from self.inside(inner.id, f"{indent}  ")
                yield f"{indent}}}"

    def look(self, frame: Frame) -> str:
        """Title and colours of a frame."""
        title = frame.title.string if frame.title is not None else ""
        shape = frame.shape
        return (
            f"label={quoted(title)}; style=filled; "
            f'fillcolor="{shape.fill}"; color="{shape.border}";'
        )

    def node(self, box: Box) -> str:
        """One box with its text."""
        label = "\n".join(line.string for line in box.lines)
        if box.badge is not None:
            label = label.replace("\n", f" {box.badge[1].string}\n", 1)
            if "\n" not in label:
                label += f" {box.badge[1].string}"
        extra = ", shape=circle" if box.shape.kind == "circle" else ""
        extra += ", peripheries=2" if box.shape.double else ""
        return (
            f"{self.names[box.id]} [label={quoted(label)}, "
            f'fillcolor="{box.shape.fill}", color="{box.shape.border}"{extra}];'
        )

    def edge(self, curve: Curve) -> str:
        """One arrow."""
        words = [f'color="{curve.colour}"', f"penwidth={curve.stroke:g}"]
        if curve.label is not None:
            words.append(f"label={quoted(curve.label.string)}")
        if curve.dashed:
            words.append("style=dashed")
        if curve.kind in ("residual", "skip"):
            words.append(RESIDUAL)
        return f"{self.names[curve.source]} -> {self.names[curve.target]} [{', '.join(words)}];"


def quoted(text: str) -> str:
    """A DOT string; line breaks stay, everything else that DOT would read is escaped."""
    lines = [clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return '"' + "\\n".join(lines) + '"'
