"""TikZ: the text is right everywhere, and pdflatex sets it where it is installed."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes_office import SCENES, vit

from framework.draw import tikz
from framework.draw.tex import ACCENTED, MATH, SPECIAL, TEXT, escape

needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
LETTERS = "αβγδεζηθικλμνξοπρστυφχψωςΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ ᵀⁿ²₀ᵢ ﬁ① ά"


def compiled(folder, source):
    """The errors of pdflatex; the PDF is in the folder."""
    (folder / "figure.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "figure.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    return [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line[:1] == "!"]


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("50 % of #1_{x}", r"50 \% of \#1\_\{x\}"),
        ("a -- b", "a {-}{-} b"),
        ("B × 3 → α", r"B \texttimes{} 3 $\rightarrow$ $\alpha$"),
        ("Kᵀ x₁₂", r"K\textsuperscript{T} x\textsubscript{1}\textsubscript{2}"),
        ("Größe", "Größe"),
        ("Ελλάδα", r"E$\lambda$$\lambda$$\alpha$$\delta$$\alpha$"),
        ("Ω№ﬁ", r"$\Omega$Nofi"),
        ("Привет 🎉", "?????? ?"),
        ("two\nlines\x07", "two lines "),
        ("注意 x", r"\begin{CJK}{UTF8}{gbsn}注意\end{CJK} x"),
    ],
)
def test_text_becomes_tex(text, tex):
    assert escape(text) == tex


@given(st.text())
def test_what_is_left_is_ascii_accented_or_in_a_cjk_font(text):
    outside = re.sub(r"\\begin\{CJK\}.*?\\end\{CJK\}", "", escape(text))
    assert {c for c in outside if not c.isascii()} <= ACCENTED


@given(st.text(alphabet="\\{}$&#_%~^<>|\"'`-, abc"))
def test_no_special_character_is_left_bare(text):
    known = sorted({*SPECIAL.values()}, key=len, reverse=True)
    bare = re.sub("|".join(map(re.escape, known)), "", escape(text))
    assert set(bare) <= set(" abc")


def test_equal_scenes_give_equal_text():
    assert tikz.paint(vit()) == tikz.paint(vit())


def test_every_box_is_a_named_node():
    source = tikz.paint(vit())
    names = re.findall(r"\((n\d+)\) at", source)
    assert names == [f"n{i}" for i in range(1, len(vit().boxes) + 1)]


def test_an_arrow_ends_at_its_tip_with_a_head_as_long_as_the_scene_says():
    curve = next(c for c in vit().curves if c.source == "image")
    line = next(line for line in tikz.paint(vit()).splitlines() if line.startswith(r"\draw"))
    x, y = curve.tip
    assert "-{Triangle[length=8bp, width=5.76bp]}" in line
    assert line.endswith(f"-- ({x:g},{y:g});")


def test_lengths_are_points_to_the_right_and_down_as_in_the_scene():
    source = tikz.paint(vit())
    assert r"\begin{tikzpicture}[x=1bp, y=-1bp" in source
    assert r"\useasboundingbox (0,0) rectangle (960,540);" in source


def test_cjk_is_loaded_only_where_it_is_used():
    assert "CJKutf8" not in tikz.paint(vit())
    assert r"\usepackage{CJKutf8}" in tikz.paint(SCENES["odd"]())


@needs_latex
@pytest.mark.parametrize("name", ["vit", "unet", "empty"])
def test_pdflatex_sets_the_figure(name, tmp_path):
    assert compiled(tmp_path, tikz.paint(SCENES[name]())) == []
    assert (tmp_path / "figure.pdf").stat().st_size > 1000


@needs_latex
def test_pdflatex_sets_every_character_that_is_passed_on(tmp_path):
    characters = "".join([*SPECIAL, *TEXT, *MATH, *sorted(ACCENTED), *LETTERS])
    lines = [characters[i : i + 40] for i in range(0, len(characters), 40)]
    body = "\n\n".join(rf"{escape(line)} {{\bfseries\boldmath {escape(line)}}}" for line in lines)
    packages = "\n".join(tikz.PACKAGES)
    source = rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}"
    assert compiled(tmp_path, source) == []
    assert "Missing character" not in (tmp_path / "figure.log").read_text("latin-1")
