"""Every style × every model × every format, each read by a real reader; geometry; golden files.

Nobody edits this file to add a style, a model or a format.  After a change that is meant:
`python tests/test_figures.py` writes the golden files anew; look at them before they are kept.
"""

import io
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

import framework as fw
from framework.draw.formats import FORMATS, Painting, paint
from framework.draw.layout import texts_of
from framework.draw.metrics import text_width
from framework.draw.style import style_names

GOLDEN = Path(__file__).parent / "golden_figures"
MODELS = sorted(fw.bundled())
WISHES = [
    {},
    {"level": 0, "panels": False, "direction": "TB", "wrap": 1},
    {"level": 1, "panels": False, "direction": "TB", "wrap": 2},
    {"level": 2, "panels": False, "direction": "TB", "wrap": 4},
    {"level": 0, "panels": False, "direction": "LR"},
    {"panels": True},
]


def figure(name, **wishes):
    """A figure of a bundled model, however small its text."""
    return fw.load(name).draw(force=True, **wishes)


def content(name, suffix, **options):
    """The bytes of a model's figure in one format."""
    return paint(figure(name, **options).found.scene, suffix, Painting())


# ---------------------------------------------------------------------------- formats


@pytest.mark.parametrize("style", style_names())
@pytest.mark.parametrize("name", MODELS)
def test_svg_is_xml_with_every_box(name, style):
    scene = figure(name, style=style).found.scene
    root = ElementTree.fromstring(paint(scene, ".svg", Painting()))
    ids = [element.get("data-id") for element in root.iter() if element.get("data-id")]
    assert {box.id for box in scene.boxes} <= set(ids)


@pytest.mark.parametrize("name", MODELS)
def test_png_is_a_slide_and_not_empty(name):
    picture = Image.open(io.BytesIO(content(name, ".png")))
    assert picture.size == (1920, 1080)
    assert len(picture.convert("RGB").getcolors(2**24)) > 50


@pytest.mark.parametrize("name", MODELS)
def test_pdf_holds_every_title(name):
    from pypdf import PdfReader

    scene = figure(name).found.scene
    (page,) = PdfReader(io.BytesIO(paint(scene, ".pdf", Painting()))).pages
    found = page.extract_text()
    assert [box.title for box in scene.boxes if box.lines[0].string not in found] == []


@pytest.mark.parametrize("name", MODELS)
def test_pptx_opens_with_every_title(name):
    from pptx import Presentation

    scene = figure(name).found.scene
    (slide,) = Presentation(io.BytesIO(paint(scene, ".pptx", Painting()))).slides
    text = "".join(slide.element.itertext())
    assert [box.title for box in scene.boxes if box.lines[0].string not in text] == []


@pytest.mark.parametrize("style", style_names())
@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.parametrize("name", MODELS[::2])
def test_every_format_is_the_same_twice(name, suffix, style):
    scene = figure(name, style=style).found.scene
    assert paint(scene, suffix, Painting()) == paint(scene, suffix, Painting())


@pytest.mark.parametrize("suffix", [".tex", ".mmd", ".dot", ".html"])
@pytest.mark.parametrize("name", MODELS)
def test_text_formats_are_balanced(name, suffix):
    text = content(name, suffix).decode("utf-8")
    if suffix == ".tex":
        assert text.count("\\begin{") == text.count("\\end{")
    elif suffix == ".html":
        assert "http://" not in re.sub(r"http://www\.w3\.org/\S*", "", text)
    else:
        assert text.count("subgraph") == len(re.findall(r"^\s*(?:end|\})$", text, re.M)) - (
            suffix == ".dot"
        )


def test_another_process_gives_the_same_bytes():
    code = (
        "import sys, framework as fw; from framework.draw.formats import Painting, paint;"
        "sys.stdout.buffer.write(paint(fw.load('vit').draw().found.scene, '.svg', Painting()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.replace(b"\r\n", b"\n") == content("vit", ".svg")


@pytest.mark.parametrize("suffix", [".dot", ".svg"])
@pytest.mark.parametrize("name", MODELS)
def test_a_figure_is_the_golden_one(name, suffix):
    golden = GOLDEN / f"{name}{suffix}"
    assert content(name, suffix).decode("utf-8") == golden.read_text(encoding="utf-8")


# ---------------------------------------------------------------------------- geometry


SCENES = [
    pytest.param(name, wishes, id=f"{name}-{number}")
    for name in MODELS
    for number, wishes in enumerate(WISHES)
]


def meet(a, b, gap=0.0):
    """Do two shapes come nearer than ``gap``?"""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    along = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return across > -gap and along > -gap


@pytest.mark.parametrize(("name", "wishes"), SCENES)
def test_boxes_do_not_meet_and_hold_their_text(name, wishes):
    scene = figure(name, **wishes).found.scene
    shapes = [(box.id, box.shape) for box in scene.boxes]
    assert len({id_ for id_, _ in shapes}) == len(shapes)
    met = [
        (a, b) for i, (a, one) in enumerate(shapes) for b, other in shapes[:i] if meet(one, other)
    ]
    assert met == []
    wide = [
        (box.id, line.string)
        for box in scene.boxes
        for line in box.lines
        if text_width(line.string, line.size, line.bold) > box.shape.width
    ]
    assert wide == []


@pytest.mark.parametrize(("name", "wishes"), SCENES)
def test_nothing_leaves_the_figure(name, wishes):
    scene = figure(name, **wishes).found.scene
    out = [
        text.string
        for text in texts_of(scene)
        if text.y < 0 or text.y > scene.height or text.x < 0 or text.x > scene.width
    ]
    assert out == []
    points = [point for curve in scene.curves for point in curve.points]
    assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in points)
    assert all(math.isfinite(value) for point in points for value in point)


