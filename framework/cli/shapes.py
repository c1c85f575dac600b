"""``shapes``: every node with its operator, output shape, parameters and work."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace

from framework.api.load import load
from framework.cli.output import say, say_json, show_table
from framework.cli.parsing import Parser, add_model, checked_sizes, natural, settings_of
from framework.ir.types import TensorType
from framework.report.shapes import shape_table
from framework.report.tables import FORMS, Table, render

EXAMPLES = """\
examples:
  framework shapes vit                     symbolic; equal copies are one row
  framework shapes vit --dims B=8 --all    in numbers, every copy
  framework shapes unet --depth 0          one row for each outermost block
  framework shapes vit --format latex      also json, csv, markdown
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    parser.add_argument("--format", default="text", choices=tuple(FORMS), help="default: text")
    parser.add_argument(
        "--depth", type=natural, metavar="N",
        help="one row for everything more than N blocks deep",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="show equal copies one by one")


def execute(options: Namespace) -> int:
    """Print the table, and the shapes of the outputs below it."""
    model = load(options.graph, **settings_of(options.set))
    sizes = checked_sizes(model, options.dims)
    found = shape_table(model.ir, sizes, depth=options.depth, fold_copies=not options.all)
    outputs = {name: type_.at(sizes) for name, type_ in model.outputs.items()}
    full = options.format in ("json", "csv")
    show(found.table() if full else found.for_reading(), outputs, options.format)
    return 0


def show(table: Table, outputs: dict[str, TensorType], form: str) -> None:
    """The table in the format wanted."""
    lines = [f"output {name}: {type_}" for name, type_ in outputs.items()]
    if form == "json":
        listed = {name: as_dict(type_) for name, type_ in outputs.items()}
        say_json({**json.loads(render(table, form)), "outputs": listed})
    elif form == "text":
        show_table(replace(table, notes=(*lines, *table.notes)))
    else:
        say(render(replace(table, notes=(*lines, *table.notes)), form))


def as_dict(type_: TensorType) -> dict[str, object]:
    """A type for programs; formulas are texts."""
    shape = [size if isinstance(size, int) else str(size) for size in type_.shape]
    return {"shape": shape, "dtype": type_.dtype}
