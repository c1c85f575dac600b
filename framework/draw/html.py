"""Scenes -> one web page that needs nothing else: pan, zoom, search, details, sizes to try.

The page is ``page/page.css`` and ``page/page.js`` around the SVG of every level. Its address
keeps level, selected box and sizes, so that a link shows what its writer saw.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.draw import svg
from framework.draw.colours import is_dark
from framework.draw.metrics import clean
from framework.draw.parts import outlines, radius
from framework.draw.scene import Box, Curve, Scene

FOLDER = Path(__file__).parent / "page"
LIMITS = ("minimum", "maximum", "multiple_of", "doc")
PROLOGUE = re.compile(r"\s*(<\?xml.*?\?>|<!DOCTYPE[^>\[]*>|<!--.*?-->)", re.DOTALL)
HELP = "drag: move · wheel: zoom · click or Enter: details · arrows: next box · 0: fit · /: search"
BAR = """
<div class="group" id="levels" role="group" aria-label="Level"></div>
<div class="group" id="sizes" role="group" aria-label="Sizes"></div>
<div class="group" id="facts"></div>
<div id="finder"><input id="search" type="search" placeholder="Search" aria-label="Search boxes"
autocomplete="off"> <ul id="found" hidden></ul>
<span id="count" class="unseen" role="status"></span></div>
<div class="group" role="group" aria-label="Zoom"><button id="out" aria-label="Zoom out">−</button>
<button id="fit">Fit</button><button id="in" aria-label="Zoom in">+</button></div>
"""


def paint(levels: Sequence[tuple[str, Scene]], model: Mapping[str, object]) -> str:
    """The page; ``levels`` are names and scenes, the first is shown at the start.

    ``model`` has ``name``, ``doc``, ``symbols`` (name -> value, or -> a mapping with ``value``
    or ``example``, ``minimum``, ``maximum``, ``multiple_of``, ``doc``) and ``facts`` (name ->
    number, text with symbols, or words). A box's ``details`` may have ``name`` (its path),
    ``operator``, ``summary``, ``formula``, ``attributes`` (a mapping), ``inputs`` and
    ``outputs`` (shapes as text: ``x: B × 3 × H//2``, ``float32 [B, 3, H//2]``), ``copies``,
    ``parameters`` and ``macs`` (numbers, or text with symbols), ``doc``, ``place``, and
    ``opens``: the level that shows its inside, if it is not the first one further on that has
    boxes whose names start with this box's.
    """
    scene = levels[0][1]
    name = str(model["name"]) if "name" in model else scene.title
    doc = str(model["doc"]) if model.get("doc") else scene.doc
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    pictures = (f'<template class="level">{bare(svg.paint(one))}</template>' for _, one in levels)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en" class="{"dark" if is_dark(scene.background) else "light"}">',
            head(name, doc, scene.background, script),
            f"<body>\n<header>\n<h1>{text(name)}</h1>{BAR}</header>",
            f'<main><div id="stage"><div id="canvas"></div></div><p id="help">{HELP}</p>',
            '<aside id="panel" aria-label="Details" aria-live="polite" hidden></aside></main>',
            "<noscript>This page needs JavaScript to show the figure.</noscript>",
            *pictures,
            f'<script type="application/json" id="data">{data(levels, model, name)}</script>',
            f"<script>{script}</script>",
            "</body>\n</html>\n",
        ]
    )


def head(name: str, doc: str, background: str, script: str) -> str:
    """Title, looks, and a policy that lets nothing be fetched and nothing else be run."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )
    looks = (FOLDER / "page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="description" content="{text(doc)}">',
            f"<title>{text(name)}</title>",
            f"<style>:root {{ --paper: {background}; }}\n{looks}</style>\n</head>",
        ]
    )


def text(string: str) -> str:
    """Text for HTML, in elements and in quoted attributes."""
    return html.escape(clean(string))


def bare(document: str) -> str:
    """The SVG element without what may stand before it in a file."""
    while found := PROLOGUE.match(document):
        document = document[found.end() :]
    return document.strip()


def data(levels: Sequence[tuple[str, Scene]], model: Mapping[str, object], name: str) -> str:
    """What the script needs, as JSON that can end no element."""
    facts = {
        "model": {"name": name, "symbols": symbols(model), "facts": model.get("facts", {})},
        "levels": [level_data(title, scene) for title, scene in levels],
    }
    written = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # In JSON < stands only inside strings, where \u003c means the same.
    return written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def symbols(model: Mapping[str, object]) -> list[dict[str, object]]:
    """The sizes that can be tried, each with its first value and what it must satisfy."""
    given = model.get("symbols")
    found: list[dict[str, object]] = []
    for name, value in given.items() if isinstance(given, Mapping) else ():
        parts = value if isinstance(value, Mapping) else {"value": value}
        first = parts.get("value", parts.get("example", 1))
        limits = {key: parts[key] for key in LIMITS if parts.get(key) is not None}
        found.append({"name": str(name), "value": first, **limits})
    return found


def level_data(name: str, scene: Scene) -> dict[str, object]:
    """Where the boxes and curves of a level are, and what is to be said about them."""
    return {
        "name": name,
        "width": scene.width,
        "height": scene.height,
        "boxes": [box_data(box) for box in scene.boxes],
        "curves": [curve_data(curve) for curve in scene.curves],
    }


def box_data(box: Box) -> dict[str, object]:
    """A box; sizes of its outermost outline."""
    shape = outlines(box.shape)[0]
    return {
        "id": box.id,
        "title": clean(box.title),
        "text": " ".join(clean(line.string) for line in box.lines),
        "description": clean(box.description),
        "category": box.category,
        "x": rounded(shape.x),
        "y": rounded(shape.y),
        "width": rounded(shape.width),
        "height": rounded(shape.height),
        "radius": rounded(radius(shape)),
        "details": dict(box.details),
    }


def curve_data(curve: Curve) -> dict[str, object]:
    """A curve as an SVG path up to its tip."""
    first, *rest = curve.points
    path = f"M{pair(first)}C{' '.join(map(pair, rest))}"
    if curve.tip is not None:
        path += f"L{pair(curve.tip)}"
    return {"source": curve.source, "target": curve.target, "path": path}


def pair(point: tuple[float, float]) -> str:
    """A point of a path."""
    return f"{rounded(point[0])},{rounded(point[1])}"


def rounded(value: float) -> float:
    """A length with two decimals."""
    return round(value, 2)
