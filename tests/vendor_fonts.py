"""How the fonts in framework/draw/fonts were made, and the table of their widths.

    python tests/vendor_fonts.py FOLDER

FOLDER holds LiberationSans-{Regular,Bold}.ttf, DejaVuSans{,-Bold}.ttf and
DroidSansFallbackFull.ttf.  Needs fontTools, no network; the same files give the same bytes.
"""

import json
import shutil
import sys
from itertools import groupby, pairwise
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent.parent / "framework/draw/fonts"
SYMBOLS = """
    0300-036f 0370-052f 0590-077f 1d00-1dbf 2010-209f 20a0-20ff 2100-23ff 2460-27ff 2900-2aff
    2b00-2bff 2c60-2c7f fb1d-fdff fe70-feff fffd 1d400-1d7ff
"""
# Two bytes in these encodings are one character: Simplified Chinese, Japanese, and the common
# half of Traditional Chinese (its rows A4 to C6).
ENCODINGS = [("gb2312", 0xA1, 0xFF), ("euc_jp", 0xA1, 0xFF)]
ENCODINGS += [("big5", 0xA4, 0xC7)]
ARROWS = "2190-21ff"  # those of Liberation Sans are small and stand low
CJK = "3000-30ff fe30-fe4f ff00-ffef"
MISSING = -1


def ranges(text):
    """The code points of ranges such as 20-7e."""
    ends = [part.split("-") for part in text.split()]
    return {code for pair in ends for code in range(int(pair[0], 16), int(pair[-1], 16) + 1)}


def characters(encoding, first, last):
    """The code points that two bytes of an encoding stand for."""
    pairs = (bytes([a, b]) for a in range(first, last) for b in range(0x40, 0xFF))
    texts = (pair.decode(encoding, "ignore") for pair in pairs)
    return {ord(text) for text in texts if len(text) == 1 and ord(text) > 0x7F}


def cut(source, target, codes, name, style, origin):
    """A font with only these characters, without hints, under a name of its own."""
    options = subset.Options(hinting=False, notdef_outline=True, recalc_timestamp=False)
    options.layout_features = ["ccmp", "isol", "init", "medi", "fina", "rlig", "mark", "mkmk"]
    options.drop_tables += ["FFTM", "kern", "MATH", "gasp", "vhea", "vmtx"]
    options.name_IDs, options.name_languages, options.glyph_names = [0, 13, 14], [0x409], False
    font = subset.load_font(source, options)
    worker = subset.Subsetter(options)
    worker.populate(unicodes=codes)
    worker.subset(font)
    full = f"{name} {style}"
    names = {1: name, 2: style, 3: full, 4: full, 5: "Version 1", 6: full.replace(" ", "-")}
    names[10] = f"Subset of {origin}, renamed"
    for number, text in names.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    subset.save_font(font, target, options)


def table(path):
    """Steps of the width over the code points, the pairs that are kerned, the line's height."""
    font = TTFont(path)
    glyphs, advances, head = font.getBestCmap(), font["hmtx"], font["hhea"]
    widths = {code: advances[glyph][0] for code, glyph in glyphs.items()}
    ends = {code + 1: MISSING for code in widths if code + 1 not in widths}
    steps = [next(g) for _, g in groupby(sorted((widths | ends).items()), key=lambda s: s[1])]
    starts = [code for code, _ in steps]
    return {
        "unit": font["head"].unitsPerEm,
        "ascent": head.ascent, "descent": -head.descent, "gap": head.lineGap,
        "missing": advances[".notdef"][0],
        "steps": [b - a for a, b in pairwise([0, *starts])],
        "widths": [width for _, width in steps],
        "kerning": kerning(font),
    }  # fmt: skip


def kerning(font):
    """Pairs of characters that move together, and by how much."""
    if "kern" not in font:
        return {}
    characters = {}
    for code, glyph in font.getBestCmap().items():
        characters.setdefault(glyph, []).append(chr(code))
    pairs = font["kern"].kernTables[0].kernTable.items()
    found = {
        a + b: value
        for (left, right), value in pairs
        for a in characters.get(left, ())
        for b in characters.get(right, ())
    }
    return dict(sorted(found.items()))


def tables():
    """The text of widths.json, made from the fonts that are there."""
    found = {path.stem: table(path) for path in sorted(FONTS.glob("*.ttf"))}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def main(folder):
    for weight in ("Regular", "Bold"):
        whole = folder / f"LiberationSans-{weight}.ttf"
        shutil.copyfile(whole, FONTS / whole.name)
        plain = TTFont(whole).getBestCmap()
        plain = set(plain) - ranges(ARROWS)
        source = folder / f"DejaVuSans{'-Bold' * (weight == 'Bold')}.ttf"
        target, codes = FONTS / f"DiagramSymbols-{weight}.ttf", ranges(SYMBOLS) - plain
        cut(source, target, codes, "Diagram Symbols", weight, "DejaVu Sans 2.37")
    codes = set.union(ranges(CJK), *(characters(*encoding) for encoding in ENCODINGS))
    codes = {code for code in codes if code > 0x2E7F}
    source, target = folder / "DroidSansFallbackFull.ttf", FONTS / "DiagramHan-Regular.ttf"
    cut(source, target, codes, "Diagram Han", "Regular", "Droid Sans Fallback 1.00c")
    (FONTS / "widths.json").write_text(tables(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