@pytest.mark.parametrize("name", MODELS)
def test_labels_do_not_lie_on_boxes(name):
    scene = figure(name).found.scene
    hits = []
    for curve in scene.curves:
        if curve.label is None:
            continue
        label, width = curve.label, text_width(curve.label.string, curve.label.size)
        for box in scene.boxes:
            shape = box.shape
            beside = label.x + width <= shape.x or label.x >= shape.x + shape.width
            above = label.y <= shape.y or label.y - label.size * 0.7 >= shape.y + shape.height
            if not beside and not above:
                hits.append((label.string, box.title))
    assert hits == []


def test_repeats_are_folded_and_counted():
    badges = {box.badge[1].string for box in figure("vit").found.scene.boxes if box.badge}
    assert badges == {"×12"}
    badges = {box.badge[1].string for box in figure("transformer").found.scene.boxes if box.badge}
    assert badges == {"×6"}


def test_an_encoder_block_has_two_residuals_and_attention_one_q_k_v():
    scene = figure("vit", panels=True).found.scene
    assert sum(curve.kind == "residual" for curve in scene.curves) == 2
    titles = [box.title for box in scene.boxes]
    assert [titles.count(letter) for letter in "QKV"] == [1, 1, 1]


def test_skips_of_a_u_net_are_level():
    skips = [c for c in figure("unet").found.scene.curves if c.kind == "skip"]
    assert len(skips) == 4
    assert all(abs(curve.points[0][1] - curve.tip[1]) < 0.5 for curve in skips)


# ---------------------------------------------------------------------------- users


HOSTILE = "<script>alert(1)</script> & \"'\\ \n é 漢字 שלום 😀 " + "x" * 200


def test_hostile_names_inject_nothing(tmp_path):
    quoted = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = (
        f'format: 1\nname: "{quoted}"\ndoc: "{quoted}"\ndims: [B]\ninputs: {{x: [B, 4]}}\n'
        f'nodes:\n  - linear: 3\n    id: y\n    doc: "{quoted}"\n'
        f'draw: {{title: "{quoted}", titles: {{y: "{quoted}"}}}}\n'
    )
    scene = fw.loads(text).draw(force=True).found.scene
    painted = {suffix: paint(scene, suffix, Painting()) for suffix in FORMATS}
    marked_up = (".svg", ".html", ".mmd", ".tex", ".pptx", ".pdf")
    assert [s for s in marked_up if b"<script>alert" in painted[s]] == []
    quotes = painted[".dot"].decode("utf-8").replace("\\\\", "").replace('\\"', "")
    assert quotes.count('"') % 2 == 0
    ElementTree.fromstring(paint(scene, ".svg", Painting()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"focus": "encodr"}, "did you mean"),
        ({"style": "drak"}, "did you mean 'dark'?"),
        ({"panels": ["nothing"]}, "nothing to look into is called 'nothing'"),
        ({"levle": 1}, "did you mean 'level'?"),
        ({"direction": "up"}, "direction is TB, LR or auto, not 'up'"),
        ({"show": ["flops"]}, "show takes params, macs and shape, not 'flops'"),
    ],
)
def test_a_wrong_wish_is_named(options, said):
    with pytest.raises(fw.FrameworkError) as caught:
        fw.load("vit").draw(**options)
    assert said in str(caught.value)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(fw.InputError) as caught:
        fw.load("gat").draw(tmp_path / "gat.jpeg")
    assert "figures are not written as '.jpeg'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_nobody_could_read_is_refused():
    with pytest.raises(fw.InputError) as caught:
        fw.load("resnet18").draw(level=2, panels=False, direction="LR")
    assert "points on a slide" in str(caught.value)
    assert "--force" in str(caught.value)


def test_numbers_replace_symbols_on_request():
    scene = fw.load("vit").draw(sizes={"B": 8}).found.scene
    words = " ".join(text.string for text in texts_of(scene))
    assert "8 × 197 × 768" in words
    assert "B ×" not in words


def test_a_graph_of_20000_nodes_is_refused_with_advice():
    nodes = "  - relu\n" * 20_000
    model = fw.loads(f"format: 1\ndims: [B]\ninputs: {{x: [B]}}\nnodes:\n{nodes}")
    with pytest.raises(fw.InputError) as caught:
        model.draw()
    assert "repeat:" in str(caught.value)


def test_the_steps_of_a_build_grow_from_slide_to_slide():
    from pptx import Presentation

    scene = figure("vit").found.scene
    slides = Presentation(io.BytesIO(paint(scene, ".pptx", Painting(build=True)))).slides
    counts = [sum(1 for _ in slide.element.iter()) for slide in slides]
    assert len(counts) == scene.steps > 5
    assert counts == sorted(counts)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for model in MODELS:
        for ending in (".dot", ".svg"):
            (GOLDEN / f"{model}{ending}").write_bytes(content(model, ending))
