"""PowerPoint: native shapes, glued arrows, groups, notes, and the same bytes every time."""

import io
import zipfile
from collections import Counter
from dataclasses import replace

import pytest
from scenes_office import HOSTILE, SCENES, odd, unet, vit

pytest.importorskip("pptx")

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from framework.draw import pptx
from framework.draw.metrics import clean
from framework.draw.sites import OVAL, WAYS

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
EVERY = pytest.mark.parametrize("name", SCENES)


def slides(scene, **options):
    return list(Presentation(io.BytesIO(pptx.paint(scene, **options))).slides)


def tree(scene):
    return slides(scene)[0].shapes._spTree


def every_shape(shapes):
    for shape in shapes:
        yield shape
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from every_shape(shape.shapes)


def connectors(scene):
    return list(tree(scene).iter(f"{P}cxnSp"))


def numbers(scene):
    """Elements by the number of their shape."""
    named = tree(scene).iter(f"{P}cNvPr")
    return {int(c.get("id")): c.getparent().getparent() for c in named}


@EVERY
def test_equal_scenes_give_equal_bytes(name):
    assert pptx.paint(SCENES[name]()) == pptx.paint(SCENES[name]())


def test_no_file_in_the_archive_has_a_date():
    archive = zipfile.ZipFile(io.BytesIO(pptx.paint(vit())))
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert b"2000-01-01" in archive.read("docProps/core.xml")


def test_the_slide_is_16_to_9():
    presentation = Presentation(io.BytesIO(pptx.paint(vit())))
    assert (presentation.slide_width, presentation.slide_height) == (12192000, 6858000)


@EVERY
def test_the_title_is_the_slides_title(name):
    scene = SCENES[name]()
    assert slides(scene)[0].shapes.title.text_frame.text == clean(scene.title)


@EVERY
def test_every_text_of_the_scene_can_be_edited_on_the_slide(name):
    scene = SCENES[name]()
    found = Counter(
        p.text
        for shape in every_shape(slides(scene)[0].shapes)
        if shape.has_text_frame
        for p in shape.text_frame.paragraphs
        if p.text
    )
    texts = [line for box in scene.boxes for line in box.lines]
    texts += [box.badge[1] for box in scene.boxes if box.badge]
    texts += [frame.title for frame in scene.frames] + list(scene.texts)
    texts += [curve.label for curve in scene.curves if curve.label]
    texts += [word for _, word in scene.legend]
    assert found == Counter(clean(text.string) for text in texts)


@EVERY
def test_numbers_of_shapes_are_unique(name):
    named = [c.get("id") for c in tree(SCENES[name]()).iter(f"{P}cNvPr")]
    assert len(named) == len(set(named))


@EVERY
def test_shapes_have_no_style_that_would_bring_shadows(name):
    assert list(tree(SCENES[name]()).iter(f"{P}style")) == []


@pytest.mark.parametrize("scene", [vit(), unet(), odd()], ids=["vit", "unet", "odd"])
def test_both_ends_of_every_arrow_are_glued(scene):
    loose = [c[0][0].get("name") for c in connectors(scene) if len(list(c[0][1])) != 2]
    assert len(connectors(scene)) >= len(scene.curves)
    assert loose == []


@pytest.mark.parametrize("scene", [vit(), unet(), odd()], ids=["vit", "unet", "odd"])
def test_arrows_are_glued_where_they_touch(scene):
    """What PowerPoint does when a shape is moved is what it has at the start."""
    shapes = numbers(scene)
    for connector in connectors(scene):
        places = ends(connector)
        for glue, tag in zip(places, ("stCxn", "endCxn"), strict=True):
            tied = connector[0][1].find(f"{A}{tag}")
            if tied is not None:
                shape = shapes[int(tied.get("id"))]
                assert glue == pytest.approx(site(shape, int(tied.get("idx"))), abs=2)


