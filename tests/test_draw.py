"""Figures as a reader's program sees them, and their geometry: every model, level and direction.

Generic: a new style, model or format is tested without a change here.  Golden files are in
golden_figures/; after a change that is meant, `python tests/test_figures.py` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from pptx import Presentation
from pypdf import PdfReader
from scene_geometry import problems

import framework as fw
from framework.draw.fold import Repeats
from framework.draw.formats import FORMATS, Painting, paint
from framework.draw.metrics import clean
from framework.draw.style import style_names

MODELS = sorted(fw.bundled())
ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"


@lru_cache
def model(name):
    """A bundled model."""
    return fw.load(name)


@lru_cache
def figure(name, **wishes):
    """A figure of a bundled model, however small its text."""
    return model(name).draw(force=True, **wishes)


@lru_cache
def painted(name, suffix, style="default", text="live"):
    """A figure's file, painted once."""
    return paint(figure(name, style=style).found.scene, suffix, Painting(text=text))


def lines_of(name, style="default"):
    """The first line of every box: what a person reads as its name."""
    boxes = figure(name, style=style).found.scene.boxes
    return [clean(box.lines[0].string) for box in boxes]


# ---------------------------------------------------------------------------- geometry


WISHES = {
    "as chosen": {},
    "panels": {"panels": True},
    "panels in rows": {"panels": True, "direction": "LR"},
    "numbers": {"sizes": True},
    "without shapes": {"shapes": False},
    "all lines": {"show": ("params", "macs", "shape")},
    "lean": {"lean": True, "legend": False},
    **{
        f"level {level} {direction}": {"level": level, "panels": False, "direction": direction}
        for level in (0, 1, 2)
        for direction in ("TB", "LR")
    },
    **{
        f"level {level} in {wrap} columns": {"level": level, "direction": "TB", "wrap": wrap}
        for level in (0, 1, 2)
        for wrap in (2, 3)
    },
}


@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("name", MODELS)
def test_nothing_overlaps_and_arrows_keep_clear(name, wishes):
    assert problems(figure(name, **WISHES[wishes]).found.scene) == []


def insides():
    """Every block of every model, equal copies once."""
    for name in MODELS:
        repeats = Repeats.of(model(name).ir)
        for path in sorted({repeats.canonical(scope) for scope in model(name).ir.scopes}):
            yield pytest.param(name, path, id=f"{name}:{path}")


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(("name", "path"), list(insides()))
def test_the_inside_of_every_block_is_as_clear(name, path, level):
    assert problems(figure(name, focus=path, level=level).found.scene) == []


def test_the_checks_see_a_box_on_another():
    from dataclasses import replace

    scene = figure("vit").found.scene
    first, second = scene.boxes[:2]
    moved = replace(second, shape=replace(second.shape, y=first.shape.y, x=first.shape.x))
    found = problems(replace(scene, boxes=(first, moved, *scene.boxes[2:])))
    assert any(text.startswith("boxes_apart") for text in found)
    assert any(text.startswith("arrows_touch") for text in found)


# ---------------------------------------------------------------------------- what is drawn


def residuals(scene, panel):
    """Residuals whose addition lies in a panel."""
    boxes = {box.id: box for box in scene.boxes}
    found = [curve for curve in scene.curves if curve.kind == "residual"]
    return [curve for curve in found if boxes[curve.target].panel == panel]


@pytest.mark.parametrize(
    ("name", "path", "count"),
    [
        ("vit", "encoder.0", 2),
        ("transformer", "decoder.0", 3),
        ("transformer", "encoder.0", 2),
        ("resnet18", "layer1.basic_block.0", 1),
        ("efficientnet_lite0", "stage2.mbconv.1", 1),
    ],
)
def test_residuals_are_told_from_the_flow(name, path, count):
    scene = figure(name, panels=(path,)).found.scene
    assert len(residuals(scene, f"inside:{path}")) == count


def test_a_projection_has_the_colour_of_a_residual():
    scene = figure("resnet18", panels=("layer2.basic_block.0",)).found.scene
    ends = {box.id: box.title for box in scene.boxes}
    colour = "#C45500"
    found = {(ends[c.source], ends[c.target]) for c in scene.curves if c.colour == colour}
    assert found == {("x", "Conv BN"), ("Conv BN", "+")}


def test_skips_of_the_u_net_are_level_and_dashed():
    skips = [c for c in figure("unet").found.scene.curves if c.kind == "skip"]
    assert len(skips) == 4
    assert all(c.dashed and abs(c.points[0][1] - c.tip[1]) < 0.1 for c in skips)


