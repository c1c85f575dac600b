"""``diff``: what changed between two models, in nodes and numbers instead of lines."""

from __future__ import annotations

from argparse import Namespace

from framework.api.load import load
from framework.cli.output import say, say_json
from framework.cli.parsing import Parser, settings_of
from framework.tools.diff import compare

EXAMPLES = """\
examples:
  framework diff old.yaml new.yaml
  framework diff vit vit --set-b depth=6       one model at two settings
  framework diff old.yaml new.yaml --json      as data
  framework diff old.yaml new.yaml --exit-code   exits with 1 if they differ, for scripts
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help="a YAML file or a bundled model")
        parser.add_argument(
            f"--set-{name}", action="append", default=[], metavar="ARG=VALUE",
            help=f"change arguments of {name.upper()}",
        )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if they differ")


def execute(options: Namespace) -> int:
    """Print the difference."""
    before = load(options.a, **settings_of(options.set_a))
    after = load(options.b, **settings_of(options.set_b))
    found = compare(before.ir, after.ir)
    if options.json:
        say_json(found.as_dict())
    else:
        say(str(found))
    return int(options.exit_code and not found.same)
