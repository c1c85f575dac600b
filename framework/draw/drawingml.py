"""Parts of a scene as DrawingML, the XML of PowerPoint: shapes, text and groups.

Lengths in the XML are EMU, 12,700 to a point; a slide's scale is already in `Slide`.
Sources: ECMA-376 part 1, chapters 19 and 20.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from framework.draw.metrics import ascent, clean, line_height, text_width
from framework.draw.parts import radius
from framework.draw.scene import Point, Shape, Text

EMU = 12_700
PRESETS = {"box": "roundRect", "circle": "ellipse", "pill": "roundRect"}
ALIGN = {"start": "l", "middle": "ctr", "end": "r"}
FONT = "Arial"
NAMESPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)


@dataclass
class Slide:
    """Where the scene lies on the slide, and the number of the last shape."""

    scale: float
    left: float
    top: float
    shapes: int = 1
    ids: dict[str, int] = field(default_factory=dict)
    """Number of the shape that connectors of a box or frame are glued to."""

    def new_id(self) -> int:
        """The number of a new shape; 1 is the slide's own group."""
        self.shapes += 1
        return self.shapes

    def length(self, points: float) -> int:
        """A length of the scene in EMU."""
        return round(points * self.scale * EMU)

    def point(self, place: Point) -> tuple[int, int]:
        """A place of the scene in EMU."""
        x, y = place
        return self.length(x) + round(self.left * EMU), self.length(y) + round(self.top * EMU)


def named(slide: Slide, id: int, name: str, description: str = "") -> str:
    """Number, name and alternative text of a shape; ``id`` 0 takes a new number."""
    text = f" descr={quoteattr(clean(description))}" if description else ""
    return f'<p:cNvPr id="{id or slide.new_id()}" name={quoteattr(clean(name))}{text}/>'


def fill(colour: str) -> str:
    """A solid fill, or none."""
    return "<a:noFill/>" if colour == "none" else f"<a:solidFill>{rgb(colour)}</a:solidFill>"


def rgb(colour: str) -> str:
    """A colour."""
    return f'<a:srgbClr val="{colour.lstrip("#").upper()}"/>'


def line(slide: Slide, colour: str, stroke: float, dashed: bool, more: str = "") -> str:
    """An outline or a line; ``more`` stands at its end, where arrow heads are."""
    if not stroke:
        return "<a:ln><a:noFill/></a:ln>"
    dash = '<a:prstDash val="dash"/>' if dashed else '<a:prstDash val="solid"/>'
    ink = f"{fill(colour)}{dash}<a:round/>{more}"
    return f'<a:ln w="{slide.length(stroke)}" cap="flat">{ink}</a:ln>'


def frame_of(slide: Slide, shape: Shape) -> str:
    """Position and size."""
    x, y = slide.point((shape.x, shape.y))
    return xfrm(x, y, slide.length(shape.width), slide.length(shape.height))


def xfrm(x: int, y: int, width: int, height: int, more: str = "") -> str:
    """Position and size in EMU; ``more`` are attributes such as flips."""
    box = f'<a:off x="{x}" y="{y}"/><a:ext cx="{width}" cy="{height}"/>'
    return f"<a:xfrm{more}>{box}</a:xfrm>"


def geometry(shape: Shape) -> str:
    """The preset form; the corner's radius is given in 1/100,000 of the shorter side."""
    name, guide, corner = PRESETS[shape.kind], "", radius(shape)
    if name == "roundRect" and corner == 0:
        name = "rect"
    elif name == "roundRect":
        share = round(100_000 * corner / min(shape.width, shape.height))
        guide = f'<a:gd name="adj" fmla="val {share}"/>'
    return f'<a:prstGeom prst="{name}"><a:avLst>{guide}</a:avLst></a:prstGeom>'


def shape_xml(
    slide: Slide, shape: Shape, names: str, lines: Sequence[Text] = (), form: str = ""
) -> str:
    """A shape with its text; ``names`` is from `named`, ``form`` a geometry of its own."""
    look = f"{fill(shape.fill)}{line(slide, shape.border, shape.stroke, shape.dashed)}"
    return (
        f"<p:sp {NAMESPACES}><p:nvSpPr>{names}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        f"<p:spPr>{frame_of(slide, shape)}{form if form else geometry(shape)}{look}</p:spPr>"
        f"{body(slide, shape, lines)}</p:sp>"
    )


def text_xml(slide: Slide, text: Text, name: str) -> str:
    """A line of text on its own."""
    return shape_xml(slide, around(text), named(slide, 0, name), [text])


