"""File formats of figures: suffix -> painter; adding one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from framework.draw.scene import Scene
from framework.errors import InputError, did_you_mean

FORMATS = {
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".pptx": "pptx",
    ".tex": "tikz",
    ".mmd": "mermaid",
    ".dot": "dot",
    ".html": "html",
}
"""Suffix -> module of this package whose ``paint`` writes it."""


@dataclass(frozen=True)
class Painting:
    """What painters may know beyond the scene."""

    text: Literal["live", "outline"] = "live"
    build: bool = False
    levels: tuple[tuple[str, Scene], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts on the model for the interactive page."""


def check_suffix(suffix: str) -> None:
    """Raise `InputError` for a format that nobody paints."""
    if not suffix:
        raise InputError(
            f"a figure's file needs a suffix that says its format\n  hint: {' '.join(FORMATS)}"
        )
    if suffix.lower() not in FORMATS:
        hint = did_you_mean(suffix, FORMATS) or f"formats: {' '.join(FORMATS)}"
        raise InputError(f"figures are not written as '{suffix}'\n  hint: {hint}")


def paint(scene: Scene, suffix: str, painting: Painting) -> bytes:
    """The file's content in the format of its suffix."""
    check_suffix(suffix)
    module = import_module(f"framework.draw.{FORMATS[suffix.lower()]}")
    painter: Callable[..., str | bytes] = module.paint
    options: dict[str, dict[str, Any]] = {
        ".svg": {"text": painting.text},
        ".pptx": {"build": painting.build},
    }
    if suffix.lower() == ".html":
        levels = painting.levels if painting.levels else (("Figure", scene),)
        content = painter(levels, painting.facts)
    else:
        content = painter(scene, **options.get(suffix.lower(), {}))
    return content.encode("utf-8") if isinstance(content, str) else content