@pytest.mark.parametrize(("name", "badges"), [("vit", ["×12"]), ("transformer", ["×6", "×6"])])
def test_equal_copies_are_one_box_with_a_badge(name, badges):
    boxes = figure(name).found.scene.boxes
    assert [box.badge[1].string for box in boxes if box.badge] == badges
    assert all(box.shape.double for box in boxes if box.badge)


PARTLY = """\
format: 1
inputs: {x: [2, 4]}
blocks:
  layer:
    args: {out: int}
    inputs: {x: [N, C]}
    nodes: [{linear: out, id: map}, tanh]
nodes:
  - {use: layer, repeat: 7, with: {out: 8 if i < 3 else 6}, id: layers}
"""


def test_equal_copies_beside_each_other_are_one_box():
    found = fw.loads(PARTLY).draw().found
    boxes = [box for box in found.scene.boxes if box.title == "Layer"]
    assert [box.badge and box.badge[1].string for box in boxes] == [None, "×2", None, "×3"]
    assert len(found.diagram.panels[0].links) == len(boxes) + 1


def test_a_block_of_which_one_node_is_left_keeps_its_name():
    boxes = fw.load("efficientnet_lite0").after("join_separable").draw().found.scene.boxes
    stages = [f"Stage {number}" for number in range(1, 8)]
    assert [box.title for box in boxes if box.title.startswith("Stage")] == stages


def test_queries_keys_and_values_are_one_box_each():
    titles = [box.title for box in figure("vit", panels=True).found.scene.boxes]
    assert [titles.count(letter) for letter in "QKV"] == [1, 1, 1]


PYRAMID = """\
format: 1
dims: {B: {example: 1}, H: {multiple_of: 32, example: 64}}
inputs: {image: [B, 3, H, H]}
blocks:
  stage:
    args: {out: int}
    inputs: {x: [N, C, H, W]}
    nodes: [{conv: {out: out, kernel: 3, pad: 1}}, relu, {max_pool: {kernel: 2}}]
  meet:
    inputs: {x: [N, K, h, w], finer: [N, C, 2*h, 2*w]}
    nodes:
      - {conv: {out: K, kernel: 1}, in: finer, id: score}
      - {upsample: 2, in: x}
      - {add: , in: [prev, score]}
nodes:
  - {use: stage, with: {out: 8}}
  - {use: stage, with: {out: 16}}
  - {use: stage, with: {out: 32}, id: third}
  - {use: stage, with: {out: 64}, id: fourth}
  - {use: stage, with: {out: 64}}
  - {conv: {out: 21, kernel: 1}}
  - relu
  - {conv: {out: 21, kernel: 1}}
  - {use: meet, in: {x: prev, finer: fourth}}
  - {use: meet, in: {x: prev, finer: third}}
  - {conv: {out: 21, kernel: 3, pad: 1}}
  - relu
  - {conv: {out: 21, kernel: 1}, id: scores}
outputs: {scores: scores}
"""


def ends_in(scene):
    """Titles at the ends of all arrows."""
    titles = {box.id: box.title for box in scene.boxes}
    return {(titles[curve.source], titles[curve.target]) for curve in scene.curves}


def test_x_is_the_first_input_of_a_block_whatever_is_read_first():
    scene = fw.loads(PYRAMID).draw(focus="meet").found.scene
    assert ends_in(scene) == {
        ("Fourth", "Score"), ("x", "Upsample"), ("Upsample", "+"), ("Score", "+")
    }  # fmt: skip


def test_a_u_that_nobody_could_read_becomes_columns():
    scene = fw.loads(PYRAMID).draw().found.scene
    assert {curve.kind for curve in scene.curves} == {"flow"}


def test_a_figure_that_nobody_can_read_is_not_told_to_fold_what_is_folded():
    nodes = "\n".join(f"  - {{linear: 4, in: x, id: a_linear_layer_{i}}}" for i in range(40))
    names = ", ".join(f"a_linear_layer_{i}" for i in range(40))
    text = f"format: 1\ninputs: {{x: [2, 4]}}\nnodes:\n{nodes}\n  - {{add: , in: [{names}]}}\n"
    with pytest.raises(fw.InputError) as caught:
        fw.loads(text).draw()
    assert "43 boxes: put parts in blocks" in str(caught.value)


def test_the_width_of_a_head_is_said_where_there_is_one():
    text = """\
format: 1
dims: [B, T]
inputs: {x: [B, T, 64]}
nodes:
  - {relative_bias: {heads: 4, size: T}, id: bias}
  - {multi_head_attention: {heads: 4, width: 32}, in: {q: x, keep: bias}}
  - rms_norm
"""
    scene = fw.loads(text).draw().found.scene
    lines = {line.string for box in scene.boxes for line in box.lines}
    assert {"Relative bias, 4 heads", "4 heads, d = 8", "RMSNorm"} <= lines


