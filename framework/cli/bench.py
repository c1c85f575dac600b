"""``bench``: how fast a model runs here, against other engines with the same weights."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from framework.api.load import load
from framework.cli.engine import add_engine, engine_of
from framework.cli.output import say, say_json, show_table, watched
from framework.cli.parsing import Parser, add_model, checked_sizes, natural, settings_of
from framework.errors import InputError
from framework.numerics.team import cores
from framework.report.tables import Column, Table, render

if TYPE_CHECKING:
    from framework.tools.bench import Bench, Engine, Spread

BUSY = 0.75
"""Programs for each core from which on a machine is too busy for measuring."""

EXAMPLES = """\
examples:
  framework bench vit --against onnxruntime,torch,reference
  framework bench vit --dims B=8 --against onnxruntime --threads 2
  framework bench resnet18 --against onnxruntime --format markdown      for a README
  framework bench unet --rounds 5 --json

engines:
  onnxruntime   our ONNX export, sizes fixed, all optimisations   pip install onnx onnxruntime
  torch         our PyTorch source, in inference mode             pip install torch
  reference     the plain definitions of the onnx package         pip install onnx

One process for each engine, each with --threads threads; they take turns, so that only one works
at a time.  A slow engine gets fewer rounds.  Ratio is our time divided by the other's in the same
round: below 1, this program is faster.  Memory is the peak of the process, loading included.
The exit code is 1 if outputs differ by more than 1 % of their largest element.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add_engine(parser)
    add = parser.add_argument
    add("--against", action="append", default=[], metavar="ENGINES", help="separated by commas")
    add("--rounds", type=natural, metavar="N", help="default: 5 to 30, as time allows")
    add("--weights", metavar="FILE", help="a .safetensors, .npz or .pth file")
    add("--seed", type=natural, default=0, metavar="N", help="of random weights and inputs")
    add("--format", default="text", choices=("text", "markdown", "csv"), help="default: text")
    add("--json", action="store_true", help="print JSON, with quartiles")


def execute(options: Namespace) -> int:
    """Measure, and print a table; 1 if engines do not compute the same."""
    from framework.tools.bench import Job, bench

    if options.rounds == 0:
        raise InputError("--rounds: at least 1 is needed")
    settings = settings_of(options.set)
    sizes = checked_sizes(load(options.graph, **settings), options.dims)
    threads = cores() if options.threads is None else options.threads
    further = {name: value for name, value in engine_of(options).items() if name != "threads"}
    job = Job(
        options.graph, settings, sizes, options.weights, options.seed, threads, further
    )  # fmt: skip
    names = [name.strip() for name in ",".join(options.against).split(",") if name.strip()]
    with watched("starting") as advance:
        found = bench(job, list(dict.fromkeys(names)), options.rounds, advance)
    if options.json:
        say_json(found.as_dict())
    elif options.format == "text":
        show_table(table(found))
    else:
        say(render(table(found), options.format))
    return 1 if found.differing else 0


def table(found: Bench) -> Table:
    """One row for each engine, those that are left out below."""
    sizes = ", ".join(f"{name} = {size}" for name, size in found.sizes.items())
    place = f" at {sizes}" if sizes else ""
    threads = f"{found.threads} thread{'' if found.threads == 1 else 's'}"
    ours = found.engines[0]
    notes = [f"{name} is left out: {why}" for name, why in found.left_out.items()]
    notes += [f"{name} gives other outputs" for name in found.differing]
    if found.busy is not None and found.busy > BUSY * cores():
        doubt = "the times are not to be trusted"
        notes.append(f"{found.busy:.1f} programs wanted the {cores()} cores before: {doubt}")
    return Table(
        f"{found.model}{place}, {threads}",
        (
            Column("Engine", "engine"),
            Column("Version", "version"),
            Column("Median", "median", True),
            Column("Quartiles", "quartiles", True),
            Column("Ratio", "ratio", True),
            Column("Memory", "memory", True),
            Column("Difference", "difference", True),
            Column("Rounds", "rounds", True),
        ),
        tuple(row(engine, ours) for engine in found.engines),
        None,
        tuple(notes),
    )


def row(engine: Engine, ours: Engine) -> tuple[str | int | None, ...]:
    """The cells of one engine."""
    spread = engine.spread
    other = engine is not ours
    memory = None if engine.peak_bytes is None else f"{engine.peak_bytes / 1e6:,.0f} MB"
    return (
        engine.name,
        engine.version,
        millis(spread.median),
        f"{number(1000 * spread.low)}–{number(1000 * spread.high)}",
        ratio_text(engine.ratio(ours)) if other else None,
        memory,
        f"{engine.difference:.0e}" if other and engine.difference is not None else None,
        len(engine.turns),
    )


def ratio_text(ratio: Spread) -> str:
    """``0.92 (0.90–0.95)``."""
    return f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"


def millis(seconds: float) -> str:
    """``12.3 ms``."""
    return f"{number(1000 * seconds)} ms"


def number(value: float) -> str:
    """Three digits that count.

    >>> number(0.01234), number(12.34), number(1234.5)
    ('0.0123', '12.3', '1,234')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
