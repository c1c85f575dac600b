"""Widths of text, the choice of fonts, cutting, and the order of right-to-left letters."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vendor_fonts import FONTS, tables

from framework.draw import metrics
from framework.draw.bidi import visual
from framework.draw.metrics import (
    FONT_FILES,
    Run,
    advances,
    ascent,
    clean,
    descent,
    line_height,
    runs,
    shortened,
    text_width,
)


def test_the_table_of_widths_is_that_of_the_fonts():
    assert (FONTS / "widths.json").read_text(encoding="utf-8") == tables()


def test_every_font_file_has_a_table():
    stored = json.loads((FONTS / "widths.json").read_text(encoding="utf-8"))
    assert {path.stem for path in FONT_FILES.values()} == set(stored)


def test_each_font_lies_beside_its_licence_and_all_are_small():
    names = {path.name for path in FONTS.iterdir()}
    assert {f"LICENSE-{name}.txt" for name in ("Liberation", "DejaVu", "Droid")} <= names
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 4_000_000


def test_the_table_is_small_and_quickly_read():
    metrics.tables.cache_clear()
    start = time.process_time()
    metrics.tables()
    assert time.process_time() - start < 0.05
    assert (FONTS / "widths.json").stat().st_size < 150_000


def test_letters_are_as_wide_as_those_of_helvetica():
    widths = [text_width(letter, 1000) for letter in "iMx 0×"]
    assert widths == pytest.approx([222, 833, 500, 278, 556, 584], abs=0.6)


def test_bold_letters_are_as_wide_as_those_of_helvetica_bold():
    widths = [text_width(letter, 1000, bold=True) for letter in "iMx"]
    assert widths == pytest.approx([278, 833, 556], abs=0.6)


def test_a_pair_that_is_kerned_is_narrower_than_its_letters():
    apart = text_width("A", 1000) + text_width("V", 1000)
    assert text_width("AV", 1000) - apart == pytest.approx(-74, abs=1)


def test_a_line_is_as_high_as_the_font_says():
    heights = (ascent(1000), descent(1000), line_height(1000))
    assert heights == pytest.approx((905, 212, 1150), abs=1)


def test_a_text_is_cut_where_its_font_must_change():
    found = runs("x ∈ 卷积 → ᵀ")
    fonts = [("sans", "x "), ("symbols", "∈"), ("sans", " "), ("cjk", "卷积"), ("sans", " ")]
    assert found == tuple(Run(*pair) for pair in [*fonts, ("symbols", "→"), ("sans", " ᵀ")])


@pytest.mark.parametrize(
    "text",
    ["⊕⊗∑√∞≤≥≠∈·×−…", "αβγλΣ", "⁰¹²ⁿᵢ₀₁₂ᵀ", "→←↑↓↦⇒", "卷积層の，。「」ａ", "שלום عربي", "─│┌■●▲"],
)
@pytest.mark.parametrize("bold", [False, True])
def test_a_sign_that_models_use_has_a_glyph(text, bold):
    missing = [
        letter
        for run in runs(text, bold)
        for letter in run.string
        if metrics.tables()[run.font, bold].width(letter) == metrics.MISSING
    ]
    assert missing == []


def test_an_unknown_character_is_as_wide_as_the_empty_box():
    assert runs("🔥") == (Run("sans", "🔥"),)
    assert advances(Run("sans", "🔥")) == ((pytest.approx(0.75, abs=0.01), 0.0),)


def test_controls_and_line_ends_become_spaces():
    assert clean("a\nb\tc\x00d\x1b\u2028e\u202ef") == "a b c d  e f"


def test_marks_without_a_glyph_are_left_out():
    assert clean("a\u200bb\ufe0f\u200d\ufeff") == "ab"


def test_what_no_file_can_hold_becomes_the_replacement_character():
    assert clean("\ud800\uffff") == "\ufffd\ufffd"


def test_accents_are_composed():
    assert clean("Gro\u0308ße") == "Größe"


@given(st.text(max_size=40), st.floats(4, 40), st.booleans())
def test_cleaning_twice_changes_nothing_more(string, size, bold):
    assert clean(clean(string)) == clean(string)
    assert text_width(clean(string), size, bold) == text_width(string, size, bold)


@given(st.text(max_size=60), st.floats(20, 300), st.booleans())
def test_a_shortened_text_fits(string, width, bold):
    short = shortened(string, 10, width, bold)
    assert text_width(short, 10, bold) <= width
    assert short == clean(string) or short.endswith("…")


def test_a_text_is_cut_as_late_as_possible():
    width = text_width("abcdefgh…", 16)
    assert shortened("abcdefghijkl", 16, width) == "abcdefgh…"
    assert shortened("abcdefghijkl", 16, width - 0.1) == "abcdefg…"


def test_a_cut_leaves_no_space_before_the_dots():
    assert shortened("two words", 10, text_width("two …", 10)) == "two…"


@pytest.mark.parametrize(
    ("logical", "seen"),
    [
        ("plain", "plain"),
        ("x = אב", "x = בא"),
        ("אב גד", "דג בא"),
        ("אב 12 גד", "דג 12 בא"),
        ("אב (גד)", "(דג) בא"),
        ("f(אב)", "f(בא)"),
        ("אב x גד", "בא x דג"),
        ("א\u05b0ב", "בא\u05b0"),
    ],
)
def test_letters_that_run_right_to_left_are_turned_round(logical, seen):
    assert visual(logical) == seen


def test_arabic_letters_join_their_neighbours():
    assert visual("بيت") == "\ufe96\ufef4\ufe91"
    assert visual("دار") == "\ufead\ufe8d\ufea9"


def test_lam_and_alef_are_one_letter():
    assert visual("سلام") == "\ufee1\ufefc\ufeb3"