@pytest.mark.parametrize("name", MODELS)
def test_the_figure_chosen_for_a_slide_can_be_read(name):
    found = model(name).draw()
    assert found.found.text >= 14
    assert found.remark is None


# ---------------------------------------------------------------------------- real readers


@pytest.mark.parametrize("style", style_names())
@pytest.mark.parametrize("name", MODELS)
def test_svg_has_a_group_for_every_box_and_its_words(name, style):
    root = ElementTree.fromstring(painted(name, ".svg", style))
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "box"]
    scene = figure(name, style=style).found.scene
    assert [group.get("data-id") for group in groups] == [box.id for box in scene.boxes]
    said = ["".join(group.find(f"{SVG}text").itertext()) for group in groups]
    assert said == lines_of(name, style)


def test_svg_with_outlines_needs_no_fonts():
    root = ElementTree.fromstring(painted("vit", ".svg", text="outline"))
    assert list(root.iter(f"{SVG}text")) == []


@pytest.mark.parametrize(("name", "style"), [*((n, "default") for n in MODELS), ("vit", "dark")])
def test_png_is_a_slide_of_1920_by_1080(name, style):
    picture = Image.open(BytesIO(painted(name, ".png", style)))
    picture.load()
    background = figure(name, style=style).found.scene.background
    colours = picture.convert("RGB").getcolors(2**24)
    most = max(colours)[1]
    assert picture.size == (1920, 1080)
    assert "#{:02X}{:02X}{:02X}".format(*most) == background
    assert len(colours) > 50


@pytest.mark.parametrize("style", style_names())
@pytest.mark.parametrize("name", MODELS)
def test_pdf_says_every_name(name, style):
    (page,) = PdfReader(BytesIO(painted(name, ".pdf", style))).pages
    said = page.extract_text()
    assert [line for line in lines_of(name, style) if line not in said] == []


@pytest.mark.parametrize("name", MODELS)
def test_pptx_has_a_shape_for_every_box_and_glued_connectors(name):
    (slide,) = Presentation(BytesIO(painted(name, ".pptx"))).slides
    scene = figure(name).found.scene
    said = ["".join(s.itertext()).strip() for s in slide.element.xpath("//p:sp")]
    assert [line for line in lines_of(name) if not any(line in text for text in said)] == []
    loose = slide.element.xpath("//p:cxnSp[not(.//a:stCxn and .//a:endCxn)]")
    assert loose == []
    straight = [curve for curve in scene.curves if len(curve.points) == 4]
    assert len(slide.element.xpath("//p:cxnSp")) >= len(straight)
    ends = set(slide.element.xpath("//a:stCxn/@id | //a:endCxn/@id"))
    assert ends <= set(slide.element.xpath("//p:sp//p:cNvPr/@id"))


@pytest.mark.parametrize("name", MODELS)
def test_tikz_opens_and_closes_alike(name):
    text = painted(name, ".tex").decode()
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    closed = re.findall(r"\\end\{(\w+)\}", text)
    bare = re.sub(r"\\[{}\\]", "", text)
    assert sorted(opened) == sorted(closed)
    assert "tikzpicture" in opened
    assert bare.count("{") == bare.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_tikz_compiles_and_says_every_name(tmp_path):
    (tmp_path / "figure.tex").write_bytes(painted("vit", ".tex"))
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", "figure.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0
    said = PdfReader(tmp_path / "figure.pdf").pages[0].extract_text()
    assert [line for line in lines_of("vit") if line not in said and line.isalpha()] == []


@pytest.mark.parametrize("name", MODELS)
def test_mermaid_has_a_node_for_every_box(name):
    text = painted(name, ".mmd").decode()
    assert re.match(r"(---\n.*?\n---\n)?(%%.*\n)*flowchart (TB|LR|TD)\n", text, re.S)
    assert len(re.findall(r"^\s*subgraph ", text, re.M)) == len(re.findall(r"^\s*end$", text, re.M))
    assert [line for line in lines_of(name) if line.isalpha() and line not in text] == []


@pytest.mark.parametrize("name", MODELS)
def test_the_layout_engine_reads_the_dot_file(name):
    from framework.draw.engine import program

    command = [program(), "-Tjson0"]
    done = subprocess.run(command, input=painted(name, ".dot"), capture_output=True, timeout=60)
    found = json.loads(done.stdout)
    names = [o["name"] for o in found["objects"] if not o["name"].startswith("cluster_")]
    scene = figure(name).found.scene
    assert len(names) == len(scene.boxes)
    assert len(found["edges"]) == sum(curve.kind != "zoom" for curve in scene.curves)


