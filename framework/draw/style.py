"""How things look: operator categories become fills and borders, kinds of curves strokes.

A style is a YAML file; ``styles/default.yaml`` shows all that one may say. After
``extends: default`` it says only what differs.

    load_style("dark").look("attention").border      "#FF8A3D"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.draw.colours import contrast
from framework.draw.stylefile import LOOKS, StyleReader, Values, missing
from framework.errors import InputError, Problem, SpecError, did_you_mean
from framework.source import load_source

FOLDER = Path(__file__).parent / "styles"
READABLE = 4.5
VISIBLE = 3.0
"""Least contrast of text, and of what is no text (WCAG 2.2, 1.4.3 and 1.4.11)."""


@dataclass(frozen=True)
class Look:
    """Fill and border of a shape; ``stroke`` is the width of the border in points."""

    fill: str
    border: str
    stroke: float
    dashed: bool = False


@dataclass(frozen=True)
class Style:
    """Colours as ``#RRGGBB``, sizes and strokes in points, a look for every category.

    ``text`` is for names, ``subtle`` for second lines and labels; ``line``, ``residual``,
    ``skip`` and ``zoom`` are the colours of the kinds of curves; ``radius`` is that of corners.
    """

    name: str
    doc: str
    background: str
    text: str
    subtle: str
    line: str
    residual: str
    skip: str
    zoom: str
    badge: str
    badge_text: str
    title_size: float
    name_size: float
    shape_size: float
    radius: float
    box_stroke: float
    flow_stroke: float
    residual_stroke: float
    skip_stroke: float
    zoom_stroke: float
    frame_stroke: float
    frame: Look
    attention_frame: Look
    looks: Mapping[str, Look]
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    def look(self, category: str) -> Look:
        """How a box of this category looks."""
        return self.looks[category]


def style_names() -> tuple[str, ...]:
    """Names of the styles that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load_style(name: str | Path = "default") -> Style:
    """The style with this name, or in this YAML file.

    Raises SpecError with every mistake of the file, InputError if there is no such style.
    Colours that are hard to see are only warned of, in ``Style.warnings``.
    """
    values, problems = read(style_path(name))
    if not problems:
        problems = missing(values)
    if problems:
        raise SpecError(problems)
    return build(Path(name).stem, values)


def style_path(name: str | Path) -> Path:
    """The file of a style; a bare word without suffix is one of the package's."""
    if isinstance(name, Path) or Path(name).suffix or Path(name).name != name:
        return Path(name)
    if name not in style_names():
        cure = did_you_mean(name, style_names())
        cure = cure or f"styles: {', '.join(style_names())}, or the path of a YAML file"
        raise InputError(f"there is no style '{name}'; {cure}")
    return FOLDER / f"{name}.yaml"


def read(path: Path) -> tuple[Values, list[Problem]]:
    """All values of a style file over those that it extends, and its mistakes."""
    reader = StyleReader(load_source(path), style_names())
    values = reader.read()
    if reader.extends is None:
        return values, reader.problems
    base, problems = read(FOLDER / f"{reader.extends}.yaml")
    return values.over(base), problems + reader.problems


def build(name: str, values: Values) -> Style:
    """The style from a complete set of values."""
    colour, length = values.colour, values.length
    return Style(
        name=name,
        doc=colour("doc") if ("doc",) in values.found else "",
        background=colour("colours", "background"),
        text=colour("colours", "text"),
        subtle=colour("colours", "subtle"),
        line=colour("colours", "line"),
        residual=colour("colours", "residual"),
        skip=colour("colours", "skip"),
        zoom=colour("colours", "zoom"),
        badge=colour("colours", "badge"),
        badge_text=colour("colours", "badge_text"),
        title_size=length("sizes", "title"),
        name_size=length("sizes", "name"),
        shape_size=length("sizes", "shape"),
        radius=length("sizes", "corner"),
        box_stroke=length("strokes", "box"),
        flow_stroke=length("strokes", "flow"),
        residual_stroke=length("strokes", "residual"),
        skip_stroke=length("strokes", "skip"),
        zoom_stroke=length("strokes", "zoom"),
        frame_stroke=length("strokes", "frame"),
        frame=look(values, "frames", "panel"),
        attention_frame=look(values, "frames", "attention"),
        looks={key: look(values, "categories", key) for key in LOOKS["categories"]},
        warnings=tuple(contrast_warnings(values)),
    )


def look(values: Values, section: str, name: str) -> Look:
    """One look; the width of its border is that of its kind unless it has its own."""
    kind = "frame" if section == "frames" else "box"
    return Look(
        values.colour(section, name, "fill"),
        values.colour(section, name, "border"),
        values.length(section, name, "stroke", default=values.length("strokes", kind)),
        values.flag(section, name, "dashed"),
    )


def contrast_warnings(values: Values) -> Iterator[Problem]:
    """A warning for every pair of colours of which one is hard to see on the other."""
    for front, back, least in pairs():
        ratio = contrast(values.colour(*front), values.colour(*back))
        if ratio < least:
            fact = f"{words(front)} on {words(back)} has a contrast of {ratio:.1f}"
            hint = f"at least {least:g} can be seen by most people"
            yield Problem("contrast", fact, values.found[back].place, hint, severity="warning")


def pairs() -> Iterator[tuple[tuple[str, ...], tuple[str, ...], float]]:
    """Front, back and their least contrast, for every pair that meets in a figure."""
    background = ("colours", "background")
    text, subtle = ("colours", "text"), ("colours", "subtle")
    fills = [(section, name, "fill") for section, names in LOOKS.items() for name in names]
    for back in [background, *fills]:
        yield text, back, READABLE
        yield subtle, back, READABLE
    yield ("colours", "badge_text"), ("colours", "badge"), READABLE
    for name in LOOKS["categories"]:
        yield ("categories", name, "border"), background, VISIBLE
    for kind in ("line", "residual", "skip", "zoom"):
        yield ("colours", kind), background, VISIBLE


def words(path: tuple[str, ...]) -> str:
    """A path in words: ``the fill of 'linear'``."""
    return f"'{path[1]}'" if len(path) == 2 else f"the {path[2]} of '{path[1]}'"
