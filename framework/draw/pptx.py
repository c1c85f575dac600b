"""Scene -> PowerPoint: one 16:9 slide of native shapes that can be moved and edited.

Boxes are shapes with text, arrows are connectors glued to them, panels are groups. The title
is the slide's title, ``scene.notes`` are the speaker's notes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from framework.draw.connectors import Connectors
from framework.draw.drawingml import (
    EMU,
    NAMESPACES,
    Slide,
    fill,
    group_xml,
    named,
    shape_xml,
    text_xml,
    title_xml,
)
from framework.draw.metrics import clean
from framework.draw.nesting import Nesting
from framework.draw.parts import fitted, outlines, radius
from framework.draw.scene import Box, Curve, Frame, Scene, Shape, Text
from framework.draw.sites import geometry_with
from framework.errors import require

if TYPE_CHECKING:
    from pptx.presentation import Presentation

WIDTH, HEIGHT = 960.0, 540.0
OLD_WIDTH = 720 * EMU  # of the slides that python-pptx's template is made for
TITLE_ONLY = 5
EPOCH = datetime(2000, 1, 1)
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def paint(scene: Scene, *, build: bool = False) -> bytes:
    """The file; with ``build`` one slide for every step of the scene, each showing more.

    Equal scenes give equal bytes. Raises InputError if python-pptx is not installed.
    """
    require("pptx", "writing .pptx", install="python-pptx")
    from pptx import Presentation as new

    presentation = new()
    widen(presentation)
    for step in range(scene.steps if build else 1):
        shown = until(scene, step) if build else scene
        add_slide(presentation, shown)
    describe(presentation, scene)
    file = io.BytesIO()
    presentation.save(file)
    return without_dates(file.getvalue())


def until(scene: Scene, step: int) -> Scene:
    """The parts that are there after a step."""
    return replace(
        scene,
        frames=tuple(frame for frame in scene.frames if frame.step <= step),
        curves=tuple(curve for curve in scene.curves if curve.step <= step),
        boxes=tuple(box for box in scene.boxes if box.step <= step),
    )


def widen(presentation: Presentation) -> None:
    """Make the template's slides 16:9, and its placeholders as much wider."""
    from pptx.util import Emu

    width = Emu(round(WIDTH * EMU))
    presentation.slide_width, presentation.slide_height = width, Emu(round(HEIGHT * EMU))
    master = presentation.slide_master
    for page in (master, *master.slide_layouts):
        for shape in page.placeholders:
            if shape._element.spPr.xfrm is not None:
                shape.left = Emu(shape.left * width // OLD_WIDTH)
                shape.width = Emu(shape.width * width // OLD_WIDTH)


def add_slide(presentation: Presentation, scene: Scene) -> None:
    """One slide with its shapes and notes."""
    from pptx.oxml import parse_xml

    slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_ONLY])
    tree = slide.shapes._spTree
    for placeholder in list(slide.placeholders):
        tree.remove(placeholder._element)
    tree.getparent().insert(0, parse_xml(background(scene.background)))
    for xml in SlidePainter(scene).shapes():
        tree.append(parse_xml(xml))
    notes = slide.notes_slide.notes_text_frame if scene.notes else None
    if notes is not None:
        notes.text = "\n".join(clean(line) for line in scene.notes.splitlines())


def background(colour: str) -> str:
    """The colour behind everything."""
    look = f"{fill(colour)}<a:effectLst/>"
    return f"<p:bg {NAMESPACES}><p:bgPr>{look}</p:bgPr></p:bg>"


