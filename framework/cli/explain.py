"""``explain``: how a node came to its shape, or what the code of a problem means."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from framework.api.bundled import bundled
from framework.api.explain import explain
from framework.api.load import load
from framework.cli.output import say, say_json, show_table
from framework.cli.parsing import Parser, add_settings, checked_sizes, settings_of
from framework.errors import InputError
from framework.report.lecture.node import as_dict
from framework.report.lecture.text import lecture_text
from framework.report.tables import Column, Table
from framework.spec.codes import entries, find_entry

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
    """Explain a node of a model, a code, or list the codes."""
    if options.what is None:
        show_codes(options.json)
    elif options.node is None:
        show_code(options.what, options.json)
    else:
        show_node(options)
    return 0


def show_node(options: Namespace) -> None:
    """One node of a model."""
    model = load(options.what, **settings_of(options.set))
    found = explain(model, options.node, checked_sizes(model, options.dims))
    if options.json:
        say_json(as_dict(found))
    else:
        say(lecture_text(found))


def show_code(code: str, json: bool) -> None:
    """What one code means; a model alone lacks its node."""
    if code not in entries() and (code in bundled() or Path(code).suffix == ".yaml"):
        fact = f"framework explain: name a node of {code}"
        raise InputError(f"{fact}\n  hint: framework explain {code} NODE")
    entry = find_entry(code)
    if json:
        say_json(entry.as_dict())
    else:
        say(entry.text)


def show_codes(json: bool) -> None:
    """All codes, a line each."""
    if json:
        say_json([entry.as_dict() for entry in entries().values()])
        return
    rows = tuple((e.code, e.severity, e.means.partition(";")[0]) for e in entries().values())
    columns = Column("Code", "code"), Column("", "severity"), Column("Means", "means")
    show_table(Table(f"{len(rows)} codes", columns, rows))
