"""Two hand-made figures for the painters: what a slide holds, and what breaks a painter."""

from dataclasses import replace
from itertools import pairwise

from framework.draw.metrics import shortened
from framework.draw.scene import Box, Curve, Frame, Scene, Shape, Text

INK, SUBTLE, LINE, ACCENT = "#111111", "#444444", "#333333", "#C45500"
FILLS = {
    "input": ("#FFFFFF", "#222222"),
    "add": ("#FFFFFF", "#222222"),
    "block": ("#E9E9ED", "#111111"),
    "normalization": ("#F7F097", "#7A6A00"),
    "convolution": ("#73B1D5", "#00517F"),
    "linear": ("#73CAB2", "#00664A"),
    "attention": ("#E8A673", "#9A4300"),
    "activation": ("#E3B5CF", "#8C3A69"),
    "output": ("#F1CA73", "#8F6200"),
}
LONG = "a_layer_with_a_name_of_two_hundred_characters_" * 5
LONG = LONG[:200]
ODD = {
    "markup": "<script>alert(\"x\")</script> & 'y' \\ ]]>",
    "greek": "γ·x + β, Σ λᵢ ≤ ∞, x ∈ ℝⁿ",
    "circled": "Q Kᵀ / √64 ⊕ ⊗ ∑ → ≥ ≠ − ₀₁₂",
    "chinese": "卷积 3×3,归一化",
    "japanese": "畳み込み ソフトマックス",
    "korean": "합성곱 층",
    "hebrew": "שכבה 12 (ראשונה)",
    "arabic": "طبقة الانتباه",
    "mixed": "norm שלום عربي 你好 end",
    "emoji": "fire 🔥 smile 😀",
    "accents": "Größe façade naïve Łódź Čapek",
    "cyrillic": "Свёртка — слой",
    "controls": "a\x00b\x1b[31mc\x7fd\u202ee\uffff",
    "lines": "two\nlines\tand  spaces ",
    "long": LONG,
    "empty": "",
}


def box(id, centre, top, name, under="", category="linear", width=128, **more):
    """A box of the size that design pictures have, with its text in the middle."""
    fill, border = FILLS[category]
    height = 44 if under else 38
    shape = Shape(centre - width / 2, top, width, height, fill, border, **more)
    lines = [Text(centre, top + (19 if under else 24.5), name, 15, INK, bold=True)]
    if under:
        lines.append(Text(centre, top + 35, under, 12, "#333333"))
    return Box(id, shape, tuple(lines), name, category)


def plus(id, centre, top, sign="+"):
    """A small circle with a sign."""
    shape = Shape(centre - 12, top, 24, 24, *FILLS["add"], kind="circle")
    return Box(id, shape, (Text(centre, top + 17, sign, 15, INK),), sign, "add")


def straight(source, target, start, tip, **more):
    """A straight arrow with a head of nine points."""
    (x, y), (tip_x, tip_y) = start, tip
    length = ((tip_x - x) ** 2 + (tip_y - y) ** 2) ** 0.5
    end = (tip_x - (tip_x - x) * 9 / length, tip_y - (tip_y - y) * 9 / length)
    third = [tuple(a + (b - a) * k / 3 for a, b in zip(start, end, strict=True)) for k in (1, 2)]
    settings = {"colour": LINE, "stroke": 1.6, "kind": "flow"} | more
    return Curve(source, target, (start, *third, end), tip, **settings)


def down(boxes, **labels):
    """Arrows between boxes that stand above each other."""
    out = []
    for above, below in pairwise(boxes):
        x, y = above.shape.centre[0], above.shape.y + above.shape.height
        tip = (x, below.shape.y - 3 * below.shape.double)
        label = labels.get(below.id)
        text = Text(x + 8, (y + tip[1]) / 2 + 4, label, 12, SUBTLE, anchor="start")
        more = {"label": text if label else None}
        out.append(straight(above.id, below.id, (x, y + 3 * above.shape.double), tip, **more))
    return out


def lane(source, target, start, end, lane):
    """A residual in its lane: out to the right, down, and back in, with round corners."""
    (x, y), (x2, y2), r = start, end, 14
    points = [(x, y), (x, y), (lane - r, y), (lane - r, y), (lane - r / 2, y), (lane, y + r / 2)]
    points += [(lane, y + r), (lane, y + r), (lane, y2 - r), (lane, y2 - r)]
    points += [(lane, y2 - r / 2), (lane - r / 2, y2), (lane - r, y2), (lane - r, y2)]
    points += [(x2 + 11, y2), (x2 + 11, y2)]
    return Curve(source, target, tuple(points), end, ACCENT, 2.4, "residual")


