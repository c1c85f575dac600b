"""Styles: every bundled one can be read by everybody; bad ones are told what is wrong."""

import itertools
import math

import pytest

from framework.draw.colours import channels, contrast
from framework.draw.style import load_style, style_names
from framework.errors import InputError, SpecError
from framework.ir.op import CATEGORIES

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
SIGHTS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# IEC 61966-2-1: linear sRGB to XYZ, white D65.
XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)
EVERY_STYLE = pytest.mark.parametrize("name", style_names())
COLOURED = pytest.mark.parametrize("name", ["default", "dark"])


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def light(channel):
    c = channel / 255
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4


def lab(colour, sight):
    """CIELAB of a colour as somebody sees it."""
    seen = times(SIGHTS[sight], [light(channel) for channel in channels(colour)])
    ratios = [
        value / white
        for value, white in zip(times(XYZ, [min(1, max(0, c)) for c in seen]), WHITE, strict=True)
    ]
    x, y, z = (r ** (1 / 3) if r > 216 / 24389 else (24389 / 27 * r + 16) / 116 for r in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one, other, sight):
    """CIE76 difference of two colours; about 2.3 is just noticed, 10 is seen at a glance."""
    return math.dist(lab(one, sight), lab(other, sight))


def look_pairs(style):
    return itertools.combinations(sorted(set(style.looks.values()), key=repr), 2)


def apart(one, other):
    """How far two looks are apart, by fill or border, for the eyes that see it least."""
    return min(
        max(distance(one.fill, other.fill, sight), distance(one.border, other.border, sight))
        for sight in SIGHTS
    )


@EVERY_STYLE
def test_a_style_has_a_look_for_every_category(name):
    assert set(load_style(name).looks) == {*CATEGORIES, "input", "output", "add", "block"}


@EVERY_STYLE
def test_names_can_be_read_on_every_fill(name):
    style = load_style(name)
    looks = [*style.looks.values(), style.frame, style.attention_frame]
    assert min(contrast(style.text, look.fill) for look in looks) >= 7


@EVERY_STYLE
def test_second_lines_can_be_read_on_every_fill(name):
    style = load_style(name)
    fills = [*(look.fill for look in style.looks.values()), style.frame.fill, style.background]
    assert min(contrast(style.subtle, fill) for fill in fills) >= 4.5


@EVERY_STYLE
def test_borders_and_lines_stand_out_from_the_background(name):
    style = load_style(name)
    fronts = [look.border for look in style.looks.values()]
    fronts += [style.line, style.residual, style.skip, style.zoom]
    assert min(contrast(front, style.background) for front in fronts) >= 3


@EVERY_STYLE
def test_the_badge_can_be_read(name):
    style = load_style(name)
    assert contrast(style.badge_text, style.badge) >= 7


@COLOURED
def test_two_looks_are_told_apart_with_any_colour_vision(name):
    closest = min(look_pairs(load_style(name)), key=lambda pair: apart(*pair))
    assert apart(*closest) >= 10, closest


def test_two_looks_in_print_differ_in_grey_weight_or_dashes():
    def differ(one, other):
        shade = distance(one.fill, other.fill, "normal") >= 9
        return shade or one.dashed != other.dashed or abs(one.stroke - other.stroke) > 1

    assert [pair for pair in look_pairs(load_style("print")) if not differ(*pair)] == []


def test_print_has_no_colour():
    style = load_style("print")
    shades = [c for look in style.looks.values() for c in (look.fill, look.border)]
    assert [c for c in [*shades, style.residual] if len(set(channels(c))) > 1] == []


@EVERY_STYLE
def test_a_bundled_style_warns_of_nothing(name):
    assert load_style(name).warnings == ()


def test_the_distance_agrees_with_published_values():
    # Lindbloom: sRGB red is (53.24, 80.09, 67.20) in CIELAB for D65.
    assert lab("#FF0000", "normal") == pytest.approx((53.24, 80.09, 67.20), abs=0.02)


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def facts(tmp_path, text):
    with pytest.raises(SpecError) as caught:
        load_style(written(tmp_path, text))
    return [(p.place.line, p.fact, p.hint) for p in caught.value.problems]


def test_a_style_that_extends_another_changes_only_what_it_says(tmp_path):
    text = 'extends: default\ncategories:\n  linear: {fill: "#fff"}\n'
    mine, default = load_style(written(tmp_path, text)), load_style("default")
    assert (mine.look("linear").fill, mine.look("linear").border) == (
        "#FFFFFF",
        default.look("linear").border,
    )
    assert {**mine.looks, "linear": 0} == {**default.looks, "linear": 0}


def test_every_mistake_is_reported_in_order_of_place(tmp_path):
    text = """extends: defualt
colours: {txt: "#111111", line: "red"}
sizes: {title: -3}
categories:
  convolutions: {fill: "#FFFFFF"}
  linear: {fill: "#12", dashed: 1}
"""
    assert facts(tmp_path, text) == [
        (1, "there is no style 'defualt' to extend", "did you mean 'default'?"),
        (2, "colours has no key 'txt'", "did you mean 'text'?"),
        (2, "'red' is no colour", 'write red, green and blue in hexadecimal: "#RRGGBB"'),
        (3, "'title' cannot be -3", "write a number of points above 0, at most 144"),
        (5, "categories has no key 'convolutions'", "did you mean 'convolution'?"),
        (6, "'#12' is no colour", 'write red, green and blue in hexadecimal: "#RRGGBB"'),
        (6, "'dashed' cannot be 1", "write true or false"),
    ]


def test_a_colour_without_quotes_is_explained(tmp_path):
    text = "extends: default\ncolours:\n  text: #C45500\n"
    hint = "quote it: \"#C45500\"; without quotes '#' starts a comment"
    assert facts(tmp_path, text) == [(3, "the colour of 'text' is missing", hint)]


def test_a_style_without_base_must_say_everything(tmp_path):
    text = 'categories:\n  linear: {fill: "#FFFFFF"}\n'
    found = [fact for _, fact, _ in facts(tmp_path, text)]
    assert "the category 'linear' has no border" in found
    assert "the category 'pooling' is missing" in found
    assert "the style has no colours: residual" in found


def test_an_empty_style_is_told_how_to_start(tmp_path):
    hint = "a style starts with e.g. 'extends: default'"
    assert facts(tmp_path, "") == [(1, "the file is empty", hint)]


def test_lists_and_words_in_the_wrong_place_are_refused(tmp_path):
    text = "extends: default\nsizes: 12\nframes: {panel: {fill: [1]}}\n"
    assert facts(tmp_path, text) == [
        (2, "sizes must be a mapping, not a single value", None),
        (3, "'fill' must be a single value, not a list", None),
    ]


def test_low_contrast_is_only_warned_of(tmp_path):
    text = 'extends: default\ncolours: {subtle: "#222222"}\ncategories:\n'
    style = load_style(written(tmp_path, text + '  linear: {fill: "#555555"}\n'))
    assert [(w.severity, w.place.line, w.fact) for w in style.warnings] == [
        ("warning", 4, "'text' on the fill of 'linear' has a contrast of 2.5"),
        ("warning", 4, "'subtle' on the fill of 'linear' has a contrast of 2.1"),
    ]


def test_an_unknown_style_gets_the_nearest_name():
    with pytest.raises(InputError, match=r"no style 'drak'; did you mean 'dark'\?"):
        load_style("drak")
