"""``plan``: what the passes make of a model, and the calls, memory and algorithms of a run."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from framework.api.load import load
from framework.cli.engine import add_engine, engine_of
from framework.cli.output import say, say_json, show_table
from framework.cli.parsing import Parser, add_model, checked_sizes, settings_of
from framework.report.tables import Column, Table

if TYPE_CHECKING:
    from framework.passes.pipeline import Step
    from framework.runtime.plan import Call, Plan

EXAMPLES = """\
examples:
  framework plan vit                       passes, calls, algorithms, buffers, peak memory
  framework plan resnet18 --dims B=8
  framework plan unet --no-optimize        the plain path

framework draw vit --after fuse -o fused.svg draws what a pass made of the model.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add_engine(parser)
    parser.add_argument("--json", action="store_true", help="as data")


def execute(options: Namespace) -> int:
    """Plan the model at the example sizes, or at those given."""
    from framework.passes.pipeline import steps

    model = load(options.graph, **settings_of(options.set))
    model.set_engine(**engine_of(options))
    sizes = {**model.ir.examples, **checked_sizes(model, options.dims)}
    plan = model.session.plan(sizes)
    passes = [] if options.no_optimize else list(steps(model.ir))
    if options.json:
        say_json(as_data(plan, passes, sizes))
        return 0
    if passes:
        show_table(pass_table(passes))
        say()
    show_table(call_table(plan))
    say()
    for line in summary(plan, sizes):
        say(line)
    return 0


def pass_table(passes: list[Step]) -> Table:
    """Nodes before and after each pass."""
    rows = tuple((step.name, step.before, step.after, step.doc) for step in passes)
    columns = (
        Column("Pass", "pass"),
        Column("Nodes before", "before", True),
        Column("after", "after", True),
        Column("", "doc"),
    )
    return Table("passes", columns, rows)


def call_table(plan: Plan) -> Table:
    """One row for each call."""
    columns = (
        Column("Node", "node"),
        Column("Operator", "operator"),
        Column("Algorithm", "algorithm"),
        Column("Result", "result"),
        Column("Place", "place"),
    )
    return Table("calls", columns, tuple(map(row, plan.calls)))


def row(call: Call) -> tuple[str, str, str, str, str]:
    """What a call computes, how, and where its results lie."""
    results = ", ".join(str(type_) for type_ in call.types)
    return call.node.name, call.node.op.name, call.algorithm, results, place(call)


def place(call: Call) -> str:
    """Offset in the arena; ``given out`` for results of the run; ``view``; or an own array."""
    if call.fresh:
        return "given out"
    if call.kernel is None:
        return "view" if call.node.op.views else "own"
    return ", ".join(f"{spot.offset:,}" for spot in call.spots if spot is not None)


def summary(plan: Plan, sizes: dict[str, int]) -> list[str]:
    """Sizes, calls and memory."""
    shown = ", ".join(f"{name} = {size}" for name, size in sizes.items()) or "no symbols"
    weights = sum(1 for _ in plan.weights)
    return [
        f"sizes: {shown}",
        f"calls: {len(plan.calls)} a run, {len(plan.prologue)} once; "
        f"{weights} weights, {len(plan.laid)} laid out once "
        f"(about {sum(plan.made.values()) / 1e6:,.2f} MB with what else is made once)",
        f"memory: {plan.peak_bytes / 1e6:,.2f} MB at the peak "
        f"(arena {plan.arena_bytes / 1e6:,.2f} MB); "
        f"no order of these calls could do with less than {plan.least_bytes / 1e6:,.2f} MB",
    ]


def as_data(plan: Plan, passes: list[Step], sizes: dict[str, int]) -> dict[str, Any]:
    """The plan for ``--json``."""
    names = ("node", "operator", "algorithm", "result", "place")
    return {
        "sizes": sizes,
        "passes": [{"pass": s.name, "before": s.before, "after": s.after} for s in passes],
        "calls": [dict(zip(names, row(call), strict=True)) for call in plan.calls],
        "once": [call.node.name for call in plan.prologue],
        "peak_bytes": plan.peak_bytes,
        "arena_bytes": plan.arena_bytes,
        "least_bytes": plan.least_bytes,
        "constant_bytes": sum(plan.made.values()),
    }
