"""``fmt``: model files in their canonical form, with every comment kept."""

from __future__ import annotations

import difflib
import sys
from argparse import Namespace
from pathlib import Path
from typing import BinaryIO

from framework.cli.output import say, show_error
from framework.cli.parsing import Parser
from framework.errors import FrameworkError, Source
from framework.runtime.files import write_atomically
from framework.source import load_source
from framework.tools.fmt import formatted

EXAMPLES = """\
examples:
  framework fmt my.yaml                    rewrites the file if that changes anything
  framework fmt *.yaml --check             only says which files would change
  framework fmt my.yaml --diff             only shows what would change
  framework fmt - < my.yaml                the formatted text on stdout, for editors

exit code: 0; with --check or --diff 1 if a file would change; 2 for a file that is no YAML
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML files, or - for stdin")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, list what would change"
    )
    parser.add_argument("--diff", action="store_true", help="write nothing, show what would change")


def execute(options: Namespace) -> int:
    """Format each file; one with mistakes does not keep the others from it."""
    return max(attempt(file, options) for file in options.files)


def attempt(file: str, options: Namespace) -> int:
    """Format one file; a mistake in it is printed and leaves it as it is."""
    try:
        return one(file, options)
    except FrameworkError as error:
        show_error(error)
        return error.exit_code


def one(file: str, options: Namespace) -> int:
    """Format one file, or say what would change."""
    source = Source("stdin", sys.stdin.read()) if file == "-" else load_source(file)
    text = formatted(source)
    changed = text != source.text
    if options.diff:
        print(difference(file, source.text, text), end="")
    elif options.check and changed:
        say(f"{file}: would change")
    if options.check or options.diff:
        return int(changed)
    if file == "-":
        print(text, end="")
    elif changed:
        data = text.encode("utf-8")

        def fill(out: BinaryIO) -> None:
            out.write(data)

        write_atomically(Path(file).resolve(), fill)  # a link stays a link
        say(f"{file}: formatted")
    return 0


def difference(file: str, before: str, after: str) -> str:
    """What changes, as a unified diff."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, file, f"{file} (formatted)"))
