"""From words to a command, and from what it raises to an exit code.

0   done
1   the run failed, or a file could not be written
2   a mistake in a model, an input or an option
130 interrupted with Ctrl-C
141 whoever read the output stopped reading (as ``head`` does)

A command is a module of this package with ``EXAMPLES``, ``configure(parser)`` and
``execute(options)``; only the one that is asked for is imported, so that ``check`` starts fast.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from framework import __version__
from framework.cli.output import abandon_stdout, prepare_streams, show_error
from framework.cli.parsing import Parser, unknown_option
from framework.errors import FrameworkError, InputError, did_you_mean

COMMANDS = {
    "run": "run a model on files or on random input",
    "check": "list all mistakes of model files",
    "fmt": "model files in canonical form, comments kept",
    "diff": "what changed between two models: nodes, shapes, parameters",
    "lsp": "a language server for editors",
    "shapes": "sizes, parameters and work of every node",
    "draw": "a figure for a slide, a paper or the web",
    "plan": "what the engine makes of a model: passes, calls, memory",
    "ops": "the operators: list them, or explain one",
    "explain": "how a node came to its shape, or what a problem's code means",
    "limits": "the limits that files and models are held to",
    "schema": "the JSON Schema of model files, for editors",
    "export": "a model as ONNX, or as PyTorch source",
    "import": "an ONNX model as YAML, with its weights beside it",
    "pull": "fetch the real weights of a bundled model",
    "bench": "how fast a model runs, against other engines",
    "profile": "where the time of a run goes, node by node",
    "new": "start a model file from a bundled one",
    "conformance": "run ONNX's own test cases over the operators",
}
"""Name of each command, which is also its module, and its line in the help."""

EPILOG = """\
examples:
  framework check graphs/vit.yaml
  framework shapes vit --dims B=8
  framework run vit --input image=photo.jpg
  framework COMMAND --help

exit codes: 0 done, 1 the run failed, 2 a mistake in a model, an input or an option
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises for a user's mistake."""
    words = list(sys.argv[1:] if argv is None else argv)
    prepare_streams()
    try:
        code = dispatch(words)
        sys.stdout.flush()
    except SystemExit as done:  # argparse, after --help and --version
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        abandon_stdout()
        return 141
    except FrameworkError as error:
        show_error(error)
        return error.exit_code
    except OSError as error:
        abandon_stdout()
        show_error(FrameworkError(system_text(error)))
        return 1
    except MemoryError as error:
        show_error(
            FrameworkError(f"not enough memory: {error}\n  hint: smaller sizes, e.g. --dims")
        )
        return 1
    except Exception as error:  # the one outermost place: no traceback unless it is asked for
        return unexpected(error, "--debug" in words)
    return code


def dispatch(words: list[str]) -> int:
    """Parse the words and execute the command among them."""
    parser, commands = build_parser(words)
    options, rest = parser.parse_known_args(words)
    if rest:
        raise unknown_option(commands.get(options.command, parser), rest[0])
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    module = importlib.import_module(f"framework.cli.{options.command}")
    return int(module.execute(options))


def build_parser(words: list[str]) -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of the commands; only commands among the words get their options."""
    parser = Parser(
        prog="framework",
        description="Neural networks in YAML: symbolic shapes, NumPy execution.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"framework {__version__}")
    add_debug(parser, False)
    group = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands: dict[str, Parser] = {}
    for name, line in COMMANDS.items():
        commands[name] = group.add_parser(name, help=line, description=f"{line.capitalize()}.")
        add_debug(commands[name], argparse.SUPPRESS)
        if name in words:
            module = importlib.import_module(f"framework.cli.{name}")
            commands[name].epilog = module.EXAMPLES
            module.configure(commands[name])
    check_command(words)
    return parser, commands


def add_debug(parser: Parser, default: object) -> None:
    """``--debug`` may stand before and after the command."""
    text = "show the traceback of an unexpected error"
    parser.add_argument("--debug", action="store_true", default=default, help=text)


def check_command(words: list[str]) -> None:
    """Refuse a command that does not exist, and name the nearest."""
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        hint = did_you_mean(command, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
        raise InputError(f"there is no command '{command}'\n  hint: {hint}")


def system_text(error: OSError) -> str:
    """What the operating system says, in one line."""
    place = f"{error.filename}: " if error.filename else "cannot write the output: "
    return f"{place}the system says: {error.strerror or error}"


def unexpected(error: Exception, debug: bool) -> int:
    """A mistake of ours: one line, and the traceback where it is wanted."""
    if debug:
        import traceback

        traceback.print_exception(error)
        return 1
    what = f"{type(error).__name__}: {error}".split("\n")[0]
    hint = "please report it, with what the same command prints under --debug"
    show_error(FrameworkError(f"unexpected error, a bug in framework: {what}\n  hint: {hint}"))
    return 1
