"""``lsp``: a language server on stdin and stdout, for editors."""

from __future__ import annotations

from argparse import Namespace

from framework.cli.parsing import Parser
from framework.errors import InputError

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
    try:
        from framework.tools.lsp.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        hint = "pip install pygls"
        raise InputError(f"the language server needs pygls\n  hint: {hint}") from None
    serve()
    return 0
