"""``limits``: what files and models are held to."""

from __future__ import annotations

from argparse import Namespace

from framework.cli.output import say_json, show_table
from framework.cli.parsing import Parser
from framework.limits import LIMITS
from framework.report.tables import Column, Table

EXAMPLES = """\
examples:
  framework limits                         size, depth, length, nodes, pixels ...
  framework limits --json                  as data
"""
COLUMNS = (
    Column("of", "group"),
    Column("what", "what"),
    Column("at most", "most", numeric=True),
    Column("unit", "unit"),
)
NOTE = "whatever exceeds a limit is refused with its place and the limit, before it costs anything"


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON: a list of limits")


def execute(options: Namespace) -> int:
    """Print the table of limits."""
    if options.json:
        say_json([limit._asdict() for limit in LIMITS])
    else:
        rows = tuple((x.group, x.what, x.most, x.unit) for x in LIMITS)
        show_table(Table("limits", COLUMNS, rows, notes=(NOTE,)))
    return 0
