"""``lsp``: a language server on stdin and stdout, for editors."""

from __future__ import annotations

from argparse import Namespace

from framework.cli.parsing import Parser
from framework.errors import require

EXAMPLES = """\
example:
  framework lsp                            an editor starts this and speaks with it

Neovim: vim.lsp.start({name = 'framework', cmd = {'framework', 'lsp'}})
Without pygls: pip install pygls
"""


def configure(parser: Parser) -> None:
    """The command has no options; editors give --stdio to every server."""
    parser.add_argument("--stdio", action="store_true", help="what it does anyway")


def execute(options: Namespace) -> int:
    """Serve until the editor ends it."""
    require("pygls", "the language server")
    from framework.tools.lsp.server import serve

    serve()
    return 0
