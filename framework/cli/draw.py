"""``draw``: figures of a model, in the format of each file's suffix."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from framework.api.load import load
from framework.cli.output import say, watched
from framework.cli.parsing import Parser, add_model, checked_sizes, settings_of

EXAMPLES = """\
examples:
  framework draw graphs/vit.yaml -o vit.svg
  framework draw vit --panels -o vit.pptx -o vit.png     overview, block and attention side by side
  framework draw unet --style dark -o unet.pdf
  framework draw resnet18 --focus layer2 -o layer2.svg   the inside of one block
  framework draw lenet_vgg --level 2 --wrap 3 -o lenet.png
  framework draw vit --dims B=8 -o vit.html              numbers instead of symbols
  framework draw vit --after fuse -o fused.svg           what the engine runs
  framework draw vit --style my.yaml -o vit.tex          your own colours

formats: .svg .png .pdf .pptx .tex (TikZ) .mmd (Mermaid) .dot .html (interactive, offline)

What is left open is chosen so that the figure fits a 16:9 slide with text of at least 14 points;
the choice is printed on stderr.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add = parser.add_argument
    add("-o", "--output", action="append", metavar="FILE", help="write this file; may be repeated")
    add("--style", default="default", metavar="STYLE", help="default, dark, print, or a YAML file")
    add("--level", type=int, choices=(0, 1, 2), help="0 blocks, 1 layers, 2 operators")
    add(
        "--panels", nargs="?", const="", metavar="PATHS",
        help="show the inside of blocks beside the overview: a good choice, or these paths (a,b)",
    )  # fmt: skip
    add("--no-panels", action="store_true", help="the overview alone")
    add("--focus", metavar="NODE", help="draw the inside of one block or attention")
    add("--direction", choices=("TB", "LR", "auto"), default="auto", help="default: auto")
    add("--wrap", type=int, metavar="COLUMNS", help="break a long column into several")
    add("--concrete", action="store_true", help="numbers instead of symbols: the example sizes")
    add("--no-shapes", action="store_true", help="leave out the shapes")
    add("--no-legend", action="store_true", help="leave out the legend")
    add("--lean", action="store_true", default=None, help="leave out the facts of operators")
    add("--show", default="", metavar="WORDS", help="params,macs: further lines in every box")
    add("--after", metavar="PASS", help="what the engine makes of the model, e.g. fuse")
    add("--title", help="title of the figure")
    add("--text", choices=("live", "outline"), default="live", help="text of .svg: as paths")
    add("--build", action="store_true", help=".pptx: one slide for each step")
    add("--force", action="store_true", help="draw it even where nobody can read it")


def execute(options: Namespace) -> int:
    """Draw, write every file, and say what was chosen."""
    model = load(options.graph, **settings_of(options.set))
    model = model if options.after is None else model.after(options.after)
    sizes: dict[str, int] | bool = checked_sizes(model, options.dims)
    if not sizes:
        sizes = options.concrete
    files = options.output if options.output else [f"{model.name}.svg"]
    with watched("drawing"):
        figure = model.draw(
            *files, style=options.style, sizes=sizes, title=options.title, text=options.text,
            build=options.build, **wishes(options),
        )  # fmt: skip
    print(f"chosen: {figure.choice}", file=sys.stderr)
    if figure.remark is not None:
        print(f"warning: {figure.remark}", file=sys.stderr)
    for file in files:
        say(str(file))
    return 0


def wishes(options: Namespace) -> dict[str, Any]:
    """The options as keywords of `Model.draw`."""
    panels: Any = None
    if options.no_panels:
        panels = False
    elif options.panels is not None:
        panels = [path for path in options.panels.split(",") if path] or True
    return {
        "level": options.level,
        "panels": panels,
        "focus": options.focus,
        "direction": options.direction,
        "wrap": options.wrap,
        "shapes": not options.no_shapes,
        "legend": not options.no_legend,
        "lean": options.lean,
        "show": tuple(word for word in options.show.split(",") if word),
        "force": options.force,
    }