def title_xml(slide: Slide, text: Text) -> str:
    """A line of text that is the slide's title.

    Its box is wider than the text: LibreOffice breaks the lines of placeholders.
    """
    place = around(text, 0.5 * text_width(text.string, text.size, text.bold) + text.size)
    look = f"{frame_of(slide, place)}{geometry(place)}<a:noFill/>"
    return (
        f"<p:sp {NAMESPACES}><p:nvSpPr>{named(slide, 0, 'Title')}"
        '<p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>'
        '<p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr>'
        f"<p:spPr>{look}</p:spPr>{body(slide, place, [text])}</p:sp>"
    )


def around(text: Text, spare: float = 2.0) -> Shape:
    """The rectangle of a line of text, wider than it by ``spare`` points."""
    width = text_width(text.string, text.size, text.bold) + spare
    shift = {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    top, height = text.y - ascent(text.size), line_height(text.size)
    return Shape(text.x - shift, top, width, height, "none", "none", stroke=0, radius=0)


def body(slide: Slide, shape: Shape, lines: Sequence[Text]) -> str:
    """The text of a shape, at the places of the scene's lines.

    A paragraph is centred in the shape less its insets and margins: text whose middle is d
    points right of the shape's gets 2d more on the left.
    """
    shifts = [2 * (line.x - shape.centre[0]) if line.anchor == "middle" else 0 for line in lines]
    least = min(shifts, default=0.0)
    left, right = max(0, slide.length(least)), max(0, slide.length(-least))
    insets = f'lIns="{left}" rIns="{right}" {downwards(slide, shape, lines)}'
    start = f'<a:bodyPr wrap="none" {insets} anchor="ctr" rtlCol="0"><a:noAutofit/></a:bodyPr>'
    paragraphs = [
        paragraph(slide, text, gap(lines, i), shift - least)
        for i, (text, shift) in enumerate(zip(lines, shifts, strict=True))
    ]
    empty = '<a:p><a:endParaRPr lang="en-US" dirty="0"/></a:p>'
    return f"<p:txBody>{start}<a:lstStyle/>{''.join(paragraphs) or empty}</p:txBody>"


def downwards(slide: Slide, shape: Shape, lines: Sequence[Text]) -> str:
    """The insets at the top and the bottom."""
    if not lines:
        return 'tIns="0" bIns="0"'
    first, last = lines[0], lines[-1]
    top = first.y - ascent(first.size)
    bottom = last.y - ascent(last.size) + line_height(last.size)
    shift = top + bottom - 2 * shape.centre[1]
    above, below = max(0, slide.length(shift)), max(0, slide.length(-shift))
    return f'tIns="{above}" bIns="{below}"'


def gap(lines: Sequence[Text], index: int) -> float:
    """Points between a line and the one above, more than its font asks for."""
    if index == 0:
        return 0.0
    above, text = lines[index - 1], lines[index]
    usual = line_height(above.size) - ascent(above.size) + ascent(text.size)
    return max(0.0, text.y - above.y - usual)


def paragraph(slide: Slide, text: Text, before: float, margin: float) -> str:
    """One line, ``before`` points below the one above; sizes are in 1/100 point."""
    space = f'<a:spcBef><a:spcPts val="{round(100 * before * slide.scale)}"/></a:spcBef>'
    spacing = f'<a:lnSpc><a:spcPct val="100000"/></a:lnSpc>{space}'
    weight = ' b="1"' if text.bold else ' b="0"'
    size = max(100, round(100 * text.size * slide.scale))
    fonts = "".join(f'<a:{kind} typeface="{FONT}"/>' for kind in ("latin", "cs"))
    run = f'<a:rPr lang="en-US" sz="{size}"{weight} dirty="0">{fill(text.colour)}{fonts}</a:rPr>'
    words = f"<a:r>{run}<a:t>{escape(clean(text.string))}</a:t></a:r>"
    options = f'marL="{slide.length(margin)}" indent="0" algn="{ALIGN[text.anchor]}"'
    return f"<a:p><a:pPr {options}>{spacing}<a:buNone/></a:pPr>{words}</a:p>"


def group_xml(slide: Slide, names: str, around: Shape, parts: Iterable[str]) -> str:
    """A group, whose own coordinates are those of the slide."""
    x, y = slide.point((around.x, around.y))
    width, height = slide.length(around.width), slide.length(around.height)
    inner = f'<a:chOff x="{x}" y="{y}"/><a:chExt cx="{width}" cy="{height}"/>'
    outer = f'<a:off x="{x}" y="{y}"/><a:ext cx="{width}" cy="{height}"/>'
    return (
        f"<p:grpSp {NAMESPACES}><p:nvGrpSpPr>{names}<p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr>"
        f"<p:grpSpPr><a:xfrm>{outer}{inner}</a:xfrm></p:grpSpPr>{''.join(parts)}</p:grpSp>"
    )
