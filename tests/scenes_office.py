"""Scenes made by hand, as large as a slide: ViT in panels, U-Net with skips, and odd text."""

from dataclasses import replace
from itertools import pairwise

from framework.draw.scene import Box, Curve, Frame, Scene, Shape, Text
from framework.draw.style import load_style

NAME, SECOND = 14, 11
SIDES = {"top": (0, -1), "right": (1, 0), "bottom": (0, 1), "left": (-1, 0)}
HEAD = 8


def straight(start, *stops):
    """Bézier pieces along a line from point to point."""
    points = [start]
    for stop in stops:
        (x, y), (u, v) = points[-1], stop
        points += [(x + (u - x) / 3, y + (v - y) / 3), (u - (u - x) / 3, v - (v - y) / 3), stop]
    return tuple(points)


class Draft:
    """Collects the parts of a scene; boxes are placed by their centre."""

    def __init__(self, style):
        self.style = load_style(style)
        self.frames, self.boxes, self.curves, self.legend = [], {}, [], []

    def box(self, id, x, y, width, name, second=None, category="linear", **more):
        look, style = self.style.look(category), self.style
        height = 34 if second else 30
        shape = Shape(
            x - width / 2, y - height / 2, width, height, look.fill, look.border,
            stroke=look.stroke, dashed=look.dashed, double=more.pop("double", False),
        )  # fmt: skip
        lines = [Text(x, y + (-2 if second else 5), name, NAME, style.text, bold=True)]
        lines += [Text(x, y + 12, second, SECOND, style.subtle)] if second else []
        self.boxes[id] = Box(id, shape, tuple(lines), name, category, **more)

    def circle(self, id, x, y, sign, category="add", **more):
        look = self.style.look(category)
        shape = Shape(x - 11, y - 11, 22, 22, look.fill, look.border, kind="circle")
        line = Text(x, y + 5, sign, NAME, self.style.text)
        self.boxes[id] = Box(id, shape, (line,), sign, category, **more)

    def badge(self, id, string):
        box, style = self.boxes[id], self.style
        x, y = box.shape.x + box.shape.width - 18, box.shape.centre[1]
        pill = Shape(x - 14, y - 9, 28, 18, style.badge, style.badge, kind="pill", stroke=0)
        badge = (pill, Text(x, y + 4.5, string, 12, style.badge_text, bold=True))
        name = replace(box.lines[0], x=box.shape.centre[0] - 14)
        self.boxes[id] = replace(box, badge=badge, lines=(name,))

    def frame(self, id, x, y, width, height, title, attention=False, **more):
        look = self.style.attention_frame if attention else self.style.frame
        shape = Shape(
            x, y, width, height, look.fill, look.border, stroke=look.stroke, radius=10,
            dashed=look.dashed,
        )  # fmt: skip
        text = Text(x + 8, y + 17, title, NAME, self.style.text, bold=True, anchor="start")
        self.frames.append(Frame(id, shape, text, **more))

    def at(self, id, side):
        shape = self.boxes[id].shape
        (x, y), (dx, dy) = shape.centre, SIDES[side]
        grown = 3 if shape.double else 0
        return x + dx * (shape.width / 2 + grown), y + dy * (shape.height / 2 + grown)

    def flow(self, source, target, label=None, sides=("bottom", "top"), kind="flow", dashed=False):
        start, tip = self.at(source, sides[0]), self.at(target, sides[1])
        length = ((tip[0] - start[0]) ** 2 + (tip[1] - start[1]) ** 2) ** 0.5
        share = 1 - HEAD / length
        end = (start[0] + share * (tip[0] - start[0]), start[1] + share * (tip[1] - start[1]))
        middle = ((start[0] + tip[0]) / 2 + 6, (start[1] + tip[1]) / 2 + 3)
        anchor = "start"
        if start[1] == tip[1]:
            middle, anchor = (middle[0], start[1] - 6), "middle"
        text = label and Text(*middle, label, SECOND, self.style.subtle, anchor=anchor)
        colour, stroke = (
            (self.style.skip, self.style.skip_stroke) if dashed else (self.style.line, 1.6)
        )
        step = max(self.boxes[source].step, self.boxes[target].step)
        self.curves.append(
            Curve(
                source,
                target,
                straight(start, end),
                tip,
                colour,
                stroke,
                kind,
                dashed,
                text,
                *sides,
                step=step,
            )
        )

    def lane(self, source, target, out, side="right"):
        """A residual: out to the lane, along it with round corners, back."""
        (x, y), (u, v) = self.at(source, side), self.at(target, side)
        sign = 1 if side == "right" else -1
        far, r = max(sign * x, sign * u) * sign + sign * out, 14 * sign
        corner, k = 14, 6.3
        points = [
            *straight((x, y), (far - r, y)),
            (far - sign * k, y), (far, y + k), (far, y + corner),
            *straight((far, y + corner), (far, v - corner))[1:],
            (far, v - k), (far - sign * k, v), (far - r, v),
            *straight((far - r, v), (u + sign * 9, v))[1:],
        ]  # fmt: skip
        step = max(self.boxes[source].step, self.boxes[target].step)
        self.curves.append(
            Curve(
                source,
                target,
                tuple(points),
                (u, v),
                self.style.residual,
                self.style.residual_stroke,
                "residual",
                source_side=side,
                target_side=side,
                step=step,
            )
        )

    def zoom(self, box, frame):
        start = self.at(box, "right")
        end = (next(f for f in self.frames if f.id == frame).shape.x, start[1])
        self.curves.append(
            Curve(
                box,
                frame,
                straight(start, end),
                None,
                self.style.zoom,
                self.style.zoom_stroke,
                "zoom",
                True,
                source_side="right",
                target_side="left",
            )
        )

    def swatch(self, column, row, category, word):
        look, x, y = self.style.look(category), 50 + 82 * column, 494 + 16 * row
        shape = Shape(x, y, 13, 11, look.fill, look.border, stroke=1, radius=2, dashed=look.dashed)
        text = Text(x + 17, y + 9, word, 10, self.style.subtle, anchor="start")
        self.legend.append((shape, text))

    def scene(self, title, width=960, height=540, texts=(), **more):
        return Scene(
            width, height, self.style.background, title, tuple(self.frames), tuple(self.curves),
            tuple(self.boxes.values()),
            (Text(25, 30, title, 18, self.style.text, bold=True, anchor="start"), *texts),
            tuple(self.legend), **more,
        )  # fmt: skip


