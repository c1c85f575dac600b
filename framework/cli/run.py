"""``run``: a model on files or on random input, with the time of each stage."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from framework.api.load import load
from framework.api.model import Model
from framework.api.run import Run
from framework.cli.engine import add_engine, engine_of
from framework.cli.output import say, say_json, watched
from framework.cli.parsing import Parser, add_model, checked_sizes, natural, settings_of
from framework.cli.runbatches import HELP, add_batches, expanded, is_stream
from framework.cli.runbatches import execute as execute_batches
from framework.cli.runreport import as_dict, show_run
from framework.errors import InputError, RunError, did_you_mean
from framework.ir.op import Array
from framework.runtime.npz import write_npz

EXAMPLES = f"""\
examples:
  framework run vit                        on random input
  framework run efficientnet_lite0 --input photo.jpg
  framework run transformer --input source=words.npy target=words.npy source_keep=keep.npy
  framework run unet --dims B=2,H=320,W=480 --keep mask --output out.npz
  framework run my_model.yaml --weights trained.safetensors --set depth=6 --check-finite

A picture becomes a tensor as the model's `from:` says.  `--input a.jpg b.jpg` makes a batch.

{HELP}"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add_engine(parser)
    add = parser.add_argument
    add(
        "--input",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="a .npy or .npz file, or a picture; NAME= only where there are several inputs",
    )
    add("--weights", metavar="FILE", help="a .safetensors, .npz or .pth file")
    add("--seed", type=natural, default=0, metavar="N", help="of random weights and inputs")
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="write outputs and kept values to this .npz file; for many files see below",
    )
    add_batches(parser)
    add(
        "--keep",
        nargs="+",
        action="extend",
        default=[],
        metavar="NODE",
        help="also give the results of these nodes, e.g. encoder.0.softmax",
    )
    add("--check-finite", action="store_true", help="stop at the first NaN or infinity")
    add(
        "--top",
        type=natural,
        metavar="K",
        help="the K best classes of each item (default: 5 where the output has labels)",
    )
    add("--json", action="store_true", help="print JSON")  # fmt: skip


def execute(options: Namespace) -> int:
    """Run the model and print what came out."""
    stream = is_stream(options)
    if options.output is not None and not stream:
        check_output(Path(options.output))
    settings = settings_of(options.set)
    model = load(options.graph, weights=options.weights, seed=options.seed, **settings)
    model.set_engine(**engine_of(options))
    sizes = checked_sizes(model, options.dims)
    files = inputs_of(model, options.input)
    inputs = {name: found[0] if len(found) == 1 else found for name, found in files.items()}
    if inputs and sizes:
        hint = "leave --dims out: the inputs that you give have their own sizes"
        raise InputError(f"--dims: {', '.join(sizes)} is for random inputs\n  hint: {hint}")
    if stream:
        return execute_batches(model, options, files)
    with watched("weights") as advance:
        run = model.run(
            inputs,
            keep=options.keep,
            check_finite=options.check_finite,
            sizes=sizes,
            progress=advance,
        )
    if options.output is not None:
        write_npz(Path(options.output), results(run), RunError)
    if options.json:
        say_json(as_dict(model, run, options.top, options.output))
        return 0
    show_run(model, run, options.top)
    if options.output is not None:
        say(f"\nwritten: {options.output}")
    return 0


def check_output(path: Path) -> None:
    """Refuse a file that cannot be written, before the work is done."""
    if path.suffix != ".npz":
        raise InputError(f"--output: expected a name that ends in .npz, found '{path}'")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise InputError(f"--output: {path}: {what}")


def inputs_of(model: Model, texts: list[str]) -> dict[str, list[str]]:
    """``--input`` by name; a name that occurs again adds to the batch."""
    found: dict[str, list[str]] = {}
    for text in texts:
        for name, file in named(model, text):
            found.setdefault(name, []).extend(expanded(name, file))
    return found


def named(model: Model, text: str) -> list[tuple[str, str]]:
    """Which inputs a file is for."""
    names = list(model.inputs)
    name, equals, file = text.partition("=")
    if equals and name in names:
        return [(name, file)]
    if equals and not Path(text).exists():  # a file's own name may have a = in it
        raise unknown_input(name, names)
    if len(names) == 1 or text.endswith(".npz"):  # there each input finds the array of its name
        return [(name, text) for name in names]
    listed = ", ".join(names) if names else "none"
    raise InputError(f"--input: expected NAME=FILE, found '{text}'\n  hint: inputs: {listed}")


def unknown_input(name: str, names: list[str]) -> InputError:
    """The model has no such input."""
    hint = did_you_mean(name, names) or f"inputs: {', '.join(names)}"
    return InputError(f"--input: the model has no input '{name}'\n  hint: {hint}")


def results(run: Run) -> Mapping[str, Array]:
    """Outputs and kept values for a file; a node called like an output is told apart."""
    kept = {(f"node.{n}" if n in run.outputs else n): a for n, a in run.kept.items()}
    return {**run.outputs, **kept}