def block():
    """An overview with a folded block, and the block with its residual in a panel."""
    overview = [
        box("image", 150, 60, "Image", "b × 3 × 224 × 224", "input", 150),
        box("embed", 150, 138, "Patch embedding", "Conv 16×16, stride 16", "convolution", 150),
        box("blocks", 150, 222, "Encoder block", "", "block", 150, double=True),
        box("norm", 150, 300, "LayerNorm", "", "normalization", 150),
        box("head", 150, 378, "Linear", "768 → 1000", "output", 150),
    ]
    pill = Shape(186, 231, 34, 20, INK, INK, "pill", 0)
    name = Text(128, 246.5, "Encoder block", 14, INK, bold=True)
    badge = (pill, Text(203, 246, "×12", 13, "#FFFFFF", bold=True))
    overview[2] = Box("blocks", overview[2].shape, (name,), "Encoder block ×12", "block", "", badge)
    inside = [
        plus("in", 520, 76, "x"),
        box("norm1", 520, 124, "LayerNorm", "", "normalization"),
        box("attention", 520, 186, "Attention", "12 heads, d = 64", "attention"),
        plus("add1", 520, 254),
        box("mlp", 520, 302, "Linear", "768 → 3072", "linear"),
        box("gelu", 520, 370, "GELU", "", "activation"),
        plus("add2", 520, 432),
    ]
    panel = Frame(
        "panel",
        Shape(380, 40, 280, 440, "#F4F4F6", "#A7ADB5", stroke=1.2, radius=10),
        Text(394, 62, "Encoder block", 18, INK, True, "start"),
    )
    zoom = Curve(
        "blocks", "panel", ((228, 241), (280, 241), (330, 241), (380, 241)), None,
        "#8A9099", 1.3, "zoom", dashed=True,
    )  # fmt: skip
    skip = lane("embed", "head", (225, 160), (225, 397), 330)
    skip = replace(skip, kind="skip", dashed=True, stroke=2.2)
    curves = [*down(overview, embed=None, blocks="b × 197 × 768", head="[CLS] only: b × 768")]
    curves += [*down(inside), lane("in", "add1", (532, 88), (532, 266), 630), zoom, skip]
    curves.append(lane("add1", "add2", (532, 266), (532, 444), 630))
    inside = [Box(**(vars(one) | {"panel": "panel"})) for one in inside]
    words = ["convolution", "linear", "attention", "normalization", "activation"]
    legend = [
        (Shape(60 + 128 * k, 506, 16, 12, *FILLS[word], stroke=1, radius=2),
         Text(82 + 128 * k, 516, word, 12, SUBTLE, anchor="start"))
        for k, word in enumerate(words)
    ]  # fmt: skip
    title = Text(40, 36, "ViT-B/16", 18, INK, True, "start")
    under = Text(128, 36, "86.6 M parameters · γ, β learnt", 13, SUBTLE, anchor="start")
    return Scene(
        720, 540, "#FFFFFF", "ViT-B/16", (panel,), tuple(curves), (*overview, *inside),
        (title, under), tuple(legend), "A vision transformer & its <block>.", steps=2,
    )  # fmt: skip


def odd():
    """A box for each kind of difficult text; identifiers are difficult as well."""
    boxes = []
    for place, (key, string) in enumerate(ODD.items()):
        row, column = divmod(place, 2)
        x, y = 20 + 340 * column, 60 + 58 * row
        shape = Shape(x, y, 320, 46, "#FFFFFF", "#222222")
        name = Text(x + 160, y + 20, shortened(string, 16, 300, True), 16, INK, bold=True)
        under = Text(x + 160, y + 37, shortened(string, 13, 300), 13, SUBTLE)
        boxes.append(Box(f"{key} '\"<&>", shape, (name, under), string, "input", string))
    curve = straight(boxes[0].id, boxes[2].id, (180, 106), (180, 118))
    title = Text(680, 36, 'odd <texts> & "quotes"', 18, INK, True, "end")
    return Scene(
        700, 540, "#FFFFFF", "odd <texts> & \"quotes\" \x00", (), (curve,), tuple(boxes), (title,)
    )  # fmt: skip
