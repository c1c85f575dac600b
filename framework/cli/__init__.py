"""The command line: ``framework COMMAND``, or ``python -m framework COMMAND``."""

from framework.cli.entry import main

__all__ = ["main"]
