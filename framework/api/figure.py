"""`Figure`: a drawn model, which a notebook shows and which can be saved in any format."""

from __future__ import annotations

import os
from pathlib import Path

from framework.api.draw import remark, write_figure
from framework.draw.choose import Choice
from framework.draw.figure import Content
from framework.draw.formats import Painting, paint
from framework.draw.levels import Level, page_levels
from framework.draw.style import Style
from framework.ir.graph import Graph


class Figure:
    """A figure; ``choice`` says how it was made (as options of the command line).

    ``remark`` is None, or what makes it hard to read on a slide.
    """

    def __init__(self, found: Choice, graph: Graph, content: Content, style: Style) -> None:
        self.found = found
        self.graph = graph
        self.content = content
        self.style = style

    def __repr__(self) -> str:
        return f"<Figure {self.found.scene.title}: {self.choice}, text {self.found.text:.1f} pt>"

    @property
    def choice(self) -> str:
        """The options that give this figure."""
        return self.found.words

    @property
    def remark(self) -> str | None:
        """What to do about small text, if it is small."""
        return remark(self.found)

    def save(
        self, path: str | os.PathLike[str], *, text: str = "live", build: bool = False
    ) -> Path:
        """Write the figure in the format of the suffix; returns the path.

        ``text="outline"`` turns the text of an SVG into paths; ``build`` gives a PowerPoint file
        one slide for each step.
        """
        levels: list[Level] = []
        if Path(path).suffix.lower() == ".html":
            levels = page_levels(self.graph, self.content, self.style, self.found.scene)
        return write_figure(
            self.found, path, text=text, build=build, graph=self.graph, levels=levels
        )

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return paint(self.found.scene, ".svg", Painting()).decode("utf-8")
