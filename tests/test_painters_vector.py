"""SVG, PNG and PDF of two hand-made figures: nothing lost, nothing injected, the same twice."""

from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from xml.etree import ElementTree

import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops
from pypdf import PdfReader

from framework.draw import pdf, png, svg
from framework.draw.metrics import ascent, clean, text_width
from framework.draw.parts import fitted, head, outlines, reading, rounded
from framework.draw.scene import Box, Curve, Scene, Shape, Text
from framework.errors import InputError

SVG = "{http://www.w3.org/2000/svg}"
BOTH = [scenes.block, scenes.odd]
PAINTERS = [
    svg.paint,
    lambda scene: svg.paint(scene, text="outline"),
    png.paint,
    pdf.paint,
    lambda scene: pdf.paint(scene, slide=True),
]


def one(text, **more):
    """A scene of one text."""
    return Scene(300, 60, "#FFFFFF", text.string, texts=(text,), **more)


def tree(scene, **options):
    return ElementTree.fromstring(svg.paint(scene, **options))


def texts(scene):
    """What the texts of the SVG say, spaces kept."""
    return ["".join(found.itertext()) for found in tree(scene).iter(f"{SVG}text")]


@pytest.mark.parametrize("paint", PAINTERS)
@pytest.mark.parametrize("scene", BOTH)
def test_the_same_scene_gives_the_same_bytes(paint, scene):
    assert paint(scene()) == paint(scene())


@pytest.mark.parametrize("scene", BOTH)
def test_svg_says_every_text(scene):
    wanted = [clean(text.string) for text in reading(scene())]
    assert sorted(texts(scene())) == sorted(wanted)


@pytest.mark.parametrize("text", ["live", "outline"])
@pytest.mark.parametrize("scene", BOTH)
def test_svg_holds_only_harmless_elements(scene, text):
    names = {found.tag.removeprefix(SVG) for found in tree(scene(), text=text).iter()}
    known = {"svg", "title", "desc", "g", "rect", "circle", "path", "text", "tspan"}
    assert names <= known


@pytest.mark.parametrize("scene", BOTH)
def test_svg_ids_are_unique(scene):
    found = [e.get(key) for e in tree(scene()).iter() for key in ("id", "data-id") if e.get(key)]
    assert len(found) == len(set(found)) > 5


def test_svg_keeps_the_ids_of_boxes_and_the_ends_of_curves():
    root = tree(scenes.odd())
    found = [e.get("data-id") for e in root.iter() if e.get("class") == "box"]
    ends = [(e.get("data-source"), e.get("data-target")) for e in root.iter(f"{SVG}g")]
    assert found == [box.id for box in scenes.odd().boxes]
    assert (found[0], found[2]) in ends


def test_svg_draws_frames_then_curves_then_boxes_then_texts_then_the_legend():
    layers = [e.get("class") for e in tree(scenes.block()) if e.tag == f"{SVG}g"]
    assert layers == ["frames", "curves", "boxes", "texts", "legend"]


def test_svg_is_described_for_people_who_cannot_see_it():
    root = tree(scenes.block())
    named = root.get("aria-labelledby").split()
    said = [root.find(f".//*[@id='{name}']").text for name in named]
    assert root.get("role") == "img"
    assert said == ["ViT-B/16", "A vision transformer & its <block>."]


def test_svg_has_the_size_of_the_scene_in_points():
    root = tree(scenes.block())
    sizes = [root.get(key) for key in ("width", "height", "viewBox")]
    assert sizes == ["720pt", "540pt", "0 0 720 540"]


@given(st.text(max_size=30))
def test_no_text_breaks_out_of_svg(string):
    shape = Shape(0, 0, 9, 9, "#FFFFFF", "#000000")
    box = Box(string, shape, (), string, string, string)
    scene = one(Text(9, 9, string, 12, "#000000"), boxes=(box,), doc=string)
    assert texts(scene) == [clean(string)]
    assert {e.get("class") for e in tree(scene).iter(f"{SVG}g")} == {"boxes", "box", "texts"}


def test_svg_names_other_fonts_only_for_the_characters_that_need_them():
    root = tree(one(Text(9, 9, "x ∈ 卷积", 12, "#000000")))
    spans = [(e.text, "CJK" in e.get("font-family")) for e in root.iter(f"{SVG}tspan")]
    assert root.get("font-family") == svg.SANS
    assert spans == [("∈", False), ("卷积", True)]


