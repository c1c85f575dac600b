"""Scene -> Mermaid: a flowchart with subgraphs and classes, for READMEs and wikis.

Mermaid lays the figure out itself; names, order, nesting and colours are those of the scene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from framework.draw.metrics import clean
from framework.draw.nesting import Nesting
from framework.draw.scene import Box, Curve, Frame, Scene, Shape, Text

# Characters that Mermaid, Markdown or HTML could read as more than a letter.
SPECIAL = set('"#&<>`\\|[]{}()*_~^$%;@') | {"'"}
BRACKETS = {"box": ("(", ")"), "circle": ("((", "))"), "pill": ("([", "])")}
ARROWS = {"flow": "-->", "residual": "==>", "skip": "-.->", "zoom": "-.-"}


def paint(scene: Scene) -> str:
    """The flowchart; nodes are ``n1``, ``n2``, … in the order of the scene's boxes.

    Residual arrows are thick, skips dotted, zoom lines dotted without a head.
    """
    return "\n".join([*Painter(scene).lines(), ""])


class Painter:
    """Numbers boxes, frames and classes, and writes the lines."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.nesting = Nesting(scene)
        self.names = {box.id: f"n{i}" for i, box in enumerate(scene.boxes, 1)}
        self.names |= {frame.id: f"f{i}" for i, frame in enumerate(scene.frames, 1)}
        self.classes: dict[tuple[str, Shape], str] = {}

    def lines(self) -> Iterator[str]:
        """The whole text."""
        # Quoted by JSON's rules, so that no title can end the header.
        yield "---"
        yield f'title: "{clean(self.scene.title).translate(YAML)}"'
        yield "---"
        yield f"flowchart {direction(self.scene)}"
        if self.scene.doc:
            yield f"  accDescr: {plain(self.scene.doc)}"
        yield from self.inside(None, "  ")
        for curve in self.scene.curves:
            if curve.source in self.names and curve.target in self.names:
                yield f"  {self.curve(curve)}"
        yield from self.styles()

    def inside(self, frame: str | None, indent: str) -> Iterator[str]:
        """The boxes and frames directly inside a frame."""
        for box in self.nesting.boxes(frame):
            yield f"{indent}{self.box(box)}"
        for inner in self.nesting.frames(frame):
            title = inner.title.string if inner.title else " "
            yield f'{indent}subgraph {self.names[inner.id]}["{quoted(title)}"]'
            yield f"{indent}  direction {direction(self.scene)}"
            yield from self.inside(inner.id, f"{indent}  ")
            yield f"{indent}end"

    def box(self, box: Box) -> str:
        """A node with its lines of text, the badge behind the first one."""
        lines = [label(line) for line in box.lines] or [quoted(box.title)]
        if box.badge:
            lines[0] += f" {label(box.badge[1])}"
        opening, closing = BRACKETS[box.shape.kind]
        text = "<br/>".join(lines)
        name = self.names[box.id]
        return f'{name}{opening}"{text}"{closing}:::{self.class_of(box)}'

    def class_of(self, box: Box) -> str:
        """The class of boxes of this category and look; others of the category get a number."""
        shape = box.shape
        look = Shape(0, 0, 0, 0, shape.fill, shape.border, "box", shape.stroke, 0, False,
                     shape.dashed)  # fmt: skip
        word = "".join(c for c in box.category if c.isascii() and c.isalnum()) or "other"
        if (word, look) not in self.classes:
            count = sum(known == word for known, _ in self.classes)
            self.classes[word, look] = f"{word}_{count + 1}" if count else f"{word}_"
        return self.classes[word, look]

    def curve(self, curve: Curve) -> str:
        """An arrow with its label."""
        arrow = ARROWS[curve.kind]
        if curve.kind == "flow" and curve.dashed:
            arrow = ARROWS["skip"]
        word = f'|"{quoted(curve.label.string)}"|' if curve.label else ""
        return f"{self.names[curve.source]} {arrow}{word} {self.names[curve.target]}"

    def styles(self) -> Iterator[str]:
        """Colours of classes, frames and residual arrows."""
        text = f"color:{ink(self.scene)}"
        for (_, look), name in self.classes.items():
            dash = ",stroke-dasharray:5 4" if look.dashed else ""
            line = f"stroke:{look.border},stroke-width:{look.stroke:g}px{dash}"
            yield f"  classDef {name} fill:{look.fill},{line},{text}"
        for frame in self.scene.frames:
            yield self.frame_style(frame)
        shown = [c for c in self.scene.curves if {c.source, c.target} <= set(self.names)]
        colours = {i: curve.colour for i, curve in enumerate(shown) if curve.kind != "flow"}
        for colour in dict.fromkeys(colours.values()):
            numbers = ",".join(str(i) for i, own in colours.items() if own == colour)
            yield f"  linkStyle {numbers} stroke:{colour}"

    def frame_style(self, frame: Frame) -> str:
        """Colours of a subgraph."""
        colour = frame.title.colour if frame.title else ink(self.scene)
        look = f"fill:{frame.shape.fill},stroke:{frame.shape.border},color:{colour}"
        return f"  style {self.names[frame.id]} {look}"


# A header knows no entities, and a page may take its title for markup: no angle brackets.
YAML = {ord('"'): '\\"', ord("\\"): "\\\\", ord("<"): "‹", ord(">"): "›"}


def quoted(text: str) -> str:
    """A text for inside double quotes: special characters as ``#35;``, their number."""
    return "".join(f"#{ord(c)};" if c in SPECIAL else c for c in clean(text))


def label(text: Text) -> str:
    """A line of a box, which may have HTML for bold."""
    return f"<b>{quoted(text.string)}</b>" if text.bold else quoted(text.string)


def plain(text: str) -> str:
    """A text for a line without quotes, where nothing can be escaped."""
    return " ".join("".join(" " if c in SPECIAL else c for c in clean(text)).split())


def direction(scene: Scene) -> str:
    """``LR`` if most arrows leave their box to the right, else ``TB``."""
    sides = Counter(curve.source_side for curve in scene.curves if curve.kind == "flow")
    return "LR" if sides["right"] > sides["bottom"] + sides["top"] else "TB"


def ink(scene: Scene) -> str:
    """The colour of names."""
    return next((box.lines[0].colour for box in scene.boxes if box.lines), "#111111")
