"""Draw every bundled model in every format, side by side in one folder.

    python examples/draw_all.py figures            all models, all formats, all styles
    python examples/draw_all.py figures vit unet   only these

Without arguments one small model goes to a temporary folder.
"""

import sys
import tempfile
from pathlib import Path

import framework as fw
from framework.draw.formats import FORMATS
from framework.draw.style import style_names


def draw(folder: Path, names: list[str]) -> None:
    """One figure for each model and style, in all formats."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        model = fw.load(name)
        for style in style_names():
            stem = name if style == "default" else f"{name}_{style}"
            figure = model.draw(*(folder / f"{stem}{suffix}" for suffix in FORMATS), style=style)
            print(f"{stem}: {', '.join(FORMATS)} ({figure.choice})")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]), sys.argv[2:] if len(sys.argv) > 2 else list(fw.bundled()))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            draw(Path(temporary), ["gat"])