def test_svg_as_outlines_holds_no_text():
    root = tree(scenes.block(), text="outline")
    assert list(root.iter(f"{SVG}text")) == []
    assert len(list(root.iter(f"{SVG}path"))) > len(list(reading(scenes.block())))


def test_an_outline_lies_where_its_text_was_measured():
    path = next(tree(one(Text(150, 40, "HMH", 20, "#000000")), text="outline").iter(f"{SVG}path"))
    numbers = path.get("d").replace("M", " ").replace("L", " ").replace("V", " ").replace("H", " ")
    first, half = numbers.split()[0].split(",")[0], text_width("HMH", 20) / 2
    assert 150 - half < float(first) < 150 + half


def test_a_colour_of_a_text_is_its_own():
    root = tree(one(Text(9, 9, "a", 12, "#C45500", bold=True, anchor="end")))
    found = next(root.iter(f"{SVG}text")).attrib
    assert (found["fill"], found["font-weight"], found["text-anchor"]) == ("#C45500", "bold", "end")


@pytest.mark.parametrize(
    ("number", "short"), [(1, "1"), (1.005, "1"), (0.126, "0.13"), (-1e-9, "0")]
)
def test_coordinates_are_short(number, short):
    assert rounded(number) == short


def arrow(**more):
    points = ((0, 0), (10, 0), (20, 0), (30, 0))
    return Curve("a", "b", points, **({"tip": (40, 0), "colour": "#333333", "stroke": 1.6} | more))


def test_an_arrow_head_is_a_triangle_on_the_line():
    corners = [tuple(map(round, corner, (1, 1))) for corner in head(arrow())]
    assert corners == [(30, 3.6), (40, 0), (30, -3.6)]


def test_a_line_without_a_tip_has_no_head():
    assert head(arrow(tip=None)) is None
    assert head(arrow(tip=(30, 0))) is None


def test_a_double_shape_has_a_second_outline_three_points_outside():
    outer, inner = outlines(Shape(10, 10, 20, 20, "#FFFFFF", "#000000", double=True))
    assert (outer.x, outer.width, outer.fill) == (7, 26, "none")
    assert inner == Shape(10, 10, 20, 20, "#FFFFFF", "#000000")


@lru_cache
def picture(name, **options):
    """The pixels of a figure."""
    return Image.open(BytesIO(png.paint(getattr(scenes, name)(), **options))).convert("RGB")


@lru_cache
def wordless(name):
    """The pixels of a figure whose texts say nothing."""
    scene = getattr(scenes, name)()
    empty = [replace(text, string="") for text in scene.texts]
    boxes = [
        replace(
            box,
            lines=(),
            badge=(box.badge[0], replace(box.badge[1], string="")) if box.badge else None,
        )
        for box in scene.boxes
    ]
    frames = [replace(frame, title=None) for frame in scene.frames]
    curves = [replace(curve, label=None) for curve in scene.curves]
    legend = [(swatch, replace(word, string="")) for swatch, word in scene.legend]
    bare = replace(
        scene, texts=tuple(empty), boxes=tuple(boxes), frames=tuple(frames),
        curves=tuple(curves), legend=tuple(legend),
    )  # fmt: skip
    return Image.open(BytesIO(png.paint(bare))).convert("RGB")


def area(text, scene):
    """Where a text must appear, in pixels."""
    fit = fitted(scene, 1920, 1080)
    width = text_width(text.string, text.size, text.bold)
    left = text.x - {"start": 0, "middle": 0.5, "end": 1}[text.anchor] * width
    corners = (left, text.y - ascent(text.size), left + width, text.y)
    offsets = (fit.left, fit.top) * 2
    return tuple(round(v * fit.scale + o) for v, o in zip(corners, offsets, strict=True))


def test_png_has_the_size_that_was_asked_for():
    assert picture("block").size == (1920, 1080)
    assert picture("block", width=640, height=400).size == (640, 400)
    assert picture("block", scale=2).size == (1440, 1080)


def test_png_is_filled_with_the_background_to_its_edges():
    dark = replace(scenes.block(), background="#11151C")
    pixels = Image.open(BytesIO(png.paint(dark))).convert("RGB")
    assert [pixels.getpixel(at) for at in ((0, 0), (1919, 1079))] == [(0x11, 0x15, 0x1C)] * 2


