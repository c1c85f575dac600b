"""``schema``: the JSON Schema of model files, for completion and hover in editors."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import BinaryIO

from framework.api.schema import NAME, schema_text
from framework.cli.output import say
from framework.cli.parsing import Parser
from framework.errors import InputError
from framework.runtime.files import placing, write_atomically

EXAMPLES = f"""\
examples:
  framework schema -o {NAME}    beside your models
  framework schema                          on stdout

Its name in the first line of a model turns on completion, hover and checks in
every editor with the YAML language server (VS Code: the extension "YAML"):
  # yaml-language-server: $schema={NAME}
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file")


def execute(options: Namespace) -> int:
    """Print the schema, or write it whole."""
    text = schema_text()
    if options.output is None:
        sys.stdout.write(text)
        return 0

    def fill(file: BinaryIO) -> None:
        file.write(text.encode())

    target = Path(options.output)
    with placing(target, InputError):
        write_atomically(target, fill)
    say(f"{target}: {len(text.encode()):,} bytes")
    return 0