def vit(style="default"):
    """ViT-B/16: overview, encoder block and attention, built up in three steps."""
    draft = Draft(style)
    overview(draft)
    encoder(draft)
    attention(draft)
    draft.zoom("encoder", "block")
    draft.zoom("mha", "heads")
    draft.curves[-2:] = [replace(c, step=i + 1) for i, c in enumerate(draft.curves[-2:])]
    words = ("patch conv", "linear", "attention", "norm", "activation", "embedding")
    kinds = ("convolution", "linear", "attention", "normalization", "activation", "embedding")
    for i, (kind, word) in enumerate(zip(kinds, words, strict=True)):
        draft.swatch(i % 3, i // 3, kind, word)
    return draft.scene(
        "ViT-B/16", steps=3, doc="A vision transformer.", notes="Twelve equal blocks.\nSecond line."
    )


def details(name, operator, shape, **more):
    return {"name": name, "operator": operator, "inputs": [], "outputs": [shape], **more}


def overview(draft):
    x, rows = 150, [62, 112, 170, 228, 278, 337, 397, 457]
    draft.box("image", x, rows[0], 128, "Image", "B × 3 × H × W", "input")
    draft.box(
        "patch", x, rows[1], 128, "Patch embedding", "Conv 16×16, stride 16", "convolution",
        description="Cut the image into patches.",
        details={
            "name": "patch", "operator": "patch_embedding",
            "formula": "y[b,t,o] = Σ x[b,c,i,j]·w[o,c,i,j]", "attributes": {"patch": 16},
            "inputs": ["B × 3 × H × W"], "outputs": ["B × (H//16)*(W//16) × 768"],
            "parameters": "590592", "macs": "B*(H//16)*(W//16)*768*768",
            "doc": "Cut the image into patches.", "place": "graphs/vit.yaml:14:5",
        },
    )  # fmt: skip
    draft.box("cls", x, rows[2], 128, "Prepend [CLS]", None, "embedding")
    draft.box("pos", x, rows[3], 128, "Add position", None, "position")
    draft.box("encoder", x, rows[4], 132, "Encoder", None, "block", double=True,
              details={"name": "encoder", "operator": "block",
                       "outputs": ["B × T × 768"], "parameters": 85054464})  # fmt: skip
    draft.badge("encoder", "×12")
    draft.box("norm", x, rows[5], 128, "LayerNorm", None, "normalization")
    draft.box("head", x, rows[6], 128, "Linear", "768 → 1000", "linear")
    draft.box("out", x, rows[7], 128, "Softmax", None, "softmax")
    names = ["image", "patch", "cls", "pos", "encoder", "norm", "head", "out"]
    labels = [None, "B × 196 × 768", "B × 197 × 768", None, "B × 197 × 768", "B × 768", "B × 1000"]
    for a, b, label in zip(names, names[1:], labels, strict=False):
        draft.flow(a, b, label)


def encoder(draft):
    draft.frame("block", 318, 20, 262, 510, "Encoder block", step=1)
    x, inside = 436, {"panel": "block", "step": 1}
    draft.circle("x", x, 63, "x", **inside)
    draft.box("ln1", x, 112, 124, "LayerNorm", None, "normalization", **inside)
    draft.box("mha", x, 171, 148, "Multi-head attention", "12 heads, d = 64", "attention", **inside)
    draft.circle("add1", x, 229, "+", **inside)
    draft.box("ln2", x, 280, 124, "LayerNorm", None, "normalization", **inside)
    draft.box("up", x, 338, 124, "Linear", "768 → 3072", **inside)
    draft.box("gelu", x, 398, 124, "GELU", None, "activation", **inside)
    draft.box("down", x, 456, 124, "Linear", "3072 → 768", **inside)
    draft.circle("add2", x, 508, "+", **inside)
    names = ["x", "ln1", "mha", "add1", "ln2", "up", "gelu", "down", "add2"]
    for a, b in pairwise(names):
        draft.flow(a, b)
    draft.lane("x", "add1", 84)
    draft.lane("add1", "add2", 84)


def attention(draft):
    draft.frame("heads", 590, 20, 350, 460, "Multi-head attention", attention=True, step=2)
    x, inside = 765, {"panel": "heads", "step": 2}
    draft.circle("h", x, 63, "h", "input", **inside)
    for name, place in (("Q", 651), ("K", x), ("V", 879)):
        draft.box(name, place, 112, 56, name, "Linear", **inside)
    draft.box("qk", x, 171, 124, "Q Kᵀ / √64", "B × 12 × 197 × 197", "product", **inside)
    draft.box("softmax", x, 228, 124, "Softmax", None, "softmax", **inside)
    draft.box("av", x, 279, 124, "Attention × V", "B × 12 × 197 × 64", "product", **inside)
    draft.box("merge", x, 338, 124, "Merge heads", "B × 197 × 768", "shape", **inside)
    draft.box("project", x, 397, 124, "Linear", "768 → 768", **inside)
    draft.circle("y", x, 453, "y", "output", **inside)
    names = ["h", "K", "qk", "softmax", "av", "merge", "project", "y"]
    for a, b in [("h", "Q"), ("h", "V"), ("Q", "qk"), *pairwise(names)]:
        draft.flow(a, b)
    (vx, vy), (ax, ay) = draft.at("V", "bottom"), draft.at("av", "right")
    points = ((vx, vy), (vx, vy + 100), (vx, ay), (ax + 8, ay))
    draft.curves.append(
        Curve("V", "av", points, (ax, ay), draft.style.line, 1.6, target_side="right", step=2)
    )


def unet(style="default"):
    """U-Net: two columns, dashed skips, a bottom that is reached diagonally."""
    draft = Draft(style)
    sizes = [("256 × 256", 64, 250), ("128 × 128", 128, 218), ("64 × 64", 256, 186)]
    draft.box("image", 195, 85, 174, "Image", "B × 3 × 256 × 256", "input")
    draft.box("out", 770, 85, 186, "Conv 1×1 → Softmax", "B × K × 256 × 256", "output")
    for i, (size, width, across) in enumerate(sizes):
        name, shape = f"2 × Conv 3×3, {width}", f"B × {width} × {size}"
        draft.box(f"down{i}", 195, 170 + 100 * i, across, name, shape, "convolution")
        draft.box(f"up{i}", 770, 170 + 100 * i, across, name, shape, "linear")
    bottom = "2 × Conv 3×3, 512"
    draft.box("bottom", 482, 470, 190, bottom, "B × 512 × 32 × 32", "attention")
    for a, b in (("image", "down0"), ("down0", "down1"), ("down1", "down2")):
        draft.flow(a, b, "max-pool 2×2")
    for a, b in (("up2", "up1"), ("up1", "up0"), ("up0", "out")):
        draft.flow(a, b, "up-conv 2×2", sides=("top", "bottom"))
    draft.flow("down2", "bottom", sides=("bottom", "left"))
    draft.flow("bottom", "up2", sides=("right", "bottom"))
    for i in range(3):
        label = None if i else "copy + concat"
        sides = ("right", "left")
        draft.flow(f"down{i}", f"up{i}", label, sides, "skip", dashed=True)
    subtitle = Text(100, 30, "depth 4 · 31.0 M parameters", 13, draft.style.subtle, anchor="start")
    return draft.scene("U-Net", texts=(subtitle,), doc="An encoder and a decoder.")


HOSTILE = '<b>&"a"</b>]]>{x}$y^2_%#\\~ end; --> <!-- </script>'
LATIN = "Größe façade Łódź čeština naïve"
OTHERS = "Привет Ελλάδα שלום"
EMOJI = "emoji 🎉 zero\u200bwidth"


def odd(style="default"):
    """Text from everywhere, nested frames, and names that formats must escape."""
    draft = Draft(style)
    draft.frame("outer", 20, 45, 920, 400, "Outer " + HOSTILE)
    draft.frame("inner", 40, 180, 440, 245, "Inner: α β γ", parent="outer")
    draft.box("a-b.c[0]", 250, 120, 430, HOSTILE, "x ∈ ℝⁿ, ∑ ≤ ∞ · ½ → ⌈H/2⌉", "input")
    draft.box(
        "end", 250, 230, 400, "αβγδε ΣΩ √d Kᵀ ⊕ ⊙ ×÷±", "Größe façade Łódź čeština naïve", "add"
    )
    draft.box(
        "汉字", 250, 300, 300, "注意力 アテンション 어텐션", "Привет Ελλάδα שלום", "attention"
    )
    draft.box(
        "subgraph", 250, 380, 300, "tab\tline\nend\x1b[0m", "emoji 🎉 zero\u200bwidth", "shape"
    )
    draft.box("dup", 720, 300, 200, "Same name", None, "linear", panel="outer")
    draft.box("dup2", 720, 380, 200, "Same name", None, "linear", panel="outer")
    draft.flow("a-b.c[0]", "end", HOSTILE)
    draft.flow("end", "汉字", "B × ⌈H/2⌉")
    draft.flow("汉字", "subgraph")
    draft.flow("dup", "dup2", "a|b")
    draft.lane("end", "subgraph", 25, side="left")
    return draft.scene(HOSTILE, doc=HOSTILE, notes=HOSTILE + "\x07")


def empty(style="default"):
    """A figure with a title only."""
    return Draft(style).scene("Nothing here")


SCENES = {"vit": vit, "unet": unet, "odd": odd, "empty": empty}
