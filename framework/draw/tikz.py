"""Scene -> TikZ: a standalone document for pdflatex in which every box is a named node."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from framework.draw.parts import dashes, head, outlines, radius
from framework.draw.scene import Box, Curve, Frame, Point, Scene, Shape, Text
from framework.draw.tex import escape, has_cjk

ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
PACKAGES = (
    r"\usepackage[utf8]{inputenc}",
    r"\usepackage[T1]{fontenc}",
    r"\usepackage{textcomp,amssymb,helvet}",
    r"\usepackage{fix-cm}",
)
BEGIN = r"""\begin{document}
\begin{tikzpicture}[x=1bp, y=-1bp, every node/.style={inner sep=0pt, outer sep=0pt}]"""
END = "\\end{tikzpicture}\n\\end{document}\n"


def paint(scene: Scene) -> str:
    """A document that pdflatex turns into a page as large as the figure.

    Boxes are the nodes ``n1``, ``n2``, … in the order of the scene. Needs only packages of a
    common TeX installation; CJKutf8 is loaded where the figure has Chinese, Japanese or Korean.
    """
    painter = Painter(scene)
    body = list(painter.body())
    return "\n".join([*painter.preamble(), BEGIN, *body, END])


class Painter:
    """Turns parts into lines, and counts boxes and colours as they come."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.colours: dict[str, str] = {}
        self.nodes = 0

    def preamble(self) -> Iterator[str]:
        """Everything before the picture."""
        yield f"% {escape(self.scene.title)}"
        yield r"\documentclass[tikz,border=0pt]{standalone}"
        yield from PACKAGES
        if any(has_cjk(text.string) for text in texts(self.scene)):
            yield r"\usepackage{CJKutf8}"
        yield r"\renewcommand{\familydefault}{\sfdefault}"
        yield r"\usetikzlibrary{arrows.meta}"
        for colour, name in self.colours.items():
            yield rf"\definecolor{{{name}}}{{HTML}}{{{colour.lstrip('#').upper()}}}"

    def body(self) -> Iterator[str]:
        """The picture, from back to front."""
        scene = self.scene
        page = f"(0,0) rectangle {point((scene.width, scene.height))}"
        yield rf"\useasboundingbox {page};"
        yield rf"\fill[{self.colour(scene.background)}] {page};"
        for frame in scene.frames:
            yield from self.frame(frame)
        yield from map(self.curve, scene.curves)
        for box in scene.boxes:
            yield from self.box(box)
        yield from (self.text(curve.label) for curve in scene.curves if curve.label)
        yield from map(self.text, scene.texts)
        for swatch, word in scene.legend:
            yield self.shape(swatch)
            yield self.text(word)

    def colour(self, colour: str) -> str:
        """The name of a colour."""
        return self.colours.setdefault(colour, f"c{len(self.colours) + 1}")

    def frame(self, frame: Frame) -> Iterator[str]:
        """A panel and its title."""
        yield self.shape(frame.shape)
        if frame.title:
            yield self.text(frame.title)

    def box(self, box: Box) -> Iterator[str]:
        """A box: its outlines, its lines and its badge; the last outline has the name."""
        self.nodes += 1
        *behind, front = outlines(box.shape)
        yield from map(self.shape, behind)
        yield self.shape(front, f"n{self.nodes}")
        yield from map(self.text, box.lines)
        if box.badge:
            yield self.shape(box.badge[0])
            yield self.text(box.badge[1])

    def shape(self, shape: Shape, name: str = "") -> str:
        """An empty node of the size of a shape."""
        line = self.stroke(shape.border, shape.stroke, shape.dashed) if shape.stroke else []
        fill = [] if shape.fill == "none" else [f"fill={self.colour(shape.fill)}"]
        if shape.kind == "circle":
            form = ["circle", f"minimum size={length(shape.width)}"]
        else:
            corners = f"rounded corners={length(radius(shape))}"
            size = f"minimum width={length(shape.width)}, minimum height={length(shape.height)}"
            form = [corners, size]
        label = f" ({name})" if name else ""
        return rf"\node[{', '.join([*fill, *line, *form])}]{label} at {point(shape.centre)} {{}};"

    def stroke(self, colour: str, width: float, dashed: bool) -> list[str]:
        """Options of a line."""
        options = [f"draw={self.colour(colour)}", f"line width={length(width)}"]
        if dashed:
            on, off = dashes(width)
            options.append(f"dash pattern=on {length(on)} off {length(off)}")
        return options

    def curve(self, curve: Curve) -> str:
        """An arrow: Bézier pieces, then straight on to the tip, which the head covers."""
        options = self.stroke(curve.colour, curve.stroke, curve.dashed)
        pieces = [point(curve.points[0])]
        for a, b, end in zip(*(iter(curve.points[1:]),) * 3, strict=True):
            pieces.append(f".. controls {point(a)} and {point(b)} .. {point(end)}")
        corners = head(curve)
        if corners is not None:
            left, tip, right = corners
            long, wide = math.dist(curve.points[-1], tip), math.dist(left, right)
            options.append(f"-{{Triangle[length={length(long)}, width={length(wide)}]}}")
            pieces.append(f"-- {point(tip)}")
        return rf"\draw[{', '.join(options)}] {' '.join(pieces)};"

    def text(self, text: Text) -> str:
        """One line of text on its baseline."""
        size = f"\\fontsize{{{length(text.size)}}}{{{length(1.2 * text.size)}}}\\selectfont"
        weight = r"\bfseries\boldmath" if text.bold else ""
        anchor = f"anchor={ANCHORS[text.anchor]}, text={self.colour(text.colour)}"
        place = point((text.x, text.y))
        # A group of its own: \boldmath ends behind its group, where TikZ expects only its own.
        return rf"\node[{anchor}] at {place} {{{{{size}{weight} {escape(text.string)}}}}};"


def texts(scene: Scene) -> Iterable[Text]:
    """Every text of a scene, in no particular order."""
    yield from scene.texts
    yield from (frame.title for frame in scene.frames if frame.title)
    yield from (curve.label for curve in scene.curves if curve.label)
    yield from (word for _, word in scene.legend)
    for box in scene.boxes:
        yield from box.lines
        if box.badge:
            yield box.badge[1]


def number(value: float) -> str:
    """A number with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def length(value: float) -> str:
    """A length in big points, which are 1/72 inch like those of a scene."""
    return f"{number(value)}bp"


def point(place: Point) -> str:
    """A place as a coordinate."""
    return f"({number(place[0])},{number(place[1])})"