@pytest.mark.parametrize("name", ["block", "odd"])
def test_png_shows_every_text_in_its_place(name):
    scene = getattr(scenes, name)()
    ink = ImageChops.difference(picture(name), wordless(name)).convert("L")
    for text in reading(scene):
        if clean(text.string).strip():
            pixels = ink.crop(area(text, scene))
            share = sum(pixels.histogram()[64:]) / (pixels.width * pixels.height)
            assert share > 0.05, text.string


@pytest.mark.parametrize("string", ["γβΣ", "卷积归一", "ソフト", "Свёр", "שלום", "عربي", "⊕⊗∑"])
def test_png_shows_letters_and_not_empty_boxes(string):
    drawn = png.paint(one(Text(150, 40, string, 30, "#000000")))
    boxes = png.paint(one(Text(150, 40, "\ue000" * len(string), 30, "#000000")))
    ink = [Image.open(BytesIO(data)).convert("L").histogram()[0] for data in (drawn, boxes)]
    assert ink[0] > 500
    assert ink[0] != ink[1]


def test_png_draws_an_arrow_as_wide_between_letters_as_alone():
    alone, among = (
        Image.open(BytesIO(png.paint(one(Text(x, 40, string, 30, "#000000", anchor="start")))))
        for x, string in ((100, "→"), (100 - text_width("HH ", 30), "HH → HH"))
    )
    column = 100 + text_width("→", 30) / 2
    box = [round(v * 6.4) for v in (100, 0, 100 + 2 * (column - 100), 60)]
    assert ImageChops.difference(alone.crop(box), among.crop(box)).convert("L").getextrema()[1] < 99


def test_png_draws_bold_chinese_heavier():
    plain, bold = (
        Image.open(BytesIO(png.paint(one(Text(150, 40, "卷积", 30, "#000000", heavy)))))
        for heavy in (False, True)
    )
    assert bold.convert("L").histogram()[0] > 1.2 * plain.convert("L").histogram()[0]


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, -1), (100_000, 100_000)])
def test_png_refuses_a_size_that_it_cannot_draw(width, height):
    with pytest.raises(InputError, match=f"a picture of {width} × {height} pixels"):
        png.paint(scenes.block(), width=width, height=height)


def page(scene, **options):
    return PdfReader(BytesIO(pdf.paint(scene, **options))).pages[0]


def test_pdf_says_every_text_in_the_order_of_reading():
    lines = page(scenes.block()).extract_text().split("\n")
    assert lines == [text.string for text in reading(scenes.block())]


def test_pdf_says_texts_of_all_scripts():
    said = page(scenes.odd()).extract_text()
    keys = ["markup", "greek", "circled", "chinese", "japanese", "accents", "cyrillic"]
    assert [scenes.ODD[key] for key in keys if scenes.ODD[key] not in said] == []


@pytest.mark.parametrize("key", ["hebrew", "arabic", "emoji"])
def test_pdf_stores_what_the_glyphs_do_not_say(key):
    stored = scenes.ODD[key].encode("utf-16-be").hex().upper()
    content = page(scenes.odd()).get_contents().get_data().decode("latin-1")
    assert content.count(f"/ActualText <FEFF{stored}>") == 2


def test_pdf_embeds_every_font():
    fonts = page(scenes.odd())["/Resources"]["/Font"].values()
    embedded = [font.get_object() for font in fonts if "/FontDescriptor" in font.get_object()]
    assert {font["/BaseFont"].split("+")[1] for font in embedded} == {
        "LiberationSans", "LiberationSans-Bold", "Diagram-Han-Regular",
        "Diagram-Symbols-Regular", "Diagram-Symbols-Bold",
    }  # fmt: skip
    assert all("/FontFile2" in font["/FontDescriptor"] for font in embedded)


def test_pdf_has_the_size_of_the_scene_or_of_a_slide():
    sizes = [page(scenes.block(), slide=slide).mediabox[2:] for slide in (False, True)]
    assert sizes == [[720, 540], [960, 540]]


def test_pdf_says_what_it_is():
    data = PdfReader(BytesIO(pdf.paint(scenes.block(), author="A. Nonymous"))).metadata
    said = (data.title, data.author, data.subject)
    assert said == ("ViT-B/16", "A. Nonymous", "A vision transformer & its <block>.")


def test_reading_goes_from_the_title_through_the_overview_to_panels_and_legend():
    words = [text.string for text in reading(scenes.block())]
    order = ["ViT-B/16", "Image", "×12", "[CLS] only: b × 768", "12 heads, d = 64", "linear"]
    assert sorted(order, key=words.index) == order
