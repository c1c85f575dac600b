"""``import``: an ONNX model as YAML, with its weights beside it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from framework.cli.output import say, watched
from framework.cli.parsing import Parser, sizes_of

EXAMPLES = """\
examples:
  framework import model.onnx -o graphs/model.yaml
  framework import model.onnx -o model.yaml --dims batch=1    with a fixed size
  framework import model.onnx -o model.yaml --no-recognise    every node as it is in the file
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", help="an ONNX model")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the YAML file to write (default: beside the model)"
    )
    parser.add_argument(
        "--no-recognise",
        dest="recognise",
        action="store_false",
        help="leave layer norms, GELUs and attention written out as they are",
    )
    parser.add_argument(
        "--dims",
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="fix open sizes of the inputs, e.g. batch=1,sequence=128",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there")


def execute(options: Namespace) -> int:
    """Import, and say what was made of the model."""
    from framework.api.importing import import_onnx

    target = options.output
    if target is None:
        target = Path(options.file).with_suffix(".yaml")
    with watched("importing") as advance:
        report = import_onnx(
            options.file,
            target,
            recognise=options.recognise,
            force=options.force,
            dims=sizes_of(options.dims),
            progress=advance,
        )
    model = report.model
    say(f"{report.yaml}: {model.name}, {report.nodes:,} nodes, {model.parameters:,} parameters")
    if report.weights is not None:
        size = report.weights.stat().st_size / 1e6
        say(f"{report.weights}: {len(model.ir.parameters):,} weights, {size:,.1f} MB")
    for name, count in report.recognised:
        say(f"recognised: {count} × {name}")
    for kind, names in (("input", report.inputs), ("output", report.outputs)):
        for theirs, ours in names.items():
            if theirs != ours:
                say(f"{kind} '{theirs}' is called {ours}")
    return 0
