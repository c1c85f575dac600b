"""``explain``: how a node came to its shape, or what the code of a problem means."""

from __future__ import annotations

from argparse import Namespace

from framework.api.explain import explain
from framework.api.load import load
from framework.cli.output import say, say_json
from framework.cli.parsing import Parser, add_settings, checked_sizes, settings_of
from framework.report.lecture.node import as_dict
from framework.report.lecture.text import lecture_text

EXAMPLES = """\
examples:
  framework explain resnet18 stem.conv                 the formula of its shape, in symbols
  framework explain resnet18 stem.conv --dims H=224    and in numbers
  framework explain vit encoder.0.multi_head_attention --json
  framework explain unknown-attribute                  what a code of `check` means
  framework explain                                    all codes
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("what", metavar="GRAPH or CODE", nargs="?", help="a model, or a code")
    parser.add_argument("node", metavar="NODE", nargs="?", help="a node, or a part of its path")
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(options: Namespace) -> int:
    """Explain a node of a model."""
    model = load(options.what, **settings_of(options.set))
    sizes = checked_sizes(model, options.dims)
    found = explain(model, options.node, sizes)
    if options.json:
        say_json(as_dict(found))
    else:
        say(lecture_text(found))
    return 0
