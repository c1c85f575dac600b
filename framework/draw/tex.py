"""Any text as TeX that pdflatex can set: what it has no glyph for becomes a near one or ``?``."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from framework.draw.metrics import clean

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
    "-": "{-}", ",": "{,}",  # two in a row would join to a dash or a quotation mark
}  # fmt: skip
TEXT = {
    "–": r"\textendash{}", "—": r"\textemdash{}", "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "„": r"\quotedblbase{}", "‚": r"\quotesinglbase{}", "«": r"\guillemotleft{}",
    "»": r"\guillemotright{}", "…": r"\ldots{}", "•": r"\textbullet{}", "°": r"\textdegree{}",
    "µ": r"\textmu{}", "€": r"\texteuro{}", "£": r"\textsterling{}", "§": r"\S{}",
    "¶": r"\P{}", "©": r"\textcopyright{}", "®": r"\textregistered{}", "™": r"\texttrademark{}",
    "½": r"\textonehalf{}", "¼": r"\textonequarter{}", "¾": r"\textthreequarters{}",
    "¡": r"\textexclamdown{}", "¿": r"\textquestiondown{}", "\u00a0": "~",
    "×": r"\texttimes{}", "÷": r"\textdiv{}", "±": r"\textpm{}", "¬": r"\textlnot{}",
    "·": r"\textperiodcentered{}",
}  # fmt: skip
MATH = {
    "∓": r"\mp", "−": "-",
    "⋅": r"\cdot", "∗": r"\ast", "∘": r"\circ", "⊕": r"\oplus", "⊖": r"\ominus",
    "⊗": r"\otimes", "⊙": r"\odot", "⊘": r"\oslash", "→": r"\rightarrow", "←": r"\leftarrow",
    "↑": r"\uparrow", "↓": r"\downarrow", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow",
    "⇐": r"\Leftarrow", "⇔": r"\Leftrightarrow", "↦": r"\mapsto", "√": r"\surd", "∑": r"\Sigma",
    "∏": r"\Pi", "∫": r"\smallint", "∂": r"\partial", "∇": r"\nabla", "∞": r"\infty",
    "≤": r"\leq", "≥": r"\geq", "≪": r"\ll", "≫": r"\gg", "≠": r"\neq", "≈": r"\approx",
    "≡": r"\equiv", "≅": r"\cong", "∼": r"\sim", "∝": r"\propto", "∈": r"\in", "∉": r"\notin",
    "⊂": r"\subset", "⊆": r"\subseteq", "⊃": r"\supset", "⊇": r"\supseteq", "∪": r"\cup",
    "∩": r"\cap", "∅": r"\emptyset", "∀": r"\forall", "∃": r"\exists",
    "∧": r"\wedge", "∨": r"\vee", "⊤": r"\top", "⊥": r"\perp", "‖": r"\|", "∣": r"\mid",
    "⋯": r"\cdots", "⋮": r"\vdots", "⌈": r"\lceil", "⌉": r"\rceil", "⌊": r"\lfloor",
    "⌋": r"\rfloor", "⟨": r"\langle", "⟩": r"\rangle", "′": r"\prime", "ℝ": r"\mathbb{R}",
    "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "ϵ": r"\epsilon", "ϕ": r"\phi", "ς": r"\varsigma", "λ": r"\lambda", "Λ": r"\Lambda",
    "✓": r"\checkmark",
}  # fmt: skip
LATIN_CAPITALS = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))
ACCENTED = {chr(code) for code in range(0xC0, 0x180)} - set("×÷ĦħĿŀŉŦŧſĸ")
SHIFTS = {"<super>": "textsuperscript", "<sub>": "textsubscript"}
HAN = ((0x3000, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xFF01, 0xFF60))
HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3))


def escape(text: str) -> str:
    r"""One line of text as TeX, in an encoding-safe form.

    >>> escape("50 % of Kᵀ → ∞")
    '50 \\% of K\\textsuperscript{T} $\\rightarrow$ $\\infty$'
    """
    parts = groupby(clean(text), key=family)
    return "".join(set_in(name, "".join(characters)) for name, characters in parts)


def has_cjk(text: str) -> bool:
    """Does the text need the package CJKutf8?"""
    return any(map(family, text))


def family(character: str) -> str:
    """The CJK font family that has a character, empty for others."""
    code = ord(character)
    if any(low <= code <= high for low, high in HANGUL):
        return "mj"
    return "gbsn" if any(low <= code <= high for low, high in HAN) else ""


def set_in(name: str, text: str) -> str:
    """A stretch of characters of one family."""
    if name:
        return rf"\begin{{CJK}}{{UTF8}}{{{name}}}{text}\end{{CJK}}"
    return "".join(map(letter, text))


def letter(character: str) -> str:
    """One character."""
    if character in SPECIAL or character in TEXT:
        return SPECIAL.get(character) or TEXT[character]
    if character.isascii() or character in ACCENTED:
        return character
    if character in MATH:
        return f"${MATH[character]}$"
    return greek(character) or shifted(character) or plain(character)


def greek(character: str) -> str | None:
    r"""A Greek letter as a formula: ``\alpha``; None for another character."""
    kind, _, name = unicodedata.name(character, "").partition(" LETTER ")
    if kind not in {"GREEK SMALL", "GREEK CAPITAL"} or " " in name:
        return None
    if character in LATIN_CAPITALS:
        return LATIN_CAPITALS[character]
    word = name.lower() if kind == "GREEK SMALL" else name.capitalize()
    return "o" if word == "omicron" else rf"$\{word}$"


def shifted(character: str) -> str | None:
    """A raised or lowered character such as ᵀ or ₂ by its base; None for another."""
    kind, _, codes = unicodedata.decomposition(character).partition(" ")
    if kind not in SHIFTS:
        return None
    return rf"\{SHIFTS[kind]}{{{''.join(letter(chr(int(code, 16))) for code in codes.split())}}}"


def plain(character: str) -> str:
    """The nearest characters without accents or ornament, ``?`` if there are none."""
    parts = unicodedata.normalize("NFKD", character)
    bare = [part for part in parts if not unicodedata.combining(part)]
    if bare and bare != [character]:
        return "".join(map(letter, bare))
    return "" if unicodedata.combining(character) else "?"