class SlidePainter:
    """The shapes of one slide, from back to front."""

    def __init__(self, scene: Scene) -> None:
        fit = fitted(scene, WIDTH, HEIGHT)
        self.scene = scene
        self.slide = Slide(fit.scale, fit.left, fit.top)
        self.nesting = Nesting(scene)
        self.outer = {box.id: outlines(box.shape)[0] for box in scene.boxes}
        self.outer |= {frame.id: frame.shape for frame in scene.frames}
        # Connectors stand behind boxes and before them in the file: they need the numbers.
        self.slide.ids = {id: self.slide.new_id() for id in self.outer}
        self.connectors = Connectors(self.slide, scene, self.outer)

    def shapes(self) -> Iterator[str]:
        """The title first, which is what a screen reader begins with."""
        for i, text in enumerate(self.scene.texts):
            if i == 0:
                yield title_xml(self.slide, text)
            else:
                yield text_xml(self.slide, text, "Subtitle")
        yield from self.inside(None)
        yield from self.legend()

    def inside(self, frame: str | None) -> Iterator[str]:
        """The frames, arrows and boxes directly inside a frame.

        Arrows are in the outermost group: LibreOffice bends those in groups of groups.
        """
        for inner in self.nesting.frames(frame):
            yield self.frame(inner)
        curves = self.nesting.curves(frame)
        for curve in curves:
            yield from self.connectors.of(curve)
        for box in self.nesting.boxes(frame):
            yield self.box(box)
        yield from self.labels(curves)

    def labels(self, curves: list[Curve]) -> Iterator[str]:
        """The words beside arrows."""
        for curve in curves:
            if curve.label:
                yield text_xml(self.slide, curve.label, f"Label {curve.label.string}")

    def frame(self, frame: Frame) -> str:
        """A panel: a group of its background, its title and what it holds."""
        title = frame.title.string if frame.title else "Frame"
        names = named(self.slide, self.slide.ids[frame.id], f"{title} frame")
        back = shape_xml(self.slide, frame.shape, names, (), self.form(frame.id))
        words = [text_xml(self.slide, frame.title, f"{title} title")] if frame.title else []
        inside = list(self.inside(frame.id))
        names = named(self.slide, 0, title, f"Panel: {title}")
        return group_xml(self.slide, names, frame.shape, [back, *words, *inside])

    def box(self, box: Box) -> str:
        """A box; with a badge or a second outline it is a group."""
        *behind, front = outlines(box.shape)
        glued, form = self.slide.ids[box.id], self.form(box.id)
        about = ". ".join(filter(None, (box.title, box.description)))
        parts = []
        for back in behind:
            names = named(self.slide, glued, f"{box.title} outline")
            parts.append(shape_xml(self.slide, back, names, (), form))
        names = named(self.slide, 0 if behind else glued, box.title, about)
        parts.append(shape_xml(self.slide, front, names, box.lines, "" if behind else form))
        parts += [self.badge(*box.badge)] if box.badge else []
        if len(parts) == 1:
            return parts[0]
        group = named(self.slide, 0, f"{box.title} group", about)
        return group_xml(self.slide, group, self.outer[box.id], parts)

    def form(self, id: str) -> str:
        """The geometry of a box or frame that arrows touch beside the middles of its sides."""
        extra, shape = self.connectors.sites.extra.get(id), self.outer[id]
        return geometry_with(shape, radius(shape), extra) if extra else ""

    def badge(self, pill: Shape, text: Text) -> str:
        """The pill on a box, such as ×12."""
        return shape_xml(self.slide, pill, named(self.slide, 0, f"Badge {text.string}"), [text])

    def legend(self) -> Iterator[str]:
        """Swatches and words in one group."""
        if not self.scene.legend:
            return
        parts = []
        for swatch, word in self.scene.legend:
            names = named(self.slide, 0, f"Swatch {word.string}")
            parts += [shape_xml(self.slide, swatch, names), text_xml(self.slide, word, word.string)]
        xs = [swatch.x for swatch, _ in self.scene.legend]
        ys = [swatch.y for swatch, _ in self.scene.legend]
        last = self.scene.legend[-1][0]
        around = replace(last, x=min(xs), y=min(ys), width=max(xs) - min(xs) + last.width,
                         height=max(ys) - min(ys) + last.height)  # fmt: skip
        yield group_xml(self.slide, named(self.slide, 0, "Legend", "Legend"), around, parts)


def describe(presentation: Presentation, scene: Scene) -> None:
    """The file's properties; dates are fixed."""
    about = presentation.core_properties
    about.title, about.subject = clean(scene.title), clean(scene.doc)
    about.author = about.last_modified_by = ""
    about.created = about.modified = EPOCH
    about.revision = 1


def without_dates(data: bytes) -> bytes:
    """The same archive with fixed dates."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return file.getvalue()
