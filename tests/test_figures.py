"""Golden figures, and what a user may wish for: refusals, numbers, steps, hostile names.

After a change that is meant, `python tests/test_figures.py` writes the golden files anew; look
at them before they are kept.  Formats and geometry are held by test_draw.py.
"""

import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import framework as fw
from framework.draw.formats import FORMATS, Painting, paint
from framework.draw.layout import texts_of

GOLDEN = Path(__file__).parent / "golden_figures"
MODELS = sorted(fw.bundled())


def figure(name, **wishes):
    """A figure of a bundled model, however small its text."""
    return fw.load(name).draw(force=True, **wishes)


def content(name, suffix, **options):
    """The bytes of a model's figure in one format."""
    return paint(figure(name, **options).found.scene, suffix, Painting())


@pytest.mark.parametrize("suffix", [".dot", ".svg"])
@pytest.mark.parametrize("name", MODELS)
def test_a_figure_is_the_golden_one(name, suffix):
    golden = GOLDEN / f"{name}{suffix}"
    assert content(name, suffix).decode("utf-8") == golden.read_text(encoding="utf-8")


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