def ends(connector):
    """Where a connector begins and ends, by its box, its flips and its turn."""
    frame = connector.find(f"{P}spPr/{A}xfrm")
    (left, top), (width, height) = (
        [int(v) for v in frame.find(f"{A}{tag}").attrib.values()] for tag in ("off", "ext")
    )
    x, y = left + width / 2, top + height / 2
    along = -width / 2 if frame.get("flipH") is None else width / 2
    across = -height / 2 if frame.get("flipV") is None else height / 2
    if frame.get("rot") == "5400000":
        along, across = -across, along
    return (x + along, y + across), (x - along, y - across)


def site(shape, number):
    """The place of a site, in the middle of a side or as the shape's own geometry says."""
    frame = shape.find(f"{P}spPr/{A}xfrm")
    (left, top), (width, height) = (
        [int(v) for v in frame.find(f"{A}{tag}").attrib.values()] for tag in ("off", "ext")
    )
    across, down = own_site(shape, number) or usual_site(shape, number)
    return left + across * width, top + down * height


def usual_site(shape, number):
    preset = shape.find(f"{P}spPr/{A}prstGeom").get("prst")
    sides = {site: side for side, site in OVAL.items()} if preset == "ellipse" else list(WAYS)
    dx, dy = WAYS[sides[number]]
    return (1 + dx) / 2, (1 + dy) / 2


def own_site(shape, number):
    guides = {g.get("name"): g.get("fmla").split() for g in shape.findall(f".//{A}gdLst/{A}gd")}
    if shape.find(f"{P}spPr/{A}custGeom") is None:
        return None
    return tuple(int(guides[f"{axis}{number}"][2]) / 100_000 for axis in "xy")


def bent(scene, **changes):
    """The scene with its first arrow changed."""
    return replace(scene, curves=(replace(scene.curves[0], **changes), *scene.curves[1:]))


def test_an_arrow_beside_the_middle_of_a_side_gets_a_site_there():
    points = ((150, 102), (150, 110), (150, 120), (150, 140))
    scene = bent(unet(), points=points, tip=(150, 153))
    first = connectors(scene)[0]
    assert [int(tie.get("idx")) for tie in first[0][1]] == [4, 4]
    assert ends(first)[1] == pytest.approx((150 * 12700, 153 * 12700), abs=20)
    assert first.find(f".//{A}prstGeom").get("prst") == "straightConnector1"


def test_a_shape_with_sites_of_its_own_keeps_its_place_and_its_text():
    points = ((150, 102), (150, 110), (150, 120), (150, 140))
    usual, own = (
        next(s for s in slides(scene)[0].shapes if s.name == "Image")
        for scene in (unet(), bent(unet(), points=points, tip=(150, 153)))
    )
    assert own._element.find(f".//{A}custGeom") is not None
    assert (own.left, own.top, own.width) == (usual.left, usual.top, usual.width)
    assert own.text_frame.text == usual.text_frame.text


def test_a_winding_arrow_is_a_free_form_with_a_head():
    points = ((195, 102), (195, 300), (600, 300), (600, 120), (600, 90), (195, 90), (195, 140))
    shapes = slides(bent(unet(), points=points))[0].shapes
    free = next(s for s in shapes if s.name == "Image → 2 × Conv 3×3, 64")
    path = free._element.find(f".//{A}path")
    assert [step.tag.removeprefix(A) for step in path] == [
        "moveTo",
        "cubicBezTo",
        "cubicBezTo",
        "lnTo",
    ]
    assert free._element.find(f".//{A}tailEnd").get("type") == "triangle"


def test_only_zoom_lines_have_no_head():
    bare = [c for c in connectors(unet()) if c.find(f".//{A}tailEnd") is None]
    assert bare == []


def test_a_residual_is_led_through_two_stops_and_has_one_head():
    pieces = [c for c in connectors(vit()) if c[0][0].get("name") == "x → +"]
    forms = [c.find(f".//{A}prstGeom").get("prst") for c in pieces]
    assert forms == ["curvedConnector2", "straightConnector1", "curvedConnector2"]
    assert [c.find(f".//{A}tailEnd") is not None for c in pieces] == [False, False, True]


