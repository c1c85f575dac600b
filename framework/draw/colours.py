"""Colours written ``#RRGGBB``, and how well one is seen on another.

Source of the contrast: WCAG 2.2, "relative luminance" and "contrast ratio"; 1 is none, 21 is
black on white.
"""

from __future__ import annotations

import re

HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
LUMINANCE = (0.2126, 0.7152, 0.0722)


def colour(text: str) -> str | None:
    """The colour in six capital digits; None for text that is no colour.

    >>> colour("#fa0"), colour("orange")
    ('#FFAA00', None)
    """
    if not HEX.fullmatch(text):
        return None
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    return f"#{digits.upper()}"


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of ``#RRGGBB``, each 0 to 255."""
    value = int(colour[1:], 16)
    return value >> 16, value >> 8 & 255, value & 255


def luminance(colour: str) -> float:
    """Light that a colour sends, 0 for black to 1 for white."""
    return sum(
        weight * linear(c / 255) for weight, c in zip(LUMINANCE, channels(colour), strict=True)
    )


def linear(channel: float) -> float:
    """The light of one sRGB channel, both 0 to 1."""
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21, in either order.

    >>> contrast("#000000", "#FFFFFF")
    21.0
    """
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def is_dark(colour: str) -> bool:
    """Is white text on this colour easier to read than black?"""
    return contrast(colour, "#FFFFFF") > contrast(colour, "#000000")
