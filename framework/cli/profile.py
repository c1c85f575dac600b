"""``profile``: the time of each operator and node, against what its products alone would take."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework.api.load import load
from framework.cli.bench import millis
from framework.cli.engine import add_engine, engine_of
from framework.cli.output import say, say_json, show_table, watched
from framework.cli.parsing import Parser, add_model, checked_sizes, natural, settings_of
from framework.errors import InputError
from framework.report.tables import Cell, Column, Table

if TYPE_CHECKING:
    from framework.tools.profile import Line, Profile

MOST_NODES = 20
EXAMPLES = """\
examples:
  framework profile resnet18
  framework profile vit --dims B=8 --threads 2 --nodes 50
  framework profile vit --trace vit.json    open it in https://ui.perfetto.dev
  framework profile unet --json             every node, as data

columns:
  MACs        multiply-accumulates of products
  GFLOP/s     two operations for each of them, over the time
  Of limit    the time that NumPy takes for the matrix products alone, measured here in turns
              with the runs, as a share of the time (above 100 %: less was computed, or in a
              faster way)
  Bytes       inputs, weights and results, each once
Times are medians.  Nodes are those of the optimized graph; --no-optimize shows the model's own.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add_engine(parser)
    add = parser.add_argument
    add("--runs", type=natural, metavar="N", help="default: 3 to 20, as time allows")
    add(
        "--nodes",
        type=natural,
        default=MOST_NODES,
        metavar="N",
        help=f"show so many nodes, the slowest (default: {MOST_NODES})",
    )
    add("--weights", metavar="FILE", help="a .safetensors, .npz or .pth file")
    add("--trace", metavar="FILE", help="write the run as Chrome trace events (JSON)")
    add("--json", action="store_true", help="print JSON")


def execute(options: Namespace) -> int:
    """Measure, print, and write the trace."""
    from framework.tools.profile import profile, trace_events

    if options.runs == 0:
        raise InputError("--runs: at least 1 is needed")
    if options.trace is not None:
        check_trace(Path(options.trace))
    model = load(options.graph, weights=options.weights, **settings_of(options.set))
    model.set_engine(**engine_of(options))
    sizes = checked_sizes(model, options.dims)
    with watched("warming up") as advance:
        found = profile(model, sizes, options.runs, advance)
    if options.trace is not None:
        text = json.dumps(trace_events(found, model.ir), ensure_ascii=False)
        Path(options.trace).write_text(text, "utf-8")
    if options.json:
        say_json(found.as_dict())
        return 0
    show_table(operator_table(found))
    if options.nodes:
        say()
        show_table(node_table(found, options.nodes))
    if options.trace is not None:
        say(f"\nwritten: {options.trace}")
    return 0


def check_trace(path: Path) -> None:
    """Refuse a file that cannot be written, before the work is done."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise InputError(f"--trace: {path}: {what}")


def operator_table(found: Profile) -> Table:
    """Sums by operator, and of all."""
    sizes = ", ".join(f"{name} = {size}" for name, size in found.sizes.items())
    place = f" at {sizes}" if sizes else ""
    threads = f"{found.threads} thread{'' if found.threads == 1 else 's'}"
    rows = tuple((line.name, line.calls, *cells(line, found)) for line in found.operators)
    notes = (
        f"the products alone, in NumPy: {millis(found.total.limit)}",
        f"NumPy's product at its best, of square matrices: {2 * found.rate / 1e9:,.1f} GFLOP/s",
        f"between the nodes: {millis(found.between)}",
    )
    runs = f"median of {found.runs} runs" if found.runs > 1 else "one run"
    return Table(
        f"{found.model}{place}, {threads}, {runs}",
        (Column("Operator", "operator"), Column("Calls", "calls", True), *columns()),
        rows,
        ("all", found.total.calls, *cells(found.total, found)),
        notes,
    )


def node_table(found: Profile, most: int) -> Table:
    """The slowest nodes."""
    slowest = sorted(found.nodes, key=lambda line: -line.seconds)[:most]
    rows = tuple(
        (line.name, line.operator, line.algorithm, *cells(line, found)) for line in slowest
    )
    heads = (
        Column("Node", "node"),
        Column("Operator", "operator"),
        Column("Algorithm", "algorithm"),
    )
    hidden = len(found.nodes) - len(slowest)
    notes = (f"and {hidden:,} more nodes: --nodes {len(found.nodes)}",) if hidden > 0 else ()
    return Table("the slowest nodes", (*heads, *columns()), rows, None, notes)


def columns() -> Sequence[Column]:
    """What is told of operators and nodes alike."""
    return (
        Column("Time", "ms", True),
        Column("Share", "share", True),
        Column("MACs", "macs", True),
        Column("GFLOP/s", "gflops", True),
        Column("Of limit", "limit", True),
        Column("Bytes", "bytes", True),
    )


def cells(line: Line, found: Profile) -> tuple[Cell, ...]:
    """The cells of these columns."""
    limit, flops = line.limit_share, line.flops
    return (
        millis(line.seconds),
        f"{100 * line.seconds / found.seconds:.1f} %",
        line.macs or None,
        None if flops is None else f"{flops / 1e9:,.1f}",
        None if limit is None else f"{100 * limit:.0f} %",
        line.bytes,
    )