class Elements(HTMLParser):
    """Every element of a page with the names of its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(sorted(name for name, _ in attributes))))


@pytest.mark.parametrize("name", MODELS)
def test_html_loads_nothing(name):
    page = painted(name, ".html").decode()
    tags = Elements(page).found
    loading = [tag for tag, names in tags if {"src", "href"} & set(names)]
    assert loading == []
    assert ("svg" in {tag for tag, _ in tags}) or "<template" in page


# ---------------------------------------------------------------------------- the same again


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", ["gat", "vit"])
def test_a_file_is_the_same_when_made_anew(name, suffix):
    scene = fw.load(name).draw(force=True).found.scene
    assert paint(scene, suffix, Painting()) == painted(name, suffix)


DIGESTS = """\
import hashlib, sys
import framework as fw
from framework.draw.formats import FORMATS, Painting, paint
for name in ("vit", "transformer", "unet"):
    scene = fw.load(name).draw().found.scene
    for suffix in FORMATS:
        print(name, suffix, hashlib.sha256(paint(scene, suffix, Painting())).hexdigest())
"""


def test_no_file_depends_on_the_seed_of_hashes():
    said = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS], capture_output=True, env=environment, check=True
        )
        said.append(done.stdout)
    assert said[0] == said[1]


# ---------------------------------------------------------------------------- hostile words


ODD = {
    "markup": "<script>alert('x')</script> & \"q\" ]]> --> <!--",
    "lines": "two\nlines\tand a tab",
    "long": "a_name_of_two_hundred_characters_" * 7,
    "emoji": "fire 🔥 smile 😀",
    "hebrew": "שכבה 12 (ראשונה)",
    "arabic": "طبقة الانتباه",
    "chinese": "卷积 3×3，归一化",
    "tex": "\\input{x} $x_1^2$ 100% #1 ~ {",
    "dot": '"]; evil -> node [label="x',
    "mermaid": "end; click A call alert() %% subgraph",
}


@lru_cache
def odd(words):
    """A model whose every text is odd: name, doc, title, titles."""
    quoted = json.dumps(words, ensure_ascii=False)
    text = f"""\
format: 1
name: {quoted}
doc: {quoted}
dims: {{B: {{example: 2, doc: {quoted}}}}}
inputs: {{x: {{shape: [B, 4], doc: {quoted}}}}}
blocks:
  part:
    doc: {quoted}
    inputs: {{x: [N, C]}}
    nodes: [{{linear: C, doc: {quoted}}}, relu]
nodes:
  - {{use: part, id: all, repeat: 3}}
  - {{linear: 3, id: last, doc: {quoted}}}
outputs: {{y: last}}
draw:
  title: {quoted}
  subtitle: {quoted}
  titles: {{all: {quoted}, x: {quoted}, last: {quoted}, part: {quoted}}}
"""
    return fw.loads(text).draw(force=True, panels=True)


@pytest.mark.parametrize("key", ODD)
def test_odd_words_stay_in_their_boxes(key):
    found = problems(odd(ODD[key]).found.scene)
    assert found == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("key", ODD)
def test_odd_words_give_files_that_can_be_read(key, suffix):
    found, plain = (
        paint(odd(words).found.scene, suffix, Painting()) for words in (ODD[key], "plain")
    )
    assert structure(found, suffix) == structure(plain, suffix)


def structure(data, suffix):
    """What a reader of the format finds: elements or shapes, but no words."""
    if suffix == ".svg":
        return [e.tag for e in ElementTree.fromstring(data).iter() if not e.tag.endswith("tspan")]
    if suffix == ".png":
        return Image.open(BytesIO(data)).size
    if suffix == ".pdf":
        return len(PdfReader(BytesIO(data)).pages)
    if suffix == ".pptx":
        return [shape.shape_type for shape in Presentation(BytesIO(data)).slides[0].shapes]
    if suffix == ".html":
        return [e for e in Elements(data.decode()).found if e[0] != "tspan"]
    return skeleton(data.decode(), suffix)


def skeleton(text, suffix):
    """The commands of a text format that build something."""
    if suffix == ".tex":
        return re.findall(r"^\s*\\(draw|fill|node|path|begin|end|shade)\b", text, re.M)
    if suffix == ".mmd":
        return re.findall(
            r"^\s*(subgraph|end$|click|class|n\d+ ?(?:-->|---|-\.->|==>)?)", text, re.M
        )
    from framework.draw.engine import program

    done = subprocess.run([program(), "-Tjson0"], input=text.encode(), capture_output=True)
    found = json.loads(done.stdout)
    return [o["name"] for o in found["objects"]], len(found["edges"])
