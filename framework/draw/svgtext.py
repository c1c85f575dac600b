"""Text in SVG: live, with the families that a viewer may have, or as outlines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framework.draw.bidi import shaped
from framework.draw.markup import escaped, tag
from framework.draw.metrics import EMBOLDEN, Font, Run, clean, runs
from framework.draw.outlines import text_paths
from framework.draw.parts import rounded
from framework.draw.scene import Text

__all__ = ["Faces", "Writer", "live", "outlined"]

SPACES = re.compile("^ | $|  ")
Writer = Callable[[Text], str]


@dataclass(frozen=True)
class Faces:
    """The font families of live text.

    ``vendored`` where they are ours: there CJK has no bold face and is stroked, and Arabic is
    joined by us, since the renderer of PNG takes a line of Hebrew and Arabic for all Hebrew.
    """

    families: Mapping[Font, str]
    vendored: bool = False


def live(faces: Faces) -> Writer:
    """A writer of text that stays text, with a family for each run that needs another font."""

    def write(text: Text) -> str:
        string = shaped(clean(text.string)) if faces.vendored else clean(text.string)
        start = tag(
            "text",
            x=rounded(text.x),
            y=rounded(text.y),
            font_size=rounded(text.size),
            font_weight="bold" if text.bold else None,
            text_anchor=text.anchor if text.anchor != "start" else None,
            fill=text.colour,
            xml_space="preserve" if SPACES.search(string) else None,
        )
        return (
            start + "".join(span(run, text, faces) for run in runs(string, text.bold)) + "</text>"
        )

    return write


def span(run: Run, text: Text, faces: Faces) -> str:
    """A run of live text; the sans family is that of the whole figure."""
    if run.font == "sans":
        return escaped(run.string)
    heavy = text.bold and run.font == "cjk" and faces.vendored
    start = tag(
        "tspan",
        font_family=faces.families[run.font],
        stroke=text.colour if heavy else None,
        stroke_width=rounded(EMBOLDEN * text.size) if heavy else None,
    )
    return f"{start}{escaped(run.string)}</tspan>"


def outlined(text: Text) -> str:
    """A text as paths, which look the same wherever they are opened."""
    out = []
    for font, path in text_paths(text):
        heavy = text.bold and font == "cjk"
        out.append(
            tag(
                "path",
                d=path,
                fill=text.colour,
                stroke=text.colour if heavy else None,
                stroke_width=rounded(EMBOLDEN * text.size) if heavy else None,
                end="/",
            )
        )
    return "".join(out)