def test_skips_are_dashed():
    dashes = [c.find(f".//{A}prstDash").get("val") for c in connectors(unet())]
    assert Counter(dashes) == {"dash": 3, "solid": 8}


def test_a_panel_is_a_group_with_its_boxes_and_arrows():
    groups = {s.name: s for s in slides(vit())[0].shapes if s.shape_type == MSO_SHAPE_TYPE.GROUP}
    inside = [shape.name for shape in groups["Multi-head attention"].shapes]
    assert {"Q", "K", "V", "Softmax", "V → Attention × V"} <= set(inside)
    assert "Legend" in groups


def test_groups_of_groups_hold_no_arrow():
    outer = next(s for s in slides(odd())[0].shapes if s.name.startswith("Outer"))
    inner = next(s for s in outer.shapes if s.name.startswith("Inner"))
    assert [s.name for s in inner.shapes if s.shape_type is None] == []
    assert list(inner._element.iter(f"{P}cxnSp")) == []


def test_boxes_have_alternative_text():
    named = tree(vit()).iter(f"{P}cNvPr")
    found = {c.get("name"): c.get("descr") for c in named}
    assert found["Patch embedding"] == "Patch embedding. Cut the image into patches."
    assert found["x → +"] == "residual: x → +"


def test_notes_are_the_speakers():
    assert slides(vit())[0].notes_slide.notes_text_frame.text == (
        "Twelve equal blocks.\nSecond line."
    )
    assert slides(odd())[0].notes_slide.notes_text_frame.text == HOSTILE + " "
    assert slides(unet())[0].has_notes_slide is False


def test_a_build_shows_more_on_every_slide():
    pages = slides(vit(), build=True)
    counts = [len(list(every_shape(page.shapes))) for page in pages]
    assert len(pages) == 3
    assert counts[0] < counts[1] < counts[2] == len(list(every_shape(slides(vit())[0].shapes)))


def test_a_build_shows_no_arrow_before_its_boxes():
    first = slides(vit(), build=True)[0].shapes._spTree
    names = [c[0][0].get("name") for c in first.iter(f"{P}cxnSp")]
    assert names[0] == "Image → Patch embedding"
    assert len(names) == 7


def insets(scene, name):
    """Left and right insets in points of a box, and the margins of its paragraphs."""
    shape = next(s for s in every_shape(slides(scene)[0].shapes) if s.name == name)
    body = shape._element.find(f".//{A}bodyPr")
    margins = [int(p.get("marL")) / 12700 for p in shape._element.iter(f"{A}pPr")]
    return int(body.get("lIns")) / 12700, int(body.get("rIns")) / 12700, margins


def test_text_beside_the_middle_of_its_box_is_moved_by_insets():
    # The name of the folded box stands 14 points left of its middle: there is a badge.
    assert insets(vit(), "Encoder") == (0, 28, [0])
    assert insets(vit(), "GELU") == (0, 0, [0])


def test_text_right_of_the_middle_is_moved_by_the_left_inset():
    scene = unet()
    lines = tuple(replace(line, x=line.x + 10) for line in scene.boxes[0].lines)
    moved = replace(scene, boxes=(replace(scene.boxes[0], lines=lines), *scene.boxes[1:]))
    assert insets(moved, "Image") == (20, 0, [0, 0])


def test_each_line_of_a_box_keeps_its_own_place():
    scene = unet()
    name, second = scene.boxes[0].lines
    first = replace(scene.boxes[0], lines=(replace(name, x=name.x - 10), second))
    moved = replace(scene, boxes=(first, *scene.boxes[1:]))
    assert insets(moved, "Image") == (0, 20, [0, 20])


def test_a_figure_of_another_size_is_fitted_and_centred():
    shape = next(s for s in slides(replace(unet(), height=1080))[0].shapes if s.name == "Image")
    assert shape.width == pytest.approx(174 / 2 * 12700, abs=2)
    assert shape.left == pytest.approx((240 + (195 - 87) / 2) * 12700, abs=2)


def test_the_background_is_the_figures():
    fill = slides(vit("dark"))[0].background.fill
    assert str(fill.fore_color.rgb) == "12161C"
